"""What people read of cases: the queue, its counts, one case with its story. Every function blocks and takes a scope.

The queue is read by its place in the order (``after``), never by counting rows off: page 1,000 costs what page 1 does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, false, func, or_, select

from luwei.access.user import User
from luwei.alarms.names import name
from luwei.cases.scope import within
from luwei.registry import masking
from luwei.registry.case import DOING, STAGE_OF, STAGES, TODO, VERIFY, AlarmCase
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.page import check_query, contains
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

SIZE_MOST = 200
COUNT_MOST = 10_000
"""Rows of a list are counted up to here: a person learns no more from a larger number, and a count must stay quick."""
EXPORT_MOST = 100_000
TRUCKS_MOST = 2_000
"""Trucks with a part of a plate whose cases are looked for by truck."""
NOT_CLOSED = "not_closed"
"""The three open stages at once: of one vehicle, since the order of the queue is kept by stage."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user as a case names one."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where, in 1e-6 degrees."""

    lat_e6: int
    lon_e6: int


@dataclass(frozen=True, slots=True)
class EvidenceBrief:
    """Files of a case; ``thumb``: a picture among them."""

    state: str
    files: int
    complete: int
    thumb: int | None


@dataclass(frozen=True, slots=True)
class CheckBrief:
    """The last automatic check of the correction."""

    at: int
    after_s: int
    result: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as lists, sockets and its page show it. Instants in UTC ms, speeds in 0.1 km/h."""

    id: int
    number: str
    version: int
    state: str
    stage: str
    grade: int
    first_grade: int
    type: str
    type_zh: str
    type_en: str
    fault: bool
    vehicle_id: int
    plate: str
    plate_color: int
    operator: Named | None
    monitor: Named | None
    city: int | None
    county: int | None
    place: Place | None
    speed_dkmh: int
    limit_kmh: int | None
    started_at: int
    last_at: int
    opened_at: int
    count: int
    warnings: int
    level: int
    first_action_due_at: int
    first_action_at: int | None
    close_due_at: int
    closed_at: int | None
    due_at: int | None
    overdue: bool
    snoozed_until: int | None
    escalation: int
    repeated: bool
    evidence: EvidenceBrief
    assignee: Person | None
    handler: Person | None
    verdict: str | None
    correction: str | None
    reminder: str
    check: CheckBrief | None
    policy: int


@dataclass(frozen=True, slots=True)
class CasePage:
    """One page of the queue; ``total_capped``: there are at least so many."""

    total: int
    total_capped: bool
    items: list[CaseRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a person chose; None and empty are any. ``me``: who asks."""

    stage: str = "todo"
    state: str = ""
    grade: int | None = None
    type: str = ""
    city: int | None = None
    county: int | None = None
    operator: int | None = None
    vehicle: int | None = None
    q: str = ""
    assignee: str = ""
    overdue: bool | None = None
    fault: bool | None = None
    escalated: int | None = None
    start: int | None = None
    end: int | None = None
    me: int = 0

    def conditions(self, engine: Engine, scope: Scope) -> list[ColumnElement[bool]]:
        """What was chosen and what the scope allows. Raises RegistryError naming the field and its rule."""
        found: list[ColumnElement[bool]] = []
        if self.stage == NOT_CLOSED:
            if self.vehicle is None:
                raise RegistryError("stage", f"{NOT_CLOSED} needs a vehicle", self.stage)
            found.append(AlarmCase.stage.in_((TODO, DOING, VERIFY)))
        elif self.stage in STAGES:
            found.append(AlarmCase.stage == STAGES.index(self.stage))
        else:
            raise RegistryError("stage", f"must be one of {', '.join((*STAGES, NOT_CLOSED))}", self.stage)
        if self.state:
            if self.state not in STAGE_OF:
                raise RegistryError("state", f"must be one of {', '.join(STAGE_OF)}", self.state)
            found.append(AlarmCase.state == self.state)
        equal = (
            (AlarmCase.grade, self.grade), (AlarmCase.city, self.city), (AlarmCase.county, self.county),
            (AlarmCase.operator_id, self.operator), (AlarmCase.vehicle_id, self.vehicle), (AlarmCase.fault, self.fault),
        )  # fmt: skip
        found += [column == value for column, value in equal if value is not None]
        if self.type:
            # SQLite keeps no statistics here: among equals it must be told that few trucks are rarer than a type.
            few = any(each is not None for each in (self.operator, self.county, self.vehicle, *_few(scope)))
            kind = func.coalesce(AlarmCase.type, "") if few and engine.dialect.name == "sqlite" else AlarmCase.type
            found.append(kind.in_(self.type.split(",")[:40]))
        if self.overdue is not None:
            found.append(AlarmCase.overdue > 0 if self.overdue else AlarmCase.overdue == 0)
        if self.escalated is not None:
            found.append(AlarmCase.escalation >= self.escalated)
        if self.start is not None:
            found.append(AlarmCase.opened_at >= self.start)
        if self.end is not None:
            found.append(AlarmCase.opened_at < self.end)
        if self.assignee:
            found.append(self._assignee())
        if text := check_query(self.q):
            found.append(_matches(engine, text))
        return found + within(scope)

    def told(self) -> dict[str, Any]:
        """What was chosen, for the audit log."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "") and name != "me"}

    def _assignee(self) -> ColumnElement[bool]:
        if self.assignee == "none":
            return AlarmCase.assignee_id.is_(None)
        if self.assignee == "me":
            return AlarmCase.assignee_id == self.me
        if not self.assignee.isdigit() or len(self.assignee) > 9:
            raise RegistryError("assignee", "must be me, none or the id of a person", self.assignee)
        return AlarmCase.assignee_id == int(self.assignee)


def _few(scope: Scope) -> tuple[object, ...]:
    """Limits of a scope that leave few trucks."""
    return scope.counties, scope.operators, scope.vehicles


def _matches(engine: Engine, text: str) -> ColumnElement[bool]:
    """A case by its number, or by a part of the truck's plate."""
    if text[:2].isascii() and text[:2].isalpha() and "-" in text:
        return AlarmCase.number == text.upper()
    fragment = text.upper()
    with read(engine) as connection:
        keys = select(Vehicle.id).where(contains(engine, Vehicle.plate, fragment)).limit(TRUCKS_MOST + 1)
        found = list(connection.scalars(keys))
    if len(found) > TRUCKS_MOST:
        return contains(engine, AlarmCase.plate, fragment)
    return AlarmCase.vehicle_id.in_(found) if found else false()


def page(engine: Engine, scope: Scope, chosen: CaseFilter, size: int, after: str = "") -> CasePage:
    """One page of the queue, least time left first; of closed cases the newest close first."""
    if not 1 <= size <= SIZE_MOST:
        raise RegistryError("size", f"must be from 1 to {SIZE_MOST}", size)
    conditions = chosen.conditions(engine, scope)
    counted = select(func.count()).select_from(select(AlarmCase.id).where(*conditions).limit(COUNT_MOST + 1).subquery())
    with read(engine) as connection:
        total = connection.execute(counted).scalar_one()
        items, following = _slice(connection, conditions, size, after)
    return CasePage(min(total, COUNT_MOST), total > COUNT_MOST, items, following)


def _slice(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], size: int, after: str
) -> tuple[list[CaseRow], str | None]:
    """Rows in the order of their stage, and the cursor of what follows."""
    ordered = select(*AlarmCase.__table__.columns).where(*conditions).order_by(AlarmCase.sort_at, AlarmCase.id)
    if after:
        ordered = ordered.where(_beyond(after))
    rows = connection.execute(ordered.limit(size + 1)).all()
    last = rows[size - 1] if len(rows) > size else None
    following = _cursor(last.sort_at, last.id) if last is not None else None
    return views(connection, [dict(row._mapping) for row in rows[:size]]), following


def _cursor(sort_at: int, key: int) -> str:
    return base64.urlsafe_b64encode(f"{sort_at}.{key}".encode()).decode().rstrip("=")


def _beyond(after: str) -> ColumnElement[bool]:
    try:
        text = base64.urlsafe_b64decode(after[:80] + "=" * (-len(after) % 4)).decode("ascii")
        sort_at, key = (int(part) for part in text.split("."))
    except (ValueError, binascii.Error):
        raise RegistryError("after", "must be the cursor of an earlier page", after) from None
    if not (abs(sort_at) < 1 << 62 and 0 <= key < 1 << 31):
        raise RegistryError("after", "must be the cursor of an earlier page", after)
    return or_(AlarmCase.sort_at > sort_at, and_(AlarmCase.sort_at == sort_at, AlarmCase.id > key))


def exported(engine: Engine, scope: Scope, chosen: CaseFilter) -> Iterator[CaseRow]:
    """The rows of a list, all of them up to EXPORT_MOST; nothing is counted for it."""
    conditions = chosen.conditions(engine, scope)
    after: str | None = ""
    left = EXPORT_MOST
    while after is not None and left > 0:
        with read(engine) as connection:
            items, after = _slice(connection, conditions, SIZE_MOST, after)
        yield from items
        left -= SIZE_MOST


def one(engine: Engine, scope: Scope, case_id: int) -> dict[str, Any]:
    """The stored row. Raises NotFound, also where it lies outside the scope."""
    with read(engine) as connection:
        statement = select(*AlarmCase.__table__.columns).where(AlarmCase.id == case_id, *within(scope))
        row = connection.execute(statement).first()
    if row is None:
        raise NotFound("id", "there is no such case", case_id)
    return dict(row._mapping)


def rows(engine: Engine, scope: Scope, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Stored rows of those of these cases that lie in the scope."""
    with read(engine) as connection:
        these = AlarmCase.id.in_(sorted(keys)[:SIZE_MOST])
        statement = select(*AlarmCase.__table__.columns).where(these, *within(scope))
        return [dict(row._mapping) for row in connection.execute(statement)]


def views(connection: Connection, found: Sequence[Mapping[str, Any]]) -> list[CaseRow]:
    """Stored rows as people see them, in this order."""
    bodies = organisations_named(connection, [key for row in found for key in (row["operator_id"], row["monitor_id"])])
    people = persons(connection, [key for row in found for key in (row["assignee_id"], row["handler_id"])])
    return [_view(row, bodies, people) for row in found]


def _view(row: Mapping[str, Any], bodies: Mapping[int | None, Named], people: Mapping[int | None, Person]) -> CaseRow:
    words = name(row["type"], row["dialect"])
    placed = row["lat_e6"] is not None and row["lon_e6"] is not None
    checked = row["check_at"] is not None
    judged = row["handled_at"] is not None
    given = {field: row[field] for field in CaseRow.__dataclass_fields__ if field in row}
    given |= {
        "stage": STAGES[row["stage"]],
        "type_zh": words.zh,
        "type_en": words.en,
        "operator": bodies.get(row["operator_id"]),
        "monitor": bodies.get(row["monitor_id"]),
        "place": Place(row["lat_e6"], row["lon_e6"]) if placed else None,
        "overdue": row["overdue"] > 0,
        "evidence": EvidenceBrief(
            row["evidence_state"], row["evidence_files"], row["evidence_complete"], row["evidence_thumb"]
        ),
        "assignee": people.get(row["assignee_id"]),
        "handler": people.get(row["handler_id"]),
        "verdict": row["verdict"] or None if judged else None,
        "correction": row["correction"] or None if judged else None,
        "check": CheckBrief(row["check_at"], row["check_after_s"], row["check_result"]) if checked else None,
    }
    return CaseRow(**given)


def persons(connection: Connection, keys: Sequence[int | None]) -> dict[int | None, Person]:
    """Users by id. Of a driver only so much of the name is told that two of them can be told apart: who drives stands
    in the registry, for who has a right to it (reference supervision §2.2)."""
    wanted = sorted({key for key in keys if key is not None})
    if not wanted:
        return {}
    columns = (User.id, User.display_name, User.driver_id, User.vehicle_id)
    rows = connection.execute(select(*columns).where(User.id.in_(wanted)))
    return {key: Person(key, masking.name(said) if driver or truck else said) for key, said, driver, truck in rows}


@dataclass(frozen=True, slots=True)
class StageCount:
    """Cases of a stage by grade; ``overdue``: a limit of theirs has passed."""

    total: int
    g1: int
    g2: int
    g3: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The open stages of the queue; ``mine``: what this person holds; ``oldest_due_at``: the least time left."""

    stages: dict[str, StageCount]
    mine: int
    oldest_due_at: int | None


def summary(engine: Engine, scope: Scope, chosen: CaseFilter) -> Summary:
    """Counts of what is open, in the caller's scope; ``mine`` is left to ``mine``."""
    limits = [
        column == value
        for column, value in (
            (AlarmCase.city, chosen.city), (AlarmCase.county, chosen.county), (AlarmCase.operator_id, chosen.operator),
        )
        if value is not None
    ]  # fmt: skip
    conditions = [AlarmCase.stage.in_((TODO, DOING, VERIFY)), *limits, *within(scope)]
    # not the bare column: SQLite would read all open work in the order of the grades, whatever the scope
    columns = (AlarmCase.stage, func.coalesce(AlarmCase.grade, 0), AlarmCase.overdue)
    counted = select(*columns, func.count()).where(*conditions).group_by(*columns)
    first = select(func.min(AlarmCase.sort_at)).where(AlarmCase.stage == TODO, *limits, *within(scope))
    with read(engine) as connection:
        found = connection.execute(counted).all()
        oldest = connection.scalar(first)
    stages = {}
    for stage in (TODO, DOING, VERIFY):
        of = [row for row in found if row[0] == stage]
        g1, g2, g3 = (sum(row[3] for row in of if row[1] == grade) for grade in (1, 2, 3))
        stages[STAGES[stage]] = StageCount(g1 + g2 + g3, g1, g2, g3, sum(row[3] for row in of if row[2]))
    return Summary(stages, 0, oldest)


def mine(engine: Engine, scope: Scope, user_id: int) -> int:
    """Cases that a person is handling."""
    held = select(func.count()).where(AlarmCase.assignee_id == user_id, AlarmCase.stage == DOING, *within(scope))
    with read(engine) as connection:
        return connection.execute(held).scalar_one()


def held_by(engine: Engine, scope: Scope, user_id: int) -> list[tuple[int, int]]:
    """Cases (id, version) that a person holds."""
    statement = (
        select(AlarmCase.id, AlarmCase.version)
        .where(AlarmCase.assignee_id == user_id, AlarmCase.stage.in_((TODO, DOING)), *within(scope))
        .order_by(AlarmCase.id)
        .limit(1_000)
    )
    with read(engine) as connection:
        return [(row.id, row.version) for row in connection.execute(statement)]
