"""Rows of an import file as typed values, each checked on its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from luwei.registry import fields, organisations, terminals, vehicles
from luwei.registry.errors import RegistryError
from luwei.registry.fields import Checked
from luwei.registry.imports.columns import Column, Reference
from luwei.registry.imports.tables import MAX_CELL, Row


@dataclass(slots=True)
class ImportRow:
    """What a row says. ``vehicle``, ``terminal`` and ``operator`` hold checked values of its non-empty cells."""

    number: int
    errors: list[RegistryError] = field(default_factory=list)
    operator: dict[str, Any] = field(default_factory=dict)
    vehicle: dict[str, Any] = field(default_factory=dict)
    terminal: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)
    """Values of a plain noun, converted but not checked: the check needs what is stored."""
    normal: dict[str, Any] = field(default_factory=dict)
    """The same as they are stored, as far as they keep their rules."""
    references: dict[str, tuple[Reference, str]] = field(default_factory=dict)
    """What the row names, by the column of the id."""


PLAIN = frozenset({"operators", "organisations", "drivers", "sims", "models"})
"""Nouns whose rows are of one table; vehicles and terminals bring one another along."""

_TERMINAL = frozenset({"phone", "terminal_id", "manufacturer_id", "model", "edition"})


def typed(noun: str, columns: dict[int, Column], table: Iterable[Row]) -> list[ImportRow]:
    """Every row of ``table`` (without the header) with its values or its errors."""
    return [_row(noun, columns, number, cells) for number, cells in table]


def _row(noun: str, columns: dict[int, Column], number: int, cells: list[str]) -> ImportRow:
    row = ImportRow(number)
    given: dict[str, Any] = {}
    for index, column in columns.items():
        text = cells[index] if index < len(cells) else ""
        if not text:
            if column.required:
                row.errors.append(RegistryError(column.name, "must be given"))
            continue
        if len(text) > MAX_CELL:
            row.errors.append(RegistryError(column.name, f"must have at most {MAX_CELL} characters", text))
            continue
        try:
            if column.reference is not None:
                row.references[column.name] = (column.reference, column.reference.convert(text))
            else:
                given[column.name] = column.convert(text)
        except RegistryError as error:
            row.errors.append(error)
    if row.errors:
        return row
    if len(cells) > max(columns) + 1 and any(cells[max(columns) + 1 :]):
        row.errors.append(RegistryError("file", "has more cells than the header has columns", cells[-1]))
    if noun in PLAIN:
        row.plain = given
    elif noun == "vehicles":
        device = {name: given.pop(name) for name in _TERMINAL & given.keys()}
        if "operator" in given:
            row.operator = _operator(row, {"name": given.pop("operator")}, {"name": "operator"})
        row.vehicle = _take(row, vehicles.check(given))
        if device:
            row.terminal = _take(row, terminals.check(device))
    else:
        place: dict[str, Any] = {name: given.pop(name) for name in ("plate", "plate_color") if name in given}
        if place:
            row.vehicle = _take(row, _place(place))
        row.terminal = _take(row, terminals.check(given))
    return row


def _operator(row: ImportRow, given: dict[str, Any], renamed: dict[str, str] | None = None) -> dict[str, Any]:
    # What a file leaves out stays as it is, so the kind of a new organisation is the plan's to choose.
    values = _take(row, organisations.check(given), renamed)
    return {name: value for name, value in values.items() if name in given}


def _place(given: dict[str, Any]) -> Checked:
    checked = Checked()
    checked.take(given, {"plate": fields.text("plate", 20), "plate_color": lambda color: color})
    checked.require("plate", "plate_color")
    return checked if checked.errors else vehicles.check(given)


def _take(row: ImportRow, checked: Checked, renamed: dict[str, str] | None = None) -> dict[str, Any]:
    for error in checked.errors:
        error.field = (renamed or {}).get(error.field, error.field)
    row.errors += checked.errors
    return checked.values
