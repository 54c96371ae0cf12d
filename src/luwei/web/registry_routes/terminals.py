"""Terminals over HTTP: list, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import terminals
from luwei.registry.terminals import TerminalFilter, TerminalView
from luwei.web.door import Door
from luwei.web.registry_routes.announce import announce
from luwei.web.registry_routes.bodies import TerminalBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class TerminalPage(msgspec.Struct):
    """``total`` terminals match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[TerminalView]


@get("/api/terminals", tags=["terminals"])
async def list_terminals(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    unbound: FromQuery[bool] = False,
    city: FromQuery[int | None] = None,
    county: FromQuery[int | None] = None,
    operator: FromQuery[int | None] = None,
    vendor: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> TerminalPage:
    """Terminals of the scope by phone; ``q``: fragment of phone, terminal id or plate; ``unbound``: in no vehicle.

    ``city``, ``county`` and ``operator`` are those of the vehicle.
    """
    scope = door.allow("read", "terminal")
    chosen = TerminalFilter(q, unbound, city, county, operator, vendor)
    found = await asyncio.to_thread(terminals.page, services.engine, scope, chosen, page, size)
    return TerminalPage(now_ms(), found.total, found.items)


@get("/api/terminals/{terminal_id:int}", tags=["terminals"])
async def get_terminal(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key
) -> TerminalView:
    """One terminal."""
    scope = door.allow("read", "terminal")
    return await asyncio.to_thread(terminals.one, services.engine, terminal_id, scope)


@post("/api/terminals", tags=["terminals"], guards=[own_page])
async def create_terminal(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[TerminalBody]
) -> TerminalView:
    """A new terminal. 400 names the field and the rule it breaks, 409 what is taken."""
    scope = door.allow("write", "terminal")
    actor = data.actor(door)
    key = await asyncio.to_thread(terminals.create, services.engine, data.sent(), actor, scope)
    await announce(services, "terminal", [key])
    return await asyncio.to_thread(terminals.one, services.engine, key, scope)


@patch("/api/terminals/{terminal_id:int}", tags=["terminals"], guards=[own_page])
async def change_terminal(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key, data: JSONBody[TerminalBody]
) -> TerminalView:
    """Change the fields that are sent."""
    scope = door.allow("write", "terminal")
    actor = data.actor(door)
    await asyncio.to_thread(terminals.change, services.engine, terminal_id, data.sent(), actor, scope)
    await announce(services, "terminal", [terminal_id])
    return await asyncio.to_thread(terminals.one, services.engine, terminal_id, scope)


route_handlers: list[ControllerRouterHandler] = [list_terminals, get_terminal, create_terminal, change_terminal]
