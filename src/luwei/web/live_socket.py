"""/ws/live: a screen says what it shows, and once a second hears what changed there.

The writer asks its ``Screen`` for the next frame only after the one before has left for the line, so a slow client
costs one frame of memory and skips to the newest state. Frames: ``luwei.live.frames``. Close codes:
``luwei.web.screen_line``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Annotated, Any, Literal

import msgspec
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from prometheus_client import Counter, Gauge

from luwei.live.feed import now_ms
from luwei.live.screen import Screen
from luwei.live.view import Selection, State, Window
from luwei.registry.scope import Scope
from luwei.web.alarm_routes.strip import ScreenAlarms, scope_of
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.screen_line import FORBIDDEN, SEND_S, Closed, ScreenLine, Seats, admitted
from luwei.web.services import Services

MESSAGE_BYTES = 4096
SCREENS = 1000
SCREENS_PER_USER = 20
LOOK_REST_S = 0.1
"""Shortest time between two answers to new views, however fast a map is dragged."""
SHARE = 0.25
"""All screens together may take this share of the event loop; beyond it each rests longer between frames."""
REST_MAX_S = 10.0

Code = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]

seats = Seats(SCREENS, SCREENS_PER_USER, Gauge("luwei_live_screens", "Connected screens"))
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


@websocket("/ws/live")
async def live(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The socket of one screen."""

    async def allow(door: Door) -> Scope:
        return door.allow("read", "position")

    if (found := await admitted(socket, services, allow)) is None:
        return
    door, scope = found
    try:
        with seats.sit(door.user_id):
            await door.looked("position.watch", detail={}, scope=scope)
            await _Line(socket, services, door, scope).run()
    except Closed as closed:
        await socket.close(closed.code, closed.reason)


class _Line(ScreenLine):
    """What one screen shows, and the frames of it."""

    name = "live"

    def __init__(self, socket: WebSocket[Any, Any, Any], services: Services, door: Door, scope: Scope) -> None:
        super().__init__(socket, services, door)
        self._scope = scope
        self._screen = Screen(services.fleet)
        self._screen.choose(selection(Filter(), scope))
        self._alarms = ScreenAlarms(services, scope_of(door))
        self._looked = asyncio.Event()

    def _let_go(self) -> None:
        super()._let_go()
        _slow.inc()

    async def _read(self) -> None:
        await self._listen(View, MESSAGE_BYTES, self._look, LOOK_REST_S)

    def _look(self, view: View) -> None:
        self._screen.look(view.window(), selection(view.filter, self._scope))
        self._looked.set()

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
            await self._send(summary)
            if (alarms := await self._alarms.message(self._screen.selection)) is not None:
                await self._send(alarms)
            rest = min(cost * seats.taken.total() / SHARE, REST_MAX_S)
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

    async def _still(self, door: Door) -> None:
        if door.allow("read", "position") != self._scope:
            raise Closed(FORBIDDEN, "scope_changed")
        self._alarms.see(scope_of(door))
