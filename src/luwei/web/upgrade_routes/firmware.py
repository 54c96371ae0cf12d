"""Firmware files over HTTP: upload, list, retire."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromQuery, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.commands.upgrades import firmware
from luwei.commands.upgrades.firmware import SIZE_MAX, FirmwareView
from luwei.live.feed import now_ms
from luwei.protocol.jt808.messages.control import UPGRADE_TYPES
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class FirmwareList(msgspec.Struct):
    as_of: int
    items: list[FirmwareView]
    size_max: int
    upgrade_types: list[dict[str, Any]]
    may_upload: bool


def _keeping(door: Door) -> None:
    if not door.allow("write", "upgrade").whole:
        raise Refused(403, "upgrade", "firmware is kept by users of the whole province only")


@get("/api/upgrades/firmware", tags=["upgrades"])
async def list_firmware(services: NamedDependency[Services], door: NamedDependency[Door]) -> FirmwareList:
    """The files that orders by 0x8108 can send, newest first, with their hashes."""
    door.allow("read", "upgrade")
    items = await asyncio.to_thread(firmware.page, services.engine)
    types = [{"value": number, "zh": zh} for number, zh in UPGRADE_TYPES.items()]
    may = True
    try:
        _keeping(door)
    except Refused:
        may = False
    return FirmwareList(now_ms(), items, SIZE_MAX, types, may)


@post("/api/upgrades/firmware", tags=["upgrades"], guards=[own_page], request_max_body_size=SIZE_MAX + 64 * 1024)
async def upload_firmware(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
    model: FromQuery[str],
    version: FromQuery[str],
    manufacturer: FromQuery[str] = "",
    upgrade_type: FromQuery[int] = 0,
) -> FirmwareView:
    """Keep the part ``file`` (at most 2 MiB) for terminals of ``model``; 409 where it is kept already."""
    _keeping(door)
    upload = data.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "file", "must be given", "the form has no part named file")
    content = await upload.read()
    name = "".join(char for char in upload.filename if char.isprintable())[-120:]
    given = {
        "name": name, "upgrade_type": upgrade_type, "manufacturer": manufacturer, "model": model, "version": version,
    }  # fmt: skip
    actor = door.user.actor(door.address)
    key = await asyncio.to_thread(firmware.take_in, services.engine, given, content, actor)
    return await asyncio.to_thread(firmware.one, services.engine, key)


@delete("/api/upgrades/firmware/{firmware_id:int}", tags=["upgrades"], guards=[own_page])
async def retire_firmware(services: NamedDependency[Services], door: NamedDependency[Door], firmware_id: Key) -> None:
    """Offer a file for new orders no more; orders that have it go on."""
    _keeping(door)
    await asyncio.to_thread(firmware.retire, services.engine, firmware_id, door.user.actor(door.address))


route_handlers: list[ControllerRouterHandler] = [list_firmware, upload_firmware, retire_firmware]
