"""Talk 对讲, listening in 监听, broadcast 广播: who may asks for a ticket here and takes it to ``web.talk_socket``."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.access.authority import ACT, READ
from luwei.access.rights import book
from luwei.access.seniority import Begun
from luwei.live.feed import now_ms
from luwei.media.form import RATE
from luwei.media.orders import BROADCAST, LISTEN, TALK
from luwei.registry import vehicle_list
from luwei.registry.engine import read
from luwei.registry.errors import Conflict, NotFound
from luwei.registry.scope import Scope
from luwei.video import talk_log, upstream
from luwei.video.limits import QuotaExceeded
from luwei.video.talk import Talk, partner_view
from luwei.video.talks import Truck, TruckBusy
from luwei.web.begun import require_endable
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.talk_socket import RIGHTS, talk_socket
from luwei.web.talk_sound import FRAME_BYTES
from luwei.web.vehicle_rows import VehicleRow, vehicle_row
from luwei.web.video import PURPOSE_MAX, Key, checked_purpose, desk_of, peer_of, within_reach

TRUCKS_MAX = 1_000
PEERS_AT_ONCE = 20
Id = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, PathParameter(min_length=1, max_length=60)]


class NewTalk(msgspec.Struct, forbid_unknown_fields=True):
    """Who is to be called. ``channel`` 0: where each terminal's microphone is. ``purpose`` may stay empty where a grant
    on a reason opens the talk: its reason then counts."""

    kind: Literal["talk", "listen", "broadcast"]
    vehicle_id: Id | None = None
    vehicle_ids: Annotated[list[Id], msgspec.Meta(max_length=TRUCKS_MAX)] = []
    channel: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""


def role_of(services: Services, door: Door) -> tuple[str, str, str]:
    """Code, Chinese and English name of a person's role."""
    with read(services.engine) as connection:
        role = book(services.engine, connection).roles.get(door.user.role)
    code = door.user.role
    return (code, code, code) if role is None else (code, role.zh, role.en)


@post("/api/video/talks", tags=["video"], guards=[own_page])
async def open_talk(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewTalk]
) -> dict[str, Any]:
    """A ticket for a talk with a truck, for listening to its cab, or for a broadcast to a selection of trucks."""
    act, noun = RIGHTS[data.kind]
    scope = door.allow(act, noun)
    desk = desk_of(services)
    wanted = list(dict.fromkeys([*([data.vehicle_id] if data.vehicle_id else []), *data.vehicle_ids]))
    if not wanted:
        raise Refused(400, "vehicle_id", "is required")
    if data.kind != BROADCAST and len(wanted) > 1:
        raise Refused(400, "vehicle_ids", "must name one vehicle: only a broadcast goes to several")
    if len(wanted) > services.settings.video_broadcast:
        raise Refused(400, "vehicle_ids", f"must name at most {services.settings.video_broadcast}")
    rows = [await within_reach(services, scope, key) for key in wanted]
    for row in rows:
        if row.terminal is None:
            raise Refused(400, "vehicle_id", "must have a terminal", f"{row.plate} has no terminal")
    purpose = checked_purpose(data.purpose, scope)
    if not desk.nodes.alive():
        raise Refused(503, "media", "no_node", "no media server is there now; try again")
    role = await asyncio.to_thread(role_of, services, door)
    trucks = await _trucks(services, rows, data.channel)
    told = {"talk_kind": data.kind, "purpose": purpose, "trucks": len(rows)}
    try:
        ticket = await desk.talks.open(data.kind, trucks, purpose, door.actor(scope), door.user_id, role)
    except QuotaExceeded as exceeded:
        await door.note("talk.refuse", None, told | {"quota": str(exceeded)}, vehicle_id=rows[0].id, scope=scope)
        raise Refused(429, "quota", str(exceeded), "the limit for talks is reached") from None
    except TruckBusy as busy:
        said = {"busy": busy.partner.role, "with": busy.partner.kind}
        await door.note("talk.refuse", None, told | said, vehicle_id=busy.vehicle_id, scope=scope)
        clash: dict[str, int | str] = {"noun": "talk", "id": busy.vehicle_id, "label": busy.partner.role_zh}
        raise Conflict("vehicle_id", "busy", busy.vehicle_id, clash=clash) from None
    talk = ticket.talk
    return {
        "talk": talk.id,
        "kind": talk.kind,
        "ticket": ticket.value,
        "ticket_valid_until": talk.until_ms,
        "url": f"/ws/video/talk?ticket={ticket.value}",
        "rate": RATE,
        "frame_max_bytes": FRAME_BYTES,
        "purpose": purpose,
        "max_s": services.settings.video_talk_s,
        "trucks": [call.view() for call in talk.calls],
    }


async def _trucks(services: Services, rows: list[VehicleRow], channel: int) -> list[Truck]:
    """With the addresses of their 808 lines, where a few can be asked for at once."""
    peers: list[str] = [""] * len(rows)
    if len(rows) <= PEERS_AT_ONCE:
        peers = list(await asyncio.gather(*(peer_of(services, row.id) for row in rows)))
    return [_truck(row, channel, peer) for row, peer in zip(rows, peers, strict=True)]


def _truck(row: VehicleRow, channel: int = 0, peer: str = "") -> Truck:
    assert row.terminal is not None
    return Truck(row.id, row.terminal.id, row.terminal.phone, row.plate, row.plate_color, channel, peer)


@get("/api/video/vehicles/{vehicle_id:int}/talk", tags=["video"])
async def talk_of_vehicle(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key
) -> dict[str, Any]:
    """What a button needs to know: whether, how, and with whom the truck talks already."""
    may, scopes = {}, []
    row: VehicleRow | None = None
    for kind, (act, noun) in RIGHTS.items():
        may[kind] = False
        if not door.may(act, noun):
            continue
        scope = door.allow(act, noun)
        try:
            row = await vehicle_row(services, scope, vehicle_id, scope)
        except NotFound:
            continue
        may[kind] = True
        scopes.append(scope)
    if row is None:
        # whoever may do none of them is told as everywhere: forbidden, or not there
        act, noun = _best(door)
        door.allow(act, noun)
        raise NotFound("id", "there is no such vehicle", vehicle_id)
    desk = desk_of(services)
    sounding, busy = None, None
    if row.terminal is not None:
        sounding = await desk.talks.sounding(_truck(row), row.live is not None, door.actor(scopes[0]))
        busy = desk.talks.partner(row.id)
    present = services.fleet.present(row.id) if services.fleet.sees(scopes[0], row.id) else None
    return {
        "vehicle_id": row.id,
        "plate": row.plate,
        "plate_color": row.plate_color,
        "online": present is not None and present.state not in ("offline", "unknown"),
        "channel": sounding.channel if sounding else None,
        "may": may,
        "listen_reason": not may[LISTEN] and (READ, "listen") in door.user.cells,
        "audio": None if sounding is None else {
            "codec": sounding.codec, "source": sounding.source, "encodes": sounding.encodes,
            "speaker": sounding.speaker,
        },
        "busy": None if busy is None else {**(partner_view(busy) or {}), "mine": busy.user_id == door.user_id},
    }  # fmt: skip


def _best(door: Door) -> tuple[str, str]:
    """A right that the person has, or else talk."""
    return next((right for right in RIGHTS.values() if door.may(*right)), RIGHTS[TALK])


def _scopes(door: Door) -> dict[str, Scope]:
    """Scope by kind of talk; raises Refused where there is none at all."""
    found = {kind: door.allow(act, noun) for kind, (act, noun) in RIGHTS.items() if door.may(act, noun)}
    if not found:
        door.allow(ACT, "talk")
    return found


async def _reach(services: Services, scope: Scope | None, talk: Talk) -> list[int]:
    """Trucks of a talk within ``scope``."""
    if scope is None:
        return []
    trucks = [call.vehicle_id for call in talk.calls]
    there = await asyncio.to_thread(vehicle_list.several, services.engine, trucks, scope)
    return [truck for truck in trucks if truck in there]


@get("/api/video/talks", tags=["video"])
async def list_talks(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Talks under way with trucks within the caller's reach."""
    scopes = _scopes(door)
    names = door.may("read", "audit")
    items = []
    for talk in list(desk_of(services).talks.talks.values()):
        reach = await _reach(services, scopes.get(talk.kind), talk) if talk.joined_at else []
        if not reach:
            continue
        mine = names or talk.user_id == door.user_id
        items.append(
            {
                "talk": talk.id, "kind": talk.kind, "purpose": talk.purpose if mine else None,
                "user": talk.actor.username if mine else None, "role": talk.role,
                "role_zh": talk.role_zh, "role_en": talk.role_en,
                "since": talk.joined_at, "mine": talk.user_id == door.user_id,
                "trucks": [call.view() for call in talk.calls if call.vehicle_id in reach],
            }
        )  # fmt: skip
    await door.looked("talk.list", detail={"talks": len(items)}, scope=next(iter(scopes.values())))
    return {"as_of": now_ms(), "items": items}


@delete("/api/video/talks/{name:str}", tags=["video"], status_code=200, guards=[own_page])
async def end_talk(services: NamedDependency[Services], door: NamedDependency[Door], name: Name) -> dict[str, Any]:
    """End a talk for everybody: his own, or with the right to talk with all of its trucks as who stands above him."""
    act, noun = _best(door)
    scope = door.allow(act, noun)
    desk = desk_of(services)
    talk = desk.talks.talks.get(name)
    if talk is None:
        raise NotFound("talk", "there is no such talk", 0)
    told = {"talk": talk.id, "talk_kind": talk.kind, "of": talk.actor.username}
    if talk.user_id != door.user_id:
        scope = door.allow(ACT, "talk")
        reach = await _reach(services, scope, talk)
        if not reach:
            raise NotFound("talk", "there is no such talk", 0)
        try:
            if len(reach) < len(talk.calls):
                raise Refused(403, "talk", "forbidden", "some of its trucks are not within reach")
            await require_endable(door, "talk", [Begun(talk.user_id, talk.actor.organisation_id)])
        except Refused as refused:
            for truck in reach:
                await door.note("talk.refuse", None, told | {"reason": refused.rule}, vehicle_id=truck, scope=scope)
            raise
    for call in talk.calls:
        await door.note("talk.close", None, told, vehicle_id=call.vehicle_id, scope=scope)
    desk.talks.leave(talk, upstream.CLOSED)
    return {"talk": name}


@get("/api/video/talks/log", tags=["video"])
async def talks_log(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)] = None,
    page: Annotated[int, QueryParameter(ge=1, le=100_000)] = 1,
    size: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Talks that were, the newest first: of trucks that lay within the caller's reach then."""
    scopes = _scopes(door)
    found = await asyncio.to_thread(
        talk_log.page, services.engine, list(scopes.items()), vehicle_id, page, size
    )  # fmt: skip
    told = {"vehicle": vehicle_id} if vehicle_id else {}
    await door.looked("talk.log", vehicle_id, detail=told, scope=next(iter(scopes.values())))
    names, mine = door.may("read", "audit"), door.user.username
    hidden = {"username": None, "purpose": None}
    items = [msgspec.to_builtins(each) | ({} if names or each.username == mine else hidden) for each in found.items]
    return {"as_of": now_ms(), "total": found.total, "items": items}


route_handlers: list[ControllerRouterHandler] = [
    open_talk, talk_of_vehicle, list_talks, end_talk, talks_log, talk_socket,
]  # fmt: skip
