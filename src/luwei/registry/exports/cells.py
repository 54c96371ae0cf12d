"""What stands in the columns of an export: the words of the import for each field of a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine

from luwei import geo
from luwei.registry import drivers, models, organisations, sims, terminals, vehicle_list
from luwei.registry.driver import QUALIFICATIONS
from luwei.registry.engine import read
from luwei.registry.imports.columns import NOUNS
from luwei.registry.organisation import KINDS
from luwei.registry.plate import COLORS
from luwei.registry.sim import CARRIERS
from luwei.registry.vehicle import VEHICLE_CLASSES

AT_ONCE = 2_000
"""Rows that are fetched together."""

Mask = Callable[[str, str, Any], Any]
"""(noun, field, value) → what the person may see of it."""

Cell = Callable[[Any], str]


@cache
def _areas() -> dict[int, str]:
    names = {city.adcode: city.name for city in geo.areas()}
    return {county.adcode: f"{city.name}{county.name}" for city in geo.areas() for county in city.counties} | names


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case date():
            return value.isoformat()
    return str(value)


def _field(name: str) -> Cell:
    return lambda view: _text(getattr(view, name))


def _word(name: str, words: Mapping[Any, str]) -> Cell:
    return lambda view: words.get(getattr(view, name), _text(getattr(view, name)))


def _of(part: str, name: str) -> Cell:
    """A field of a record that the view names, or nothing."""
    return lambda view: _text(getattr(getattr(view, part), name)) if getattr(view, part) is not None else ""


def _area(name: str) -> Cell:
    return lambda view: _areas().get(getattr(view, name), _text(getattr(view, name)))


_PLACE = {"city": _area("city"), "county": _area("county")}

_CELLS: dict[str, dict[str, Cell]] = {
    "vehicles": _PLACE
    | {
        "plate_color": _word("plate_color", COLORS),
        "vehicle_class": _word("vehicle_class", VEHICLE_CLASSES),
        "operator": _of("operator", "name"),
        "monitor_id": _of("monitor", "name"),
        "insurer_id": _of("insurer", "name"),
        "phone": _of("terminal", "phone"),
        "terminal_id": _of("terminal", "terminal_id"),
        "manufacturer_id": _of("terminal", "manufacturer_id"),
        "model": _of("terminal", "model"),
        "edition": _of("terminal", "edition"),
    },
    "terminals": {
        "vendor_id": _of("vendor", "name"),
        "plate": _of("vehicle", "plate"),
        "plate_color": lambda view: "" if view.vehicle is None else COLORS.get(view.vehicle.plate_color, ""),
    },
    "organisations": _PLACE | {"kind": _word("kind", KINDS), "parent_id": _of("parent", "name")},
    "operators": _PLACE,
    "drivers": _PLACE
    | {"qualification_kind": _word("qualification_kind", QUALIFICATIONS), "operator_id": _of("operator", "name")},
    "sims": {"carrier": _word("carrier", CARRIERS), "terminal_id": _of("terminal", "phone")},
    "models": {"vendor_id": _of("vendor", "name")},
}
"""Cells that are not the field of the view itself."""

_TABLES = {
    "vehicles": "vehicle", "terminals": "terminal", "organisations": "organisation", "operators": "organisation",
    "drivers": "driver", "sims": "sim", "models": "terminal_model",
}  # fmt: skip

_VIEWS: dict[str, Callable[[Connection, Sequence[int]], Sequence[Any]]] = {
    "vehicles": vehicle_list.views,
    "terminals": terminals.views,
    "organisations": organisations.views,
    "operators": organisations.views,
    "drivers": drivers.views,
    "sims": sims.views,
    "models": models.views,
}

COLUMNS = {
    noun: tuple(
        (column.name, column.words[0], _CELLS[noun].get(column.name, _field(column.name))) for column in columns
    )
    for noun, columns in NOUNS.items()
}
"""(field, header, cell) of every column, by noun of the import."""


def header(noun: str) -> list[str]:
    """The headers. Raises KeyError for a noun that cannot be exported."""
    return [words for _, words, _ in COLUMNS[noun]]


def lines(engine: Engine, noun: str, keys: Sequence[int], mask: Mask | None = None) -> Iterator[list[str]]:
    """The rows with these ids, in this order; blocks while it reads. No scope: the ids come from a scoped query.

    A row that went in the meantime is left out.
    """
    columns, table = COLUMNS[noun], _TABLES[noun]
    for start in range(0, len(keys), AT_ONCE):
        with read(engine) as connection:
            found = _VIEWS[noun](connection, keys[start : start + AT_ONCE])
        for view in found:
            row = [cell(view) for _, _, cell in columns]
            if mask is not None:
                row = [_text(mask(table, name, text)) for (name, _, _), text in zip(columns, row, strict=True)]
            yield row
