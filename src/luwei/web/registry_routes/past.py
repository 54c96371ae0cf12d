"""The past of a record over HTTP: the history of its fields and its bindings over time."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import binding_views, changes
from luwei.registry.binding_views import BindingView
from luwei.registry.changes import Change
from luwei.registry.masking import masked_change
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.bodies import BindingBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]

Asked = Request[Any, Any, Any]

NOUNS = {
    "organisations": ("organisation", "organisation"),
    "vehicles": ("vehicle", "vehicle"),
    "terminals": ("terminal", "terminal"),
    "drivers": ("driver", "driver"),
    "sims": ("sim", "sim"),
    "models": ("terminal_model", "model"),
}
"""Noun of the registry and kind of data by the word in the address."""


BOUND = ("vehicles", "terminals", "drivers", "sims")
"""Those that are bound to something over time."""


def _asked(request: Asked) -> tuple[str, str]:
    """The router keeps fixed words and parameters of an address apart, so each noun has its own address."""
    return NOUNS[request.url.path.split("/")[2]]


class ChangePage(msgspec.Struct):
    """``total`` acts on the record at ``as_of`` (UTC ms), the newest first; ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[Change]


class Bindings(msgspec.Struct):
    """Every span of the record at ``as_of`` (UTC ms), the newest first."""

    as_of: int
    items: list[BindingView]


@get([f"/api/{word}/{{key:int}}/history" for word in NOUNS], tags=["history of records"])
async def get_history(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    request: Asked,
    key: Key,
    field: FromQuery[str] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> ChangePage:
    """Who changed which field from what to what, when and why; ``field``: that one only."""
    table, kind = _asked(request)
    scope = door.allow("read", kind)
    if scope.narrow == "match_result":
        raise Refused(403, kind, "masked", "who sees drivers masked does not see what they were called before")
    found = await asyncio.to_thread(changes.page, services.engine, table, key, scope, field, page, size)
    items = found.items if scope.narrow != "masked" else [masked_change(table, each) for each in found.items]
    return ChangePage(now_ms(), found.total, items)


@get([f"/api/{word}/{{key:int}}/bindings" for word in BOUND], tags=["history of records"])
async def get_bindings(
    services: NamedDependency[Services], door: NamedDependency[Door], request: Asked, key: Key
) -> Bindings:
    """What the record was bound to, and what to it, from when to when."""
    table, kind = _asked(request)
    scope = door.allow("read", kind)
    return Bindings(now_ms(), await asyncio.to_thread(binding_views.of, services.engine, table, key, scope))


@post([f"/api/{word}/{{key:int}}/bindings" for word in BOUND], tags=["history of records"], guards=[own_page])
async def enter_binding(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    request: Asked,
    key: Key,
    data: JSONBody[BindingBody],
) -> Bindings:
    """Enter a former span that nobody wrote down at its time; what holds now is a field of the record. 409 where it
    would overlap another span."""
    table, kind = _asked(request)
    scope = door.allow("write", kind)
    actor, given = data.actor(door), data.sent()
    await asyncio.to_thread(binding_views.enter, services.engine, table, key, given, actor, scope)
    return Bindings(now_ms(), await asyncio.to_thread(binding_views.of, services.engine, table, key, scope))


route_handlers: list[ControllerRouterHandler] = [get_history, get_bindings, enter_binding]
