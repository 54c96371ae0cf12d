"""The ledger: every frame that was refused or found odd, counted by reason, terminal and day."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from luwei.live.feed import now_ms
from luwei.profiles.reasons import reason_of
from luwei.web.china_time import day_of, span_of
from luwei.web.door import Door
from luwei.web.rows import milliseconds
from luwei.web.services import Services
from luwei.web.sessions import plates_of

PAGE_SIZE = 100


def entry(row: dict[str, Any]) -> dict[str, Any]:
    """One row of a ledger query, with the clause of its reason; the example frame as hex."""
    reason, _, detail = row["reason"].partition(":")
    return {
        "reason": reason,
        "detail": detail,
        "clause": reason_of(reason).clause,
        "kind": row["kind"],
        "message_id": row["message_id"] or None,
        "count": row["count"],
        "first_at": milliseconds(row["first_at"]),
        "last_at": milliseconds(row["last_at"]),
        "example_hex": bytes(row["example"]).hex(),
    }


@get("/api/access/ledger", tags=["access"])
async def ledger(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    day: Annotated[str | None, QueryParameter(name="day", max_length=10)] = None,
    group: FromQuery[Literal["reason", "terminal"]] = "reason",
    reason: Annotated[str, QueryParameter(name="reason", max_length=60)] = "",
    phone: Annotated[str, QueryParameter(name="phone", max_length=24)] = "",
    page: Annotated[int, QueryParameter(name="page", ge=1, le=10_000)] = 1,
) -> dict[str, Any]:
    """The ledger of a day of China Standard Time (default today), by reason, or by terminal and reason. What
    was counted is for whoever had the truck then."""
    scope = door.allow("read", "ledger")
    now = now_ms()
    when = day_of(day, now)
    held = (await services.held(scope, span_of(when)[0], by_device=True)).parameters
    if group == "reason":
        table = await services.ask("ledger_day_reason", day=when, phone=phone.strip(), **held)
        found = [row for row in table.to_pylist() if not reason or row["reason"].partition(":")[0] == reason]
        offset = (page - 1) * PAGE_SIZE
        items = [entry(row) | {"terminals": row["terminals"]} for row in found[offset : offset + PAGE_SIZE]]
        return {"as_of": now, "day": when.isoformat(), "total": len(found), "items": items}
    table = await services.ask(
        "ledger_day_terminal",
        day=when,
        reason=reason,
        phone=phone.strip(),
        limit=PAGE_SIZE,
        offset=(page - 1) * PAGE_SIZE,
        **held,
    )
    rows = table.to_pylist()
    plates = await plates_of(services, {row["vehicle_id"] for row in rows})
    items = [
        entry(row)
        | {
            "phone": row["phone"],
            "vehicle_id": row["vehicle_id"] or None,
            "plate": plates.get(row["vehicle_id"], ""),
            "peer": row["peer"],
        }
        for row in rows
    ]
    return {"as_of": now, "day": when.isoformat(), "total": rows[0]["total"] if rows else 0, "items": items}
