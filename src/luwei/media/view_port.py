"""The view port: where the core fetches pictures for its browsers, one connection a viewer.

A viewer brings a key that the core announced (``Admit``) and that counts once and for a short time. Whoever brings none
within 5 s, or a wrong one, is closed and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from dataclasses import dataclass
from typing import Any, Protocol

from luwei.media.orders import Admit
from luwei.media.stream import Stream
from luwei.media.talk import Talk
from luwei.media.viewer import Viewer

KEY_S = 5.0
STRANGERS_MAX = 500
"""Connections that brought no key yet."""
ADMISSIONS_MAX = 10_000
SEND_BUFFER = 64 << 10
"""Of the kernel, for each viewer: what lies there is as late as what waits here."""


class Host(Protocol):
    """What the port needs of its node."""

    def stream(self, name: str) -> Stream | None: ...

    def talk(self, name: str) -> Talk | None: ...

    def refuse(self, reason: str, peer: str = "", detail: str = "") -> None: ...

    def now_ms(self) -> int: ...


@dataclass(slots=True)
class _Admission:
    said: Admit
    until_ms: int


class ViewPort:
    """All viewers of one process."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._admissions: dict[str, _Admission] = {}
        self._strangers: dict[Viewer, float] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, address: str, port: int) -> None:
        """Listen on a port of ``address``, 0: on a free one. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Viewer(self), address, port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Take no more viewers; those there end with their streams."""
        if self._server is not None:
            self._server.close()
        for viewer in list(self._strangers):
            viewer.close()

    def admit(self, said: Admit) -> None:
        """Let a viewer in who brings the key."""
        now = self._host.now_ms()
        for key in [key for key, each in self._admissions.items() if each.until_ms < now]:
            del self._admissions[key]
        if len(self._admissions) < ADMISSIONS_MAX:
            self._admissions[said.key] = _Admission(said, now + said.valid_ms)

    def second(self, now_s: float) -> None:
        """Close who brought no key in time."""
        for viewer, since in list(self._strangers.items()):
            if now_s - since > KEY_S:
                self._host.refuse("view_key", detail="no key")
                viewer.close()

    # What a viewer calls

    def opened(self, viewer: Viewer, transport: asyncio.WriteTransport) -> None:
        """A connection was made."""
        if len(self._strangers) >= STRANGERS_MAX:
            self._host.refuse("view_key", detail="too many")
            transport.abort()
            return
        line = transport.get_extra_info("socket")
        if line is not None:
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._strangers[viewer] = asyncio.get_running_loop().time()

    def closed(self, viewer: Viewer) -> None:
        """A connection ended."""
        self._strangers.pop(viewer, None)
        stream, viewer.stream = viewer.stream, None
        if stream is not None:
            stream.leave(viewer)
        talk, viewer.talk = viewer.talk, None
        if talk is not None:
            talk.gone(viewer)

    def said(self, viewer: Viewer, message: dict[str, Any]) -> None:
        """A viewer's message: first the key, later his wishes."""
        if viewer.stream is not None or viewer.talk is not None:
            viewer.wants(message)
            return
        self._strangers.pop(viewer, None)
        key = message.get("key")
        admission = self._admissions.pop(key, None) if isinstance(key, str) else None
        if admission is None or admission.until_ms < self._host.now_ms():
            self._host.refuse("view_key", detail="unknown or late")
            viewer.end("ticket_expired")
            return
        viewer.name = admission.said.viewer
        viewer.since_ms = self._host.now_ms()
        talk = self._host.talk(admission.said.stream)
        if talk is not None:
            viewer.talk = talk
            talk.join(viewer)
            return
        stream = self._host.stream(admission.said.stream)
        if stream is None:
            viewer.end("ended")
            return
        stream.join(viewer, admission.said.formats, admission.said.audio)


def new_key() -> str:
    """A key that nobody guesses."""
    return secrets.token_urlsafe(24)
