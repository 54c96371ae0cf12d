"""Sound of one stream as AAC in MP4, made while somebody listens and once for all who do.

AAC passes as it is; everything else is decoded and encoded. Blocks that are missing become silence, so that sound stays
on the time line of the picture; what overlaps is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np

from luwei.media import fmp4
from luwei.media.orders import AUDIO_TRACK, BINARY, AudioHints
from luwei.media.output import record, text
from luwei.media.samples import Decode, Samples, decoder_of
from luwei.protocol.jt1078.audio import AAC, AudioBlocks, AudioFormat
from luwei.protocol.jt1078.audio_blocks import AAC_LC, AAC_SAMPLES, SAMPLE_RATES

GAP_MS, GAP_MAX_MS = 200, 5_000
"""A block that comes so much later than the one before ended is preceded by silence; beyond the second, sound begins
anew."""
OVERLAP_MS = 500
BIT_RATE = 24_000
LISTENER_LIMIT = 256 << 10

Say = Callable[[bytes, bool], None]
"""Takes a record for all who listen, and whether it belongs to the beginning."""


class Sound:
    """The sound of a stream, from its first listener to its last."""

    def __init__(self, hints: AudioHints, say: Say, now_ms: int) -> None:
        self._hints = hints
        self._say = say
        self.since_ms = now_ms
        self.source = ""
        """Codec of the terminal, empty before anything came."""
        self.unsupported = False
        self.told = False
        """Whether listeners know that there is none."""
        self._format: AudioFormat | None = None
        self._decode: Decode | None = None
        self._encoder: Any = None
        self._beginning: list[bytes] = []
        self._base_ms = 0
        self._taken = 0
        """Samples since ``_base_ms``."""
        self._waiting: Samples = np.zeros(0, np.int16)
        self._encoded = 0
        self._number = 0

    @property
    def begun(self) -> bool:
        """Whether listeners were told how to play it."""
        return bool(self._beginning)

    @property
    def beginning(self) -> list[bytes]:
        """Records for a listener who comes later."""
        return self._beginning

    def take(self, blocks: AudioBlocks, at_ms: int) -> None:
        """The blocks of one frame, which belong at ``at_ms`` of the output's time line."""
        if self._format is None or _differs(self._format, blocks.format):
            self._begin(blocks.format, at_ms)
        if self.unsupported:
            return
        rate = blocks.format.sample_rate
        late = at_ms - self._base_ms - self._taken * 1000 // rate
        if late > GAP_MAX_MS:
            self._begin(blocks.format, at_ms)
            late = 0
        if late < -OVERLAP_MS:
            return
        if self._decode is None:
            self._pass(blocks, late if late > GAP_MS else 0)
            return
        if blocks.after_loss and late > 1000:
            self._decode = decoder_of(blocks.format, self._hints)
        silence = np.zeros(late * rate // 1000 if late > GAP_MS else 0, np.int16)
        assert self._decode is not None
        self._feed(np.concatenate([silence, *map(self._decode, blocks.blocks)]))

    def _begin(self, found: AudioFormat, at_ms: int) -> None:
        self._format, self.source = found, found.codec
        self._base_ms, self._taken, self._encoded = max(0, at_ms), 0, 0
        self._waiting = np.zeros(0, np.int16)
        passes = found.codec == AAC and found.object_type == AAC_LC and found.channels in (1, 2)
        self._decode = None if found.codec == AAC else decoder_of(found, self._hints)
        self.unsupported = found.sample_rate not in SAMPLE_RATES or not (passes or self._decode is not None)
        if self.unsupported:
            return
        self._encoder = None if passes else _encoder(found.sample_rate)
        self._beginning = [
            text(
                {
                    "kind": "open", "track": "audio", "container": "fmp4", "mime": 'audio/mp4; codecs="mp4a.40.2"',
                    "codec": "aac", "source": found.codec, "sample_rate": found.sample_rate,
                }
            ),
            record(BINARY, AUDIO_TRACK, fmp4.audio_init(found.sample_rate, found.channels if passes else 1)),
        ]  # fmt: skip
        for each in self._beginning:
            self._say(each, True)

    def _pass(self, blocks: AudioBlocks, gap_ms: int) -> None:
        rate = blocks.format.sample_rate
        self._taken += gap_ms * rate // 1000
        at = self._base_ms * rate // 1000 + self._taken
        self._taken += AAC_SAMPLES * len(blocks.blocks)
        self._send(at, [fmp4.Sample(block, AAC_SAMPLES, True) for block in blocks.blocks])

    def _feed(self, samples: Samples) -> None:
        self._taken += len(samples)
        waiting = np.concatenate([self._waiting, samples])
        assert self._format is not None
        rate = self._format.sample_rate
        start = 0
        while len(waiting) - start >= AAC_SAMPLES:
            block = waiting[start : start + AAC_SAMPLES].astype(np.float32) / 32768
            start += AAC_SAMPLES
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate = rate
            frame.pts = self._encoded
            self._encoded += AAC_SAMPLES
            for packet in self._encoder.encode(frame):
                at = self._base_ms * rate // 1000 + (packet.pts or 0)
                if at >= 0:
                    self._send(at, [fmp4.Sample(bytes(packet), AAC_SAMPLES, True)])
        self._waiting = waiting[start:]

    def _send(self, at: int, samples: list[fmp4.Sample]) -> None:
        self._number += 1
        self._say(record(BINARY, AUDIO_TRACK, fmp4.fragment(self._number, at, samples)), False)


def _differs(old: AudioFormat, new: AudioFormat) -> bool:
    """Whether another decoder or another init segment is needed."""
    return (old.codec, old.sample_rate, old.channels, old.bits, old.object_type) != (
        new.codec, new.sample_rate, new.channels, new.bits, new.object_type
    )  # fmt: skip


def _encoder(sample_rate: int) -> Any:
    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate = sample_rate
    encoder.layout = "mono"
    encoder.format = "fltp"
    encoder.bit_rate = BIT_RATE
    encoder.open()
    return encoder
