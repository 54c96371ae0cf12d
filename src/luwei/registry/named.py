"""A record as others name it: its id and what it is called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from luwei.registry.organisation import Organisation


@dataclass(frozen=True, slots=True)
class Named:
    """An organisation in the row of another record."""

    id: int
    name: str


def organisations_named(connection: Connection, keys: Iterable[int | None]) -> dict[int | None, Named]:
    """The organisations with these ids; None and unknown ids are left out."""
    wanted = sorted({key for key in keys if key is not None})
    if not wanted:
        return {}
    statement = select(Organisation.id, Organisation.name).where(Organisation.id.in_(wanted))
    return {row[0]: Named(*row) for row in connection.execute(statement)}
