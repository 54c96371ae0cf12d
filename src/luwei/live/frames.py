"""The binary frames a screen receives: columns, little-endian, each aligned by its order.

Header: u32 number of elements, u32 kind | version << 8, u32 base time (unix seconds), u32 sequence. Then the columns.
Kind 1 replaces all vehicles, kind 2 brings those that changed or left the view, kind 3 replaces all cells. Layout and
its measurement: docs/architecture.md, "Live".
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from luwei.live.fleet import Fleet, Ints
from luwei.live.view import Cells

VERSION = 1
VEHICLES, DELTA, CELLS = 1, 2, 3
LEFT_VIEW = 1 << 7
"""Status bit of a delta's element: the vehicle is no longer part of the view."""
AGE_MAX_S = 65_535
HEADING_UNKNOWN = 255


def _header(n: int, kind: int, now_ms: int, seq: int) -> bytes:
    return struct.pack("<4I", n, kind | VERSION << 8, now_ms // 1000, seq & 0xFFFFFFFF)


def vehicles(fleet: Fleet, ids: Ints, now_ms: int, seq: int, gone: Ints | None = None) -> bytes:
    """A snapshot of ``ids``, or a delta where ``gone`` (possibly empty) names the vehicles that left."""
    kind = VEHICLES if gone is None else DELTA
    every = ids if gone is None or len(gone) == 0 else np.concatenate((ids, gone))
    age = np.clip(now_ms // 1000 - fleet.received_ms[every] // 1000, 0, AGE_MAX_S)
    speed = np.minimum((fleet.speed_dkmh[every].astype(np.uint32) + 5) // 10, 255)
    direction = fleet.direction_deg[every]
    heading = np.where(direction < 360, direction // 2, HEADING_UNKNOWN)
    status: npt.NDArray[np.uint8] = fleet.wire[every]
    status[len(ids) :] |= LEFT_VIEW
    return b"".join(
        (
            _header(len(every), kind, now_ms, seq),
            fleet.lon_e6[every].astype("<i4", copy=False).tobytes(),
            fleet.lat_e6[every].astype("<i4", copy=False).tobytes(),
            every.astype("<u4").tobytes(),
            age.astype("<u2").tobytes(),
            speed.astype("u1").tobytes(),
            heading.astype("u1").tobytes(),
            status.tobytes(),
        )
    )


def cells(found: Cells, now_ms: int, seq: int) -> bytes:
    """All cells of a view."""
    return b"".join(
        (
            _header(len(found.count), CELLS, now_ms, seq),
            found.lon_e6.astype("<i4", copy=False).tobytes(),
            found.lat_e6.astype("<i4", copy=False).tobytes(),
            found.count.astype("<u4", copy=False).tobytes(),
            found.online.astype("<u4", copy=False).tobytes(),
            found.alarm.astype("<u4", copy=False).tobytes(),
        )
    )
