"""Deviation report 偏差: where terminals depart from their profile, by model and firmware, with clause and example.

A deviation is an entry of the ledger about the terminal's protocol that its profile does not expect. The ledger is a
fact, the profile the one in force now: a changed profile changes what is expected, never what was counted.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from luwei.live.feed import now_ms
from luwei.profiles.reasons import REASONS, reason_of
from luwei.registry.exports.files import safe
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.terminal_profiles import Device, devices
from luwei.web.china_time import day_of, span_of, written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.rows import milliseconds
from luwei.web.services import Services
from luwei.web.sessions import plates_of

DAYS_MAX = 31
ROWS_MAX = 20_000
"""Entries (terminal × reason × message) looked at; beyond it the most frequent ones count, and the answer says so."""
TERMINALS_MAX = 200
EXCLUDED = ",".join(sorted(code for code, reason in REASONS.items() if not reason.conformity))

Day = Annotated[str | None, QueryParameter(max_length=10)]
First = Annotated[str | None, QueryParameter(name="from", max_length=10)]
Last = Annotated[str | None, QueryParameter(name="to", max_length=10)]
Text = Annotated[str, QueryParameter(max_length=60)]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry of the ledger with the device it is about."""

    device: Device
    expected: bool
    row: dict[str, Any]


def days_of(first: str | None, last: str | None, now: int) -> tuple[date, date]:
    """Both days, today by default. Raises Refused."""
    end = day_of(last, now)
    begin = day_of(first, now) if first is not None else end
    if begin > end:
        raise Refused(400, "from", "must not be after to")
    if (end - begin).days >= DAYS_MAX:
        raise Refused(400, "from", f"must be less than {DAYS_MAX} days before to")
    return begin, end


async def _found(
    services: Services, scope: Scope, begin: date, end: date, reason: str = "", message: int = -1
) -> tuple[list[Deviation], bool]:
    """Deviations of terminals in the scope; True where more rows are in the ledger than were looked at."""
    held = (await services.held(scope, span_of(begin)[0], by_device=True)).parameters
    table = await services.ask(
        "deviations_day", first=begin, last=end, excluded=EXCLUDED, reason=reason, message=message, limit=ROWS_MAX,
        **held,
    )  # fmt: skip
    rows = table.to_pylist()
    phones = sorted({row["phone"] for row in rows})
    known = await asyncio.to_thread(devices, services.engine, phones, WHOLE)
    # Frames of no truck (the terminal had not signed in) are for who has the terminal now.
    present = known if scope.whole else await asyncio.to_thread(devices, services.engine, phones, scope)
    plates = await plates_of(services, {row["vehicle_id"] for row in rows})
    found = []
    for row in rows:
        device = (known if row["vehicle_id"] else present).get(row["phone"])
        if device is None:
            continue
        if row["vehicle_id"]:
            # The truck it sat in then; where it sits now may be none of the caller's business.
            device = replace(device, vehicle_id=row["vehicle_id"], plate=plates.get(row["vehicle_id"], ""))
        profile = services.catalogue.known(device.profile, device.version)
        code = row["reason"].partition(":")[0]
        found.append(Deviation(device, profile is not None and code in profile.expected, row))
    return found, bool(rows) and rows[0]["total"] > len(rows)


def _words(reason: str) -> dict[str, str]:
    code, _, detail = reason.partition(":")
    meant = reason_of(reason)
    return {
        "reason": code, "detail": detail, "clause": meant.clause, "quirk": meant.quirk, "zh": meant.zh, "en": meant.en,
    }  # fmt: skip


def grouped(found: list[Deviation]) -> list[dict[str, Any]]:
    """One group for each manufacturer, model, firmware, profile, reason and message, the most frequent first."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    phones: dict[tuple[Any, ...], set[str]] = {}
    for each in found:
        device, row = each.device, each.row
        profile = f"{device.profile}@{device.version}" if device.profile else ""
        key = (
            device.manufacturer_id, device.model, device.firmware, profile, row["kind"], row["reason"],
            row["message_id"],
        )  # fmt: skip
        first, last = milliseconds(row["first_at"]) or 0, milliseconds(row["last_at"]) or 0
        group = groups.get(key)
        if group is None:
            phones[key] = set()
            group = groups[key] = {
                "manufacturer_id": device.manufacturer_id,
                "model": device.model,
                "firmware": device.firmware,
                "profile": profile,
                "kind": row["kind"],
                "message_id": row["message_id"] or None,
                "expected": each.expected,
                "count": 0,
                "terminals": 0,
                "first_at": first,
                "last_at": 0,
                "example_hex": "",
            } | _words(row["reason"])
        phones[key].add(device.phone)
        group["count"] += row["count"]
        group["first_at"] = min(group["first_at"], first)
        if last >= group["last_at"]:
            group["last_at"] = last
            group["example_hex"] = bytes(row["example"]).hex() or group["example_hex"]
    for key, group in groups.items():
        group["terminals"] = len(phones[key])
    return sorted(groups.values(), key=lambda g: (-g["count"], g["model"], g["firmware"], g["reason"], g["detail"]))


@get("/api/access/deviations", tags=["access"])
async def deviations(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    first: First = None,
    last: Last = None,
    expected: FromQuery[bool] = False,
    model: Text = "",
) -> dict[str, Any]:
    """Deviations of some days (``from``, ``to``: China Standard Time, at most 31) by model, firmware and clause.

    ``expected``: with those that the profile expects; ``model``: fragment of manufacturer, model, firmware or profile.
    ``truncated``: there are more entries than were counted.
    """
    scope = door.allow("read", "ledger")
    now = now_ms()
    begin, end = days_of(first, last, now)
    items, truncated = await _groups(services, scope, begin, end, expected, model)
    return {
        "as_of": now, "from": begin.isoformat(), "to": end.isoformat(), "truncated": truncated, "total": len(items),
        "items": items,
    }  # fmt: skip


async def _groups(
    services: Services, scope: Scope, begin: date, end: date, expected: bool, model: str
) -> tuple[list[dict[str, Any]], bool]:
    found, truncated = await _found(services, scope, begin, end)
    wanted = model.strip().casefold()
    items = [
        group
        for group in grouped([each for each in found if expected or not each.expected])
        if not wanted
        or any(wanted in group[name].casefold() for name in ("manufacturer_id", "model", "firmware", "profile"))
    ]
    return items, truncated


@get("/api/access/deviations/terminals", tags=["access"])
async def deviation_terminals(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    reason: Annotated[str, QueryParameter(min_length=1, max_length=60)],
    first: First = None,
    last: Last = None,
    detail: Text = "",
    message_id: Annotated[int, QueryParameter(ge=0, le=0xFFFF)] = 0,
    manufacturer_id: Text = "",
    model: Text = "",
    firmware: Text = "",
) -> dict[str, Any]:
    """The terminals behind one group, the most frequent first, each with an example frame; at most 200."""
    scope = door.allow("read", "ledger")
    now = now_ms()
    begin, end = days_of(first, last, now)
    found, truncated = await _found(services, scope, begin, end, f"{reason}:{detail}" if detail else reason, message_id)
    same = [
        each
        for each in found
        if (each.device.manufacturer_id, each.device.model, each.device.firmware) == (manufacturer_id, model, firmware)
    ]
    return {
        "as_of": now,
        "total": len(same),
        "truncated": truncated or len(same) > TERMINALS_MAX,
        "items": [
            {
                "phone": each.device.phone,
                "terminal_id": each.device.terminal_id,
                "vehicle_id": each.device.vehicle_id,
                "plate": each.device.plate,
                "kind": each.row["kind"],
                "message_id": each.row["message_id"] or None,
                "count": each.row["count"],
                "first_at": milliseconds(each.row["first_at"]),
                "last_at": milliseconds(each.row["last_at"]),
                "example_hex": bytes(each.row["example"]).hex(),
            }
            | _words(each.row["reason"])
            for each in same[:TERMINALS_MAX]
        ],
    }


_CSV = (
    "manufacturer_id", "model", "firmware", "profile", "reason", "detail", "clause", "zh", "kind", "message_id",
    "expected", "count", "terminals", "first_at", "last_at", "example_hex",
)  # fmt: skip


@get("/api/access/deviations.csv", tags=["access"])
async def deviations_csv(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    first: First = None,
    last: Last = None,
    expected: FromQuery[bool] = False,
    model: Text = "",
) -> Response[str]:
    """The report as CSV (UTF-8 with a byte order mark, times in China Standard Time)."""
    scope = door.allow("export", "ledger")
    begin, end = days_of(first, last, now_ms())
    items, truncated = await _groups(services, scope, begin, end, expected, model)
    await door.note("deviation.export", None, {"from": begin.isoformat(), "to": end.isoformat(), "rows": len(items)})
    name = f"deviations-{begin.isoformat()}-{end.isoformat()}{'-truncated' if truncated else ''}.csv"
    return Response(
        "\ufeff" + "".join(csv_lines(items)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def csv_lines(items: list[dict[str, Any]]) -> Iterator[str]:
    """Heading and one line a group. A text that a table program would run is made harmless by an apostrophe."""
    yield ",".join(_CSV) + "\r\n"
    for item in items:
        out = io.StringIO()
        values: list[str] = []
        for name in _CSV:
            value = item[name]
            if name == "message_id":
                value = f"0x{value:04X}" if value else ""
            elif name in ("first_at", "last_at"):
                value = written(value)
            text = str(value)
            values.append(safe(text))
        csv.writer(out).writerow(values)
        yield out.getvalue()
