"""Alarms of the history as the web gives them: one row an alarm, with its end and its names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from luwei.alarms.names import name
from luwei.facts import DIRECTION_UNKNOWN, PHASE_POINT
from luwei.registry.fleet import fleet_rows
from luwei.web.alarm_routes.asked import Asked
from luwei.web.rows import milliseconds
from luwei.web.services import Held, Services

STEPS_MS = (3_600_000, 6 * 3_600_000, 24 * 3_600_000, 7 * 86_400_000)
"""How far back the newest alarms of many trucks are looked for first: the table is sorted by the hour."""
LAST = 1 << 62
"""A key and an instant after every alarm."""

Place = tuple[int, int]
"""Start and key of an alarm: where a page ends."""


async def page(
    services: Services,
    held: Held,
    asked: Asked,
    types: list[str],
    limit: int,
    before: Place = (LAST, LAST),
    vehicles: list[int] | None = None,
    open_only: bool = False,
) -> tuple[list[dict[str, Any]], Place | None]:
    """At most ``limit`` rows after ``before``, newest first, and where the next page begins (None: there is none)."""
    found: list[dict[str, Any]] = []
    high = min(asked.end, before[0] + 1)
    steps = iter(() if vehicles is not None else STEPS_MS)
    while high > asked.start and len(found) <= limit:
        step = next(steps, None)
        low = asked.start if step is None else max(asked.start, high - step)
        table = await services.ask(
            "alarms_page", start=low, end=high, before_at=before[0], before=before[1], vehicles=vehicles or [],
            types=types, open=int(open_only), limit=limit + 1 - len(found), **asked.parameters, **held.parameters,
        )  # fmt: skip
        found += table.to_pylist()
        high = low
    more = len(found) > limit
    found = found[:limit]
    following = (milliseconds(found[-1]["started_at"]) or 0, found[-1]["alarm"]) if more else None
    return found, following


async def shown(services: Services, held: Held, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of ``alarms_page`` with plates, ends and names."""
    if not found:
        return []
    lasting = [row for row in found if row["phase"] == 1]
    ends: dict[int, int] = {}
    if lasting:
        table = await services.ask(
            "alarm_ends",
            alarms=[row["alarm"] for row in lasting],
            vehicles=sorted({row["vehicle_id"] for row in lasting}),
            start=min(milliseconds(row["started_at"]) or 0 for row in lasting),
            end=max(milliseconds(row["started_at"]) or 0 for row in lasting),
        )
        ends = {row["alarm"]: milliseconds(row["ended_at"]) or 0 for row in table.to_pylist()}
    plates = await plates_of(services, held, (row["vehicle_id"] for row in found))
    return [row_of(row, held, plates, ends.get(row["alarm"])) for row in found]


async def plates_of(services: Services, held: Held, vehicles: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Plate and colour by the id of the vehicle that is there now."""
    wanted = sorted({held.merged.get(key, key) for key in vehicles})
    rows = await asyncio.to_thread(fleet_rows, services.engine, wanted)
    return dict(zip(rows.id.tolist(), zip(rows.plate, rows.plate_color.tolist(), strict=True), strict=True))


def row_of(
    row: Mapping[str, Any], held: Held, plates: Mapping[int, tuple[str, int]], ended_at: int | None
) -> dict[str, Any]:
    """One alarm as lists give it."""
    vehicle = held.merged.get(row["vehicle_id"], row["vehicle_id"])
    plate, color = plates.get(vehicle, ("", 0))
    named = name(row["type"], row["dialect"], row["edition"])
    started = milliseconds(row["started_at"])
    return {
        # 63 bits do not fit a number of JavaScript.
        "id": f"{row['alarm']:016x}",
        "vehicle_id": vehicle,
        "plate": plate,
        "plate_color": color,
        "at": started,
        "ended_at": started if row["phase"] == 2 else ended_at,
        "lasting": row["phase"] != PHASE_POINT,
        "type_zh": named.zh,
        "type_en": named.en,
        "known": named.known,
        "device_fault": named.device_fault,
        "direction_deg": None if row["direction_deg"] == DIRECTION_UNKNOWN else row["direction_deg"],
        "received_at": milliseconds(row["received_at"]),
    } | {
        key: row[key]
        for key in (
            "source", "type", "level", "lat_e6", "lon_e6", "altitude_m", "speed_dkmh", "files", "dialect", "backfill",
        )
    }  # fmt: skip
