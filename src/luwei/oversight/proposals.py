"""Proposals of supervision orders 督办建议 (reference supervision §7.4): rules find them, only an officer orders.

Every function blocks. The rules look at the last whole week (Monday to Sunday in China), at the last whole day, and at
what is overdue now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from luwei.cases.holding import line
from luwei.cases.scope import within as cases_within
from luwei.oversight import policies
from luwei.oversight.completeness import asked, by_request
from luwei.oversight.order_views import Truck
from luwei.oversight.place import is_authority, within
from luwei.oversight.policy import OversightRules
from luwei.oversight.statistics import EFFECTIVE
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case import DOING, TODO, AlarmCase
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.oversight import DISMISSED, OPEN, ORDERED, AppealEffect, SupervisionProposal, in_force
from luwei.registry.page import Page, check_page
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.supervision import GENERAL, URGENT
from luwei.registry.vehicle import Vehicle

STATES = (OPEN, ORDERED, DISMISSED)
CASES_MOST = 500
AT_ONCE = 500
CHINA_MS, DAY_MS = 8 * 3_600_000, 86_400_000
MONDAY = 4
"""1970-01-05 was a Monday."""


def week_before(now: int) -> tuple[int, int]:
    """First and one past the last UTC ms of the last whole week in China."""
    day = (now + CHINA_MS) // DAY_MS
    monday = day - (day - MONDAY) % 7
    return (monday - 7) * DAY_MS - CHINA_MS, monday * DAY_MS - CHINA_MS


def find(engine: Engine, now: int) -> int:
    """Enter what the rules find and is not there yet; how many. Reading many cases holds up nobody who writes."""
    with read(engine) as connection:
        rules = policies.at(connection, now)
        start, end = week_before(now)
        found = [
            *_overdue(connection, now), *_left(connection, now), *_unhandled(connection, rules, start, end, now),
            *_lost(connection, rules, start, end), *_trucks(connection, rules, now),
        ]  # fmt: skip
    if not found:
        return 0
    with write(engine) as connection:
        return enter(connection, found, now)


def enter(connection: Connection, found: Sequence[dict[str, Any]], now: int) -> int:
    """Enter what is not there yet by its key; how many."""
    known: set[str] = set()
    keys = [each["key"] for each in found]
    for begin in range(0, len(keys), AT_ONCE):
        part = SupervisionProposal.key.in_(keys[begin : begin + AT_ONCE])
        known.update(connection.scalars(select(SupervisionProposal.key).where(part)))
    fresh = [each | {"at": now} for each in found if each["key"] not in known]
    for each in fresh:
        each["cases"] = json.dumps(each["cases"][:CASES_MOST])
        each["numbers"] = json.dumps(each["numbers"])
    if fresh:
        connection.execute(insert(SupervisionProposal), fresh)
    return len(fresh)


def proposal(
    kind: str, key: object, level: int, row: Any, numbers: dict[str, Any], cases: Sequence[int]
) -> dict[str, Any]:
    """A proposal's row; ``row`` says whose it is: operator_id, city, county."""
    return {
        "key": f"{kind}:{key}", "kind": kind, "level": level, "target_id": row.operator_id, "city": row.city,
        "county": row.county, "vehicle_id": None, "numbers": numbers, "cases": list(cases),
    }  # fmt: skip


def _overdue(connection: Connection, now: int) -> list[dict[str, Any]]:
    """A G3 that nobody has handled past a limit of its own, and that is not proposed yet."""
    key = literal("overdue:").concat(cast(AlarmCase.id, String))
    statement = (
        select(AlarmCase.id, AlarmCase.operator_id, AlarmCase.city, AlarmCase.county, AlarmCase.due_at)
        .where(
            AlarmCase.stage.in_((TODO, DOING)), AlarmCase.grade == 3, AlarmCase.overdue > 0,
            AlarmCase.operator_id.is_not(None), ~exists().where(SupervisionProposal.key == key),
        )
        .order_by(AlarmCase.sort_at)
        .limit(CASES_MOST)
    )  # fmt: skip
    return [
        proposal("overdue", row.id, URGENT, row, {"grade": 3, "late_ms": now - (row.due_at or now)}, [row.id])
        for row in connection.execute(statement)
    ]


_HOME = (AlarmCase.operator_id, AlarmCase.city, AlarmCase.county)


def _of_home(row: Any) -> list[ColumnElement[bool]]:
    """The cases that a row grouped by _HOME counts."""
    return [column.is_not_distinct_from(getattr(row, column.key)) for column in _HOME]


def _left(connection: Connection, now: int) -> list[dict[str, Any]]:
    """An operator whose G2 went past its limit on the last whole day and that nobody has handled since (reference
    §7.2): those of a day together."""
    day = (now + CHINA_MS) // DAY_MS
    start = (day - 1) * DAY_MS - CHINA_MS
    left = [
        AlarmCase.stage.in_((TODO, DOING)), AlarmCase.grade == 2, AlarmCase.handled_at.is_(None),
        AlarmCase.close_due_at >= start, AlarmCase.close_due_at < start + DAY_MS, AlarmCase.operator_id.is_not(None),
    ]  # fmt: skip
    homes: dict[tuple[Any, ...], list[Any]] = {}
    statement = select(AlarmCase.id, AlarmCase.close_due_at, *_HOME).where(*left)
    for row in connection.execute(statement.order_by(AlarmCase.close_due_at, AlarmCase.id)):
        homes.setdefault((row.operator_id, row.city, row.county), []).append(row)
    found = []
    for (operator, city, county), rows in homes.items():
        numbers = {"grade": 2, "cases": len(rows), "day": start, "late_ms": now - rows[0].close_due_at}
        key = f"{operator}:{county or city}:{start}"
        found.append(proposal("overdue_day", key, GENERAL, rows[0], numbers, [row.id for row in rows]))
    return found


def _unhandled(connection: Connection, rules: OversightRules, start: int, end: int, now: int) -> list[dict[str, Any]]:
    """An operator that handled less than the threshold of the week's cases within their limits; one whose limit still
    runs says nothing yet."""
    over = or_(AlarmCase.handled_at.is_not(None), AlarmCase.close_due_at <= now)
    week = and_(AlarmCase.opened_at >= start, AlarmCase.opened_at < end, AlarmCase.operator_id.is_not(None), over)
    good = and_(AlarmCase.handled_at.is_not(None), AlarmCase.handled_at <= AlarmCase.close_due_at)
    handled = func.sum(case((good, 1), else_=0))
    counted = select(*_HOME, func.count().label("all"), handled.label("handled")).where(week).group_by(*_HOME)
    found = []
    for row in connection.execute(counted.having(func.count() >= rules.handled_cases)).all():
        if row.handled * 100 >= rules.handled_percent * row.all:
            continue
        behind = select(AlarmCase.id).where(week, *_of_home(row), or_(~good, AlarmCase.handled_at.is_(None)))
        cases = list(connection.scalars(behind.order_by(AlarmCase.id).limit(CASES_MOST)))
        numbers = {"cases": row.all, "handled": int(row.handled), "threshold_percent": rules.handled_percent}
        key = f"{row.operator_id}:{row.county or row.city}:{start}"
        found.append(proposal("handled_rate", key, GENERAL, row, numbers, cases))
    return found


def _lost(connection: Connection, rules: OversightRules, start: int, end: int) -> list[dict[str, Any]]:
    """An operator of whose files of the week more than the threshold are lost, those it never announced included."""
    week = [AlarmCase.opened_at >= start, AlarmCase.opened_at < end, AlarmCase.operator_id.is_not(None)]
    files = by_request(asked(week))
    everything, lost = func.sum(files.c.announced), func.sum(files.c.lost)
    counted = (
        select(*_HOME, everything.label("all"), lost.label("lost"))
        .select_from(files)
        .join(AlarmCase, AlarmCase.id == files.c.case_id)
        .group_by(*_HOME)
        .having(everything >= rules.lost_files)
    )
    found = []
    for row in connection.execute(counted).all():
        if row.lost * 100 <= rules.lost_percent * row.all:
            continue
        behind = (
            select(files.c.case_id)
            .join(AlarmCase, AlarmCase.id == files.c.case_id)
            .where(files.c.lost > 0, *_of_home(row))
            .distinct()
            .limit(CASES_MOST)
        )
        numbers = {"files": int(row.all), "lost": int(row.lost), "threshold_percent": rules.lost_percent}
        key = f"{row.operator_id}:{row.county or row.city}:{start}"
        found.append(proposal("evidence_lost", key, GENERAL, row, numbers, sorted(connection.scalars(behind))))
    return found


def _trucks(connection: Connection, rules: OversightRules, now: int) -> list[dict[str, Any]]:
    """A truck with so many cases of one operator, G2 or graver, that count as true and that no earlier proposal names:
    an old case that leaves the period makes no new proposal, and nobody answers for another operator's time."""
    true = [
        AlarmCase.opened_at >= now - rules.vehicle_days * DAY_MS, AlarmCase.grade >= 2,
        AlarmCase.handled_at.is_not(None), EFFECTIVE.in_(("true",)), AlarmCase.operator_id.is_not(None),
    ]  # fmt: skip

    def of_true(*columns: Any) -> Select[Any]:
        return select(*columns).select_from(AlarmCase).outerjoin(AppealEffect, in_force()).where(*true)

    whose = (AlarmCase.vehicle_id, AlarmCase.operator_id)
    many = of_true(*whose).group_by(*whose).having(func.count() >= rules.vehicle_cases)
    trucks = {(row.vehicle_id, row.operator_id) for row in connection.execute(many)}
    named: dict[int, set[int]] = {}
    cases: dict[tuple[int, int], list[Any]] = {}
    keys = sorted({vehicle for vehicle, _ in trucks})
    for begin in range(0, len(keys), AT_ONCE):
        part = keys[begin : begin + AT_ONCE]
        before = select(SupervisionProposal.vehicle_id, SupervisionProposal.cases).where(
            SupervisionProposal.kind == "vehicle", SupervisionProposal.vehicle_id.in_(part)
        )
        for row in connection.execute(before):
            named.setdefault(row.vehicle_id, set()).update(json.loads(row.cases))
        theirs = of_true(AlarmCase.id, AlarmCase.vehicle_id, *_HOME).where(AlarmCase.vehicle_id.in_(part))
        for row in connection.execute(theirs.order_by(AlarmCase.id)):
            if row.id not in named.get(row.vehicle_id, ()) and (row.vehicle_id, row.operator_id) in trucks:
                cases.setdefault((row.vehicle_id, row.operator_id), []).append(row)
    found = []
    for (vehicle, _), rows in sorted(cases.items()):
        if len(rows) >= rules.vehicle_cases:
            numbers = {"cases": len(rows), "days": rules.vehicle_days, "threshold": rules.vehicle_cases}
            made = proposal("vehicle", f"{vehicle}:{rows[-1].id}", GENERAL, rows[-1], numbers, [row.id for row in rows])
            found.append(made | {"vehicle_id": vehicle})
    return found


@dataclass(frozen=True, slots=True)
class ProposalCase:
    """A case behind a proposal."""

    id: int
    number: str
    type: str
    grade: int
    plate: str
    plate_color: int
    at: int
    state: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class ProposalView:
    """One proposal with its numbers and the cases behind them."""

    id: int
    kind: str
    level: int
    target: Named | None
    city: int | None
    county: int | None
    vehicle: Truck | None
    numbers: dict[str, Any]
    cases: list[int]
    at: int
    state: str
    order: int | None
    reason: str


def page(
    engine: Engine, scope: Scope, state: str, number: int, size: int, area: Scope = WHOLE
) -> Page[ProposalView]:  # fmt: skip
    """Proposals for the organisations in the scope, the newest first; ``area`` narrows to a part of it. Raises
    RegistryError."""
    offset, limit = check_page(number, size)
    if state and state not in STATES:
        raise RegistryError("state", f"must be one of {', '.join(STATES)}", state)
    table = SupervisionProposal
    places = [*within(scope, table, table.target_id), *within(area, table)]
    conditions = [*places, *([table.state == state] if state else [])]
    ordered = select(*table.__table__.columns).where(*conditions).order_by(table.id.desc())
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
        rows = connection.execute(ordered.offset(offset).limit(limit)).all()
        return Page(total, _views(connection, rows))


def one(engine: Engine, scope: Scope, key: int) -> tuple[ProposalView, list[ProposalCase]]:
    """A proposal with the cases behind it that lie in the scope, the newest first. Raises NotFound."""
    table = SupervisionProposal
    statement = select(*table.__table__.columns).where(table.id == key, *within(scope, table, table.target_id))
    with read(engine) as connection:
        row = connection.execute(statement).first()
        if row is None:
            raise NotFound("id", "there is no such proposal", key)
        behind = (
            select(AlarmCase.id, AlarmCase.number, AlarmCase.type, AlarmCase.grade, AlarmCase.plate,
                   AlarmCase.plate_color, AlarmCase.started_at, AlarmCase.state, AlarmCase.overdue)
            .where(AlarmCase.id.in_(json.loads(row.cases)), *cases_within(scope))
            .order_by(AlarmCase.id.desc())
        )  # fmt: skip
        cases = [
            ProposalCase(each.id, each.number, each.type, each.grade, each.plate, each.plate_color, each.started_at,
                         each.state, bool(each.overdue))
            for each in connection.execute(behind)
        ]  # fmt: skip
        return _views(connection, [row])[0], cases


def _views(connection: Connection, rows: Sequence[Any]) -> list[ProposalView]:
    bodies = organisations_named(connection, [row.target_id for row in rows])
    wanted = sorted({row.vehicle_id for row in rows if row.vehicle_id is not None})
    plates = select(Vehicle.id, Vehicle.plate, Vehicle.plate_color).where(Vehicle.id.in_(wanted))
    trucks = {row.id: Truck(*row) for row in connection.execute(plates)}
    return [
        ProposalView(
            row.id, row.kind, row.level, bodies.get(row.target_id), row.city, row.county, trucks.get(row.vehicle_id),
            json.loads(row.numbers), json.loads(row.cases), row.at, row.state, row.order_id, row.reason,
        )
        for row in rows
    ]  # fmt: skip


def dismiss(engine: Engine, scope: Scope, key: int, reason: str, actor: Actor) -> None:
    """An officer decides that no order is needed. Raises NotFound, Conflict, RegistryError."""
    if not is_authority(scope):
        raise RegistryError("scope", "is done by an authority")
    said = line("reason", reason, 2, 500)
    table = SupervisionProposal
    with write(engine) as connection:
        mine = select(table.state).where(table.id == key, *within(scope, table, table.target_id)).with_for_update()
        state = connection.scalar(mine)
        if state is None:
            raise NotFound("id", "there is no such proposal", key)
        if state != OPEN:
            raise Conflict("state", f"the proposal is {state} already", key)
        values = {"state": DISMISSED, "decided_by": actor.user_id, "decided_at": now_ms(), "reason": said}
        connection.execute(update(table).where(table.id == key).values(**values))
        record(connection, actor, "supervision_order.dismiss", key, {"proposal": key, "reason": said})
