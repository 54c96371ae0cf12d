"""Operators over HTTP: the organisations that may run vehicles, as lists of operators want them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import organisations
from luwei.registry.errors import RegistryError
from luwei.registry.organisation import OPERATING
from luwei.registry.organisations import OrganisationFilter, OrganisationView
from luwei.web.door import Door
from luwei.web.registry_routes.announce import announce
from luwei.web.registry_routes.bodies import OrganisationBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class OperatorPage(msgspec.Struct):
    """``total`` operators match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[OrganisationView]


@get("/api/operators", tags=["operators"])
async def list_operators(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    city: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> OperatorPage:
    """Operators of the scope by name; ``q`` is a fragment of the name or of the 统一社会信用代码."""
    scope = door.allow("read", "operator")
    found = await asyncio.to_thread(
        organisations.page, services.engine, scope, OrganisationFilter(q, OPERATING, city), page, size
    )
    items = [door.masked("organisation", view, scope) for view in found.items]
    return OperatorPage(now_ms(), found.total, items)


@get("/api/operators/{operator_id:int}", tags=["operators"])
async def get_operator(
    services: NamedDependency[Services], door: NamedDependency[Door], operator_id: Key
) -> OrganisationView:
    """One operator."""
    scope = door.allow("read", "operator")
    found = await asyncio.to_thread(organisations.one, services.engine, operator_id, scope, OPERATING)
    return door.masked("organisation", found, scope)


@post("/api/operators", tags=["operators"], guards=[own_page])
async def create_operator(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[OrganisationBody]
) -> OrganisationView:
    """A new operator. 400 names the field and the rule it breaks, 409 what is taken."""
    scope = door.allow("write", "operator")
    actor = data.actor(door)
    key = await asyncio.to_thread(organisations.create, services.engine, _operating(data), actor, scope)
    await announce(services, "organisation", [key])
    return await asyncio.to_thread(organisations.one, services.engine, key, scope)


@patch("/api/operators/{operator_id:int}", tags=["operators"], guards=[own_page])
async def change_operator(
    services: NamedDependency[Services], door: NamedDependency[Door], operator_id: Key, data: JSONBody[OrganisationBody]
) -> OrganisationView:
    """Change the fields that are sent."""
    scope = door.allow("write", "operator")
    actor = data.actor(door)
    await asyncio.to_thread(
        organisations.change, services.engine, operator_id, _operating(data), actor, scope, OPERATING
    )
    await announce(services, "organisation", [operator_id])
    return await asyncio.to_thread(organisations.one, services.engine, operator_id, scope, OPERATING)


def _operating(data: OrganisationBody) -> dict[str, Any]:
    sent = data.sent()
    if sent.get("kind", OPERATING[0]) not in OPERATING:
        raise RegistryError("kind", f"must be one of {', '.join(OPERATING)}", sent["kind"])
    return sent


route_handlers: list[ControllerRouterHandler] = [list_operators, get_operator, create_operator, change_operator]
