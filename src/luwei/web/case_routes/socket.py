"""/ws/cases: a screen hears which cases changed, once a second, and how many are open.

Close codes: ``luwei.web.screen_line``.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from prometheus_client import Gauge

from luwei.cases import reading
from luwei.cases.news import Listener, News
from luwei.cases.reading import CaseFilter, CaseRow
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.web.case_routes.allowed import cases_of
from luwei.web.case_routes.queue import NO_SINGLE
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.live_socket import SCREENS, SCREENS_PER_USER
from luwei.web.screen_line import FORBIDDEN, Closed, ScreenLine, Seats, admitted
from luwei.web.services import Services

MESSAGE_BYTES = 1024
REST_S = 1.0
ROWS_MOST = reading.SIZE_MOST
Code = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]

_seats = Seats(SCREENS, SCREENS_PER_USER, Gauge("luwei_case_screens", "Connected screens of the queue"))


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person chose; null is any."""

    city: Code | None = None
    county: Code | None = None
    operator: Code | None = None


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one message that a client sends."""

    type: Literal["view"]
    filter: Filter = Filter()


@websocket("/ws/cases")
async def case_socket(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The socket of one screen."""

    async def allow(door: Door) -> tuple[Scope, News]:
        return door.allow("read", "case", aggregates=True), cases_of(services).news

    if (found := await admitted(socket, services, allow)) is None:
        return
    door, (scope, news) = found
    try:
        with _seats.sit(door.user_id):
            await door.looked("case.watch", detail={}, scope=scope)
            listener = news.listen()
            try:
                await _Line(socket, services, door, scope, listener).run()
            finally:
                news.leave(listener)
    except Closed as closed:
        await socket.close(closed.code, closed.reason)


class _Line(ScreenLine):
    """What one screen of the queue is told."""

    name = "cases"

    def __init__(
        self, socket: WebSocket[Any, Any, Any], services: Services, door: Door, scope: Scope, listener: Listener
    ) -> None:
        super().__init__(socket, services, door)
        self._scope = scope
        self._listener = listener
        self._filter = Filter()

    async def _read(self) -> None:
        await self._listen(View, MESSAGE_BYTES, self._choose)

    def _choose(self, view: View) -> None:
        if view.filter.operator is not None and self._scope.aggregate:
            raise Refused(403, "filter.operator", "aggregates_only", NO_SINGLE)
        self._filter = view.filter
        self._listener.event.set()

    async def _write(self) -> None:
        while True:
            ids, many = self._listener.take()
            if ids and not many and not self._scope.aggregate and len(ids) <= ROWS_MOST:
                if rows := await asyncio.to_thread(self._rows, ids):
                    await self._send({"type": "case", "rows": rows})
            elif ids or many:
                await self._send({"type": "many"})
            await self._send(await self._summary())
            await asyncio.sleep(REST_S)
            await self._listener.event.wait()

    def _rows(self, ids: set[int]) -> list[CaseRow]:
        found = [row for row in reading.rows(self._services.engine, self._scope, sorted(ids)) if self._shows(row)]
        with read(self._services.engine) as connection:
            return reading.views(connection, found)

    def _shows(self, row: dict[str, Any]) -> bool:
        chosen = self._filter
        limits = (("city", chosen.city), ("county", chosen.county), ("operator_id", chosen.operator))
        return all(value is None or row[name] == value for name, value in limits)

    async def _summary(self) -> dict[str, Any]:
        chosen = CaseFilter(
            city=self._filter.city, county=self._filter.county, operator=self._filter.operator, me=self._door.user_id
        )
        found = await cases_of(self._services).counts.of(self._scope, chosen)
        mine = None if self._scope.aggregate else found.mine
        return {
            "type": "summary",
            "as_of": now_ms(),
            "stages": found.stages,
            "mine": mine,
            "oldest_due_at": found.oldest_due_at,
        }

    async def _still(self, door: Door) -> None:
        if door.allow("read", "case", aggregates=True) != self._scope:
            raise Closed(FORBIDDEN, "scope_changed")
