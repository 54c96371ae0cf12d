"""Bindings of one record as a person reads them, and the entry of former ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from luwei import geo
from luwei.registry import audit, bindings, gone, organisations, reach
from luwei.registry.binding import (
    AREA,
    EMPLOYER,
    INSURER,
    MONITOR,
    OPERATOR,
    SIM,
    SUBJECTS,
    TERMINAL,
    VENDOR,
    Binding,
)
from luwei.registry.conflict import LABELS
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError
from luwei.registry.jurisdiction import level_of
from luwei.registry.organisation import INSURER as INSURER_KIND
from luwei.registry.organisation import MONITOR as MONITOR_KIND
from luwei.registry.organisation import OPERATING
from luwei.registry.organisation import VENDOR as VENDOR_KIND
from luwei.registry.scope import Scope

OBJECTS = {
    OPERATOR: "organisation", MONITOR: "organisation", INSURER: "organisation", VENDOR: "organisation",
    EMPLOYER: "organisation", TERMINAL: "terminal", SIM: "terminal", AREA: "area",
}  # fmt: skip
"""Noun of ``object_id`` by ``what``; an area is an adcode."""

KINDS = {
    OPERATOR: OPERATING, EMPLOYER: OPERATING, MONITOR: (MONITOR_KIND,), INSURER: (INSURER_KIND,),
    VENDOR: (VENDOR_KIND,),
}  # fmt: skip
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Bound:
    """A record at one end of a span. ``label`` is empty where the record is gone."""

    noun: str
    id: int
    label: str


@dataclass(frozen=True, slots=True)
class BindingView:
    """One span (UTC ms; ``to_at`` None: it holds)."""

    id: int
    what: str
    subject: Bound
    object: Bound
    from_at: int
    to_at: int | None


def of(engine: Engine, noun: str, key: int, scope: Scope) -> list[BindingView]:
    """Every span of the record, as subject and as object, the newest first, at most MOST.

    Raises NotFound when the record does not lie in the scope. Of a terminal: the vehicles it sat in, its vendors, its
    cards; vehicles outside the scope are told by their id alone.
    """
    own = [what for what, subject in SUBJECTS.items() if subject == noun]
    held = [what for what, owned in OBJECTS.items() if owned == noun and noun != "organisation"]
    with read(engine) as connection:
        gone.require(connection, noun, key, scope)
        keys = gone.known_as(connection, noun, key)
        either = or_(
            Binding.what.in_(own) & Binding.subject_id.in_(keys), Binding.what.in_(held) & Binding.object_id.in_(keys)
        )
        names = (Binding.id, Binding.what, Binding.subject_id, Binding.object_id, Binding.from_at, Binding.to_at)
        ordered = select(*names).where(either).order_by(Binding.from_at.desc(), Binding.id.desc()).limit(MOST)
        found = list(connection.execute(ordered))
        ends = {(SUBJECTS[row.what], row.subject_id) for row in found}
        ends |= {(OBJECTS[row.what], row.object_id) for row in found}
        labels = _labels(connection, ends, scope)

    def bound(noun: str, key: int) -> Bound:
        return Bound(noun, key, labels.get((noun, key), ""))

    return [
        BindingView(
            row.id, row.what, bound(SUBJECTS[row.what], row.subject_id), bound(OBJECTS[row.what], row.object_id),
            row.from_at, row.to_at,
        )
        for row in found
    ]  # fmt: skip


def enter(
    engine: Engine,
    noun: str,
    key: int,
    given: dict[str, Any],
    actor: audit.Actor,
    scope: Scope,
) -> None:
    """Enter a former span of the record: ``what``, ``object_id``, ``from_at``, ``to_at``.

    Raises NotFound outside the scope, RegistryError, or Conflict where it overlaps another span.
    """
    what, target = given.get("what"), given.get("object_id")
    if not isinstance(what, str) or SUBJECTS.get(what) != noun:
        choices = ", ".join(each for each, subject in SUBJECTS.items() if subject == noun)
        raise RegistryError("what", f"must be one of {choices}", what)
    if not isinstance(target, int) or isinstance(target, bool):
        raise RegistryError("object_id", "must be the id of a row", target)
    with write(engine) as connection:
        gone.require(connection, noun, key, scope, lock=True)
        _require_object(connection, what, target, scope)
        bindings.enter(connection, what, key, target, given["from_at"], given["to_at"])
        told = {"what": what, "object_id": target, "from_at": given["from_at"], "to_at": given["to_at"]}
        audit.record(connection, actor, f"{noun}.bind", key, told)


def _require_object(connection: Connection, what: str, target: int, scope: Scope) -> None:
    if what == AREA:
        if level_of(target) not in ("city", "county"):
            raise RegistryError("object_id", "must be the adcode of a city or a county", target)
    elif what in KINDS:
        organisations.require(connection, "object_id", target, KINDS[what], scope)
    else:
        reach.require(connection, OBJECTS[what], target, scope)


def _labels(connection: Connection, ends: Iterable[tuple[str, int]], scope: Scope) -> dict[tuple[str, int], str]:
    by_noun: dict[str, list[int]] = {}
    for noun, key in ends:
        by_noun.setdefault(noun, []).append(key)
    found: dict[tuple[str, int], str] = {}
    for noun, keys in by_noun.items():
        if noun == "area":
            names = _areas()
            found |= {(noun, key): names.get(key, str(key)) for key in keys}
            continue
        model = reach.MODELS[noun]
        # The name of a body that a vehicle once belonged to is no secret of the body's present city.
        statement = select(*model.__table__.columns) if noun == "organisation" else reach.visible(model, scope)
        found |= {
            (noun, row.id): LABELS[model](row)
            for row in connection.execute(statement.where(model.id.in_(sorted(keys))))
        }
    return found


def _areas() -> dict[int, str]:
    names = {city.adcode: city.name for city in geo.areas()}
    return {county.adcode: f"{city.name}{county.name}" for city in geo.areas() for county in city.counties} | names
