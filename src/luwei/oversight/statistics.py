"""Numbers of the handling: verdicts by model, firmware and type; the funnel; evidence by vendor (supervision §4, §7.1).

Each number has its cases: the same filter gives their list. Every function blocks and takes a scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, func, select

from luwei.alarms.names import name
from luwei.cases.reading import CaseRow, views
from luwei.cases.scope import FAULTS, within
from luwei.oversight.interval import wilson
from luwei.registry.case import AlarmCase
from luwei.registry.case_work import CaseDay, CaseEvidence
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.evidence import COMPLETE, LATE, LOST, EvidenceFile
from luwei.registry.named import Named, organisations_named
from luwei.registry.oversight import AppealEffect, CaseDevice
from luwei.registry.scope import Scope

VERDICTS = ("true", "false", "undecided")
ROWS_MOST = 5_000
CASES_MOST = 200
DAYS_MOST = 366
SPAN_MOST_MS = 366 * 86_400_000
EFFECTIVE: ColumnElement[str] = func.coalesce(AppealEffect.after, AlarmCase.verdict)
"""The verdict that counts: what an upheld appeal made of it, else as it was given."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """Judged cases of a model, firmware and type. ``rate`` 误报率 is false of (true and false), in percent with its
    Wilson 95 % bounds; undecided ones do not count and are shown. Null where none was judged true or false."""

    vendor: Named | None
    model: str
    firmware: str
    type: str
    type_zh: str
    type_en: str
    true: int
    false: int
    undecided: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """What became of a day's alarms of an operator; ``day`` since 1970 in China. ``operator`` null: of none, or who
    asks sees counts only."""

    day: int
    operator: Named | None
    raw: int
    warnings: int
    alarms: int
    g1: int
    g2: int
    g3: int


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Files of cases by device; ``announced``: all that were to come, ``rate`` 附件完整率: complete and readable of
    them, in percent."""

    vendor: Named | None
    model: str
    firmware: str
    announced: int
    complete: int
    late: int
    lost: int
    unreadable: int
    rate: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A period of openings (UTC ms) and what a person chose; empty and None are any."""

    start: int
    end: int
    type: str = ""
    model: str | None = None
    firmware: str | None = None
    vendor: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises RegistryError naming the field and its rule."""
        if not self.start < self.end <= self.start + SPAN_MOST_MS:
            raise RegistryError("to", "must be later than from, by at most 366 days", self.end)
        found: list[ColumnElement[bool]] = [AlarmCase.opened_at >= self.start, AlarmCase.opened_at < self.end]
        equal = (
            (AlarmCase.type, self.type or None), (CaseDevice.model, self.model), (CaseDevice.firmware, self.firmware),
            (CaseDevice.vendor_id, self.vendor),
        )  # fmt: skip
        return found + [column == value for column, value in equal if value is not None]


def verdicts(engine: Engine, scope: Scope, chosen: Chosen) -> list[VerdictRow]:
    """The table, the most judged first."""
    keys = (CaseDevice.vendor_id, CaseDevice.model, CaseDevice.firmware, AlarmCase.type, AlarmCase.dialect)
    counts = [func.sum(case((EFFECTIVE.in_((each,)), 1), else_=0)) for each in VERDICTS]
    statement = (
        select(*keys, *counts)
        .select_from(AlarmCase)
        .join(CaseDevice, CaseDevice.case_id == AlarmCase.id)
        .outerjoin(AppealEffect, AppealEffect.case_id == AlarmCase.id)
        .where(*chosen.conditions(), AlarmCase.handled_at.is_not(None), *within(scope))
        .group_by(*keys)
        .order_by(func.count().desc(), *keys)
        .limit(ROWS_MOST)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        vendors = organisations_named(connection, [row[0] for row in rows])
    found = []
    for vendor, model, firmware, kind, dialect, *numbers in rows:
        true, false, undecided = (int(each) for each in numbers)
        rate = low = high = None
        if true + false:
            low, high = (round(100 * bound, 2) for bound in wilson(false, true + false))
            rate = round(100 * false / (true + false), 2)
        words = name(kind, dialect)
        found.append(
            VerdictRow(
                vendors.get(vendor), model, firmware, kind, words.zh, words.en, true, false, undecided, rate, low, high
            )
        )
    return found


def cases_behind(engine: Engine, scope: Scope, chosen: Chosen, verdict: str) -> list[CaseRow]:
    """The cases that a number of the table counts, the newest first, at most CASES_MOST."""
    if verdict and verdict not in VERDICTS:
        raise RegistryError("verdict", f"must be one of {', '.join(VERDICTS)}", verdict)
    statement = (
        select(*AlarmCase.__table__.columns)
        .join(CaseDevice, CaseDevice.case_id == AlarmCase.id)
        .outerjoin(AppealEffect, AppealEffect.case_id == AlarmCase.id)
        .where(*chosen.conditions(), AlarmCase.handled_at.is_not(None), *within(scope))
        .order_by(AlarmCase.id.desc())
        .limit(CASES_MOST)
    )
    if verdict:
        statement = statement.where(EFFECTIVE.in_((verdict,)))
    with read(engine) as connection:
        return views(connection, [dict(row._mapping) for row in connection.execute(statement)])


def funnel(engine: Engine, scope: Scope, first: int, last: int, operator: int | None) -> list[FunnelRow]:
    """Raw alarms, pre-warnings, alarms and cases by day and operator, newest day first; without operators for who
    sees counts only. Raises RegistryError."""
    if not first <= last < first + DAYS_MOST:
        raise RegistryError("to_day", f"must not be before from_day, nor {DAYS_MOST} days after it", last)
    conditions = [CaseDay.day >= first, CaseDay.day <= last, *_of_days(scope)]
    if operator is not None and not scope.aggregate:
        conditions.append(CaseDay.operator_id == operator)
    keys = (CaseDay.day,) if scope.aggregate else (CaseDay.day, CaseDay.operator_id)
    sums = [func.sum(getattr(CaseDay, each)) for each in ("raw", "warnings", "alarms", "g1", "g2", "g3")]
    statement = select(*keys, *sums).where(*conditions).group_by(*keys).order_by(*(key.desc() for key in keys))
    with read(engine) as connection:
        rows = [tuple(row) for row in connection.execute(statement.limit(ROWS_MOST))]
        bodies = {} if scope.aggregate else organisations_named(connection, [row[1] for row in rows])
    width = len(keys)
    return [
        FunnelRow(row[0], bodies.get(row[1]) if width == 2 else None, *(int(each) for each in row[width:]))
        for row in rows
    ]


def _of_days(scope: Scope) -> list[ColumnElement[bool]]:
    limits: Sequence[tuple[Any, Any]] = (
        (CaseDay.city, scope.cities), (CaseDay.county, scope.counties), (CaseDay.operator_id, scope.operators),
        (CaseDay.monitor_id, scope.monitors), (CaseDay.insurer_id, scope.insurers), (CaseDay.vendor_id, scope.vendors),
    )  # fmt: skip
    if scope.vehicles is not None or scope.drivers is not None or scope.narrow == FAULTS:
        raise RegistryError("scope", "a day's counts know no single trucks and no single kinds of fault")
    return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]


def evidence(engine: Engine, scope: Scope, chosen: Chosen) -> list[EvidenceRow]:
    """Files that cases of the period were to have, by vendor, model and firmware, the worst first."""
    keys = (CaseDevice.vendor_id, CaseDevice.model, CaseDevice.firmware)
    unreadable = EvidenceFile.readable.is_(False)
    sums = [
        func.sum(case((condition, 1), else_=0))
        for condition in (
            EvidenceFile.state == COMPLETE, EvidenceFile.state == LATE, EvidenceFile.state == LOST, unreadable
        )
    ]  # fmt: skip
    statement = (
        select(*keys, func.count(), *sums)
        .select_from(EvidenceFile)
        .join(CaseEvidence, CaseEvidence.request_id == EvidenceFile.request_id)
        .join(AlarmCase, AlarmCase.id == CaseEvidence.case_id)
        .join(CaseDevice, CaseDevice.case_id == AlarmCase.id)
        .where(*chosen.conditions(), *within(scope))
        .group_by(*keys)
        .limit(ROWS_MOST)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        vendors = organisations_named(connection, [row[0] for row in rows])
    found = []
    for vendor, model, firmware, *numbers in rows:
        announced, complete, late, lost, broken = (int(each) for each in numbers)
        rate = round(100 * (complete - broken) / announced, 2)
        found.append(EvidenceRow(vendors.get(vendor), model, firmware, announced, complete, late, lost, broken, rate))
    return sorted(found, key=lambda each: each.rate)
