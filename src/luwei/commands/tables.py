"""Records of an answer as tables of text, for the console and for CSV: one column a field, one row a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.english import in_both
from luwei.protocol.layout import Field
from luwei.protocol.message import Nested, Record

ROWS_MAX = 5_000
"""Rows that are kept of an answer."""
SHOWN_MAX = 200
"""Rows that the lists carry; the rest is in the CSV."""
CELL_MAX = 200
COLUMNS_MAX = 60
WORDS_MAX = 1_000
"""Cells of one column that are known in English too; the others stay Chinese."""

Column = dict[str, Any]
"""``zh``, ``en``, and ``words``: cells in Chinese → in English, where they differ."""


def table(zh: str, en: str, records: Sequence[Record], edition: int, hidden: frozenset[str] = frozenset()) -> Any:
    """``{"zh", "en", "columns": [{"name", "zh", "en", "words"}], "rows": [[text]], "total"}``; a record in a record
    adds its fields. Cells are Chinese; ``words`` has the English of those that are otherwise in it. ``hidden`` fields
    are left out; at most ROWS_MAX rows are written, ``total`` counts all."""
    columns: dict[str, Column] = {}
    rows: list[dict[str, str]] = []
    for record in records[:ROWS_MAX]:
        row: dict[str, str] = {}
        _fill(record, record.edition or edition, hidden, columns, row, "")
        rows.append(row)
    names = list(columns)[:COLUMNS_MAX]
    return {
        "zh": zh,
        "en": en,
        "columns": [{"name": name} | columns[name] for name in names],
        "rows": [[row.get(name, "") for name in names] for row in rows],
        "total": len(records),
    }


def shortened(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as the lists carry it."""
    answer = {name: value for name, value in answer.items() if name != "recordings"}
    if "tables" not in answer:
        return answer
    return answer | {"tables": [_first_rows(each) for each in answer["tables"]]}


def _first_rows(whole: dict[str, Any]) -> dict[str, Any]:
    rows = whole["rows"][:SHOWN_MAX]
    columns = []
    for number, column in enumerate(whole["columns"]):
        words, shown = column.get("words", {}), {row[number] for row in rows}
        columns.append(column | {"words": {text: said for text, said in words.items() if text in shown}})
    return whole | {"columns": columns, "rows": rows}


def _fill(
    record: Record, edition: int, hidden: frozenset[str], columns: dict[str, Column], row: dict[str, str], prefix: str
) -> None:
    for declared, value in record.filled(edition):
        if declared.name in hidden:
            continue
        if isinstance(declared.type_in(edition), Nested):
            _fill(value, edition, hidden, columns, row, f"{prefix}{declared.name}.")
            continue
        row[prefix + declared.name] = cell(declared, value, edition, columns, prefix + declared.name)


def cell(declared: Field, value: Any, edition: int, columns: dict[str, Column], name: str) -> str:
    """The cell of a value in the column ``name``, which is made if need be and learns what the cell is in English."""
    column = columns.setdefault(name, {"zh": declared.zh, "en": declared.en or declared.zh, "words": {}})
    text, in_english = (said[:CELL_MAX] for said in in_both(declared, value, edition))
    if text != in_english and len(column["words"]) < WORDS_MAX:
        column["words"][text] = in_english
    return text
