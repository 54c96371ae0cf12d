"""Numbers of the handling over HTTP: verdicts and evidence; each also as CSV and with the rows behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.cases.reading import CaseRow
from luwei.live.feed import now_ms
from luwei.oversight import completeness, statistics
from luwei.oversight.choice import DAY, NIGHT, Chosen
from luwei.oversight.completeness import AlarmFiles, EvidenceRow
from luwei.oversight.statistics import VerdictRow
from luwei.registry.named import Named
from luwei.web.commands import csv_line, in_pieces
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import Code, provide_area
from luwei.web.services import Services

MONTH_MS = 30 * 86_400_000
Text = Annotated[str | None, QueryParameter(max_length=60)]


class Verdicts(msgspec.Struct):
    as_of: int
    items: list[VerdictRow]


class Behind(msgspec.Struct):
    as_of: int
    total: int
    items: list[CaseRow]


class Evidence(msgspec.Struct):
    as_of: int
    items: list[EvidenceRow]


class AlarmsBehind(msgspec.Struct):
    as_of: int
    total: int
    items: list[AlarmFiles]


def provide_period(
    start: Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)] = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
    kind: Annotated[str, QueryParameter(name="type", max_length=10)] = "",
    model: Text = None,
    firmware: Text = None,
    vendor: Code = None,
    dialect: Text = None,
    city: Code = None,
    county: Code = None,
    light: Annotated[str, QueryParameter(max_length=10)] = "",
) -> Chosen:
    """Litestar dependency ``period``: the last 30 days unless a period is named."""
    until = now_ms() if end is None else end
    begun, area = until - MONTH_MS if start is None else start, provide_area(city, county)
    return Chosen(begun, until, kind, model, firmware, vendor, dialect, area, light)


PERIOD = {"period": Provide(provide_period, sync_to_thread=False)}


def csv_file(name: str, lines: Iterator[str]) -> Response[Any]:
    """Lines as a file to be kept."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


def named(body: Named | None) -> str:
    """An organisation in a file."""
    return body.name if body is not None else ""


_LIGHTS = {"": "全天", DAY: "白天", NIGHT: "夜间"}


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


@get("/api/oversight/verdicts", tags=["oversight"], dependencies=PERIOD)
async def verdicts(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    period: NamedDependency[Chosen],
    by_light: FromQuery[bool] = False,
) -> Verdicts:
    """Verdicts by vendor, model, firmware and type, with the share of false alarms and its Wilson 95 % interval.
    ``light``: only alarms by day (06 to 18 h) or by night; ``by_light``: both, in rows of their own."""
    scope = door.allow("read", "case")
    found = await asyncio.to_thread(statistics.verdicts, services.engine, scope, period, by_light)
    return Verdicts(now_ms(), found)


@get("/api/oversight/verdicts/cases", tags=["oversight"], dependencies=PERIOD)
async def verdict_cases(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    period: NamedDependency[Chosen],
    verdict: FromQuery[str] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Behind:
    """The cases that a number of the table counts, the newest first."""
    scope = door.allow("read", "case")
    arguments = (services.engine, scope, period, verdict, page, size)
    found = await asyncio.to_thread(statistics.cases_behind, *arguments)
    await door.looked("case.list", None, {"verdict": verdict, "type": period.type, "model": period.model}, scope)
    return Behind(now_ms(), found.total, found.items)


@get("/api/oversight/verdicts.csv", tags=["oversight"], dependencies=PERIOD)
async def verdicts_csv(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    period: NamedDependency[Chosen],
    by_light: FromQuery[bool] = False,
) -> Response[Any]:
    """The table as CSV."""
    scope = door.allow("export", "case")
    found = await asyncio.to_thread(statistics.verdicts, services.engine, scope, period, by_light)
    await door.note("case.export_verdicts", None, {"from": period.start, "to": period.end}, scope=scope)
    head = ["厂商", "型号", "固件", "类型", "名称", "时段", "属实", "误报", "无法判定", "误报率%", "下限%", "上限%"]

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(head)
        for row in found:
            shares = [_percent(each) for each in (row.rate, row.low, row.high)]
            yield csv_line(
                [named(row.vendor), row.model, row.firmware, row.type, row.type_zh, _LIGHTS[row.light], row.true,
                 row.false, row.undecided, *shares]
            )  # fmt: skip

    return csv_file("verdicts", lines())


@get("/api/oversight/evidence", tags=["oversight"], dependencies=PERIOD)
async def evidence(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Evidence:
    """Completeness of evidence by vendor, model and firmware, the worst first."""
    scope = door.allow("read", "case")
    return Evidence(now_ms(), await asyncio.to_thread(completeness.evidence, services.engine, scope, period))


@get("/api/oversight/evidence/alarms", tags=["oversight"], dependencies=PERIOD)
async def evidence_alarms(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    period: NamedDependency[Chosen],
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=10)] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> AlarmsBehind:
    """The alarms that a number of the table counts files of, each with its case, the newest first."""
    scope = door.allow("read", "case")
    arguments = (services.engine, scope, period, chosen_state, page, size)
    found = await asyncio.to_thread(completeness.alarms_behind, *arguments)
    await door.looked("case.list", None, {"evidence": chosen_state, "model": period.model}, scope)
    return AlarmsBehind(now_ms(), found.total, found.items)


@get("/api/oversight/evidence.csv", tags=["oversight"], dependencies=PERIOD)
async def evidence_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], period: NamedDependency[Chosen]
) -> Response[Any]:
    """The same as CSV."""
    scope = door.allow("export", "case")
    found = await asyncio.to_thread(completeness.evidence, services.engine, scope, period)
    await door.note("case.export_evidence", None, {"from": period.start, "to": period.end}, scope=scope)

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(
            ["厂商", "型号", "固件", "报警数", "附件齐全的报警", "附件完整率%", "应有文件", "完整", "迟到", "丢失",
             "等待", "不可读", "文件完整率%"]
        )  # fmt: skip
        for row in found:
            alarms = (row.alarms, row.whole, _percent(row.alarm_rate))
            counts = (row.announced, row.complete, row.late, row.lost, row.waiting, row.unreadable)
            yield csv_line([named(row.vendor), row.model, row.firmware, *alarms, *counts, _percent(row.rate)])

    return csv_file("evidence", lines())


route_handlers: list[ControllerRouterHandler] = [
    verdicts, verdict_cases, verdicts_csv, evidence, evidence_alarms, evidence_csv,
]  # fmt: skip
