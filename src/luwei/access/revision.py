"""The number that tells open sockets and caches that somebody's rights may have changed."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.access.role import AccessState
from luwei.registry.engine import read


def touch(connection: Connection) -> None:
    """Count one change, in the transaction that makes it."""
    counted = connection.execute(
        update(AccessState).where(AccessState.id == 1).values(revision=AccessState.revision + 1)
    )
    if not counted.rowcount:
        connection.execute(insert(AccessState).values(id=1, revision=1))


def revision(engine: Engine) -> int:
    """The present number."""
    with read(engine) as connection:
        return connection.scalar(select(AccessState.revision).where(AccessState.id == 1)) or 0
