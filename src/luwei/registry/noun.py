"""What the plain nouns of the registry have in common: create, change, one, page, each with the caller's scope.

A noun is data: its model, its fields with their checks, whose rows a scope holds, what a list searches. Vehicles,
terminals and organisations have ways of their own; drivers, SIM cards and models do without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, select, update

from luwei.registry import audit, gone
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound
from luwei.registry.fields import Checked
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope

View = TypeVar("View")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Noun(Generic[View]):
    """``name`` is the table's and the audit log's word, ``words`` what an error calls it."""

    name: str
    words: str
    model: Any
    fields: tuple[str, ...]
    check: Callable[[Values, Values | None], Checked]
    within: Callable[[Select[Any], Scope], Select[Any]]
    """Limits a select on ``model`` to the rows of a scope."""
    cover: Callable[[Values, Scope], None]
    """Raises RegistryError where a row (whole, with its id) would lie outside the scope."""
    require: Callable[[Connection, Values, Values | None, Scope], None]
    """Refuses references to what is not there: (values that are new, the whole row before)."""
    settle: Callable[[Connection, Mapping[int, Values]], None]
    """Opens and closes the spans of what was written: {id: whole row}."""
    views: Callable[[Connection, Sequence[int]], list[View]]
    order: tuple[Any, ...]


def create(engine: Engine, noun: Noun[Any], given: Values, actor: audit.Actor, scope: Scope) -> int:
    """A new row; its id. Raises RegistryError, or Conflict when a key of it belongs to another."""
    values = noun.check(given, None).raise_first()
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        written |= values
        noun.cover(values | {"id": 0}, scope)
        noun.require(connection, values, None, scope)
        key: int = connection.execute(insert(noun.model).returning(noun.model.id), values).scalar_one()
        noun.settle(connection, {key: values})
        audit.record(connection, actor, f"{noun.name}.create", key, values)
    return key


def change(engine: Engine, noun: Noun[Any], key: int, given: Values, actor: audit.Actor, scope: Scope) -> None:
    """Change the given fields. Raises NotFound outside the scope, RegistryError, or Conflict."""
    with named_conflicts(engine, scope) as written, write(engine) as connection:
        columns = [getattr(noun.model, name) for name in noun.fields]
        statement = noun.within(select(*columns), scope).where(noun.model.id == key).with_for_update(of=noun.model)
        found = connection.execute(statement).one_or_none()
        if found is None:
            raise NotFound("id", f"there is no such {noun.words}", key)
        row = dict(zip(noun.fields, found, strict=True))
        values = noun.check(given, row).raise_first()
        written |= row | values
        differs = audit.changes(row, values)
        if not differs:
            return
        noun.cover(row | {"id": key}, scope)
        noun.cover(row | values | {"id": key}, scope)
        noun.require(connection, {name: values[name] for name in differs}, row | {"id": key}, scope)
        statement_of = update(noun.model).where(noun.model.id == key)
        connection.execute(statement_of.values(**values, updated_at=now_ms()))
        noun.settle(connection, {key: row | values})
        audit.record(connection, actor, f"{noun.name}.change", key, differs)


def one(engine: Engine, noun: Noun[View], key: int, scope: Scope) -> View:
    """The row. Raises NotFound when there is none in the scope."""
    with read(engine) as connection:
        allowed = connection.scalar(noun.within(select(noun.model.id), scope).where(noun.model.id == key))
        found = noun.views(connection, [key]) if allowed is not None else []
        if not found:
            gone.tell(connection, noun.name, key, scope)
    if not found:
        raise NotFound("id", f"there is no such {noun.words}", key)
    return found[0]


def page(
    engine: Engine,
    noun: Noun[View],
    scope: Scope,
    conditions: Sequence[ColumnElement[bool]] = (),
    number: int = 1,
    size: int = 50,
) -> Page[View]:
    """One page of the rows in the scope that meet ``conditions``. Raises RegistryError for an unusable page or size."""
    offset, limit = check_page(number, size)
    ordered = noun.within(select(noun.model.id), scope).where(*conditions).order_by(*noun.order)
    count = noun.within(select(func.count()).select_from(noun.model), scope).where(*conditions)
    with read(engine) as connection:
        total = connection.execute(count).scalar_one()
        keys = list(connection.scalars(ordered.offset(offset).limit(limit)))
        return Page(total, noun.views(connection, keys))


def keys(engine: Engine, noun: Noun[Any], scope: Scope, conditions: Sequence[ColumnElement[bool]] = ()) -> list[int]:
    """Ids of every row in the scope that meets ``conditions``, in the order of the list."""
    ordered = noun.within(select(noun.model.id), scope).where(*conditions).order_by(*noun.order)
    with read(engine) as connection:
        return list(connection.scalars(ordered))


def rows(connection: Connection, model: Any, fields: Sequence[str], keys: Sequence[int]) -> list[tuple[Any, ...]]:
    """(id, *fields) of the rows with these ids, in this order; unknown ids are left out."""
    if not keys:
        return []
    columns = [model.id, *(getattr(model, name) for name in fields)]
    found = {row[0]: tuple(row) for row in connection.execute(select(*columns).where(model.id.in_(keys)))}
    return [found[key] for key in keys if key in found]
