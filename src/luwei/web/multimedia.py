"""Pictures and recordings over HTTP: lists by vehicle and by command, and the files themselves.

A file leaves under a name of Luwei's own and with the type that its bytes have. What a browser may not show in a page
is sent as an attachment, and ``nosniff`` keeps it from guessing otherwise.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.evidence.store import EvidenceStore
from luwei.live.feed import now_ms
from luwei.multimedia import reading
from luwei.multimedia.content import INLINE, THUMBNAIL, as_jpeg, extension_of
from luwei.multimedia.keeping import original
from luwei.multimedia.reading import MediaView, StoredFile
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.files import byte_range
from luwei.web.services import Services

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Form = Literal["original", "picture", "thumbnail"]
Moment = Annotated[int | None, QueryParameter(ge=0, le=4_102_444_800_000)]
CACHE = "private, no-cache"
"""The file under one id never changes, but who may see it does: a browser asks before it shows its own copy again."""


class MediaPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[MediaView]


class BroughtMedia(msgspec.Struct):
    """``expected``: files in all, null where nobody knows."""

    as_of: int
    expected: int | None
    items: list[MediaView]


@get("/api/vehicles/{vehicle_id:int}/media", tags=["multimedia"])
async def vehicle_media(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    kind: FromQuery[str | None] = None,
    start: Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)] = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 24,
) -> MediaPage:
    """Pictures and recordings of one vehicle, newest first; ``kind`` is image, audio or video."""
    scope = door.allow("read", "multimedia")
    found = await asyncio.to_thread(
        reading.of_vehicle, services.engine, scope, vehicle_id,
        kind=kind, start=start, end=end, number=page, size=size,
    )  # fmt: skip
    await door.looked("multimedia.list", vehicle_id, {"page": page} | ({"kind": kind} if kind else {}), scope=scope)
    return MediaPage(now_ms(), found.total, found.items)


@get("/api/commands/{command_id:int}/media", tags=["commands"])
async def command_media(
    services: NamedDependency[Services], door: NamedDependency[Door], command_id: Key
) -> BroughtMedia:
    """What a command has brought so far, oldest first."""
    scope = door.allow("read", "multimedia")
    found = await asyncio.to_thread(reading.of_command, services.engine, scope, command_id)
    if found.items:
        await door.looked("multimedia.list", found.items[0].vehicle_id, {"command": command_id}, scope=scope)
    return BroughtMedia(now_ms(), found.expected, found.items)


@get("/api/media/{media_id:int}", tags=["multimedia"])
async def media(services: NamedDependency[Services], door: NamedDependency[Door], media_id: Key) -> MediaView:
    """One picture or recording."""
    scope = door.allow("read", "multimedia")
    view = (await asyncio.to_thread(reading.one, services.engine, scope, media_id)).view
    await door.looked("multimedia.look", view.vehicle_id, {"file": media_id}, scope=scope)
    return view


@get("/api/media/{media_id:int}/file", tags=["multimedia"], ready=True)
async def media_file(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    request: Request[Any, Any, Any],
    media_id: Key,
    form: FromQuery[Form] = "original",
) -> Response[bytes]:
    """The file: ``original`` as it came, ``picture`` as JPEG, ``thumbnail`` as JPEG of at most 320 × 240."""
    scope = door.allow("read", "multimedia")
    found = await asyncio.to_thread(reading.one, services.engine, scope, media_id)
    if form != "thumbnail":  # those stand in the lists, which were looked at
        await door.looked("multimedia.look", found.view.vehicle_id, {"file": media_id}, scope=scope)
    etag = f'"{found.view.sha256[:24]}-{form}"'
    headers = {"ETag": etag, "Cache-Control": CACHE}
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    store = services.evidence
    if store is None:
        raise Refused(503, "", "evidence_unavailable", "files are not served here")
    try:
        if form == "original":
            return await _original(request, store, found, headers)
        data = await asyncio.to_thread(_picture, store, found, THUMBNAIL if form == "thumbnail" else None)
    except OSError:
        raise Refused(503, "", "evidence_unavailable", "the file cannot be read now; try again") from None
    except ValueError:
        raise Refused(404, "form", "no_picture", "this file is no picture that can be read") from None
    return Response(data, headers=headers | _disposition(found, "jpg", inline=True), media_type="image/jpeg")


def _picture(store: EvidenceStore, found: StoredFile, box: tuple[int, int] | None) -> bytes:
    if found.view.shown != "image":
        raise ValueError("no picture")
    return as_jpeg(original(store, found.key), box)


async def _original(
    request: Request[Any, Any, Any], store: EvidenceStore, found: StoredFile, headers: dict[str, str]
) -> Response[bytes]:
    view = found.view
    inline = view.media_type in INLINE and not view.problem
    headers |= _disposition(found, extension_of(view.media_type), inline) | {"Accept-Ranges": "bytes"}
    try:
        span = byte_range(request.headers.get("range", ""), view.size)
    except ValueError:
        return Response(b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{view.size}"})
    first, last = span or (0, view.size - 1)
    data = await asyncio.to_thread(lambda: b"".join(store.open_range(found.key, first, last + 1)))
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{view.size}"
    media_type = view.media_type if inline else "application/octet-stream"
    return Response(data, status_code=206 if span else 200, headers=headers, media_type=media_type)


def _disposition(found: StoredFile, extension: str, inline: bool) -> dict[str, str]:
    kind = "inline" if inline else "attachment"
    return {"Content-Disposition": f'{kind}; filename="luwei-{found.view.id}.{extension}"'}


route_handlers: list[ControllerRouterHandler] = [vehicle_media, command_media, media, media_file]
