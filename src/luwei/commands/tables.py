"""Records of an answer as tables of text, for the console and for CSV: one column a field, one row a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.layout import Field
from luwei.protocol.message import Nested, Record

ROWS_MAX = 5_000
"""Rows that are kept of an answer."""
SHOWN_MAX = 200
"""Rows that the lists carry; the rest is in the CSV."""
CELL_MAX = 200
COLUMNS_MAX = 60


def table(zh: str, en: str, records: Sequence[Record], edition: int, hidden: frozenset[str] = frozenset()) -> Any:
    """``{"zh", "en", "columns": [{"name", "zh", "en"}], "rows": [[text]], "total"}``; a record in a record adds its
    fields. ``hidden`` fields are left out; at most ROWS_MAX rows are written, ``total`` counts all."""
    columns: dict[str, Field] = {}
    rows: list[dict[str, str]] = []
    for record in records[:ROWS_MAX]:
        row: dict[str, str] = {}
        _fill(record, record.edition or edition, hidden, columns, row, "")
        rows.append(row)
    names = list(columns)[:COLUMNS_MAX]
    return {
        "zh": zh,
        "en": en,
        "columns": [
            {"name": name, "zh": columns[name].zh, "en": columns[name].en or columns[name].zh} for name in names
        ],
        "rows": [[row.get(name, "") for name in names] for row in rows],
        "total": len(records),
    }


def shortened(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as the lists carry it."""
    if "tables" not in answer:
        return answer
    return answer | {"tables": [each | {"rows": each["rows"][:SHOWN_MAX]} for each in answer["tables"]]}


def _fill(
    record: Record, edition: int, hidden: frozenset[str], columns: dict[str, Field], row: dict[str, str], prefix: str
) -> None:
    for declared, value in record.filled(edition):
        if declared.name in hidden:
            continue
        if isinstance(declared.type_in(edition), Nested):
            _fill(value, edition, hidden, columns, row, f"{prefix}{declared.name}.")
            continue
        columns.setdefault(prefix + declared.name, declared)
        note = declared.explain(value, edition)
        text = declared.text(value, edition)
        row[prefix + declared.name] = (f"{text} {note}" if note else text)[:CELL_MAX]
