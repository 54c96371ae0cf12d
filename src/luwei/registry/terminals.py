"""The terminals of the registry: list, create, change. A terminal is seen with its vehicle; one without a vehicle
belongs to no jurisdiction and is seen by the whole province only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, select, update
from sqlalchemy.orm import aliased

from luwei.registry import audit, bindings, fields, gone, organisations
from luwei.registry import plate as plates
from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL, VENDOR
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.named import Named
from luwei.registry.organisation import VENDOR as VENDOR_KIND
from luwei.registry.organisation import Organisation
from luwei.registry.page import FEW, Page, among, check_page, check_query, contains, ids
from luwei.registry.scope import Scope
from luwei.registry.terminal import EDITIONS, Terminal
from luwei.registry.terminal_model import TerminalModel
from luwei.registry.vehicle import SOURCE_CONSOLE, Vehicle

FIELDS = ("phone", "terminal_id", "manufacturer_id", "model", "edition", "vehicle_id", "vendor_id", "model_id")

_CHECKS = {
    "phone": fields.phone,
    "terminal_id": fields.optional(fields.device_text("terminal_id", 30), ""),
    "manufacturer_id": fields.optional(fields.device_text("manufacturer_id", 11), ""),
    "model": fields.optional(fields.text("model", 30), ""),
    "edition": fields.one_of("edition", EDITIONS),
    "vehicle_id": fields.optional(fields.key("vehicle_id")),
    "vendor_id": fields.optional(fields.key("vendor_id")),
    "model_id": fields.optional(fields.key("model_id")),
}


@dataclass(frozen=True, slots=True)
class VehicleName:
    """The vehicle a terminal sits in."""

    id: int
    plate: str
    plate_color: int


@dataclass(frozen=True, slots=True)
class TerminalView:
    """A terminal as lists show it; never its code. Times in UTC ms."""

    id: int
    phone: str
    terminal_id: str
    manufacturer_id: str
    model: str
    edition: int
    source: str
    registered_at: int | None
    unregister_pending_at: int | None
    vendor: Named | None
    model_id: int | None
    vehicle: VehicleName | None


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new terminal."""
    checked = Checked()
    checked.take(given, _CHECKS)
    if before is None:
        checked.require("phone")
    return checked


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new terminal; its id. Raises RegistryError, or Conflict when the phone or the vehicle is taken."""
    values = check(given).raise_first()
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        written |= values
        _require_vehicle(connection, values.get("vehicle_id"), scope)
        _require_supply(connection, values, scope)
        row = {"terminal_id": "", "manufacturer_id": "", "model": "", "edition": 2019, "source": SOURCE_CONSOLE}
        key: int = connection.execute(insert(Terminal).returning(Terminal.id), row | values).scalar_one()
        if (vehicle := values.get("vehicle_id")) is not None:
            bindings.settle(connection, TERMINAL, {vehicle: key})
        bindings.settle(connection, VENDOR, {key: values.get("vendor_id")})
        audit.record(connection, actor, "terminal.create", key, values)
    return key


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields. A new phone or another device ends the old authentication code.

    Raises NotFound outside the scope, RegistryError, or Conflict.
    """
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        columns = [getattr(Terminal, name) for name in FIELDS]
        limited = select(*columns).where(Terminal.id == key, *scope.of_terminals()).with_for_update(of=Terminal)
        found = connection.execute(limited).one_or_none()
        if found is None:
            raise NotFound("id", "there is no such terminal", key)
        row = dict(zip(FIELDS, found, strict=True))
        values = check(given, row).raise_first()
        written |= row | values
        differs = audit.changes(row, values)
        if not differs:
            return
        if "vehicle_id" in differs:
            _require_vehicle(connection, values["vehicle_id"], scope)
        _require_supply(
            connection, {name: values[name] for name in ("vendor_id", "model_id") if name in differs}, scope
        )
        if "phone" in differs or ("terminal_id" in differs and row["terminal_id"]):
            values |= {"code": None, "registered_at": None, "unregister_pending_at": None}
        connection.execute(update(Terminal).where(Terminal.id == key).values(**values, updated_at=now_ms()))
        if "vehicle_id" in differs:
            before, after = differs["vehicle_id"]
            moves: dict[int, int | None] = {before: None} if before is not None else {}
            bindings.settle(connection, TERMINAL, moves | ({after: key} if after is not None else {}))
        if "vendor_id" in differs:
            bindings.settle(connection, VENDOR, {key: values["vendor_id"]})
        audit.record(connection, actor, "terminal.change", key, differs)


@dataclass(frozen=True, slots=True)
class TerminalFilter:
    """What a person chose; None and empty are any. Places and operator are those of the terminal's vehicle."""

    q: str = ""
    unbound: bool = False
    city: int | None = None
    county: int | None = None
    operator: int | None = None
    vendor: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Terminal``, without ``q``."""
        limits = ((Vehicle.city, self.city), (Vehicle.county, self.county), (Vehicle.operator_id, self.operator))
        seats = [column == value for column, value in limits if value is not None]
        found: list[ColumnElement[bool]] = []
        if seats:
            found.append(Terminal.vehicle_id.in_(select(Vehicle.id).where(*seats)))
        if self.vendor is not None:
            found.append(Terminal.vendor_id == self.vendor)
        if self.unbound:
            found.append(Terminal.vehicle_id.is_(None))
        return found


def page(
    engine: Engine, scope: Scope, chosen: TerminalFilter | None = None, number: int = 1, size: int = 50
) -> Page[TerminalView]:
    """Terminals by phone; ``q`` is a fragment of phone, terminal id or plate, ``unbound`` those without a vehicle."""
    offset, limit = check_page(number, size)
    with read(engine) as connection:
        total, keys = _chosen(connection, scope, chosen or TerminalFilter(), offset, limit)
        return Page(total, views(connection, keys))


def keys(engine: Engine, scope: Scope, chosen: TerminalFilter | None = None) -> list[int]:
    """Ids of every terminal of the list, in its order. Raises RegistryError for an unusable text."""
    with read(engine) as connection:
        return _chosen(connection, scope, chosen or TerminalFilter(), 0, None)[1]


def _chosen(
    connection: Connection, scope: Scope, chosen: TerminalFilter, offset: int, limit: int | None
) -> tuple[int, list[int]]:
    """How many terminals match, and the ids of those from ``offset`` on (None: all)."""
    conditions = [*scope.of_terminals(), *chosen.conditions()]
    ordered = select(Terminal.id).where(*conditions).order_by(Terminal.phone)
    stop = None if limit is None else offset + limit
    if text := check_query(chosen.q):
        matching = np.unique(np.concatenate([ids(connection, part) for part in _matches(connection.engine, text)]))
        few = len(matching) <= FEW
        found = ids(connection, ordered.where(among(Terminal.id, matching)) if few else ordered)
        found = found if few else found[np.isin(found, matching)]
        return len(found), found[offset:stop].tolist()
    if limit is None:
        every = ids(connection, ordered).tolist()
        return len(every), every
    total = connection.execute(select(func.count()).select_from(Terminal).where(*conditions)).scalar_one()
    if conditions and total > FEW:
        # Read in the order of the list and look each up: sorting all terminals of a city would take longer. The sum
        # keeps SQLite from beginning with the ids.
        every_one = aliased(Terminal)
        inside = (every_one.id + 0).in_(select(Terminal.id).where(*conditions))
        ordered = select(every_one.id).where(inside).order_by(every_one.phone)
    return total, list(connection.scalars(ordered.offset(offset).limit(limit)))


def _matches(engine: Engine, text: str) -> list[Select[Any]]:
    """Statements for the ids of terminals that contain ``text`` in phone, terminal id or plate; each reads one
    covering index."""
    inside = select(Vehicle.id).where(contains(engine, Vehicle.plate, plates.normalise(text) or text))
    return [
        select(Terminal.id).where(contains(engine, Terminal.phone, text)),
        select(Terminal.id).where(contains(engine, func.upper(Terminal.terminal_id), text.upper())),
        select(Terminal.id).where(Terminal.vehicle_id.in_(inside)),
    ]


def one(engine: Engine, key: int, scope: Scope) -> TerminalView:
    """The terminal. Raises NotFound when there is none in the scope."""
    with read(engine) as connection:
        allowed = connection.scalar(select(Terminal.id).where(Terminal.id == key, *scope.of_terminals()))
        found = views(connection, [key]) if allowed is not None else []
        if not found:
            gone.tell(connection, "terminal", key, scope)
    if not found:
        raise NotFound("id", "there is no such terminal", key)
    return found[0]


def views(connection: Connection, keys: Sequence[int]) -> list[TerminalView]:
    """The terminals with these ids, by phone. No scope: ids come from a scoped query."""
    statement = (
        select(
            Terminal.id, Terminal.phone, Terminal.terminal_id, Terminal.manufacturer_id, Terminal.model,
            Terminal.edition, Terminal.source, Terminal.registered_at, Terminal.unregister_pending_at,
            Organisation.id, Organisation.name, Terminal.model_id, Vehicle.id, Vehicle.plate, Vehicle.plate_color,
        )
        .outerjoin(Organisation, Organisation.id == Terminal.vendor_id)
        .outerjoin(Vehicle, Vehicle.id == Terminal.vehicle_id)
        .where(Terminal.id.in_(keys))
        .order_by(Terminal.phone)
    )  # fmt: skip
    found = []
    for row in connection.execute(statement):
        vendor = Named(row[9], row[10]) if row[9] is not None else None
        vehicle = VehicleName(row[12], row[13], row[14]) if row[12] is not None else None
        found.append(TerminalView(*row[:9], vendor, row[11], vehicle))
    return found


def _require_supply(connection: Connection, values: Mapping[str, Any], scope: Scope) -> None:
    organisations.require(connection, "vendor_id", values.get("vendor_id"), (VENDOR_KIND,), scope)
    model = values.get("model_id")
    if model is not None and connection.scalar(select(TerminalModel.id).where(TerminalModel.id == model)) is None:
        raise RegistryError("model_id", "there is no such model", model)


def _require_vehicle(connection: Connection, key: int | None, scope: Scope) -> None:
    """The vehicle must exist, lie in the scope and be without a terminal."""
    if key is None:
        if not scope.whole:
            raise RegistryError("vehicle_id", "must be given: a terminal without vehicle is in no jurisdiction")
        return
    if connection.scalar(select(Vehicle.id).where(Vehicle.id == key, *scope.of_vehicles())) is None:
        raise RegistryError("vehicle_id", "there is no such vehicle", key)
    if connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == key)) is not None:
        raise Conflict("vehicle_id", "the vehicle already has a terminal", key)
