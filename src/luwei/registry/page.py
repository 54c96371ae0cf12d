"""One page of a list: how many there are, and the rows asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import BindParameter, ColumnElement, Connection, Engine, Select, bindparam, func, literal

from luwei.registry.errors import RegistryError

Row = TypeVar("Row")

Ids = npt.NDArray[np.int64]

FEW = 5_000
"""So many rows are sorted rather than looked for in the order of an index."""

MAX_SIZE = 500
MAX_QUERY = 40


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """``total`` rows match; ``items`` are those of the page."""

    total: int
    items: list[Row]


def check_page(page: int, size: int) -> tuple[int, int]:
    """(offset, limit). Raises RegistryError: page from 1, size from 1 to 500."""
    if not 1 <= page <= 10_000_000:
        raise RegistryError("page", "must be from 1 to 10000000", page)
    if not 1 <= size <= MAX_SIZE:
        raise RegistryError("size", f"must be from 1 to {MAX_SIZE}", size)
    return (page - 1) * size, size


def contains(engine: Engine, column: Any, fragment: str) -> ColumnElement[bool]:
    """Whether ``fragment`` occurs in ``column``, byte for byte.

    instr/strpos and not LIKE: nothing to escape, no case folding, and on a covering index half a million short texts
    are looked through in some 30 ms, so no index of fragments has to be kept.
    """
    position = func.instr if engine.dialect.name == "sqlite" else func.strpos
    return position(column, literal(fragment)) > 0


def ids(connection: Connection, statement: Select[Any]) -> Ids:
    """The ids a statement yields, past the Row objects that would cost more than the query."""
    cursor = connection.execute(statement).cursor
    assert cursor is not None
    return np.fromiter(chain.from_iterable(cursor.fetchall()), np.int64)


def among(column: Any, keys: Ids) -> ColumnElement[bool]:
    """Whether ``column`` is one of ``keys``: written into the statement, since SQLite bounds its parameters."""
    few: BindParameter[list[int]] = bindparam("few", keys.tolist(), expanding=True, literal_execute=True)
    found: ColumnElement[bool] = column.in_(few)
    return found


def check_query(q: str) -> str:
    """The search text without surrounding blanks. Raises RegistryError beyond MAX_QUERY characters."""
    stripped = q.strip()
    if len(stripped) > MAX_QUERY:
        raise RegistryError("q", f"must have at most {MAX_QUERY} characters", q)
    if not stripped.isprintable():
        raise RegistryError("q", "must not contain control characters", q)
    return stripped
