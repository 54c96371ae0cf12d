"""G.726 ADPCM, the encoder (ITU-T G.726 §4.2, the blocks by their names there).

The library's encoder gives nothing before 2,048 samples, a quarter of a second; talk needs blocks of 20 to 40 ms. The
arithmetic is the recommendation's own, in integers, so that its output and the library's are the same bit by bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_LOWEST = -32768


class _Rate(NamedTuple):
    """Tables of one rate: decision levels of the quantizer (tables 1 to 4), outputs of the inverse quantizer, scale
    factor multipliers W(I) and speed functions F(I), these three by magnitude."""

    levels: tuple[int, ...]
    outputs: tuple[int, ...]
    scales: tuple[int, ...]
    speeds: tuple[int, ...]


_RATES: Mapping[int, _Rate] = {
    2: _Rate((260,), (116, 365), (-22, 439), (0, 7)),
    3: _Rate((7, 217, 330), (_LOWEST, 135, 273, 373), (-4, 30, 137, 582), (0, 1, 2, 7)),
    4: _Rate(
        (-125, 79, 177, 245, 299, 348, 399),
        (_LOWEST, 4, 135, 213, 273, 323, 373, 425),
        (-12, 18, 41, 64, 112, 198, 355, 1122),
        (0, 0, 0, 1, 1, 1, 3, 7),
    ),
    5: _Rate(
        (-122, -16, 67, 138, 197, 249, 297, 338, 377, 412, 444, 474, 501, 527, 552),
        (_LOWEST, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566),
        (14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529, 696),
        (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6),
    ),
}
"""By bits of a code: 16, 24, 32 and 40 kbit/s."""


def _floating(magnitude: int) -> tuple[int, int]:
    """FLOATA, FLOATB: exponent, and mantissa of six bits."""
    exponent = magnitude.bit_length()
    return exponent, (magnitude << 6) >> exponent if magnitude else 32


_FLOATING = tuple(_floating(magnitude) for magnitude in range(32769))
_Float = tuple[bool, int, int]
"""Negative, exponent, mantissa."""
_ZERO: _Float = (False, 0, 32)


def _times(coefficient: int, signal: _Float) -> int:
    """FMULT: a predictor coefficient by a signal in floating form."""
    value = coefficient >> 2
    exponent, mantissa = _FLOATING[-value if value < 0 else value]
    negative, by_exponent, by_mantissa = signal
    exponent += by_exponent - 19
    product = (mantissa * by_mantissa + 48) >> 4
    product = product << exponent if exponent > 0 else product >> -exponent
    return -product if (value < 0) != negative else product


class G726Encoder:
    """Samples of 8 kHz to codes of ``bits`` (2 to 5) each. Its state runs from call to call."""

    def __init__(self, bits: int) -> None:
        """Raises KeyError for other bits."""
        self._table = _RATES[bits]
        self._bits = bits
        self._signals: list[_Float] = [_ZERO, _ZERO]
        self._differences: list[_Float] = [_ZERO] * 6
        self._poles = [0, 0]
        self._zeros = [0] * 6
        self._signs = [1, 1]
        self._control = self._short = self._long = 0
        self._fast, self._slow, self._scale = 544, 34816, 544
        self._tone = False
        self._estimate = self._zero_estimate = 0

    def codes(self, samples: Iterable[int]) -> list[int]:
        """A code for each sample of 16 bits."""
        return [self._code(sample) for sample in samples]

    def _code(self, sample: int) -> int:
        levels, outputs, scales, speeds = self._table
        scale = self._scale
        # SUBTA, LOG, SUBTB, QUAN
        difference = (sample >> 2) - self._estimate
        negative = difference < 0
        distance = -difference if negative else difference
        exponent = distance.bit_length() - 1 if distance else 0
        logarithm = (exponent << 7) + (((distance << 7) >> exponent) & 127) - (scale >> 2)
        magnitude = bisect_left(levels, logarithm)
        if not magnitude and self._bits != 2:
            # the code of all ones stands for the smallest magnitude of either sign
            negative = True
        # RECONST, ADDA, ANTILOG
        level = outputs[magnitude] + (scale >> 2)
        quantized = 0 if level < 0 else ((128 + (level & 127)) << (level >> 7 & 15)) >> 7
        self._adapt(magnitude, negative, quantized, scales[magnitude], speeds[magnitude])
        top = (1 << self._bits) - 1
        return top - magnitude if negative else magnitude

    def _adapt(self, magnitude: int, negative: bool, quantized: int, gain: int, speed: int) -> None:
        """What follows from one code, here as at the receiver."""
        slow_exponent = self._slow >> 15
        threshold = 31 << 10 if slow_exponent > 9 else (32 + (self._slow >> 10 & 31)) << slow_exponent
        transition = self._tone and quantized > (3 * threshold) >> 2  # TRANS
        difference = -quantized if negative else quantized
        signal = self._estimate + difference
        signal = (signal + 32768 & 0xFFFF) - 32768
        partial = self._zero_estimate + difference
        sign = (partial > 0) - (partial < 0)
        poles, zeros, signs = self._poles, self._zeros, self._signs
        if transition:
            self._poles, self._zeros = [0, 0], [0] * 6
        else:
            # UPA2, LIMC, UPA1, LIMD
            turn = (-poles[0] * signs[0] * sign) >> 5
            turn = -256 if turn < -256 else 255 if turn > 255 else turn
            second = poles[1] + 128 * sign * signs[1] + turn - (poles[1] >> 7)
            second = -12288 if second < -12288 else 12288 if second > 12288 else second
            first = poles[0] + 192 * sign * signs[0] - (poles[0] >> 8)
            limit = 15360 - second
            first = -limit if first < -limit else limit if first > limit else first
            self._poles = [first, second]
            # XOR, UPB
            step = 0 if not difference else -128 if negative else 128
            self._zeros = [
                zero + (-step if past[0] else step) - (zero >> 8)
                for zero, past in zip(zeros, self._differences, strict=True)
            ]
        self._signs = [sign or 1, signs[0]]
        floating = _FLOATING[-signal if signal < 0 else signal]
        self._signals = [(signal < 0, *floating), self._signals[0]]
        self._differences = [(negative, *_FLOATING[quantized]), *self._differences[:5]]
        self._tone = self._poles[1] < -11776
        self._speed(speed, transition)
        self._scales(gain)
        self._predict()

    def _speed(self, speed: int, transition: bool) -> None:
        """FILTA, FILTB, SUBTC, FILTC, TRIGA."""
        self._short += (speed << 4) + (-self._short >> 5)
        self._long += (speed << 4) + (-self._long >> 7)
        if transition:
            self._control = 256
            return
        self._control += -self._control >> 4
        if self._scale <= 1535 or self._tone or abs((self._short << 2) - self._long) >= self._long >> 3:
            self._control += 32

    def _scales(self, gain: int) -> None:
        """FILTD, LIMB, FILTE, LIMA, MIX."""
        fast = self._scale + gain + (-self._scale >> 5)
        self._fast = fast = 544 if fast < 544 else 5120 if fast > 5120 else fast
        self._slow += fast + (-self._slow >> 6)
        share = 64 if self._control >= 256 else self._control >> 2
        self._scale = (self._slow + (fast - (self._slow >> 6)) * share) >> 6

    def _predict(self) -> None:
        """FMULT, ACCUM."""
        total = sum(map(_times, self._zeros, self._differences))
        self._zero_estimate = total >> 1
        self._estimate = (total + sum(map(_times, self._poles, self._signals))) >> 1


def pack(codes: list[int], bits: int, big_endian: bool) -> bytes:
    """Codes as octets: the first one in the least significant bits, or in the most significant (reference §3.3).

    A number of codes that does not fill the last octet leaves zeros in it.
    """
    total = len(codes) * bits
    size = (total + 7) // 8
    value = 0
    if big_endian:
        for code in codes:
            value = value << bits | code
        return (value << (8 * size - total)).to_bytes(size, "big")
    for code in reversed(codes):
        value = value << bits | code
    return value.to_bytes(size, "little")
