"""One terminal's part of a talk: its line on the port of talk, the sound that comes up, and what goes down on it.

What a terminal sends decides how it is spoken to; before it sent anything, what it said in 0x1003 (reference §3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import av
import msgspec

from luwei.media.form import RATE, Form, Unsupported, heard_form, known_form
from luwei.media.orders import BROADCAST, LISTEN, Expect, StreamState, TalkOrder
from luwei.media.samples import Decode, listener_of
from luwei.media.stream import CONNECTED, LIVE, Host, Stream
from luwei.media.voice import resampled
from luwei.protocol.jt808.messages.video import CODECS
from luwei.protocol.jt1078.audio import AudioBlocks, AudioFormat
from luwei.protocol.jt1078.frames import AUDIO_KIND, Frame
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

if TYPE_CHECKING:
    from luwei.media.talk import Talk

ALONE_MS = 5_000
"""A leg whose supervisor is gone ends by itself after so long: nobody is to be on the air for nobody."""
UNKNOWN_MAX = 25
"""Frames of no known codec before that is told."""
AHEAD_MS = 2_000
"""Sound that comes faster than real time by more than this is not decoded."""
DEFAULT_PAYLOAD, DEFAULT_FRAME = 6, 320
"""G.711 A-law, 40 ms, for a terminal that does not say (reference §6.3)."""


class Down(Protocol):
    """A line on which sound can be sent down."""

    def write(self, data: bytes) -> bool: ...

    @property
    def round_trip_ms(self) -> int | None: ...


class Leg(Stream):
    """A stream of sound alone, both ways."""

    def __init__(self, expect: Expect, host: Host, budget: Callable[[int], bool], talk: Talk) -> None:
        super().__init__(expect, host, budget)
        assert expect.talk is not None
        self._order: TalkOrder = expect.talk
        self.talk = talk
        self.form: Form | None = None
        """How it is spoken to; None where that cannot be."""
        self.heard_ms = self.ahead_ms = self.sent_ms = self.dropped_ms = 0
        self.block_ms = 0
        """Of what comes up."""
        self._payload_type = 0
        self._format: AudioFormat | None = None
        self._decode: Decode | None = None
        self._resampler: Any = None
        self._writer: PacketWriter | None = None
        self._sim_raw = b""
        self._began_ms = 0
        self._stamp = 0.0
        self._told = ""
        self._choose()

    @property
    def codec(self) -> str:
        """Of the terminal, as far as it is known."""
        return self._format.codec if self._format is not None else self.form.codec if self.form is not None else ""

    @property
    def down(self) -> Any:
        """The line to send on; None while there is none."""
        return self.source

    # The terminal's side

    def attach(self, source: Any) -> None:
        if source is self.source:
            return
        super().attach(source)
        self._writer, self._sim_raw, self._stamp = None, b"", 0.0
        self._format = self._decode = None
        self._began_ms, self.heard_ms, self.ahead_ms = self._host.now_ms(), 0, 0
        self._choose()
        if self._order.kind == BROADCAST and self.form is not None:
            self._live()

    def take(self, frame: Frame, now_ms: int) -> None:
        self.last_at = now_ms
        self.frames += 1
        self._sim_raw = frame.key.sim_raw
        if not self.data_at:
            self.data_at = now_ms
            self._host.event(self, "data")
        if frame.key.kind != AUDIO_KIND:
            return
        self._payload_type = frame.payload_type
        blocks = self.audio.take(frame)
        if blocks is not None:
            self._listen(blocks, now_ms)
        elif self._format is None and self.audio.unknown >= UNKNOWN_MAX:
            self._unsupported(_name(frame.payload_type))

    def _listen(self, blocks: AudioBlocks, now_ms: int) -> None:
        if blocks.format != self._format:
            self._format = blocks.format
            self._decode = listener_of(blocks.format, self.expect.audio)
            rate = blocks.format.sample_rate
            self._resampler = None if rate == RATE else av.AudioResampler(format="s16", layout="mono", rate=RATE)
            self._choose(blocks.blocks[0])
        if self._decode is None and self._order.kind != BROADCAST:
            self._unsupported(blocks.format.codec)
            return
        if self.state != LIVE and not self._told:
            self._live()
        self.block_ms = blocks.duration_ms or self.block_ms
        if not self.talk.hears or self._decode is None:
            return
        for block in blocks.blocks:
            if self.heard_ms - (now_ms - self._began_ms) > AHEAD_MS:
                self.ahead_ms += self.block_ms
                return
            samples = self._decode(block)
            if self._resampler is not None:
                samples = resampled(self._resampler, samples, blocks.format.sample_rate)
            self.heard_ms += len(samples) * 1000 // RATE
            self.talk.heard(samples)

    def _live(self) -> None:
        self.state = LIVE
        self._host.event(self, "live", self.codec)

    def _unsupported(self, codec: str) -> None:
        if self._told != codec:
            self._told = codec
            self._host.event(self, "unsupported", codec)

    def _choose(self, block: bytes = b"") -> None:
        """How it is spoken to from now on."""
        order, hints = self._order, self.expect.audio
        if order.kind == LISTEN:
            return
        try:
            if self._format is not None:
                form = heard_form(
                    self._format, self._payload_type, block, hints.g726_big_endian, hints.adpcm_low_first
                )  # fmt: skip
                wrapped = {"always": True, "never": False}.get(order.hisilicon, form.hisilicon)
                self.form = form._replace(hisilicon=wrapped)
            else:
                self.form = known_form(
                    order.payload_type or DEFAULT_PAYLOAD, order.hisilicon == "always",
                    order.frame_length or DEFAULT_FRAME, codec=hints.codec, rate=hints.sample_rate, bits=hints.bits,
                    big_endian=hints.g726_big_endian, low_first=hints.adpcm_low_first,
                )  # fmt: skip
        except Unsupported as unsupported:
            self.form = None
            # what 0x1003 says may be wrong: a talk waits for what is really sent
            if self._format is not None or order.kind == BROADCAST:
                name = str(unsupported)
                self._unsupported(_name(int(name)) if name.isdigit() else name)
        self.talk.regroup()

    def send(self, block: bytes, at_ms: float) -> None:
        """A block in ``form``, which begins at ``at_ms`` of the talk."""
        down: Down | None = self.down
        if down is None or self.form is None:
            return
        if self._writer is None:
            digits = self.expect.phone.lstrip("0")[-12:] or "0"
            self._writer = PacketWriter(self._sim_raw or sim_field(digits), self.expect.channel)
            self._stamp = at_ms
        packets = self._writer.audio(block, self.form.payload_type, max(0, round(at_ms - self._stamp)))
        if down.write(b"".join(packets)):
            self.sent_ms += round(self.form.block_ms)
            self.untold_bytes += sum(map(len, packets))
        else:
            self.dropped_ms += round(self.form.block_ms)

    # Time

    def tick(self, now_ms: int) -> None:
        """Who listens is told that nothing comes; a talk may be silent."""
        if self._order.kind == LISTEN:
            super().tick(now_ms)

    def second(self, now_ms: int) -> None:
        octets, _ = self._before
        self._before = (self.bytes, 0)
        self.bit_rate += round(((self.bytes - octets) * 8 - self.bit_rate) / 2)
        if self.source is not None:
            self.untold_ms += 1000

    def left_alone(self, now_ms: int) -> bool:
        since = self.talk.alone_since
        return since is not None and now_ms - max(since, self.expected_at) > ALONE_MS

    def end(self, reason: str) -> None:
        super().end(reason)
        self.talk.leave(self)

    def report(self) -> StreamState:
        said = super().report()
        connected = CONNECTED if self.source is not None and self.state not in (LIVE, "stalled") else self.state
        return msgspec.structs.replace(said, audio=self.codec, state=connected, unsupported=self._told)


def _name(payload_type: int) -> str:
    """A codec as it is called in reports."""
    return CODECS.get(payload_type, f"PT {payload_type}").lower().replace(".", "")
