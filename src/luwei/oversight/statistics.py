"""Verdicts by model, firmware and type with their Wilson intervals (reference supervision §4 误报率).

Each number has its cases: the same filter gives their list. Every function blocks and takes a scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, case, func, literal, select

from luwei.alarms.names import name
from luwei.cases.reading import CaseRow, views
from luwei.cases.scope import within
from luwei.oversight.choice import LIGHT, Chosen
from luwei.oversight.interval import wilson
from luwei.registry.case import AlarmCase
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.oversight import AppealEffect, CaseDevice, in_force
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope

VERDICTS = ("true", "false", "undecided")
ROWS_MOST = 5_000
EFFECTIVE: ColumnElement[str] = func.coalesce(AppealEffect.after, AlarmCase.verdict)
"""The verdict that counts: what an upheld appeal made of it (``in_force``), else as it was given."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """Judged cases of a model, firmware and type, ``light``: of alarms by day or by night (``choice.LIGHTS``), empty
    where they were not told apart. ``rate`` 误报率 is false of (true and false), in percent with its
    Wilson 95 % bounds; undecided ones do not count and are shown. Null where none was judged true or false."""

    vendor: Named | None
    model: str
    firmware: str
    type: str
    type_zh: str
    type_en: str
    dialect: str
    light: str
    true: int
    false: int
    undecided: int
    rate: float | None
    low: float | None
    high: float | None


def verdicts(engine: Engine, scope: Scope, chosen: Chosen, by_light: bool = False) -> list[VerdictRow]:
    """The table, the most judged first; ``by_light``: alarms by day and by night stand in rows of their own."""
    light: ColumnElement[str] = LIGHT.label("light") if by_light else literal(chosen.light).label("light")
    device = (CaseDevice.vendor_id, CaseDevice.model, CaseDevice.firmware, AlarmCase.type, AlarmCase.dialect)
    keys = (*device, light)
    counts = [func.sum(case((EFFECTIVE.in_((each,)), 1), else_=0)) for each in VERDICTS]
    statement = (
        select(*keys, *counts)
        .select_from(AlarmCase)
        .join(CaseDevice, CaseDevice.case_id == AlarmCase.id)
        .outerjoin(AppealEffect, in_force())
        .where(*chosen.conditions(), AlarmCase.handled_at.is_not(None), *within(scope))
        .group_by(*keys)
        .order_by(func.count().desc(), *keys)
        .limit(ROWS_MOST)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        vendors = organisations_named(connection, [row[0] for row in rows])
    found = []
    for vendor, model, firmware, kind, dialect, lit, *numbers in rows:
        true, false, undecided = (int(each) for each in numbers)
        rate = low = high = None
        if true + false:
            low, high = (round(100 * bound, 2) for bound in wilson(false, true + false))
            rate = round(100 * false / (true + false), 2)
        words = name(kind, dialect)
        found.append(
            VerdictRow(
                vendors.get(vendor), model, firmware, kind, words.zh, words.en, dialect, lit, true, false, undecided,
                rate, low, high,
            )
        )  # fmt: skip
    return found


def cases_behind(
    engine: Engine, scope: Scope, chosen: Chosen, verdict: str, number: int, size: int
) -> Page[CaseRow]:  # fmt: skip
    """The cases that a number of the table counts, the newest first. Raises RegistryError."""
    if verdict and verdict not in VERDICTS:
        raise RegistryError("verdict", f"must be one of {', '.join(VERDICTS)}", verdict)
    offset, limit = check_page(number, size)
    conditions = [*chosen.conditions(), AlarmCase.handled_at.is_not(None), *within(scope)]
    if verdict:
        conditions.append(EFFECTIVE.in_((verdict,)))

    def of(*columns: Any) -> Select[Any]:
        return (
            select(*columns)
            .select_from(AlarmCase)
            .join(CaseDevice, CaseDevice.case_id == AlarmCase.id)
            .outerjoin(AppealEffect, in_force())
            .where(*conditions)
        )

    rows = of(*AlarmCase.__table__.columns).order_by(AlarmCase.id.desc()).offset(offset).limit(limit)
    with read(engine) as connection:
        total = connection.execute(of(func.count())).scalar_one()
        return Page(total, views(connection, [dict(row._mapping) for row in connection.execute(rows)]))
