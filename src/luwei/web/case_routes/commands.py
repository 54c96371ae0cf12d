"""Orders straight from a case: spoken text, call back, stop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from luwei.cases import speaking
from luwei.protocol.errors import ProtocolError
from luwei.web.case_routes.acts import CaseAnswer, Key, Shown, answer
from luwei.web.case_routes.allowed import cases_of
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page


class Order(Shown, forbid_unknown_fields=True):
    """``text`` of tts and stop, where the policy's is not wanted; ``phone`` that the terminal calls."""

    purpose: Literal["tts", "call", "stop"]
    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    phone: Annotated[str, msgspec.Meta(max_length=20)] = ""


@post("/api/cases/{case_id:int}/command", tags=["cases"], guards=[own_page], status_code=200)
async def order(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Order]
) -> CaseAnswer:
    """Speak to the driver, have the terminal call, or order to stop; the first of these stops the first clock."""
    scope = door.allow("act", "case")
    cases_of(services)
    if services.commands is None:
        raise Refused(503, "", "commands_unavailable", "commands are not served here")
    actor = door.actor(scope)
    try:
        prepared = await asyncio.to_thread(
            speaking.prepare, services.engine, scope, case_id, data.version, data.purpose, data.text, data.phone, actor
        )
        number = await speaking.give(services.commands, prepared, scope, actor)
    except ProtocolError as error:
        raise Refused(400, "phone" if data.purpose == "call" else "text", error.detail) from None
    return await answer(services, door, case_id, command=number)


route_handlers: list[ControllerRouterHandler] = [order]
