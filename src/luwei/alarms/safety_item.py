"""One alarm item of active safety as values: ADAS 0x64, DSM 0x65, TPMS 0x66, BSD 0x67, intense driving 0x70.

The places of the fields come from the declarations (``luwei.protocol.safety.alarm_items``), read once into a struct a
table: a tenth of what decoding costs, and the tests hold both against each other. What stands behind the fixed part is
the identification; a length that no dialect has keeps it whole, with no dialect (reference §2, 32 bytes in Hunan).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from luwei.protocol.fields import LATEST
from luwei.protocol.jt808.batch.clock import UNREADABLE, device_ms
from luwei.protocol.jt808.items import Item
from luwei.protocol.message import Record
from luwei.protocol.safety.alarm_items import AdasAlarm, BsdAlarm, DrivingAlarm, DsmAlarm, TyreAlarm
from luwei.protocol.safety.dialects import DIALECTS, Dialect

SOURCES = {0x64: "adas", 0x65: "dsm", 0x66: "tpms", 0x67: "bsd", 0x70: "driving"}
TYRE_ITEM = 0x66
TYRES_UNREAD = "66FF"
"""Type of a tyre alarm whose list of wheels cannot be read. Bit 0 is data, no alarm (苏标 table 4-19)."""

_FORMATS = {1: "B", 2: "H", 4: "I"}


class _Layout:
    """The fixed part of one table: a struct, and which of its values is which field."""

    def __init__(self, table: type[Record]) -> None:
        sizes = [getattr(declared.type_in(LATEST), "size", 0) for declared in table.fields]
        self.struct = struct.Struct(">" + "".join(_FORMATS.get(size, f"{size}s") for size in sizes))
        names = [declared.name for declared in table.fields]
        self.type = names.index("type") if "type" in names else None
        self.level = names.index("level") if "level" in names else None
        self.rest = tuple(
            names.index(name)
            for name in ("alarm_id", "flag_status", "speed", "altitude", "latitude", "longitude", "time")
        )


_LAYOUTS = {
    0x64: _Layout(AdasAlarm), 0x65: _Layout(DsmAlarm), 0x66: _Layout(TyreAlarm), 0x67: _Layout(BsdAlarm),
    0x70: _Layout(DrivingAlarm),
}  # fmt: skip
_BY_SIGN: dict[int, Dialect] = {dialect.sign: dialect for dialect in DIALECTS}


@dataclass(frozen=True, slots=True)
class SafetyItem:
    """What one item says; ``types`` are several only for tyres, and none where it reports no alarm."""

    item: int
    alarm_id: int
    flag: int
    types: tuple[str, ...]
    level: int
    speed_kmh: int
    altitude_m: int
    lat_e6: int
    lon_e6: int
    time: bytes
    """BCD[6] as it came."""
    identification: bytes
    sequence: int
    files: int
    dialect: str


def read(item: int, value: bytes) -> SafetyItem | None:
    """The item ``item`` with ``value``; None where it is shorter than its fixed part. Raises nothing."""
    layout = _LAYOUTS[item]
    fixed = layout.struct.size
    if len(value) < fixed:
        return None
    fields = layout.struct.unpack_from(value)
    alarm_id, flag, speed, altitude, latitude, longitude, time = [fields[place] for place in layout.rest]
    if item == TYRE_ITEM:
        sign, events = _tyres(value, fixed)
        types = (TYRES_UNREAD,) if events < 0 else tuple(f"66{bit:02X}" for bit in range(1, 16) if events >> bit & 1)
    else:
        sign = value[fixed:]
        types = (f"{item:02X}{fields[layout.type or 0]:02X}",)
    dialect = _BY_SIGN.get(len(sign))
    at = dialect.terminal_id + 6 if dialect is not None else 0
    return SafetyItem(
        item=item,
        alarm_id=alarm_id,
        flag=flag,
        types=types,
        level=fields[layout.level] if layout.level is not None else 0,
        speed_kmh=speed,
        altitude_m=altitude,
        lat_e6=latitude,
        lon_e6=longitude,
        time=time,
        identification=sign,
        sequence=sign[at] if dialect is not None else 0,
        files=sign[at + 1] if dialect is not None else 0,
        dialect=dialect.name if dialect is not None else "",
    )


def _tyres(value: bytes, fixed: int) -> tuple[bytes, int]:
    """Identification and the events of all wheels together, -1 where no dialect's list fits."""
    decoded = Item(TYRE_ITEM, value).value
    if decoded is None:
        return value[fixed:], -1
    events = 0
    for wheel in decoded.events:  # type: ignore[attr-defined]
        events |= wheel.event_type
    sign: bytes = decoded.alarm_sign.encode()  # type: ignore[attr-defined]
    return sign, events


def times_ms(times: list[bytes]) -> list[int | None]:
    """UTC milliseconds of BCD[6] times, None where the bytes are no date."""
    if not times:
        return []
    table = np.frombuffer(b"".join(times), np.uint8).reshape(-1, 6)
    return [None if value == UNREADABLE else value for value in device_ms(table).tolist()]
