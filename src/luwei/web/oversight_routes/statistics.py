"""Numbers of the handling over HTTP: verdicts, funnel, evidence; each also as CSV, verdicts with the cases behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.cases.reading import CaseRow
from luwei.live.feed import now_ms
from luwei.oversight import statistics
from luwei.oversight.statistics import Chosen, EvidenceRow, FunnelRow, VerdictRow
from luwei.registry.named import Named
from luwei.web.commands import csv_line, in_pieces
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import Code, Day
from luwei.web.services import Services

MONTH_MS = 30 * 86_400_000
EPOCH = date(1970, 1, 1)
Text = Annotated[str | None, QueryParameter(max_length=60)]


class Verdicts(msgspec.Struct):
    as_of: int
    items: list[VerdictRow]


class Behind(msgspec.Struct):
    as_of: int
    items: list[CaseRow]


class Funnel(msgspec.Struct):
    as_of: int
    items: list[FunnelRow]


class Evidence(msgspec.Struct):
    as_of: int
    items: list[EvidenceRow]


def provide_period(
    start: Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)] = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
    kind: Annotated[str, QueryParameter(name="type", max_length=10)] = "",
    model: Text = None,
    firmware: Text = None,
    vendor: Code = None,
) -> Chosen:
    """Litestar dependency ``period``: the last 30 days unless a period is named."""
    until = now_ms() if end is None else end
    return Chosen(until - MONTH_MS if start is None else start, until, kind, model, firmware, vendor)


PERIOD = {"period": Provide(provide_period, sync_to_thread=False)}


def _csv(name: str, lines: Iterator[str]) -> Response[Any]:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


def _named(body: Named | None) -> str:
    return body.name if body is not None else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


@get("/api/oversight/verdicts", tags=["oversight"], dependencies=PERIOD)
async def verdicts(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Verdicts:
    """Verdicts by vendor, model, firmware and type, with the share of false alarms and its Wilson 95 % interval."""
    scope = door.allow("read", "case")
    return Verdicts(now_ms(), await asyncio.to_thread(statistics.verdicts, services.engine, scope, period))


@get("/api/oversight/verdicts/cases", tags=["oversight"], dependencies=PERIOD)
async def verdict_cases(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    period: NamedDependency[Chosen],
    verdict: FromQuery[str] = "",
) -> Behind:
    """The cases that a number of the table counts, the newest 200."""
    scope = door.allow("read", "case")
    found = await asyncio.to_thread(statistics.cases_behind, services.engine, scope, period, verdict)
    await door.looked("case.list", None, {"verdict": verdict, "type": period.type, "model": period.model}, scope)
    return Behind(now_ms(), found)


@get("/api/oversight/verdicts.csv", tags=["oversight"], dependencies=PERIOD)
async def verdicts_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Response[Any]:
    """The table as CSV."""
    scope = door.allow("export", "case")
    found = await asyncio.to_thread(statistics.verdicts, services.engine, scope, period)
    await door.note("case.export_verdicts", None, {"from": period.start, "to": period.end}, scope=scope)
    head = ["厂商", "型号", "固件", "类型", "名称", "属实", "误报", "无法判定", "误报率%", "下限%", "上限%"]

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(head)
        for row in found:
            shares = [_percent(each) for each in (row.rate, row.low, row.high)]
            yield csv_line(
                [_named(row.vendor), row.model, row.firmware, row.type, row.type_zh, row.true, row.false,
                 row.undecided, *shares]
            )  # fmt: skip

    return _csv("verdicts", lines())


@get("/api/oversight/funnel", tags=["oversight"])
async def funnel(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    from_day: Day,
    to_day: Day,
    operator: Code = None,
) -> Funnel:
    """Raw alarms, pre-warnings, alarms and cases by day (since 1970 in China) and operator; without operators for who
    sees counts only."""
    scope = door.allow("read", "case", aggregates=True)
    found = await asyncio.to_thread(statistics.funnel, services.engine, scope, from_day, to_day, operator)
    return Funnel(now_ms(), found)


@get("/api/oversight/funnel.csv", tags=["oversight"])
async def funnel_csv(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    from_day: Day,
    to_day: Day,
    operator: Code = None,
) -> Response[Any]:
    """The same as CSV."""
    scope = door.allow("export", "case", aggregates=True)
    found = await asyncio.to_thread(statistics.funnel, services.engine, scope, from_day, to_day, operator)
    await door.note("case.export_funnel", None, {"from": from_day, "to": to_day}, scope=scope)

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(["日期", "企业", "原始报警", "预警", "报警", "处置单G1", "处置单G2", "处置单G3"])
        for row in found:
            day = (EPOCH + timedelta(days=row.day)).isoformat()
            yield csv_line([day, _named(row.operator), row.raw, row.warnings, row.alarms, row.g1, row.g2, row.g3])

    return _csv("funnel", lines())


@get("/api/oversight/evidence", tags=["oversight"], dependencies=PERIOD)
async def evidence(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Evidence:
    """Completeness of evidence by vendor, model and firmware, the worst first."""
    scope = door.allow("read", "case")
    return Evidence(now_ms(), await asyncio.to_thread(statistics.evidence, services.engine, scope, period))


@get("/api/oversight/evidence.csv", tags=["oversight"], dependencies=PERIOD)
async def evidence_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Response[Any]:
    """The same as CSV."""
    scope = door.allow("export", "case")
    found = await asyncio.to_thread(statistics.evidence, services.engine, scope, period)
    await door.note("case.export_evidence", None, {"from": period.start, "to": period.end}, scope=scope)

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(["厂商", "型号", "固件", "应有", "完整", "迟到", "丢失", "不可读", "完整率%"])
        for row in found:
            counts = (row.announced, row.complete, row.late, row.lost, row.unreadable)
            yield csv_line([_named(row.vendor), row.model, row.firmware, *counts, _percent(row.rate)])

    return _csv("evidence", lines())


route_handlers: list[ControllerRouterHandler] = [
    verdicts, verdict_cases, verdicts_csv, funnel, funnel_csv, evidence, evidence_csv,
]  # fmt: skip
