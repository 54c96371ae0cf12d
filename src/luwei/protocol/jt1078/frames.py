"""From packets to frames (reference §1.5): one open frame for each SIM, channel and kind of medium.

Audio may fall between the packets of a picture, so kinds never disturb each other. A frame with anything missing is
dropped and counted; the next of its stream says so (``after_loss``). The end of a frame is told by the sub-package
mark, never by M. One assembler a connection: live and playback of a channel have the same headers (§6.8).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from luwei.protocol.jt1078.packet import ATOMIC, AUDIO, FIRST, LAST, PASSTHROUGH, Packet
from luwei.protocol.jt1078.serials import SEPARATE, STREAMS_MAX, SerialCheck
from luwei.protocol.jt1078.stream import Event, Slip

FRAME_MAX = 2 << 20
"""Most octets of one frame."""
OPEN_OCTETS_MAX = 4 << 20
"""Most octets of all open frames of a connection."""
OPEN_MS = 2000
"""An open frame that does not end within this is dropped."""

VIDEO_KIND, AUDIO_KIND, PASSTHROUGH_KIND = "video", "audio", "passthrough"
KINDS = {AUDIO: AUDIO_KIND, PASSTHROUGH: PASSTHROUGH_KIND}

UNFINISHED, GAP, STRAY, MISMATCH, TOO_LONG, EXPIRED, CROWDED, SLIPPED = (
    "unfinished", "gap", "stray", "mismatch", "too_long", "expired", "crowded", "slipped",
)  # fmt: skip
"""Why a frame was dropped: another began, packets are missing, its beginning is, a packet of another frame came, more
than 2 MiB, 2 s without an end, too much open in the connection, the stream was out of step."""


class StreamKey(NamedTuple):
    """What frames belong together by."""

    sim_raw: bytes
    channel: int
    kind: str


class Frame(NamedTuple):
    """One whole frame: a picture with all its NAL units, audio, or passed-through data. Times as in the packet."""

    key: StreamKey
    payload_type: int
    data_type: int
    timestamp_ms: int | None
    i_interval_ms: int | None
    frame_interval_ms: int | None
    body: bytes
    packets: int
    after_loss: bool
    """Whether something of this stream may be missing since the frame before."""


class _Open:
    __slots__ = ("body", "first", "packets", "since_ms")

    def __init__(self, first: Packet, now_ms: int) -> None:
        self.first = first
        self.body = bytearray(first.body)
        self.packets = 1
        self.since_ms = now_ms


class FrameAssembler:
    """The frames of one connection. Times of the caller's clock in milliseconds."""

    __slots__ = ("_clean", "_key", "_losses", "_octets", "_open", "dropped", "empty", "frames", "serials")

    def __init__(self) -> None:
        self._open: OrderedDict[StreamKey, _Open] = OrderedDict()
        self._octets = 0
        self._key: StreamKey | None = None
        """Of the packet before: most are of the same stream."""
        self._losses = 0
        self._clean: OrderedDict[StreamKey, int] = OrderedDict()
        """What ``_losses`` was at the last frame of a stream: it is whole since then while the two are equal."""
        self.serials = SerialCheck()
        self.dropped: Counter[str] = Counter()
        """Frames (for ``stray``: packets) thrown away, by reason."""
        self.empty = 0
        """Packets without a body, which count for the serial only."""
        self.frames = 0

    @property
    def open_octets(self) -> int:
        """Octets kept for frames that are not complete."""
        return self._octets

    def take(self, events: Iterable[Event], now_ms: int) -> list[Frame]:
        """Frames that ``events`` of the reader complete, in order."""
        frames = []
        for event in events:
            if isinstance(event, Slip):
                self.slip()
            elif (frame := self.add(event, now_ms)) is not None:
                frames.append(frame)
        return frames

    def add(self, packet: Packet, now_ms: int) -> Frame | None:
        """The frame that ``packet`` completes, if any."""
        key, kind = self._key, KINDS.get(packet.data_type, VIDEO_KIND)
        if key is None or key.kind != kind or key.channel != packet.channel or key.sim_raw != packet.sim_raw:
            key = self._key = StreamKey(packet.sim_raw, packet.channel, kind)
        if self.serials.add(packet.serial, key):
            self._break(key)
        if not packet.body:
            self.empty += 1
        if packet.subpackage == ATOMIC:
            self._drop(key, UNFINISHED)
            return self._whole(key, packet, packet.body, 1)
        if packet.subpackage == FIRST:
            self._drop(key, UNFINISHED)
            self._open[key] = _Open(packet, now_ms)
            self._octets += len(packet.body)
            self._make_room()
            return None
        return self._go_on(key, packet, now_ms)

    def slip(self) -> None:
        """The reader was out of step: nothing that is open can be trusted."""
        for key in list(self._open):
            self._drop(key, SLIPPED)
        self._losses += 1

    def expire(self, now_ms: int) -> None:
        """Drop what has been open for 2 s."""
        for key in [key for key, frame in self._open.items() if now_ms - frame.since_ms > OPEN_MS]:
            self._drop(key, EXPIRED)

    def _make_room(self) -> None:
        while len(self._open) > STREAMS_MAX or self._octets > OPEN_OCTETS_MAX:
            self._drop(next(iter(self._open)), CROWDED)

    def _go_on(self, key: StreamKey, packet: Packet, now_ms: int) -> Frame | None:
        frame = self._open.get(key)
        reason = _objection(frame, packet, now_ms)
        if frame is None or reason:
            if frame is None:
                self.dropped[reason] += 1
                self._mark(key)
            self._drop(key, reason)
            return None
        frame.body += packet.body
        frame.packets += 1
        self._octets += len(packet.body)
        if packet.subpackage == LAST:
            del self._open[key]
            self._octets -= len(frame.body)
            return self._whole(key, frame.first, bytes(frame.body), frame.packets)
        if self._octets > OPEN_OCTETS_MAX:
            self._make_room()
        return None

    def _whole(self, key: StreamKey, first: Packet, body: bytes, packets: int) -> Frame | None:
        if not body:
            return None
        after_loss = self._clean.get(key, self._losses) != self._losses
        self._set_clean(key, self._losses)
        self.frames += 1
        return Frame(
            key,
            first.payload_type,
            first.data_type,
            first.timestamp_ms,
            first.i_interval_ms,
            first.frame_interval_ms,
            body,
            packets,
            after_loss,
        )

    def _break(self, key: StreamKey) -> None:
        """Packets are missing. With one counter for all nobody knows of which stream, so every open frame is broken."""
        if self.serials.counter == SEPARATE:
            self._drop(key, GAP)
            self._mark(key)
            return
        for other in list(self._open):
            self._drop(other, GAP)
        self._losses += 1

    def _drop(self, key: StreamKey, reason: str) -> None:
        frame = self._open.pop(key, None)
        if frame is not None:
            self._octets -= len(frame.body)
            self.dropped[reason] += 1
            self._mark(key)

    def _mark(self, key: StreamKey) -> None:
        self._set_clean(key, -1)

    def _set_clean(self, key: StreamKey, losses: int) -> None:
        self._clean[key] = losses
        if len(self._clean) > STREAMS_MAX:
            self._clean.popitem(last=False)


def _objection(frame: _Open | None, packet: Packet, now_ms: int) -> str:
    """Why a middle or last packet does not continue the open frame; empty when it does."""
    if frame is None:
        return STRAY
    if frame.first.timestamp_ms != packet.timestamp_ms or frame.first.data_type != packet.data_type:
        return MISMATCH
    if now_ms - frame.since_ms > OPEN_MS:
        return EXPIRED
    return TOO_LONG if len(frame.body) + len(packet.body) > FRAME_MAX else ""
