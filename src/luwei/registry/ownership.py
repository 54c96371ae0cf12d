"""When a vehicle lay within a scope: what was recorded in March is for whoever had the truck in March.

The table ``binding`` knows spans. Of each sort the first known one counts backwards without end: what was recorded
before anybody wrote a binding down is for the first that was. Terminals come and go too, but a vendor sees its devices
as they are now (tracks are not for vendors).
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from luwei.registry import bindings, jurisdiction
from luwei.registry.binding import AREA, INSURER, MONITOR, OPERATOR
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

Spans = list[tuple[int, int]]
"""[from, to) in UTC ms, in order, apart from each other."""


def spans(engine: Engine, scope: Scope, vehicle_id: int, start: int, end: int) -> Spans:
    """The parts of [start, end) in which the vehicle lay within ``scope``; none where there is no such vehicle."""
    with read(engine) as connection:
        if connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle_id)) is None:
            return []
        if scope.drivers is not None and scope.vehicles is None:
            return []
        if scope.vehicles is not None and vehicle_id not in scope.vehicles:
            return []
        found: Spans = [(start, end)] if start < end else []
        limits = (
            (OPERATOR, scope.operators), (MONITOR, scope.monitors), (INSURER, scope.insurers),
            (AREA, scope.cities), (AREA, scope.counties),
        )  # fmt: skip
        for what, allowed in limits:
            if allowed is not None and found:
                found = _both(found, _held(connection, what, vehicle_id, allowed))
        if scope.vendors is not None and found:
            now = Scope(vendors=scope.vendors).of_vehicles()
            if connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle_id, *now)) is None:
                return []
    return found


def covers(found: Spans, at: int) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= at < end for start, end in found)


def _held(connection: Connection, what: str, vehicle_id: int, allowed: frozenset[int]) -> Spans:
    """Spans in which the vehicle was bound to one of ``allowed``; a city holds what its counties hold."""
    known = bindings.spans(connection, [vehicle_id], what)
    held = []
    for number, span in enumerate(known):
        inside = span.object_id in allowed
        if what == AREA and not inside:
            inside = jurisdiction.city_of(span.object_id) in allowed
        if inside:
            held.append((0 if number == 0 else span.from_at, 1 << 62 if span.to_at is None else span.to_at))
    return held


def _both(one: Spans, other: Spans) -> Spans:
    found = []
    for start, end in one:
        for first, last in other:
            low, high = max(start, first), min(end, last)
            if low < high:
                found.append((low, high))
    return sorted(found)
