"""What the sockets of pictures and of talks have in common: the browser's end, who may stay, how they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import msgspec
import structlog
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Counter
from websockets.exceptions import InvalidState

from luwei.live.feed import now_ms
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.web.china_time import written
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.socket_end import FORBIDDEN, SESSION_ENDED, SLOW, SocketEnded

log = structlog.get_logger()

CLOSE_S = 5.0
GONE, INTERNAL = 1006, 1011
REASON_MAX = 24
TOLD_RULES = frozenset({"reason_required", "totp_enrolment", "password_change"})
"""Why a right ended, where the person can do something about it."""
LEFT = SocketEnded | WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]


class Browser:
    """The browser's end of a socket: one message after the other."""

    def __init__(self, socket: Socket, patience_s: float) -> None:
        self._socket = socket
        self._patience_s = patience_s
        self._turn = asyncio.Lock()

    async def tell(self, message: dict[str, Any]) -> None:
        """Send a text. Raises SocketEnded where nothing is taken for the patience, WebSocketDisconnect."""
        text = msgspec.json.encode(message).decode()
        await self._send(lambda: self._socket.send_text(text))

    async def send(self, data: bytes) -> None:
        """Send octets. Raises SocketEnded likewise."""
        await self._send(lambda: self._socket.send_bytes(data))

    async def _send(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            try:
                async with asyncio.timeout(self._patience_s):
                    await work()
            except TimeoutError:
                raise SocketEnded(SLOW, "viewer_slow") from None
            except (OSError, InvalidState):
                # the server's word for a browser that leaves at this moment
                raise WebSocketDisconnect(detail="left", code=GONE) from None


async def close(socket: Socket, closed: Counter, code: int, reason: str, last: dict[str, Any]) -> None:
    """Say why, then close: a page need not guess from numbers. ``last`` goes along with the last ``state``."""
    closed.labels(reason if reason.isidentifier() and len(reason) < REASON_MAX else "other").inc()
    message = {"kind": "state", "state": "ended", "reason": reason, **last, "at": now_ms()}
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_S):
            await socket.send_text(msgspec.json.encode(message).decode())
            await socket.close(code, reason[:100])


def refused_end(refused: Refused) -> SocketEnded:
    """How a socket ends that the door refuses."""
    if refused.status == 401:
        return SocketEnded(SESSION_ENDED, "session_ended")
    return SocketEnded(FORBIDDEN, refused.rule if refused.rule in TOLD_RULES else "forbidden")


def seen_by(door: Door, scope: Scope) -> dict[str, Any]:
    """Watermark, and the grant in whose time somebody looks or talks."""
    now = now_ms()
    ends = [grant for grant in door.user.grants if grant.id in scope.grants]
    return {
        "watermark": f"{door.user.username} {written(now // 60_000 * 60_000)[:16].replace('T', ' ')}",
        "grant": {"to_at": min(each.to_at for each in ends), "purpose": scope.reason} if ends else None,
        "started_at": now,
    }


async def until_forbidden(
    socket: Socket, services: Services, right: tuple[str, str], still: Callable[[Scope], Awaitable[None]]
) -> NoReturn:
    """Ask again whenever the right may have ended, and at once: it may have since the socket was opened. ``still``
    raises NotFound where nothing is within reach any more. Raises SocketEnded."""
    while True:
        since = await services.watch.mark()
        try:
            door = await open_door(socket, services)
            await still(door.allow(*right))
            await services.watch.changed(door.user, since)
        except Refused as refused:
            raise refused_end(refused) from None
        except NotFound:
            raise SocketEnded(FORBIDDEN, "forbidden") from None


def end_of(results: Sequence[object]) -> SocketEnded | None:
    """What ended a socket, of the results of its tasks; None: its browser left."""
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, LEFT):
            log.error("socket failed", exc_info=result)
            return SocketEnded(INTERNAL, "internal")
    return next((each for each in results if isinstance(each, SocketEnded)), None)
