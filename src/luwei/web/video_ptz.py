"""Cameras that can be turned: a press of a button, its renewal while it is held, its end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.access.rights import book
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.registry.errors import Conflict
from luwei.registry.scope import Scope
from luwei.video import channels, ptz_letters
from luwei.video.ptz import Driven, Driver, Outcome, PtzDesk, TooFast, Wish
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import VehicleRow, vehicle_row
from luwei.web.video import PURPOSE_MAX, checked_purpose, desk_of

ASK_S, LOOK_S = 3.0, 0.2
"""A terminal that never said which cameras it has is asked and waited for so long."""
HELD_ONLY = frozenset(ptz_letters.DIRECTIONS)
"""Acts that go on until they are ended."""
NEEDS_HEAD = HELD_ONLY | ptz_letters.STEPS.keys()
"""Acts for which a pan-tilt must be connected: a wiper or a light may be there without one."""


class NewAct(msgspec.Struct, forbid_unknown_fields=True):
    """A press, or its renewal: the same ``hold`` again within 0.9 s; ``stop`` ends it. ``on`` is for wiper and light,
    ``speed`` for turning."""

    vehicle_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    channel: Annotated[int, msgspec.Meta(ge=1, le=64)]
    act: Literal[
        "up", "down", "left", "right", "stop", "zoom_in", "zoom_out", "focus_near", "focus_far", "iris_open",
        "iris_close", "wiper", "light",
    ]  # fmt: skip
    speed: Annotated[int, msgspec.Meta(ge=1, le=255)] = 128
    on: bool | None = None
    hold: Annotated[str, msgspec.Meta(pattern="^([A-Za-z0-9_-]{8,40})?$")] = ""
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""


def _desk(services: Services) -> PtzDesk:
    if services.ptz is None:
        raise Refused(503, "media", "no_node", "cameras are not turned from here")
    return services.ptz


@post("/api/video/ptz", tags=["video"], status_code=200, guards=[own_page])
async def drive_camera(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewAct]
) -> dict[str, Any]:
    """Turn a camera, change its zoom, focus or iris, switch wiper or light; what the terminal says to it."""
    scope = door.allow("act", "video")
    seen = door.allow("read", "video")
    desk = _desk(services)
    await vehicle_row(services, seen, data.vehicle_id)
    row = await vehicle_row(services, scope, data.vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    wish = _wish(data)
    new = desk.is_new(row.id, data.channel, door.user_id, wish)
    driver = desk.driver(row.id, data.channel)
    mine = driver is not None and driver.user_id == door.user_id
    said = driver.purpose if driver is not None and mine and not data.purpose else data.purpose
    purpose = checked_purpose(said, scope)
    if new and data.act in NEEDS_HEAD:
        await _require_ptz(services, door, scope, row, data.channel)
    if new and data.act != "stop":
        told = {"channel": data.channel, "act": data.act, "purpose": purpose}
        await door.note("video.ptz", None, told, vehicle_id=row.id, scope=scope)
    role = await asyncio.to_thread(_role, services, door)
    try:
        outcome = await desk.act(
            row.id, row.terminal.phone, data.channel, wish, purpose, door.actor(scope), door.user_id, role
        )
    except Driven as driven:
        clash: dict[str, int | str] = {"noun": "ptz", "id": row.id, "label": driven.driver.role[0]}
        raise Conflict("channel", "busy", data.channel, clash=clash) from None
    except TooFast as limit:
        raise Refused(429, "rate", "too_fast", f"more than {limit} acts a second") from None
    if outcome.answer == "offline":
        raise Refused(409, "vehicle_id", "offline", "the terminal is not connected")
    return _view(data, outcome)


def _wish(data: NewAct) -> Wish:
    """Raises Refused."""
    if data.act in HELD_ONLY and not data.hold:
        raise Refused(400, "hold", "must name the press: the camera turns until it is not renewed")
    if data.act in ptz_letters.SWITCHES and data.on is None:
        raise Refused(400, "on", "must say on or off")
    hold = data.hold if data.act not in ptz_letters.SWITCHES else ""
    return Wish(data.act, data.speed, bool(data.on), hold)


def _view(data: NewAct, outcome: Outcome) -> dict[str, Any]:
    return {
        "vehicle_id": data.vehicle_id,
        "channel": data.channel,
        "act": data.act,
        "hold": data.hold,
        "state": outcome.state,
        "answer": outcome.answer,
        "answered_ms": outcome.answered_ms,
        "driver": {"mine": True, "until": outcome.until},
    }


async def _require_ptz(services: Services, door: Door, scope: Scope, row: VehicleRow, channel: int) -> None:
    """Raises Refused where the camera cannot be turned, or its terminal does not say whether it can."""
    assert row.terminal is not None
    found = await asyncio.to_thread(channels.channels, services.engine, row.id, row.terminal.id)
    if found.ptz(channel) is None:
        await desk_of(services).asking.channels(row.id, row.terminal.phone, door.actor(scope))
        deadline = asyncio.get_running_loop().time() + ASK_S
        while found.ptz(channel) is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK_S)
            found = await asyncio.to_thread(channels.channels, services.engine, row.id, row.terminal.id)
    if found.ptz(channel) is None:
        raise Refused(409, "channel", "ptz_unknown", "the terminal has not said whether this camera can be turned")
    if not found.ptz(channel):
        raise Refused(409, "channel", "no_ptz", "no pan-tilt is connected to this camera (parameter 0x0076)")


def _role(services: Services, door: Door) -> tuple[str, str]:
    with read(services.engine) as connection:
        role = book(services.engine, connection).roles.get(door.user.role)
    return (role.zh, role.en) if role is not None else (door.user.role, door.user.role)


@get("/api/video/ptz", tags=["video"])
async def who_drives(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Annotated[int, QueryParameter(ge=1, le=2**31 - 1)],
    channel: Annotated[int, QueryParameter(ge=1, le=64)],
) -> dict[str, Any]:
    """Whether a camera can be turned (null: not known), and who does it now, by role."""
    scope = door.allow("read", "video")
    row = await vehicle_row(services, scope, vehicle_id)
    can: bool | None = False
    if row.terminal is not None:
        found = await asyncio.to_thread(channels.channels, services.engine, row.id, row.terminal.id)
        can = found.ptz(channel)
    driver = services.ptz.driver(row.id, channel) if services.ptz is not None else None
    return {"as_of": now_ms(), "ptz": can, "driver": None if driver is None else _driver(driver, door)}


def _driver(driver: Driver, door: Door) -> dict[str, Any]:
    return {
        "mine": driver.user_id == door.user_id,
        "role_zh": driver.role[0],
        "role_en": driver.role[1],
        "until": driver.until,
    }


route_handlers: list[ControllerRouterHandler] = [drive_camera, who_drives]
