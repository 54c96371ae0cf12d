"""A supervisor's voice in the form that a terminal plays: codec, wrapping and length of blocks as its own (§3.5).

Samples of 8 kHz come in as they are spoken, whole blocks go out. One voice is made once for all terminals of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from luwei.media.form import RATE, Form
from luwei.media.g726 import G726Encoder, pack
from luwei.media.samples import A_LAW, IMA_INDEX_STEPS, IMA_STEPS, MU_LAW, Samples
from luwei.protocol.jt1078 import audio
from luwei.protocol.jt1078.audio_blocks import HISILICON_MAX, add_adts, add_hisilicon

AMR_RATE, AAC_RATE = 12_200, 24_000
"""Bits a second."""


class Voice:
    """One voice in one form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._encode = ENCODERS[form.codec](form)
        self._resampler = None
        if form.rate != RATE:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=form.rate)
        self._waiting: Samples = np.zeros(0, np.int16)

    def speak(self, samples: Samples) -> list[bytes]:
        """The blocks that ``samples`` (8 kHz) complete."""
        waiting = np.concatenate([self._waiting, self._resampled(samples)])
        size, start = self.form.samples, 0
        made: list[bytes] = []
        while len(waiting) - start >= size:
            made += self._encode(waiting[start : start + size])
            start += size
        self._waiting = waiting[start:]
        return self._wrapped(made)

    @property
    def waiting_ms(self) -> float:
        """Sound that waits for the rest of its block."""
        return len(self._waiting) * 1000 / self.form.rate

    def finish(self) -> list[bytes]:
        """The last block of a sentence, filled up with silence."""
        waiting, self._waiting = self._waiting, self._waiting[:0]
        if not len(waiting):
            return []
        return self._wrapped(
            self._encode(np.concatenate([waiting, np.zeros(self.form.samples - len(waiting), np.int16)]))
        )

    def _wrapped(self, made: list[bytes]) -> list[bytes]:
        if not self.form.hisilicon:
            return made
        # what that header cannot hold goes without it
        return [block if len(block) % 2 or len(block) > HISILICON_MAX else add_hisilicon(block) for block in made]

    def _resampled(self, samples: Samples) -> Samples:
        if self._resampler is None:
            return samples
        return resampled(self._resampler, samples, RATE)


def resampled(resampler: Any, samples: Samples, rate: int) -> Samples:
    """``samples`` of ``rate`` at the resampler's rate; it keeps a few for the next call."""
    if not len(samples):
        return samples
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    parts = [each.to_ndarray().ravel() for each in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.int16) if parts else samples[:0]


Codes = NDArray[np.uint8]
Encode = Callable[[Samples], list[bytes]]
"""One block of samples to the blocks that it completes: one, but for codecs that look ahead."""


def _compander(decoded: Samples) -> Codes:
    """The nearest code for every value of 16 bits (ITU-T G.711 tables 1 and 2)."""
    values = decoded.astype(np.int32)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    middles = (ranked[1:] + ranked[:-1] + 1) // 2
    places = np.searchsorted(middles, np.arange(-32768, 32768), side="right")
    codes: Codes = order[places].astype(np.uint8)
    return codes


_TO_A_LAW, _TO_MU_LAW = _compander(A_LAW), _compander(MU_LAW)


def _a_law(form: Form) -> Encode:
    return lambda samples: [_TO_A_LAW[samples.astype(np.int32) + 32768].tobytes()]


def _mu_law(form: Form) -> Encode:
    return lambda samples: [_TO_MU_LAW[samples.astype(np.int32) + 32768].tobytes()]


def _linear(form: Form) -> Encode:
    order = ">i2" if form.codec == audio.PCM_BE else "<i2"
    return lambda samples: [np.repeat(samples, form.channels).astype(order).tobytes()]


def _g726(form: Form) -> Encode:
    encoder = G726Encoder(form.bits)
    return lambda samples: [pack(encoder.codes(samples.tolist()), form.bits, form.big_endian)]


def _ima(form: Form) -> Encode:
    """Blocks that decode alone: predictor, step index, 0, then two samples an octet (RFC 3551 §4.5.1)."""
    order = "big" if form.codec == audio.DVI4 else "little"
    low_first = form.low_first and form.codec != audio.DVI4
    state = (0, 0)

    def encode(samples: Samples) -> list[bytes]:
        nonlocal state
        head = state[0].to_bytes(2, "big" if order == "big" else "little", signed=True) + bytes((state[1], 0))
        codes, state = ima_codes(samples.tolist(), *state)
        pairs = zip(codes[::2], codes[1::2], strict=True)
        octets = (high << 4 | low for low, high in pairs) if low_first else (high << 4 | low for high, low in pairs)
        return [head + bytes(octets)]

    return encode


def ima_codes(samples: list[int], predictor: int, index: int) -> tuple[list[int], tuple[int, int]]:
    """IMA ADPCM: a code of four bits for each sample, and the state after them."""
    codes = []
    for sample in samples:
        step = IMA_STEPS[index]
        left, code = sample - predictor, 0
        if left < 0:
            left, code = -left, 8
        change = step >> 3
        if left >= step:
            code |= 4
            left -= step
            change += step
        if left >= step >> 1:
            code |= 2
            left -= step >> 1
            change += step >> 1
        if left >= step >> 2:
            code |= 1
            change += step >> 2
        predictor = max(-32768, predictor - change) if code & 8 else min(32767, predictor + change)
        index = min(max(index + IMA_INDEX_STEPS[code & 7], 0), len(IMA_STEPS) - 1)
        codes.append(code)
    return codes, (predictor, index)


class _Library:
    """An encoder of the library, which takes frames of its own size."""

    def __init__(self, name: str, rate: int, bit_rate: int, form: str) -> None:
        context: Any = av.CodecContext.create(name, "w")
        context.sample_rate = rate
        context.layout = "mono"
        context.format = form
        context.bit_rate = bit_rate
        context.open()
        self._context = context
        self._rate = rate
        self._format = form
        self._at = 0

    def encode(self, samples: Samples) -> list[bytes]:
        """What ``samples`` complete."""
        shaped = samples[None, :]
        if self._format == "fltp":
            frame = av.AudioFrame.from_ndarray(shaped.astype(np.float32) / 32768, format="fltp", layout="mono")
        else:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(shaped), format=self._format, layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._at
        self._at += len(samples)
        return [bytes(packet) for packet in self._context.encode(frame)]


def _aac(form: Form) -> Encode:
    encoder = _Library("aac", form.rate, AAC_RATE, "fltp")
    if not form.adts:
        return encoder.encode
    return lambda samples: [add_adts(frame, form.rate) for frame in encoder.encode(samples)]


def _amr(form: Form) -> Encode:
    return _Library("libopencore_amrnb", RATE, AMR_RATE, "s16").encode


ENCODERS: Mapping[str, Callable[[Form], Encode]] = {
    audio.G711A: _a_law, audio.G711U: _mu_law, audio.G726: _g726, audio.ADPCM_IMA: _ima, audio.DVI4: _ima,
    audio.PCM_BE: _linear, audio.PCM_LE: _linear, audio.AAC: _aac, audio.AMR: _amr,
}  # fmt: skip
