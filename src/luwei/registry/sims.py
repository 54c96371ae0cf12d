"""The SIM cards of the registry. A card is seen with the vehicle of its terminal; one that sits nowhere belongs to no
jurisdiction and is seen by the whole province only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, select

from luwei.registry import bindings, fields, noun
from luwei.registry.binding import SIM
from luwei.registry.errors import RegistryError
from luwei.registry.fields import Checked
from luwei.registry.masking import HIDING
from luwei.registry.page import Page, check_query, contains
from luwei.registry.scope import Scope
from luwei.registry.sim import CARRIERS, Sim
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

FIELDS = ("iccid", "msisdn", "carrier", "terminal_id", "valid_from", "valid_to")


def iccid(value: Any) -> str:
    """集成电路卡识别码: 89, then up to 18 digits; the last of 19 is a Luhn digit, 20 are issued without one by Chinese
    carriers, with letters among them (ITU-T E.118 §2; YD/T 1168)."""
    number = "".join(value.split()).upper() if isinstance(value, str) else ""
    if not re.fullmatch(r"89[0-9A-F]{17,18}", number):
        raise RegistryError("iccid", "must be 19 or 20 characters that begin with 89", value)
    if len(number) == 19 and number.isdigit() and _luhn(number) != 0:
        raise RegistryError("iccid", "check digit (the last of 19) is wrong", value)
    return number


def _luhn(number: str) -> int:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10


def msisdn(value: Any) -> str:
    """The card's number: 11 digits of a mobile or 13 of a machine card (工信部 号段), 86 before it left out."""
    number = re.sub(r"[\s-]", "", value).removeprefix("+") if isinstance(value, str) else ""
    if len(number) in (13, 15) and number.startswith("86") and number[2] == "1":
        number = number[2:]
    if not re.fullmatch(r"1[0-9]{10}(?:[0-9]{2})?", number):
        raise RegistryError("msisdn", "must be 11 or 13 digits that begin with 1", value)
    return number


_CHECKS = {
    "iccid": iccid,
    "msisdn": fields.optional(msisdn),
    "carrier": fields.optional(fields.one_of("carrier", CARRIERS)),
    "terminal_id": fields.optional(fields.key("terminal_id")),
    "valid_from": fields.optional(fields.day("valid_from")),
    "valid_to": fields.optional(fields.day("valid_to")),
}


@dataclass(frozen=True, slots=True)
class SimTerminal:
    """The terminal that holds a card, and the plate of its vehicle."""

    id: int
    phone: str
    plate: str | None


@dataclass(frozen=True, slots=True)
class SimView:
    """A card as lists show it."""

    id: int
    iccid: str
    msisdn: str | None
    carrier: str | None
    valid_from: date | None
    valid_to: date | None
    terminal: SimTerminal | None


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new card."""
    checked = Checked()
    checked.take(given, _CHECKS)
    if before is None:
        checked.require("iccid")
    fields.check_span(checked, before or {}, "valid_from", "valid_to")
    return checked


def _within(statement: Select[Any], scope: Scope) -> Select[Any]:
    if scope.whole:
        return statement
    # Read in the order of the list and look each up; the sum keeps SQLite from sorting all cards of a city instead.
    return statement.where((Sim.terminal_id + 0).in_(_terminals(scope)))


def _terminals(scope: Scope) -> Select[Any]:
    """Ids of the terminals of the scope."""
    statement = select(Terminal.id)
    if scope.whole:
        return statement
    return statement.where(*scope.of_terminals())


def _cover(row: Mapping[str, Any], scope: Scope) -> None:
    if row.get("terminal_id") is None and not scope.whole:
        raise RegistryError("terminal_id", "must be given: a card without terminal is in no jurisdiction")


def _require(
    connection: Connection, values: Mapping[str, Any], _before: Mapping[str, Any] | None, scope: Scope
) -> None:
    key = values.get("terminal_id")
    if key is not None and connection.scalar(_terminals(scope).where(Terminal.id == key)) is None:
        raise RegistryError("terminal_id", "there is no such terminal", key)


def _settle(connection: Connection, rows: Mapping[int, Mapping[str, Any]]) -> None:
    bindings.settle(connection, SIM, {key: row.get("terminal_id") for key, row in rows.items()})


def views(connection: Connection, keys: Sequence[int]) -> list[SimView]:
    """The cards with these ids, in this order. No scope: ids come from a scoped query."""
    found = noun.rows(connection, Sim, ("iccid", "msisdn", "carrier", "valid_from", "valid_to", "terminal_id"), keys)
    inside = sorted({row[-1] for row in found if row[-1] is not None})
    statement = select(Terminal.id, Terminal.phone, Vehicle.plate).outerjoin(Vehicle, Vehicle.id == Terminal.vehicle_id)
    holders = {}
    if inside:
        holders = {row[0]: SimTerminal(*row) for row in connection.execute(statement.where(Terminal.id.in_(inside)))}
    return [SimView(*(*row[:-1], holders.get(row[-1]))) for row in found]


NOUN = noun.Noun("sim", "SIM card", Sim, FIELDS, check, _within, _cover, _require, _settle, views, (Sim.iccid,))


def conditions(engine: Engine, scope: Scope, q: str = "", terminal: int | None = None) -> list[ColumnElement[bool]]:
    """Conditions on ``Sim``; ``q`` is a fragment of ICCID or number. Who sees numbers masked cannot find out one by
    looking for its parts: ``q`` is of the ICCID alone. Raises RegistryError for an unusable text."""
    limits: list[ColumnElement[bool]] = []
    if terminal is not None:
        limits.append(Sim.terminal_id == terminal)
    if text := check_query(q):
        found = contains(engine, Sim.iccid, text.upper())
        limits.append(found if scope.narrow in HIDING else found | contains(engine, Sim.msisdn, text))
    return limits


def page(
    engine: Engine, scope: Scope, q: str = "", terminal: int | None = None, number: int = 1, size: int = 50
) -> Page[SimView]:
    """Cards of the scope by ICCID that meet ``conditions``."""
    return noun.page(engine, NOUN, scope, conditions(engine, scope, q, terminal), number, size)
