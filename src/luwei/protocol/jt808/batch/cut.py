"""Cut joined streams into frames and read all headers at once (JT/T 808-2019 §4.4, reference §1 and §2).

The chunks of a tick are joined with one extra 0x7e between them, the *virtual delimiter*: a chunk starts with what
was left over of its connection, so the delimiter stands where the flag before that rest stood. Everything between
two flags is a candidate. A candidate is good when its escapes are legal, its check code is right and its length fits
one of the two header layouts (reference §2.3); all others stay candidates for the tolerant declarative decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

FLAG = 0x7E
ESCAPE = 0x7D

PADDING = 128
"""Zero bytes behind the data, so that a fixed window may be read at every offset."""

VERSION_FLAG = 0x4000
FRAGMENT_FLAG = 0x2000
ENCRYPT_BITS = 0x1C00
LENGTH_BITS = 0x03FF

_HEADER = np.dtype(
    {
        "names": ["id", "attributes", "version", "phone13", "serial13", "phone19_high", "phone19_low", "serial19"],
        "formats": [">u2", ">u2", "u1", ">u8", ">u2", ">u2", ">u8", ">u2"],
        # phone13 is read with the two attribute bytes before it, which are masked away
        "offsets": [0, 2, 4, 2, 10, 5, 7, 15],
        "itemsize": 24,
    }
)
_PHONE13_MASK = np.uint64(0xFFFF_FFFF_FFFF)


def windows(data: Bytes, size: int) -> npt.NDArray[Any]:
    """All overlapping windows of ``size`` bytes as void scalars: ``windows(d, 64)[offsets]`` is one memcpy a row."""
    return np.ndarray((data.size - size + 1,), dtype=f"V{size}", buffer=data, strides=(1,))


@dataclass(frozen=True, slots=True)
class Frames:
    """The candidates of one tick, in the order of arrival; every array has one element a candidate.

    ``data`` holds the unescaped bytes (and ``PADDING`` zeros), ``start`` and ``length`` delimit a candidate in it
    without flags but with the check code. Header fields mean something only where ``good``.
    """

    raw: bytes
    data: Bytes
    raw_start: Index
    raw_end: Index
    start: Index
    length: Index
    segment: Index
    good: Mask
    layout19: Mask
    message_id: npt.NDArray[np.uint16]
    attributes: npt.NDArray[np.uint16]
    body: Index
    body_length: Index
    serial: npt.NDArray[np.uint16]
    phone_high: npt.NDArray[np.uint16]
    phone_low: npt.NDArray[np.uint64]
    bounds: Index
    """Offsets of the virtual delimiters in ``raw``: segment k lies between bounds k and k + 1."""
    rests: dict[int, bytes]
    """Segment number → bytes after its last flag, where there are any."""

    def __len__(self) -> int:
        return len(self.start)

    def wire(self, candidate: int) -> bytes:
        """The candidate as received, with both flags."""
        return self.raw[self.raw_start[candidate] - 1 : self.raw_end[candidate] + 1]

    def content(self, candidate: int) -> bytes:
        """The candidate unescaped, without flags, with its check code."""
        start = int(self.start[candidate])
        return self.data[start : start + int(self.length[candidate])].tobytes()

    def following(self, candidate: int) -> bytes:
        """What came on the same connection after the candidate, without the flag that closed it."""
        return self.raw[int(self.raw_end[candidate]) + 1 : int(self.bounds[int(self.segment[candidate]) + 1])]

    def body_bytes(self, candidate: int) -> bytes:
        """The body of a good candidate."""
        start = int(self.body[candidate])
        return self.data[start : start + int(self.body_length[candidate])].tobytes()


def cut(chunks: Sequence[bytes]) -> Frames:
    """Cut one chunk a connection (its rest and its fresh bytes, joined) into candidates.

    The segment number of a candidate is the position of its chunk in ``chunks``. Never raises.
    """
    raw = b"\x7e".join((b"", *chunks, bytes(PADDING)))
    wire = np.frombuffer(raw, np.uint8)
    lengths = np.fromiter(map(len, chunks), np.intp, len(chunks))
    virtual = np.zeros(len(chunks) + 1, np.intp)
    np.cumsum(lengths + 1, out=virtual[1:])
    flags = (wire == FLAG).nonzero()[0]

    is_virtual = np.zeros(flags.size, np.bool_)
    is_virtual[np.searchsorted(flags, virtual)] = True
    size = np.diff(flags) - 1
    interval = size.nonzero()[0]
    start = flags[interval] + 1
    length = size[interval]
    segment = (np.cumsum(is_virtual) - 1)[interval]
    is_rest = is_virtual[interval + 1]

    raw_start, raw_end = start, start + length
    rests: dict[int, bytes] = {}
    if is_rest.any():
        for i in is_rest.nonzero()[0].tolist():
            rests[int(segment[i])] = raw[start[i] : start[i] + length[i]]

    data, start, length, spoilt = _unescape(wire, start, length)
    if rests:
        whole = ~is_rest
        raw_start, raw_end, start, length = raw_start[whole], raw_end[whole], start[whole], length[whole]
        segment, spoilt = segment[whole], spoilt[whole]
    return _headers(raw, data, raw_start, raw_end, start, length, segment, spoilt, virtual, rests)


def _unescape(wire: Bytes, start: Index, length: Index) -> tuple[Bytes, Index, Index, Mask]:
    """0x7d 0x01 → 0x7d and 0x7d 0x02 → 0x7e in one pass; an illegal escape spoils its candidate and stays as it is."""
    spoilt = np.zeros(start.size, np.bool_)
    escapes = (wire == ESCAPE).nonzero()[0]
    if not escapes.size:
        return wire, start, length, spoilt
    code = wire[escapes + 1]
    legal = (code == 1) | (code == 2)
    owner = np.searchsorted(start, escapes, side="right") - 1
    if not legal.all():
        spoilt[owner[~legal]] = True
        escapes, code, owner = escapes[legal], code[legal], owner[legal]
    data = wire.copy()
    data[escapes] = code + (ESCAPE - 1)
    keep = np.ones(data.size, np.bool_)
    keep[escapes + 1] = False
    removed = np.bincount(owner, minlength=start.size)
    return data[keep], start - (np.cumsum(removed) - removed), length - removed, spoilt


def _headers(
    raw: bytes,
    data: Bytes,
    raw_start: Index,
    raw_end: Index,
    start: Index,
    length: Index,
    segment: Index,
    spoilt: Mask,
    bounds: Index,
    rests: dict[int, bytes],
) -> Frames:
    if start.size:
        ends = np.empty(2 * start.size, np.intp)
        ends[::2] = start
        ends[1::2] = start + length
        check = np.bitwise_xor.reduceat(data, ends)[::2]
    else:
        check = np.zeros(0, np.uint8)
    header = windows(data, 24)[start].view(_HEADER)
    attributes = header["attributes"].astype(np.uint16)
    body_length = (attributes & LENGTH_BITS).astype(np.intp)
    fragment_item = ((attributes & FRAGMENT_FLAG) >> 11).astype(np.intp)
    surplus = length - body_length - fragment_item
    # reference §2.3: the two sums can never both fit, so the length decides and the version flag does not
    layout19 = (surplus == 18) & (((attributes & VERSION_FLAG) != 0) | (header["version"] == 1))
    good = (layout19 | (surplus == 13)) & (check == 0) & ~spoilt
    return Frames(
        raw=raw,
        data=data,
        raw_start=raw_start,
        raw_end=raw_end,
        start=start,
        length=length,
        segment=segment,
        good=good,
        layout19=layout19,
        message_id=header["id"].astype(np.uint16),
        attributes=attributes,
        body=start + fragment_item + np.where(layout19, 17, 12),
        body_length=body_length,
        serial=np.where(layout19, header["serial19"], header["serial13"]).astype(np.uint16),
        phone_high=np.where(layout19, header["phone19_high"], 0).astype(np.uint16),
        phone_low=np.where(layout19, header["phone19_low"], header["phone13"] & _PHONE13_MASK).astype(np.uint64),
        bounds=bounds,
        rests=rests,
    )


def phone_key(phone: str) -> tuple[int, int]:
    """The canonical phone (reference §2.4) as the pair that ``phone_high`` and ``phone_low`` compare with.

    Raises ValueError when the phone has more than 20 digits or one that is not hexadecimal.
    """
    if len(phone) > 20:
        raise ValueError(f"phone {phone!r}: at most 20 digits")
    value = int(phone, 16)
    return value >> 64, value & 0xFFFF_FFFF_FFFF_FFFF
