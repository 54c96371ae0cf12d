"""What people read of supervision orders 督办: lists, one order with its story. Every function blocks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, or_, select

from luwei.cases.reading import Person, persons
from luwei.oversight.order_files import FileView, of_order
from luwei.oversight.place import at_work, within
from luwei.registry.base import now_ms
from luwei.registry.case import AlarmCase
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.organisation import MONITOR, OPERATING, Organisation
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.supervision import CLOSED, STATES, SupervisionOrder, SupervisionStep
from luwei.registry.vehicle import Vehicle

CHINA = timedelta(hours=8)
TARGETS_MOST = 20


@dataclass(frozen=True, slots=True)
class Numbered:
    """A case as an order names it."""

    id: int
    number: str


@dataclass(frozen=True, slots=True)
class Truck:
    """A truck as an order names it."""

    id: int
    plate: str
    plate_color: int


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order; instants in UTC ms. ``in_charge``: the level of authority that reviews it now."""

    id: int
    number: str
    version: int
    level: int
    source: str
    state: str
    reply: str
    title: str
    text: str
    case: Numbered | None
    vehicle: Truck | None
    type: str
    alarm_at: int | None
    target: Named | None
    operator: Named | None
    city: int | None
    county: int | None
    issuer: Person | None
    issuer_organisation: Named | None
    contact: str
    phone: str
    email: str
    issued_at: int
    due_at: int
    extended: bool
    returns: int
    overdue: bool
    escalation: int
    in_charge: str
    closed_at: int | None
    forsaken: bool
    """It is not closed, and nobody of the organisation that was ordered is there: disabled, or its term is over."""


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One step; ``by`` null: by itself; ``files`` that came with it, for the two sides of the order alone."""

    id: int
    at: int
    act: str
    by: Person | None
    detail: dict[str, Any]
    files: list[FileView]


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What a person chose; None and empty are any. ``state``: one or several with commas; ``q``: the number that people
    say, its last digits, or a part of the title."""

    state: str = ""
    level: int | None = None
    overdue: bool | None = None
    target: int | None = None
    case: int | None = None
    city: int | None = None
    county: int | None = None
    q: str = ""
    forsaken: bool | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises RegistryError naming the field and its rule."""
        table = SupervisionOrder
        found: list[ColumnElement[bool]] = []
        if self.state:
            chosen = self.state.split(",")
            if not set(chosen) <= set(STATES):
                raise RegistryError("state", f"must be one of {', '.join(STATES)}", self.state)
            found.append(table.state.in_(chosen))
        if self.q:
            if not self.q.isprintable():
                raise RegistryError("q", "must not contain control characters")
            number = _NUMBER.fullmatch(self.q.strip())
            in_title = table.title.icontains(self.q.strip(), autoescape=True)
            found.append(in_title if number is None else or_(in_title, table.id == int(number[1])))
        if self.forsaken is not None:
            lost = _forsaken(now_ms())
            found.append(lost if self.forsaken else ~lost)
        equal = (
            (table.level, self.level), (table.target_id, self.target), (table.case_id, self.case),
            (table.overdue, self.overdue), (table.city, self.city), (table.county, self.county),
        )  # fmt: skip
        return found + [column == value for column, value in equal if value is not None]


def _forsaken(now: int) -> ColumnElement[bool]:
    there = select(Organisation.id).where(*at_work(now))
    return and_(SupervisionOrder.state != CLOSED, SupervisionOrder.target_id.not_in(there))


_NUMBER = re.compile(r"(?:DB-\d{8}-)?0*([1-9]\d{0,8})", re.ASCII | re.IGNORECASE)


def number_of(key: int, issued_at: int) -> str:
    """As people say it: the day in China and the running number."""
    return f"DB-{datetime.fromtimestamp(issued_at / 1000, UTC) + CHINA:%Y%m%d}-{key:05d}"


def page(
    engine: Engine, visible: Sequence[ColumnElement[bool]], chosen: OrderFilter, number: int, size: int
) -> Page[OrderView]:
    """One page: what is open by its limit, then what is closed, the newest first."""
    offset, limit = check_page(number, size)
    conditions = [*chosen.conditions(), *visible]
    closed = case((SupervisionOrder.state == CLOSED, 1), else_=0)
    ordered = (
        select(*SupervisionOrder.__table__.columns)
        .where(*conditions)
        .order_by(closed, case((closed == 1, -SupervisionOrder.id), else_=SupervisionOrder.due_at), SupervisionOrder.id)
        .offset(offset)
        .limit(limit)
    )
    with read(engine) as connection:
        counted = select(func.count()).select_from(SupervisionOrder).where(*conditions)
        total = connection.execute(counted).scalar_one()
        return Page(total, views(connection, connection.execute(ordered).all()))


def counts(
    engine: Engine, visible: Sequence[ColumnElement[bool]], chosen: OrderFilter
) -> tuple[dict[str, int], int, int]:
    """How many orders there are of each state, how many of those that are not closed are late, how many forsaken."""
    table = SupervisionOrder
    late = func.sum(case((table.overdue & (table.state != CLOSED), 1), else_=0))
    lost = func.sum(case((_forsaken(now_ms()), 1), else_=0))
    statement = (
        select(table.state, func.count(), late, lost).where(*chosen.conditions(), *visible).group_by(table.state)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    found = dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in rows}
    return found, sum(int(row[2]) for row in rows), sum(int(row[3]) for row in rows)


@dataclass(frozen=True, slots=True)
class Target:
    """An organisation that may be ordered."""

    id: int
    name: str
    kind: str


def targets(engine: Engine, scope: Scope, q: str) -> list[Target]:
    """Operators and monitors of the officer's area whose name holds ``q``, TARGETS_MOST at most.

    Raises RegistryError.
    """
    if not q.isprintable():
        raise RegistryError("q", "must not contain control characters")
    conditions: list[ColumnElement[bool]] = [
        Organisation.kind.in_((*OPERATING, MONITOR)),
        *at_work(now_ms()),
    ]
    if q.strip():
        conditions.append(Organisation.name.icontains(q.strip(), autoescape=True))
    statement = (
        select(Organisation.id, Organisation.name, Organisation.kind)
        .where(*conditions, *within(scope, Organisation))
        .order_by(Organisation.name, Organisation.id)
        .limit(TARGETS_MOST)
    )
    with read(engine) as connection:
        return [Target(*row) for row in connection.execute(statement)]


def one(engine: Engine, visible: Sequence[ColumnElement[bool]], key: int) -> tuple[dict[str, Any], OrderView]:
    """The stored row and its view. Raises NotFound, also for an order that the person does not see."""
    statement = select(*SupervisionOrder.__table__.columns).where(SupervisionOrder.id == key, *visible)
    with read(engine) as connection:
        row = connection.execute(statement).first()
        if row is None:
            raise NotFound("id", "there is no such order", key)
        return dict(row._mapping), views(connection, [row])[0]


def story(engine: Engine, key: int, side: bool = False) -> list[OrderStep]:
    """Its steps, the oldest first, with their files for a ``side``; whoever calls has read the order already."""
    files = of_order(engine, key) if side else {}
    statement = (
        select(*SupervisionStep.__table__.columns)
        .where(SupervisionStep.order_id == key)
        .order_by(SupervisionStep.id)
    )  # fmt: skip
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        people = persons(connection, [row.user_id for row in rows])
    return [
        OrderStep(row.id, row.at, row.act, people.get(row.user_id), json.loads(row.detail), files.get(row.id, []))
        for row in rows
    ]


def views(connection: Connection, rows: Sequence[Any]) -> list[OrderView]:
    """Stored rows as people see them, in this order."""
    bodies = organisations_named(
        connection, [key for row in rows for key in (row.target_id, row.operator_id, row.issuer_organisation_id)]
    )
    people = persons(connection, [row.issuer_id for row in rows])
    cases = _named(connection, select(AlarmCase.id, AlarmCase.number), AlarmCase.id, [row.case_id for row in rows])
    plates = select(Vehicle.id, Vehicle.plate, Vehicle.plate_color)
    trucks = _named(connection, plates, Vehicle.id, [row.vehicle_id for row in rows])
    open_ones = {row.target_id for row in rows if row.state != CLOSED}
    there = set(connection.scalars(select(Organisation.id).where(Organisation.id.in_(open_ones), *at_work(now_ms()))))
    names = OrderView.__dataclass_fields__.keys() & SupervisionOrder.__table__.columns.keys()
    found = []
    for row in rows:
        case_row, truck = cases.get(row.case_id), trucks.get(row.vehicle_id)
        found.append(
            OrderView(
                number=number_of(row.id, row.issued_at),
                case=None if case_row is None else Numbered(*case_row),
                vehicle=None if truck is None else Truck(*truck),
                target=bodies.get(row.target_id),
                operator=bodies.get(row.operator_id),
                forsaken=row.target_id in open_ones - there and row.state != CLOSED,
                issuer=people.get(row.issuer_id),
                issuer_organisation=bodies.get(row.issuer_organisation_id),
                **{name: getattr(row, name) for name in names},
            )
        )
    return found


def _named(connection: Connection, statement: Any, column: Any, keys: Sequence[int | None]) -> dict[int | None, Any]:
    wanted = sorted({key for key in keys if key is not None})
    if not wanted:
        return {}
    return {row[0]: row for row in connection.execute(statement.where(column.in_(wanted)))}
