"""Requests on a recorded reason over HTTP: ask, list, approve, refuse, end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.access import Scope, grants
from luwei.access.grants import SUBJECTS_MAX, DriverMatch, GrantView
from luwei.live.feed import now_ms
from luwei.registry import masking
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Plate = Annotated[str, msgspec.Meta(max_length=20)]


class NewGrant(msgspec.Struct, forbid_unknown_fields=True):
    """The form: what kind of data, of which vehicles (or drivers, by id), what for, for how long.

    ``plates`` names vehicles for who cannot list them.
    """

    kind: Annotated[str, msgspec.Meta(max_length=20)]
    purpose: Annotated[str, msgspec.Meta(max_length=300)]
    case_number: Annotated[str, msgspec.Meta(max_length=60)]
    minutes: int
    vehicles: Annotated[list[int], msgspec.Meta(max_length=SUBJECTS_MAX)] = []
    drivers: Annotated[list[int], msgspec.Meta(max_length=SUBJECTS_MAX)] = []
    plates: Annotated[list[Plate], msgspec.Meta(max_length=SUBJECTS_MAX)] = []


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """A word with it; a refusal must say why."""

    note: Annotated[str, msgspec.Meta(max_length=300)] = ""


class GrantPage(msgspec.Struct):
    """``total`` requests match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[GrantView]


class DriverMatches(msgspec.Struct):
    """Whom a request may name."""

    items: list[DriverMatch]


def _deciding(door: Door) -> Scope | None:
    """The scope in which this person decides on the requests of others; None: nowhere."""
    return door.allow("approve", "grant") if door.may("approve", "grant") else None


@get("/api/grants", tags=["access"])
async def list_grants(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    phase: Annotated[str, QueryParameter(name="state", max_length=10)] = "",
    mine: FromQuery[bool] = False,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> GrantPage:
    """One's own requests, and those one may decide on, newest first."""
    door.allow("read", "grant")
    found = await asyncio.to_thread(grants.page, services.engine, door.user, _deciding(door), phase, mine, page, size)
    return GrantPage(now_ms(), found.total, found.items)


@get("/api/grants/drivers", tags=["access"])
async def drivers_to_ask_for(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    name: Annotated[str, QueryParameter(max_length=40)] = "",
) -> DriverMatches:
    """Drivers of exactly this name within what one may ask for, so that a request can name one of them."""
    door.allow("read", "grant")
    if door.user.token_id:
        raise Refused(403, "grant", "a person must state the reason, no token")
    found = await asyncio.to_thread(grants.drivers_named, services.engine, door.user, name)
    await door.looked("driver.find", detail={"name": masking.name(name.strip()), "found": len(found)})
    return DriverMatches(found)


@post("/api/grants", tags=["access"])
async def request_grant(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewGrant]
) -> GrantView:
    """Ask for access on a recorded reason: in force at once, or once a second person has approved."""
    door.allow("read", "grant")
    if door.user.token_id:
        raise Refused(403, "grant", "a person must state the reason, no token")
    subjects = data.drivers if data.kind == "driver" else data.vehicles

    def made() -> GrantView:
        key = grants.request(
            services.engine, door.user, data.kind, data.purpose, data.case_number, subjects, data.minutes,
            door.actor(), data.plates,
        )  # fmt: skip
        return grants.one(services.engine, door.user, _deciding(door), key)

    return await asyncio.to_thread(made)


@post("/api/grants/{grant_id:int}/{act:str}", tags=["access"], status_code=200)
async def decide_grant(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    grant_id: Key,
    act: FromPath[Literal["approve", "refuse", "end"]],
    data: JSONBody[Decision],
) -> GrantView:
    """``approve`` or ``refuse`` the request of another person, or ``end`` a grant before its time."""
    door.allow("read", "grant")

    def done() -> GrantView:
        scope = _deciding(door)
        if act == "end":
            grants.end(services.engine, door.user, scope, grant_id, door.actor(scope))
        else:
            allowed = door.allow("approve", "grant")
            grants.decide(
                services.engine, door.user, allowed, grant_id, act == "approve", data.note, door.actor(allowed)
            )
        return grants.one(services.engine, door.user, scope, grant_id)

    return await asyncio.to_thread(done)


route_handlers: list[ControllerRouterHandler] = [list_grants, drivers_to_ask_for, request_grant, decide_grant]
