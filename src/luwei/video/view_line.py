"""The core's lines to media nodes' view ports, by each of which the pictures of one viewer, or the sound of one talk,
come.

A line that breaks says nothing of its node: the node itself cuts off a viewer who takes too little. Whether the node is
there is asked when the next line is opened (``VideoDesk.place``), and known at once where its process has ended. A host
that goes ends no line: its node is missed on the bus, and what then is silent is cut here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket as socket_module
from collections.abc import Callable
from typing import Any

import msgspec

from luwei.media.orders import BINARY, RECORD, TEXT
from luwei.video.tickets import Place

CONNECT_S = 3.0
NODE_BUFFER = 64 << 10
QUIET_S = 2.0
"""A line on which nothing came for so long, of a node that is missed: no pictures come by it any more."""
RECORD_MAX = 12 << 20
"""A node's record: the kept pictures of a stream, or a still."""


class LineBroken(ConnectionError):
    """The line to a node ended without a word."""


class ViewLine:
    """One line, opened with the key of a ``Place``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.heard_s = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, place: Place) -> ViewLine:
        """Connect and bring the key. The kernel holds little of the line: what waits there is as late as what waits at
        the node. Raises OSError, TimeoutError: the node cannot be reached."""
        async with asyncio.timeout(CONNECT_S):
            family = socket_module.AF_INET6 if ":" in place.host else socket_module.AF_INET
            line = socket_module.socket(family, socket_module.SOCK_STREAM)
            try:
                line.setblocking(False)
                line.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, NODE_BUFFER)
                await asyncio.get_running_loop().sock_connect(line, (place.host, place.port))
                opened = cls(*await asyncio.open_connection(sock=line, limit=NODE_BUFFER))
            except BaseException:
                line.close()
                raise
        opened.say({"key": place.key})
        return opened

    async def read(self) -> tuple[int, bytes]:
        """Kind (TEXT, BINARY) and payload of the next record. Raises LineBroken."""
        try:
            size, kind = RECORD.unpack(await self._reader.readexactly(RECORD.size))
            if size > RECORD_MAX:
                raise LineBroken(f"a record of {size} octets")
            payload = await self._reader.readexactly(size)
            self.heard_s = asyncio.get_running_loop().time()
            return kind, payload
        except (OSError, asyncio.IncompleteReadError) as error:
            raise error if isinstance(error, LineBroken) else LineBroken(str(error)) from error

    def say(self, message: dict[str, Any]) -> None:
        """A text to the node."""
        body = msgspec.json.encode(message)
        self._writer.write(RECORD.pack(len(body), TEXT) + body)

    def speak(self, sound: bytes) -> None:
        """A person's voice to the node."""
        self._writer.write(RECORD.pack(len(sound), BINARY) + sound)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def abort(self) -> None:
        """Hang up on a host that may not be there: what reads here ends at once."""
        self._writer.transport.abort()


class Lines:
    """Those that are open, each with whether its stream is still where it leads."""

    def __init__(self) -> None:
        self._open: dict[ViewLine, Callable[[], bool]] = {}

    async def open(self, place: Place, there: Callable[[], bool]) -> ViewLine:
        """As ``ViewLine.open``; ``there`` is asked once a second from now on."""
        line = await ViewLine.open(place)
        self._open[line] = there
        return line

    def close(self, line: ViewLine) -> None:
        """Hang up."""
        self._open.pop(line, None)
        line.close()

    def sweep(self, now_s: float) -> None:
        """Cut what is silent and leads nowhere. A node that is missed on the bus alone may go on sending."""
        for line, there in list(self._open.items()):
            if now_s - line.heard_s > QUIET_S and not there():
                line.abort()


async def answers(host: str, port: int) -> bool:
    """Whether a view port can be reached."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True
    return False
