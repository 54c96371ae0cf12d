"""Proof that an insert whose outcome was unknown is complete.

The engine notes a token just before it makes the rows visible, so a kill between the two would make it refuse rows it
does not have. Rows of one batch and one day become visible together or not at all, so counting by batch and day tells
which are missing, and those are inserted under a token of their own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import structlog

from luwei.history.store import History, HistoryError

log = structlog.get_logger()

_DAY_COLUMN = {
    "location": "at", "session": "at", "ledger": "day", "message": "received_at", "quarantine": "at",
    "alarm": "started_at",
}  # fmt: skip
proved = frozenset(_DAY_COLUMN)
"""Tables whose rows can be counted by batch and day."""
ATTEMPTS = 3


def insert_missing(history: History, table: str, rows: pa.Table, token: str) -> int:
    """Insert those of ``rows`` that ``table`` does not have; returns how many. Raises HistoryError.

    Rows beyond the time-to-live are left alone: the engine may have dropped them already.
    """
    if table not in _DAY_COLUMN:
        return 0
    days = rows[_DAY_COLUMN[table]].cast(pa.date32())
    keyed = pa.table({"batch": rows["batch"], "day": days, "row": pa.array(range(rows.num_rows), pa.int64())})
    oldest = datetime.now(UTC).date() - timedelta(days=history.days - 1)
    expected: dict[tuple[int, date], int] = {
        (one["batch"], one["day"]): one["row_count"]
        for one in keyed.group_by(["batch", "day"]).aggregate([("row", "count")]).to_pylist()
        if one["day"] >= oldest
    }
    inserted = 0
    for attempt in range(ATTEMPTS):
        stored = _stored(history, table, expected)
        partly = [key for key, count in expected.items() if stored.get(key, 0) not in (0, count)]
        if partly:
            log.error("batch is stored in part or twice", table=table, batches=[f"{b:x} {d}" for b, d in partly[:10]])
        missing = {key for key in expected if key not in stored}
        if not missing:
            return inserted
        wanted = [(b, d) in missing for b, d in zip(keyed["batch"].to_pylist(), days.to_pylist(), strict=True)]
        rest = rows.filter(pa.array(wanted))
        log.warning("rows were missing after an interrupted insert", table=table, rows=rest.num_rows)
        history.insert(table, rest, f"{token}-missing-{attempt}")
        inserted += rest.num_rows
    raise HistoryError(f"{table}: rows are still missing after {ATTEMPTS} inserts")


def _stored(history: History, table: str, expected: dict[tuple[int, date], int]) -> dict[tuple[int, date], int]:
    if not expected:
        return {}
    days = [day for _, day in expected]
    found = history.query(
        f"stored_{table}",
        batches=sorted({batch for batch, _ in expected}),
        first_day=min(days),
        last_day=max(days),
    )
    return {
        (one["batch"], datetime.strptime(str(one["partition_day"]), "%Y%m%d").date()): one["rows"]
        for one in found.to_pylist()
    }
