"""What one terminal's line brings, whether it is a connection or a source of datagrams: packets to frames to streams.

The first packet decides whose stream it is; a stream that nobody expects ends the line, unless others on it are wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from luwei.media.stream import Stream
from luwei.protocol.jt1078.frames import TOO_LONG, FrameAssembler
from luwei.protocol.jt1078.packet import Packet
from luwei.protocol.jt1078.serials import SerialCheck
from luwei.protocol.jt1078.stream import Event

ROUTES_MAX = 32
"""Pairs of SIM and channel remembered a line."""
SLIPS_MAX, SLIPS_S = 10, 60.0
"""More losses of step than this in a minute, and the device is cut off (reference §7)."""
OVERSIZE_MAX = 3
"""Frames beyond 2 MiB, and the device is cut off."""
FIRST_PACKET_S = 5.0

_Key = tuple[bytes, int]


class Host(Protocol):
    """What a line needs of its process."""

    def route(self, feed: Feed, sim_raw: bytes, channel: int) -> Stream | None:
        """The stream that this is; None where it is refused, which is counted there."""

    def refuse(self, reason: str, peer: str = "", detail: str = "") -> None: ...


class Feed:
    """One line of a terminal. ``line``: live, playback or talk, by the port it came to."""

    transport_name = "tcp"

    def __init__(self, host: Host, line: str, peer: str, address: str, now_s: float) -> None:
        self.host = host
        self.line = line
        self.peer = peer
        self.address = address
        """Without the port."""
        self.opened_s = self.heard_s = now_s
        self.packets = 0
        self.streams: set[Stream] = set()
        self.assembler = FrameAssembler()
        self.ended = ""
        """Why the line was ended from here."""
        self._routes: dict[_Key, Stream | None] = {}
        self._key: _Key | None = None
        self._stream: Stream | None = None
        self._slips: deque[float] = deque(maxlen=SLIPS_MAX + 1)
        self._assumed: Stream | None = None

    @property
    def serials(self) -> SerialCheck:
        """What is missing on this line."""
        return self.assembler.serials

    def write(self, data: bytes) -> bool:
        """Send sound down to the terminal; False where it does not take what was sent before."""
        raise NotImplementedError

    @property
    def round_trip_ms(self) -> int | None:
        """Of the line, where the kernel knows it."""
        return None

    def hang_up(self) -> None:
        """Close the line itself."""
        raise NotImplementedError

    def end(self, reason: str) -> None:
        """Close it, counted under ``reason``."""
        if not self.ended:
            self.ended = reason
            self.hang_up()

    def cut_off(self, reason: str, detail: str = "") -> None:
        """Close it for what it sent."""
        if not self.ended:
            self.host.refuse(reason, self.peer, detail)
            self.end(reason)

    def take(self, events: Iterable[Event], octets: int, now_ms: int, now_s: float) -> None:
        """Events of a reader, for which ``octets`` came."""
        add = self.assembler.add
        for event in events:
            if event.__class__ is not Packet:
                self._slipped(now_s)
                continue
            packet: Packet = event
            key = (packet.sim_raw, packet.channel)
            if key != self._key:
                self._switch(key)
            self.packets += 1
            stream = self._stream
            if stream is None and self.ended:
                return
            # a channel that nobody wants counts all the same: it has the serials between those of the others
            frame = add(packet, now_ms)
            if frame is not None and stream is not None:
                stream.take(frame, now_ms)
        if self._stream is not None:
            self._stream.count(octets)

    def _switch(self, key: _Key) -> None:
        if key not in self._routes:
            stream = None
            if len(self._routes) < ROUTES_MAX:
                stream = self._routes[key] = self.host.route(self, *key)
            if self._assumed is not None:
                assumed, self._assumed = self._assumed, None
                if assumed is not stream:
                    self.streams.discard(assumed)
                    assumed.detach(self)
            if stream is not None:
                self.streams.add(stream)
                stream.attach(self)
            elif not self.streams:
                self.end("refused")
        self._key, self._stream = key, self._routes.get(key)

    def _slipped(self, now_s: float) -> None:
        self.assembler.slip()
        self._slips.append(now_s)
        if len(self._slips) > SLIPS_MAX and now_s - self._slips[0] < SLIPS_S:
            self.cut_off("slips", f"{len(self._slips)} losses of step within a minute")

    def assume(self, stream: Stream) -> None:
        """The line brings ``stream``, though it has said nothing (``Expected.silent``); its first packet may tell
        otherwise."""
        self._assumed = stream
        self.streams.add(stream)
        stream.attach(self)

    def release(self, stream: Stream, reason: str) -> None:
        """A stream is brought by another line now, or is not expected any more; with the last one the line ends."""
        self.drop(stream)
        if not self.streams:
            self.end(reason)

    def reconsider(self, line: str, channel: int) -> None:
        """A stream is expected from now on that may have been refused on this line before."""
        if line != self.line:
            return
        self._routes = {
            key: stream for key, stream in self._routes.items() if stream is not None or key[1] != channel
        }  # fmt: skip
        if self._stream is None:
            self._key = None

    def drop(self, stream: Stream) -> None:
        """A stream is not brought here any more."""
        self.streams.discard(stream)
        self._routes = {key: each for key, each in self._routes.items() if each is not stream}
        self._key = self._stream = None

    def second(self, now_ms: int) -> None:
        """To be called once a second."""
        self.assembler.expire(now_ms)
        if self.assembler.dropped[TOO_LONG] > OVERSIZE_MAX:
            self.cut_off("oversize", "frames beyond 2 MiB")

    def lost(self) -> None:
        """The line is gone."""
        streams, self.streams = self.streams, set()
        for stream in streams:
            stream.detach(self)
