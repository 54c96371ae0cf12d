"""The queue of cases: lists, counts, export."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei import geo
from luwei.cases import reading
from luwei.cases.reading import CaseFilter, CaseRow, StageCount
from luwei.live.feed import now_ms
from luwei.registry.plate import COLORS
from luwei.web.case_routes.allowed import cases_of
from luwei.web.case_routes.words import CORRECTIONS, STATES, VERDICTS
from luwei.web.china_time import written
from luwei.web.commands import csv_line, in_pieces
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services

Code = Annotated[int | None, QueryParameter(ge=0, le=999_999_999)]
Time = Annotated[int | None, QueryParameter(ge=0, le=4_102_444_800_000)]

NO_SINGLE = "the role sees counts only, none of a single operator: many of them have one truck"


class CasePage(msgspec.Struct):
    """One page; ``next`` is the cursor of the following one. ``total_capped``: there are at least so many."""

    as_of: int
    total: int
    total_capped: bool
    items: list[CaseRow]
    next: str | None


class CaseSummary(msgspec.Struct):
    """What is open by stage and grade; ``mine`` is null for who sees counts only."""

    as_of: int
    stages: dict[str, StageCount]
    mine: int | None
    oldest_due_at: int | None


def provide_cases_chosen(
    stage: FromQuery[str] = "todo",
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    grade: Annotated[int | None, QueryParameter(ge=1, le=3)] = None,
    kind: Annotated[str, QueryParameter(name="type", max_length=400)] = "",
    city: Code = None,
    county: Code = None,
    operator: Code = None,
    vehicle: Code = None,
    q: Annotated[str, QueryParameter(max_length=40)] = "",
    assignee: Annotated[str, QueryParameter(max_length=10)] = "",
    overdue: FromQuery[bool | None] = None,
    fault: FromQuery[bool | None] = None,
    escalated: Annotated[int | None, QueryParameter(ge=0, le=4)] = None,
    start: Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)] = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
) -> CaseFilter:
    """Litestar dependency ``cases_chosen``: what a person chose of the queue."""
    return CaseFilter(
        stage, chosen_state, grade, kind, city, county, operator, vehicle, q, assignee, overdue, fault, escalated,
        start, end,
    )  # fmt: skip


CHOSEN = {"cases_chosen": Provide(provide_cases_chosen, sync_to_thread=False)}


@get("/api/cases", tags=["cases"], dependencies=CHOSEN)
async def case_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    cases_chosen: NamedDependency[CaseFilter],
    size: FromQuery[int] = 50,
    after: Annotated[str, QueryParameter(max_length=80)] = "",
) -> CasePage:
    """Cases of one stage, least time left first; closed ones, newest first. ``assignee`` is me, none or an id."""
    scope = door.allow("read", "case")
    chosen = replace(cases_chosen, me=door.user_id)
    found = await asyncio.to_thread(reading.page, services.engine, scope, chosen, size, after)
    await door.looked("case.list", chosen.vehicle, chosen.told(), scope)
    return CasePage(now_ms(), found.total, found.total_capped, found.items, found.next)


@get("/api/cases/summary", tags=["cases"])
async def case_summary(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    city: Code = None,
    county: Code = None,
    operator: Code = None,
) -> CaseSummary:
    """Open cases by stage and grade, also for who sees counts only."""
    scope = door.allow("read", "case", aggregates=True)
    if operator is not None and scope.aggregate:
        raise Refused(403, "case", "aggregates_only", NO_SINGLE)
    chosen = CaseFilter(city=city, county=county, operator=operator, me=door.user_id)
    found = await cases_of(services).counts.of(scope, chosen)
    return CaseSummary(now_ms(), found.stages, None if scope.aggregate else found.mine, found.oldest_due_at)


@get("/api/cases.csv", tags=["cases"], dependencies=CHOSEN)
async def case_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], cases_chosen: NamedDependency[CaseFilter]
) -> Response[Any]:
    """The rows of a list as CSV, at most 100,000."""
    scope = door.allow("export", "case")
    chosen = replace(cases_chosen, me=door.user_id)
    await asyncio.to_thread(chosen.conditions, services.engine, scope)
    await door.note("case.export", None, chosen.told(), vehicle_id=chosen.vehicle, scope=scope)
    lines = _lines(reading.exported(services.engine, scope, chosen))
    headers = {"Content-Disposition": 'attachment; filename="cases.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


_HEAD = (
    "编号", "等级", "状态", "类型", "车牌", "车牌颜色", "企业", "监控机构", "地市", "区县",
    "首次报警", "最近报警", "报警次数", "预警次数", "设备级别",
    "首次处置时限", "首次处置", "结案时限", "结案", "附件", "已收", "判定", "纠正结果", "办理人",
)  # fmt: skip


def _lines(items: Iterator[CaseRow]) -> Iterator[str]:
    yield "\ufeff" + csv_line(list(_HEAD))
    cities = {city.adcode: city.name for city in geo.areas()}
    counties = {county.adcode: county.name for city in geo.areas() for county in city.counties}
    for row in items:
        times = [row.first_action_due_at, row.first_action_at, row.close_due_at, row.closed_at]
        yield csv_line(
            [
                row.number, f"G{row.grade}", STATES[row.state][0], row.type_zh, row.plate,
                COLORS.get(row.plate_color, row.plate_color),
                row.operator.name if row.operator else "", row.monitor.name if row.monitor else "",
                cities.get(row.city or 0, ""), counties.get(row.county or 0, ""), written(row.started_at),
                written(row.last_at), row.count, row.warnings, row.level,
                *("" if at is None else written(at) for at in times),
                row.evidence.files, row.evidence.complete, VERDICTS[row.verdict][0] if row.verdict else "",
                CORRECTIONS[row.correction][0] if row.correction else "",
                row.handler.name if row.handler else "",
            ]
        )  # fmt: skip


route_handlers: list[ControllerRouterHandler] = [case_list, case_summary, case_csv]
