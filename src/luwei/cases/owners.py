"""Whose truck an alarm was: what routes a case to its authority, its operator and its third-party monitor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from luwei.registry import bindings
from luwei.registry.binding import AREA, INSURER, MONITOR, OPERATOR
from luwei.registry.gone import survivor_of
from luwei.registry.jurisdiction import city_of
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

AT_ONCE = 500
PRESENT_MS = 600_000
"""What is older is routed by the bindings of its time, not by today's."""


@dataclass(frozen=True, slots=True)
class Owners:
    """A truck with those who answer for it; None where nobody does."""

    vehicle_id: int
    plate: str = ""
    plate_color: int = 0
    vehicle_class: str = "other"
    city: int | None = None
    county: int | None = None
    operator_id: int | None = None
    monitor_id: int | None = None
    insurer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal as far as a case needs it."""

    phone: str
    vendor_id: int | None


_COLUMNS = (
    Vehicle.id, Vehicle.plate, Vehicle.plate_color, Vehicle.vehicle_class, Vehicle.city, Vehicle.county,
    Vehicle.operator_id, Vehicle.monitor_id, Vehicle.insurer_id,
)  # fmt: skip


def owners(connection: Connection, vehicles: Iterable[int]) -> dict[int, Owners]:
    """Today's owners by the id that the facts carry; a truck merged into another one is that one. A truck nobody knows
    belongs nowhere: who sees the whole province sees its alarms."""
    wanted = sorted(set(vehicles))
    found = _read(connection, wanted)
    for key in wanted:
        if key not in found:
            other = survivor_of(connection, "vehicle", key)
            known = _read(connection, [other]) if other is not None else {}
            found[key] = known.get(other or 0, Owners(key))
    return found


def _read(connection: Connection, keys: list[int]) -> dict[int, Owners]:
    found: dict[int, Owners] = {}
    for start in range(0, len(keys), AT_ONCE):
        rows = connection.execute(select(*_COLUMNS).where(Vehicle.id.in_(keys[start : start + AT_ONCE])))
        found |= {row[0]: Owners(*row) for row in rows}
    return found


def then(connection: Connection, today: Owners, at: int, now_ms: int) -> Owners:
    """The owners at the instant ``at``. Before a truck was entered it was whose it was first."""
    if at > now_ms - PRESENT_MS:
        return today
    kinds = (AREA, OPERATOR, MONITOR, INSURER)
    spans = {what: bindings.spans(connection, [today.vehicle_id], what) for what in kinds}
    entered = min((span.from_at for each in spans.values() for span in each), default=None)
    if entered is None:
        return today
    when = max(at, entered)
    held = {
        what: next((s.object_id for s in each if s.from_at <= when and (s.to_at is None or when < s.to_at)), None)
        for what, each in spans.items()
    }
    area = held[AREA]
    city = None if area is None else city_of(area) or area
    return replace(
        today,
        city=city,
        county=area if area != city else None,
        operator_id=held[OPERATOR],
        monitor_id=held[MONITOR],
        insurer_id=held[INSURER],
    )


def devices(connection: Connection, terminals: Iterable[int]) -> dict[int, Device]:
    """Terminals by id."""
    wanted = sorted(set(terminals))
    found: dict[int, Device] = {}
    for start in range(0, len(wanted), AT_ONCE):
        columns = (Terminal.id, Terminal.phone, Terminal.vendor_id)
        rows = connection.execute(select(*columns).where(Terminal.id.in_(wanted[start : start + AT_ONCE])))
        found |= {row.id: Device(row.phone, row.vendor_id) for row in rows}
    return found
