"""The operators of the registry: list, create, change. Every function takes the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from luwei.registry import audit, fields, jurisdiction
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.operator import Operator
from luwei.registry.page import Page, check_page, check_query, contains
from luwei.registry.scope import Scope

FIELDS = ("name", "credit_code", "licence_number", "city", "county", "contact", "contact_phone")

_CHECKS = {
    "name": fields.text("name", 100),
    "credit_code": fields.optional(fields.credit_code),
    "licence_number": fields.optional(fields.text("licence_number", 40)),
    "city": fields.optional(jurisdiction.check_city),
    "contact": fields.optional(fields.text("contact", 40)),
    "contact_phone": fields.optional(fields.text("contact_phone", 20)),
}


@dataclass(frozen=True, slots=True)
class OperatorView:
    """An operator as lists show it."""

    id: int
    name: str
    credit_code: str | None
    licence_number: str | None
    city: int | None
    county: int | None
    contact: str | None
    contact_phone: str | None


def check(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Checked:
    """Check the given fields; ``before`` is the stored row of a change, None for a new operator."""
    checked = Checked()
    checked.take({name: value for name, value in given.items() if name != "county"}, _CHECKS)
    if before is None:
        checked.require("name")
    jurisdiction.check_area(checked, given, before or {})
    return checked


def create(engine: Engine, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> int:
    """A new operator; its id. Raises RegistryError, or Conflict when name or code belong to another."""
    values = check(given).raise_first()
    if not scope.covers_operator(values):
        raise RegistryError("city", "must lie within your own jurisdiction", values.get("city") or "")
    with named_conflicts(), write(engine) as connection:
        key: int = connection.execute(insert(Operator).returning(Operator.id), values).scalar_one()
        audit.record(connection, actor, "operator.create", key, values)
    return key


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields. Raises NotFound outside the scope, RegistryError, or Conflict."""
    with named_conflicts(), write(engine) as connection:
        columns = [getattr(Operator, name) for name in FIELDS]
        found = connection.execute(select(*columns).where(Operator.id == key, *scope.of_operators())).one_or_none()
        if found is None:
            raise NotFound("id", "there is no such operator", key)
        row = dict(zip(FIELDS, found, strict=True))
        values = check(given, row).raise_first()
        differs = audit.changes(row, values)
        if not differs:
            return
        if not scope.covers_operator(row | values | {"id": key}):
            raise RegistryError("city", "must lie within your own jurisdiction", values.get("city") or "")
        connection.execute(update(Operator).where(Operator.id == key).values(**values, updated_at=now_ms()))
        audit.record(connection, actor, "operator.change", key, differs)


def page(
    engine: Engine, scope: Scope, q: str = "", city: int | None = None, number: int = 1, size: int = 50
) -> Page[OperatorView]:
    """Operators of the scope by name; ``q`` is a fragment of the name or of the 统一社会信用代码."""
    offset, limit = check_page(number, size)
    conditions = [*scope.of_operators()]
    if city is not None:
        conditions.append(Operator.city == city)
    if text := check_query(q):
        conditions.append(contains(engine, Operator.name, text) | contains(engine, Operator.credit_code, text.upper()))
    columns = [Operator.id, *(getattr(Operator, name) for name in FIELDS)]
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(Operator).where(*conditions)).scalar_one()
        statement = select(*columns).where(*conditions).order_by(Operator.name).offset(offset).limit(limit)
        return Page(total, [OperatorView(*row) for row in connection.execute(statement)])


def one(engine: Engine, key: int, scope: Scope) -> OperatorView:
    """The operator. Raises NotFound when there is none in the scope."""
    columns = [Operator.id, *(getattr(Operator, name) for name in FIELDS)]
    with read(engine) as connection:
        row = connection.execute(select(*columns).where(Operator.id == key, *scope.of_operators())).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such operator", key)
    return OperatorView(*row)
