"""Location bodies (0x0200, JT/T 808-2019 table 23; the same layout inside 0x0704 and 0x0201) as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luwei.protocol.jt808.batch.clock import UNREADABLE, device_ms
from luwei.protocol.jt808.batch.cut import Bytes, Index, Mask, windows
from luwei.protocol.jt808.batch.items import Items, walk

BASIC_LENGTH = 28
"""Bytes of the basic part; a shorter body is no location."""

DIRECTION_UNKNOWN = 0xFFFF
STATUS_FIXED, STATUS_SOUTH, STATUS_WEST = 1 << 1, 1 << 2, 1 << 3

_BASIC = np.dtype(
    {
        "names": ["alarm", "status", "lat", "lon", "altitude", "speed", "direction", "time"],
        "formats": [">u4", ">u4", ">i4", ">i4", ">i2", ">u2", ">u2", ("u1", (6,))],
        "offsets": [0, 4, 8, 12, 16, 18, 20, 22],
        "itemsize": BASIC_LENGTH,
    }
)


@dataclass(frozen=True, slots=True)
class Locations:
    """n locations as columns, in the units of their names; places in 1e-6 degree, times in UTC milliseconds.

    ``device_ms`` is ``UNREADABLE`` where the six bytes are no date. ``items_data`` with ``items_offsets`` (n + 1)
    are all bytes after the basic parts. ``fixed`` is status bit 1; ``possible`` that the place lies on Earth.
    """

    alarm: npt.NDArray[np.uint32]
    status: npt.NDArray[np.uint32]
    lat_e6: npt.NDArray[np.int32]
    lon_e6: npt.NDArray[np.int32]
    altitude_m: npt.NDArray[np.int16]
    speed_dkmh: npt.NDArray[np.uint16]
    direction_deg: npt.NDArray[np.uint16]
    device_ms: npt.NDArray[np.int64]
    readable: Mask
    fixed: Mask
    possible: Mask
    items: Items
    items_data: Bytes
    items_offsets: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.alarm)


def locations(data: Bytes, body: Index, length: Index) -> Locations:
    """Decode the location bodies at ``body`` with ``length`` ≥ ``BASIC_LENGTH`` bytes each.

    ``data`` is padded as ``cut`` and ``join_bodies`` do. A coordinate in two's complement loses its sign and takes the
    one of the status bit (reference §11.3, 20); direction 360 is 0 and beyond it unknown (21).
    """
    basic = windows(data, BASIC_LENGTH)[body].view(_BASIC)
    status = basic["status"].astype(np.uint32)
    lat = np.abs(basic["lat"].astype(np.int32))
    lon = np.abs(basic["lon"].astype(np.int32))
    possible = (lat >= 0) & (lat <= 90_000_000) & (lon >= 0) & (lon <= 180_000_000)
    np.negative(lat, out=lat, where=(status & STATUS_SOUTH) != 0)
    np.negative(lon, out=lon, where=(status & STATUS_WEST) != 0)
    direction = basic["direction"].astype(np.uint16)
    direction[direction == 360] = 0
    direction[direction > 360] = DIRECTION_UNKNOWN
    at = device_ms(basic["time"])
    first, end = body + BASIC_LENGTH, body + length
    offsets = np.zeros(body.size + 1, np.int32)
    np.cumsum(end - first, out=offsets[1:])
    return Locations(
        alarm=basic["alarm"].astype(np.uint32),
        status=status,
        lat_e6=lat,
        lon_e6=lon,
        altitude_m=basic["altitude"].astype(np.int16),
        speed_dkmh=basic["speed"].astype(np.uint16),
        direction_deg=direction,
        device_ms=at,
        readable=at != UNREADABLE,
        fixed=(status & STATUS_FIXED) != 0,
        possible=possible,
        items=walk(data, first, end),
        items_data=_gather(data, first, end - first, offsets),
        items_offsets=offsets,
    )


def _gather(data: Bytes, start: Index, length: Index, offsets: npt.NDArray[np.int32]) -> Bytes:
    """The bytes ``start`` … ``start + length`` of all rows, one after the other."""
    index = np.repeat(start - offsets[:-1], length)
    index += np.arange(index.size)
    return data[index]
