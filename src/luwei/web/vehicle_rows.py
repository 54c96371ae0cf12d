"""A vehicle as every answer of the web gives it: its registry view and its live state."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Engine

from luwei.live.fleet import Fleet
from luwei.registry import gone, vehicle_list
from luwei.registry.engine import read
from luwei.registry.errors import NotFound
from luwei.registry.masking import masked
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle_list import OperatorName, TerminalBrief, VehicleView
from luwei.web.services import Services


class Live(msgspec.Struct):
    """The present; times in UTC ms, places in 1e-6 degrees (null before the first fix), direction null if unknown."""

    state: str
    at: int
    received_at: int
    lat_e6: int | None
    lon_e6: int | None
    speed_dkmh: int
    direction_deg: int | None
    alarm: int
    fixed: bool


class VehicleRow(msgspec.Struct):
    """One vehicle; ``live`` is null where nothing was ever received from it."""

    id: int
    plate: str
    plate_color: int
    vin: str | None
    vehicle_class: str
    city: int | None
    county: int | None
    operator: OperatorName | None
    terminal: TerminalBrief | None
    live: Live | None
    vin_confirmed: bool
    gross_mass_kg: int | None
    owner: str | None
    transport_certificate: str | None
    certificate_valid_from: date | None
    certificate_valid_to: date | None
    monitor: OperatorName | None
    insurer: OperatorName | None
    in_scope: bool


_VIEW = tuple(name for name in VehicleRow.__struct_fields__ if name != "live")


def row_of(view: VehicleView, fleet: Fleet, shown: Scope | None, record: Scope | None = None) -> VehicleRow:
    """Join a registry view with the live state, where ``shown`` (the scope of positions; None: nowhere) covers it.

    ``record``: the scope of the vehicle's record. Only such an answer names the owner, and not where the right is
    ``masked``: a track or a message needs nobody's name.
    """
    present = fleet.present(view.id) if shown is not None and fleet.sees(shown, view.id) else None
    live = None
    if present is not None:
        live = Live(**{name: getattr(present, name) for name in Live.__struct_fields__})
    row = {name: getattr(view, name) for name in _VIEW}
    if record is None or record.narrow == "masked":
        row |= masked("vehicle", {"owner": view.owner})
    return VehicleRow(live=live, **row)


async def vehicle_row(
    services: Services, scope: Scope, vehicle_id: int, shown: Scope | None = None, record: Scope | None = None
) -> VehicleRow:
    """The vehicle, with its live state where ``shown`` covers it, its owner as ``row_of`` says. Raises NotFound
    (registry) where there is none in the scope."""
    view = await asyncio.to_thread(vehicle_list.one, services.engine, vehicle_id, scope)
    return row_of(view, services.fleet, shown, record)


def vehicle_ids(engine: Engine, vehicle_id: int) -> list[int]:
    """Every id under which facts of the vehicle stand in the history: its own and those merged into it."""
    with read(engine) as connection:
        return gone.known_as(connection, "vehicle", vehicle_id)


async def vehicle_then(services: Services, scope: Scope, vehicle_id: int, held: bool) -> VehicleRow:
    """The vehicle for a question about the past. Who has it no more, but ``held`` it then, learns the plate and nothing
    of today. Raises NotFound for who has it neither now nor then."""
    try:
        return await vehicle_row(services, scope, vehicle_id, scope)
    except NotFound:
        if not held:
            raise
    view = await asyncio.to_thread(vehicle_list.one, services.engine, vehicle_id, WHOLE)
    blank: dict[str, Any] = dict.fromkeys(_VIEW, None) | {
        name: getattr(view, name) for name in ("id", "plate", "plate_color", "vehicle_class")
    }
    return VehicleRow(live=None, **blank | {"vin_confirmed": False, "in_scope": False})
