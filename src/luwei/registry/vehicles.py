"""The vehicles of the registry: list, one, create, change. Every function takes the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.registry import audit, bindings, fields, jurisdiction, organisations, vin
from luwei.registry import plate as plates
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.organisation import INSURER, MONITOR, OPERATING
from luwei.registry.scope import Scope
from luwei.registry.vehicle import SOURCE_CONSOLE, VEHICLE_CLASSES, Vehicle

FIELDS = (
    "plate", "plate_color", "vin", "vin_confirmed", "vehicle_class", "gross_mass_kg", "owner",
    "city", "county", "transport_certificate", "certificate_valid_from", "certificate_valid_to",
    "operator_id", "monitor_id", "insurer_id",
)  # fmt: skip

BOUND = {"operator_id": OPERATING, "monitor_id": (MONITOR,), "insurer_id": (INSURER,)}
"""Kinds of organisation that each binding of a vehicle may name."""

_TOGETHER = frozenset({"plate", "plate_color", "county", "vin", "vin_confirmed"})
"""Fields whose check needs another one."""

_CHECKS = {
    "gross_mass_kg": fields.optional(fields.whole("gross_mass_kg", 500, 200_000)),
    "owner": fields.optional(fields.text("owner", 100)),
    "transport_certificate": fields.optional(fields.code("transport_certificate", 30)),
    "certificate_valid_from": fields.optional(fields.day("certificate_valid_from")),
    "certificate_valid_to": fields.optional(fields.day("certificate_valid_to")),
    "monitor_id": fields.optional(fields.key("monitor_id")),
    "insurer_id": fields.optional(fields.key("insurer_id")),
    "vehicle_class": fields.one_of("vehicle_class", VEHICLE_CLASSES),
    "city": fields.optional(jurisdiction.check_city),
    "operator_id": fields.optional(fields.key("operator_id")),
}


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new vehicle.

    Plate and colour, county and city, VIN and its confirmation, class and gross mass are checked together.
    """
    checked = Checked()
    checked.take({name: value for name, value in given.items() if name not in _TOGETHER}, _CHECKS)
    whole = dict(before or {}) | dict(given)
    if "plate" in given or "plate_color" in given or before is None:
        color = whole.get("plate_color")
        color = color if isinstance(color, int) and not isinstance(color, bool) else -1
        unchanged = before is not None and (whole["plate"], color) == (before["plate"], before["plate_color"])
        if not unchanged:
            checked.attempt("plate", lambda: plates.check(str(whole.get("plate") or ""), color))
            checked.values["plate_color"] = color
    jurisdiction.check_area(checked, given, before or {})
    _check_vin(checked, given, before or {})
    fields.check_span(checked, before or {}, "certificate_valid_from", "certificate_valid_to")
    if {"vehicle_class", "gross_mass_kg"} & checked.values.keys():
        try:
            check_mass({"vehicle_class": "other"} | whole | checked.values)
        except RegistryError as error:
            checked.errors.append(error)
    return checked


_MASS = {"general_freight_12t": (12_000, 200_000), "general_freight": (0, 11_999)}
"""Gross mass in kg, from and to, of the classes that it divides (the notice's scope: from 12 t)."""


def check_mass(row: Mapping[str, Any]) -> None:
    """Raises RegistryError where the gross mass of a whole row does not fit its class."""
    mass, kind = row.get("gross_mass_kg"), row.get("vehicle_class")
    if isinstance(mass, int) and kind in _MASS and not _MASS[kind][0] <= mass <= _MASS[kind][1]:
        raise RegistryError("gross_mass_kg", f"must fit the class: {VEHICLE_CLASSES[kind]}", mass)


def _check_vin(checked: Checked, given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    if "vin" not in given and "vin_confirmed" not in given:
        return
    text = given["vin"] if "vin" in given else before.get("vin")
    # A confirmation belongs to the VIN it was given for: another VIN needs its own.
    same = "vin" not in given or given["vin"] == before.get("vin")
    confirmed = given.get("vin_confirmed", bool(before.get("vin_confirmed")) if same else False)
    if not isinstance(confirmed, bool):
        checked.errors.append(RegistryError("vin_confirmed", "must be true or false", confirmed))
    elif text is None or not str(text).strip():
        checked.values |= {"vin": None, "vin_confirmed": False}
    else:
        checked.attempt("vin", lambda: vin.check(str(text), confirmed))
        if found := checked.values.get("vin"):
            checked.values["vin_confirmed"] = confirmed and found[8] != vin.check_digit(found)


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new vehicle; its id. Raises RegistryError, or Conflict when plate, VIN or 道路运输证 belong to another."""
    values = check(given).raise_first()
    scope.require_vehicle(values)
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        written |= values
        _require_bound(connection, values, scope)
        values |= {"source": SOURCE_CONSOLE, "created_at": now_ms(), "updated_at": now_ms()}
        values.setdefault("vehicle_class", "other")
        key: int = connection.execute(insert(Vehicle).returning(Vehicle.id), values).scalar_one()
        bindings.settle_vehicles(connection, {key: values})
        audit.record(connection, actor, "vehicle.create", key, dict(given))
    return key


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields. Raises NotFound outside the scope, RegistryError, or Conflict."""
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        columns = [getattr(Vehicle, name) for name in FIELDS]
        statement = select(*columns).where(Vehicle.id == key, *scope.of_vehicles()).with_for_update()
        found = connection.execute(statement).one_or_none()
        if found is None:
            raise NotFound("id", "there is no such vehicle", key)
        row = dict(zip(FIELDS, found, strict=True))
        values = check(given, row).raise_first()
        differs = audit.changes(row, values)
        if not differs:
            return
        written |= row | values
        scope.require_vehicle(row | values)
        _require_bound(connection, {name: values[name] for name in BOUND if name in differs}, scope)
        connection.execute(update(Vehicle).where(Vehicle.id == key).values(**values, updated_at=now_ms()))
        bindings.settle_vehicles(connection, {key: row | values})
        audit.record(connection, actor, "vehicle.change", key, differs)


def _require_bound(connection: Connection, values: Mapping[str, Any], scope: Scope) -> None:
    for name, kinds in BOUND.items():
        organisations.require(connection, name, values.get(name), kinds, scope)
