"""The whole fleet at once, as columns: what the live view and the search need of every vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from luwei.registry.engine import read

_COLUMNS = (
    "SELECT v.id, v.plate, v.plate_color, COALESCE(v.city, 0), COALESCE(v.county, 0), COALESCE(v.operator_id, 0),"
    " COALESCE(v.monitor_id, 0), COALESCE(v.insurer_id, 0), COALESCE(t.vendor_id, 0),"
    " COALESCE(t.phone, '') FROM vehicle v LEFT JOIN terminal t ON t.vehicle_id = v.id"
)
_ROWS_AT_ONCE = 500
"""Few enough that the garbage collector, which counts living tuples, is not called at every turn."""


@dataclass(frozen=True, slots=True)
class FleetRows:
    """One entry a vehicle in every column, ordered by id."""

    id: npt.NDArray[np.int64]
    plate: list[str]
    plate_color: npt.NDArray[np.int32]
    city: npt.NDArray[np.int32]
    """Adcode, 0 unknown."""
    county: npt.NDArray[np.int32]
    operator_id: npt.NDArray[np.int32]
    """0 none; so the next three."""
    monitor_id: npt.NDArray[np.int32]
    insurer_id: npt.NDArray[np.int32]
    vendor_id: npt.NDArray[np.int32]
    """Of the vehicle's terminal."""
    phone: list[str]
    """Of the vehicle's terminal, or empty."""

    def __len__(self) -> int:
        return len(self.plate)


def fleet_rows(engine: Engine, ids: Sequence[int] | None = None) -> FleetRows:
    """Every vehicle, or those of ``ids`` that exist. For the processes of Luwei: no scope is applied."""
    columns: list[list[Any]] = [[] for _ in range(10)]
    with read(engine) as connection:
        # The driver's own cursor: a Row object for each of half a million vehicles would cost more than the query.
        cursor = connection.connection.cursor()
        try:
            for part in [None] if ids is None else [ids[i : i + 5_000] for i in range(0, len(ids), 5_000)]:
                where = "" if part is None else f" WHERE v.id IN ({','.join(str(int(key)) for key in part)})"
                cursor.execute(f"{_COLUMNS}{where} ORDER BY v.id")
                while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                        column.extend(values)
        finally:
            cursor.close()
    key, plate, color, city, county, operator, monitor, insurer, vendor, phone = columns
    return FleetRows(
        np.array(key, np.int64),
        plate,
        np.array(color, np.int32),
        np.array(city, np.int32),
        np.array(county, np.int32),
        np.array(operator, np.int32),
        np.array(monitor, np.int32),
        np.array(insurer, np.int32),
        np.array(vendor, np.int32),
        phone,
    )
