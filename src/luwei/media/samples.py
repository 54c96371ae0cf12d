"""Blocks of a terminal's sound as samples: 16-bit linear PCM, one channel (reference §3).

What the library cannot be told, or does slower than a table, is done here: companded samples, and IMA ADPCM with
either order of nibbles. G.726 and what has a container of its own are the library's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from luwei.media.orders import AudioHints
from luwei.protocol.jt1078 import audio
from luwei.protocol.jt1078.audio import AudioFormat
from luwei.protocol.jt1078.audio_blocks import ADPCM_STATE, SAMPLE_RATES, audio_specific_config

Samples = NDArray[np.int16]
Decode = Callable[[bytes], Samples]

_EMPTY: Samples = np.zeros(0, np.int16)
SAMPLES_MAX = 48_000
"""Most samples of one block: more than any device's, and a bound to what a hostile one costs."""

IMA_INDEX_STEPS = (-1, -1, -1, -1, 2, 4, 6, 8)
IMA_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794,
    32767,
)  # fmt: skip
"""Changes of the step index by the code's magnitude, and step sizes, of IMA ADPCM (RFC 3551 §4.5.1)."""


def _a_law() -> Samples:
    """ITU-T G.711 table 1, all 256 codes."""
    values = []
    for code in range(256):
        code ^= 0x55
        exponent, mantissa = code >> 4 & 7, code & 15
        value = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
        values.append(value if code & 0x80 else -value)
    return np.array(values, np.int16)


def _mu_law() -> Samples:
    """ITU-T G.711 table 2, all 256 codes."""
    values = []
    for code in range(256):
        code = ~code & 0xFF
        value = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
        values.append(-value if code & 0x80 else value)
    return np.array(values, np.int16)


A_LAW, MU_LAW = _a_law(), _mu_law()


def decoder_of(found: AudioFormat, hints: AudioHints) -> Decode | None:
    """A decoder for blocks of this format, with a state of its own; None where there is none."""
    if found.codec == audio.G711A:
        return lambda block: A_LAW[np.frombuffer(block, np.uint8)]
    if found.codec == audio.G711U:
        return lambda block: MU_LAW[np.frombuffer(block, np.uint8)]
    if found.codec == audio.ADPCM_IMA:
        return lambda block: ima_samples(block, "little", low_first=hints.adpcm_low_first)
    if found.codec == audio.DVI4:
        return lambda block: ima_samples(block, "big", low_first=False)
    if found.codec in (audio.PCM_BE, audio.PCM_LE):
        return lambda block: _pcm(block, found)
    if found.codec == audio.G726:
        name = "g726" if hints.g726_big_endian else "g726le"
        return _Library(name, found, {"bits_per_coded_sample": str(found.bits)}).decode
    name = {audio.AMR: "amrnb", audio.MPEG: "mp3float"}.get(found.codec, "")
    return _Library(name, found, {}).decode if name else None


def listener_of(found: AudioFormat, hints: AudioHints) -> Decode | None:
    """As ``decoder_of``, for who needs samples of AAC too: its frames come without ADTS."""
    if found.codec != audio.AAC:
        return decoder_of(found, hints)
    if found.sample_rate not in SAMPLE_RATES or found.channels not in (1, 2):
        return None
    config = audio_specific_config(found.sample_rate, found.channels, found.object_type)
    return _Library("aac", found, {}, config).decode


def ima_samples(block: bytes, state: str, low_first: bool) -> Samples:
    """Samples of one IMA ADPCM block, which decodes alone: its state of 4 octets (predictor in the ``state`` byte
    order, step index, 0), then two samples an octet."""
    if len(block) <= ADPCM_STATE or len(block) > SAMPLES_MAX // 2:
        return _EMPTY
    predictor = int.from_bytes(block[:2], "little" if state == "little" else "big", signed=True)
    index = min(block[2], len(IMA_STEPS) - 1)
    out = []
    for octet in block[ADPCM_STATE:]:
        for nibble in (octet & 15, octet >> 4) if low_first else (octet >> 4, octet & 15):
            step = IMA_STEPS[index]
            change = step >> 3
            if nibble & 4:
                change += step
            if nibble & 2:
                change += step >> 1
            if nibble & 1:
                change += step >> 2
            predictor = max(-32768, predictor - change) if nibble & 8 else min(32767, predictor + change)
            index = min(max(index + IMA_INDEX_STEPS[nibble & 7], 0), len(IMA_STEPS) - 1)
            out.append(predictor)
    return np.array(out, np.int16)


def _pcm(block: bytes, found: AudioFormat) -> Samples:
    whole = len(block) - len(block) % (2 * found.channels)
    values = np.frombuffer(block[:whole], ">i2" if found.codec == audio.PCM_BE else "<i2")
    mixed: Samples = values.reshape(-1, found.channels).mean(axis=1).astype(np.int16)
    return mixed


class _Library:
    """A decoder of the library, whose state runs from block to block."""

    def __init__(self, name: str, found: AudioFormat, options: dict[str, str], config: bytes = b"") -> None:
        context: Any = av.CodecContext.create(name, "r")
        self._context = context
        if config:
            context.extradata = config
        context.sample_rate = found.sample_rate
        context.layout = "stereo" if found.channels == 2 else "mono"
        context.options = options

    def decode(self, block: bytes) -> Samples:
        """Samples of a block; none for what cannot be decoded."""
        try:
            frames = self._context.decode(av.Packet(block))
        except (av.FFmpegError, ValueError):
            return _EMPTY
        parts = [_mono(frame.to_ndarray(), len(frame.layout.channels), frame.format) for frame in frames]
        return np.concatenate(parts)[:SAMPLES_MAX] if parts else _EMPTY


def _mono(values: NDArray[Any], channels: int, form: Any) -> Samples:
    if not form.is_planar:
        values = values.reshape(-1, channels).T
    mixed = values.astype(np.float32).mean(axis=0)
    if form.name.startswith("flt"):
        mixed *= 32767
    samples: Samples = np.clip(mixed, -32768, 32767).astype(np.int16)
    return samples
