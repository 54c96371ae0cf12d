"""The plan of an import: the stored rows it touches, and what they become. Nothing is written here.

Each row is checked against the stored rows and against the rows before it; only when all of it is right are the
stored rows changed in memory, so that a refused row leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from luwei.registry import conflict, jurisdiction, organisations, terminals, vehicles
from luwei.registry.audit import changes
from luwei.registry.errors import RegistryError
from luwei.registry.imports.references import AMBIGUOUS, References
from luwei.registry.imports.rows import ImportRow
from luwei.registry.organisation import OPERATING, OPERATOR, SOLE_TRADER, Organisation
from luwei.registry.plate import NO_PLATE
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import SOURCE_IMPORT, Vehicle

_CHUNK = 2_000


@dataclass(slots=True, eq=False)
class Stored:
    """A row of a table: as it was (None: new) and as it will be. ``id`` is 0 until a new row is written.

    ``operator`` and ``vehicle`` stand for references whose id may not exist yet.
    """

    id: int
    before: dict[str, Any] | None
    values: dict[str, Any]
    operator: Stored | None = None
    vehicle: Stored | None = None
    terminal: Stored | None = None

    def settle(self) -> dict[str, Any]:
        """Put the ids of the references into ``values``; what differs from before, ``{"field": [old, new]}``."""
        if self.operator is not None:
            self.values["operator_id"] = self.operator.id
        if "vehicle_id" in self.values:
            self.values["vehicle_id"] = self.vehicle.id if self.vehicle else None
        return changes(self.before or {}, self.values)


@dataclass(slots=True)
class Plan:
    """Stored rows by natural key, and those that a row touched, in order."""

    scope: Scope
    operators: dict[str, list[Stored]] = field(default_factory=dict)
    """By name and by credit code."""
    vehicles: dict[tuple[str, int], Stored] = field(default_factory=dict)
    vins: dict[str, Stored] = field(default_factory=dict)
    certificates: dict[str, Stored] = field(default_factory=dict)
    references: References = field(default_factory=References)
    terminals: dict[str, Stored] = field(default_factory=dict)
    touched: dict[str, dict[int, Stored]] = field(
        default_factory=lambda: {"organisation": {}, "vehicle": {}, "terminal": {}}
    )
    seen: dict[tuple[str, Any], int] = field(default_factory=dict)

    def load(self, connection: Connection, rows: Sequence[ImportRow]) -> None:
        """Fetch every stored row that ``rows`` name by a natural key, and the terminals of those vehicles."""
        good = [row for row in rows if not row.errors]
        self.references.load(connection, good, self.scope)
        wanted = {row.operator.get("name") for row in good}
        for column in (Organisation.name, Organisation.credit_code):
            for key, values in _fetch(connection, Organisation, organisations.FIELDS, column, wanted):
                self.operators.setdefault(values[column.key], []).append(Stored(key, dict(values), values))
        by_id: dict[int, Stored] = {}

        def put(found: Iterable[tuple[int, dict[str, Any]]]) -> None:
            for key, values in found:
                if key not in by_id:
                    by_id[key] = stored = Stored(key, dict(values), values)
                    self.vehicles[values["plate"], values["plate_color"]] = stored
                    if values["vin"]:
                        self.vins[values["vin"]] = stored
                    if values["transport_certificate"]:
                        self.certificates[values["transport_certificate"]] = stored

        put(_fetch(connection, Vehicle, vehicles.FIELDS, Vehicle.plate, {row.vehicle.get("plate") for row in good}))
        put(_fetch(connection, Vehicle, vehicles.FIELDS, Vehicle.vin, {row.vehicle.get("vin") for row in good}))
        certificates = {row.vehicle.get("transport_certificate") for row in good}
        put(_fetch(connection, Vehicle, vehicles.FIELDS, Vehicle.transport_certificate, certificates))
        names = (*terminals.FIELDS, "code")
        devices = dict(_fetch(connection, Terminal, names, Terminal.phone, {row.terminal.get("phone") for row in good}))
        put(_fetch(connection, Vehicle, vehicles.FIELDS, Vehicle.id, {v["vehicle_id"] for v in devices.values()}))
        devices |= dict(_fetch(connection, Terminal, names, Terminal.vehicle_id, set(by_id)))
        for key, values in devices.items():
            vehicle = by_id.get(values["vehicle_id"])
            stored = Stored(key, dict(values), values, vehicle=vehicle)
            self.terminals[values["phone"]] = stored
            if vehicle is not None:
                vehicle.terminal = stored

    def apply(self, noun: str, row: ImportRow) -> str:
        """Take one row in; ``created``, ``updated`` or ``unchanged``. Raises RegistryError and changes nothing."""
        return self._vehicle(row) if noun == "vehicles" else self._terminal(row)

    def _vehicle(self, row: ImportRow) -> str:
        given = row.vehicle | self.references.ids(row.references)
        phone = row.terminal.get("phone")
        key = (given["plate"], given["plate_color"])
        self._once(row, ("plate", key), "plate")
        if phone:
            self._once(row, ("phone", phone), "phone")
        device = self.terminals.get(phone) if phone else None
        stored = self.vehicles.get(key)
        if stored is None and device and device.vehicle and device.vehicle.values["plate_color"] == NO_PLATE:
            # Taken in by an open registration before its plate was known: the same truck, so the same id.
            stored = device.vehicle
        operator = self._operator_of(row, given)
        after = (stored.values if stored else {}) | given
        _check_area(after, given)
        vehicles.check_mass(after)
        self._require_free("vin", self.vins, given, stored, "another vehicle has this VIN")
        words = "another vehicle has this 道路运输证"
        self._require_free("transport_certificate", self.certificates, given, stored, words)
        place = after | {"operator_id": operator.id if operator else after.get("operator_id")}
        if not self.scope.covers_vehicle(place) or (
            stored and stored.before and not self.scope.covers_vehicle(stored.before)
        ):
            raise RegistryError("city", "must lie within your own jurisdiction", after.get("city") or "")
        if device is not None:
            self._check_free(device, stored)
        self._seen(row, ("plate", key))
        if operator is not None and operator.id == 0:
            if id(operator) not in self.touched["organisation"]:
                self.operators.setdefault(operator.values["name"], []).append(operator)
            self.touched["organisation"][id(operator)] = operator
        old_key = (stored.values["plate"], stored.values["plate_color"]) if stored else key
        vehicle, outcome = self._change("vehicle", stored, after, operator=operator)
        self.vehicles.pop(old_key, None)
        self.vehicles[key] = vehicle
        if given.get("vin"):
            self.vins[given["vin"]] = vehicle
        if given.get("transport_certificate"):
            self.certificates[given["transport_certificate"]] = vehicle
        if phone:
            self._seen(row, ("phone", phone))
            changed = self._place(device, row.terminal, vehicle)
            outcome = "updated" if outcome == "unchanged" and changed else outcome
        return outcome

    def _terminal(self, row: ImportRow) -> str:
        given = row.terminal | self.references.ids(row.references)
        self._once(row, ("phone", given["phone"]), "phone")
        device = self.terminals.get(given["phone"])
        vehicle = device.vehicle if device else None
        if row.vehicle:
            vehicle = self.vehicles.get((row.vehicle["plate"], row.vehicle["plate_color"]))
            if vehicle is None or not self.scope.covers_vehicle(vehicle.values):
                raise RegistryError("plate", "there is no such vehicle", row.vehicle["plate"])
            if vehicle.terminal not in (None, device):
                raise RegistryError("plate", "the vehicle already has a terminal", row.vehicle["plate"])
        here = [each for each in (vehicle, device.vehicle if device else None) if each]
        if not self.scope.whole and (not here or not all(self.scope.covers_vehicle(each.values) for each in here)):
            raise RegistryError(
                "phone", "must be the terminal of a vehicle within your own jurisdiction", given["phone"]
            )
        self._seen(row, ("phone", given["phone"]))
        if device is None:
            self._place(None, given, vehicle)
            return "created"
        return "updated" if self._place(device, given, vehicle) else "unchanged"

    def _operator_of(self, row: ImportRow, given: dict[str, Any]) -> Stored | None:
        """The operator that the row names; one that nobody knows yet is made, and kept once the row is taken."""
        name = row.operator.get("name")
        if not name:
            return None
        # An operator that only vehicles name so far begins where its first vehicle is supervised.
        area = {"city": given.get("city"), "county": given.get("county")}
        found = self.operators.get(name, [])
        running = [each for each in found if each.values["kind"] in OPERATING]
        mine = [each for each in running if self.scope.covers_operator(each.values | {"id": each.id})]
        here = [each for each in mine if all(each.values.get(level) == area[level] for level in ("city", "county"))]
        if len(mine) > 1 and len(here) != 1:
            raise RegistryError("operator", AMBIGUOUS, name)
        if mine:
            return mine[0] if len(mine) == 1 else here[0]
        if any(each not in running for each in found):
            raise RegistryError("operator", "is the name of an organisation that is no operator", name)
        fresh = Stored(0, None, area | {"name": name, "kind": OPERATOR})
        if any(each.values["kind"] != SOLE_TRADER for each in running):
            # One company runs trucks in many cities; only persons of one name are surely two.
            raise RegistryError("operator", "must lie within your own jurisdiction", name)
        if not self.scope.covers_operator(fresh.values | {"id": 0}):
            raise RegistryError("operator", "must lie within your own jurisdiction", name)
        return fresh

    def _require_free(
        self, name: str, holders: dict[str, Stored], given: dict[str, Any], stored: Stored | None, rule: str
    ) -> None:
        value = given.get(name)
        other = holders.get(value) if value else None
        if other is None or other is stored:
            return
        if other.id == 0 or not self.scope.covers_vehicle(other.before or other.values):
            raise RegistryError(name, f"{rule}; it exists elsewhere" if other.id else rule, value)
        raise RegistryError(name, f"{rule}: {conflict.label(Vehicle, other.id, other.values)}", value)

    def _check_free(self, device: Stored, vehicle: Stored | None) -> None:
        if device.vehicle is None and not self.scope.whole:
            raise RegistryError("phone", "belongs to a terminal outside your jurisdiction", device.values["phone"])
        if device.vehicle is not None and device.vehicle is not vehicle:
            raise RegistryError("phone", "this terminal sits in another vehicle", device.values["phone"])

    def _place(self, device: Stored | None, given: dict[str, Any], vehicle: Stored | None) -> bool:
        """Put the terminal into the vehicle; whoever sat there leaves. True when anything changed."""
        new = device is None
        values = (device.values if device else {"vehicle_id": None}) | given
        if (
            device
            and given.get("terminal_id", "") != device.values["terminal_id"]
            and device.values["terminal_id"]
            and "terminal_id" in given
        ):
            values["code"] = None
        moved = device is None or device.vehicle is not vehicle
        if moved and vehicle is not None and vehicle.terminal is not None:
            vehicle.terminal.vehicle = None
            self.touched["terminal"][id(vehicle.terminal)] = vehicle.terminal
        if moved and device is not None and device.vehicle is not None:
            device.vehicle.terminal = None
        stored, outcome = self._change("terminal", device, values)
        stored.vehicle = vehicle
        if vehicle is not None:
            vehicle.terminal = stored
        if moved:
            self.touched["terminal"][id(stored)] = stored
        self.terminals[given["phone"]] = stored
        return new or moved or outcome != "unchanged"

    def _change(
        self, noun: str, stored: Stored | None, after: dict[str, Any], operator: Stored | None = None
    ) -> tuple[Stored, str]:
        if stored is None:
            stored = Stored(0, None, after, operator=operator)
            if noun != "organisation":
                stored.values["source"] = SOURCE_IMPORT
            self.touched[noun][id(stored)] = stored
            return stored, "created"
        moved = operator is not None and operator.id != stored.values.get("operator_id")
        if not changes(stored.values, after) and not moved:
            return stored, "unchanged"
        stored.values.update(after)
        stored.operator = operator or stored.operator
        self.touched[noun][id(stored)] = stored
        return stored, "updated"

    def _once(self, row: ImportRow, key: tuple[str, Any], name: str) -> None:
        if key in self.seen:
            raise RegistryError(
                name, f"row {self.seen[key]} has the same", row.terminal.get("phone", "") if name == "phone" else key[1]
            )

    def _seen(self, row: ImportRow, key: tuple[str, Any]) -> None:
        self.seen[key] = row.number


def _check_area(after: dict[str, Any], given: dict[str, Any]) -> None:
    if ("city" in given or "county" in given) and after.get("county") is not None:
        jurisdiction.check_county(after["county"], after.get("city"))


def _fetch(
    connection: Connection, noun: Any, names: Sequence[str], column: Any, wanted: set[Any]
) -> Iterable[tuple[int, dict[str, Any]]]:
    keys = sorted(key for key in wanted if key is not None and key != "")
    columns = [noun.id, *(getattr(noun, name) for name in names)]
    fetched: list[tuple[int, dict[str, Any]]] = []
    for start in range(0, len(keys), _CHUNK):
        statement = select(*columns).where(column.in_(keys[start : start + _CHUNK]))
        fetched += [(key, dict(zip(names, rest, strict=True))) for key, *rest in connection.execute(statement)]
    return fetched
