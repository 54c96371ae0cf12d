"""Additional items of 0x0200 (JT/T 808-2019 tables 26 and 27, JT/T 1078-2016 table 13) of all reports at once.

Only items that have a column are decoded, and only with their legal length (reference §11.3, 23). The first of two
items with the same id counts. Everything stays available: the caller keeps the bytes of all items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luwei.protocol.jt808.batch.cut import Bytes, Index, Mask

COLUMNS: Mapping[str, tuple[int, int]] = {
    "mileage_hm": (0x01, 4),
    "fuel_dl": (0x02, 2),
    "recorder_speed_dkmh": (0x03, 2),
    "video_alarm": (0x14, 4),
    "vehicle_signals": (0x25, 4),
    "radio_signal": (0x30, 1),
    "satellites": (0x31, 1),
}
"""Column → (item id, legal length in bytes), all big-endian unsigned."""

KNOWN: Mapping[int, tuple[int, ...]] = {
    0x01: (4,), 0x02: (2,), 0x03: (2,), 0x04: (2,), 0x05: (30,), 0x06: (2,), 0x11: (1, 5), 0x12: (6,), 0x13: (7,),
    0x14: (4,), 0x15: (4,), 0x16: (4,), 0x17: (2,), 0x18: (2, 3), 0x25: (4,), 0x2A: (2,), 0x2B: (4,), 0x30: (1,),
    0x31: (1,), 0x64: (), 0x65: (), 0x66: (), 0x67: (), 0x70: (), 0xE0: (), 0xF1: (4,), 0xF2: (4,),
}  # fmt: skip
"""Item id → legal lengths; empty: its length varies. Every other item is unknown."""

LONG = (0xF1, 0xF2)
WATCHED = frozenset({0x05, 0x06, 0x64, 0x65, 0x66, 0x67, 0x70, 0xF1, 0xF2})
"""Known items that only some dialects have: whoever looks for deviations looks at them one by one."""

_UNKNOWN, _PLAIN, _FIRST = 0, 1, 2


def _kinds() -> npt.NDArray[np.intp]:
    """Row of the result table for each (id << 8 | length)."""
    table = np.full(65_536, _UNKNOWN, np.intp)
    for item, lengths in KNOWN.items():
        if item in WATCHED:
            continue
        for length in lengths or range(256):
            table[item << 8 | length] = _PLAIN
    for row, (item, length) in enumerate(COLUMNS.values(), _FIRST):
        table[item << 8 | length] = row
    return table


_KIND = _kinds()
_SHIFT = np.array([32 - 8 * min(max(length, 1), 4) for length in range(256)], np.uint32)


@dataclass(frozen=True, slots=True)
class Items:
    """What the items of n reports say.

    ``values`` has a row of n numbers for each of ``COLUMNS`` in that order, -1 where not reported. ``broken``: an item
    runs past the end, or a single byte is left over. ``odd``: at least one item of an unknown id or length, or one of
    ``WATCHED``; ``odd_items`` tells which.
    """

    values: npt.NDArray[np.int64]
    broken: Mask
    odd: Mask


def walk(data: Bytes, start: Index, end: Index) -> Items:
    """Step through the items between ``start`` and ``end`` of each report; ``data`` is padded as ``cut`` does."""
    table, broken, written = _walk(data, start, end, first_wins=False)
    if written != np.count_nonzero(table[_FIRST:] >= 0):
        table, broken, _ = _walk(data, start, end, first_wins=True)
    for row in broken.nonzero()[0].tolist():
        # scalar, for few reports are broken
        broken[row] = not _ends_long(data, int(start[row]), int(end[row]))
    return Items(table[_FIRST:], broken, table[_UNKNOWN] >= 0)


def _ends_long(data: Bytes, at: int, end: int) -> bool:
    """Whether the items are whole with a last one of 0xF1 or 0xF2 whose length has four bytes (``jt808.items``)."""
    while at + 2 <= end:
        if data[at] in LONG and not data[at + 1 : at + 4].any() and 0 < int(data[at + 4]) == end - at - 5:
            return True
        at += 2 + int(data[at + 1])
    return False


def odd_items(data: Bytes, start: Index, end: Index) -> tuple[Index, npt.NDArray[np.uint16]]:
    """The items that made reports odd: number of the report and item id << 8 | length of each, in no order."""
    keys = np.ndarray((data.size - 1,), ">u2", data, strides=(1,))
    row = (start + 1 < end).nonzero()[0]
    at, limit = start[row], end[row]
    rows, found = [], []
    while row.size:
        key = keys[at].astype(np.uint16)
        following = at + 2 + (key & 0xFF)
        fits = following <= limit
        odd = fits & (_KIND[key] == _UNKNOWN)
        rows.append(row[odd])
        found.append(key[odd])
        more = fits & (following + 1 < limit)
        row, at, limit = row[more], following[more], limit[more]
    if not rows:
        return np.zeros(0, np.intp), np.zeros(0, np.uint16)
    return np.concatenate(rows), np.concatenate(found)


def _walk(data: Bytes, start: Index, end: Index, first_wins: bool) -> tuple[npt.NDArray[np.int64], Mask, int]:
    count = start.size
    table = np.full((_FIRST + len(COLUMNS), count), -1, np.int64)
    broken = np.zeros(count, np.bool_)
    keys = np.ndarray((data.size - 1,), ">u2", data, strides=(1,))
    words = np.ndarray((data.size - 3,), ">u4", data, strides=(1,))
    row = (start < end).nonzero()[0]
    at, limit = start[row], end[row]
    written = 0
    while row.size:
        key = keys[at].astype(np.uint16)
        length = key & 0xFF
        following = at + 2 + length
        fits = following <= limit
        if not fits.all():
            broken[row[~fits]] = True
            row, at, limit, key = row[fits], at[fits], limit[fits], key[fits]
            length, following = length[fits], following[fits]
            if not row.size:
                break
        value = words[at + 2] >> _SHIFT[length]
        kind = _KIND[key]
        if first_wins:
            value = np.where(table[kind, row] >= 0, table[kind, row], value)
        table[kind, row] = value
        written += int(np.count_nonzero(kind >= _FIRST))
        more = following < limit
        if more.all():
            at = following
        else:
            row, at, limit = row[more], following[more], limit[more]
    return table, broken, written
