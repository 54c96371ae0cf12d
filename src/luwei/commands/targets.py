"""Which terminals a command is for: named vehicles or phones, or a selection, always within the caller's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from luwei.commands.journal import Target
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

TARGETS_MAX = 50_000
_AT_ONCE = 500


class OutsideScope(RegistryError):
    """There is no such vehicle or phone in the jurisdiction; whether there is one elsewhere is not told."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Vehicles by place, owner, class, model; None is any. ``among`` bounds the ids (those in a live state)."""

    city: int | None = None
    county: int | None = None
    operator: int | None = None
    vehicle_class: str | None = None
    model: str | None = None
    among: frozenset[int] | None = None

    def conditions(self) -> list[Any]:
        limits = (
            (Vehicle.city, self.city), (Vehicle.county, self.county), (Vehicle.operator_id, self.operator),
            (Vehicle.vehicle_class, self.vehicle_class), (Terminal.model, self.model),
        )  # fmt: skip
        return [column == value for column, value in limits if value is not None]


def named(engine: Engine, scope: Scope, vehicles: Sequence[int], phones: Sequence[str]) -> tuple[list[Target], int]:
    """Targets and the number of vehicles without a terminal.

    Raises NotFound for an unknown vehicle or phone, OutsideScope (it does not say which) for an unknown one and for one
    of another jurisdiction where the scope is a part, RegistryError where a single vehicle has no terminal.
    """
    found: dict[int, Target | None] = {}
    with read(engine) as connection:
        for start in range(0, len(vehicles), _AT_ONCE):
            keys = list(vehicles[start : start + _AT_ONCE])
            rows = _rows(connection, Vehicle.id.in_(keys), scope)
            for key in keys:
                found[key] = _target(rows.get(key), scope, "vehicles", key)
        for start in range(0, len(phones), _AT_ONCE):
            part = list(phones[start : start + _AT_ONCE])
            by_phone = {row.phone: row for row in _rows(connection, Terminal.phone.in_(part), scope).values()}
            for phone in part:
                row = by_phone.get(phone)
                target = _target(row, scope, "phones", phone)
                found[row.id if row is not None else 0] = target
    targets = [target for target in found.values() if target is not None]
    if not targets:
        raise RegistryError("vehicles", "has no terminal" if len(found) == 1 else "none of them has a terminal")
    return targets, len(found) - len(targets)


def selected(engine: Engine, scope: Scope, chosen: Selection) -> tuple[list[Target], int]:
    """The targets of a selection and the number of its vehicles without a terminal.

    Raises RegistryError when there is none or more than TARGETS_MAX.
    """
    statement = (
        select(Vehicle.id, Terminal.phone)
        .outerjoin(Terminal, Terminal.vehicle_id == Vehicle.id)
        .where(*scope.of_vehicles(), *chosen.conditions())
        .order_by(Vehicle.id)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    among = chosen.among
    kept = [row for row in rows if among is None or row.id in among]
    targets = [Target(row.id, row.phone) for row in kept if row.phone is not None]
    if not targets:
        raise RegistryError("filter", "selects no vehicle with a terminal")
    if len(targets) > TARGETS_MAX:
        raise RegistryError("filter", f"selects {len(targets)} vehicles, at most {TARGETS_MAX} at once")
    return targets, len(kept) - len(targets)


def _rows(connection: Connection, condition: Any, scope: Scope) -> dict[int, Any]:
    statement = (
        select(Vehicle.id, Terminal.phone)
        .outerjoin(Terminal, Terminal.vehicle_id == Vehicle.id)
        .where(condition, *scope.of_vehicles())
    )
    return {row.id: row for row in connection.execute(statement)}


def _target(row: Any, scope: Scope, field: str, given: object) -> Target | None:
    if row is None:
        what = f"there is no {'terminal with phone' if field == 'phones' else 'vehicle'} {given}"
        if scope.whole:
            raise NotFound(field, what, given)
        raise OutsideScope(field, f"{what} in your jurisdiction", given)
    return None if row.phone is None else Target(row.id, row.phone)
