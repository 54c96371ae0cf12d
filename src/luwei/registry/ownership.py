"""When a vehicle lay within a scope: what was recorded in March is for whoever had the truck in March.

The table ``binding`` knows spans. Of each sort the first known one counts backwards without end: what was recorded
before anybody wrote a binding down is for the first that was. Terminals come and go too, but a vendor sees its devices
as they are now (tracks are not for vendors).
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from luwei.registry import bindings, jurisdiction
from luwei.registry.binding import AREA, INSURER, MONITOR, OPERATOR
from luwei.registry.bindings import Span
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

Spans = list[tuple[int, int]]
"""[from, to) in UTC ms, in order, apart from each other."""
FOREVER = 1 << 62


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
        for what, allowed in _limits(scope):
            if found:
                found = _both(found, _held(connection, what, vehicle_id, allowed))
        if scope.vendors is not None and found:
            now = Scope(vendors=scope.vendors).of_vehicles()
            if connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle_id, *now)) is None:
                return []
    return found


def changed(engine: Engine, scope: Scope, since: int, most: int) -> dict[int, Spans] | None:
    """Vehicles that came under ``scope`` or left it after ``since`` (UTC ms), each with the spans from then on in which
    it lay within it; None where there are more than ``most``. All others have been where they are now."""
    ids: set[int] = set()
    with read(engine) as connection:
        for what, allowed in [] if scope.vehicles is not None else _limits(scope):
            ids |= bindings.changed_since(connection, what, _objects(what, allowed), since, most + 1)
            if len(ids) > most:
                return None
        found: dict[int, Spans] = {key: [(since, FOREVER)] for key in sorted(ids)}
        for what, allowed in _limits(scope) if ids else []:
            known: dict[int, list[Span]] = {}
            for span in bindings.spans(connection, list(ids), what):
                known.setdefault(span.subject_id, []).append(span)
            found = {key: _both(parts, _within(known.get(key, []), what, allowed)) for key, parts in found.items()}
        if scope.vendors is not None:
            now = Scope(vendors=scope.vendors).of_vehicles()
            theirs = set(connection.scalars(select(Vehicle.id).where(Vehicle.id.in_(sorted(ids)), *now)))
            found = {key: parts if key in theirs else [] for key, parts in found.items()}
    return found


def _objects(what: str, allowed: frozenset[int]) -> list[tuple[int, int]]:
    """Ranges of ids (both included) that a binding may name to lie within ``allowed``; a city holds its counties."""
    if what != AREA:
        return [(key, key) for key in sorted(allowed)]
    inside = allowed | {county for county, city in jurisdiction.counties().items() if city in allowed}
    towns = [(city * 1_000, city * 1_000 + 999) for city in sorted(allowed & jurisdiction.WITHOUT_COUNTIES)]
    return [(key, key) for key in sorted(inside)] + towns


def _limits(scope: Scope) -> list[tuple[str, frozenset[int]]]:
    """What must have been bound to one of which."""
    sorts = (
        (OPERATOR, scope.operators), (MONITOR, scope.monitors), (INSURER, scope.insurers), (AREA, scope.cities),
        (AREA, scope.counties),
    )  # fmt: skip
    return [(what, allowed) for what, allowed in sorts if allowed is not None]


def covers(found: Spans, at: int) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= at < end for start, end in found)


def _held(connection: Connection, what: str, vehicle_id: int, allowed: frozenset[int]) -> Spans:
    return _within(bindings.spans(connection, [vehicle_id], what), what, allowed)


def _within(known: list[Span], what: str, allowed: frozenset[int]) -> Spans:
    """Those of one vehicle's spans in which it was bound to one of ``allowed``; a city holds what its counties hold."""
    held = []
    for number, span in enumerate(known):
        inside = span.object_id in allowed
        if what == AREA and not inside:
            inside = jurisdiction.city_of(span.object_id) in allowed
        if inside:
            held.append((0 if number == 0 else span.from_at, FOREVER if span.to_at is None else span.to_at))
    return held


def _both(one: Spans, other: Spans) -> Spans:
    found = []
    for start, end in one:
        for first, last in other:
            low, high = max(start, first), min(end, last)
            if low < high:
                found.append((low, high))
    return sorted(found)
