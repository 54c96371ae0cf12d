"""The funnel 漏斗 (reference supervision §7.1): what became of the alarms of a day, and the rows behind it.

Every function blocks and takes a scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, exists, func, select

from luwei.alarms.names import name
from luwei.cases.reading import CaseRow, views
from luwei.cases.scope import FAULTS, within
from luwei.oversight.order_views import Numbered
from luwei.registry import ownership
from luwei.registry.binding import OPERATOR, Binding
from luwei.registry.case import STAGES, AlarmCase, CaseAlarm, PreWarning
from luwei.registry.case_work import CaseDay
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.page import Page, check_page
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle import Vehicle

DAYS_MOST = 366
EXPORT_MOST = 100_000
COUNTS = ("raw", "warnings", "alarms", "g1", "g2", "g3")
BY = {"both": ("day", "operator_id"), "day": ("day",), "operator": ("operator_id",)}
"""What one row stands for."""
DAY_MS, CHINA_MS = 86_400_000, 8 * 3_600_000


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """What became of the alarms of a day or an operator; ``day`` since 1970 in China, null in a sum of days.
    ``operator`` null: of none, a sum of operators, or who asks sees counts only."""

    day: int | None
    operator: Named | None
    raw: int
    warnings: int
    alarms: int
    g1: int
    g2: int
    g3: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """``total`` rows; ``sum`` of all of them."""

    total: int
    sum: FunnelRow
    items: list[FunnelRow]


@dataclass(frozen=True, slots=True)
class WarningView:
    """A pre-warning 预警: ``count`` alarms of a truck and type that followed each other; ``id`` 0: one that the
    registry has no longer, told by the history."""

    id: int
    vehicle_id: int
    plate: str
    plate_color: int
    type: str
    type_zh: str
    type_en: str
    first_at: int
    last_at: int
    count: int
    level: int
    grade: int
    case: Numbered | None


def funnel(
    engine: Engine, scope: Scope, first: int, last: int, operator: int | None, by: str = "both", number: int = 1,
    size: int = 500, area: Scope = WHOLE,
) -> Funnel:  # fmt: skip
    """Raw alarms, pre-warnings, alarms and cases, newest day first, then the operator with the most alarms; without
    operators for who sees counts only. ``operator`` 0: of none; ``area`` narrows to a part of the scope. Raises
    RegistryError."""
    offset, limit = check_page(number, size)
    return _read(engine, scope, first, last, operator, by, offset, limit, area)


def every(
    engine: Engine, scope: Scope, first: int, last: int, operator: int | None, by: str, area: Scope
) -> list[FunnelRow]:  # fmt: skip
    """All rows of the same, at most EXPORT_MOST."""
    return _read(engine, scope, first, last, operator, by, 0, EXPORT_MOST, area).items


def _read(
    engine: Engine, scope: Scope, first: int, last: int, operator: int | None, by: str, offset: int, limit: int,
    area: Scope,
) -> Funnel:  # fmt: skip
    if by not in BY:
        raise RegistryError("by", f"must be one of {', '.join(BY)}", by)
    if not first <= last < first + DAYS_MOST:
        raise RegistryError("to_day", f"must not be before from_day, nor {DAYS_MOST} days after it", last)
    conditions = [CaseDay.day >= first, CaseDay.day <= last, *_of_days(scope), *_of_days(area)]
    if operator is not None and not scope.aggregate:
        conditions.append(CaseDay.operator_id == operator)
    names = [each for each in BY[by] if not (scope.aggregate and each == "operator_id")]
    keys = [getattr(CaseDay, each) for each in names]
    sums = [func.coalesce(func.sum(getattr(CaseDay, each)), 0).label(each) for each in COUNTS]
    order = [key.desc() if key.key == "day" else sums[0].desc() for key in keys] or [sums[0].desc()]
    grouped = select(*keys, *sums).where(*conditions).group_by(*keys)
    ordered = grouped.order_by(*order, *keys).offset(offset).limit(limit)
    with read(engine) as connection:
        whole = connection.execute(select(*sums).where(*conditions)).one()
        total = connection.execute(select(func.count()).select_from(grouped.subquery())).scalar_one()
        rows = [row._mapping for row in connection.execute(ordered)] if total else []
        bodies = organisations_named(connection, [row.get("operator_id") for row in rows])
    items = [_row(row.get("day"), bodies.get(row.get("operator_id")), row) for row in rows]
    return Funnel(total if keys else min(total, 1), _row(None, None, whole._mapping), items)


def _row(day: int | None, operator: Named | None, counts: Mapping[Any, Any]) -> FunnelRow:
    return FunnelRow(day, operator, *(int(counts[each]) for each in COUNTS))


def check_counted(scope: Scope) -> None:
    """Raises RegistryError for who may see single trucks or kinds of fault only."""
    if scope.vehicles is not None or scope.drivers is not None or scope.narrow == FAULTS:
        raise RegistryError("scope", "a day's counts know no single trucks and no single kinds of fault")


def _of_days(scope: Scope) -> list[ColumnElement[bool]]:
    limits: Sequence[tuple[Any, Any]] = (
        (CaseDay.city, scope.cities), (CaseDay.county, scope.counties), (CaseDay.operator_id, scope.operators),
        (CaseDay.monitor_id, scope.monitors), (CaseDay.insurer_id, scope.insurers), (CaseDay.vendor_id, scope.vendors),
    )  # fmt: skip
    check_counted(scope)
    return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]


def _within_day(day: int, column: Any) -> list[ColumnElement[bool]]:
    start = day * DAY_MS - CHINA_MS
    return [column >= start, column < start + DAY_MS]


def warnings_behind(
    engine: Engine, scope: Scope, day: int, operator: int, graded: bool, number: int, size: int,
    area: Scope = WHOLE,
) -> Page[WarningView]:  # fmt: skip
    """The pre-warnings that a number of the funnel counts (``graded``: those that became alarms), by the truck's owner
    when they began. What became no case is kept for days only (``luwei.cases.intake.KEEP_MS``). Raises
    RegistryError."""
    check_counted(scope)
    offset, limit = check_page(number, size)
    owner: list[ColumnElement[bool]]
    if operator:
        owner = ownership.held(Scope(operators=frozenset({operator})), PreWarning.vehicle_id, PreWarning.first_at)
    else:
        mine = (Binding.what == OPERATOR, Binding.subject_id == PreWarning.vehicle_id)
        ended = Binding.to_at.is_(None) | (Binding.to_at > PreWarning.first_at)
        owner = [~exists().where(*mine, Binding.counts_from <= PreWarning.first_at, ended)]
    conditions = [
        *_within_day(day, PreWarning.first_at), PreWarning.last_at >= day * DAY_MS - CHINA_MS, *owner,
        *ownership.held(scope, PreWarning.vehicle_id, PreWarning.first_at),
        *ownership.held(area, PreWarning.vehicle_id, PreWarning.first_at),
        *([PreWarning.grade > 0] if graded else []),
    ]  # fmt: skip
    statement = (
        select(*PreWarning.__table__.columns, Vehicle.plate, Vehicle.plate_color, AlarmCase.number)
        .outerjoin(Vehicle, Vehicle.id == PreWarning.vehicle_id)
        .outerjoin(AlarmCase, AlarmCase.id == PreWarning.case_id)
        .where(*conditions)
        .order_by(PreWarning.first_at.desc(), PreWarning.id.desc())
    )
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(PreWarning).where(*conditions)).scalar_one()
        rows = connection.execute(statement.offset(offset).limit(limit)).all()
        keys = [row.id for row in rows]
        spoken = select(CaseAlarm.warning_id, func.max(CaseAlarm.dialect)).where(CaseAlarm.warning_id.in_(keys))
        dialects = {row[0]: row[1] for row in connection.execute(spoken.group_by(CaseAlarm.warning_id))}
    return Page(total, [_warning(row, dialects.get(row.id, "")) for row in rows])


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry still has of a pre-warning: one that became a case."""

    id: int
    grade: int
    opened: Numbered


def known_of(engine: Engine, runs: Sequence[tuple[int, str, int, int]], window_ms: int) -> list[Known | None]:
    """For each run of alarms (vehicle, type, first and last alarm in UTC ms) the pre-warning of a case that it is."""
    if not runs:
        return []
    columns = (PreWarning.id, PreWarning.vehicle_id, PreWarning.type, PreWarning.first_at, PreWarning.last_at,
               PreWarning.grade, PreWarning.case_id, AlarmCase.number)  # fmt: skip
    statement = (
        select(*columns)
        .join(AlarmCase, AlarmCase.id == PreWarning.case_id)
        .where(
            PreWarning.vehicle_id.in_({run[0] for run in runs}),
            PreWarning.first_at <= max(run[3] for run in runs) + window_ms,
            PreWarning.last_at >= min(run[2] for run in runs) - window_ms,
        )
    )
    found: dict[tuple[int, str], list[Any]] = {}
    with read(engine) as connection:
        for row in connection.execute(statement):
            found.setdefault((row.vehicle_id, row.type), []).append(row)

    def one(vehicle: int, kind: str, first: int, last: int) -> Known | None:
        for row in found.get((vehicle, kind), ()):
            if row.first_at <= last + window_ms and row.last_at >= first - window_ms:
                return Known(row.id, row.grade, Numbered(row.case_id, row.number))
        return None

    return [one(*run) for run in runs]


def _warning(row: Any, dialect: str) -> WarningView:
    words = name(row.type, dialect)
    opened = None if row.case_id is None else Numbered(row.case_id, row.number or "")
    return WarningView(
        row.id, row.vehicle_id, row.plate or "", row.plate_color or 0, row.type, words.zh, words.en, row.first_at,
        row.last_at, row.count, row.level, row.grade, opened,
    )  # fmt: skip


def cases_behind(
    engine: Engine, scope: Scope, day: int, operator: int, grade: int, number: int, size: int, area: Scope = WHOLE
) -> Page[CaseRow]:  # fmt: skip
    """The cases that a number of the funnel counts: of alarms of that day, by the grade they were opened with."""
    _of_days(scope)
    offset, limit = check_page(number, size)
    conditions = [
        # all stages, named so that the index by stage and operator is used
        AlarmCase.stage.in_(range(len(STAGES))),
        AlarmCase.operator_id == operator if operator else AlarmCase.operator_id.is_(None),
        *_within_day(day, AlarmCase.started_at), AlarmCase.first_grade == grade, *within(scope),
        *within(area),
    ]  # fmt: skip
    statement = select(*AlarmCase.__table__.columns).where(*conditions).order_by(AlarmCase.id.desc())
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(AlarmCase).where(*conditions)).scalar_one()
        found = connection.execute(statement.offset(offset).limit(limit))
        return Page(total, views(connection, [dict(row._mapping) for row in found]))
