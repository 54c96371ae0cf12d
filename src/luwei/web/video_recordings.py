"""What lies recorded in a truck: its terminal is asked, says so within a minute, and plays it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.commands.recordings import Recording, time_of
from luwei.live.feed import now_ms
from luwei.registry import ownership
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.video import channels, letters, recordings
from luwei.video.hints import media_habits
from luwei.video.limits import Busy, QuotaExceeded
from luwei.video.playing import Wanted
from luwei.video.recordings import Asked
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import vehicle_row
from luwei.web.video import PURPOSE_MAX, Key, checked_purpose, desk_of, peer_of, ticket_view, within_reach

DAY_MS = 86_400_000
SPAN_MAX_MS = 31 * DAY_MS
WAIT_S = 20.0
"""A caller waits so long for the answer, then he asks for the list by its number."""
PAGE_MAX = 5_000

Instant = Annotated[int, msgspec.Meta(ge=946_684_800_000, le=4_102_444_800_000)]


class NewList(msgspec.Struct, forbid_unknown_fields=True):
    """Which recordings; zeros: any. ``alarm``: up to 16 hexadecimal digits, bits 0-31 of 0x0200, 32-63 of video."""

    from_at: Instant
    to_at: Instant
    channel: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    alarm: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{0,16}$")] = ""
    media_type: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    stream: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    storage: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""


@post("/api/video/vehicles/{vehicle_id:int}/recordings", tags=["video"], guards=[own_page])
async def ask_recordings(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    data: JSONBody[NewList],
) -> dict[str, Any]:
    """Ask a truck what it recorded between two instants; its answer, or after 20 s the number under which it will be
    found."""
    scope = door.allow("read", "video")
    desk = desk_of(services)
    row = await vehicle_row(services, scope, vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    purpose = checked_purpose(data.purpose, scope)
    if data.to_at <= data.from_at:
        raise Refused(400, "to_at", "must be after from_at")
    if data.to_at - data.from_at > SPAN_MAX_MS:
        raise Refused(400, "to_at", "must be within 31 days of from_at")
    try:
        await asyncio.to_thread(recordings.require_room, services.engine, row.id)
    except recordings.TooMany:
        raise Refused(429, "quota", "truck_lists", "the truck is asked for other lists; try again") from None
    values = letters.listing(
        data.channel, data.from_at, data.to_at, int(data.alarm or "0", 16), data.media_type, data.stream, data.storage
    )
    told = {"channel": data.channel, "recorded_from": data.from_at, "recorded_to": data.to_at, "purpose": purpose}
    await door.note("video.recordings", None, told, vehicle_id=row.id, scope=scope)
    phone = row.terminal.phone
    habits = await asyncio.to_thread(media_habits, services.engine, services.catalogue, phone)
    sending = await recordings.ask(
        desk.commanding, values, row.id, phone, door.actor(scope), purpose, habits.list_after_parameters
    )
    try:
        await desk.commanding.ended(sending, WAIT_S)
    finally:
        desk.commanding.forget(sending)
    scope = (await open_door(request, services)).allow("read", "video")  # it may have ended in these seconds
    await vehicle_row(services, scope, row.id)
    return await _view(services, scope, row.id, sending.batch, 0, PAGE_MAX)


@get("/api/video/vehicles/{vehicle_id:int}/recordings", tags=["video"])
async def list_recordings(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    number: Annotated[int, QueryParameter(name="list", ge=0, le=2**31 - 1)] = 0,
    offset: Annotated[int, QueryParameter(ge=0, le=65_535)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> dict[str, Any]:
    """A list that was asked for, by its number, or the newest of the truck."""
    scope = door.allow("read", "video")
    row = await vehicle_row(services, scope, vehicle_id)
    view = await _view(services, scope, row.id, number, offset, limit)
    await door.looked("video.recordings", row.id, detail={"list": view["list"]}, scope=scope)
    return view


async def _view(
    services: Services, scope: Scope, vehicle_id: int, number: int, offset: int, limit: int
) -> dict[str, Any]:
    found = await asyncio.to_thread(recordings.asked, services.engine, vehicle_id, number)
    if found is None:
        if number:
            raise NotFound("list", "there is no such list", number)
        return {
            "list": None,
            "vehicle_id": vehicle_id,
            "state": None,
            "reason": "",
            "total": 0,
            "withheld": 0,
            "items": [],
        }
    items = await asyncio.to_thread(_held, services, scope, found)
    page = items[offset : offset + limit]
    more = offset + len(page) < len(items)
    return _head(found) | {
        "total": len(items),
        "withheld": len(found.items) - len(items),
        "next": offset + len(page) if more else None,
        "items": [_item(each) for each in page],
    }


def _held(services: Services, scope: Scope, found: Asked) -> list[Recording]:
    """Without what was recorded while the truck was somebody else's; a piece whose time is not known counts as of the
    whole span that was asked for."""
    first, last = time_of(found.values["start_time"]), time_of(found.values["end_time"])
    pieces = [(each.start_at or first or 0, each.end_at or last or 0) for each in found.items]
    if not pieces or scope.whole:
        return found.items
    low, high = min(min(each) for each in pieces), max(max(each) for each in pieces)
    spans = ownership.spans(services.engine, scope, found.vehicle_id, low, high + 1)
    return [
        each
        for each, piece in zip(found.items, pieces, strict=True)
        if ownership.covers_all(spans, min(piece), max(*piece, min(piece) + 1))
    ]


async def require_held(services: Services, scope: Scope, vehicle_id: int, first: int, last: int) -> None:
    """What is recorded in a terminal belongs to whoever had the truck then. Raises Refused (403)."""
    spans = await asyncio.to_thread(ownership.spans, services.engine, scope, vehicle_id, first, last)
    if not ownership.covers_all(spans, first, last):
        raise Refused(403, "from_at", "not_held", "the truck did not lie within your reach for all of that time")


def _head(found: Asked) -> dict[str, Any]:
    values = found.values
    return {
        "as_of": now_ms(),
        "list": found.id,
        "vehicle_id": found.vehicle_id,
        "state": found.state,
        "reason": found.reason,
        "asked_at": found.asked_at,
        "ended_at": found.ended_at,
        "channel": values["channel"],
        "from_at": time_of(values["start_time"]),
        "to_at": time_of(values["end_time"]),
    }


def _item(each: Recording) -> dict[str, Any]:
    zh, en = channels.names(each.channel)
    return {
        "channel": each.channel,
        "channel_zh": zh,
        "channel_en": en,
        "start_at": each.start_at,
        "end_at": each.end_at,
        "alarm": f"{each.alarm:016x}",
        "media_type": each.media_type,
        "stream": each.stream,
        "storage": each.storage,
        "bytes": each.octets,
    }


class NewPlayback(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be played; ``stream`` and ``storage`` as the list says them, 0: whatever there is."""

    vehicle_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    channel: Annotated[int, msgspec.Meta(ge=1, le=64)]
    from_at: Instant
    to_at: Instant
    stream: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    storage: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    speed: Literal[1, 2, 4, 8, 16] = 1
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""


@post("/api/video/playbacks", tags=["video"], guards=[own_page])
async def open_playback(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewPlayback]
) -> dict[str, Any]:
    """A ticket for the playback of a channel; only who has it sees and steers it."""
    scope = door.allow("read", "video")
    desk = desk_of(services)
    row = await within_reach(services, scope, data.vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    purpose = checked_purpose(data.purpose, scope)
    first, last = data.from_at // 1000 * 1000, -(-data.to_at // 1000) * 1000
    if last <= first:
        raise Refused(400, "to_at", "must be after from_at")
    if last - first > DAY_MS:
        raise Refused(400, "to_at", "must be within a day of from_at")
    await require_held(services, scope, row.id, first, last)
    if not desk.nodes.alive():
        raise Refused(503, "media", "no_node", "no media server is there now; try again")
    peer = await peer_of(services, row.id)
    wanted = Wanted(data.channel, first, last, data.stream, data.storage, data.speed)
    try:
        ticket = await desk.playbacks.play(
            row.id, row.terminal.phone, wanted, purpose, door.actor(scope), door.user_id, peer
        )
    except QuotaExceeded as exceeded:
        told = {"channel": data.channel, "quota": str(exceeded)}
        await door.note("video.refuse", None, told, vehicle_id=row.id, scope=scope)
        raise Refused(429, "quota", str(exceeded), "the limit for video is reached") from None
    except Busy as busy:
        raise Refused(409, "channel", "busy", str(busy)) from None
    return ticket_view(door, ticket, row, purpose) | {"from_at": first, "to_at": last}


route_handlers: list[ControllerRouterHandler] = [ask_recordings, list_recordings, open_playback]
