"""Columns of a batch of locations as the extraction reads them, and the alarms found as rows of their schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei import facts
from luwei.alarms.item_scan import Items

UNTRUE_TIME = facts.FLAG_TIME_UNREADABLE | facts.FLAG_TIME_FUTURE | facts.FLAG_TIME_PAST


class Place(NamedTuple):
    """Where and how fast, as an item says it itself."""

    lat_e6: int
    lon_e6: int
    altitude_m: int
    speed_dkmh: int


class Found(NamedTuple):
    """One phase of an alarm; ``row`` is that of the report which says it."""

    row: int
    phase: int
    key: int
    at: int
    started_ms: int
    source: str
    type: str
    item: bytes
    level: int = 0
    identification: bytes = b""
    files: int = 0
    sequence: int = 0
    dialect: str = ""
    place: Place | None = None
    """None: the report's."""


class Reports:
    """A batch of ``facts.LOCATION`` as NumPy columns."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.vehicle = self.column("vehicle_id").astype(np.int64)
        self.at = self._time("at")
        self.received = self._time("received_at")
        self.alarm = self.column("alarm")
        video = batch.column("video_alarm")
        self.video = (video.fill_null(0) if video.null_count else video).to_numpy(zero_copy_only=False)
        self.video_told = np.asarray(video.is_valid().to_numpy(zero_copy_only=False)) if video.null_count else None
        """Which rows have item 0x14; None: all."""
        self.serial = self.column("serial").astype(np.int32)
        self.flags = self.column("flags")
        self.backfill = self.column("origin") == facts.ORIGIN_BACKFILL
        self.items = Items.of(batch.column("items"))

    def __len__(self) -> int:
        rows: int = self.batch.num_rows
        return rows

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column without nulls."""
        found: npt.NDArray[Any] = self.batch.column(name).to_numpy(zero_copy_only=False)
        return found

    def _time(self, name: str) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.batch.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False)
        return found


_FROM_REPORT = {
    "vehicle_id": "vehicle_id", "terminal_id": "terminal_id", "received_at": "received_at", "lat_e6": "lat_e6",
    "lon_e6": "lon_e6", "altitude_m": "altitude_m", "speed_dkmh": "speed_dkmh", "direction_deg": "direction_deg",
    "report_alarm": "alarm", "status": "status", "edition": "edition", "batch": "batch",
}  # fmt: skip
_NAMES = {"key": "alarm", "started_ms": "started_at"}
_FROM_FOUND = [_NAMES.get(name, name) for name in Found._fields if name not in ("row", "place")]


def batch_of(reports: Reports, found: Sequence[Found]) -> pa.RecordBatch:
    """The alarms as ``facts.ALARM_EVENT``, in order of their reports."""
    ordered = sorted(found, key=lambda one: one.row)
    number, *values, places = zip(*ordered, strict=True)
    rows = pa.array(number, pa.int64())
    columns: dict[str, Any] = {name: reports.batch.column(of).take(rows) for name, of in _FROM_REPORT.items()}
    placed = [(line, place) for line, place in enumerate(places) if place is not None]
    if placed:
        for index, name in enumerate(Place._fields):
            own = columns[name].to_pylist()
            for line, place in placed:
                own[line] = place[index]
            columns[name] = own
    columns |= zip(_FROM_FOUND, values, strict=True)
    columns["backfill"] = reports.backfill[rows.to_numpy()]
    arrays = [
        value if isinstance(value, pa.Array) else pa.array(value, field.type)
        for field in facts.ALARM_EVENT
        for value in (columns[field.name],)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=facts.ALARM_EVENT)
