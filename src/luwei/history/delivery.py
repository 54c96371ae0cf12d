"""One bus message as the ingest takes it: checked whole before anything is inserted, so that no row can make the
history refuse the rows it travels with."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from luwei import facts
from luwei.facts import BatchId
from luwei.history.store import QUARANTINE, TABLES

_TIMES = {facts.FIX: ("at", "received_at"), facts.SESSION: ("at",), facts.LEDGER: (), facts.MESSAGE: ("received_at",)}
_DAYS = {facts.LEDGER: "day"}
_YEAR_2100_MS = 4_102_444_800_000
_YEAR_2100_DAYS = 47_482


@dataclass(frozen=True, slots=True)
class Delivery:
    """A bus message and what could be read of it."""

    subject: str
    sequence: int
    """Number in the stream."""
    batch_id: BatchId
    """As sent; for a message without a readable id boot 0 (which no gateway has) and the stream sequence."""
    table: str
    """Where its rows belong."""
    rows: pa.RecordBatch
    kind: str
    """Kind of fact; empty where the message goes to quarantine."""
    cause: str = ""
    """Why it goes to quarantine."""


def read(subject: str, payload: bytes, headers: dict[str, str], sequence: int, at_ms: int) -> Delivery:
    """Read and check one message; ``at_ms`` is the time given to a row in quarantine. Raises nothing."""
    text = headers.get(facts.HEADER_ID, "")
    batch_id = identity(text, sequence)
    try:
        kind = facts.kind_of(subject)
        rows = _checked(kind, facts.unpack(payload), batch_id)
    except (pa.ArrowException, ValueError, StopIteration, OSError) as error:
        cause = f"{type(error).__name__}: {error}"[:500]
        row = {
            "at": at_ms,
            "subject": subject,
            "sequence": sequence,
            "id": text,
            "gateway": headers.get(facts.HEADER_GATEWAY, ""),
            "cause": cause,
            "payload": payload,
            "batch": batch_id.value,
        }
        quarantined = pa.RecordBatch.from_pylist([row], schema=QUARANTINE)
        return Delivery(subject, sequence, batch_id, "quarantine", quarantined, "", cause)
    return Delivery(subject, sequence, batch_id, TABLES[kind], rows, kind)


def identity(text: str, sequence: int) -> BatchId:
    """The batch id in the header ``text``, or boot 0 with the stream sequence where there is none to read."""
    try:
        batch_id = BatchId.parse(text)
    except ValueError:
        return BatchId(0, sequence)
    if 0 < batch_id.boot < 1 << 32 and 0 < batch_id.number < 1 << 32:
        return batch_id
    return BatchId(0, sequence)


def _checked(kind: str, rows: pa.RecordBatch, batch_id: BatchId) -> pa.RecordBatch:
    schema = facts.SCHEMAS[kind]
    if not rows.schema.equals(schema):
        missing = set(schema.names) ^ set(rows.schema.names)
        raise ValueError(f"columns differ from the {kind} schema: {', '.join(sorted(missing)) or 'their types'}")
    rows.validate()
    for field, column in zip(schema, rows.columns, strict=True):
        if pa.types.is_binary(field.type) or pa.types.is_string(field.type):
            column.validate(full=True)  # offsets within the buffer, text in UTF-8
        if not field.nullable and column.null_count:
            raise ValueError(f"column {field.name} has nulls")
    if rows.num_rows:
        for name in _TIMES[kind]:
            _within(name, rows[name].cast(pa.int64()), _YEAR_2100_MS)
        if kind in _DAYS:
            _within(_DAYS[kind], rows[_DAYS[kind]].cast(pa.int32()), _YEAR_2100_DAYS)
    # The column must be the message's id: a repeated insert is checked against the history by it.
    index = schema.get_field_index("batch")
    return rows.set_column(index, schema.field(index), pa.repeat(pa.scalar(batch_id.value, pa.uint64()), rows.num_rows))


def _within(name: str, column: pa.Array, end: int) -> None:
    bounds = pc.min_max(column)
    if bounds["min"].as_py() < 0 or bounds["max"].as_py() >= end:
        raise ValueError(f"column {name} lies outside the years 1970 to 2099")
