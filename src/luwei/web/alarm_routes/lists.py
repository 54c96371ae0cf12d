"""Lists of alarms, newest first: of the whole reach, and of one truck."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from luwei.live.feed import now_ms
from luwei.registry import ownership
from luwei.registry.scope import Scope
from luwei.web.alarm_routes.asked import (
    Asked,
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
from luwei.web.alarm_routes.rows import LAST, Place, page, shown
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Held, Services
from luwei.web.track import Key
from luwei.web.vehicle_rows import vehicle_ids, vehicle_then

Size = Annotated[int, QueryParameter(name="size", ge=1, le=200)]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=40)]


def place_of(cursor: str) -> Place:
    """Where the next page begins. Raises Refused for what this server did not give."""
    if not cursor:
        return LAST, LAST
    match = re.fullmatch(r"(\d{1,15})-([0-9a-f]{16})", cursor)
    if match is None:
        raise Refused(400, "cursor", "must be the value of next in the answer before")
    return int(match[1]), int(match[2], 16)


def cursor_of(place: Place | None) -> str | None:
    """The inverse of ``place_of``."""
    return None if place is None else f"{place[0]}-{place[1]:016x}"


@get("/api/alarms", tags=["alarms"])
async def alarms(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    start: Start,
    end: End,
    vehicle: Vehicle = None,
    types: Types = "",
    sources: Sources = "",
    level: Level = None,
    city: City = None,
    county: County = None,
    operator: Operator = None,
    backfill: Backfill = None,
    only_open: Annotated[bool, QueryParameter(name="open")] = False,
    size: Size = 50,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """Alarms that began between two instants (UTC ms, at most 31 days), newest first.

    ``type`` and ``source`` are lists joined by commas; ``open``: only those that have not ended; ``next`` is the
    ``cursor`` of the next page, null on the last.
    """
    scope = door.allow("read", "alarm")
    filters = asked(start, end, types, sources, level, backfill)
    if vehicle is not None:
        return await _of_vehicle(services, door, scope, vehicle, filters, only_open, size, cursor)
    narrowed = chosen_scope(scope, city, county, operator)
    held = await services.held(narrowed, start)
    found, following = await page(
        services, held, filters, allowed_types(scope, filters.types), size, place_of(cursor), open_only=only_open
    )
    items = await shown(services, held, found)
    await door.looked("alarm.list", detail={"from": start, "to": end}, scope=scope)
    return {"as_of": now_ms(), "items": items, "next": cursor_of(following)}


@get("/api/vehicles/{vehicle_id:int}/alarms", tags=["alarms"])
async def vehicle_alarms(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    start: Start,
    end: End,
    types: Types = "",
    sources: Sources = "",
    level: Level = None,
    backfill: Backfill = None,
    only_open: FromQuery[bool] = False,
    size: Size = 50,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """The same of one truck, also of the time when it was known under another id; of the times in which the caller had
    it."""
    scope = door.allow("read", "alarm")
    filters = asked(start, end, types, sources, level, backfill)
    return await _of_vehicle(services, door, scope, vehicle_id, filters, only_open, size, cursor)


async def _of_vehicle(
    services: Services, door: Door, scope: Scope, vehicle: int, filters: Asked, only_open: bool, size: int, cursor: str
) -> dict[str, Any]:
    before = place_of(cursor)
    parts = await asyncio.to_thread(ownership.spans, services.engine, scope, vehicle, filters.start, filters.end)
    await vehicle_then(services, scope, vehicle, bool(parts))
    keys = await asyncio.to_thread(vehicle_ids, services.engine, vehicle)
    held = Held("", merged=dict.fromkeys(keys[1:], vehicle))
    types = allowed_types(scope, filters.types)
    found: list[dict[str, Any]] = []
    following: Place | None = None
    for low, high in reversed(parts):
        part = replace(filters, start=low, end=high)
        rows, following = await page(
            services, held, part, types, size - len(found), before, vehicles=keys, open_only=only_open
        )
        found += rows
        if following is not None or len(found) >= size:
            break
    if following is None and len(found) >= size:
        last = found[-1]
        following = (round(last["started_at"].timestamp() * 1000), last["alarm"])
    items = await shown(services, held, found)
    await door.looked("alarm.look", vehicle, {"from": filters.start, "to": filters.end}, scope)
    return {"as_of": now_ms(), "items": items, "next": cursor_of(following)}
