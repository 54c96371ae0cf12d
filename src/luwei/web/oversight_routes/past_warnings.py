"""Pre-warnings of days that the registry has forgotten, made anew of the history's alarms."""

from __future__ import annotations

import asyncio
from typing import Any

from luwei.alarms.names import name
from luwei.cases import policies
from luwei.oversight import funnel
from luwei.oversight.funnel import Known, WarningView
from luwei.registry.engine import read
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.web.alarm_routes.rows import plates_of
from luwei.web.services import Services

DAY_MS, CHINA_MS = 86_400_000, 8 * 3_600_000
BEFORE_MS = 6 * 3_600_000
"""How long before the day alarms are read: what began then belongs to the day before."""


def start_of(day: int) -> int:
    """When a day of China (days since 1970-01-01) begins, UTC ms."""
    return day * DAY_MS - CHINA_MS


async def page(
    services: Services, scope: Scope, area: Scope, day: int, operator: int, number: int, size: int
) -> Page[WarningView]:
    """Pre-warnings that began on the day, of trucks that were the operator's then, the newest first.

    They are merged as the intake does it, by the window of the policy that was in force; what became a case is told
    with it, the rest was of grade 0. Raises RegistryError, Refused (503) where the history cannot answer.
    """
    funnel.check_counted(scope)
    offset, limit = check_page(number, size)
    start = start_of(day)
    held = await services.held(scope.within(area).within(Scope(operators=frozenset({operator}))), start - BEFORE_MS)
    window_ms = await asyncio.to_thread(_window_ms, services, start)
    mine = {name: held.parameters[name] for name in ("scope", "part_vehicle", "part_from", "part_to")}
    table = await services.ask(
        "warnings_day", since=start - BEFORE_MS, start=start, end=start + DAY_MS, window=window_ms, limit=limit,
        skip=offset, **mine,
    )  # fmt: skip
    rows = table.to_pylist()
    plates = await plates_of(services, held, (row["vehicle_id"] for row in rows))
    runs = [
        (held.merged.get(row["vehicle_id"], row["vehicle_id"]), row["type"], row["first_at"], row["last_at"])
        for row in rows
    ]
    known = await asyncio.to_thread(funnel.known_of, services.engine, runs, window_ms)
    items = [
        _view(row, run[0], plates.get(run[0], ("", 0)), one) for row, run, one in zip(rows, runs, known, strict=True)
    ]
    return Page(int(rows[0]["total"]) if rows else 0, items)


def _window_ms(services: Services, at: int) -> int:
    with read(services.engine) as connection:
        return policies.book(connection).at(at).window_s * 1000


def _view(row: dict[str, Any], vehicle: int, plate: tuple[str, int], known: Known | None) -> WarningView:
    words = name(row["type"], row["dialect"])
    return WarningView(
        known.id if known else 0, vehicle, *plate, row["type"], words.zh, words.en, row["first_at"], row["last_at"],
        row["alarms"], row["level"], known.grade if known else 0, known.opened if known else None,
    )  # fmt: skip
