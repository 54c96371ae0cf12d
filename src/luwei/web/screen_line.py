"""One open screen: the line to a browser that is told what changes, until it leaves or its right ends.

Close codes: 4401 the login session has ended, 4403 not allowed, 4404 there is no such row, 1013 too many screens, 1008
the client does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Gauge

from luwei.registry.errors import RegistryError
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused, field_of
from luwei.web.services import Services

log = structlog.get_logger()

SEND_S = 30.0
"""A client that takes nothing for so long is let go."""
SESSION_ENDED, FORBIDDEN, NOT_FOUND, TOO_MANY, SLOW = 4401, 4403, 4404, 1013, 1008

Socket = WebSocket[Any, Any, Any]
T = TypeVar("T")
M = TypeVar("M", bound=msgspec.Struct)


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a page of this very host opened the socket (RFC 6455 §10.2); browsers always send Origin."""
    return bool(origin and host) and urlsplit(origin or "").netloc.lower() == (host or "").lower()


class Closed(Exception):
    """The line ends, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Seats:
    """Who has how many screens of one sort open. Not thread-safe: the event loop is its only user."""

    def __init__(self, most: int, most_a_person: int, gauge: Gauge | None = None) -> None:
        self.most = most
        self.most_a_person = most_a_person
        self.taken: Tally[int] = Tally()
        self._gauge = gauge

    @contextlib.contextmanager
    def sit(self, user_id: int) -> Iterator[None]:
        """One seat while the block runs. Raises Closed where there is none."""
        if self.taken.total() >= self.most or self.taken[user_id] >= self.most_a_person:
            raise Closed(TOO_MANY, "too_many_screens")
        self._count(user_id, 1)
        try:
            yield
        finally:
            self._count(user_id, -1)

    def _count(self, user_id: int, change: int) -> None:
        self.taken[user_id] += change
        if not self.taken[user_id]:
            del self.taken[user_id]
        if self._gauge is not None:
            self._gauge.set(self.taken.total())


async def admitted(socket: Socket, services: Services, allow: Callable[[Door], Awaitable[T]]) -> tuple[Door, T] | None:
    """Accept a screen of this host whose person ``allow`` lets in, with what it gives; else close, say why, None."""
    if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(FORBIDDEN, "origin")
        return None
    try:
        door = await open_door(socket, services)
        found = await allow(door)
    except (Refused, RegistryError) as error:
        # Accepted first, since a browser's script cannot see why a socket was not opened.
        await socket.accept()
        await socket.close(_ended(error).code, error.rule if isinstance(error, Refused) else "not_found")
        return None
    await socket.accept()
    return door, found


def _ended(error: Refused | RegistryError) -> Closed:
    if isinstance(error, RegistryError):
        return Closed(NOT_FOUND, "not_found")
    return Closed(SESSION_ENDED, "session_ended") if error.status == 401 else Closed(FORBIDDEN, error.rule)


class ScreenLine(ABC):
    """Reader, writer and watch of the right of one socket; ``name`` is what the log calls it."""

    name = "screen"

    def __init__(self, socket: Socket, services: Services, door: Door) -> None:
        self._socket = socket
        self._services = services
        self._door = door

    async def run(self) -> None:
        """Until the browser leaves, does not read, or may see no more; then close."""
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        ended = Closed(1000, "")
        for result in results:
            if isinstance(result, Closed):
                ended = result
            elif isinstance(result, TimeoutError):
                self._let_go()
                ended = Closed(SLOW, "not_reading")
            elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                log.error("socket failed", socket=self.name, exc_info=result)
                ended = Closed(1011, "internal")
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await self._socket.close(ended.code, ended.reason)

    @abstractmethod
    async def _write(self) -> None:
        """Send what changes, for ever."""

    @abstractmethod
    async def _still(self, door: Door) -> None:
        """The right may have changed. Raises Refused, RegistryError or Closed where the screen may not stay open."""

    def _let_go(self) -> None:
        """The client did not read."""
        log.info("screen let go: it does not read", socket=self.name, user=self._door.user_id)

    async def _read(self) -> None:
        """What the client says; nothing unless a screen listens."""
        while True:
            await self._socket.receive_data(mode="text")

    async def _listen(self, kind: type[M], most: int, take: Callable[[M], None], rest_s: float = 0) -> None:
        """Hand on each message of the client; tell it what is wrong with one. At most one in ``rest_s``."""
        while True:
            data = await self._socket.receive_data(mode="text")
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            try:
                if len(text.encode()) > most:
                    raise Refused(400, "", f"at most {most} bytes")
                take(msgspec.json.decode(text, type=kind))
            except Refused as refused:
                await self._send({"type": "error", "field": refused.field, "rule": refused.rule})
            except msgspec.MsgspecError as error:
                field, rule = field_of(str(error))
                await self._send({"type": "error", "field": field, "rule": rule})
            if rest_s:
                await asyncio.sleep(rest_s)

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_S):
            await self._socket.send_text(msgspec.json.encode(message).decode())

    async def _watch(self) -> None:
        """Raises Closed once the login session or the right has ended, also since the socket was opened."""
        while True:
            since = await self._services.watch.mark()
            try:
                door = await open_door(self._socket, self._services)
                await self._still(door)
                await self._services.watch.changed(door.user, since)
            except (Refused, RegistryError) as error:
                raise _ended(error) from None
