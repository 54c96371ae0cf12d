"""When a vehicle lay within a scope: what was recorded in March is for whoever had the truck in March.

The table ``binding`` knows spans. Of each sort the first known one counts backwards without end: what was recorded
before anybody wrote a binding down is for the first that was. Terminals come and go too, but a vendor sees its devices
as they are now, and a grant names trucks whatever their owner. A driver looks back at what he drove
(``luwei.registry.wheel``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, exists, false, or_, select

from luwei.registry import bindings, gone, jurisdiction, wheel
from luwei.registry.binding import AREA, INSURER, MONITOR, OPERATOR, Binding
from luwei.registry.bindings import Span
from luwei.registry.engine import read
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

Spans = list[tuple[int, int]]
"""[from, to) in UTC ms, in order, apart from each other."""
FOREVER = wheel.FOREVER


def spans(engine: Engine, scope: Scope, vehicle_id: int, start: int, end: int) -> Spans:
    """The parts of [start, end) in which the vehicle lay within ``scope``; none where there is no such vehicle."""
    with read(engine) as connection:
        if connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle_id)) is None:
            return []
        if scope.drivers is not None and scope.vehicles is None:
            return []
        found: Spans = [(start, end)] if start < end else []
        if scope.wheel is not None:
            keys = gone.known_as(connection, "vehicle", vehicle_id)
            driven = wheel.parts(connection, scope.wheel, start, end, keys)
            found = sorted(part for each in driven.values() for part in each)
        elif scope.vehicles is not None and vehicle_id not in scope.vehicles:
            return []
        for what, allowed in _limits(scope):
            if found:
                known = bindings.spans(connection, [vehicle_id], what)
                found = _both(found, _held(known, what, allowed))
        if scope.vendors is not None and found:
            now = Scope(vendors=scope.vendors).of_vehicles()
            if connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle_id, *now)) is None:
                return []
    return found


def held(scope: Scope, vehicle: Any, at: Any) -> list[ColumnElement[bool]]:
    """Conditions on rows that name a vehicle and an instant (SQL expressions; UTC ms): it lay in ``scope`` then.

    Rows of no vehicle are seen by who sees everything. Empty for the whole province.
    """
    if scope.whole:
        return []
    if scope.aggregate or (scope.drivers is not None and scope.vehicles is None):
        return [false()]
    found: list[ColumnElement[bool]] = [vehicle.is_not(None)]
    for what, allowed in _limits(scope):
        theirs = (Binding.what == what, bindings.among(_objects(what, allowed)))
        if what != AREA:
            # An organisation has few trucks: their rows are found by the vehicle, not by looking at all.
            found.append(vehicle.in_(select(Binding.subject_id).where(*theirs)))
        at_its_time = (Binding.counts_from <= at, or_(Binding.to_at.is_(None), Binding.to_at > at))
        found.append(exists().where(Binding.subject_id == vehicle, *theirs, *at_its_time))
    if scope.wheel is not None:
        found.append(wheel.drove(scope.wheel, vehicle, at))
    elif scope.vehicles is not None:
        found.append(vehicle.in_(sorted(scope.vehicles)))
    if scope.vendors is not None:
        now = Scope(vendors=scope.vendors).of_vehicles()
        found.append(vehicle.in_(select(Vehicle.id).where(*now)))
    return found


def changed(engine: Engine, scope: Scope, since: int, most: int) -> dict[int, Spans] | None:
    """Vehicles that came under ``scope`` or left it after ``since`` (UTC ms), or may have, each with the spans from
    then on in which it lay within it; None where there are more than ``most``. All others have been where they
    are now."""
    limits = list(_limits(scope))
    ids: set[int] = set(scope.vehicles or ()) if limits or scope.wheel is not None else set()
    with read(engine) as connection:
        driven = wheel.parts(connection, scope.wheel, since, FOREVER) if scope.wheel is not None else None
        ids |= set(driven or ())
        for what, allowed in [] if scope.vehicles is not None else limits:
            ids |= bindings.changed_since(connection, what, _objects(what, allowed), since, most + 1)
        if len(ids) > most:
            return None
        whole: Spans = [(since, FOREVER)]
        found: dict[int, Spans] = {key: whole if driven is None else driven.get(key, []) for key in sorted(ids)}
        for what, allowed in limits if ids else []:
            known: dict[int, list[Span]] = {}
            for span in bindings.spans(connection, list(ids), what):
                known.setdefault(span.subject_id, []).append(span)
            found = {key: _both(parts, _held(known.get(key, ()), what, allowed)) for key, parts in found.items()}
        if scope.vendors is not None:
            now = Scope(vendors=scope.vendors).of_vehicles()
            theirs = set(connection.scalars(select(Vehicle.id).where(Vehicle.id.in_(sorted(ids)), *now)))
            found = {key: parts if key in theirs else [] for key, parts in found.items()}
    return found


def covers(found: Spans, at: int) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start <= at < end for start, end in found)


def covers_all(found: Spans, start: int, end: int) -> bool:
    """Whether [start, end) lies in spans that touch one another: a truck that went from one fleet of a company to
    another never left the company."""
    for low, high in found:
        if low <= start < high:
            start = high
    return start >= end


def _limits(scope: Scope) -> Iterable[tuple[str, frozenset[int]]]:
    """What of a scope has spans, with the objects that it allows."""
    limits = (
        (OPERATOR, scope.operators), (MONITOR, scope.monitors), (INSURER, scope.insurers), (AREA, scope.cities),
        (AREA, scope.counties),
    )  # fmt: skip
    return [(what, allowed) for what, allowed in limits if allowed is not None]


def _objects(what: str, allowed: frozenset[int]) -> list[tuple[int, int]]:
    """Ranges of ids (both included) that a binding may name to lie within ``allowed``; a city holds what its counties
    and towns hold."""
    if what != AREA:
        return [(key, key) for key in sorted(allowed)]
    inside = allowed | {county for county, city in jurisdiction.counties().items() if city in allowed}
    towns = [(city * 1_000, city * 1_000 + 999) for city in sorted(allowed & jurisdiction.WITHOUT_COUNTIES)]
    return [(key, key) for key in sorted(inside)] + towns


def _held(known: Sequence[Span], what: str, allowed: frozenset[int]) -> Spans:
    """Spans in which the vehicle was bound to one of ``allowed``; a city holds what its counties hold."""
    return [
        (span.counts_from, FOREVER if span.to_at is None else span.to_at)
        for span in known
        if span.object_id in allowed or (what == AREA and jurisdiction.city_of(span.object_id) in allowed)
    ]


def _both(one: Spans, other: Spans) -> Spans:
    found = []
    for start, end in one:
        for first, last in other:
            low, high = max(start, first), min(end, last)
            if low < high:
                found.append((low, high))
    return sorted(found)
