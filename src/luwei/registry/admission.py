"""Admission: which terminals may speak, as the gateways ask it, for hundreds of phones at once.

Two policies. ``known``: only terminals of the registry; what a registration claims is compared with the registered
vehicle, never trusted (reference §11.2, 11). ``open``: a terminal nobody knows is taken in together with its vehicle;
terminals and vehicles that a person or a file entered keep the known rules even then.

Several gateway processes register at once. Each batch that writes is one transaction; SQLite serialises them by BEGIN
IMMEDIATE, PostgreSQL by an advisory lock. Writers outside (console, import) are met by the unique constraints: the
batch is then decided again from what is there now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from luwei.registry import audit, bindings
from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL
from luwei.registry.engine import read, reserve_ids, write
from luwei.registry.registration import (
    Admitted,
    Decision,
    Desk,
    Mark,
    Policy,
    RegistrationAnswer,
    RegistrationRequest,
    TerminalRow,
    VehicleRow,
)
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

__all__ = ["Admission", "Admitted", "Policy", "RegistrationAnswer", "RegistrationRequest"]

REGISTER_LOCK = 0x6C757272
"""Key of the PostgreSQL advisory lock around a batch that writes."""
ATTEMPTS = 8
REGISTRATION = audit.Actor(None, "0x0100")
"""Who changed a row by registering: the terminal itself."""

_ANY = {"sqlite": "IN (SELECT value FROM json_each(:keys))", "postgresql": "= ANY(:keys)"}
"""One bound parameter whatever the number of keys: the statement stays the same, so it stays prepared."""

_LOOKUP = (
    "SELECT phone, id, vehicle_id, code, edition, unregister_pending_at FROM terminal"
    " WHERE phone {any} AND vehicle_id IS NOT NULL"
)
_TERMINALS = (
    "SELECT id, phone, terminal_id, manufacturer_id, model, edition, code, unregister_pending_at, source, vehicle_id"
    " FROM terminal WHERE {column} {any}"
)
_VEHICLES = "SELECT id, plate, plate_color, vin, city, county, source FROM vehicle WHERE {column} {any}"


class Admission:
    """The gateways' view of the registry. Thread-safe; every method blocks, so it is called from a thread."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self.engine = engine
        self.policy: Policy = policy
        self._any = _ANY[engine.dialect.name]

    def lookup(self, phones: Sequence[str]) -> dict[str, Admitted]:
        """Terminals of ``phones`` (canonical) that have a vehicle, by phone; one query. Unknown ones are left out."""
        if not phones:
            return {}
        with read(self.engine) as connection:
            rows = connection.execute(text(_LOOKUP.format(any=self._any)), {"keys": self._keys(phones)}).all()
        return {
            phone: Admitted(key, vehicle, phone, code, edition, pending is not None)
            for phone, key, vehicle, code, edition, pending in rows
        }

    def register(self, requests: Sequence[RegistrationRequest]) -> list[RegistrationAnswer]:
        """Decide ``requests`` in order, in one transaction, and write down what follows; one answer each.

        Repeated registrations that change nothing cost reads only. Raises sqlalchemy.exc.OperationalError when the
        database cannot be reached or stays locked.
        """
        if not requests:
            return []
        with read(self.engine) as connection:
            desk = self._open_desk(connection, requests)
            decisions = desk.decide(requests)
        if not desk.changed:
            return [decision.answer() for decision in decisions]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return [decision.answer() for decision in self._register_once(requests)]
            except (IntegrityError, OperationalError) as error:
                # Another writer came first (a unique constraint, PostgreSQL's deadlock): look at what is there now.
                lost_race = isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") == "40P01"
                if attempt == ATTEMPTS or not lost_race:
                    raise
        raise AssertionError("unreachable")

    def unregister(self, phones: Sequence[str]) -> None:
        """0x0003: mark the terminals; vehicle and code stay (reference §11.2, 12)."""
        self._set_pending(phones, now_ms(), "unregister_pending_at IS NULL")

    def resume(self, phones: Sequence[str]) -> None:
        """Take the mark of ``unregister`` away: the terminals authenticated again."""
        self._set_pending(phones, None, "unregister_pending_at IS NOT NULL")

    def _set_pending(self, phones: Sequence[str], at: int | None, condition: str) -> None:
        if not phones:
            return
        statement = f"UPDATE terminal SET unregister_pending_at = :at WHERE phone {self._any} AND {condition}"  # noqa: S608
        with write(self.engine) as connection:
            connection.execute(text(statement), {"at": at, "keys": self._keys(phones)})

    def _keys(self, values: Sequence[Any]) -> Any:
        # What is not printable is no key of ours, and PostgreSQL would refuse the whole batch for a 0x00 in it.
        usable = [value for value in values if not isinstance(value, str) or value.isprintable()]
        return json.dumps(usable) if self.engine.dialect.name == "sqlite" else usable

    def _register_once(self, requests: Sequence[RegistrationRequest]) -> list[Decision]:
        with write(self.engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": REGISTER_LOCK})
            desk = self._open_desk(connection, requests)
            decisions = desk.decide(requests)
            told = _told(connection, desk)
            _write_vehicles(connection, list(desk.changed_vehicles.values()))
            before = _seats(connection, list(desk.changed_terminals.values()))
            _write_terminals(connection, list(desk.changed_terminals.values()))
            _settle(connection, desk, before)
            _record(connection, desk, told)
            return decisions

    def _open_desk(self, connection: Connection, requests: Sequence[RegistrationRequest]) -> Desk:
        """Fetch the terminals of the phones, the vehicles of the plates and VINs, and whoever is bound to those."""
        desk = Desk(self.policy)
        marks = [Mark.of(request) for request in requests]
        phones = sorted({request.phone for request in requests})
        names = sorted({mark.plate for mark in marks if mark.plate} | set(phones))
        vins = sorted({mark.vin for mark in marks if mark.vin})

        def fetch(statement: str, column: str, keys: Sequence[Any]) -> list[Any]:
            if not keys:
                return []
            statement = statement.format(column=column, any=self._any)
            return list(connection.execute(text(statement), {"keys": self._keys(keys)}))

        terminals = {row.id: row for row in fetch(_TERMINALS, "phone", phones)}
        vehicles = {row.id: row for row in fetch(_VEHICLES, "plate", names) + fetch(_VEHICLES, "vin", vins)}
        missing = sorted({row.vehicle_id for row in terminals.values() if row.vehicle_id} - vehicles.keys())
        vehicles |= {row.id: row for row in fetch(_VEHICLES, "id", missing)}
        terminals |= {row.id: row for row in fetch(_TERMINALS, "vehicle_id", sorted(vehicles))}
        by_id = {key: VehicleRow(*row) for key, row in vehicles.items()}
        for vehicle in by_id.values():
            desk.put(vehicle)
        for row in terminals.values():
            terminal = TerminalRow(*row[:9])
            desk.terminals[terminal.phone] = terminal
            if row.vehicle_id:
                vehicle = by_id[row.vehicle_id]
                terminal.vehicle, vehicle.terminal = vehicle, terminal
        return desk


def _write_vehicles(connection: Connection, rows: list[VehicleRow]) -> None:
    at = now_ms()
    fresh, stored = [row for row in rows if not row.id], [row for row in rows if row.id]
    _insert(
        connection,
        Vehicle,
        fresh,
        lambda row: _vehicle_values(row) | {"vehicle_class": "other", "vin_confirmed": False, "created_at": at},
    )
    if stored:
        changes = [_vehicle_values(row) | {"key": row.id} for row in stored]
        names = ("plate", "plate_color", "vin")
        statement = update(Vehicle).where(Vehicle.id == bindparam("key"))
        connection.execute(statement.values({name: bindparam(name) for name in names} | {"updated_at": at}), changes)


def _write_terminals(connection: Connection, rows: list[TerminalRow]) -> None:
    at = now_ms()
    fresh, stored = [row for row in rows if not row.id], [row for row in rows if row.id]
    if stored:
        # First let go of every vehicle, then take: two terminals may change places within the batch.
        connection.execute(
            text("UPDATE terminal SET vehicle_id = NULL WHERE id = :key"), [{"key": r.id} for r in stored]
        )
        changes = [_terminal_values(row, at) | {"key": row.id} for row in stored]
        names = [name for name in changes[0] if name not in ("key", "phone", "source")]
        statement = update(Terminal).where(Terminal.id == bindparam("key"))
        connection.execute(statement.values({name: bindparam(name) for name in names}), changes)
    _insert(connection, Terminal, fresh, lambda row: _terminal_values(row, at) | {"created_at": at})


def _seats(connection: Connection, rows: list[TerminalRow]) -> list[int]:
    """The vehicles that the stored ones of ``rows`` sit in before anything is written."""
    stored = [row.id for row in rows if row.id]
    found = select(Terminal.vehicle_id).where(Terminal.id.in_(stored), Terminal.vehicle_id.is_not(None))
    return [key for key in connection.scalars(found) if key is not None] if stored else []


def _settle(connection: Connection, desk: Desk, before: list[int]) -> None:
    """Write down since when the terminals sit where they sit now, and whose the new vehicles are."""
    seats: dict[int, int | None] = dict.fromkeys(before)
    seats |= {row.vehicle.id: row.id for row in desk.changed_terminals.values() if row.vehicle is not None}
    bindings.settle(connection, TERMINAL, seats)
    places = {row.id: {"city": row.city, "county": row.county} for row in desk.changed_vehicles.values()}
    bindings.settle_vehicles(connection, places)


_NOUNS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "vehicle": (Vehicle, ("plate", "plate_color", "vin", "city", "county", "source")),
    "terminal": (Terminal, ("phone", "terminal_id", "manufacturer_id", "model", "edition", "vehicle_id", "source")),
}
"""What the audit log tells of a registration; never the code, and not that the same device came again."""


def _told(connection: Connection, desk: Desk) -> dict[str, dict[int, dict[str, Any]]]:
    """The stored ones of the rows that will be written, as they are now."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for noun, rows in (("vehicle", desk.changed_vehicles), ("terminal", desk.changed_terminals)):
        model, names = _NOUNS[noun]
        keys = [row.id for row in rows.values() if row.id]
        columns = (model.id, *(getattr(model, name) for name in names))
        stored = connection.execute(select(*columns).where(model.id.in_(keys))) if keys else ()
        found[noun] = {key: dict(zip(names, rest, strict=True)) for key, *rest in stored}
    return found


def _record(connection: Connection, desk: Desk, before: dict[str, dict[int, dict[str, Any]]]) -> None:
    """What terminals brought into the registry stands in its history like what people did."""
    for noun, rows in (("vehicle", desk.changed_vehicles), ("terminal", desk.changed_terminals)):
        names = _NOUNS[noun][1]
        fresh, changed = [], []
        for row in rows.values():
            after = {name: getattr(row, name) for name in names if name != "vehicle_id"}
            if isinstance(row, TerminalRow):
                after["vehicle_id"] = row.vehicle.id if row.vehicle else None
            if row.id not in before[noun]:
                fresh.append((row.id, after))
            elif differs := audit.changes(before[noun][row.id], after):
                changed.append((row.id, differs))
        audit.record_many(connection, REGISTRATION, f"{noun}.create", fresh)
        audit.record_many(connection, REGISTRATION, f"{noun}.change", changed)


def _insert(connection: Connection, noun: Any, rows: list[Any], values: Any) -> None:
    """Insert ``rows`` and give each its id."""
    if not rows:
        return
    for row, key in zip(rows, reserve_ids(connection, noun.__tablename__, len(rows)), strict=True):
        row.id = key
    connection.execute(insert(noun), [values(row) | {"id": row.id} for row in rows])


def _vehicle_values(row: VehicleRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("plate", "plate_color", "vin", "city", "county", "source")}


def _terminal_values(row: TerminalRow, at: int) -> dict[str, Any]:
    names = ("phone", "terminal_id", "manufacturer_id", "model", "edition", "code", "source")
    return {name: getattr(row, name) for name in names} | {
        "vehicle_id": row.vehicle.id if row.vehicle else None,
        "unregister_pending_at": row.pending_at,
        "registered_at": at,
        "updated_at": at,
    }
