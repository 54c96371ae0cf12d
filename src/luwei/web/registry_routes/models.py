"""Terminal models over HTTP: list, one, create, change."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import models, noun
from luwei.registry.models import NOUN, ModelView
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.bodies import ModelBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class ModelPage(msgspec.Struct):
    """``total`` models match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[ModelView]


@get("/api/models", tags=["models"])
async def list_models(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: FromQuery[str] = "",
    vendor: FromQuery[int | None] = None,
    catalogued: FromQuery[bool | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> ModelPage:
    """Terminal models by name. ``q``: fragment of name, firmware or manufacturer id; ``catalogued``: 中标设备目录."""
    scope = door.allow("read", "model")
    found = await asyncio.to_thread(models.page, services.engine, scope, q, vendor, catalogued, page, size)
    return ModelPage(now_ms(), found.total, found.items)


@get("/api/models/{model_id:int}", tags=["models"])
async def get_model(services: NamedDependency[Services], door: NamedDependency[Door], model_id: Key) -> ModelView:
    """One model."""
    scope = door.allow("read", "model")
    return await asyncio.to_thread(noun.one, services.engine, NOUN, model_id, scope)


def _entering(door: Door) -> Scope:
    """Models are the same for everybody: only who sees the whole province enters them. Raises Refused (403)."""
    scope = door.allow("write", "model")
    if not scope.whole:
        raise Refused(403, "model", "models are entered by the whole province")
    return scope


@post("/api/models", tags=["models"], guards=[own_page])
async def create_model(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[ModelBody]
) -> ModelView:
    """A new model. 400 names the field and the rule it breaks, 409 what is taken and by whom."""
    scope = _entering(door)
    actor = data.actor(door)
    key = await asyncio.to_thread(noun.create, services.engine, NOUN, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, key, scope)


@patch("/api/models/{model_id:int}", tags=["models"], guards=[own_page])
async def change_model(
    services: NamedDependency[Services], door: NamedDependency[Door], model_id: Key, data: JSONBody[ModelBody]
) -> ModelView:
    """Change the fields that are sent."""
    scope = _entering(door)
    actor = data.actor(door)
    await asyncio.to_thread(noun.change, services.engine, NOUN, model_id, data.sent(), actor, scope)
    return await asyncio.to_thread(noun.one, services.engine, NOUN, model_id, scope)


route_handlers: list[ControllerRouterHandler] = [list_models, get_model, create_model, change_model]
