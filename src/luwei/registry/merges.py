"""Merging two records that were found to be one: vehicles, terminals, organisations, drivers.

The survivor keeps its id and takes the fields that were chosen from the loser; everything that pointed to the loser
points to the survivor. The loser's row goes, so that no list, count or unique key needs to know of it; its tombstone
(table ``merge``) leads to the survivor and holds what is needed to undo the merge. Spans of the loser stay under its
id, closed at the merge: facts of the history carry that id for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from luwei.registry import (
    audit,
    bindings,
    conflict,
    drivers,
    gone,
    organisations,
    pointing,
    reach,
    terminals,
    vehicles,
)
from luwei.registry.base import now_ms
from luwei.registry.binding import EMPLOYER, SIM, TERMINAL, VENDOR, Binding
from luwei.registry.binding_views import OBJECTS
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.merge import Merge
from luwei.registry.organisation import OPERATING, Organisation
from luwei.registry.pointing import Moved
from luwei.registry.scope import Scope
from luwei.registry.sim import Sim
from luwei.registry.terminal import Terminal

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "vehicle": vehicles.FIELDS,
        "terminal": terminals.FIELDS,
        "organisation": tuple(name for name in organisations.FIELDS if name not in ("kind", "disabled_at")),
        "driver": drivers.FIELDS,
    }
)
"""Fields that are chosen one by one, by noun."""

_CHECKS = {
    "vehicle": vehicles.check,
    "terminal": terminals.check,
    "organisation": organisations.check,
    "driver": drivers.check,
}
_ALONG = {"phone": ("code", "registered_at", "unregister_pending_at")}
"""Columns that go with a field: an authentication code belongs to the phone it was given to."""

_SPANS = "binding.object_id"
"""Spans of former owners, which are no rows that point to a record now."""

SURVIVOR, LOSER = "survivor", "loser"


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field of both records, and which of them is proposed."""

    field: str
    survivor: Any
    loser: Any
    differs: bool
    choice: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both records side by side before a merge; ``moves`` counts the rows that would point elsewhere."""

    survivor: dict[str, int | str]
    loser: dict[str, int | str]
    fields: list[FieldChoice]
    moves: dict[str, int]


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did."""

    merge: int
    survivor: int
    loser: int
    changed: dict[str, list[Any]]
    moved: dict[str, int]
    let_go: dict[str, int]


@dataclass(frozen=True, slots=True)
class MergeView:
    """A tombstone as the survivor's page shows it. Times in UTC ms."""

    id: int
    loser_id: int
    label: str
    at: int
    username: str
    reason: str
    undone_at: int | None


def compare(engine: Engine, noun: str, survivor: int, loser: int, scope: Scope) -> Comparison:
    """Both records field by field. Raises NotFound outside the scope, RegistryError where they cannot be merged."""
    with read(engine) as connection:
        one, other = _both(connection, noun, survivor, loser, scope)
        _require_alike(connection, noun, one, other)
        fields = [_proposed(name, getattr(one, name), getattr(other, name)) for name in FIELDS[noun]]
        model = reach.MODELS[noun]
        moves = pointing.counts(connection, noun, loser)
        return Comparison(conflict.clash(model, one), conflict.clash(model, other), fields, moves)


def merge(
    engine: Engine,
    noun: str,
    survivor: int,
    loser: int,
    choices: Mapping[str, str],
    actor: audit.Actor,
    scope: Scope,
    reason: str = "",
) -> Merged:
    """Make ``loser`` part of ``survivor``. ``choices`` says for a field whose value stays (``survivor``, ``loser``);
    what it does not name is decided as ``compare`` proposes.

    Raises NotFound outside the scope, RegistryError for an unusable choice or records that cannot be one, Conflict.
    """
    for name, choice in choices.items():
        if name not in FIELDS[noun] or choice not in (SURVIVOR, LOSER):
            raise RegistryError(f"choices.{name}", "must name a field and say survivor or loser", choice)
    with named_conflicts(engine, scope), write(engine) as connection:
        one, other = _both(connection, noun, survivor, loser, scope, lock=True)
        _require_alike(connection, noun, one, other)
        changed = _chosen(noun, one, other, choices)
        _require_scope(noun, scope, dict(one._mapping) | {name: both[1] for name, both in changed.items()})
        model = reach.MODELS[noun]
        at = now_ms()
        done = pointing.move(connection, noun, loser, survivor)
        connection.execute(delete(model).where(model.id == loser))
        values = {name: both[1] for name, both in changed.items()}
        if values:
            connection.execute(update(model).where(model.id == survivor).values(**values, updated_at=at))
        _move_spans(connection, noun, loser, survivor, done, at)
        row = {
            "noun": noun, "loser_id": loser, "survivor_id": survivor,
            "loser": json.dumps(dict(other._mapping), ensure_ascii=False, default=str),
            "survivor": json.dumps(changed, ensure_ascii=False, default=str),
            "moved": done.to_json(), "user_id": actor.user_id, "username": actor.username, "reason": reason, "at": at,
        }  # fmt: skip
        key: int = connection.execute(insert(Merge).returning(Merge.id), row).scalar_one()
        result = Merged(
            key, survivor, loser, changed, {name: len(rows) for name, rows in done.moved.items()},
            {name: len(rows) for name, rows in done.let_go.items()},
        )  # fmt: skip
        actor = replace(actor, reason=reason or actor.reason)
        told = {"loser_id": loser, "moved": result.moved, "let_go": result.let_go}
        audit.record(connection, actor, f"{noun}.merge", survivor, changed | told)
        audit.record(connection, actor, f"{noun}.merged", loser, {"survivor_id": survivor})
    return result


def undo(engine: Engine, key: int, actor: audit.Actor, scope_of: Mapping[str, Scope]) -> tuple[str, int, int]:
    """Take a merge back; (noun, survivor, loser). ``scope_of`` gives the scope by noun.

    Raises NotFound outside the scope, Conflict where a field that the merge changed was changed since.
    """
    with write(engine) as connection:
        row = connection.execute(select(Merge.__table__).where(Merge.id == key)).one_or_none()
        if row is None or row.noun not in scope_of:
            raise NotFound("id", "there is no such merge", key)
        noun, survivor, loser = row.noun, row.survivor_id, row.loser_id
        if row.undone_at is not None:
            raise Conflict("id", "this merge was undone already", key)
        model, scope = reach.MODELS[noun], scope_of[noun]
        now = reach.require(connection, noun, survivor, scope, lock=True)
        changed: dict[str, list[Any]] = json.loads(row.survivor)
        for name, (_, after) in changed.items():
            if str(getattr(now, name)) != str(after):
                raise Conflict(name, "was changed after the merge; set it by hand", getattr(now, name))
        with named_conflicts(engine, scope):
            columns = model.__table__.columns
            before = {name: pointing.typed(columns[name], both[0]) for name, both in changed.items()}
            if before:
                connection.execute(update(model).where(model.id == survivor).values(**before, updated_at=now_ms()))
            former = {name: pointing.typed(columns[name], value) for name, value in json.loads(row.loser).items()}
            if noun == "terminal" and former.get("vehicle_id") is not None:
                former |= {"vehicle_id": _free_seat(connection, former["vehicle_id"])}
            connection.execute(insert(model), former)
            done = Moved.of_json(row.moved)
            pointing.move_back(connection, noun, loser, survivor, done)
            _turn_spans(connection, [key for (key,) in done.moved.get(_SPANS, [])], survivor, loser)
        connection.execute(update(Merge).where(Merge.id == key).values(undone_at=now_ms()))
        _settle(connection, noun, (survivor, loser), now_ms())
        audit.record(connection, actor, f"{noun}.unmerge", survivor, {"loser_id": loser, "merge": key})
        audit.record(connection, actor, f"{noun}.unmerged", loser, {"survivor_id": survivor})
    return noun, survivor, loser


def of(engine: Engine, noun: str, key: int, scope: Scope) -> list[MergeView]:
    """Merges into the record, the newest first. Raises NotFound when it does not lie in the scope."""
    with read(engine) as connection:
        reach.require(connection, noun, key, scope)
        asked = select(Merge.__table__).where(Merge.noun == noun, Merge.survivor_id == key)
        rows = connection.execute(asked.order_by(Merge.id.desc())).all()
    model = reach.MODELS[noun]
    return [
        MergeView(
            row.id, row.loser_id, conflict.label(model, row.loser_id, json.loads(row.loser)), row.at, row.username,
            row.reason, row.undone_at,
        )
        for row in rows
    ]  # fmt: skip


def _both(connection: Connection, noun: str, survivor: int, loser: int, scope: Scope, lock: bool = False) -> Any:
    if noun not in FIELDS:
        raise RegistryError("noun", f"must be one of {', '.join(FIELDS)}", noun)
    if survivor == loser:
        raise RegistryError("loser_id", "must be another record", loser)
    # Always in the order of their ids, so that two merges cannot wait for one another.
    found = {key: gone.require(connection, noun, key, scope, lock) for key in sorted((survivor, loser))}
    for row in found.values():
        _require_scope(noun, scope, dict(row._mapping))
    return found[survivor], found[loser]


def _require_scope(noun: str, scope: Scope, row: Mapping[str, Any]) -> None:
    if noun == "vehicle":
        scope.require_vehicle(row)
    elif noun == "organisation":
        organisations.NOUN.cover(row, scope)
    elif noun == "driver":
        drivers.NOUN.cover(row, scope)


def _require_alike(connection: Connection, noun: str, one: Any, other: Any) -> None:
    """Organisations must be of one kind, and none may stand below the other."""
    if noun != "organisation":
        return
    if one.kind != other.kind and not (one.kind in OPERATING and other.kind in OPERATING):
        raise RegistryError("loser_id", f"is a {other.kind}, not a {one.kind}", other.id)
    for low, high in ((one, other), (other, one)):
        above = low.parent_id
        for _ in range(organisations.DEPTH):
            if above is None:
                break
            if above == high.id:
                raise RegistryError("loser_id", "one stands below the other; move it in the tree first", other.id)
            above = connection.scalar(select(Organisation.parent_id).where(Organisation.id == above))


def _proposed(name: str, survivor: Any, loser: Any) -> FieldChoice:
    empty = survivor in (None, "") and loser not in (None, "")
    return FieldChoice(name, survivor, loser, survivor != loser, LOSER if empty else SURVIVOR)


def _chosen(noun: str, one: Any, other: Any, choices: Mapping[str, str]) -> dict[str, list[Any]]:
    """``{field: [before, after]}`` of the survivor. Raises RegistryError where the values do not go together."""
    given = {}
    for name in FIELDS[noun]:
        proposed = _proposed(name, getattr(one, name), getattr(other, name))
        if proposed.differs and choices.get(name, proposed.choice) == LOSER:
            given[name] = getattr(other, name)
    if not given:
        return {}
    if noun == "vehicle" and "vin" in given:
        given.setdefault("vin_confirmed", other.vin_confirmed)
    before = {name: getattr(one, name) for name in FIELDS[noun]}
    if noun == "organisation":
        before |= {"kind": one.kind, "disabled_at": one.disabled_at}
    values = _CHECKS[noun](given, before).raise_first() if _needs_check(noun, given) else dict(given)
    for name, along in _ALONG.items():
        if noun == "terminal" and name in given:
            values |= {each: getattr(other, each) for each in along}
    return {name: [getattr(one, name), value] for name, value in values.items() if getattr(one, name) != value}


def _needs_check(noun: str, given: Mapping[str, Any]) -> bool:
    """A plate that a terminal brought (a VIN, a phone) keeps to no rule of plates and may be chosen all the same."""
    return not (noun == "vehicle" and "plate" in given)


def _move_spans(connection: Connection, noun: str, loser: int, survivor: int, done: Moved, at: int) -> None:
    if noun == "organisation":
        # Whose vehicle it was then is the survivor's too: two names of one body.
        held = [what for what, owned in OBJECTS.items() if owned == "organisation"]
        spans = select(Binding.id).where(Binding.what.in_(held), Binding.object_id == loser)
        keys = list(connection.scalars(spans))
        _turn_spans(connection, keys, loser, survivor)
        if keys:
            done.moved[_SPANS] = [[key] for key in keys]
    _settle(connection, noun, (survivor, loser), at)


def _turn_spans(connection: Connection, keys: list[int], before: int, after: int) -> None:
    for start in range(0, len(keys), 2_000):
        part = keys[start : start + 2_000]
        statement = update(Binding).where(Binding.id.in_(part), Binding.object_id == before)
        connection.execute(statement.values(object_id=after))


def _settle(connection: Connection, noun: str, keys: tuple[int, int], at: int) -> None:
    """Make the open spans of both records say what their columns say now; a record that is gone is bound to nothing."""
    model = reach.MODELS[noun]
    found = {
        row.id: dict(row._mapping) for row in connection.execute(select(model.__table__).where(model.id.in_(keys)))
    }
    empty = dict.fromkeys(("operator_id", "monitor_id", "insurer_id", "city", "county", "vendor_id"))
    rows = {key: found.get(key, empty) for key in keys}
    if noun == "vehicle":
        bindings.settle_vehicles(connection, rows, at)
        seats = select(Terminal.vehicle_id, Terminal.id).where(Terminal.vehicle_id.in_(keys))
        now: dict[int, int | None] = dict.fromkeys(keys)
        now |= {vehicle: terminal for vehicle, terminal in connection.execute(seats) if vehicle is not None}
        bindings.settle(connection, TERMINAL, now, at)
    elif noun == "terminal":
        bindings.settle(connection, VENDOR, {key: row.get("vendor_id") for key, row in rows.items()}, at)
        held = select(Binding.subject_id).where(
            Binding.what == TERMINAL, Binding.object_id.in_(keys), Binding.to_at.is_(None)
        )
        vehicles_now: dict[int, int | None] = dict.fromkeys(connection.scalars(held))
        vehicles_now |= {row["vehicle_id"]: key for key, row in rows.items() if row.get("vehicle_id") is not None}
        bindings.settle(connection, TERMINAL, vehicles_now, at)
        inside = select(Binding.subject_id).where(
            Binding.what == SIM, Binding.object_id.in_(keys), Binding.to_at.is_(None)
        )
        cards: dict[int, int | None] = dict.fromkeys(connection.scalars(inside))
        there = connection.execute(select(Sim.id, Sim.terminal_id).where(Sim.terminal_id.in_(keys)))
        cards.update((card, holder) for card, holder in there)
        bindings.settle(connection, SIM, cards, at)
    elif noun == "driver":
        bindings.settle(connection, EMPLOYER, {key: row.get("operator_id") for key, row in rows.items()}, at)


def _free_seat(connection: Connection, vehicle: int) -> int | None:
    """The vehicle, where it is still there and without a terminal."""
    there = connection.scalar(select(reach.MODELS["vehicle"].id).where(reach.MODELS["vehicle"].id == vehicle))
    taken = connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == vehicle))
    return vehicle if there is not None and taken is None else None
