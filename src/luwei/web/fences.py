"""Areas and routes that trucks are told to watch, over HTTP. ``/api/areas`` are cities and counties."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.commands import area_comparison
from luwei.commands.area_comparison import Comparison
from luwei.live.feed import now_ms
from luwei.registry import areas
from luwei.registry.areas import AreaView
from luwei.web.door import Door
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class AreaBody(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of an area; what is left out stays (or has its default). ``geometry`` and ``rules`` are replaced whole."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    kind: str | msgspec.UnsetType = msgspec.UNSET
    city: int | msgspec.UnsetType | None = msgspec.UNSET
    note: str | msgspec.UnsetType = msgspec.UNSET
    geometry: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    rules: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET

    def sent(self) -> dict[str, Any]:
        """The fields that were sent."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not msgspec.UNSET}


class AreaPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[AreaView]
    may_write: bool


@get("/api/fences", tags=["fences"])
async def list_fences(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    kind: FromQuery[str | None] = None,
    q: FromQuery[str] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> AreaPage:
    """Areas and routes, the last changed first; ``kind`` is circle, rectangle, polygon or route."""
    scope = door.allow("read", "area")
    found = await asyncio.to_thread(areas.page, services.engine, scope, kind=kind, q=q, number=page, size=size)
    return AreaPage(now_ms(), found.total, found.items, door.may("write", "area"))


@get("/api/fences/{area_id:int}", tags=["fences"])
async def get_fence(services: NamedDependency[Services], door: NamedDependency[Door], area_id: Key) -> AreaView:
    """One area."""
    return (await asyncio.to_thread(areas.named, services.engine, door.allow("read", "area"), [area_id]))[0]


@post("/api/fences", tags=["fences"], guards=[own_page])
async def create_fence(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[AreaBody]
) -> AreaView:
    """A new area. 400 names the field and the rule it breaks."""
    scope = door.allow("write", "area")
    key = await asyncio.to_thread(areas.create, services.engine, data.sent(), door.user.actor(door.address), scope)
    return (await asyncio.to_thread(areas.named, services.engine, scope, [key]))[0]


@patch("/api/fences/{area_id:int}", tags=["fences"], guards=[own_page])
async def change_fence(
    services: NamedDependency[Services], door: NamedDependency[Door], area_id: Key, data: JSONBody[AreaBody]
) -> AreaView:
    """Change what is sent. Trucks keep what they have until the area is pushed again."""
    scope = door.allow("write", "area")
    actor = door.user.actor(door.address)
    await asyncio.to_thread(areas.change, services.engine, area_id, data.sent(), actor, scope)
    return (await asyncio.to_thread(areas.named, services.engine, scope, [area_id]))[0]


@delete("/api/fences/{area_id:int}", tags=["fences"], guards=[own_page])
async def delete_fence(services: NamedDependency[Services], door: NamedDependency[Door], area_id: Key) -> None:
    """Take an area out of the list; trucks that have it keep it until they are told to delete it."""
    scope = door.allow("write", "area")
    await asyncio.to_thread(areas.delete, services.engine, area_id, door.user.actor(door.address), scope)


@get("/api/commands/{command_id:int}/areas", tags=["commands"])
async def compare_areas(
    services: NamedDependency[Services], door: NamedDependency[Door], command_id: Key
) -> Comparison:
    """For an answered ``read_areas``: what the terminal holds compared with what was sent to it."""
    scope = door.allow("read", "command")
    return await asyncio.to_thread(area_comparison.of_command, services.engine, scope, command_id)


route_handlers: list[ControllerRouterHandler] = [
    list_fences, get_fence, create_fence, change_fence, delete_fence, compare_areas,
]  # fmt: skip
