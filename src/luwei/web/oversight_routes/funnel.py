"""The funnel 漏斗 over HTTP: by day and operator, as CSV, and the pre-warnings and cases behind its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.cases.intake import KEEP_MS
from luwei.cases.reading import CaseRow
from luwei.live.feed import now_ms
from luwei.oversight import funnel
from luwei.oversight.funnel import FunnelRow, WarningView
from luwei.registry.scope import Scope
from luwei.web.commands import csv_line
from luwei.web.door import Door
from luwei.web.oversight_routes import past_warnings
from luwei.web.oversight_routes.allowed import AREA, Code, Day
from luwei.web.oversight_routes.statistics import csv_file, named
from luwei.web.services import Services

EPOCH = date(1970, 1, 1)
By = Annotated[str, QueryParameter(max_length=10)]
Operator = Annotated[int, QueryParameter(ge=0, le=2**31 - 1)]
Grade = Annotated[int, QueryParameter(ge=1, le=3)]


class Funnel(msgspec.Struct):
    """``total`` rows, ``sum`` of all of them."""

    as_of: int
    total: int
    sum: FunnelRow
    items: list[FunnelRow]


class Warnings(msgspec.Struct):
    """``kept_from``: of pre-warnings before it the registry keeps those of cases only; ``from_history``: these are
    made anew of the day's alarms, by the window of the policy of that day."""

    as_of: int
    kept_from: int
    from_history: bool
    total: int
    items: list[WarningView]


class Cases(msgspec.Struct):
    as_of: int
    total: int
    items: list[CaseRow]


@get("/api/oversight/funnel", tags=["oversight"], dependencies=AREA)
async def funnel_rows(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    from_day: Day,
    to_day: Day,
    operator: Code = None,
    by: By = "both",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 500,
) -> Funnel:
    """Raw alarms, pre-warnings, alarms and cases by day (since 1970 in China), by operator or by both; without
    operators for who sees counts only."""
    scope = door.allow("read", "case", aggregates=True)
    arguments = (services.engine, scope, from_day, to_day, operator, by, page, size, area)
    found = await asyncio.to_thread(funnel.funnel, *arguments)
    return Funnel(now_ms(), found.total, found.sum, found.items)


@get("/api/oversight/funnel.csv", tags=["oversight"], dependencies=AREA)
async def funnel_csv(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    from_day: Day,
    to_day: Day,
    operator: Code = None,
    by: By = "both",
) -> Response[Any]:
    """The same as CSV."""
    scope = door.allow("export", "case", aggregates=True)
    found = await asyncio.to_thread(funnel.every, services.engine, scope, from_day, to_day, operator, by, area)
    await door.note("case.export_funnel", None, {"from": from_day, "to": to_day}, scope=scope)

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(["日期", "企业", "原始报警", "预警", "报警", "处置单G1", "处置单G2", "处置单G3"])
        for row in found:
            day = "" if row.day is None else (EPOCH + timedelta(days=row.day)).isoformat()
            yield csv_line([day, named(row.operator), row.raw, row.warnings, row.alarms, row.g1, row.g2, row.g3])

    return csv_file("funnel", lines())


@get("/api/oversight/funnel/warnings", tags=["oversight"], dependencies=AREA)
async def funnel_warnings(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    day: Day,
    operator: Operator,
    graded: FromQuery[bool] = False,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Warnings:
    """Pre-warnings of an operator (0: of none) and day; ``graded``: those that became alarms. Of days that the
    registry has forgotten they are those that the history's alarms make; without an operator, those of cases only."""
    scope = door.allow("read", "case")
    kept_from = now_ms() - KEEP_MS
    # what was graded became a case, and cases stay
    past = bool(operator) and not graded and past_warnings.start_of(day) < kept_from
    if past:
        found = await past_warnings.page(services, scope, area, day, operator, page, size)
    else:
        arguments = (services.engine, scope, day, operator, graded, page, size, area)
        found = await asyncio.to_thread(funnel.warnings_behind, *arguments)
    await door.looked("case.list", None, {"funnel_day": day, "operator": operator, "graded": graded}, scope)
    return Warnings(now_ms(), kept_from, past, found.total, found.items)


@get("/api/oversight/funnel/cases", tags=["oversight"], dependencies=AREA)
async def funnel_cases(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    day: Day,
    operator: Operator,
    grade: Grade,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Cases:
    """Cases of an operator (0: of none) and day, by the grade they were opened with."""
    scope = door.allow("read", "case")
    arguments = (services.engine, scope, day, operator, grade, page, size, area)
    found = await asyncio.to_thread(funnel.cases_behind, *arguments)
    await door.looked("case.list", None, {"funnel_day": day, "operator": operator, "grade": grade}, scope)
    return Cases(now_ms(), found.total, found.items)


route_handlers: list[ControllerRouterHandler] = [funnel_rows, funnel_csv, funnel_warnings, funnel_cases]
