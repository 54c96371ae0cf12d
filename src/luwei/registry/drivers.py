"""The drivers of the registry: rules, view, search. Every function takes the caller's scope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select

from luwei.registry import bindings, fields, jurisdiction, noun, organisations
from luwei.registry.binding import EMPLOYER
from luwei.registry.driver import LICENCE_CLASSES, QUALIFICATIONS, Driver
from luwei.registry.errors import RegistryError
from luwei.registry.fields import Checked
from luwei.registry.named import Named, organisations_named
from luwei.registry.organisation import OPERATING
from luwei.registry.page import Page, check_query, contains
from luwei.registry.scope import Scope

FIELDS = (
    "name", "identity_number", "phone", "licence_class", "licence_number", "licence_valid_to",
    "qualification_number", "qualification_kind", "qualification_issuer", "qualification_valid_from",
    "qualification_valid_to", "ic_card_number", "ic_card_issuer", "ic_card_valid_to", "photo",
    "city", "county", "operator_id",
)  # fmt: skip

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_number(value: Any) -> str:
    """公民身份号码: 18 characters, a real date of birth in places 7 to 14, check character last (GB 11643-1999 §4)."""
    number = "".join(value.split()).upper() if isinstance(value, str) else ""
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", number):
        raise RegistryError("identity_number", "must be 17 digits and a digit or X", "")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        born = date.min
    if not date(1900, 1, 1) <= born <= date.today():
        raise RegistryError("identity_number", "must hold a date of birth in places 7 to 14", "")
    # ISO 7064 MOD 11-2: the weighted sum modulo 11 picks the character. The value is not repeated: it is personal.
    remainder = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True)) % 11
    if number[17] != "10X98765432"[remainder]:
        raise RegistryError("identity_number", "check character (the last) is wrong", "")
    return number


def phone(value: Any) -> str:
    """A telephone number: 5 to 20 digits, + before it and - inside allowed."""
    number = "".join(value.split()) if isinstance(value, str) else ""
    if not re.fullmatch(r"\+?[0-9](?:-?[0-9]){4,19}", number) or len(number) > 20:
        raise RegistryError("phone", "must be a telephone number of 5 to 20 digits", "")
    return number


_CHECKS = {
    "name": fields.text("name", 40),
    "identity_number": fields.optional(identity_number),
    "phone": fields.optional(phone),
    "licence_class": fields.optional(fields.one_of("licence_class", LICENCE_CLASSES)),
    "licence_number": fields.optional(fields.code("licence_number", 18)),
    "licence_valid_to": fields.optional(fields.day("licence_valid_to")),
    "qualification_number": fields.optional(fields.code("qualification_number", 20)),
    "qualification_kind": fields.optional(fields.one_of("qualification_kind", QUALIFICATIONS)),
    "qualification_issuer": fields.optional(fields.text("qualification_issuer", 60)),
    "qualification_valid_from": fields.optional(fields.day("qualification_valid_from")),
    "qualification_valid_to": fields.optional(fields.day("qualification_valid_to")),
    "ic_card_number": fields.optional(fields.code("ic_card_number", 40)),
    "ic_card_issuer": fields.optional(fields.text("ic_card_issuer", 60)),
    "ic_card_valid_to": fields.optional(fields.day("ic_card_valid_to")),
    "photo": fields.optional(fields.device_text("photo", 80)),
    "city": fields.optional(jurisdiction.check_city),
    "operator_id": fields.optional(fields.key("operator_id")),
}


@dataclass(frozen=True, slots=True)
class DriverView:
    """A driver as lists show him or her; who may not see personal data gets it masked by the web."""

    id: int
    name: str
    identity_number: str | None
    phone: str | None
    licence_class: str | None
    licence_number: str | None
    licence_valid_to: date | None
    qualification_number: str | None
    qualification_kind: str | None
    qualification_issuer: str | None
    qualification_valid_from: date | None
    qualification_valid_to: date | None
    ic_card_number: str | None
    ic_card_issuer: str | None
    ic_card_valid_to: date | None
    photo: str | None
    city: int | None
    county: int | None
    operator: Named | None


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new driver."""
    checked = Checked()
    checked.take({name: value for name, value in given.items() if name != "county"}, _CHECKS)
    if before is None:
        checked.require("name")
    jurisdiction.check_area(checked, given, before or {})
    fields.check_span(checked, before or {}, "qualification_valid_from", "qualification_valid_to")
    return checked


def _within(statement: Select[Any], scope: Scope) -> Select[Any]:
    return statement.where(*scope.of_drivers())


def _cover(row: Mapping[str, Any], scope: Scope) -> None:
    if not scope.covers_driver(row):
        raise RegistryError("city", "must lie within your own jurisdiction", row.get("city") or "")


def _require(
    connection: Connection, values: Mapping[str, Any], _before: Mapping[str, Any] | None, scope: Scope
) -> None:
    organisations.require(connection, "operator_id", values.get("operator_id"), OPERATING, scope)


def _settle(connection: Connection, rows: Mapping[int, Mapping[str, Any]]) -> None:
    bindings.settle(connection, EMPLOYER, {key: row.get("operator_id") for key, row in rows.items()})


def views(connection: Connection, keys: Sequence[int]) -> list[DriverView]:
    """The drivers with these ids, in this order. No scope: ids come from a scoped query."""
    found = noun.rows(connection, Driver, FIELDS, keys)
    employers = organisations_named(connection, (row[-1] for row in found))
    return [DriverView(*(*row[:-1], employers.get(row[-1]))) for row in found]


NOUN = noun.Noun(
    "driver", "driver", Driver, FIELDS, check, _within, _cover, _require, _settle, views, (Driver.name, Driver.id)
)


def conditions(
    engine: Engine, q: str = "", city: int | None = None, operator: int | None = None, county: int | None = None
) -> list[ColumnElement[bool]]:
    """Conditions on ``Driver``; ``q`` is a fragment of the name, the phone or the 从业资格证 number, or a whole
    identity number. Raises RegistryError for an unusable text."""
    limits: list[ColumnElement[bool]] = []
    for column, value in ((Driver.city, city), (Driver.operator_id, operator), (Driver.county, county)):
        if value is not None:
            limits.append(column == value)
    if text := check_query(q):
        found = contains(engine, Driver.name, text) | (Driver.identity_number == text.upper())
        if text.isascii() and len(text) >= 3:
            # Fragments of identity numbers are not looked for: with some patience they would tell the number.
            found |= contains(engine, Driver.phone, text) | contains(engine, Driver.qualification_number, text.upper())
        limits.append(found)
    return limits


def page(
    engine: Engine,
    scope: Scope,
    q: str = "",
    city: int | None = None,
    operator: int | None = None,
    number: int = 1,
    size: int = 50,
    county: int | None = None,
) -> Page[DriverView]:
    """Drivers of the scope by name that meet ``conditions``."""
    return noun.page(engine, NOUN, scope, conditions(engine, q, city, operator, county), number, size)
