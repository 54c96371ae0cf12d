"""Proposals of supervision orders 督办建议 over HTTP; an order that follows one names it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.oversight import proposals
from luwei.oversight.proposals import ProposalCase, ProposalView
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import AREA, Key, Text, authority
from luwei.web.services import Services
from luwei.web.sign_in import own_page


class Proposals(msgspec.Struct):
    as_of: int
    total: int
    items: list[ProposalView]


class ProposalDetail(msgspec.Struct):
    as_of: int
    proposal: ProposalView
    cases: list[ProposalCase]


class NotNeeded(msgspec.Struct, forbid_unknown_fields=True):
    reason: Text


class Dismissed(msgspec.Struct):
    id: int


@get("/api/oversight/proposals", tags=["oversight"], dependencies=AREA)
async def proposal_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Proposals:
    """What the rules propose to this officer."""
    scope = authority(door)
    found = await asyncio.to_thread(proposals.page, services.engine, scope, chosen_state, page, size, area)
    await door.looked("supervision_order.proposals", None, {"state": chosen_state}, scope)
    return Proposals(now_ms(), found.total, found.items)


@get("/api/oversight/proposals/{key:int}", tags=["oversight"])
async def proposal_one(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key
) -> ProposalDetail:  # fmt: skip
    """One proposal with the cases behind it."""
    scope = authority(door)
    found, cases = await asyncio.to_thread(proposals.one, services.engine, scope, key)
    truck = found.vehicle.id if found.vehicle is not None else None
    await door.looked("supervision_order.proposal", truck, {"proposal": key}, scope)
    return ProposalDetail(now_ms(), found, cases)


@post("/api/oversight/proposals/{key:int}/dismiss", tags=["oversight"], guards=[own_page], status_code=200)
async def proposal_dismiss(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[NotNeeded]
) -> Dismissed:
    """No order is needed, and why."""
    scope = authority(door)
    await asyncio.to_thread(proposals.dismiss, services.engine, scope, key, data.reason, door.actor(scope))
    return Dismissed(key)


route_handlers: list[ControllerRouterHandler] = [proposal_list, proposal_one, proposal_dismiss]
