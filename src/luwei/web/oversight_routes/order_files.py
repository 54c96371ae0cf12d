"""Files of supervision orders 督办附件 over HTTP: uploaded one at a time, named by an order or an answer, opened by its
two sides. Pictures are shown as copies with the viewer's name, all else is a download; every look is in the audit log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.evidence.content import PICTURES
from luwei.evidence.watermark import viewing_copy
from luwei.live.feed import now_ms
from luwei.oversight import order_files, order_views, orders
from luwei.oversight.order_files import AN_ACT, SIZE_MAX, FileView, OrderFiles, Unstored
from luwei.oversight.order_views import OrderView
from luwei.oversight.place import is_authority
from luwei.registry.audit import Actor
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.web.china_time import written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.oversight_routes.allowed import Id, Key, sees_orders
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Uploads = Annotated[list[Id], msgspec.Meta(max_length=AN_ACT)]


def files_of(services: Services) -> OrderFiles:
    """Where uploads are kept. Raises Refused (503) where there is no such place."""
    if services.oversight is None:
        raise Refused(503, "", "evidence_unavailable", "files are not kept here")
    return services.oversight.files


def away() -> Refused:
    """What is said while the store cannot take or give."""
    return Refused(503, "", "evidence_unavailable", "the file cannot be kept or read now; try again")


async def keep_files(services: Services, keys: list[int], actor: Actor) -> None:
    """Store the uploads that an act is about to name. Raises Refused, RegistryError."""
    if not keys:
        return
    try:
        await asyncio.to_thread(files_of(services).keep, keys, actor)
    except Unstored:
        raise away() from None


def _sends(door: Door) -> Scope:
    """Who may upload: who issues orders, and who answers them. Raises Refused."""
    if door.may("supervise", "case", aggregates=True):
        scope = door.allow("supervise", "case", aggregates=True)
        if is_authority(scope):
            return scope
    scope = door.allow("write", "case")
    if scope.operators is None and scope.monitors is None:
        raise Refused(403, "case", "is for the two sides of an order")
    return scope


@post("/api/supervision-files", tags=["oversight"], guards=[own_page], request_max_body_size=SIZE_MAX + 64 * 1024)
async def file_upload(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> FileView:
    """Upload the part ``file`` for an order or answer that will name it: a picture, a clip, a PDF, a Word or an Excel
    file of at most 20 MiB, judged by its content."""
    scope = _sends(door)
    upload = data.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "file", "must be given", "the form has no part named file")
    try:
        return await files_of(services).take_in(upload.file, upload.filename, door.actor(scope))
    except Unstored:
        raise away() from None


@delete("/api/supervision-files/{key:int}", tags=["oversight"], guards=[own_page])
async def file_remove(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> None:
    """Take back an upload that nothing has named yet."""
    scope = _sends(door)
    await asyncio.to_thread(files_of(services).remove, key, door.actor(scope))


@get("/api/supervision-orders/{key:int}/files/{file:int}", tags=["oversight"])
async def file_open(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    key: Key,
    file: Key,
    form: FromQuery[Literal["view", "original"]] = "original",
) -> Response[Any]:
    """A file of an order, for its two sides. ``view``: a picture as a copy that bears viewer, time and order number."""
    scope = sees_orders(door)
    files_of(services)

    def look() -> tuple[OrderView, FileView, str]:
        row, order = order_views.one(services.engine, orders.visible(scope, door.user.organisation_id), key)
        if not order_files.is_side(scope, door.may("supervise", "case", aggregates=True), row):
            raise NotFound("id", "there is no such file of this order", file)
        return (order, *order_files.one(services.engine, file, order_id=key))

    order, view, stored = await asyncio.to_thread(look)
    told = {"order": key, "sha256": view.sha256, "form": form}
    truck = order.vehicle.id if order.vehicle is not None else None
    await door.note("supervision_file.open", view.id, told, vehicle_id=truck, scope=scope)
    return await served(services, door, view, stored, form == "view", order.number)


async def served(
    services: Services, door: Door, view: FileView, stored: str, copies: bool, number: str
) -> Response[Any]:  # fmt: skip
    """The file; ``copies``: a picture as a copy that bears viewer, time and ``number``. Raises Refused."""
    if copies and view.media_type not in PICTURES:
        raise Refused(404, "form", "no_view", "there is no viewing copy of this type")
    try:
        pieces = await asyncio.to_thread(_opened, files_of(services), stored)
    except (OSError, ValueError):
        raise away() from None
    if copies:
        moment = written(now_ms() // 1000 * 1000)

        def copy() -> bytes:
            return viewing_copy(b"".join(pieces), door.user.username, moment, number)

        try:
            picture = await asyncio.to_thread(copy)
        except ValueError:
            raise Refused(404, "form", "unreadable", "this picture cannot be decoded") from None
        headers = {"Content-Disposition": f'inline; filename="luwei-{view.id}.jpg"', "Cache-Control": "no-store"}
        return Response(picture, headers=headers, media_type="image/jpeg")
    headers = {
        "Content-Length": str(view.size), "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(view.name, safe='')}",
        "X-Luwei-SHA256": view.sha256, "X-Luwei-SM3": view.sm3,
    }  # fmt: skip
    return Stream(pieces, headers=headers, media_type="application/octet-stream")


def _opened(kept: OrderFiles, key: str) -> Iterator[bytes]:
    """The pieces, the first of them read: a file that is missing is noticed before the answer begins."""
    pieces = kept.store.open_range(key)
    first = next(pieces, b"")

    def again() -> Iterator[bytes]:
        yield first
        yield from pieces

    return again()


route_handlers: list[ControllerRouterHandler] = [file_upload, file_remove, file_open]
