"""Naming the field behind a broken unique constraint, alike for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from luwei.registry.errors import Conflict

_TAKEN = {
    "vehicle.plate": ("plate", "another vehicle has this plate and colour"),
    "vehicle.vin": ("vin", "another vehicle has this VIN"),
    "terminal.phone": ("phone", "another terminal has this phone"),
    "terminal.vehicle_id": ("vehicle_id", "the vehicle already has a terminal"),
    "operator.name": ("name", "another operator has this name"),
    "operator.credit_code": ("credit_code", "another operator has this code"),
    "user_account.username": ("username", "another user has this name"),
}


@contextmanager
def named_conflicts() -> Iterator[None]:
    """Turn an IntegrityError of the known constraints into a Conflict that names the field."""
    try:
        yield
    except IntegrityError as error:
        # SQLite: "UNIQUE constraint failed: vehicle.plate, …"; PostgreSQL: constraint "uq_vehicle_plate_plate_color".
        said = str(error.orig)
        for column, (field, rule) in _TAKEN.items():
            if f": {column}" in said or f"uq_{column.replace('.', '_')}" in said:
                raise Conflict(field, rule) from error
        raise
