"""Alarms as a CSV file, with China's times."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Stream

from luwei.alarms.names import SOURCES
from luwei.registry.exports.files import safe
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
    asked,
)
from luwei.web.alarm_routes.reach import allowed_types, chosen_scope
from luwei.web.alarm_routes.rows import LAST, page, shown
from luwei.web.china_time import written
from luwei.web.door import Door
from luwei.web.services import Held, Services

ROWS_MAX = 100_000
PIECE = 2_000
HEAD = (
    "started", "ended", "plate", "plate_color", "type", "name_zh", "name_en", "source", "level", "latitude",
    "longitude", "speed_kmh", "direction_deg", "files", "backfilled", "received", "id",
)  # fmt: skip


@get("/api/alarms.csv", tags=["alarms"])
async def alarms_csv(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    start: Start,
    end: End,
    types: Types = "",
    sources: Sources = "",
    level: Level = None,
    city: City = None,
    county: County = None,
    operator: Operator = None,
    backfill: Backfill = None,
) -> Stream:
    """The alarms of the list, newest first, at most 100,000 rows."""
    scope = door.allow("export", "alarm")
    filters = asked(start, end, types, sources, level, backfill)
    held = await services.held(chosen_scope(scope, city, county, operator), start)
    await door.note("alarm.export", None, {"from": start, "to": end}, scope=scope)
    lines = _lines(services, held, filters, allowed_types(scope, filters.types))
    return Stream(
        lines,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="alarms.csv"'},
    )


async def _lines(services: Services, held: Held, filters: Asked, types: list[str]) -> AsyncIterator[bytes]:
    """Header first (with the mark that makes Excel read UTF-8), then a piece of rows at a time."""
    yield ("\ufeff" + ",".join(HEAD) + "\r\n").encode()
    place, left = (LAST, LAST), ROWS_MAX
    while left > 0:
        found, following = await page(services, held, filters, types, min(PIECE, left), place)
        out = io.StringIO()
        writer = csv.writer(out)
        for row in await shown(services, held, found):
            writer.writerow(safe(str(each)) for each in _cells(row))
        yield out.getvalue().encode()
        left -= len(found)
        if following is None:
            return
        place = following


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        written(row["at"]), "" if row["ended_at"] is None else written(row["ended_at"]), row["plate"],
        row["plate_color"], row["type"], row["type_zh"], row["type_en"], SOURCES[row["source"]][1], row["level"] or "",
        f"{row['lat_e6'] / 1e6:.6f}", f"{row['lon_e6'] / 1e6:.6f}", f"{row['speed_dkmh'] / 10:.1f}",
        "" if row["direction_deg"] is None else row["direction_deg"], row["files"], int(row["backfill"]),
        written(row["received_at"]), row["id"],
    )  # fmt: skip
