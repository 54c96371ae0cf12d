"""Reading the audit log: search, the acts that occur, and "who viewed me"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, exists, func, literal, or_, select

from luwei.registry import gone, reach
from luwei.registry.audit import RESULTS, AuditEntry
from luwei.registry.binding import EMPLOYER, OPERATOR, Binding
from luwei.registry.driver import Driver
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.organisation import Organisation
from luwei.registry.page import Page, check_page, check_query, contains
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle
from luwei.registry.wheel import drove

EXPORT_AT_ONCE = 2_000
EXPORT_MOST = 200_000
COUNTED = 100_000
"""A total beyond it is told as this: the log grows without end, and nobody turns two thousand pages."""

LOOKED_AT = (
    "position", "track", "video", "talk", "evidence", "message", "trace", "alarm", "grant", "command",
)  # fmt: skip
"""Nouns of acts that concern one truck and that its owner may know of."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as lists show it."""

    id: int
    at: int
    user_id: int | None
    username: str
    organisation_id: int | None
    organisation: str
    address: str
    act: str
    noun: str
    noun_id: int | None
    vehicle_id: int | None
    plate: str | None
    detail: dict[str, Any]
    scope: str
    reason: str
    result: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What a person looks for; None and empty are any. Times in UTC ms, the end excluded."""

    start: int | None = None
    end: int | None = None
    q: str = ""
    """Fragment of the detail or the reason."""
    username: str = ""
    act: str = ""
    """An act, or a noun for all its acts."""
    noun: str = ""
    noun_id: int | None = None
    vehicle: int | None = None
    organisation: int | None = None
    result: str = ""

    def conditions(self, engine: Engine) -> list[ColumnElement[bool]]:
        """Conditions on ``AuditEntry``. Raises RegistryError for an unusable text."""
        if self.result and self.result not in RESULTS:
            raise RegistryError("result", f"must be one of {', '.join(RESULTS)}", self.result)
        equal = (
            (AuditEntry.noun, self.noun), (AuditEntry.result, self.result),
        )  # fmt: skip
        found: list[ColumnElement[bool]] = [column == value for column, value in equal if value]
        if self.noun_id is not None:
            found.append(_of_record(engine, self.noun_id))
        if self.organisation is not None:
            found.append(AuditEntry.organisation_id.in_(_alike(engine, "organisation", self.organisation)))
        if self.vehicle is not None:
            found.append(_of_truck(engine, self.vehicle))
        if self.start is not None:
            found.append(AuditEntry.at >= self.start)
        if self.end is not None:
            found.append(AuditEntry.at < self.end)
        if self.act:
            column = AuditEntry.act if "." in self.act else AuditEntry.noun
            found.append(column == self.act)
        if text := check_query(self.username):
            found.append(contains(engine, AuditEntry.username, text.lower()))
        if text := check_query(self.q):
            found.append(or_(contains(engine, AuditEntry.detail, text), contains(engine, AuditEntry.reason, text)))
        return found


def _alike(engine: Engine, noun: str, *keys: int) -> list[int]:
    """The ids under which records were ever known, whichever of them were asked for: entries keep the id they name."""
    with read(engine) as connection:
        return sorted({each for key in keys for each in gone.alike(connection, noun, key)})


def _of_truck(engine: Engine, *vehicles: int) -> ColumnElement[bool]:
    return AuditEntry.vehicle_id.in_(_alike(engine, "vehicle", *vehicles))


def _of_record(engine: Engine, key: int) -> ColumnElement[bool]:
    """Entries of the record ``key``, of whichever noun, and of what is one record with it."""
    merged = [
        and_(AuditEntry.noun == noun, AuditEntry.noun_id.in_(known))
        for noun in reach.MODELS
        if len(known := _alike(engine, noun, key)) > 1
    ]
    return or_(AuditEntry.noun_id == key, *merged)


_CALLED = {"vehicle": Vehicle.plate, "organisation": Organisation.name, "driver": Driver.name}


class Called:
    """What merged records of some rows are called now: a row keeps the id it was written with."""

    def __init__(self, connection: Connection, rows: Sequence[Any]) -> None:
        asked: dict[str, set[int]] = {
            "vehicle": {row.vehicle_id for row in rows if row.plate is None},
            "organisation": {row.organisation_id for row in rows if row.name is None},
            "driver": {row.noun_id for row in rows if row.noun == "driver" and row.driver is None},
        }
        self._names = {noun: _called_now(connection, noun, keys - {None}) for noun, keys in asked.items()}

    def name(self, noun: str, key: int | None) -> str | None:
        """Plate or name; None where ``key`` was not merged into a record that is there."""
        return self._names[noun].get(key) if key is not None else None


def _called_now(connection: Connection, noun: str, lost: set[int]) -> dict[int, str]:
    leads = {key: found for key in lost if (found := gone.survivor_of(connection, noun, key)) is not None}
    if not leads:
        return {}
    model = reach.MODELS[noun]
    names = select(model.id, _CALLED[noun]).where(model.id.in_(sorted(set(leads.values()))))
    known = {row[0]: row[1] for row in connection.execute(names)}
    return {key: known[found] for key, found in leads.items() if found in known}


def page(engine: Engine, scope: Scope, chosen: AuditFilter, number: int = 1, size: int = 50) -> Page[EntryView]:
    """Entries of the scope, newest first; the total is counted up to COUNTED."""
    offset, limit = check_page(number, size)
    conditions = [*visible(scope), *chosen.conditions(engine)]
    with read(engine) as connection:
        few = select(AuditEntry.id).where(*conditions).limit(COUNTED).subquery()
        total = connection.execute(select(func.count()).select_from(few)).scalar_one()
        rows = connection.execute(
            _VIEW.where(*conditions).order_by(AuditEntry.id.desc()).offset(offset).limit(limit)
        ).all()
        called = Called(connection, rows)
    return Page(total, [_view(row, called) for row in rows])


def exported(engine: Engine, scope: Scope, chosen: AuditFilter) -> Iterator[EntryView]:
    """Entries of the scope, newest first, at most EXPORT_MOST."""
    last: int | None = None
    conditions = [*visible(scope), *chosen.conditions(engine)]
    for _ in range(EXPORT_MOST // EXPORT_AT_ONCE):
        before = [] if last is None else [AuditEntry.id < last]
        with read(engine) as connection:
            rows = connection.execute(
                _VIEW.where(*conditions, *before).order_by(AuditEntry.id.desc()).limit(EXPORT_AT_ONCE)
            ).all()
            called = Called(connection, rows)
        if not rows:
            return
        yield from (_view(row, called) for row in rows)
        last = rows[-1].id


def acts(engine: Engine, scope: Scope, since: int) -> list[tuple[str, int]]:
    """The acts that occurred since a time, with their numbers."""
    statement = select(AuditEntry.act, func.count()).where(AuditEntry.at >= since, *visible(scope))
    with read(engine) as connection:
        rows = connection.execute(statement.group_by(AuditEntry.act).order_by(AuditEntry.act)).all()
    return [(row[0], row[1]) for row in rows]


DRIVER_LOOKED_AT = "driver.look"
"""The act of who saw a driver's identity; the entry's ``noun_id`` is the driver."""


@dataclass(frozen=True, slots=True)
class LookView:
    """A look of another organisation at one's own truck or driver; ``vehicle_id`` is 0 and ``driver`` empty where the
    look was at none."""

    at: int
    act: str
    vehicle_id: int
    plate: str
    driver: str
    username: str
    organisation: str
    organisation_kind: str
    reason: str
    detail: dict[str, Any]


def looks(
    engine: Engine,
    place: Scope,
    organisation_id: int | None,
    vehicle: int | None = None,
    start: int | None = None,
    end: int | None = None,
    number: int = 1,
    size: int = 50,
) -> Page[LookView]:
    """Who viewed me: looks of others at the trucks and drivers of ``place``, newest first. A look of March concerns who
    ran the truck, or employed the driver, in March."""
    offset, limit = check_page(number, size)
    trucks = and_(AuditEntry.vehicle_id.is_not(None), AuditEntry.noun.in_(LOOKED_AT), _mine(engine, place))
    conditions: list[ColumnElement[bool]] = [
        AuditEntry.user_id.is_not(None),
        or_(trucks, and_(AuditEntry.act == DRIVER_LOOKED_AT, _my_driver(engine, place))),
    ]
    if organisation_id is not None:
        own = _alike(engine, "organisation", organisation_id)
        conditions.append(or_(AuditEntry.organisation_id.is_(None), AuditEntry.organisation_id.not_in(own)))
    if vehicle is not None:
        conditions.append(_of_truck(engine, vehicle))
    if start is not None:
        conditions.append(AuditEntry.at >= start)
    if end is not None:
        conditions.append(AuditEntry.at < end)
    columns = (
        AuditEntry.at, AuditEntry.act, AuditEntry.vehicle_id, Vehicle.plate, Driver.name.label("driver"),
        AuditEntry.username, Organisation.name, Organisation.kind, AuditEntry.reason, AuditEntry.detail,
        AuditEntry.noun, AuditEntry.noun_id, AuditEntry.organisation_id,
    )  # fmt: skip
    statement = (
        select(*columns)
        .outerjoin(Vehicle, Vehicle.id == AuditEntry.vehicle_id)
        .outerjoin(Driver, and_(AuditEntry.noun == "driver", Driver.id == AuditEntry.noun_id))
        .outerjoin(Organisation, Organisation.id == AuditEntry.organisation_id)
        .where(*conditions)
    )
    with read(engine) as connection:
        few = select(AuditEntry.id).where(*conditions).limit(COUNTED).subquery()
        total = connection.execute(select(func.count()).select_from(few)).scalar_one()
        rows = connection.execute(statement.order_by(AuditEntry.id.desc()).offset(offset).limit(limit)).all()
        called = Called(connection, rows)
    return Page(
        total,
        [
            LookView(
                row.at, row.act, row.vehicle_id or 0, row.plate or called.name("vehicle", row.vehicle_id) or "",
                row.driver or (row.noun == "driver" and called.name("driver", row.noun_id)) or "",
                row.username, row.name or called.name("organisation", row.organisation_id) or "",
                row.kind or "", row.reason, json.loads(row.detail),
            )
            for row in rows
        ],
    )  # fmt: skip


def _mine(engine: Engine, place: Scope) -> ColumnElement[bool]:
    """The truck was bound to the operators of ``place`` when it was looked at, is one's own, or one drove it then."""
    found: list[ColumnElement[bool]] = []
    if place.vehicles is not None:
        own = _of_truck(engine, *place.vehicles)
        found.append(own if place.wheel is None else or_(own, drove(place.wheel, AuditEntry.vehicle_id, AuditEntry.at)))
    if place.operators is not None:
        found.append(
            exists().where(
                Binding.what == OPERATOR, Binding.subject_id == AuditEntry.vehicle_id,
                Binding.object_id.in_(sorted(place.operators)), Binding.from_at <= AuditEntry.at,
                or_(Binding.to_at.is_(None), Binding.to_at > AuditEntry.at),
            )
        )  # fmt: skip
    if not found:
        raise RegistryError("vehicle", "is for operators and drivers: whose trucks were looked at")
    return and_(*found)


def _my_driver(engine: Engine, place: Scope) -> ColumnElement[bool]:
    """The driver was employed by the operators of ``place`` when looked at, or is oneself."""
    if place.operators is None:
        return AuditEntry.noun_id.in_(_alike(engine, "driver", *(place.drivers or ())))
    return exists().where(
        Binding.what == EMPLOYER, Binding.subject_id == AuditEntry.noun_id,
        Binding.object_id.in_(sorted(place.operators)), Binding.from_at <= AuditEntry.at,
        or_(Binding.to_at.is_(None), Binding.to_at > AuditEntry.at),
    )  # fmt: skip


def visible(scope: Scope) -> list[ColumnElement[bool]]:
    """Entries of the organisations one answers for, and of those that were merged into them."""
    if scope.whole:
        return []
    return [AuditEntry.organisation_id.in_(gone.with_merged("organisation", Organisation, *scope.of_staff()))]


_VIEW = (
    select(
        AuditEntry.id, AuditEntry.at, AuditEntry.user_id, AuditEntry.username, AuditEntry.organisation_id,
        Organisation.name, AuditEntry.address, AuditEntry.act, AuditEntry.noun, AuditEntry.noun_id,
        AuditEntry.vehicle_id, Vehicle.plate, AuditEntry.detail, AuditEntry.scope, AuditEntry.reason, AuditEntry.result,
        literal("").label("driver"),
    )
    .outerjoin(Organisation, Organisation.id == AuditEntry.organisation_id)
    .outerjoin(Vehicle, Vehicle.id == AuditEntry.vehicle_id)
)  # fmt: skip


def _view(row: Any, called: Called) -> EntryView:
    return EntryView(
        row.id, row.at, row.user_id, row.username, row.organisation_id,
        row.name or called.name("organisation", row.organisation_id) or "", row.address, row.act, row.noun,
        row.noun_id, row.vehicle_id, row.plate or called.name("vehicle", row.vehicle_id),
        json.loads(row.detail), row.scope, row.reason, row.result,
    )  # fmt: skip
