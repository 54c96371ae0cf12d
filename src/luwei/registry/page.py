"""One page of a list: how many there are, and the rows asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Engine, func, literal

from luwei.registry.errors import RegistryError

Row = TypeVar("Row")

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


def check_query(q: str) -> str:
    """The search text without surrounding blanks. Raises RegistryError beyond MAX_QUERY characters."""
    stripped = q.strip()
    if len(stripped) > MAX_QUERY:
        raise RegistryError("q", f"must have at most {MAX_QUERY} characters", q)
    if not stripped.isprintable():
        raise RegistryError("q", "must not contain control characters", q)
    return stripped
