"""The areas and routes of the registry: list, one, create, change, delete. Every function takes the caller's scope.

An area belongs to a city or, without one, to the whole province. All see the province's; a city's are seen and kept by
its officers, and who keeps trucks of one operator keeps no areas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, or_, select, update

from luwei.registry import audit, fields, jurisdiction
from luwei.registry.area import AREA_KINDS, Area
from luwei.registry.area_shape import check_geometry, check_rules
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.page import Page, check_page, check_query, contains
from luwei.registry.scope import Scope

NAME_BYTES = 100
"""Of GBK: what the wire gives a name leaves room, but a terminal's display does not."""
AREAS_MAX = 10_000
_CHECKS = {
    "name": fields.text("name", 50),
    "note": fields.optional(fields.text("note", 200), ""),
    "city": fields.optional(jurisdiction.check_city),
    "kind": fields.one_of("kind", tuple(AREA_KINDS)),
}


@dataclass(frozen=True, slots=True)
class AreaView:
    """One area; ``geometry`` and ``rules`` as ``luwei.registry.area_shape`` has them."""

    id: int
    name: str
    kind: str
    city: int | None
    geometry: dict[str, Any]
    rules: dict[str, Any]
    note: str
    version: int
    created_at: int
    updated_at: int


def page(
    engine: Engine, scope: Scope, *, kind: str | None = None, q: str = "", number: int = 1, size: int = 50
) -> Page[AreaView]:
    """One page, newest change first; ``q`` is a fragment of the name. Raises RegistryError."""
    offset, limit = check_page(number, size)
    conditions = [Area.deleted_at.is_(None), *_visible(scope)]
    if kind is not None:
        conditions.append(Area.kind == _CHECKS["kind"](kind))
    if fragment := check_query(q):
        conditions.append(contains(engine, Area.name, fragment))
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(Area).where(*conditions)).scalar_one()
        order = (Area.updated_at.desc(), Area.id.desc())
        rows = connection.execute(_ROWS.where(*conditions).order_by(*order).offset(offset).limit(limit)).all()
    return Page(total, [_view(row) for row in rows])


def named(engine: Engine, scope: Scope, keys: Sequence[int]) -> list[AreaView]:
    """The areas with these ids, in their order. Raises NotFound for the first that the scope does not have."""
    with read(engine) as connection:
        found = {
            row.id: _view(row)
            for row in connection.execute(_ROWS.where(Area.id.in_(keys), Area.deleted_at.is_(None), *_visible(scope)))
        }
    for key in keys:
        if key not in found:
            raise NotFound("areas", "there is no such area", key)
    return [found[key] for key in keys]


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new area; its id, which is also its id on the wire. Raises RegistryError naming field and rule."""
    values = _check(given, None)
    _require(scope, values["city"])
    now = now_ms()
    with write(engine) as connection:
        kept = connection.scalar(select(func.count()).select_from(Area).where(Area.deleted_at.is_(None)))
        if (kept or 0) >= AREAS_MAX:
            raise RegistryError("name", f"there are {AREAS_MAX} areas already", values["name"])
        row = values | {"version": 1, "created_at": now, "updated_at": now}
        key: int = connection.execute(insert(Area).returning(Area.id), row).scalar_one()
        audit.record(connection, actor, "area.create", key, dict(given))
    return key


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields; the kind stays. Raises NotFound, RegistryError."""
    with write(engine) as connection:
        row = _own(connection, scope, key)
        if given.get("kind", row.kind) != row.kind:
            raise RegistryError("kind", "cannot be changed: make a new area", given["kind"])
        before = {"name": row.name, "kind": row.kind, "city": row.city, "note": row.note,
                  "geometry": row.geometry, "rules": row.rules}  # fmt: skip
        values = _check(given, before)
        differs = audit.changes(before, values)
        if not differs:
            return
        _require(scope, values["city"])
        connection.execute(
            update(Area).where(Area.id == key).values(**values, version=Area.version + 1, updated_at=now_ms())
        )
        audit.record(connection, actor, "area.change", key, differs)


def delete(engine: Engine, key: int, actor: audit.Actor, scope: Scope) -> None:
    """Take an area out of the lists; its id is never given again. Raises NotFound."""
    with write(engine) as connection:
        row = _own(connection, scope, key)
        connection.execute(update(Area).where(Area.id == key).values(deleted_at=now_ms()))
        audit.record(connection, actor, "area.delete", key, {"name": row.name, "kind": row.kind})


def _own(connection: Connection, scope: Scope, key: int) -> Any:
    row = connection.execute(
        _ROWS.where(Area.id == key, Area.deleted_at.is_(None), *_visible(scope)).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such area", key)
    _require(scope, row.city)
    return row


def _check(given: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """All columns of the row as it will be; ``before`` is the stored one of a change."""
    checked = Checked()
    shaped = {"geometry", "rules"}
    checked.take({name: value for name, value in given.items() if name not in shaped}, _CHECKS)
    if before is None:
        checked.require("name", "kind")
    values = checked.raise_first()
    kept = {"city": None, "note": ""} | dict(before or {})
    whole = kept | values
    try:
        size = len(whole["name"].encode("gbk"))
    except UnicodeEncodeError:
        raise RegistryError("name", "has a character that GBK lacks (§8.32)", whole["name"]) from None
    if size > NAME_BYTES:
        raise RegistryError("name", f"must have at most {NAME_BYTES} bytes of GBK (§8.32)", whole["name"])
    if before is None and "geometry" not in given:
        raise RegistryError("geometry", "must be given", "")
    if "geometry" in given:
        whole["geometry"] = json.dumps(check_geometry(whole["kind"], given["geometry"]))
    if before is None or "rules" in given:
        whole["rules"] = json.dumps(check_rules(whole["kind"], given.get("rules")))
    return whole


def _cities(scope: Scope) -> frozenset[int] | None:
    """Cities that a person answers for; None: all."""
    if scope.whole:
        return None
    found = set(scope.cities or ())
    for county in scope.counties or ():
        city = jurisdiction.city_of(county)
        found |= {city} if city is not None else set()
    return frozenset(found)


def _visible(scope: Scope) -> list[ColumnElement[bool]]:
    cities = _cities(scope)
    return [] if cities is None else [or_(Area.city.is_(None), Area.city.in_(sorted(cities)))]


def _require(scope: Scope, city: int | None) -> None:
    cities = _cities(scope)
    if cities is not None and (scope.operators is not None or city not in cities):
        raise RegistryError("city", "must lie within your own jurisdiction", city or "")


def _view(row: Any) -> AreaView:
    return AreaView(
        row.id, row.name, row.kind, row.city, json.loads(row.geometry), json.loads(row.rules), row.note, row.version,
        row.created_at, row.updated_at,
    )  # fmt: skip


_ROWS = select(
    Area.id, Area.name, Area.kind, Area.city, Area.geometry, Area.rules, Area.note, Area.version, Area.created_at,
    Area.updated_at,
)  # fmt: skip
