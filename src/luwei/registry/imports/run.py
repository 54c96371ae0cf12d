"""Carrying out an import: read, check, plan, write, record."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, update

from luwei.registry import audit, bindings, organisations, terminals, vehicles
from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL, VENDOR
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, reserve_ids, write
from luwei.registry.errors import RegistryError
from luwei.registry.imports.columns import NOUNS, understand
from luwei.registry.imports.plan import Plan, Stored
from luwei.registry.imports.report import Report
from luwei.registry.imports.rows import ImportRow, typed
from luwei.registry.imports.tables import read_table
from luwei.registry.organisation import OPERATOR, Organisation
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

_TABLES: dict[str, Any] = {"organisation": Organisation, "vehicle": Vehicle, "terminal": Terminal}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "organisation": dict.fromkeys(organisations.FIELDS) | {"kind": OPERATOR},
    "vehicle": dict.fromkeys(vehicles.FIELDS) | {"vehicle_class": "other", "vin_confirmed": False},
    "terminal": dict.fromkeys((*terminals.FIELDS, "code"))
    | {"terminal_id": "", "manufacturer_id": "", "model": "", "edition": 2019},
}


def import_file(
    engine: Engine,
    noun: str,
    name: str,
    content: bytes,
    dry_run: bool = False,
    actor: audit.Actor = audit.SYSTEM,
    scope: Scope = WHOLE,
) -> Report:
    """Import the file ``name`` (.csv or .xlsx) of ``noun`` (one of NOUNS) within ``scope``.

    Rows with errors are refused and reported, the others go in, in one transaction. Raises RegistryError with field
    ``file`` when the file as a whole cannot be used, Conflict when another writer took a key in the same moment.
    """
    if noun not in NOUNS:
        raise RegistryError("noun", f"must be one of {', '.join(NOUNS)}", noun)
    table = read_table(name, content)
    header = next(table, None)
    if header is None:
        raise RegistryError("file", "is empty", name)
    columns = understand(noun, header[1])
    rows = typed(noun, columns, table)
    headers = {column.name: header[1][index] for index, column in columns.items()}
    if dry_run:
        with read(engine) as connection:
            return _plan(connection, noun, rows, headers, scope)[0]
    with named_conflicts(), write(engine) as connection:
        report, plan = _plan(connection, noun, rows, headers, scope)
        for kind in ("organisation", "vehicle", "terminal"):
            report.changed[kind] = _write(connection, kind, list(plan.touched[kind].values()), actor)
        counts = {"rows": report.rows, "created": report.created, "updated": report.updated, "refused": report.refused}
        detail = {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "noun": noun} | counts
        audit.record(connection, actor, "import.apply", detail=detail)
    return report


def _plan(
    connection: Connection, noun: str, rows: list[ImportRow], headers: dict[str, str], scope: Scope
) -> tuple[Report, Plan]:
    report, plan = Report(rows=len(rows)), Plan(scope)
    plan.load(connection, rows)
    for row in rows:
        if not row.errors:
            try:
                outcome = plan.apply(noun, row)
            except RegistryError as error:
                row.errors.append(error)
            else:
                report.created += outcome == "created"
                report.updated += outcome == "updated"
        if row.errors:
            report.refuse(row.number, row.errors, headers)
    return report, plan


def _write(connection: Connection, kind: str, rows: list[Stored], actor: audit.Actor) -> list[int]:
    """Write new and changed rows of one table with an audit entry each; their ids."""
    table, at = _TABLES[kind], now_ms()
    differs = {id(row): row.settle() for row in rows}
    fresh = [row for row in rows if row.before is None]
    changed = [row for row in rows if row.before is not None and differs[id(row)]]
    left: dict[int, int | None] = {}
    if kind == "terminal" and (moved := [row for row in changed if "vehicle_id" in differs[id(row)]]):
        # First let go of every vehicle, then take: two terminals may change places within the file.
        release = update(Terminal).where(Terminal.id == bindparam("key")).values(vehicle_id=None)
        connection.execute(release, [{"key": row.id} for row in moved])
        left = {differs[id(row)]["vehicle_id"][0]: None for row in moved}
        left.pop(None, None)  # type: ignore[call-overload]
    if changed:
        names = [name for name in changed[0].values if name != "id"]
        statement = update(table).where(table.id == bindparam("key"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in names} | {"updated_at": at})
        parameters = [{"key": row.id} | {f"new_{name}": row.values[name] for name in names} for row in changed]
        connection.execute(statement, parameters)
        told = [(row.id, {name: both for name, both in differs[id(row)].items() if name != "code"}) for row in changed]
        audit.record_many(connection, actor, f"{kind}.change", told)
    if fresh:
        stamp = {"created_at": at, "updated_at": at}
        for row, key in zip(fresh, reserve_ids(connection, kind, len(fresh)), strict=True):
            row.id = key
        parameters = [_DEFAULTS[kind] | row.values | stamp | {"id": row.id} for row in fresh]
        connection.execute(insert(table), parameters)
        audit.record_many(connection, actor, f"{kind}.create", [(row.id, row.values) for row in fresh])
    _settle(connection, kind, [*fresh, *changed], left)
    return [row.id for row in (*fresh, *changed)]


def _settle(connection: Connection, kind: str, rows: list[Stored], left: dict[int, int | None]) -> None:
    """Open and close the spans of what was written; ``left`` are vehicles whose terminal went."""
    if kind == "vehicle":
        bindings.settle_vehicles(connection, {row.id: row.values for row in rows})
    elif kind == "terminal":
        seats = {row.values["vehicle_id"]: row.id for row in rows if row.values.get("vehicle_id") is not None}
        bindings.settle(connection, TERMINAL, left | seats)
        bindings.settle(connection, VENDOR, {row.id: row.values.get("vendor_id") for row in rows})
