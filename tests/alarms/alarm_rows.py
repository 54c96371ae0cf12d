"""Locations with chosen alarms, and alarm items as a terminal writes them (reference active-safety §3, §4)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from luwei import facts
from luwei.facts import BatchId

NOON_MS = 1_748_750_400_000
"""2025-06-01 04:00 UTC."""


def row(vehicle: int, at: int, **other: Any) -> dict[str, Any]:
    """One location; ``received_at`` 700 ms after ``at`` unless given."""
    return {
        "vehicle_id": vehicle,
        "terminal_id": vehicle + 1000,
        "at": at,
        "device_at": at,
        "received_at": at + 700,
        "lat_e6": 23_129_100,
        "lon_e6": 113_264_400,
        "altitude_m": 21,
        "speed_dkmh": 612,
        "direction_deg": 90,
        "alarm": 0,
        "status": 3,
        "mileage_hm": 1,
        "fuel_dl": None,
        "recorder_speed_dkmh": None,
        "video_alarm": None,
        "vehicle_signals": None,
        "radio_signal": 25,
        "satellites": 11,
        "items": b"\x30\x01\x19",
        "origin": 0,
        "flags": 0,
        "edition": 2019,
        "serial": 0,
        "batch": 0,
    } | other


def batch(rows: list[dict[str, Any]], number: int = 1, boot: int = 77) -> pa.RecordBatch:
    """Rows as one batch of ``facts.LOCATION``."""
    columns = []
    for field in facts.LOCATION:
        values = [one[field.name] for one in rows]
        if pa.types.is_timestamp(field.type):
            columns.append(pa.array(np.array(values, "datetime64[ms]"), pa.timestamp("ms")).cast(field.type))
        else:
            columns.append(pa.array(values, field.type))
    found = pa.RecordBatch.from_arrays(columns, schema=facts.LOCATION)
    index = facts.LOCATION.get_field_index("batch")
    ids = pa.array([BatchId(boot, number).value] * len(rows), pa.uint64())
    return found.set_column(index, facts.LOCATION.field(index), ids)


def bcd(at: int) -> bytes:
    """BCD[6] of China Standard Time."""
    text = np.datetime_as_string(np.datetime64(at + 8 * 3_600_000, "ms"), unit="s")
    return bytes.fromhex("".join(character for character in str(text)[2:] if character.isdigit()))


def sign(at: int, size: int = 40, sequence: int = 0, files: int = 3) -> bytes:
    """An identification of 16, 38, 39 or 40 bytes."""
    terminal = b"A000001" if size == 16 else b"A000001".ljust(30, b"\0")
    return (terminal + bcd(at) + bytes((sequence, files))).ljust(size, b"\0")[:size]


def where(at: int, speed: int = 60) -> bytes:
    return struct.pack(">BHII", speed, 35, 22_543_099, 114_057_868) + bcd(at) + b"\x04\x01"


def item(
    kind: int, code: int, at: int, alarm_id: int = 1, flag: int = 0, level: int = 2, size: int = 40, sequence: int = 0
) -> bytes:
    """Item 0x64, 0x65, 0x67 or 0x70 whole: id, length, value."""
    head = struct.pack(">IBB", alarm_id, flag, code)
    if kind in (0x64, 0x65):
        head += bytes((level,)) + bytes(5)
    elif kind == 0x70:
        head += bytes(6)
    value = head + where(at) + sign(at, size, sequence)
    return bytes((kind, len(value))) + value


def tyres(at: int, wheels: list[int], alarm_id: int = 1, flag: int = 0, size: int = 40) -> bytes:
    """Item 0x66 with the events of each wheel."""
    value = struct.pack(">IB", alarm_id, flag) + where(at) + sign(at, size) + bytes((len(wheels),))
    for number, events in enumerate(wheels):
        value += struct.pack(">HHHHH", number, events, 700, 40, 90)
    return bytes((0x66, len(value))) + value


def video(bits: int) -> bytes:
    return b"\x14\x04" + bits.to_bytes(4, "big")


def milliseconds(moment: Any) -> int:
    return round(moment.timestamp() * 1000)


def told(rows: pa.RecordBatch | None) -> list[tuple[Any, ...]]:
    """Vehicle, phase, type, time, start and backfill of each alarm."""
    if rows is None:
        return []
    return [
        (one["vehicle_id"], one["phase"], one["type"], milliseconds(one["at"]), milliseconds(one["started_at"]),
         one["backfill"])
        for one in rows.to_pylist()
    ]  # fmt: skip
