"""Merging two records over HTTP: compare, merge, list, undo."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.registry import merges
from luwei.registry.fields import optional, text
from luwei.registry.merges import Comparison, Merged, MergeView
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.announce import announce
from luwei.web.registry_routes.past import NOUNS
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Loser = Annotated[int, QueryParameter(name="loser", ge=1, le=2**31 - 1)]
Asked = Request[Any, Any, Any]

MERGED = ("vehicles", "terminals", "organisations", "drivers")
_reason = optional(text("reason", 500), "")


class MergeBody(msgspec.Struct, forbid_unknown_fields=True):
    """``loser_id`` becomes part of the record of the address; ``choices`` says whose value of a field stays."""

    loser_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    choices: dict[str, Literal["survivor", "loser"]] = {}
    reason: str = ""


class Merges(msgspec.Struct):
    """Merges into the record, the newest first."""

    items: list[MergeView]


class Unmerged(msgspec.Struct):
    """The two records that are two again."""

    survivor: int
    loser: int


def _asked(request: Asked) -> tuple[str, str]:
    return NOUNS[request.url.path.split("/")[2]]


@get([f"/api/{word}/{{key:int}}/merge" for word in MERGED], tags=["merge"])
async def compare_records(
    services: NamedDependency[Services], door: NamedDependency[Door], request: Asked, key: Key, loser: Loser
) -> Comparison:
    """Both records field by field, what is proposed to stay, and how many rows would point elsewhere."""
    noun, kind = _asked(request)
    scope = door.allow("write", kind)
    return await asyncio.to_thread(merges.compare, services.engine, noun, key, loser, scope)


@post([f"/api/{word}/{{key:int}}/merge" for word in MERGED], status_code=200, tags=["merge"], guards=[own_page])
async def merge_records(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    request: Asked,
    key: Key,
    data: JSONBody[MergeBody],
) -> Merged:
    """Make the loser part of the record. The loser's addresses lead to the survivor from then on."""
    noun, kind = _asked(request)
    scope = door.allow("write", kind)
    actor = door.user.actor(door.address)
    result = await asyncio.to_thread(
        merges.merge, services.engine, noun, key, data.loser_id, data.choices, actor, scope, _reason(data.reason)
    )
    await announce(services, noun, [key, data.loser_id])
    return result


@get([f"/api/{word}/{{key:int}}/merges" for word in MERGED], tags=["merge"])
async def list_merges(
    services: NamedDependency[Services], door: NamedDependency[Door], request: Asked, key: Key
) -> Merges:
    """Records that were merged into this one."""
    noun, kind = _asked(request)
    return Merges(await asyncio.to_thread(merges.of, services.engine, noun, key, door.allow("read", kind)))


@post("/api/merges/{merge_id:int}/undo", status_code=200, tags=["merge"], guards=[own_page])
async def undo_merge(services: NamedDependency[Services], door: NamedDependency[Door], merge_id: Key) -> Unmerged:
    """Take a merge back; 409 names a field that was changed since."""
    scopes = {}
    for word in MERGED:
        noun, kind = NOUNS[word]
        try:
            scopes[noun] = door.allow("write", kind)
        except Refused:
            continue
    if not scopes:
        door.allow("write", "vehicle")
    actor = door.user.actor(door.address)
    noun, survivor, loser = await asyncio.to_thread(merges.undo, services.engine, merge_id, actor, scopes)
    await announce(services, noun, [survivor, loser])
    return Unmerged(survivor, loser)


route_handlers: list[ControllerRouterHandler] = [compare_records, merge_records, list_merges, undo_merge]
