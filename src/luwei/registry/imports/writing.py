"""Writing what a plan came to: new and changed rows, their spans, and an audit entry for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from luwei.registry import audit, bindings, organisations, terminals, vehicles
from luwei.registry.audit import changes
from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL, VENDOR
from luwei.registry.engine import reserve_ids
from luwei.registry.imports.plain import PlainPlan
from luwei.registry.imports.plan import Stored
from luwei.registry.organisation import OPERATOR, Organisation
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

_TABLES: dict[str, Any] = {"organisation": Organisation, "vehicle": Vehicle, "terminal": Terminal}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "organisation": dict.fromkeys(organisations.FIELDS) | {"kind": OPERATOR},
    "vehicle": dict.fromkeys(vehicles.FIELDS) | {"vehicle_class": "other", "vin_confirmed": False},
    "terminal": dict.fromkeys((*terminals.FIELDS, "code"))
    | {"terminal_id": "", "manufacturer_id": "", "model": "", "edition": 2019},
}


def write_plain(connection: Connection, plan: PlainPlan, actor: audit.Actor) -> list[int]:
    """Write the rows that a plan of a plain noun touched; their ids."""
    noun = plan.kept.noun
    rows = list(plan.touched.values())
    fresh = [row for row in rows if row.before is None]
    changed = [row for row in rows if row.before is not None]
    _update(connection, noun.model, [(row.id, {name: row.values[name] for name in noun.fields}) for row in changed])
    told = [(row.id, changes(row.before or {}, row.values)) for row in changed]
    audit.record_many(connection, actor, f"{noun.name}.change", told)
    _insert(connection, noun.model, fresh, [row.values for row in fresh])
    created = [(row.id, {name: value for name, value in row.values.items() if value is not None}) for row in fresh]
    audit.record_many(connection, actor, f"{noun.name}.create", created)
    noun.settle(connection, {row.id: row.values for row in rows})
    return [row.id for row in (*fresh, *changed)]


def write_rows(connection: Connection, kind: str, rows: list[Stored], actor: audit.Actor) -> list[int]:
    """Write new and changed rows of one table with an audit entry each; their ids."""
    differs = {id(row): row.settle() for row in rows}
    fresh = [row for row in rows if row.before is None]
    changed = [row for row in rows if row.before is not None and differs[id(row)]]
    left: dict[int, int | None] = {}
    if kind == "terminal" and (moved := [row for row in changed if "vehicle_id" in differs[id(row)]]):
        # First let go of every vehicle, then take: two terminals may change places within the file.
        release = update(Terminal).where(Terminal.id == bindparam("key")).values(vehicle_id=None)
        connection.execute(release, [{"key": row.id} for row in moved])
        before = (differs[id(row)]["vehicle_id"][0] for row in moved)
        left = {vehicle: None for vehicle in before if vehicle is not None}
    _update(connection, _TABLES[kind], [(row.id, row.values) for row in changed])
    told = [(row.id, {name: both for name, both in differs[id(row)].items() if name != "code"}) for row in changed]
    audit.record_many(connection, actor, f"{kind}.change", told)
    _insert(connection, _TABLES[kind], fresh, [_DEFAULTS[kind] | row.values for row in fresh])
    audit.record_many(connection, actor, f"{kind}.create", [(row.id, row.values) for row in fresh])
    _settle(connection, kind, [*fresh, *changed], left)
    return [row.id for row in (*fresh, *changed)]


def _update(connection: Connection, model: Any, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
    if not rows:
        return
    names = [name for name in rows[0][1] if name != "id"]
    statement = update(model).where(model.id == bindparam("key"))
    statement = statement.values({name: bindparam(f"new_{name}") for name in names} | {"updated_at": now_ms()})
    connection.execute(
        statement, [{"key": key} | {f"new_{name}": values[name] for name in names} for key, values in rows]
    )


def _insert(connection: Connection, model: Any, rows: Sequence[Any], values: Sequence[dict[str, Any]]) -> None:
    """Insert ``values`` and give each of ``rows`` its id."""
    if not rows:
        return
    at = now_ms()
    for row, key in zip(rows, reserve_ids(connection, model.__tablename__, len(rows)), strict=True):
        row.id = key
    stamp = {"created_at": at, "updated_at": at}
    connection.execute(insert(model), [given | stamp | {"id": row.id} for row, given in zip(rows, values, strict=True)])


def _settle(connection: Connection, kind: str, rows: list[Stored], left: dict[int, int | None]) -> None:
    """Open and close the spans of what was written; ``left`` are vehicles whose terminal went."""
    if kind == "vehicle":
        bindings.settle_vehicles(connection, {row.id: row.values for row in rows})
    elif kind == "terminal":
        seats = {row.values["vehicle_id"]: row.id for row in rows if row.values.get("vehicle_id") is not None}
        bindings.settle(connection, TERMINAL, left | seats)
        bindings.settle(connection, VENDOR, {row.id: row.values.get("vendor_id") for row in rows})
