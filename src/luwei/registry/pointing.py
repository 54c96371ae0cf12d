"""Rows of other tables that point to a record, found by the database's own constraints, and their moving elsewhere.

A table that comes later is covered without a word here: by its foreign key, or by the name of its column where it
keeps an id without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    and_,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

STAY = frozenset({"audit_entry", "merge", "binding", "alembic_version"})
"""Tables whose rows keep the id that was true at their time; ``binding`` is settled apart."""

NAMES = {
    "vehicle": ("vehicle_id",),
    "terminal": ("terminal_id",),
    "driver": ("driver_id",),
    "organisation": (
        "organisation_id", "operator_id", "monitor_id", "insurer_id", "vendor_id", "target_id",
        "issuer_organisation_id",
    ),
}  # fmt: skip
"""Columns that hold an id of the noun where no foreign key says so."""

BY_KIND = {
    ("access_grant_subject", "subject_id"): {
        "vehicle": "grant_id IN (SELECT id FROM access_grant AS held WHERE held.row <> 'driver')",
        "driver": "grant_id IN (SELECT id FROM access_grant AS held WHERE held.row = 'driver')",
    },
}
"""Columns that hold ids of one noun or another, and in which rows those of each."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A column that holds ids of the noun."""

    table: Table
    column: Column[Any]
    rows: str = "1 = 1"
    """In which of its rows (SQL)."""

    @property
    def name(self) -> str:
        """``table.column``."""
        return f"{self.table.name}.{self.column.name}"

    def at(self, key: int) -> ColumnElement[bool]:
        """Rows that point to the record."""
        return and_(self.column == key, text(self.rows))

    @property
    def keys(self) -> list[Column[Any]]:
        """The primary key without the column itself."""
        return [each for each in self.table.primary_key if each is not self.column]


@dataclass(slots=True)
class Moved:
    """What became of the rows that pointed to a record, by ``table.column``: primary keys of those that now point to
    another, and the rows that had to let go, whole as they were."""

    moved: dict[str, list[list[Any]]] = field(default_factory=dict)
    let_go: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def to_json(self) -> str:
        """For the tombstone."""
        return json.dumps({"moved": self.moved, "let_go": self.let_go}, ensure_ascii=False, default=_plain)

    @staticmethod
    def of_json(text: str) -> Moved:
        """As ``to_json`` gave it."""
        found = json.loads(text)
        return Moved(found["moved"], found["let_go"])


def pointers(connection: Connection, noun: str) -> list[Pointer]:
    """Every column of the database that holds ids of ``noun``, by table and name."""
    database = inspect(connection)
    foreign = database.get_multi_foreign_keys()
    primary = database.get_multi_pk_constraint()
    found = {}
    for place, columns in database.get_multi_columns().items():
        name = place[1]
        if name in STAY:
            continue
        targets: dict[str, set[str]] = {}
        for key in foreign.get(place, ()):
            for column in key["constrained_columns"]:
                targets.setdefault(column, set()).add(key["referred_table"])
        own = primary.get(place)
        keys = own["constrained_columns"] if own else []
        table = Table(
            name, MetaData(),
            *(Column(c["name"], c["type"], primary_key=c["name"] in keys, nullable=c["nullable"]) for c in columns),
        )  # fmt: skip
        for each in table.columns:
            to = targets.get(each.name, set())
            if noun in (kinds := BY_KIND.get((name, each.name), {})):
                found[f"{name}.{each.name}"] = Pointer(table, each, kinds[noun])
            if isinstance(each.type, Integer) and each.name != "id" and (
                noun in to or (not to and each.name in NAMES.get(noun, ()))
            ):  # fmt: skip
                found[f"{name}.{each.name}"] = Pointer(table, each)
    return [found[name] for name in sorted(found)]


def counts(connection: Connection, noun: str, key: int) -> dict[str, int]:
    """How many rows point to the record, by ``table.column``; columns without any are left out."""
    found = {}
    for pointer in pointers(connection, noun):
        rows = connection.execute(select(pointer.column).where(pointer.at(key))).all()
        if rows:
            found[pointer.name] = len(rows)
    return found


def move(connection: Connection, noun: str, loser: int, survivor: int) -> Moved:
    """Let every row that points to ``loser`` point to ``survivor``.

    Where that would break a unique constraint (each vehicle has one terminal), the survivor keeps what it has: the
    loser's row points nowhere, or goes where it must point somewhere.
    """
    done = Moved()
    for pointer in pointers(connection, noun):
        table, column = pointer.table, pointer.column
        rows = [dict(row._mapping) for row in connection.execute(select(table).where(pointer.at(loser)))]
        for row in rows:
            one = [each == row[each.name] for each in table.primary_key]
            try:
                with connection.begin_nested():
                    connection.execute(update(table).where(*one).values({column.name: survivor}))
                done.moved.setdefault(pointer.name, []).append([row[each.name] for each in pointer.keys])
            except IntegrityError:
                _let_go(connection, pointer, one)
                done.let_go.setdefault(pointer.name, []).append(row)
    return done


def _let_go(connection: Connection, pointer: Pointer, one: list[Any]) -> None:
    if pointer.column.nullable and not pointer.column.primary_key:
        connection.execute(update(pointer.table).where(*one).values({pointer.column.name: None}))
    else:
        connection.execute(pointer.table.delete().where(*one))


def move_back(connection: Connection, noun: str, loser: int, survivor: int, done: Moved) -> None:
    """Undo ``move``: rows that still point where they were moved to point to the loser again; what a person changed in
    the meantime stays as it is."""
    for pointer in pointers(connection, noun):
        table, column = pointer.table, pointer.column
        for keys in done.moved.get(pointer.name, []):
            one = [each == value for each, value in zip(pointer.keys, keys, strict=True)]
            statement = update(table).where(pointer.at(survivor), *one)
            connection.execute(statement.values({column.name: loser}))
        for row in done.let_go.get(pointer.name, []):
            one = [each == row[each.name] for each in table.primary_key]
            if pointer.column.nullable and not pointer.column.primary_key:
                statement = update(table).where(column.is_(None), *one)
                connection.execute(statement.values({column.name: loser}))
            else:
                connection.execute(insert(table), _typed(table, row))


def _typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row read from JSON as the table takes it."""
    return {name: typed(table.columns[name], value) for name, value in row.items() if name in table.columns}


def typed(column: Column[Any], value: Any) -> Any:
    """A value read from JSON as the column takes it."""
    if isinstance(value, str) and column.type.python_type is date:
        return date.fromisoformat(value)
    return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else str(value)
