"""SIM cards over HTTP: list, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import noun, sims
from luwei.registry.sims import NOUN, SimView
from luwei.web.door import Door
from luwei.web.registry_routes.bodies import SimBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class SimPage(msgspec.Struct):
    """``total`` SIM cards match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[SimView]


@get("/api/sims", tags=["sims"])
async def list_sims(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    terminal: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> SimPage:
    """SIM cards of the scope by ICCID. ``q``: fragment of ICCID or, where numbers are not masked, of the number;
    ``terminal``: those in it."""
    scope = door.allow("read", "sim")
    found = await asyncio.to_thread(sims.page, services.engine, scope, q, terminal, page, size)
    return SimPage(now_ms(), found.total, [door.masked("sim", view, scope) for view in found.items])


@get("/api/sims/{sim_id:int}", tags=["sims"])
async def get_sim(services: NamedDependency[Services], door: NamedDependency[Door], sim_id: Key) -> SimView:
    """One SIM card."""
    scope = door.allow("read", "sim")
    return door.masked("sim", await asyncio.to_thread(noun.one, services.engine, NOUN, sim_id, scope), scope)


@post("/api/sims", tags=["sims"], guards=[own_page])
async def create_sim(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[SimBody]
) -> SimView:
    """A new SIM card. 400 names the field and the rule it breaks, 409 what is taken and by whom."""
    scope = door.allow("write", "sim")
    actor = data.actor(door)
    key = await asyncio.to_thread(noun.create, services.engine, NOUN, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, key, scope)


@patch("/api/sims/{sim_id:int}", tags=["sims"], guards=[own_page])
async def change_sim(
    services: NamedDependency[Services], door: NamedDependency[Door], sim_id: Key, data: JSONBody[SimBody]
) -> SimView:
    """Change the fields that are sent."""
    scope = door.allow("write", "sim")
    actor = data.actor(door)
    await asyncio.to_thread(noun.change, services.engine, NOUN, sim_id, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, sim_id, scope)


route_handlers: list[ControllerRouterHandler] = [list_sims, get_sim, create_sim, change_sim]
