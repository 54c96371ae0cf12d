"""Counts of alarms, which also those may read who see no single one; and codes that no table names."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from luwei.alarms.names import dialect_names, known_names, name
from luwei.live.feed import now_ms
from luwei.registry.terminal_profiles import devices_by_id
from luwei.web.alarm_routes.asked import (
    Backfill,
    City,
    County,
    End,
    Level,
    Operator,
    Sources,
    Start,
    Types,
    Vehicle,
    asked,
)
from luwei.web.alarm_routes.reach import allowed_types, chosen_scope
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.rows import milliseconds
from luwei.web.services import Services

BY = ("day", "source", "type", "level")
UNKNOWN_ROWS = 20_000


@get("/api/alarms/counts", tags=["alarms"])
async def alarm_counts(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    start: Start,
    end: End,
    by: Annotated[str, QueryParameter(name="by", max_length=40)] = "type",
    vehicle: Vehicle = None,
    types: Types = "",
    sources: Sources = "",
    level: Level = None,
    city: City = None,
    county: County = None,
    operator: Operator = None,
    backfill: Backfill = None,
) -> dict[str, Any]:
    """How many alarms began between two instants (UTC ms, at most 31 days), by up to two of day, source, type, level.

    Days are China's. Who may see aggregates only may not ask for a single truck, nor for an operator: many have one.
    """
    scope = door.allow("read", "alarm", aggregates=True)
    filters = asked(start, end, types, sources, level, backfill)
    groups = [part.strip() for part in by.split(",") if part.strip()]
    if not 1 <= len(set(groups)) <= 2 or any(each not in BY for each in groups):
        raise Refused(400, "by", "must be one or two of day, source, type, level, joined by a comma")
    if (vehicle is not None or operator is not None) and scope.aggregate:
        raise Refused(403, "alarm", "aggregates_only", "the role sees counts only, no single trucks and operators")
    narrowed = chosen_scope(scope, city, county, operator)
    held = await services.held(narrowed, start)
    table = await services.ask(
        "alarm_counts", start=start, end=end, by=groups, vehicles=[] if vehicle is None else [vehicle],
        types=allowed_types(scope, filters.types), **filters.parameters, **held.parameters,
    )  # fmt: skip
    items = []
    for row in table.to_pylist():
        item = {group: row[group] for group in groups} | {"count": row["count"], "vehicles": row["vehicles"]}
        if "type" in groups:
            named = _named(row["type"])
            item |= {"type_zh": named.zh, "type_en": named.en, "device_fault": named.device_fault}
        items.append(item)
    return {"as_of": now_ms(), "total": sum(item["count"] for item in items), "items": items}


def _named(type_: str) -> Any:
    """A name where the dialect is not told: any that has one."""
    found = name(type_)
    return found if found.known else next(iter(dialect_names(type_).values()), found)


@get("/api/alarms/unknown", tags=["alarms"])
async def alarm_unknown(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    start: Start,
    end: End,
    types: Types = "",
    sources: Sources = "",
) -> dict[str, Any]:
    """Codes without a name, by manufacturer, model and firmware of the terminals that send them, most frequent first.

    ``truncated``: more terminals sent them than were counted.
    """
    scope = door.allow("read", "alarm")
    filters = asked(start, end, types, sources)
    if scope.narrow == "device_faults":
        raise Refused(403, "alarm", "device_faults", "the role sees device faults only, and these codes say nothing")
    held = await services.held(scope, start)
    table = await services.ask(
        "alarm_unknown", start=start, end=end, known=known_names(), types=filters.types, sources=filters.sources,
        limit=UNKNOWN_ROWS, **held.parameters,
    )  # fmt: skip
    rows = table.to_pylist()
    known = await asyncio.to_thread(devices_by_id, services.engine, sorted({row["terminal_id"] for row in rows}))
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        device = known.get(row["terminal_id"])
        made = (device.manufacturer_id, device.model, device.firmware) if device else ("", "", "")
        key = (row["type"], row["dialect"], *made)
        last = milliseconds(row["last_at"]) or 0
        group = groups.setdefault(
            key,
            {
                "type": row["type"], "source": row["source"], "dialect": row["dialect"], "manufacturer_id": made[0],
                "model": made[1], "firmware": made[2], "count": 0, "terminals": 0, "last_at": 0, "example_hex": "",
            },
        )  # fmt: skip
        group["count"] += row["count"]
        group["terminals"] += 1
        if last >= group["last_at"]:
            group["last_at"], group["example_hex"] = last, bytes(row["item"]).hex()
    items = sorted(groups.values(), key=lambda one: (-one["count"], one["type"], one["model"], one["firmware"]))
    return {"as_of": now_ms(), "truncated": table.num_rows >= UNKNOWN_ROWS, "total": len(items), "items": items}
