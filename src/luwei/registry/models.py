"""Terminal models 型号 of the registry and the mark of the catalogue. They belong to no jurisdiction: everybody of the
registry sees them, and the whole province writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select

from luwei.registry import fields, noun, organisations
from luwei.registry.errors import RegistryError
from luwei.registry.fields import Checked
from luwei.registry.named import Named, organisations_named
from luwei.registry.organisation import VENDOR
from luwei.registry.page import Page, check_query, contains
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.terminal_model import TerminalModel

FIELDS = ("vendor_id", "manufacturer_id", "name", "firmware", "catalogued", "catalogue_number", "catalogued_on")

_CHECKS = {
    "vendor_id": fields.optional(fields.key("vendor_id")),
    "manufacturer_id": fields.optional(fields.device_text("manufacturer_id", 11), ""),
    "name": fields.text("name", 30),
    "firmware": fields.optional(fields.text("firmware", 40), ""),
    "catalogued": fields.flag("catalogued"),
    "catalogue_number": fields.optional(fields.text("catalogue_number", 40)),
    "catalogued_on": fields.optional(fields.day("catalogued_on")),
}


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model as lists show it."""

    id: int
    vendor_id: int | None
    manufacturer_id: str
    name: str
    firmware: str
    catalogued: bool
    catalogue_number: str | None
    catalogued_on: date | None
    vendor: Named | None


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new model."""
    checked = Checked()
    checked.take(given, _CHECKS)
    if before is None:
        checked.require("name")
        checked.values = {"manufacturer_id": "", "firmware": "", "catalogued": False} | checked.values
    whole = dict(before or {}) | checked.values
    if whole.get("catalogued_on") and not whole.get("catalogued"):
        checked.errors.append(RegistryError("catalogued_on", "is for models of the catalogue", whole["catalogued_on"]))
    return checked


def _within(statement: Select[Any], _scope: Scope) -> Select[Any]:
    return statement


def _cover(row: Mapping[str, Any], scope: Scope) -> None:
    if not scope.whole:
        raise RegistryError("name", "models are entered by the whole province", row.get("name", ""))


def _require(
    connection: Connection, values: Mapping[str, Any], _before: Mapping[str, Any] | None, _scope: Scope
) -> None:
    organisations.require(connection, "vendor_id", values.get("vendor_id"), (VENDOR,), WHOLE)


def _settle(_connection: Connection, _rows: Mapping[int, Mapping[str, Any]]) -> None:
    """A model is bound to nothing over time: another firmware is another row."""


def views(connection: Connection, keys: Sequence[int]) -> list[ModelView]:
    """The models with these ids, in this order."""
    found = noun.rows(connection, TerminalModel, FIELDS, keys)
    vendors = organisations_named(connection, (row[1] for row in found))
    return [ModelView(*(*row, vendors.get(row[1]))) for row in found]


NOUN = noun.Noun(
    "terminal_model", "model", TerminalModel, FIELDS, check, _within, _cover, _require, _settle, views,
    (TerminalModel.name, TerminalModel.firmware, TerminalModel.id),
)  # fmt: skip


def conditions(
    engine: Engine, q: str = "", vendor: int | None = None, catalogued: bool | None = None
) -> list[ColumnElement[bool]]:
    """Conditions on ``TerminalModel``; ``q`` is a fragment of name, firmware or manufacturer id."""
    limits: list[ColumnElement[bool]] = []
    if vendor is not None:
        limits.append(TerminalModel.vendor_id == vendor)
    if catalogued is not None:
        limits.append(TerminalModel.catalogued.is_(catalogued))
    if text := check_query(q):
        names = (TerminalModel.name, TerminalModel.firmware, TerminalModel.manufacturer_id)
        first, second, third = (contains(engine, column, text) for column in names)
        limits.append(first | second | third)
    return limits


def page(
    engine: Engine,
    scope: Scope,
    q: str = "",
    vendor: int | None = None,
    catalogued: bool | None = None,
    number: int = 1,
    size: int = 50,
) -> Page[ModelView]:
    """Models by name that meet ``conditions``."""
    return noun.page(engine, NOUN, scope, conditions(engine, q, vendor, catalogued), number, size)
