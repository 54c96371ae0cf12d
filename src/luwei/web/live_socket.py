"""/ws/live: a screen says what it shows, and once a second hears what changed there.

The writer asks its ``Screen`` for the next frame only after the one before has left for the line, so a slow client
costs one frame of memory and skips to the newest state. Frames: ``luwei.live.frames``. Close codes: 4401 the login
session has ended, 4403 not allowed, 1013 too many screens, 1008 the client does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter as Tally
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Counter, Gauge

from luwei.live.feed import now_ms
from luwei.live.screen import Screen
from luwei.live.view import Selection, State, Window
from luwei.registry.scope import Scope
from luwei.web.alarm_routes.strip import ScreenAlarms, scope_of
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused, field_of
from luwei.web.services import Services

log = structlog.get_logger()

MESSAGE_BYTES = 4096
SCREENS = 1000
SCREENS_PER_USER = 20
SEND_S = 30.0
"""A client that takes nothing for so long is let go."""
LOOK_REST_S = 0.1
"""Shortest time between two answers to new views, however fast a map is dragged."""
SHARE = 0.25
"""All screens together may take this share of the event loop; beyond it each rests longer between frames."""
REST_MAX_S = 10.0

Code = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]

_screens: Tally[int] = Tally()
_open = Gauge("luwei_live_screens", "Connected screens")
_sent = Counter("luwei_live_sent_bytes_total", "Bytes of frames sent to screens")
_slow = Counter("luwei_live_slow_total", "Screens let go because they did not read")


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person chose; null is any. Codes are adcodes, ``operator`` a registry id."""

    city: Code | None = None
    county: Code | None = None
    operator: Code | None = None
    state: State = "all"


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one message a client sends: its rectangle in degrees (west, south, east, north), zoom and filter."""

    type: Literal["view"]
    bbox: tuple[Longitude, Latitude, Longitude, Latitude]
    zoom: Annotated[float, msgspec.Meta(ge=0, le=24)]
    filter: Filter = Filter()

    def window(self) -> Window:
        """Raises Refused where the rectangle is turned over."""
        west, south, east, north = (round(value * 1e6) for value in self.bbox)
        if west > east or south > north:
            raise Refused(400, "bbox", "must be west, south, east, north with west <= east and south <= north")
        return Window(west, south, east, north, self.zoom)


def selection(chosen: Filter, scope: Scope) -> Selection:
    """What the person chose, within what the account may see."""
    return Selection(chosen.city, chosen.county, chosen.operator, chosen.state, scope)


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a page of this very host opened the socket (RFC 6455 §10.2); browsers always send Origin."""
    return bool(origin and host) and urlsplit(origin or "").netloc.lower() == (host or "").lower()


@websocket("/ws/live")
async def live(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The socket of one screen."""
    if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(4403, "origin")
        return
    try:
        door = await open_door(socket, services)
        scope = door.allow("read", "position")
    except Refused as refused:
        # Accepted first, since a browser's script cannot see why a socket was not opened.
        await socket.accept()
        await socket.close(4401 if refused.status == 401 else 4403, refused.rule)
        return
    await socket.accept()
    if _screens.total() >= SCREENS or _screens[door.user_id] >= SCREENS_PER_USER:
        await socket.close(1013, "too_many_screens")
        return
    await door.looked("position.watch", detail={}, scope=scope)
    _screens[door.user_id] += 1
    _open.set(_screens.total())
    try:
        await _Line(socket, services, door, scope).run()
    finally:
        _screens[door.user_id] -= 1
        if not _screens[door.user_id]:
            del _screens[door.user_id]
        _open.set(_screens.total())


class _Line:
    """Reader, writer and session watch of one socket."""

    def __init__(self, socket: WebSocket[Any, Any, Any], services: Services, door: Door, scope: Scope) -> None:
        self._socket = socket
        self._services = services
        self._door = door
        self._scope = scope
        self._screen = Screen(services.fleet)
        self._screen.choose(selection(Filter(), scope))
        self._alarms = ScreenAlarms(services, scope_of(door))
        self._looked = asyncio.Event()

    async def run(self) -> None:
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        code, reason = 1000, ""
        for result in results:
            if isinstance(result, tuple):
                code, reason = result
            elif isinstance(result, TimeoutError):
                _slow.inc()
                code, reason = 1008, "not_reading"
            elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                log.error("live socket failed", exc_info=result)
                code, reason = 1011, "internal"
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await self._socket.close(code, reason)

    async def _read(self) -> None:
        while True:
            data = await self._socket.receive_data(mode="text")
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            try:
                if len(text.encode()) > MESSAGE_BYTES:
                    raise Refused(400, "", f"at most {MESSAGE_BYTES} bytes")
                view = msgspec.json.decode(text, type=View)
                self._screen.look(view.window(), selection(view.filter, self._scope))
                self._looked.set()
            except Refused as refused:
                await self._refuse(refused.field, refused.rule)
            except msgspec.MsgspecError as error:
                await self._refuse(*field_of(str(error)))
            await asyncio.sleep(LOOK_REST_S)

    async def _refuse(self, field: str, rule: str) -> None:
        await self._send_text({"type": "error", "field": field, "rule": rule})

    async def _write(self) -> None:
        while True:
            began = time.perf_counter()
            frame = self._screen.message(now_ms())
            summary = self._summary()
            cost = time.perf_counter() - began
            if frame is not None:
                async with asyncio.timeout(SEND_S):
                    await self._socket.send_bytes(frame)
                _sent.inc(len(frame))
            await self._send_text(summary)
            if (alarms := await self._alarms.message(self._screen.selection)) is not None:
                await self._send_text(alarms)
            rest = min(cost * _screens.total() / SHARE, REST_MAX_S)
            if rest > 1:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest - 1):
                        await self._looked.wait()
            await self._something()

    async def _something(self) -> None:
        """Wait until the second is closed or the screen looks elsewhere."""
        second = asyncio.ensure_future(self._services.feed.next_second())
        looked = asyncio.ensure_future(self._looked.wait())
        try:
            await asyncio.wait((second, looked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            second.cancel()
            looked.cancel()
        self._looked.clear()

    def _summary(self) -> dict[str, Any]:
        feed = self._services.feed
        counts = feed.counts(self._screen.selection)
        return {
            "type": "summary",
            "as_of": feed.as_of,
            **msgspec.structs.asdict(counts),
            "in_view": self._screen.in_view,
            "delay_ms": feed.pace.delay_ms,
            "per_s": round(feed.pace.per_s, 1),
        }

    async def _send_text(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_S):
            await self._socket.send_text(msgspec.json.encode(message).decode())

    async def _watch(self) -> tuple[int, str]:
        """Return once the login session has ended, or the right has ended or changed."""
        user = self._door.user
        while True:
            await self._services.watch.changed(user)
            try:
                door = await open_door(self._socket, self._services)
                user = door.user
                if door.allow("read", "position") != self._scope:
                    return 4403, "scope_changed"
                self._alarms.see(scope_of(door))
            except Refused as refused:
                return (4401, "session_ended") if refused.status == 401 else (4403, refused.rule)
