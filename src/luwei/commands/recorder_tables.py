"""Recorder data as tables: a block that holds a minute second by second becomes a row a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from luwei.commands.tables import CELL_MAX, ROWS_MAX, Column, cell
from luwei.commands.tables import table as plain
from luwei.protocol.fields import time_value
from luwei.protocol.jt808.recorder import (
    COMMANDS,
    Accident,
    Overtime,
    Packet,
    Place,
    PlaceHour,
    PlaceMinute,
    SpeedLog,
    SpeedMinute,
)
from luwei.protocol.message import Record

UNITS_A_DEGREE = 600_000
"""Places are in 0.0001 minutes of arc (GB/T 19056-2012 A.4)."""
_STEPS: dict[type[Record], tuple[str, str, float]] = {
    SpeedMinute: ("seconds", "start", 1), SpeedLog: ("seconds", "start", 1), PlaceHour: ("minutes", "start", 60),
    Accident: ("samples", "", 0),
}  # fmt: skip
"""Field that repeats, field of its first instant, and the seconds between two."""
_NO = {"zh": "序号", "en": "No."}
_TIME = {"zh": "时间", "en": "Time"}

Row = dict[str, str]


def tables(packet: Packet) -> list[dict[str, Any]]:
    """The content of an answer; empty where there is none, or none that a declared layout reads."""
    content = packet.content
    zh = COMMANDS.get(packet.command, "").removeprefix("采集").removeprefix("指定的")
    en = f"Recorder block {packet.command:02X}H"
    if isinstance(content, bytes):
        return [] if content else [{"zh": zh, "en": en, "columns": [], "rows": [], "total": 0}]
    kind = type(content[0])
    if kind not in _STEPS and kind is not Overtime:
        return [plain(zh, en, content, 2019)]
    columns: dict[str, Column] = {}
    rows: list[Row] = []
    total = 0
    for row in _rows(content, columns):
        total += 1
        if total <= ROWS_MAX:
            rows.append(row)
    return [
        {
            "zh": zh, "en": en, "columns": [{"name": name} | names for name, names in columns.items()],
            "rows": [[row.get(name, "")[:CELL_MAX] for name in columns] for row in rows], "total": total,
        }
    ]  # fmt: skip


def _rows(content: Sequence[Record], columns: dict[str, Column]) -> Iterator[Row]:
    for record in content:
        repeated, first, step_s = _STEPS.get(type(record), ("", "", 0))
        head: Row = {}
        for declared, value in record.filled(2019):
            if declared.name in (repeated, first):
                continue
            _put(declared, value, head, columns, f"{declared.name}_" if isinstance(value, Place) else "")
        if not repeated:
            yield head
            continue
        begin = time_value(getattr(record, first)) if first else None
        for number, element in enumerate(getattr(record, repeated)):
            row: Row = {}
            if begin is not None:
                columns.setdefault("time", _TIME)
                row["time"] = f"{begin + timedelta(seconds=number * step_s):%Y-%m-%d %H:%M:%S}"
            else:
                columns.setdefault("no", _NO)
                row["no"] = str(number + 1)
            for declared, value in element.filled(2019):
                if not isinstance(element, PlaceMinute) or declared.name not in ("longitude", "latitude"):
                    _put(declared, value, row, columns, "")
            if isinstance(element, PlaceMinute):
                _place(element, row, columns, "", "", "")
            yield head | row


def _put(declared: Any, value: Any, row: Row, columns: dict[str, Column], prefix: str) -> None:
    if isinstance(value, Place):
        _place(value, row, columns, prefix, declared.zh, declared.en)
        return
    row[declared.name] = cell(declared, value, 2019, columns, declared.name)


def _place(place: Place, row: Row, columns: dict[str, Column], prefix: str, zh: str, en: str) -> None:
    for name, names, limit in (("latitude", ("纬度", "latitude"), 90), ("longitude", ("经度", "longitude"), 180)):
        columns.setdefault(prefix + name, {"zh": zh + names[0], "en": f"{en} {names[1]}".strip().capitalize()})
        value = getattr(place, name)
        signed = value - (1 << 32) if value >> 31 else value
        degrees = signed / UNITS_A_DEGREE
        row[prefix + name] = f"{degrees:.6f}" if abs(degrees) <= limit else ""
    columns.setdefault(prefix + "altitude", {"zh": zh + "海拔", "en": f"{en} altitude".strip().capitalize()})
    row[prefix + "altitude"] = f"{place.altitude} m"
