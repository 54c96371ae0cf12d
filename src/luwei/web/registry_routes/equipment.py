"""Channels and peripherals of a terminal over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.registry import equipments
from luwei.registry.equipments import Equipment
from luwei.web.door import Door
from luwei.web.registry_routes.bodies import EquipmentBody
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


@get("/api/terminals/{terminal_id:int}/equipment", tags=["terminals"])
async def get_equipment(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key
) -> Equipment:
    """Channels (by logical number) and peripherals of the terminal."""
    scope = door.allow("read", "terminal")
    return await asyncio.to_thread(equipments.one, services.engine, terminal_id, scope)


@put("/api/terminals/{terminal_id:int}/equipment", tags=["terminals"], guards=[own_page])
async def put_equipment(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key, data: JSONBody[EquipmentBody]
) -> Equipment:
    """Replace the channels, the peripherals, or both. 400 names such a field as ``channels.2.position``."""
    scope = door.allow("write", "terminal")
    actor = data.actor(door)
    await asyncio.to_thread(equipments.replace, services.engine, terminal_id, data.sent(), actor, scope)
    return await asyncio.to_thread(equipments.one, services.engine, terminal_id, scope)


route_handlers: list[ControllerRouterHandler] = [get_equipment, put_equipment]
