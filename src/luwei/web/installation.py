"""Installation 安装推进 over HTTP: counts by city, insurer and vendor, and the trucks behind each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.profiles.reasons import reason_of
from luwei.programme import progress
from luwei.programme.progress import BOUND, HEARD, Chosen, Progress, Row
from luwei.protocol.jt808.items import alarm_names
from luwei.registry import jurisdiction, masking
from luwei.registry.scope import Scope
from luwei.registry.vehicle import VEHICLE_CLASSES
from luwei.web.china_time import today, written
from luwei.web.commands import csv_line
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import AREA, Code
from luwei.web.oversight_routes.statistics import csv_file, named
from luwei.web.services import Services

POWER = 1 << 7 | 1 << 8
"""Main power too low, main power lost (JT/T 808-2019 table 25)."""
REFUSED_DAYS = 7
Word = Annotated[str, QueryParameter(max_length=10)]


class Reason(msgspec.Struct):
    """Why a truck stands still, where something is known of it: a refusal of the ledger, a fault it reported last."""

    zh: str
    en: str


class Waiting(msgspec.Struct):
    """A truck of the programme; ``days`` it has stood at ``row.reached``, null where nobody wrote down since when."""

    row: Row
    days: int | None
    reason: Reason | None


class WaitingPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[Waiting]


def provide_chosen(
    stage: Word = "",
    before: Word = "",
    short: Word = "",
    stall: Word = "",
    templated: Word = "",
    city: Code = None,
    county: Code = None,
    insurer: Code = None,
    vendor: Code = None,
) -> Chosen:
    """Litestar dependency ``picked``: which trucks a list shows."""
    return Chosen(stage, before, short, stall, templated, city, county, insurer, vendor)


PICKED = {"picked": Provide(provide_chosen, sync_to_thread=False)}


@get("/api/installation/progress", tags=["installation"], dependencies=AREA)
async def installation_progress(
    services: NamedDependency[Services], door: NamedDependency[Door], area: NamedDependency[Scope]
) -> Progress:
    """How many trucks of the notice reached each stage, by city, insurer and vendor, and the last twelve months.

    ``as_of`` says of when the counts are: those that take long are kept for five minutes.
    """
    scope = door.allow("read", "vehicle", aggregates=True)
    return await asyncio.to_thread(services.installation.of, services.engine, scope, area)


@get("/api/installation/vehicles", tags=["installation"], dependencies=PICKED)
async def installation_vehicles(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    picked: NamedDependency[Chosen],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> WaitingPage:
    """The trucks behind a count; of those that stand still, who has waited longest first."""
    scope = door.allow("read", "vehicle")
    found = await asyncio.to_thread(services.installation.page, services.engine, scope, picked, page, size)
    items = await _waiting(services, door, found.items, scope.narrow == "masked")
    return WaitingPage(now_ms(), found.total, items)


@get("/api/installation/vehicles.csv", tags=["installation"], dependencies=PICKED)
async def installation_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], picked: NamedDependency[Chosen]
) -> Response[Any]:
    """The same as CSV, without reasons."""
    scope = door.allow("export", "vehicle")
    found = await asyncio.to_thread(progress.every, services.engine, scope, picked)
    chosen = {name: value for name in picked.__slots__ if (value := getattr(picked, name)) not in ("", None)}
    await door.note("installation.export", None, {"rows": len(found)} | chosen, scope=scope)
    hidden = scope.narrow == "masked"

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(
            ["车牌", "车牌颜色", "车型", "地市", "县区", "企业", "保险机构", "中标单位", "终端ID", "SIM", "型号",
             "绑定", "首次数据", "末次数据", "停在", "天数", "参数"]
        )  # fmt: skip
        for row in found:
            yield csv_line(_cells(row, hidden))

    return csv_file("installation", lines())


_REACHED = {"due": "应装", "bound": "已绑定", "heard": "已接入", "online": "在线"}


def _cells(row: Row, hidden: bool) -> list[Any]:
    names = {area: name for area, _, _, name, _ in jurisdiction.authorities()}
    places = [names.get(code or 0, "") for code in (row.city, row.county)]
    times = ["" if at is None else written(at) for at in (row.bound_at, row.first_at, row.silent_at)]
    days = _days(row, now_ms())
    return [
        row.plate, row.plate_color, VEHICLE_CLASSES.get(row.vehicle_class, row.vehicle_class), *places,
        named(row.operator), named(row.insurer), named(row.vendor), row.terminal_id, _phone(row, hidden), row.model,
        *times, _REACHED[row.reached], "" if days is None else days, row.parameters,
    ]  # fmt: skip


def _phone(row: Row, hidden: bool) -> str:
    return masking.phone(row.phone) if hidden else row.phone


def _days(row: Row, now: int) -> int | None:
    return None if row.waits_from is None else max(0, now - row.waits_from) // progress.DAY_MS


async def _waiting(services: Services, door: Door, rows: Sequence[Row], hidden: bool) -> list[Waiting]:
    now = now_ms()
    refused = await _refusals(services, door, [row.phone for row in rows if row.reached == BOUND])
    faults = door.may("read", "alarm")
    return [
        Waiting(
            replace(row, phone=_phone(row, hidden)), _days(row, now),
            refused.get(row.phone) if row.reached == BOUND else _fault(services, row) if faults else None,
        )
        for row in rows
    ]  # fmt: skip


async def _refusals(services: Services, door: Door, phones: Sequence[str]) -> dict[str, Reason]:
    """Why frames of bound terminals that were never heard were refused, for who sees the ledger."""
    if not phones or not door.may("read", "ledger"):
        return {}
    first = today(now_ms()) - timedelta(days=REFUSED_DAYS)
    found = await services.ask("refusals_phones", phones=list(phones), first=first)
    reasons = ((row["phone"], reason_of(row["reason"])) for row in found.to_pylist())
    return {phone: Reason(meant.zh, meant.en) for phone, meant in reasons}


def _fault(services: Services, row: Row) -> Reason | None:
    """What a silent truck's last location said of its power."""
    fleet = services.fleet
    if row.reached != HEARD or row.vehicle_id >= fleet.size:
        return None
    standing = [(zh, en) for _, zh, en in alarm_names(int(fleet.alarm[row.vehicle_id]) & POWER)]
    if standing:
        return Reason("、".join(zh for zh, _ in standing), ", ".join(en for _, en in standing))
    return (
        None if int(fleet.status[row.vehicle_id]) & 1 else Reason("末次上报时 ACC 关", "Ignition off when last heard")
    )


route_handlers: list[ControllerRouterHandler] = [installation_progress, installation_vehicles, installation_csv]
