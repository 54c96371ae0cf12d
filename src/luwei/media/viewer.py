"""One viewer at the view port: what he may see, and how much of it waits for him.

A viewer who takes less than comes gets whole pictures from the next key picture on instead of ever older ones: his
share of the process's memory is bounded, and the terminal's line never waits for him.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from luwei.media.orders import BINARY, RECORD, SPOKEN_MAX, ViewerState
from luwei.media.output import text

if TYPE_CHECKING:
    from luwei.media.stream import Stream
    from luwei.media.talk import Talk
    from luwei.media.view_port import ViewPort

WAITING_MAX = 256 << 10
"""Bytes that may wait for a viewer, beside what he began with."""
STUCK_S = 20.0
"""A viewer who takes nothing for so long is let go."""
ASKED_MAX = 512
"""Octets of one message of a viewer."""


class Viewer(asyncio.Protocol):
    """The core's line for one browser. A stranger until the key came, then of one stream or talk until either ends."""

    def __init__(self, port: ViewPort) -> None:
        self._port = port
        self._inbox = b""
        self._transport: asyncio.WriteTransport | None = None
        self._limit = WAITING_MAX
        self._stuck_since: float | None = None
        self._skipping_since = 0
        self.name = ""
        self.stream: Stream | None = None
        self.talk: Talk | None = None
        self.formats: list[str] = []
        """What the browser can play, best first."""
        self.format = ""
        self.audio = False
        self.since_ms = 0
        self.skipped = 0
        self.needs_key = True
        """Nothing is sent before the next key picture."""
        self.shown = False

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=WAITING_MAX)
        self._port.opened(self, self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._port.closed(self)

    def data_received(self, data: bytes) -> None:
        self._inbox += data
        while self._transport is not None and len(self._inbox) >= RECORD.size:
            size, kind = RECORD.unpack_from(self._inbox)
            spoken = kind == BINARY and self.talk is not None
            if size > (SPOKEN_MAX if spoken else ASKED_MAX):
                self.close()
                return
            stop = RECORD.size + size
            if len(self._inbox) < stop:
                return
            body, self._inbox = self._inbox[RECORD.size : stop], self._inbox[stop:]
            if spoken and self.talk is not None:
                self.talk.spoken(body)
                continue
            try:
                message = json.loads(body)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                self.close()
                return
            self._port.said(self, message)

    # What the stream calls

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def begin(self, record: bytes) -> None:
        """Send the pictures to begin with, however many they are."""
        self._limit = WAITING_MAX + len(record)
        self.send(record)

    def send(self, record: bytes) -> None:
        """Send a record whatever waits: these are few and small."""
        if self._transport is not None:
            self._transport.write(record)

    def offer(self, record: bytes, key: bool, at_ms: int) -> bool:
        """Send pictures, or leave them out until the next key picture where too much waits; whether they were sent."""
        transport = self._transport
        if transport is None:
            return False
        if transport.get_write_buffer_size() > self._limit:
            if not self.needs_key:
                self.needs_key, self._skipping_since = True, at_ms
            return False
        self._limit = WAITING_MAX
        if self.needs_key:
            if not key:
                return False
            self.needs_key = False
            if self._skipping_since:
                self.skipped += 1
                transport.write(text({"kind": "skipped", "ms": max(0, at_ms - self._skipping_since)}))
                self._skipping_since = 0
        transport.write(record)
        return True

    def hear(self, record: bytes, begins: bool) -> None:
        """Send sound, which is left out where too much waits."""
        if self._transport is not None and (begins or self._transport.get_write_buffer_size() <= self._limit):
            self._transport.write(record)

    def stuck(self, now_s: float) -> bool:
        """Whether he took nothing for too long; to be asked each second."""
        if self.waiting <= WAITING_MAX // 2:
            self._stuck_since = None
            return False
        if self._stuck_since is None:
            self._stuck_since = now_s
        return now_s - self._stuck_since > STUCK_S

    def end(self, reason: str) -> None:
        """Say why, then close."""
        if self._transport is not None:
            self._transport.write(text({"kind": "ended", "reason": reason}))
            self.close()

    def close(self) -> None:
        """Close; what waits is sent where the viewer takes it in time."""
        transport, self._transport = self._transport, None
        if transport is not None:
            if transport.get_write_buffer_size() > WAITING_MAX // 2:
                transport.abort()
            else:
                transport.close()
            self._port.closed(self)

    def state(self) -> ViewerState:
        return ViewerState(self.name, self.since_ms, self.format, self.audio, self.skipped, self.waiting)

    def wants(self, message: dict[str, Any]) -> None:
        """A message of the viewer: whether he wants sound."""
        if message.get("kind") == "audio" and isinstance(message.get("on"), bool) and self.stream is not None:
            self.stream.listen(self, message["on"])
