"""Drivers over HTTP: list, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import drivers, noun
from luwei.registry import masking as mask
from luwei.registry.drivers import NOUN, DriverView
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.bodies import DriverBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class DriverPage(msgspec.Struct):
    """``total`` drivers match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[DriverView]


@get("/api/drivers", tags=["drivers"])
async def list_drivers(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    city: FromQuery[int | None] = None,
    county: FromQuery[int | None] = None,
    operator: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> DriverPage:
    """Drivers of the scope by name. ``q``: fragment of name, phone or 从业资格证 number, or a whole identity number."""
    scope = door.allow("read", "driver")
    if q and scope.narrow == "match_result":
        raise Refused(403, "q", "masked", "who sees drivers masked cannot look one up by name or number")
    found = await asyncio.to_thread(drivers.page, services.engine, scope, q, city, operator, page, size, county)
    told = {"q": mask.name(q) if q else "", "city": city, "county": county, "operator": operator, "page": page}
    await door.looked("driver.list", detail={name: value for name, value in told.items() if value}, scope=scope)
    return DriverPage(now_ms(), found.total, [door.masked("driver", view, scope) for view in found.items])


@get("/api/drivers/{driver_id:int}", tags=["drivers"])
async def get_driver(services: NamedDependency[Services], door: NamedDependency[Door], driver_id: Key) -> DriverView:
    """One driver."""
    scope = door.allow("read", "driver")
    view = await asyncio.to_thread(noun.one, services.engine, NOUN, driver_id, scope)
    await door.looked("driver.look", scope=scope, noun_id=driver_id)
    return door.masked("driver", view, scope)


@post("/api/drivers", tags=["drivers"], guards=[own_page])
async def create_driver(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[DriverBody]
) -> DriverView:
    """A new driver. 400 names the field and the rule it breaks, 409 what is taken and by whom."""
    scope = door.allow("write", "driver")
    actor = data.actor(door)
    key = await asyncio.to_thread(noun.create, services.engine, NOUN, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, key, scope)


@patch("/api/drivers/{driver_id:int}", tags=["drivers"], guards=[own_page])
async def change_driver(
    services: NamedDependency[Services], door: NamedDependency[Door], driver_id: Key, data: JSONBody[DriverBody]
) -> DriverView:
    """Change the fields that are sent."""
    scope = door.allow("write", "driver")
    actor = data.actor(door)
    await asyncio.to_thread(noun.change, services.engine, NOUN, driver_id, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, driver_id, scope)


route_handlers: list[ControllerRouterHandler] = [list_drivers, get_driver, create_driver, change_driver]
