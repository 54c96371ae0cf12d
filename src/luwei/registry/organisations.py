"""The organisations of the registry: list, one, create, change, and the authorities that every registry has.

Every function takes the caller's scope. Operators are its rows of the kinds OPERATING.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, select

from luwei.registry import audit, fields, gone, jurisdiction, noun
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.named import Named, organisations_named
from luwei.registry.organisation import AUTHORITIES, CITY, COUNTY, FLEET, KINDS, OPERATING, OPERATOR, Organisation
from luwei.registry.page import Page, check_query, contains
from luwei.registry.scope import Scope

FIELDS = (
    "kind", "parent_id", "name", "short_name", "credit_code", "licence_number", "area", "city", "county",
    "contact", "contact_phone", "valid_from", "valid_to", "disabled_at",
)  # fmt: skip

DEPTH = 8
"""Longest way from an organisation up to its root."""

PARENTS: dict[str, tuple[str, ...]] = {
    "province": (),
    CITY: ("province",),
    COUNTY: (CITY,),
    "regulator": ("regulator", *AUTHORITIES),
    "emergency": ("emergency", *AUTHORITIES),
    "police": ("police", *AUTHORITIES),
    "insurer": ("insurer",),
    "vendor": ("vendor",),
    "monitor": ("monitor",),
    OPERATOR: (OPERATOR,),
    "sole_trader": (OPERATOR,),
    FLEET: (OPERATOR, FLEET),
}
"""Kinds that may stand above a kind."""

_CHECKS = {
    "kind": fields.one_of("kind", KINDS),
    "parent_id": fields.optional(fields.key("parent_id")),
    "name": fields.text("name", 100),
    "short_name": fields.optional(fields.text("short_name", 40)),
    "credit_code": fields.optional(fields.credit_code),
    "licence_number": fields.optional(fields.text("licence_number", 40)),
    "area": fields.optional(jurisdiction.check_governed),
    "city": fields.optional(jurisdiction.check_city),
    "contact": fields.optional(fields.text("contact", 40)),
    "contact_phone": fields.optional(fields.text("contact_phone", 20)),
    "valid_from": fields.optional(fields.day("valid_from")),
    "valid_to": fields.optional(fields.day("valid_to")),
    "disabled": fields.flag("disabled"),
}


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation as lists show it. ``children`` counts the organisations right below it."""

    id: int
    kind: str
    parent_id: int | None
    name: str
    short_name: str | None
    credit_code: str | None
    licence_number: str | None
    area: int | None
    city: int | None
    county: int | None
    contact: str | None
    contact_phone: str | None
    valid_from: date | None
    valid_to: date | None
    disabled_at: int | None
    children: int
    parent: Named | None


@dataclass(frozen=True, slots=True)
class OrganisationFilter:
    """What a person chose; None and empty are any. ``parent`` 0: the roots."""

    q: str = ""
    kinds: Sequence[str] = ()
    city: int | None = None
    county: int | None = None
    parent: int | None = None

    def conditions(self, engine: Engine) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation``. Raises RegistryError for an unusable text or kind."""
        found: list[ColumnElement[bool]] = []
        for kind in self.kinds:
            if kind not in KINDS:
                raise RegistryError("kind", f"must be one of {', '.join(KINDS)}", kind)
        if self.kinds:
            found.append(Organisation.kind.in_(sorted(self.kinds)))
        for column, value in ((Organisation.city, self.city), (Organisation.county, self.county)):
            if value is not None:
                found.append(column == value)
        if self.parent is not None:
            found.append(Organisation.parent_id == self.parent if self.parent else Organisation.parent_id.is_(None))
        if text := check_query(self.q):
            found.append(
                contains(engine, Organisation.name, text)
                | contains(engine, func.coalesce(Organisation.short_name, ""), text)
                | contains(engine, func.coalesce(Organisation.credit_code, ""), text.upper())
            )
        return found


NAMESAKE = "another organisation of this place has this name"
"""Rule of a name that is taken."""


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new organisation.

    ``disabled`` (true, false) becomes ``disabled_at``; the area of an authority sets its city and county.
    """
    checked = Checked()
    checked.take({name: value for name, value in given.items() if name != "county"}, _CHECKS)
    stored = dict(before or {})
    if before is None:
        checked.require("name")
        checked.values.setdefault("kind", OPERATOR)
    if "disabled" in checked.values:
        disabled = checked.values.pop("disabled")
        checked.values["disabled_at"] = (stored.get("disabled_at") or now_ms()) if disabled else None
    _check_authority(checked, given, stored)
    fields.check_span(checked, stored, "valid_from", "valid_to")
    return checked


def _check_authority(checked: Checked, given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    kind = checked.values.get("kind", stored.get("kind", OPERATOR))
    area = checked.values.get("area", stored.get("area"))
    if kind not in AUTHORITIES:
        if area is not None:
            checked.errors.append(RegistryError("area", "is for authorities of a province, city or county only", area))
        jurisdiction.check_area(checked, given, stored)
        return
    if area is None:
        if not any(error.field == "area" for error in checked.errors):
            checked.errors.append(RegistryError("area", "must be given for an authority"))
        return
    level = jurisdiction.level_of(area)
    if level != kind:
        checked.errors.append(RegistryError("area", f"must be the adcode of a {kind}", area))
        return
    city = None if level == "province" else area if level == CITY else jurisdiction.city_of(area)
    checked.values |= {"city": city, "county": area if level == COUNTY else None}


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new organisation; its id. Raises RegistryError, or Conflict when name, code or area belong to another."""
    return noun.create(engine, NOUN, given, actor, scope)


def change(
    engine: Engine,
    key: int,
    given: Mapping[str, Any],
    actor: audit.Actor,
    scope: Scope,
    kinds: Sequence[str] | None = None,
) -> None:
    """Change the given fields of an organisation of ``kinds`` (None: any).

    Raises NotFound outside the scope, RegistryError, or Conflict.
    """
    if kinds is not None:
        one(engine, key, scope, kinds)
    noun.change(engine, NOUN, key, given, actor, scope)


def page(
    engine: Engine, scope: Scope, chosen: OrganisationFilter | None = None, number: int = 1, size: int = 50
) -> Page[OrganisationView]:
    """Organisations of the scope by name."""
    return noun.page(engine, NOUN, scope, (chosen or OrganisationFilter()).conditions(engine), number, size)


def one(engine: Engine, key: int, scope: Scope, kinds: Sequence[str] | None = None) -> OrganisationView:
    """The organisation, of ``kinds`` where given. Raises NotFound when there is none in the scope."""
    conditions = [Organisation.id == key, *scope.of_organisations()]
    if kinds is not None:
        conditions.append(Organisation.kind.in_(kinds))
    with read(engine) as connection:
        allowed = connection.scalar(select(Organisation.id).where(*conditions))
        found = views(connection, [key]) if allowed is not None else []
        if not found:
            gone.tell(connection, "organisation", key, scope)
    if not found:
        raise NotFound("id", "there is no such organisation", key)
    return found[0]


def views(connection: Connection, keys: Sequence[int]) -> list[OrganisationView]:
    """The organisations with these ids, in this order. No scope: ids come from a scoped query."""
    if not keys:
        return []
    columns = [Organisation.id, *(getattr(Organisation, name) for name in FIELDS)]
    below = select(Organisation.parent_id, func.count()).where(Organisation.parent_id.in_(keys))
    children = {row[0]: row[1] for row in connection.execute(below.group_by(Organisation.parent_id))}
    rows = connection.execute(select(*columns).where(Organisation.id.in_(keys))).all()
    parents = organisations_named(connection, (row.parent_id for row in rows))
    found = {row[0]: OrganisationView(*(*row, children.get(row[0], 0), parents.get(row.parent_id))) for row in rows}
    return [found[key] for key in keys if key in found]


def path(engine: Engine, key: int, scope: Scope) -> list[OrganisationView]:
    """The organisation and those above it, the root first. Those above may lie outside the scope: names only."""
    here = one(engine, key, scope)
    found = [here]
    with read(engine) as connection:
        while found[0].parent_id is not None and len(found) <= DEPTH:
            found = views(connection, [found[0].parent_id]) + found
    return found


def require(connection: Connection, field: str, key: int | None, kinds: Sequence[str], scope: Scope) -> None:
    """What ``field`` names must be an organisation of ``kinds`` that is not disabled. Raises RegistryError."""
    if key is None:
        return
    limits = [Organisation.id == key, Organisation.kind.in_(kinds), *scope.of_organisations()]
    found = connection.execute(select(Organisation.disabled_at).where(*limits)).first()
    if found is None:
        what = "operator" if kinds == OPERATING else " or ".join(kinds)
        raise RegistryError(field, f"there is no such {what}", key)
    if found[0] is not None:
        raise RegistryError(field, "this organisation is disabled", key)


def ensure_authorities(engine: Engine) -> int:
    """The province, its cities and their counties as organisations; how many were missing. Safe to repeat, from
    several processes at once; a row that a person changed stays as it is.

    Dongguan and Zhongshan have no counties: their towns are entered by the city, with their codes of nine digits.
    """
    with read(engine) as connection:
        if not _missing(connection):
            return 0
    with write(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE organisation IN SHARE ROW EXCLUSIVE MODE")
        keys = _keys_by_area(connection)
        missing = _missing(connection)
        for area, kind, name, short, above in missing:
            values = {"area": area, "kind": kind, "name": name, "short_name": short, "parent_id": keys.get(above)}
            values |= check(values).raise_first()
            keys[area] = connection.execute(insert(Organisation).returning(Organisation.id), values).scalar_one()
            audit.record(connection, audit.SYSTEM, "organisation.create", keys[area], values)
        return len(missing)


def _missing(connection: Connection) -> list[tuple[int, str, str, str, int]]:
    keys = _keys_by_area(connection)
    return [row for row in jurisdiction.authorities() if row[0] not in keys]


def _keys_by_area(connection: Connection) -> dict[int, int]:
    rows = connection.execute(select(Organisation.area, Organisation.id).where(Organisation.area.is_not(None)))
    return {area: key for area, key in rows if area is not None}


def _within(statement: Select[Any], scope: Scope) -> Select[Any]:
    return statement.where(*scope.of_organisations())


def _cover(row: Mapping[str, Any], scope: Scope) -> None:
    if not scope.covers_organisation(row):
        raise RegistryError("city", "must lie within your own jurisdiction", row.get("city") or "")


def _require(connection: Connection, values: Mapping[str, Any], before: Mapping[str, Any] | None, scope: Scope) -> None:
    whole = dict(before or {}) | dict(values)
    if values.get("parent_id") is not None or ("kind" in values and before is not None):
        _require_parent(connection, whole.get("id"), whole, scope)
    if before is not None and "kind" in values:
        _require_kind_free(connection, before["id"], before["kind"], values["kind"])
    if {"name", "city", "county", "parent_id", "credit_code"} & values.keys():
        _require_name(connection, whole, scope)


def told_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two organisations of one name are surely two: another place, another parent, or two credit codes. Sole
    traders are called after persons, and fleets are numbered."""
    place = ("city", "county", "parent_id")
    codes = {row["credit_code"] for row in (one, other) if row.get("credit_code")}
    return any(one.get(name) != other.get(name) for name in place) or len(codes) == 2


def _require_name(connection: Connection, row: Mapping[str, Any], scope: Scope) -> None:
    """Raises Conflict where another organisation cannot be told apart, named where it lies in the scope."""
    names = (Organisation.id, Organisation.name, Organisation.city, Organisation.county, Organisation.parent_id,
             Organisation.credit_code)  # fmt: skip
    statement = select(*names).where(Organisation.name == row["name"], Organisation.id != (row.get("id") or 0))
    for other in connection.execute(statement):
        if told_apart(row, other._asdict()):
            continue
        seen = select(Organisation.id).where(Organisation.id == other.id, *scope.of_organisations())
        if connection.scalar(seen) is None:
            raise Conflict("name", f"{NAMESAKE}; it exists elsewhere", row["name"])
        clash: dict[str, int | str] = {"noun": "organisation", "id": other.id, "label": other.name}
        raise Conflict("name", f"{NAMESAKE}: {other.name}; two credit codes would tell them apart", row["name"], clash)


def _settle(_connection: Connection, _rows: Mapping[int, Mapping[str, Any]]) -> None:
    """An organisation is what others are bound to; itself it is bound to nothing over time."""


def _require_parent(connection: Connection, key: int | None, row: Mapping[str, Any], scope: Scope) -> None:
    """The parent must exist, be of a kind that may stand above, and not lie below the organisation itself."""
    parent, kind = row.get("parent_id"), row["kind"]
    if parent is None:
        return
    allowed = PARENTS[kind]
    if not allowed:
        raise RegistryError("parent_id", f"a {kind} stands below nothing", parent)
    require(connection, "parent_id", parent, allowed, scope)
    above: int | None = parent
    for _ in range(DEPTH - 1):
        if above == key:
            raise RegistryError("parent_id", "must not be the organisation itself or one below it", parent)
        above = connection.scalar(select(Organisation.parent_id).where(Organisation.id == above))
        if above is None:
            return
    raise RegistryError("parent_id", f"the tree must not be deeper than {DEPTH}", parent)


def _require_kind_free(connection: Connection, key: int, before: str, after: str) -> None:
    """A kind may change among the operating ones; any other change would leave rows bound to the wrong kind."""
    if before in OPERATING and after in OPERATING:
        below = select(Organisation.id).where(Organisation.parent_id == key, Organisation.kind == FLEET).limit(1)
        if before == OPERATOR and connection.scalar(below) is not None and after != FLEET:
            raise RegistryError("kind", "fleets stand below it, so it must stay an operator", after)
        return
    raise RegistryError("kind", "can only change among operator, sole_trader and fleet", after)


NOUN = noun.Noun(
    "organisation", "organisation", Organisation, FIELDS, check, _within, _cover, _require, _settle, views,
    (Organisation.name,),
)  # fmt: skip
