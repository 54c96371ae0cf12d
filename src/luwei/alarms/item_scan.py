"""Finds the few items that may be alarms among the additional items of many locations.

Every byte is looked at once with NumPy: a place where an id we want is followed by a length that fits the row is a
candidate. Only rows with a candidate are stepped through item by item, which is the truth (JT/T 808 §8.9.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

HEAD = 2
SAFETY = {0x64: 31, 0x65: 31, 0x66: 24, 0x67: 25, 0x70: 31}
"""Item id → bytes before the identification (reference §2.1, §12)."""
FAULTS = (0xF1, 0xF2)
FAULT_LENGTH = 4


def _wanted() -> Mask:
    """True for each id << 8 | length that may be an alarm."""
    table = np.zeros(65_536, np.bool_)
    for item, head in SAFETY.items():
        table[(item << 8) + head : (item << 8) + 256] = True
    for item in FAULTS:
        table[item << 8 | FAULT_LENGTH] = True
    return table


_WANTED = _wanted()
_IDS = np.zeros(256, np.bool_)
_IDS[[*SAFETY, *FAULTS]] = True


@dataclass(frozen=True, slots=True)
class Items:
    """The additional items of n locations: row ``i`` is ``data[offsets[i]:offsets[i + 1]]``."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int32]

    @staticmethod
    def of(column: pa.BinaryArray) -> Items:
        """Views over an Arrow column without nulls."""
        _, offsets, data = column.buffers()
        bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        found = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        return Items(found, bounds)

    def row(self, number: int) -> bytes:
        """The items of one location."""
        return self.data[self.offsets[number] : self.offsets[number + 1]].tobytes()

    def candidates(self) -> list[int]:
        """Rows that may hold an item of ``SAFETY`` or ``FAULTS``, ascending; every row that does is among them."""
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        if last - first < HEAD:
            return []
        data = self.data[first:last]
        places = np.flatnonzero(_IDS[data[:-1]])
        if not places.size:
            return []
        lengths = data[places + 1]
        places = places[_WANTED[data[places].astype(np.uint16) << np.uint16(8) | lengths]]
        if not places.size:
            return []
        places += first
        rows = np.searchsorted(self.offsets, places, "right") - 1
        fits = places + HEAD + self.data[places + 1] <= self.offsets[rows + 1]
        found: list[int] = np.unique(rows[fits]).tolist()
        return found


def step(items: bytes) -> list[tuple[int, int, int]]:
    """Id, start of the value and its end of each whole item, in order; stops where one runs past the end, and before a
    last one of 0xF1 or 0xF2 whose length has four bytes (reference §4.5)."""
    found = []
    at, end = 0, len(items)
    while at + 1 < end:
        if items[at] in FAULTS and items[at + 1 : at + 4] == bytes(3) and items[at + 4 : at + 5] == _rest(end - at):
            break
        stop = at + HEAD + items[at + 1]
        if stop > end:
            break
        found.append((items[at], at + HEAD, stop))
        at = stop
    return found


def _rest(length: int) -> bytes:
    """The last byte of a length of four bytes which says that the item ends with the report."""
    return bytes((length - 5,)) if 5 < length <= 260 else b"none"


def details(items: bytes, wanted: tuple[int, ...]) -> bytes:
    """The items of ``wanted`` as they came, one after the other."""
    if not wanted:
        return b""
    return b"".join(items[start - HEAD : stop] for item, start, stop in step(items) if item in wanted)
