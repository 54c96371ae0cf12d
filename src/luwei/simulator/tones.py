"""What the microphone of a simulated truck hears: a tone of its own, in the codecs that terminals use (reference §3).

A tone that fits its loop exactly is encoded once and sent over and over: a stream's sound costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from luwei.protocol.jt1078.audio_blocks import add_hisilicon

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.int16]

RATE_HZ = 8_000
LOW_HZ, STEPS, STEP_HZ = 300, 24, 40
AMPLITUDE = 7_000
AAC_SAMPLES = 1_024
_IMA_INDEX = (-1, -1, -1, -1, 2, 4, 6, 8)
_IMA_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97,
    107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796,
    876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871,
    5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623,
    27086, 29794, 32767,
)  # fmt: skip
"""Step sizes of IMA ADPCM (IMA Digital Audio Focus 1992, table 2)."""


@dataclass(frozen=True, slots=True)
class AudioWay:
    """How a terminal sends sound. ``frame_length`` as 0x1003 tells it, in octets of a block without wrappers."""

    name: str
    payload_type: int
    block_ms: float
    frame_length: int
    hisilicon: bool = False
    bit_rate: int = 0
    encoder: str = ""
    """Of the library; empty: ``tones`` does it."""
    container: str = ""
    """``adts`` puts that header before each block."""

    @property
    def fixed(self) -> bool:
        """Whether all blocks are of one length."""
        return self.encoder not in ("aac", "libopencore_amrnb")


_G726 = ((16, 80), (24, 120), (32, 160), (40, 200))
_ALL = (
    AudioWay("g711a", 6, 40, 320, encoder="pcm_alaw"),
    AudioWay("g711a_20ms", 6, 20, 160, encoder="pcm_alaw"),
    AudioWay("g711a_hisilicon", 6, 40, 320, True, encoder="pcm_alaw"),
    AudioWay("g711u", 7, 40, 320, encoder="pcm_mulaw"),
    *(AudioWay(f"g726_{kbps}_le", 8, 40, octets, bit_rate=kbps * 1000, encoder="g726le") for kbps, octets in _G726),
    *(AudioWay(f"g726_{kbps}_be", 8, 40, octets, bit_rate=kbps * 1000, encoder="g726") for kbps, octets in _G726),
    AudioWay("g726_32_le_hisilicon", 8, 40, 160, True, 32_000, "g726le"),
    AudioWay("adpcm", 26, 40, 164),
    AudioWay("adpcm_hisilicon", 26, 40, 164, True),
    AudioWay("aac_adts", 19, 128, 1024, bit_rate=24_000, encoder="aac", container="adts"),
    AudioWay("aac_raw", 19, 128, 1024, bit_rate=24_000, encoder="aac"),
    AudioWay("amr", 28, 20, 32, bit_rate=12_200, encoder="libopencore_amrnb"),
)
AUDIO_WAYS: Mapping[str, AudioWay] = {way.name: way for way in _ALL}


def tone_hz(number: int) -> int:
    """The tone of truck ``number``: one of 24 between 300 and 1,220 Hz."""
    return LOW_HZ + STEP_HZ * (number % STEPS)


@lru_cache(96)
def blocks(way: str, hz: int) -> tuple[bytes, ...]:
    """A second or so of a tone of about ``hz`` in blocks as they go into packets, to be repeated without a seam.

    Raises KeyError for an unknown ``way``.
    """
    chosen = AUDIO_WAYS[way]
    samples = round(chosen.block_ms * RATE_HZ / 1000)
    count = 8 if chosen.encoder == "aac" else round(1000 / chosen.block_ms)
    loop = _tone(hz, samples * count)
    if chosen.name.startswith("adpcm"):
        made = ima_blocks(loop, samples)
    else:
        made = _WRAPPED.get(chosen.encoder, _plain)(chosen, loop, samples, count)
    return tuple(add_hisilicon(block) for block in made) if chosen.hisilicon else made


def silence(way: str) -> bytes:
    """One block in which nothing is heard."""
    import numpy as np

    chosen = AUDIO_WAYS[way]
    samples = round(chosen.block_ms * RATE_HZ / 1000)
    quiet = np.zeros(samples * 4, dtype=np.int16)
    if chosen.name.startswith("adpcm"):
        block = ima_blocks(quiet, samples)[0]
    else:
        block = _WRAPPED.get(chosen.encoder, _plain)(chosen, quiet, samples, 4)[0]
    return add_hisilicon(block) if chosen.hisilicon else block


def _tone(hz: int, length: int) -> Samples:
    """A sine that goes on without a seam when it is repeated."""
    import numpy as np

    waves = round(hz * length / RATE_HZ)
    wave: NDArray[np.float64] = AMPLITUDE * np.sin(2 * math.pi * waves / length * np.arange(length))
    return wave.astype(np.int16)


def _encoded(way: AudioWay, loop: Samples, samples: int, passes: int) -> list[bytes]:
    """Packets of the loop played ``passes`` times."""
    import av
    import numpy as np

    context: Any = av.CodecContext.create(way.encoder, "w")
    context.sample_rate, context.layout = RATE_HZ, "mono"
    context.format = "fltp" if way.encoder == "aac" else "s16"
    if way.bit_rate:
        context.bit_rate = way.bit_rate
    context.open()
    found = []
    played = np.tile(loop, passes)
    for start in range(0, len(played), samples):
        piece = played[start : start + samples][None, :]
        frame = (
            av.AudioFrame.from_ndarray(piece.astype(np.float32) / 32768, format="fltp", layout="mono")
            if way.encoder == "aac"
            else av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="s16", layout="mono")
        )
        frame.sample_rate, frame.pts = RATE_HZ, start
        found += [bytes(packet) for packet in context.encode(frame)]
    return found + [bytes(packet) for packet in context.encode(None)]


def _plain(way: AudioWay, loop: Samples, samples: int, count: int) -> tuple[bytes, ...]:
    """The second time round: by then an encoder with a memory is in step with the loop."""
    data = b"".join(_encoded(way, loop, samples, 2))
    size = len(data) // (2 * count)
    return tuple(data[at : at + size] for at in range(size * count, 2 * size * count, size))


def _aac(way: AudioWay, loop: Samples, samples: int, count: int) -> tuple[bytes, ...]:
    frames = _encoded(way, loop, samples, 3)[count + 1 : 2 * count + 1]
    return tuple(adts(frame) for frame in frames) if way.container == "adts" else tuple(frames)


def _amr(way: AudioWay, loop: Samples, samples: int, count: int) -> tuple[bytes, ...]:
    return tuple(_encoded(way, loop, samples, 2)[count : 2 * count])


_WRAPPED: Mapping[str, Callable[[AudioWay, Samples, int, int], tuple[bytes, ...]]] = {
    "aac": _aac, "libopencore_amrnb": _amr,
}  # fmt: skip


def adts(frame: bytes, index: int = 11, channels: int = 1) -> bytes:
    """An AAC-LC frame behind its ADTS header of 7 octets (ISO/IEC 13818-7 §6.2); ``index`` 11 is 8 kHz."""
    length = len(frame) + 7
    return bytes((
        0xFF, 0xF1, 1 << 6 | index << 2 | channels >> 2, (channels & 3) << 6 | length >> 11, length >> 3 & 0xFF,
        (length & 7) << 5 | 0x1F, 0xFC,
    )) + frame  # fmt: skip


def ima_blocks(samples: Samples, block: int) -> tuple[bytes, ...]:
    """IMA ADPCM in blocks that decode alone: predictor (little-endian), step index, 0, then two samples an octet, the
    first in the high half (reference §3.1)."""
    state = (0, 0)
    made = []
    for start, stop in pairwise(range(0, len(samples) + 1, block)):
        head = state[0].to_bytes(2, "little", signed=True) + bytes((state[1], 0))
        nibbles = []
        for sample in samples[start:stop].tolist():
            nibble, state = _ima(sample, *state)
            nibbles.append(nibble)
        made.append(head + bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True)))
    return tuple(made)


def _ima(sample: int, predictor: int, index: int) -> tuple[int, tuple[int, int]]:
    """The code of one sample and the state after it."""
    step = _IMA_STEPS[index]
    difference = sample - predictor
    code, left, change = (8, -difference, step >> 3) if difference < 0 else (0, difference, step >> 3)
    for bit in (4, 2, 1):
        if left >= step:
            code |= bit
            left -= step
            change += step
        step >>= 1
    predictor = min(max(predictor + (-change if code & 8 else change), -32768), 32767)
    return code, (predictor, min(max(index + _IMA_INDEX[code & 7], 0), 88))
