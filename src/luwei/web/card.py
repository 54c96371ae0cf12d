"""A truck's card: its last fix with every item, its session, what it sent and what was refused today."""

from __future__ import annotations

import asyncio
from typing import Any

import pyarrow as pa
from litestar import get
from litestar.di import NamedDependency

from luwei.facts import DIRECTION_UNKNOWN
from luwei.live.feed import now_ms
from luwei.profiles import Profile
from luwei.protocol.jt808.items import alarm_names, describe, status_names, video_alarm_names
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry.terminal_profiles import ProfileView, view
from luwei.web.china_time import DAY_MS, span_of, today
from luwei.web.door import Door
from luwei.web.open_sessions import count_open
from luwei.web.rows import milliseconds, numbers
from luwei.web.services import Services
from luwei.web.track import Key
from luwei.web.vehicle_rows import VehicleRow, vehicle_row

RECENT_MS = 600_000
"""Length of the speed curve."""
SESSION_LOOK_BACK_MS = 30 * DAY_MS

_TIMES = ("at", "device_at", "received_at")
_SESSION = ("gateway", "transport", "peer", "edition", "reason", "frames", "locations", "refused", "bytes_in")


@get("/api/vehicles/{vehicle_id:int}/card", tags=["vehicles"])
async def card(services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key) -> dict[str, Any]:
    """Everything the card shows; ``fix`` and ``session`` are null where there is none, times are UTC ms."""
    scope = door.allow("read", "position")
    vehicle: VehicleRow = await vehicle_row(services, scope, vehicle_id, scope)
    await door.looked("position.look", vehicle_id, scope=scope)
    now = now_ms()
    since = now - RECENT_MS if scope.narrow != "last_fix" else now  # a vendor sees the last fix, not the way to it
    day = today(now)
    start, end = span_of(day)
    latest, session, counts, refused, recent = await asyncio.gather(
        services.ask("latest_vehicle", vehicles=[vehicle_id]),
        services.ask("session_vehicle", vehicle=vehicle_id, start=now - SESSION_LOOK_BACK_MS),
        services.ask("counts_vehicle_day", vehicle=vehicle_id, start=start, end=end),
        services.ask("ledger_vehicle_day", vehicle=vehicle_id, day=day),
        services.ask("speed_recent", vehicle=vehicle_id, start=since),
    )
    boots, links = services.gateways.boots(now), session.to_pylist()
    await count_open(services, links, boots)
    assigned = None
    if vehicle.terminal is not None:
        assigned = await asyncio.to_thread(view, services.engine, vehicle.terminal.id, scope)
    profile = services.catalogue.known(assigned.profile, assigned.version) if assigned is not None else None
    return {
        "as_of": now,
        "vehicle": vehicle,
        "fix": fix_of(latest.to_pylist()[0], profile.reading if profile else STANDARD) if latest.num_rows else None,
        "session": session_of(links[0], boots) if links else None,
        "profile": profile_of(assigned, profile) if assigned is not None else None,
        "today": today_of(counts.to_pylist()[0], refused),
        "recent": [list(pair) for pair in zip(numbers(recent, "at"), numbers(recent, "speed_dkmh"), strict=True)],
    }


def fix_of(row: dict[str, Any], reading: Reading = STANDARD) -> dict[str, Any]:
    """The last location with the names of its alarm and status bits and its items, each with its raw bytes.

    ``reading``: of the terminal's profile.
    """
    edition = row["edition"]
    fix = {name: value for name, value in row.items() if name not in ("items", "batch", *_TIMES)}
    if fix["direction_deg"] == DIRECTION_UNKNOWN:
        fix["direction_deg"] = None
    return (
        fix
        | {name: milliseconds(row[name]) for name in _TIMES}
        | {
            "alarms": _bits(alarm_names(row["alarm"], edition)),
            "statuses": _bits(status_names(row["status"], edition)),
            "video_alarms": _bits(video_alarm_names(row["video_alarm"] or 0)),
            "items": describe(bytes(row["items"]), edition, reading),
        }
    )


def profile_of(assigned: ProfileView, profile: Profile | None) -> dict[str, Any]:
    """The terminal's profile in a line; its words are the name's own where the profile is no longer there."""
    return {
        "name": assigned.profile,
        "version": assigned.version,
        "zh": profile.zh if profile is not None else assigned.profile,
        "en": profile.en if profile is not None else assigned.profile,
        "by_hand": assigned.by_hand,
        "firmware": assigned.firmware,
        "silent_at": assigned.silent_at,
    }


def session_of(row: dict[str, Any], alive: list[int]) -> dict[str, Any]:
    """The latest session; one whose gateway is gone without a word is closed as ``gateway_lost``."""
    closed = milliseconds(row["closed_at"])
    lost = closed is None and row["boot"] not in alive
    return {
        # 64 bits do not fit a number of JavaScript.
        "session": f"{row['session']:016x}",
        "opened_at": milliseconds(row["opened_at"]),
        "closed_at": closed,
        "open": closed is None and not lost,
    } | {name: "gateway_lost" if lost and name == "reason" else row[name] for name in _SESSION}


def today_of(counts: dict[str, Any], refused: pa.Table) -> dict[str, Any]:
    """Counts of the day in China so far."""
    return {
        "locations": counts["locations"],
        "backfilled": counts["backfilled"],
        "not_fixed": counts["not_fixed"],
        "first_at": milliseconds(counts["first_at"]),
        "last_at": milliseconds(counts["last_at"]),
        "mileage_hm": counts["mileage_hm"],
        "refused": [
            {
                "kind": row["kind"],
                "reason": row["reason"].partition(":")[0],
                "detail": row["reason"].partition(":")[2],
                "message_id": row["message_id"] or None,
                "count": row["count"],
                "last_at": milliseconds(row["last_at"]),
            }
            for row in refused.to_pylist()
        ],
    }


def _bits(names: Any) -> list[dict[str, Any]]:
    return [{"bit": bit, "zh": zh, "en": en} for bit, zh, en in names]
