"""Values of a history row as JSON gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa


def milliseconds(moment: datetime | None) -> int | None:
    """UTC milliseconds of a timestamp."""
    return None if moment is None else round(moment.timestamp() * 1000)


def numbers(table: pa.Table, name: str) -> list[Any]:
    """A column as a list; timestamps as UTC milliseconds, nulls as None."""
    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    result: list[Any] = column.to_pylist() if column.null_count else column.to_numpy().tolist()
    return result
