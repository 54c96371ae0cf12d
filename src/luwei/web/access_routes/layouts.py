"""One's own walls of live pictures, kept by name."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.access import video_layout
from luwei.access.video_layout import LayoutView
from luwei.web.door import Door
from luwei.web.services import Services

Name = Annotated[str, PathParameter(max_length=120)]


class Layouts(msgspec.Struct):
    """Every layout of the person, by name."""

    items: list[LayoutView]


class NewLayout(msgspec.Struct, forbid_unknown_fields=True):
    """How many tiles, and what the console wants to find again."""

    tiles: int
    body: dict[str, Any]


@get("/api/me/video-layouts", tags=["access"])
async def own_layouts(services: NamedDependency[Services], door: NamedDependency[Door]) -> Layouts:
    """One's own layouts."""
    return Layouts(await asyncio.to_thread(video_layout.layouts, services.engine, door.user_id))


@put("/api/me/video-layouts/{name:str}", tags=["access"])
async def keep_layout(
    services: NamedDependency[Services], door: NamedDependency[Door], name: Name, data: JSONBody[NewLayout]
) -> LayoutView:
    """Keep a layout under this name, instead of one that has it."""
    return await asyncio.to_thread(
        video_layout.keep, services.engine, door.user_id, name, data.tiles, data.body, door.actor()
    )


@delete("/api/me/video-layouts/{name:str}", tags=["access"])
async def remove_layout(services: NamedDependency[Services], door: NamedDependency[Door], name: Name) -> None:
    """Delete a layout."""
    await asyncio.to_thread(video_layout.remove, services.engine, door.user_id, name, door.actor())


route_handlers: list[ControllerRouterHandler] = [own_layouts, keep_layout, remove_layout]
