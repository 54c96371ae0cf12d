"""Trucks that moved while they were offline 离线位移 (reference supervision §7.4): silent for more than a day, and back
at another place. Read from the history: pauses between sessions, then what was received before and after.

Sightings by cameras or toll stations are not connected; a truck that is still silent is not accused of moving.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, insert, select, update

from luwei.facts import FLAG_NOT_FIXED, FLAG_PLACE_IMPOSSIBLE
from luwei.history.track import haversine
from luwei.oversight import policies, proposals
from luwei.registry.engine import read, write
from luwei.registry.oversight import OversightMark
from luwei.registry.supervision import GENERAL
from luwei.registry.vehicle import Vehicle

MARK = "offline"
BACK_MS = 31 * 86_400_000
"""The longest silence that is looked at."""
FIRST_MS = 86_400_000
OVERLAP_MS = 3_600_000
"""Sessions reach the history late; a proposal is entered once all the same."""
SETTLED_MS = 600_000
"""A truck's first locations after its session are waited for."""
MOST = 5_000
"""Of one round; the next goes on from there."""
HOUR_MS = 3_600_000
BEFORE_MS = 2 * HOUR_MS
Query = Callable[..., pa.Table]


@dataclass(frozen=True, slots=True)
class Silence:
    """A truck was silent between two instants of receipt (UTC ms) and came back so far away."""

    vehicle: int
    start: int
    end: int
    metres: float


def find(engine: Engine, query: Query, now: int) -> int:
    """Propose orders for what came back since the last round; how many new ones. Raises HistoryError."""
    with read(engine) as connection:
        rules = policies.at(connection, now)
        mark = connection.scalar(select(OversightMark.value).where(OversightMark.name == MARK))
    since = max(now - FIRST_MS if mark is None else mark, now - BACK_MS)
    until = now - SETTLED_MS
    gap = rules.offline_hours * HOUR_MS
    back = query("session_gaps", start=since - BACK_MS, since=since, gap=gap, most=MOST).to_pylist()
    silences = (_silence(query, **row) for row in back if row["opened_at"] <= until)
    found = [
        each for each in silences
        if each is not None and each.end - each.start >= gap and each.metres >= rules.offline_km * 1000
    ]  # fmt: skip
    reached = until - OVERLAP_MS if len(back) < MOST else min(until, back[-1]["opened_at"])
    with write(engine) as connection:
        homes = select(Vehicle.id, Vehicle.operator_id, Vehicle.city, Vehicle.county).where(
            Vehicle.id.in_(sorted({each.vehicle for each in found})), Vehicle.operator_id.is_not(None)
        )
        at_home = {row.id: row for row in connection.execute(homes)}
        made = proposals.enter(
            connection,
            [_proposal(each, at_home[each.vehicle], rules) for each in found if each.vehicle in at_home],
            now,
        )
        if mark is None:
            connection.execute(insert(OversightMark).values(name=MARK, value=reached))
        else:
            connection.execute(update(OversightMark).where(OversightMark.name == MARK).values(value=reached))
    return made


def _silence(query: Query, vehicle_id: int, opened_at: int, ended_at: int) -> Silence | None:
    """What was received around a pause: a session whose end nobody told seems to have ended when it began, and what it
    sent tells the truth."""
    rows = query(
        "reports_around", vehicles=[vehicle_id], at=opened_at, start=ended_at - BEFORE_MS, end=opened_at + HOUR_MS,
        flags=FLAG_NOT_FIXED | FLAG_PLACE_IMPOSSIBLE,
    ).to_pylist()  # fmt: skip
    if len(rows) != 2:
        return None
    lat, lon = (np.array([[row[name] / 1e6] for row in rows]) for name in ("lat_e6", "lon_e6"))
    metres = float(haversine(lat[0], lon[0], lat[1], lon[1])[0])
    return Silence(vehicle_id, rows[0]["received_at"], rows[1]["received_at"], metres)


def _proposal(silence: Silence, home: Any, rules: Any) -> dict[str, Any]:
    numbers = {
        "hours": round((silence.end - silence.start) / HOUR_MS, 1), "km": round(silence.metres / 1000, 1),
        "from": silence.start, "to": silence.end, "threshold_hours": rules.offline_hours,
        "threshold_km": rules.offline_km,
    }  # fmt: skip
    made = proposals.proposal("offline", f"{silence.vehicle}:{silence.start}", GENERAL, home, numbers, ())
    return made | {"vehicle_id": silence.vehicle}
