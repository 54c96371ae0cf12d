"""Vehicles over HTTP: the filtered list, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
import numpy as np
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.live.view import Selection
from luwei.registry import vehicle_list, vehicles
from luwei.registry.vehicle_list import VehicleFilter
from luwei.web.door import Door
from luwei.web.registry_routes.announce import announce
from luwei.web.registry_routes.bodies import VehicleBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import VehicleRow, row_of, vehicle_row

State = Literal["all", "online", "moving", "stopped", "offline", "alarm"]
Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class VehiclePage(msgspec.Struct):
    """``total`` vehicles match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[VehicleRow]


@get("/api/vehicles", tags=["vehicles"])
async def list_vehicles(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    city: FromQuery[int | None] = None,
    county: FromQuery[int | None] = None,
    operator: FromQuery[int | None] = None,
    monitor: FromQuery[int | None] = None,
    insurer: FromQuery[int | None] = None,
    live: Annotated[State, QueryParameter(name="state")] = "all",
    sort: FromQuery[str] = "plate",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> VehiclePage:
    """Vehicles of the scope. ``q``: fragment of plate, phone or terminal id; ``state``: as on the map.

    ``sort``: plate, city, operator or id, with ``-`` before it downwards; ``size`` ≤ 500.
    """
    scope = door.allow("read", "vehicle")
    among, shown = None, door.positions()
    if live != "all":
        placed = door.allow("read", "position")
        among = np.flatnonzero(Selection(city, county, operator, live, placed).mask(services.fleet)).astype(np.int64)
    chosen = VehicleFilter(q, city, county, operator, monitor, insurer, among)
    found = await asyncio.to_thread(vehicle_list.page, services.engine, scope, chosen, sort, page, size)
    if shown is not None:
        told = {"q": q, "city": city, "county": county, "operator": operator, "state": live}
        await door.looked("position.list", detail={name: value for name, value in told.items() if value}, scope=shown)
    return VehiclePage(now_ms(), found.total, [row_of(view, services.fleet, shown, scope) for view in found.items])


@get("/api/vehicles/{vehicle_id:int}", tags=["vehicles"])
async def get_vehicle(services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key) -> VehicleRow:
    """One vehicle with its live state."""
    row = await vehicle_row(services, scope := door.allow("read", "vehicle"), vehicle_id, door.positions(), scope)
    if row.live is not None:
        await door.looked("position.look", vehicle_id, scope=door.positions())
    return row


@post("/api/vehicles", tags=["vehicles"], guards=[own_page])
async def create_vehicle(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[VehicleBody]
) -> VehicleRow:
    """A new vehicle. 400 names the field and the rule it breaks, 409 a plate or VIN that is taken."""
    scope = door.allow("write", "vehicle")
    actor = data.actor(door)
    key = await asyncio.to_thread(vehicles.create, services.engine, data.sent(), actor, scope)
    await announce(services, "vehicle", [key])
    return await vehicle_row(services, scope, key, door.positions(), scope)


@patch("/api/vehicles/{vehicle_id:int}", tags=["vehicles"], guards=[own_page])
async def change_vehicle(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key, data: JSONBody[VehicleBody]
) -> VehicleRow:
    """Change the fields that are sent."""
    scope = door.allow("write", "vehicle")
    actor = data.actor(door)
    await asyncio.to_thread(vehicles.change, services.engine, vehicle_id, data.sent(), actor, scope)
    await announce(services, "vehicle", [vehicle_id])
    return await vehicle_row(services, scope, vehicle_id, door.positions(), scope)


route_handlers: list[ControllerRouterHandler] = [list_vehicles, get_vehicle, create_vehicle, change_vehicle]
