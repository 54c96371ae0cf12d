"""Facts as Arrow record batches, made from buffers.

``pa.array`` of a list would be shorter, but its first call loads pandas where that is installed: 50 MB in a process
whose connections are to cost less than 3 KiB each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei import facts
from luwei.protocol.jt808.batch.items import COLUMNS
from luwei.protocol.jt808.batch.location import Locations

FUTURE_MS = 10 * 60 * 1000
DAY_MS = 86_400_000
_FUEL = list(COLUMNS).index("fuel_dl")

_ITEM_TYPES = [(type_, type_.to_pandas_dtype()) for type_ in (facts.LOCATION.field(name).type for name in COLUMNS)]


@dataclass(frozen=True, slots=True)
class Source:
    """Who sent each of n locations: what the session and the frame's header know."""

    vehicle_id: npt.NDArray[np.uint32]
    terminal_id: npt.NDArray[np.uint32]
    edition: npt.NDArray[np.uint16]
    serial: npt.NDArray[np.uint16]
    origin: npt.NDArray[np.uint8]


def _plain(type_: pa.DataType, values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))], 0)


def _nullable(type_: pa.DataType, values: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> pa.Array:
    if valid.all():
        return _plain(type_, values)
    bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(type_, len(values), [bitmap, pa.py_buffer(np.ascontiguousarray(values))])


def location_batch(locations: Locations, source: Source, received_ms: int, history_days: int) -> pa.RecordBatch:
    """One row a location. ``at`` is the terminal's time where it is readable and plausible, else ``received_ms``.

    The column ``batch`` is 0; ``publisher`` fills it in.
    """
    count = len(locations)
    future = locations.device_ms > received_ms + FUTURE_MS
    past = locations.readable & (locations.device_ms < received_ms - history_days * DAY_MS)
    plausible = locations.readable & ~future & ~past
    flags = np.zeros(count, np.uint8)
    for sound, flag in (
        (locations.readable, facts.FLAG_TIME_UNREADABLE),
        (~future, facts.FLAG_TIME_FUTURE),
        (~past, facts.FLAG_TIME_PAST),
        (locations.fixed, facts.FLAG_NOT_FIXED),
        (locations.possible, facts.FLAG_PLACE_IMPOSSIBLE),
        (~locations.items.broken, facts.FLAG_ITEMS_BROKEN),
    ):
        if not sound.all():
            flags[~sound] |= np.uint8(flag)
    ms = facts.LOCATION.field("at").type
    received = np.full(count, received_ms, np.int64)
    arrays = [
        _plain(pa.uint32(), source.vehicle_id),
        _plain(pa.uint32(), source.terminal_id),
        _plain(ms, np.where(plausible, locations.device_ms, received)),
        _nullable(ms, locations.device_ms, locations.readable),
        _plain(ms, received),
        _plain(pa.int32(), locations.lat_e6),
        _plain(pa.int32(), locations.lon_e6),
        _plain(pa.int16(), locations.altitude_m),
        _plain(pa.uint16(), locations.speed_dkmh),
        _plain(pa.uint16(), locations.direction_deg),
        _plain(pa.uint32(), locations.alarm),
        _plain(pa.uint32(), locations.status),
    ]
    reported = locations.items.values >= 0
    # bit 15 of the fuel: a unit of the vendor's own (reference §11.3, 27); no tank holds 3,276 L
    reported[_FUEL] &= locations.items.values[_FUEL] < 0x8000
    for (type_, dtype), values, valid in zip(_ITEM_TYPES, locations.items.values, reported, strict=True):
        arrays.append(_nullable(type_, values.astype(dtype), valid))
    offsets, data = pa.py_buffer(locations.items_offsets), pa.py_buffer(locations.items_data)
    arrays += [
        pa.Array.from_buffers(pa.binary(), count, [None, offsets, data], 0),
        _plain(pa.uint8(), source.origin),
        _plain(pa.uint8(), flags),
        _plain(pa.uint16(), source.edition),
        _plain(pa.uint16(), source.serial),
        _plain(pa.uint64(), np.zeros(count, np.uint64)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=facts.LOCATION)


def rows_batch(kind: str, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of a rare fact (session, ledger, message); times and days as integers since 1970."""
    schema = facts.SCHEMAS[kind]
    return pa.RecordBatch.from_arrays([_column(field, rows) for field in schema], schema=schema)


def _column(field: pa.Field, rows: Sequence[dict[str, Any]]) -> pa.Array:
    values = [row[field.name] for row in rows]
    if pa.types.is_string(field.type) or pa.types.is_binary(field.type):
        texts = [value.encode() if isinstance(value, str) else value for value in values]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(field.type, len(texts), buffers, 0)
    if pa.types.is_timestamp(field.type):
        return _plain(field.type, np.array(values, np.int64))
    if pa.types.is_date32(field.type):
        return _plain(field.type, np.array(values, np.int32))
    return _plain(field.type, np.array(values, field.type.to_pandas_dtype()))


def with_batch(columns: pa.RecordBatch, batch: facts.BatchId) -> pa.RecordBatch:
    """``columns`` with the column ``batch`` filled."""
    at = columns.schema.get_field_index("batch")
    values = _plain(pa.uint64(), np.full(columns.num_rows, batch.value, np.uint64))
    return columns.set_column(at, columns.schema.field(at), values)
