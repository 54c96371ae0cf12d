"""Sessions 会话: which terminal was connected where, from when to when, and what it sent."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from luwei.live.feed import now_ms
from luwei.registry.fleet import fleet_rows
from luwei.web.door import Door
from luwei.web.open_sessions import count_open
from luwei.web.rows import milliseconds
from luwei.web.services import Services

LOOK_BACK_MS = 7 * 86_400_000
"""Sessions that began longer ago are not listed."""


@get("/api/access/sessions", tags=["access"])
async def sessions(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: Annotated[int, QueryParameter(name="page", ge=1, le=10_000)] = 1,
    size: Annotated[int, QueryParameter(name="size", ge=1, le=500)] = 50,
    q: Annotated[str, QueryParameter(name="q", max_length=40)] = "",
    phase: Annotated[Literal["open", "closed"] | None, QueryParameter(name="state")] = None,
) -> dict[str, Any]:
    """One page of the sessions of the last seven days, newest first; ``q`` is part of a phone. A session is for
    whoever had the truck at any time of it.

    Counts of an open session are those of this moment, null where its gateway does not say.
    """
    scope = door.allow("read", "session")
    now = now_ms()
    start, boots = now - LOOK_BACK_MS, services.gateways.boots(now)
    table = await services.ask(
        "sessions_page",
        start=start,
        q=q.strip(),
        state=phase or "",
        limit=size,
        offset=(page - 1) * size,
        boots=boots,
        **(await services.held(scope, start, by_device=True)).parameters,
    )
    rows = table.to_pylist()
    await count_open(services, rows, boots)
    plates = await plates_of(services, {row["vehicle_id"] for row in rows})
    items = [
        {
            # 64 bits do not fit a number of JavaScript.
            "session": f"{row['session']:016x}",
            "plate": plates.get(row["vehicle_id"], ""),
            "opened_at": milliseconds(row["opened_at"]),
            "closed_at": milliseconds(row["closed_at"]),
        }
        | {
            name: row[name]
            for name in (
                "phone", "vehicle_id", "gateway", "transport", "peer", "edition", "reason", "frames", "locations",
                "refused", "bytes_in",
            )
        }
        for row in rows
    ]  # fmt: skip
    return {"as_of": now, "total": rows[0]["total"] if rows else 0, "items": items}


async def plates_of(services: Services, vehicle_ids: set[int]) -> dict[int, str]:
    """Plates by vehicle id; ids that are not in the registry have none."""
    wanted = sorted(key for key in vehicle_ids if key)
    if not wanted:
        return {}
    rows = await asyncio.to_thread(fleet_rows, services.engine, wanted)
    return dict(zip(rows.id.tolist(), rows.plate, strict=True))
