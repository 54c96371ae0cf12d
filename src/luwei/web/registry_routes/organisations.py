"""Organisations over HTTP: list and tree, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import organisations
from luwei.registry.organisations import OrganisationFilter, OrganisationView
from luwei.web.door import Door
from luwei.web.registry_routes.announce import announce
from luwei.web.registry_routes.bodies import OrganisationBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class OrganisationPage(msgspec.Struct):
    """``total`` organisations match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[OrganisationView]


class OrganisationDetail(msgspec.Struct):
    """One organisation and those above it, the root first."""

    organisation: OrganisationView
    above: list[OrganisationView]


@get("/api/organisations", tags=["organisations"])
async def list_organisations(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    kind: FromQuery[list[str] | None] = None,
    city: FromQuery[int | None] = None,
    county: FromQuery[int | None] = None,
    parent: Annotated[int | None, QueryParameter(name="parent", ge=0, le=2**31 - 1)] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> OrganisationPage:
    """Organisations of the scope by name. ``q``: fragment of name, short name or 统一社会信用代码; ``kind`` may be
    repeated; ``parent``: those right below it, 0 the roots (one level of the tree at a time)."""
    scope = door.allow("read", "organisation")
    chosen = OrganisationFilter(q, tuple(kind or ()), city, county, parent)
    found = await asyncio.to_thread(organisations.page, services.engine, scope, chosen, page, size)
    items = [door.masked("organisation", view, scope) for view in found.items]
    return OrganisationPage(now_ms(), found.total, items)


@get("/api/organisations/{organisation_id:int}", tags=["organisations"])
async def get_organisation(
    services: NamedDependency[Services], door: NamedDependency[Door], organisation_id: Key
) -> OrganisationDetail:
    """One organisation with those above it."""
    scope = door.allow("read", "organisation")
    above = await asyncio.to_thread(organisations.path, services.engine, organisation_id, scope)
    found = [door.masked("organisation", view, scope) for view in above]
    return OrganisationDetail(found[-1], found[:-1])


@post("/api/organisations", tags=["organisations"], guards=[own_page])
async def create_organisation(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[OrganisationBody]
) -> OrganisationView:
    """A new organisation. 400 names the field and the rule it breaks, 409 what is taken and by whom."""
    scope = door.allow("write", "organisation")
    actor = data.actor(door)
    key = await asyncio.to_thread(organisations.create, services.engine, data.sent(), actor, scope)
    await announce(services, "organisation", [key])
    return await asyncio.to_thread(organisations.one, services.engine, key, scope)


@patch("/api/organisations/{organisation_id:int}", tags=["organisations"], guards=[own_page])
async def change_organisation(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    organisation_id: Key,
    data: JSONBody[OrganisationBody],
) -> OrganisationView:
    """Change the fields that are sent."""
    scope = door.allow("write", "organisation")
    actor = data.actor(door)
    await asyncio.to_thread(organisations.change, services.engine, organisation_id, data.sent(), actor, scope)
    await announce(services, "organisation", [organisation_id])
    return await asyncio.to_thread(organisations.one, services.engine, organisation_id, scope)


route_handlers: list[ControllerRouterHandler] = [
    list_organisations, get_organisation, create_organisation, change_organisation,
]  # fmt: skip
