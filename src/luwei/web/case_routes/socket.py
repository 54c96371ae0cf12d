"""/ws/cases: a screen hears which cases changed, once a second, and how many are open.

Close codes as of /ws/live: 4401 the login session has ended, 4403 not allowed, 1013 too many screens, 1008 not reading.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter as Tally
from typing import Annotated, Any, Literal

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Gauge

from luwei.cases import reading
from luwei.cases.news import Listener
from luwei.cases.reading import CaseFilter, CaseRow
from luwei.cases.scope import covers
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.web.case_routes.allowed import cases_of
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused, field_of
from luwei.web.live_socket import SCREENS, SCREENS_PER_USER, SEND_S, same_origin
from luwei.web.services import Services

log = structlog.get_logger()

MESSAGE_BYTES = 1024
REST_S = 1.0
ROWS_MOST = reading.SIZE_MOST
Code = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]

_screens: Tally[int] = Tally()
_open = Gauge("luwei_case_screens", "Connected screens of the queue")


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
    if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(4403, "origin")
        return
    try:
        door = await open_door(socket, services)
        scope = door.allow("read", "case", aggregates=True)
        news = cases_of(services).news
    except Refused as refused:
        await socket.accept()
        await socket.close(4401 if refused.status == 401 else 4403, refused.rule)
        return
    await socket.accept()
    if _screens.total() >= SCREENS or _screens[door.user_id] >= SCREENS_PER_USER:
        await socket.close(1013, "too_many_screens")
        return
    await door.looked("case.watch", detail={}, scope=scope)
    _screens[door.user_id] += 1
    _open.set(_screens.total())
    listener = news.listen()
    try:
        await _Line(socket, services, door, scope, listener).run()
    finally:
        news.leave(listener)
        _screens[door.user_id] -= 1
        if not _screens[door.user_id]:
            del _screens[door.user_id]
        _open.set(_screens.total())


class _Line:
    """Reader, writer and session watch of one socket."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], services: Services, door: Door, scope: Scope, listener: Listener
    ) -> None:
        self._socket = socket
        self._services = services
        self._door = door
        self._scope = scope
        self._listener = listener
        self._filter = Filter()

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
                code, reason = 1008, "not_reading"
            elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                log.error("case socket failed", exc_info=result)
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
                self._filter = msgspec.json.decode(text, type=View).filter
                self._listener.event.set()
            except Refused as refused:
                await self._send({"type": "error", "field": refused.field, "rule": refused.rule})
            except msgspec.MsgspecError as error:
                field, rule = field_of(str(error))
                await self._send({"type": "error", "field": field, "rule": rule})

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
        found = [row for row in reading.rows(self._services.engine, sorted(ids)) if self._shows(row)]
        with read(self._services.engine) as connection:
            return reading.views(connection, found)

    def _shows(self, row: dict[str, Any]) -> bool:
        chosen = self._filter
        limits = (("city", chosen.city), ("county", chosen.county), ("operator_id", chosen.operator))
        return covers(self._scope, row) and all(value is None or row[name] == value for name, value in limits)

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

    async def _send(self, message: dict[str, Any]) -> None:
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
                if door.allow("read", "case", aggregates=True) != self._scope:
                    return 4403, "scope_changed"
            except Refused as refused:
                return (4401, "session_ended") if refused.status == 401 else (4403, refused.rule)
