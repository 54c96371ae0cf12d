"""Flags of sham handling 虚假处理 over HTTP: for authorities."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.oversight import sham
from luwei.oversight.sham import FlagCase, FlagView
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.oversight_routes.allowed import AREA, Code, Key, Text, authority
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Word = Annotated[str, QueryParameter(max_length=20)]


class Flags(msgspec.Struct):
    as_of: int
    total: int
    items: list[FlagView]


class FlagDetail(msgspec.Struct):
    as_of: int
    flag: FlagView
    cases: list[FlagCase]


class Dismissal(msgspec.Struct, forbid_unknown_fields=True):
    reason: Text


@get("/api/oversight/flags", tags=["oversight"], dependencies=AREA)
async def flag_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    area: NamedDependency[Scope],
    kind: Word = "",
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    organisation: Code = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Flags:
    """Flags of the people that one supervises, the newest first."""
    scope = authority(door)
    arguments = (services.engine, scope, kind, chosen_state, organisation, page, size, area)
    found = await asyncio.to_thread(sham.page, *arguments)
    await door.looked("sham_flag.list", None, {"kind": kind, "state": chosen_state}, scope)
    return Flags(now_ms(), found.total, found.items)


@get("/api/oversight/flags/{key:int}", tags=["oversight"])
async def flag_one(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> FlagDetail:
    """One flag with the cases behind it."""
    scope = authority(door)
    flag, cases = await asyncio.to_thread(sham.one, services.engine, scope, key)
    await door.looked("sham_flag.look", None, {"flag": key}, scope)
    return FlagDetail(now_ms(), flag, cases)


@post("/api/oversight/flags/{key:int}/dismiss", tags=["oversight"], guards=[own_page], status_code=200)
async def flag_dismiss(
    services: NamedDependency[Services], door: NamedDependency[Door], key: Key, data: JSONBody[Dismissal]
) -> FlagDetail:
    """Somebody has looked and says why it is none."""
    scope = authority(door)
    await asyncio.to_thread(sham.dismiss, services.engine, scope, key, data.reason, door.actor(scope))
    flag, cases = await asyncio.to_thread(sham.one, services.engine, scope, key)
    return FlagDetail(now_ms(), flag, cases)


route_handlers: list[ControllerRouterHandler] = [flag_list, flag_one, flag_dismiss]
