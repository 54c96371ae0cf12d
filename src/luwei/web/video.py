"""Live video: who may look asks for a ticket here and takes it to the socket (``web.video_socket``)."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.access.seniority import Begun
from luwei.evidence.watermark import viewing_copy
from luwei.live.feed import now_ms
from luwei.media.orders import LIVE, MAIN
from luwei.registry import vehicle_list
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.registry.vehicle_list import VehicleView
from luwei.video import channels, limits, traffic
from luwei.video.desk import VideoDesk
from luwei.video.limits import QuotaExceeded
from luwei.video.playing import Playing
from luwei.video.tickets import Ticket
from luwei.video.upstream import Upstream
from luwei.web.begun import of_record, require_endable
from luwei.web.china_time import written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import VehicleRow, vehicle_row
from luwei.web.video_socket import video_socket

PURPOSE_MIN, PURPOSE_MAX = 2, 100
PEER_S = 0.3
CHANNELS_S = 1.5
"""For a terminal that is asked for its channels; later answers are found by the next look."""
SESSION_LOOK_BACK_MS = 7 * 86_400_000
Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Name = Annotated[str, PathParameter(min_length=1, max_length=60)]


class NewPicture(msgspec.Struct, forbid_unknown_fields=True):
    """One tile. ``purpose`` may stay empty where a grant on a reason opens the picture: its reason then counts."""

    vehicle_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    channel: Annotated[int, msgspec.Meta(ge=1, le=64)]
    stream: Literal["main", "sub"] = "sub"
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""


def desk_of(services: Services) -> VideoDesk:
    """The desk. Raises Refused (503) where there is none."""
    if services.video is None:
        raise Refused(503, "media", "no_node", "live pictures are not served here")
    return services.video


def checked_purpose(said: str, scope: Scope) -> str:
    """Why somebody looks: said, or the grant's reason. Raises Refused."""
    why = said.strip()
    if not why and scope.reason:
        return scope.reason[:PURPOSE_MAX]
    if not PURPOSE_MIN <= len(why) <= PURPOSE_MAX or not why.isprintable():
        raise Refused(400, "purpose", f"must say why, in {PURPOSE_MIN} to {PURPOSE_MAX} characters")
    return why


@post("/api/video/streams", tags=["video"], guards=[own_page])
async def open_picture(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewPicture]
) -> dict[str, Any]:
    """A ticket for one picture of a truck; its stream is asked of the terminal where it does not run."""
    scope = door.allow("read", "video")
    desk = desk_of(services)
    row = await within_reach(services, scope, data.vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    purpose = checked_purpose(data.purpose, scope)
    if not desk.nodes.alive():
        raise Refused(503, "media", "no_node", "no media server is there now; try again")
    peer = await peer_of(services, row.id)
    try:
        ticket = await desk.open(
            row.id, row.terminal.phone, data.channel, data.stream, purpose, door.actor(scope), door.user_id, peer
        )
    except QuotaExceeded as exceeded:
        told = {"channel": data.channel, "quota": str(exceeded)}
        await door.note("video.refuse", None, told, vehicle_id=row.id, scope=scope)
        raise Refused(429, "quota", str(exceeded), "the limit for video is reached") from None
    return ticket_view(door, ticket, row, purpose)


async def within_reach(services: Services, scope: Scope, vehicle_id: int) -> VehicleRow:
    """The truck. Raises NotFound, counted: it is none, or lies outside the jurisdiction."""
    try:
        return await vehicle_row(services, scope, vehicle_id)
    except NotFound:
        limits.refused.labels("jurisdiction").inc()
        raise


def ticket_view(door: Door, ticket: Ticket, row: VehicleRow, purpose: str) -> dict[str, Any]:
    """What a browser needs for the socket."""
    stream = ticket.viewing.upstream
    zh, en = channels.names(stream.channel)
    return {
        "stream": stream.name,
        "viewer": ticket.viewing.id,
        "ticket": ticket.value,
        "ticket_valid_until": ticket.until_ms,
        "url": f"/ws/video/{ticket.viewing.id}?ticket={ticket.value}",
        "purpose": purpose,
        "vehicle_id": row.id,
        "plate": row.plate,
        "channel": stream.channel,
        "channel_zh": zh,
        "channel_en": en,
        "quality": stream.quality,
        "traffic": _used(ticket.used),
        "watermark": watermark(door, now_ms()),
    }


async def peer_of(services: Services, vehicle_id: int) -> str:
    """Where the terminal's 808 connection comes from; empty where the history does not tell at once: the picture does
    not wait for it."""
    try:
        async with asyncio.timeout(PEER_S):
            found = await services.ask("session_vehicle", vehicle=vehicle_id, start=now_ms() - SESSION_LOOK_BACK_MS)
    except (TimeoutError, Refused):
        return ""
    rows = found.to_pylist()
    return str(rows[0]["peer"]) if rows and rows[0]["closed_at"] is None else ""


def watermark(door: Door, at: int) -> str:
    """The words over a picture: who looks, and when he began."""
    return f"{door.user.username} {written(at // 60_000 * 60_000)[:16].replace('T', ' ')}"


def _used(used: traffic.Used) -> dict[str, Any]:
    return {"used_bytes": used.octets, "limit_bytes": used.limit, "warning": used.warning}


@get("/api/video/streams", tags=["video"])
async def list_streams(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Streams that run, of trucks within the caller's reach."""
    scope = door.allow("read", "video")
    desk = desk_of(services)
    names = door.may("read", "audit")
    streams = list(desk.pictures.values())
    trucks = [stream.vehicle_id for stream in streams]
    rows = await asyncio.to_thread(vehicle_list.several, services.engine, trucks, scope)
    items = [
        _row(stream, rows[stream.vehicle_id], names, door.user_id)
        for stream in streams if stream.vehicle_id in rows
    ]  # fmt: skip
    await door.looked("video.list", detail={"streams": len(items)}, scope=scope)
    return {"as_of": now_ms(), "items": items}


def _row(stream: Upstream, row: VehicleView, names: bool, user_id: int) -> dict[str, Any]:
    zh, en = channels.names(stream.channel)
    at_node = {each.viewer: each for each in stream.report.viewers} if stream.report else {}
    viewers = [
        {
            "viewer": each.id,
            "user": each.actor.username if names or each.user_id == user_id else None,
            "since": each.joined_at,
            "purpose": each.purpose if names or each.user_id == user_id else None,
            "delay_ms": each.delay_ms,
            "dropped": each.dropped,
            "skipped": at_node[each.id].skipped if each.id in at_node else 0,
        }
        for each in stream.viewings.values()
        if each.joined and not each.records
    ]
    message = stream.message(now_ms())
    return {
        "stream": stream.name,
        "vehicle_id": row.id,
        "plate": row.plate,
        "plate_color": row.plate_color,
        "channel": stream.channel,
        "channel_zh": zh,
        "channel_en": en,
        "quality": stream.quality,
        "purpose_kind": stream.kind,
        "node": stream.node,
        "opened_at": stream.opened_at,
        "recording": stream.recording,
        **{name: message[name] for name in ("state", "reason", "steps", "attempt", "answer", "last_frame_at")},
        **{name: value for name, value in (stream.stats(now_ms()) or {}).items() if name not in ("kind", "viewers")},
        "faults": stream.report.faults if stream.report else {},
        "viewers": viewers,
    }


async def _stream(services: Services, door: Door, name: str, act: str) -> tuple[Scope, Upstream, VehicleRow]:
    """A stream within reach. Raises Refused (403), NotFound."""
    scope = door.allow(act, "video")
    stream = desk_of(services).pictures.get(name)
    if stream is None:
        raise NotFound("stream", "there is no such stream", 0)
    return scope, stream, await vehicle_row(services, scope, stream.vehicle_id)


@delete("/api/video/streams/{name:str}", tags=["video"], status_code=200, guards=[own_page])
async def end_stream(services: NamedDependency[Services], door: NamedDependency[Door], name: Name) -> dict[str, Any]:
    """End a stream for everybody who looks, and what is recorded of it. Who may: who stands above all of them."""
    scope, stream, row = await _stream(services, door, name, "act")
    told: dict[str, Any] = {"channel": stream.channel}
    try:
        await require_endable(door, "stream", _begun(services, stream))
    except Refused as refused:
        await door.note("video.refuse", None, told | {"reason": refused.rule}, vehicle_id=row.id, scope=scope)
        raise
    await door.note("video.close", None, told, vehicle_id=row.id, scope=scope)
    desk_of(services).close(stream)
    return {"stream": name}


def _begun(services: Services, stream: Upstream) -> list[Begun]:
    """What ends with a stream."""
    recorder = services.recorder
    records = [] if recorder is None or stream.kind != LIVE else [
        of_record(each.wanted)
        for each in recorder.running.values()
        if (each.wanted.vehicle_id, each.wanted.channel) == (stream.vehicle_id, stream.channel)
    ]  # fmt: skip
    looks = [Begun(each.user_id, each.actor.organisation_id) for each in stream.viewings.values() if not each.records]
    return records + looks


@get("/api/video/streams/{name:str}/snapshot", tags=["video"], ready=True)
async def snapshot(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    name: Name,
    purpose: FromQuery[str] = "",
) -> Response[bytes]:
    """The last key picture as JPEG, with viewer, time and purpose on it."""
    scope, stream, row = await _stream(services, door, name, "read")
    if isinstance(stream, Playing) and all(each.user_id != door.user_id for each in stream.viewings.values()):
        raise NotFound("stream", "there is no such stream", 0)  # only who plays it sees it
    why = checked_purpose(purpose, scope)
    jpeg = await desk_of(services).snapshot(stream)
    if not jpeg:
        raise Refused(404, "stream", "no_picture", "no picture came yet, or it cannot be decoded here")
    zh, _ = channels.names(stream.channel)
    at = stream.report.last_at if stream.report else now_ms()
    told: dict[str, Any] = {"channel": stream.channel, "purpose": why}
    if isinstance(stream, Playing):
        # the recording's time, and not that at which it was played
        at = stream.position
        told["recorded_at"] = at
    words = f"{row.plate} {zh} · {why}"
    marked = await asyncio.to_thread(viewing_copy, jpeg, door.user.username, written(at // 1000 * 1000), words)
    await door.note("video.snapshot", None, told, vehicle_id=row.id, scope=scope)
    headers = {
        "Content-Disposition": f'inline; filename="luwei-{row.id}-{stream.channel}-{at}.jpg"',
        "Cache-Control": "no-store",
    }
    return Response(marked, headers=headers, media_type="image/jpeg")


@get("/api/video/vehicles/{vehicle_id:int}/channels", tags=["video"])
async def list_channels(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key
) -> dict[str, Any]:
    """Channels of a truck, and which of them run."""
    scope = door.allow("read", "video")
    row = await vehicle_row(services, scope, vehicle_id, scope)
    found = channels.Channels(channels.USUALLY, [])
    if row.terminal is not None:
        found = await asyncio.to_thread(channels.channels, services.engine, row.id, row.terminal.id)
        if found.source == channels.USUALLY and services.video is not None:
            # who opens a truck for the first time is shown its own channels, not those that trucks usually have
            actor = door.actor(scope)
            if await services.video.asking.channels(row.id, row.terminal.phone, actor, CHANNELS_S):
                found = await asyncio.to_thread(channels.channels, services.engine, row.id, row.terminal.id)
    running = {} if services.video is None else {
        stream.channel: stream
        for stream in services.video.streams.values() if stream.vehicle_id == row.id and stream.kind == LIVE
    }  # fmt: skip
    present = services.fleet.present(row.id) if services.fleet.sees(scope, row.id) else None
    return {
        "vehicle_id": row.id,
        "plate": row.plate,
        "plate_color": row.plate_color,
        "online": present is not None and present.state not in ("offline", "unknown"),
        "last_seen_at": present.received_at if present is not None else None,
        "source": found.source,
        "channels": [
            msgspec.to_builtins(each)
            | {
                "codec": report.codec if (stream := running.get(each.channel)) and (report := stream.report) else "",
                "stream": running[each.channel].name if each.channel in running else None,
            }
            for each in found.items
        ],
    }


@get("/api/video/traffic", tags=["video"])
async def vehicle_traffic(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Annotated[int, QueryParameter(ge=1, le=2**31 - 1)],
    month: Annotated[str, QueryParameter(pattern=r"^$|^20\d\d-(0[1-9]|1[0-2])$")] = "",
) -> dict[str, Any]:
    """What a truck's SIM brought of video in a month (default: this one), day by day."""
    scope = door.allow("read", "video")
    row = await vehicle_row(services, scope, vehicle_id)
    at = now_ms()
    if month:
        at = (date.fromisoformat(f"{month}-01") - date(1970, 1, 1)).days * traffic.DAY_MS
    phone = row.terminal.phone if row.terminal is not None else ""
    first, following = traffic.month_of(at)
    days = await asyncio.to_thread(traffic.days, services.engine, phone, first, following) if phone else []
    used = traffic.Used(sum(each.octets for each in days), services.settings.video_month_mib << 20)
    return {
        "vehicle_id": row.id,
        **_used(used),
        "days": [
            {
                "day": str(date.fromordinal(date(1970, 1, 1).toordinal() + each.day)),
                "channel": each.channel,
                "purpose": each.purpose,
                "bytes": each.octets,
                "seconds": each.milliseconds // 1000,
            }
            for each in days
        ],
    }


@get("/api/video/usage", tags=["video"])
async def usage(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """How much of the limits is in use; counts of the whole platform."""
    door.allow("read", "video", aggregates=True)
    settings, desk = services.settings, desk_of(services)
    month = await asyncio.to_thread(traffic.used_by_all, services.engine, now_ms())
    streams = list(desk.pictures.values())
    return {
        "as_of": now_ms(),
        "streams": len(streams),
        "streams_limit": settings.video_streams,
        "viewers": sum(stream.looking for stream in streams),
        "user_streams": desk.viewings_of(door.user_id),
        "user_streams_limit": settings.video_streams_per_user,
        "truck_streams_limit": settings.video_streams_per_vehicle,
        "month_bytes": month,
        "month_limit_bytes": settings.video_month_mib << 20,
        "main": sum(stream.quality == MAIN for stream in streams),
    }


@get("/api/video/nodes", tags=["video"])
async def list_nodes(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """The media processes that announce themselves, and what they refused."""
    door.whole("gateway")
    nodes = desk_of(services).nodes
    return {
        "as_of": now_ms(),
        "items": [
            {
                "node": each.node,
                "at": each.at,
                "address": each.address,
                "ports": each.ports,
                "load": each.load,
                "connections": each.connections,
                "streams": len(each.streams),
                "streams_max": each.streams_max,
                "bit_rate": each.bit_rate,
                "refused": each.refused,
                "within_reach": nodes.within_reach(each.node),
            }
            for each in nodes.spoke()
        ],
    }


route_handlers: list[ControllerRouterHandler] = [
    open_picture, list_streams, end_stream, snapshot, list_channels, vehicle_traffic, usage, list_nodes, video_socket,
]  # fmt: skip
