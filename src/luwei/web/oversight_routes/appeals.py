"""Review of appeals 申诉 over HTTP. An appeal is made by POST /api/cases/{id}/appeal."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.cases import reading
from luwei.live.feed import now_ms
from luwei.oversight import appeals
from luwei.oversight.appeals import AppealView
from luwei.oversight.place import is_authority
from luwei.registry.scope import Scope
from luwei.web.case_routes.allowed import looked
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import AREA, Key, Text, Version, authority
from luwei.web.services import Services
from luwei.web.sign_in import own_page


class Appeals(msgspec.Struct):
    as_of: int
    total: int
    items: list[AppealView]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """``version`` of the case; ``verdict``: what an upheld appeal makes of it."""

    version: Version
    decision: Literal["upheld", "rejected"]
    reason: Text
    verdict: Literal["", "false", "undecided"] = ""


class Decided(msgspec.Struct):
    """The case, the verdict it was handled with, what it counts as, and its appeal."""

    case: int
    verdict: str
    effective: str
    appeal: AppealView | None


def _reviewer(door: Door) -> int | None:
    """Who asks, where that person may decide on appeals at all."""
    decides = door.may("supervise", "case") and is_authority(door.allow("supervise", "case"))
    return door.user_id if decides else None


async def _standing(services: Services, door: Door, scope: Scope, case: int) -> Decided:
    found = await asyncio.to_thread(appeals.standing, services.engine, scope, case, _reviewer(door))
    return Decided(case, found.verdict, found.effective, found.appeal)


@get("/api/appeals", tags=["oversight"], dependencies=AREA)
async def appeal_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=10)] = "",
    overdue: FromQuery[bool] = False,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Appeals:
    """Appeals against verdicts on cases that one sees; ``overdue``: the open ones past their limit."""
    scope = door.allow("read", "case")
    arguments = (services.engine, scope, chosen_state, _reviewer(door), page, size, overdue, area)
    found = await asyncio.to_thread(appeals.page, *arguments)
    await door.looked("appeal.list", None, {"state": chosen_state}, scope)
    return Appeals(now_ms(), found.total, found.items)


@post("/api/appeals/{key:int}/decide", tags=["oversight"], guards=[own_page], status_code=200)
async def appeal_decide(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Decision]
) -> Decided:
    """Uphold or reject; 409 (version) where the case changed meanwhile."""
    scope = authority(door)
    arguments = (services.engine, scope, key, data.version, data.decision, data.verdict, data.reason)
    case = await asyncio.to_thread(appeals.decide, *arguments, door.actor(scope))
    if services.cases is not None:
        services.cases.news.changed([case])
    return await _standing(services, door, scope, case)


@get("/api/cases/{case_id:int}/effect", tags=["oversight"])
async def case_effect(services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key) -> Decided:
    """The verdict of a case as it was given, and as it counts since an appeal."""
    scope = door.allow("read", "case")
    await looked(door, await asyncio.to_thread(reading.one, services.engine, scope, case_id), scope)
    return await _standing(services, door, scope, case_id)


route_handlers: list[ControllerRouterHandler] = [appeal_list, appeal_decide, case_effect]
