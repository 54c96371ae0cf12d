"""NAL units of H.264 (ITU-T H.264 table 7-1) and H.265 (ITU-T H.265 table 7-1) in Annex B byte streams.

What matters here is which units are parameter sets, key pictures, pictures or padding, and which of the two codecs the
bytes are of: the payload type of a terminal is not to be trusted (reference §2.2).
"""

from __future__ import annotations

from typing import NamedTuple

H264, H265 = "h264", "h265"

UNITS_MAX = 512
"""Most NAL units of one frame. A picture has a few slices; a frame of start codes alone is an attack."""

_START = b"\x00\x00\x01"


class NalRules(NamedTuple):
    """How to read the type of a unit, and what the types mean. ``sets`` in the order of a decoder's configuration."""

    shift: int
    mask: int
    sets: tuple[int, ...]
    key: frozenset[int]
    pictures: frozenset[int]
    padding: frozenset[int]
    """Access unit delimiter, end of sequence and of stream, filler: not passed on."""

    def type_of(self, unit: bytes) -> int:
        return unit[0] >> self.shift & self.mask


RULES = {
    H264: NalRules(0, 0x1F, (7, 8), frozenset({5}), frozenset(range(1, 6)), frozenset({9, 10, 11, 12})),
    H265: NalRules(1, 0x3F, (32, 33, 34), frozenset(range(16, 22)), frozenset(range(32)), frozenset({35, 36, 37, 38})),
}

_H264_SPS = frozenset((0x67, 0x47, 0x27))
_H265_VPS, _H265_SPS = b"\x40\x01", b"\x42\x01"


def split_units(frame: bytes) -> list[bytes] | None:
    """NAL units of a frame without their start codes (``00 00 01``, or with zeros before it); empty where there is no
    start code, None for more than ``UNITS_MAX``. Bytes before the first start code belong to nothing."""
    units: list[bytes] = []
    at = frame.find(_START)
    while at >= 0:
        start = at + len(_START)
        at = frame.find(_START, start)
        unit = frame[start : at if at >= 0 else len(frame)].rstrip(b"\x00")
        if unit:
            if len(units) == UNITS_MAX:
                return None
            units.append(unit)
    return units


def codec_of(units: list[bytes]) -> str | None:
    """The codec that the parameter sets among ``units`` are of, None where there are none: the first that speaks
    decides, whatever stands before it (SEI, delimiters)."""
    for unit in units:
        if unit[0] in _H264_SPS:
            return H264
        if unit[:2] in (_H265_VPS, _H265_SPS):
            return H265
    return None
