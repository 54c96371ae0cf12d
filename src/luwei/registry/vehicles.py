"""The vehicles of the registry: list, one, create, change. Every function takes the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.registry import audit, fields, jurisdiction, vin
from luwei.registry import plate as plates
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.operator import Operator
from luwei.registry.scope import Scope
from luwei.registry.vehicle import SOURCE_CONSOLE, VEHICLE_CLASSES, Vehicle

FIELDS = ("plate", "plate_color", "vin", "vehicle_class", "city", "county", "operator_id")

_CHECKS = {
    "vin": fields.optional(vin.check),
    "vehicle_class": fields.one_of("vehicle_class", VEHICLE_CLASSES),
    "city": fields.optional(jurisdiction.check_city),
    "operator_id": fields.optional(fields.key("operator_id")),
}


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new vehicle.

    The plate is checked together with its colour, the county together with its city.
    """
    checked = Checked()
    checked.take(
        {name: value for name, value in given.items() if name not in ("plate", "plate_color", "county")}, _CHECKS
    )
    whole = dict(before or {}) | dict(given)
    if "plate" in given or "plate_color" in given or before is None:
        color = whole.get("plate_color")
        color = color if isinstance(color, int) and not isinstance(color, bool) else -1
        unchanged = before is not None and (whole["plate"], color) == (before["plate"], before["plate_color"])
        if not unchanged:
            checked.attempt("plate", lambda: plates.check(str(whole.get("plate") or ""), color))
            checked.values["plate_color"] = color
    jurisdiction.check_area(checked, given, before or {})
    return checked


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new vehicle; its id. Raises RegistryError, or Conflict when plate or VIN belong to another."""
    values = check(given).raise_first()
    scope.require_vehicle(values)
    with named_conflicts(), write(engine) as connection:
        _require_operator(connection, values, scope)
        values |= {"source": SOURCE_CONSOLE, "created_at": now_ms(), "updated_at": now_ms()}
        values.setdefault("vehicle_class", "other")
        key: int = connection.execute(insert(Vehicle).returning(Vehicle.id), values).scalar_one()
        audit.record(connection, actor, "vehicle.create", key, dict(given))
    return key


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields. Raises NotFound outside the scope, RegistryError, or Conflict."""
    with named_conflicts(), write(engine) as connection:
        columns = [getattr(Vehicle, name) for name in FIELDS]
        found = connection.execute(select(*columns).where(Vehicle.id == key, *scope.of_vehicles())).one_or_none()
        if found is None:
            raise NotFound("id", "there is no such vehicle", key)
        row = dict(zip(FIELDS, found, strict=True))
        values = check(given, row).raise_first()
        differs = audit.changes(row, values)
        if not differs:
            return
        scope.require_vehicle(row | values)
        _require_operator(connection, values, scope)
        connection.execute(update(Vehicle).where(Vehicle.id == key).values(**values, updated_at=now_ms()))
        audit.record(connection, actor, "vehicle.change", key, differs)


def _require_operator(connection: Connection, values: Mapping[str, Any], scope: Scope) -> None:
    operator = values.get("operator_id")
    if operator is None:
        return
    found = connection.execute(select(Operator.id).where(Operator.id == operator, *scope.of_operators())).first()
    if found is None:
        raise RegistryError("operator_id", "there is no such operator", operator)
