"""Hand-over between shifts 交接班: giving cases, seeing what was given, taking it over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.cases import hand_overs, reading
from luwei.cases.hand_overs import HandOver, Refused
from luwei.live.feed import now_ms
from luwei.registry.errors import RegistryError
from luwei.web.case_routes.acts import CaseAnswer, Chosen, Id, Key, Note, Noted, answer
from luwei.web.case_routes.allowed import cases_of
from luwei.web.door import Door
from luwei.web.services import Services
from luwei.web.sign_in import own_page

SIZE_MOST = 50


class Given(Noted, forbid_unknown_fields=True):
    """``to`` null: the next shift."""

    to: Id | None = None


class GivenMany(msgspec.Struct, forbid_unknown_fields=True):
    """``cases`` null: all that this person holds; ``to`` null: the next shift."""

    note: Note
    to: Id | None = None
    cases: Annotated[list[Chosen], msgspec.Meta(max_length=1000)] | None = None


class RefusedCase(msgspec.Struct):
    id: int
    field: str
    rule: str


class HandedOver(msgspec.Struct):
    done: int
    refused: list[RefusedCase]


class Colleague(msgspec.Struct):
    """Somebody one may hand a case over to."""

    id: int
    name: str


class Colleagues(msgspec.Struct):
    items: list[Colleague]


class HandOvers(msgspec.Struct):
    """Newest first; ``waiting``: how many wait for who asks; ``next``: give it as ``before`` for the following page."""

    as_of: int
    items: list[HandOver]
    waiting: int
    next: int | None


def _told(done: Sequence[int], refused: Sequence[Refused]) -> HandedOver:
    return HandedOver(len(done), [RefusedCase(key, error.field, error.rule) for key, error in refused])


@get("/api/cases/colleagues", tags=["cases"])
async def colleagues(services: NamedDependency[Services], door: NamedDependency[Door]) -> Colleagues:
    """People of the same organisation who may handle cases, but oneself."""
    door.allow("write", "case")
    found = await asyncio.to_thread(cases_of(services).people, door.user.organisation_id)
    return Colleagues([Colleague(key, name) for key, name in found if key != door.user_id])


@post("/api/cases/{case_id:int}/hand-over", tags=["cases"], guards=[own_page], status_code=200)
async def hand_over(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Given]
) -> CaseAnswer:
    """Give a case to a colleague or to the next shift."""
    scope = door.allow("write", "case")
    cases_of(services)
    await asyncio.to_thread(
        hand_overs.give_one, services.engine, scope, case_id, data.version, data.to, data.note, door.actor(scope)
    )
    return await answer(services, door, case_id)


@post("/api/cases/hand-over", tags=["cases"], guards=[own_page], status_code=200)
async def hand_over_many(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[GivenMany]
) -> HandedOver:
    """Give several cases to a colleague or to the next shift; what cannot be given is named."""
    scope = door.allow("write", "case")
    engine = cases_of(services)
    if data.cases is None:
        cases = await asyncio.to_thread(reading.held_by, services.engine, scope, door.user_id)
    else:
        cases = [(each.id, each.version) for each in data.cases]
        if len({key for key, _ in cases}) != len(cases):
            raise RegistryError("cases", "must name no case twice")
    done, refused = await asyncio.to_thread(
        hand_overs.give, services.engine, scope, cases, data.to, data.note, door.actor(scope)
    )
    engine.news.changed(done)
    return _told(done, refused)


@get("/api/cases/hand-overs", tags=["cases"])
async def hand_over_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    before: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)] = None,
    size: FromQuery[int] = 20,
) -> HandOvers:
    """Hand-overs of one's organisation with those of their cases that one may see."""
    door.allow("write", "case")
    scope = door.allow("read", "case")
    if not 1 <= size <= SIZE_MOST:
        raise RegistryError("size", f"must be from 1 to {SIZE_MOST}", size)
    me, organisation = door.user_id, door.user.organisation_id
    items = await asyncio.to_thread(
        hand_overs.listed, services.engine, scope, me, organisation, before, size
    )  # fmt: skip
    waiting = await asyncio.to_thread(hand_overs.waiting, services.engine, me, organisation)
    await door.looked("case.hand_overs", None, {"cases": sum(len(each.cases) for each in items)}, scope)
    return HandOvers(now_ms(), items, waiting, items[-1].id if len(items) == size else None)


@post("/api/cases/hand-overs/{hand_over_id:int}/take", tags=["cases"], guards=[own_page], status_code=200)
async def take_over(services: NamedDependency[Services], door: NamedDependency[Door], hand_over_id: Key) -> HandedOver:
    """Take over what was given to oneself or to the next shift; what cannot be taken any more is named."""
    scope = door.allow("write", "case")
    engine = cases_of(services)
    done, refused = await asyncio.to_thread(
        hand_overs.take, services.engine, scope, hand_over_id, door.actor(scope)
    )  # fmt: skip
    engine.news.changed(done)
    return _told(done, refused)


route_handlers: list[ControllerRouterHandler] = [
    colleagues, hand_over, hand_over_many, hand_over_list, take_over,
]  # fmt: skip
