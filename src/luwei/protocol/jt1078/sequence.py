"""What a sequence parameter set says (ITU-T H.264 §7.3.2.1.1 and annex E; ITU-T H.265 §7.3.2.2): size, profile, level
and whether pictures are shown in another order than they are sent. Anything that cannot be read gives None."""

from __future__ import annotations

from typing import NamedTuple

from luwei.protocol.jt1078.nal import H264

_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""H.264 profiles whose set tells the chroma format."""
_NEVER_REORDERED = 66
"""Baseline has no B pictures."""
_CROP = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""Samples of luma that one step of cropping takes, across and down, by chroma format."""
_SIZE_MAX = 16_384
_LIST_MAX = 255
_READ_MAX = 512
"""Octets of a set that are read: what stands here comes long before, and a hostile set costs no more."""


class PictureFormat(NamedTuple):
    """Size in luma samples after cropping. ``reorder``: pictures that may be sent before one that is shown earlier,
    None where the set does not tell."""

    width: int
    height: int
    profile: int
    level: int
    reorder: int | None


class _Bits:
    """Bits of a raw byte sequence payload. Raises IndexError behind the end."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[:_READ_MAX].replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(payload, "big")
        self._left = len(payload) * 8

    def take(self, width: int) -> int:
        if width > self._left:
            raise IndexError(width)
        self._left -= width
        return self._value >> self._left & ((1 << width) - 1)

    def unsigned(self) -> int:
        """ue(v) of §9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise IndexError(zeros)
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v) of §9.1.1."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def skip_unsigned(self, count: int) -> None:
        for _ in range(count):
            self.unsigned()


def picture_format(codec: str, sps: bytes) -> PictureFormat | None:
    """The format that ``sps`` (a NAL unit without start code) tells, None where it is broken or its size impossible."""
    try:
        found = _h264(_Bits(sps[1:])) if codec == H264 else _h265(_Bits(sps[2:]))
    except IndexError:
        return None
    return found if 0 < found.width <= _SIZE_MAX and 0 < found.height <= _SIZE_MAX else None


def _h264(bits: _Bits) -> PictureFormat:
    profile, _, level = bits.take(8), bits.take(8), bits.take(8)
    bits.unsigned()
    chroma = 1
    if profile in _WITH_CHROMA:
        chroma = bits.unsigned()
        separate = bits.take(1) if chroma == 3 else 0
        bits.skip_unsigned(2)
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
        chroma = 0 if separate else chroma
    bits.unsigned()
    _skip_picture_order(bits)
    bits.unsigned()
    bits.take(1)
    across, down = bits.unsigned() + 1, bits.unsigned() + 1
    fields = 2 - bits.take(1)
    if fields == 2:
        bits.take(1)
    bits.take(1)
    width, height = 16 * across, 16 * down * fields
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        step = _CROP.get(chroma, (1, 1))
        width -= step[0] * (left + right)
        height -= step[1] * fields * (top + bottom)
    reorder = 0 if profile == _NEVER_REORDERED else None
    if bits.take(1):
        told = _reorder_of_usability(bits)
        reorder = told if told is not None else reorder
    return PictureFormat(width, height, profile, level, reorder)


def _skip_scaling(bits: _Bits, lists: int) -> None:
    for number in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.take(1)
        bits.skip_unsigned(2)
        bits.skip_unsigned(min(bits.unsigned(), _LIST_MAX))


def _reorder_of_usability(bits: _Bits) -> int | None:
    """max_num_reorder_frames out of the video usability information (annex E.1.1)."""
    if bits.take(1) and bits.take(8) == 255:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if bits.take(1):
        bits.skip_unsigned(2)
    if bits.take(1):
        bits.take(65)
    buffers = 0
    for _ in range(2):
        if bits.take(1):
            _skip_buffer(bits)
            buffers += 1
    if buffers:
        bits.take(1)
    bits.take(1)
    if not bits.take(1):
        return None
    bits.take(1)
    bits.skip_unsigned(4)
    return bits.unsigned()


def _skip_buffer(bits: _Bits) -> None:
    count = min(bits.unsigned() + 1, 32)
    bits.take(8)
    for _ in range(count):
        bits.skip_unsigned(2)
        bits.take(1)
    bits.take(20)


def _h265(bits: _Bits) -> PictureFormat:
    bits.take(4)
    layers = bits.take(3)
    bits.take(4)
    profile = bits.take(5)
    bits.take(80)
    level = bits.take(8)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.take(88 * has_profile + 8 * has_level)
    bits.unsigned()
    chroma = bits.unsigned()
    if chroma == 3 and bits.take(1):
        chroma = 0
    width, height = bits.unsigned(), bits.unsigned()
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        step = _CROP.get(chroma, (1, 1))
        width -= step[0] * (left + right)
        height -= step[1] * (top + bottom)
    bits.skip_unsigned(3)
    reorder = 0
    for _ in range(1 if not bits.take(1) else layers + 1):
        bits.unsigned()
        reorder = bits.unsigned()
        bits.unsigned()
    return PictureFormat(width, height, profile, level, reorder)
