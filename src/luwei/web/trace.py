"""Trace of one terminal: switch it on for a while, see its state, download what was captured, follow it live.

A raw trace shows authentication codes, so whoever may only look does not read it, and who switched it is audited.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import WebSocket, delete, get, post, websocket
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import Stream

from luwei.live.feed import now_ms
from luwei.live.trace import SECONDS_MAX, SECONDS_MIN, TooMany, Trace, TracedFrame
from luwei.protocol.message import REGISTRY
from luwei.web.china_time import CHINA
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.screen_line import Closed, ScreenLine, Seats, admitted
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.track import Key
from luwei.web.vehicle_rows import VehicleRow, vehicle_row

TAILS = 200
TAILS_PER_USER = 10
TAIL_FRAMES = 500
"""Frames that a screen gets at first, and at most at a time; what lies between is counted as skipped."""
REST_S = 0.2
"""Shortest time between two messages to a screen."""
STATE_S = 2.0

_seats = Seats(TAILS, TAILS_PER_USER)


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """How long to trace, in seconds."""

    seconds: Annotated[int, msgspec.Meta(ge=SECONDS_MIN, le=SECONDS_MAX)] = 600


def _answer(services: Services, vehicle: VehicleRow, door: Door) -> dict[str, Any]:
    trace = services.traces.of(vehicle.id)
    return {
        "as_of": now_ms(),
        "vehicle": vehicle,
        "trace": trace.state() if trace is not None else None,
        "may_act": _may_act(door),
        "seconds_max": SECONDS_MAX,
    }


def _may_act(door: Door) -> bool:
    try:
        door.allow("act", "trace")
    except Refused:
        return False
    return True


@get("/api/vehicles/{vehicle_id:int}/trace", tags=["explain"])
async def trace_state(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key
) -> dict[str, Any]:
    """The running or last trace of the vehicle's terminal, null where there is none in memory."""
    vehicle = await vehicle_row(services, door.allow("read", "trace"), vehicle_id, door.positions())
    return _answer(services, vehicle, door)


@post("/api/vehicles/{vehicle_id:int}/trace", tags=["explain"], guards=[own_page], status_code=200)
async def trace_start(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key, data: JSONBody[Wish]
) -> dict[str, Any]:
    """Trace the vehicle's terminal from now on, at most 30 minutes; a running trace gets the new end."""
    vehicle = await vehicle_row(services, door.allow("act", "trace"), vehicle_id)
    if vehicle.terminal is None:
        raise Refused(409, "vehicle_id", "has no terminal", "the vehicle has no terminal to be traced")
    if not services.bus.connected:
        raise Refused(503, "", "bus_away", "the gateways cannot be reached now; try again")
    phone = vehicle.terminal.phone
    try:
        await services.traces.begin(vehicle_id, phone, data.seconds, door.user.username)
    except TooMany:
        raise Refused(
            429, "", "too_many_traces", "too many terminals are traced now; end another trace first"
        ) from None
    await door.note("trace.start", vehicle_id, {"phone": phone, "seconds": data.seconds}, vehicle_id=vehicle_id)
    return _answer(services, vehicle, door)


@delete("/api/vehicles/{vehicle_id:int}/trace", tags=["explain"], guards=[own_page], status_code=200)
async def trace_stop(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key
) -> dict[str, Any]:
    """Stop tracing. What was captured stays until the memory is needed."""
    vehicle = await vehicle_row(services, door.allow("act", "trace"), vehicle_id)
    trace = services.traces.of(vehicle_id)
    if trace is not None and trace.active:
        await services.traces.end(vehicle_id, "stopped")
        told = {"phone": trace.phone, "frames": trace.frames}
        await door.note("trace.stop", vehicle_id, told, vehicle_id=vehicle_id)
    return _answer(services, vehicle, door)


@get("/api/vehicles/{vehicle_id:int}/trace.jsonl", tags=["explain"])
async def trace_download(services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key) -> Stream:
    """What was captured and is still kept, one JSON object a frame: the input of ``luwei replay``."""
    vehicle = await vehicle_row(services, door.allow("export", "trace"), vehicle_id)
    trace = services.traces.of(vehicle_id)
    if trace is None:
        raise Refused(404, "vehicle_id", "not_found", "nothing was traced for this vehicle")
    frames = list(trace.ring)
    told = {"phone": trace.phone, "frames": len(frames)}
    await door.note("trace.export", vehicle_id, told, vehicle_id=vehicle_id)
    name = f"{vehicle.plate}-{datetime.fromtimestamp(trace.started_ms / 1000, CHINA):%Y%m%d-%H%M%S}.jsonl"
    return Stream(
        _lines(trace.phone, frames),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f"attachment; filename=\"trace.jsonl\"; filename*=UTF-8''{quote(name)}"},
    )


async def _lines(phone: str, frames: list[TracedFrame]) -> AsyncIterator[bytes]:
    for at in range(0, len(frames), 500):
        yield b"".join(msgspec.json.encode(line_of(phone, frame)) + b"\n" for frame in frames[at : at + 500])
        await asyncio.sleep(0)


def line_of(phone: str, frame: TracedFrame) -> dict[str, Any]:
    """One line of a download: ``id`` and ``hex`` are what ``luwei replay`` reads."""
    row = frame.to_json()
    row["message_id"] = None if frame.message_id is None else f"0x{frame.message_id:04x}"
    return {"id": f"{phone}-{frame.seq:06d}"} | row


@websocket("/ws/trace/{vehicle_id:int}")
async def trace_tail(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services], vehicle_id: Key) -> None:
    """The live tail of one trace: ``trace`` (its state), ``frames`` and ``changed``; a client says nothing.

    Close codes: ``luwei.web.screen_line``.
    """

    async def allow(door: Door) -> VehicleRow:
        return await vehicle_row(services, door.allow("read", "trace"), vehicle_id)

    if (found := await admitted(socket, services, allow)) is None:
        return
    door, _ = found
    try:
        with _seats.sit(door.user_id):
            await door.looked("trace.look", vehicle_id)
            await _Tail(socket, services, door, vehicle_id).run()
    except Closed as closed:
        await socket.close(closed.code, closed.reason)


class _Tail(ScreenLine):
    """The tail of one trace."""

    name = "trace"

    def __init__(self, socket: WebSocket[Any, Any, Any], services: Services, door: Door, vehicle_id: int) -> None:
        super().__init__(socket, services, door)
        self._vehicle_id = vehicle_id

    async def _write(self) -> None:
        traces = self._services.traces
        shown: Trace | None = None
        told: dict[str, Any] | None = None
        told_at, seq, change = 0, 0, 0
        while True:
            trace = traces.of(self._vehicle_id)
            if trace is not shown:
                shown, told, seq, change = trace, None, 0, 0
            state = trace.state() if trace is not None else None
            if (
                told_at == 0
                or (state != told and now_ms() - told_at > STATE_S * 500)
                or now_ms() - told_at > STATE_S * 1000
            ):
                await self._send({"type": "trace", "as_of": now_ms(), "trace": state})
                told, told_at = state, now_ms()
            if trace is not None:
                frames = trace.after(seq, TAIL_FRAMES)
                if frames:
                    skipped = frames[0].seq - seq - 1
                    await self._send(
                        {
                            "type": "frames",
                            "started_at": trace.started_ms,
                            "skipped": skipped,
                            "items": frames_json(frames),
                        }
                    )
                    seq = frames[-1].seq
                changed = trace.changed(change)
                if changed:
                    await self._send({"type": "changed", "items": frames_json(changed)})
                change = trace.changes
            await asyncio.sleep(REST_S)
            if trace is traces.of(self._vehicle_id) and (trace is None or trace.frames == seq):
                await traces.news(STATE_S / 2)

    async def _still(self, door: Door) -> None:
        await vehicle_row(self._services, door.allow("read", "trace"), self._vehicle_id)


def frames_json(frames: list[TracedFrame]) -> list[dict[str, Any]]:
    """Frames as a screen gets them: with the names of their messages."""
    return [frame.to_json() | name_of(frame.message_id) for frame in frames]


def name_of(message_id: int | None) -> dict[str, str]:
    """Name of a message in both languages; empty where it is not declared."""
    declared = REGISTRY.get(-1 if message_id is None else message_id)
    return {"zh": declared.zh if declared else "", "en": declared.en if declared else ""}
