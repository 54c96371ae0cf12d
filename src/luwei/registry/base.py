"""The declarative base of every relational model, and the clock they share.

Constraint names are fixed by a convention: SQLite's batch migrations can only change what has a name.
"""

from __future__ import annotations

import time

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Models of the registry and of access live in one schema, migrated together."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def now_ms() -> int:
    """UTC milliseconds, as every ``*_at`` column stores them."""
    return time.time_ns() // 1_000_000
