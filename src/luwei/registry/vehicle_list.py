"""Reading vehicles: one page of the filtered list, one vehicle, and the search of the top bar.

The page's ids come first, from indexes alone; the rows are joined for those few only. At 500,000 vehicles a page took
2 to 40 ms and a search for a fragment 2 to 110 ms on SQLite (one core of a small machine); PostgreSQL some twice that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, or_, select
from sqlalchemy.orm import aliased

from luwei.registry import gone
from luwei.registry import plate as plates
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.organisation import Organisation
from luwei.registry.page import FEW, Page, check_page, check_query, contains, ids
from luwei.registry.page import among as among_ids
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import NOTICE_CLASSES, Vehicle

Keys = npt.NDArray[np.int64]

_monitor, _insurer = aliased(Organisation), aliased(Organisation)

FRAGMENT = 3
"""A shorter text is looked for in plates only: in phones it would match nearly all."""


@dataclass(frozen=True, slots=True)
class OperatorName:
    """Whose vehicle it is."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class TerminalBrief:
    """The terminal in the vehicle; never its code."""

    id: int
    phone: str
    terminal_id: str
    manufacturer_id: str
    model: str
    edition: int


@dataclass(frozen=True, slots=True)
class VehicleView:
    """A vehicle as lists and cards show it."""

    id: int
    plate: str
    plate_color: int
    vin: str | None
    vehicle_class: str
    city: int | None
    county: int | None
    operator: OperatorName | None
    terminal: TerminalBrief | None
    vin_confirmed: bool
    gross_mass_kg: int | None
    owner: str | None
    transport_certificate: str | None
    certificate_valid_from: date | None
    certificate_valid_to: date | None
    monitor: OperatorName | None
    insurer: OperatorName | None
    in_scope: bool
    """Covered by the 2021 notice (NOTICE_CLASSES)."""


@dataclass(frozen=True, slots=True)
class VehicleFilter:
    """What a person chose; None and empty are any. ``among`` bounds the ids (those in a live state)."""

    q: str = ""
    city: int | None = None
    county: int | None = None
    operator: int | None = None
    monitor: int | None = None
    insurer: int | None = None
    among: Keys | None = field(default=None, compare=False)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Vehicle``, without ``q`` and ``among``."""
        limits = (
            (Vehicle.city, self.city), (Vehicle.county, self.county), (Vehicle.operator_id, self.operator),
            (Vehicle.monitor_id, self.monitor), (Vehicle.insurer_id, self.insurer),
        )  # fmt: skip
        return [column == value for column, value in limits if value is not None]


_ORDERS = {
    "plate": ("plate", "plate_color"),
    "id": ("id",),
    "city": ("city", "county", "plate"),
    "operator": ("operator_id", "plate"),
}
"""Columns of an order; an index has each of them."""

SORTS = tuple(sorted([*_ORDERS, *(f"-{name}" for name in _ORDERS)]))


def page(
    engine: Engine, scope: Scope, chosen: VehicleFilter, sort: str = "plate", number: int = 1, size: int = 50
) -> Page[VehicleView]:
    """One page (from 1, at most 500 rows) of the vehicles in the scope. ``sort`` is one of SORTS.

    Raises RegistryError for an unusable sort, page, size or search text.
    """
    offset, limit = check_page(number, size)
    with read(engine) as connection:
        total, keys = _chosen(connection, scope, chosen, sort, offset, limit)
        return Page(total, views(connection, keys))


def keys(engine: Engine, scope: Scope, chosen: VehicleFilter, sort: str = "plate") -> list[int]:
    """Ids of every vehicle of the list, in its order. Raises RegistryError as ``page`` does."""
    with read(engine) as connection:
        return _chosen(connection, scope, chosen, sort, 0, None)[1]


def _chosen(
    connection: Connection, scope: Scope, chosen: VehicleFilter, sort: str, offset: int, limit: int | None
) -> tuple[int, list[int]]:
    """How many vehicles match, and the ids of those from ``offset`` on (None: all)."""
    if sort not in SORTS:
        raise RegistryError("sort", f"must be one of {', '.join(SORTS)}", sort)
    conditions = [*scope.of_vehicles(), *chosen.conditions()]
    engine = connection.engine
    q = check_query(chosen.q)
    short = q and len(q) < FRAGMENT
    if short:
        conditions.append(_plate_contains(engine, q))
    ordered = select(Vehicle.id).where(*conditions).order_by(*_order(Vehicle, sort))
    among = chosen.among
    if q and not short:
        matching = np.unique(np.concatenate([ids(connection, part) for part in _matches(engine, q)]))
        among = matching if among is None else np.intersect1d(matching, among)
    if among is not None:
        stop = len(among) if limit is None else limit
        if len(among) <= FEW:
            found = _few(connection, conditions, sort, among)
            return len(found), found[offset : offset + stop].tolist()
        return _many(connection, ordered, among, offset, stop, everything=not conditions)
    if limit is None:
        every = ids(connection, ordered).tolist()
        return len(every), every
    total = connection.execute(select(func.count()).select_from(Vehicle).where(*conditions)).scalar_one()
    return total, list(connection.scalars(ordered.offset(offset).limit(limit)))


def _order(vehicle: Any, sort: str) -> list[Any]:
    columns = [getattr(vehicle, name) for name in _ORDERS[sort.removeprefix("-")]]
    return [column.desc() for column in columns] if sort.startswith("-") else columns


def _few(connection: Connection, conditions: list[ColumnElement[bool]], sort: str, keys: Keys) -> Keys:
    """Those of a few ids that meet ``conditions``, in order.

    They are looked up one by one: left to itself, SQLite would rather read all vehicles of a city than 50 by their id.
    """
    chosen = aliased(Vehicle)
    statement = select(chosen.id).where(among_ids(chosen.id, keys)).order_by(*_order(chosen, sort))
    if conditions:
        statement = statement.where(select(Vehicle.id).where(Vehicle.id == chosen.id, *conditions).exists())
    return ids(connection, statement)


def _many(
    connection: Connection, ordered: Select[Any], among: Keys, offset: int, limit: int, everything: bool
) -> tuple[int, list[int]]:
    """How many ids of ``ordered`` are in ``among``, and those from ``offset`` on."""
    if not everything:
        keys = ids(connection, ordered)
        keys = keys[np.isin(keys, among)]
        return len(keys), keys[offset : offset + limit].tolist()
    # No other limit: every id counts, so the ordered index is read only as far as the page lies.
    found: list[int] = []
    result = connection.execute(ordered, execution_options={"yield_per": FEW})
    for rows in result.scalars().partitions():
        part = np.array(rows, np.int64)
        found += part[np.isin(part, among)].tolist()
        if len(found) >= offset + limit:
            break
    result.close()
    return len(among), found[offset : offset + limit]


def one(engine: Engine, key: int, scope: Scope) -> VehicleView:
    """The vehicle. Raises NotFound when there is none in the scope."""
    with read(engine) as connection:
        allowed = connection.scalar(select(Vehicle.id).where(Vehicle.id == key, *scope.of_vehicles()))
        found = views(connection, [key]) if allowed is not None else []
        if not found:
            gone.tell(connection, "vehicle", key, scope)
    if not found:
        raise NotFound("id", "there is no such vehicle", key)
    return found[0]


def several(engine: Engine, keys: Sequence[int], scope: Scope) -> dict[int, VehicleView]:
    """Those of the vehicles that lie in the scope, by id."""
    with read(engine) as connection:
        allowed = connection.scalars(select(Vehicle.id).where(Vehicle.id.in_(keys), *scope.of_vehicles())).all()
        return {view.id: view for view in views(connection, allowed)}


def search(engine: Engine, q: str, scope: Scope, limit: int = 20) -> list[VehicleView]:
    """Vehicles whose plate, phone or terminal id contains ``q``, at most ``limit`` (≤ 100), the closest first:
    equal, then beginning or ending with ``q``, then the rest. Raises RegistryError for an unusable text."""
    text = check_query(q)
    if not text:
        return []
    limit = min(limit, 100)
    exact = select(Vehicle.id).where(Vehicle.plate == plates.normalise(text))
    exact_phone = select(Terminal.vehicle_id).where(Terminal.phone == text.lower(), Terminal.vehicle_id.is_not(None))
    keys: dict[int, None] = {}
    with read(engine) as connection:
        for part in (exact, exact_phone, *_matches(engine, text)):
            # The limit stands where the scope does: of many matches, those in the scope must not be cut away.
            bounded = select(Vehicle.id).where(Vehicle.id.in_(part), *scope.of_vehicles()).limit(limit * 5)
            keys |= dict.fromkeys(connection.scalars(part.limit(limit * 5) if scope.whole else bounded))
        found = views(connection, list(keys))
    return sorted(found, key=lambda view: _distance(view, text))[:limit]


def views(connection: Connection, keys: Sequence[int]) -> list[VehicleView]:
    """The vehicles with these ids, in this order; unknown ids are left out. No scope: ids come from a scoped query."""
    if not keys:
        return []
    statement = (
        select(
            Vehicle.id, Vehicle.plate, Vehicle.plate_color, Vehicle.vin, Vehicle.vehicle_class, Vehicle.city,
            Vehicle.county, Organisation.id, Organisation.name,
            Terminal.id, Terminal.phone, Terminal.terminal_id, Terminal.manufacturer_id, Terminal.model,
            Terminal.edition,
            Vehicle.vin_confirmed, Vehicle.gross_mass_kg, Vehicle.owner, Vehicle.transport_certificate,
            Vehicle.certificate_valid_from, Vehicle.certificate_valid_to,
            _monitor.id, _monitor.name, _insurer.id, _insurer.name,
        )
        .outerjoin(Organisation, Organisation.id == Vehicle.operator_id)
        .outerjoin(_monitor, _monitor.id == Vehicle.monitor_id)
        .outerjoin(_insurer, _insurer.id == Vehicle.insurer_id)
        .outerjoin(Terminal, Terminal.vehicle_id == Vehicle.id)
        .where(Vehicle.id.in_(keys))
    )  # fmt: skip
    found = {row[0]: _view(tuple(row)) for row in connection.execute(statement)}
    return [found[key] for key in keys if key in found]


def _view(row: tuple[Any, ...]) -> VehicleView:
    operator, monitor, insurer = (
        OperatorName(*pair) if pair[0] is not None else None for pair in (row[7:9], row[21:23], row[23:25])
    )
    terminal = TerminalBrief(*row[9:15]) if row[9] is not None else None
    covered = row[4] in NOTICE_CLASSES
    return VehicleView(*row[:7], *(operator, terminal, *row[15:21], monitor, insurer, covered))


def _plate_contains(engine: Engine, q: str) -> ColumnElement[bool]:
    return contains(engine, Vehicle.plate, plates.normalise(q) or q)


def _matches(engine: Engine, q: str) -> list[Select[Any]]:
    """Statements for the ids of vehicles that contain ``q`` in plate, terminal id or phone."""
    by_plate = select(Vehicle.id).where(_plate_contains(engine, q))
    if not q.isascii() or len(q) < FRAGMENT:
        return [by_plate]
    tests = [contains(engine, Terminal.terminal_id, text) for text in sorted({q, q.upper()})]
    if q.isdigit():
        tests.append(contains(engine, Terminal.phone, q))
    bound = select(Terminal.vehicle_id).where(Terminal.vehicle_id.is_not(None))
    if engine.dialect.name == "postgresql":
        return [by_plate, bound.where(or_(*tests))]
    # SQLite reads a covering index instead of the table when nothing but the rowid is asked for.
    return [by_plate, *(bound.where(Terminal.id.in_(select(Terminal.id).where(test))) for test in tests)]


def _distance(view: VehicleView, q: str) -> tuple[int, str]:
    text = plates.normalise(q)
    names = [view.plate, *((view.terminal.phone, view.terminal.terminal_id.upper()) if view.terminal else ())]
    if text in names:
        return 0, view.plate
    return (1 if any(name.startswith(text) or name.endswith(text) for name in names) else 2), view.plate
