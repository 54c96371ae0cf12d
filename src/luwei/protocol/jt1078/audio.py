"""Which codec an audio stream is of, and its blocks without wrappers (reference §3). Decoding is not done here.

The payload type is a hint: devices send a wrong or changing one. The order of trust: what an operator has set; ADTS,
which proves itself; the state before IMA ADPCM; the payload type, unless the bits that a sample takes (octets of a
block over the step of the timestamps, at 8 kHz) speak for another codec; those bits alone.
"""

from __future__ import annotations

from collections import Counter, deque
from statistics import median_low
from typing import NamedTuple

from luwei.protocol.jt1078.audio_blocks import (
    AAC_LC,
    AAC_SAMPLES,
    ADPCM_STATE,
    AdtsFrames,
    has_ima_state,
    split_adts,
    split_hisilicon,
)
from luwei.protocol.jt1078.frames import Frame

G711A, G711U, G726, ADPCM_IMA, AAC, AMR, DVI4 = "g711a", "g711u", "g726", "adpcm_ima", "aac", "amr", "dvi4"
PCM_BE, PCM_LE, MPEG = "pcm_s16be", "pcm_s16le", "mpeg"


class AudioType(NamedTuple):
    """One payload type of audio: its codec, rate and channels where the number itself says them. ``bits`` a sample
    takes, 0 where they vary."""

    codec: str
    bits: int = 0
    sample_rate: int = 8000
    channels: int = 1


AUDIO_TYPES = {
    6: AudioType(G711A, 8),
    7: AudioType(G711U, 8),
    8: AudioType(G726),
    10: AudioType(DVI4, 4),
    11: AudioType(DVI4, 4),
    12: AudioType(DVI4, 4),
    13: AudioType(DVI4, 4, 16000),
    15: AudioType(PCM_BE, 16, 8000, 2),
    16: AudioType(PCM_BE, 16),
    17: AudioType(MPEG),
    18: AudioType(PCM_LE, 16),
    19: AudioType(AAC),
    21: AudioType(AAC),
    22: AudioType(PCM_LE, 16),
    23: AudioType(PCM_LE, 16),
    24: AudioType(AAC),
    25: AudioType(MPEG),
    26: AudioType(ADPCM_IMA, 4),
    27: AudioType(AAC),
    28: AudioType(AMR),
}
"""Payload types of 1078 table 12 that can be heard here; the names of all are ``jt808.messages.video.CODECS``."""

G726_BITS_OF_40_MS = {80: 2, 120: 3, 160: 4, 200: 5}
"""Bits of a sample by octets of a block of 320 samples (§3.3)."""
BY_SETTING, BY_DATA, BY_PAYLOAD_TYPE = "setting", "data", "payload_type"

_STEPS = 8
"""Steps of the timestamps that are looked at, and least of them before they count."""
_STEP_MS = (5, 200)
_SILENCE = {G711A: frozenset((0xD5, 0x55)), G711U: frozenset((0xFF, 0x7F))}


class AudioFormat(NamedTuple):
    """What a decoder needs. ``bits`` of a G.726 sample (2 to 5), else 0 where they vary. ``source`` tells what decided;
    ``hisilicon`` whether blocks came behind that header: talk goes back in the same form (§3.2)."""

    codec: str
    sample_rate: int
    channels: int
    bits: int
    hisilicon: bool
    adts: bool
    object_type: int
    source: str


class AudioBlocks(NamedTuple):
    """The blocks of one frame, to be decoded one by one. ``duration_ms`` of all together, 0 where it is not known."""

    format: AudioFormat
    blocks: tuple[bytes, ...]
    timestamp_ms: int | None
    duration_ms: int
    after_loss: bool


class AudioSetting(NamedTuple):
    """What is known beforehand, from an operator (``codec``) or from 0x1003 (the rest)."""

    codec: str | None = None
    bits: int = 0
    sample_rate: int | None = None
    channels: int | None = None


class AudioTrack:
    """One stream: frames in, blocks of a known format out."""

    __slots__ = ("_bits", "_last_ms", "_setting", "format", "hisilicon", "payload_types", "unknown")

    def __init__(self, setting: AudioSetting | None = None) -> None:
        self._setting = setting or AudioSetting()
        self._bits: deque[float] = deque(maxlen=_STEPS)
        self._last_ms: tuple[int, int] | None = None
        self.format: AudioFormat | None = None
        self.hisilicon: bool | None = None
        """Whether the last frame had the HiSilicon header; None before the first."""
        self.payload_types: Counter[int] = Counter()
        self.unknown = 0
        """Frames of a codec that is not known here."""

    def take(self, frame: Frame) -> AudioBlocks | None:
        """The blocks of ``frame``, or None where its codec is not known."""
        self.payload_types[frame.payload_type] += 1
        inner = split_hisilicon(frame.body)
        self.hisilicon = inner is not None
        blocks = inner or (frame.body,)
        adts = split_adts(b"".join(blocks))
        if frame.after_loss:
            self._last_ms = None
        self._measure(blocks, frame.timestamp_ms)
        found = self._identify(frame.payload_type, blocks, adts)
        if found is None:
            self.unknown += 1
            return None
        self.format = found
        if adts is not None and found.codec == AAC:
            blocks = adts.frames
        return AudioBlocks(found, blocks, frame.timestamp_ms, _duration_ms(found, blocks), frame.after_loss)

    def _measure(self, blocks: tuple[bytes, ...], timestamp_ms: int | None) -> None:
        octets = sum(map(len, blocks))
        if timestamp_ms is None:
            return
        if self._last_ms is not None:
            step = timestamp_ms - self._last_ms[0]
            if _STEP_MS[0] <= step <= _STEP_MS[1]:
                # the octets that lasted until this frame are those of the one before
                self._bits.append(self._last_ms[1] * 8 / (step * 8))
        self._last_ms = (timestamp_ms, octets)

    @property
    def measured_bits(self) -> int:
        """Bits of a sample at 8 kHz by the steps of the timestamps, 0 before enough of them were seen."""
        return round(median_low(self._bits)) if len(self._bits) == _STEPS else 0

    def _identify(self, payload_type: int, blocks: tuple[bytes, ...], adts: AdtsFrames | None) -> AudioFormat | None:
        known = AUDIO_TYPES.get(payload_type)
        setting = self._setting
        if setting.codec is not None:
            return self._format(setting.codec, BY_SETTING, known, blocks, adts if setting.codec == AAC else None)
        if adts is not None:
            return self._format(AAC, BY_DATA, known, blocks, adts)
        bits = self.measured_bits
        if all(len(block) == 164 and has_ima_state(block) for block in blocks):
            source = BY_PAYLOAD_TYPE if known is not None and known.codec == ADPCM_IMA else BY_DATA
            return self._format(ADPCM_IMA, source, known, blocks, None)
        codec = _codec_by_bits(bits, blocks)
        if known is not None and (codec is None or not _contradicts(known, bits)):
            return self._format(known.codec, BY_PAYLOAD_TYPE, known, blocks, None)
        return None if codec is None else self._format(codec, BY_DATA, None, blocks, None)

    def _format(
        self, codec: str, source: str, known: AudioType | None, blocks: tuple[bytes, ...], adts: AdtsFrames | None
    ) -> AudioFormat:
        setting = self._setting
        typed = known if known is not None and known.codec == codec else AudioType(codec)
        bits = typed.bits
        if codec == G726:
            bits = setting.bits or self.measured_bits
            bits = bits if 2 <= bits <= 5 else G726_BITS_OF_40_MS.get(len(blocks[0]), 4)
        return AudioFormat(
            codec,
            adts.sample_rate if adts else setting.sample_rate or typed.sample_rate,
            adts.channels if adts else setting.channels or typed.channels,
            bits,
            bool(self.hisilicon),
            adts is not None,
            adts.object_type if adts else AAC_LC,
            source,
        )


def _contradicts(known: AudioType, bits: int) -> bool:
    """Whether samples of 8 kHz mono that take ``bits`` cannot be of the payload type. Codecs of varying size are never
    contradicted."""
    if not bits or known.sample_rate != 8000 or known.channels != 1:
        return False
    if known.codec == G726:
        return not 2 <= bits <= 5
    return known.bits != 0 and bits != known.bits


def _codec_by_bits(bits: int, blocks: tuple[bytes, ...]) -> str | None:
    if bits == 8:
        octets = b"".join(blocks)
        counts = {codec: sum(map(octets.count, silence)) for codec, silence in _SILENCE.items()}
        return max(counts, key=lambda codec: counts[codec])
    if bits == 4 and all(map(has_ima_state, blocks)):
        return ADPCM_IMA
    if 2 <= bits <= 5:
        return G726
    return PCM_LE if bits == 16 else None


def _duration_ms(found: AudioFormat, blocks: tuple[bytes, ...]) -> int:
    if found.codec == AAC:
        return len(blocks) * AAC_SAMPLES * 1000 // found.sample_rate
    bits = {G711A: 8, G711U: 8, ADPCM_IMA: 4, DVI4: 4, PCM_BE: 16, PCM_LE: 16, G726: found.bits}.get(found.codec, 0)
    if not bits:
        return 0
    state = ADPCM_STATE if found.codec in (ADPCM_IMA, DVI4) else 0
    octets = sum(max(0, len(block) - state) for block in blocks)
    return octets * 8 * 1000 // (bits * found.sample_rate * found.channels)
