"""Trucks for the registry of a test."""

from __future__ import annotations

from sqlalchemy import Engine, insert

from luwei.registry.engine import write
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle


def add_truck(engine: Engine, phone: str, terminal_id: str, plate: str) -> int:
    """A vehicle with a terminal; the vehicle's id."""
    with write(engine) as connection:
        vehicle = connection.execute(
            insert(Vehicle).values(plate=plate, plate_color=2, city=440300).returning(Vehicle.id)
        ).scalar_one()
        connection.execute(insert(Terminal).values(phone=phone, terminal_id=terminal_id, vehicle_id=vehicle))
    return int(vehicle)
