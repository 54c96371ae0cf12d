"""Evidence over HTTP: the lists, viewing copies with the viewer's name on them, originals for who may export.

Every look at a file, and every list of files, is an entry of the audit log. A file leaves under a name of Luwei's own
and with the type that its bytes have; ``nosniff`` stands on every answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.evidence import reading
from luwei.evidence.clip_copies import KEEP_S, Copy, Crowded, Unplayable, Wish
from luwei.evidence.content import CLIPS, PICTURES, SEEN
from luwei.evidence.reading import FileFilter, FileView, RefusalView, RequestView, StoredFile
from luwei.evidence.requests import Expectation, expect
from luwei.evidence.store import EvidenceStore
from luwei.evidence.watermark import viewing_copy
from luwei.live.feed import now_ms
from luwei.protocol.errors import ProtocolError
from luwei.registry.audit import record
from luwei.registry.engine import write
from luwei.web.china_time import written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.files import big_file, byte_range
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import vehicle_row

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
Form = Literal["view", "original"]
PURPOSE_MIN, PURPOSE_MAX = 2, 100
COPIES_AT_ONCE = 2
LOOKS_MAX = 10_000
"""Looks that are remembered; beyond that a further range is noted once more."""
PICTURE_MAX = 32 << 20
"""Bytes of a picture that is copied for viewing."""
_EXTENSIONS = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/bmp": "bmp", "image/tiff": "tif",
    "image/webp": "webp", "video/mp4": "mp4", "video/h264": "h264", "video/h265": "h265",
    "video/x-msvideo": "avi", "audio/wav": "wav", "audio/aac": "aac", "audio/mpeg": "mp3", "audio/amr": "amr",
}  # fmt: skip
ENDS = "X-Luwei-Copy-Ends"
PROBE = (0, 0)
"""One octet, by which a page asks whether a copy is there and whole: that is no look."""
_copying = asyncio.Semaphore(COPIES_AT_ONCE)


class _Looks:
    """Who looks at which file what for: a further range within a look is none of its own."""

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def begins(self, look: tuple[object, ...], at_start: bool) -> bool:
        """Whether this request begins a look: one from the first octet does, and one behind it where none goes on."""
        now = time.monotonic()
        last = self._begun.pop(look, None)
        begins = at_start or last is None or now - last > KEEP_S
        self._begun[look] = now
        while len(self._begun) > LOOKS_MAX:
            self._begun.popitem(last=False)
        return begins


_looks = _Looks()


class FilePage(msgspec.Struct):
    as_of: int
    total: int
    items: list[FileView]


class RequestPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[RequestView]


class RefusalPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[RefusalView]


class NewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Ask the terminal of ``vehicle`` for the files of an alarm. ``identification``: 报警标识号 in hex as the alarm
    brought it; ``event``: item and type in hex such as ``6401``; ``alarm_at`` in UTC ms."""

    vehicle: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    identification: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{2}){16,40}$")]
    event: Annotated[str, msgspec.Meta(pattern="^[0-9A-F]{4}$")]
    alarm_at: Moment


class Asked(msgspec.Struct):
    """The request; ``new`` is false where the alarm's files were asked for before."""

    request: int
    alarm_no: str
    new: bool


def _store(services: Services) -> EvidenceStore:
    if services.evidence is None:
        raise Refused(503, "", "evidence_unavailable", "files are not served here")
    return services.evidence


@get("/api/evidence", tags=["evidence"])
async def evidence_list(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle: FromQuery[int | None] = None,
    start: Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)] = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    origin: FromQuery[str] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> FilePage:
    """Files that terminals announced or sent between two instants, newest first."""
    scope = door.allow("read", "evidence")
    chosen = FileFilter(vehicle, start, end, chosen_state, origin)
    found = await asyncio.to_thread(reading.page, services.engine, scope, chosen, page, size)
    detail = {"vehicle": vehicle, "from": start, "to": end, "state": chosen_state, "origin": origin, "page": page}
    told = {name: value for name, value in detail.items() if value not in (None, "")}
    await door.note("evidence.list", None, told | {"total": found.total}, vehicle_id=vehicle, scope=scope)
    return FilePage(now_ms(), found.total, found.items)


@get("/api/evidence/requests", tags=["evidence"])
async def evidence_requests(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle: FromQuery[int | None] = None,
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> RequestPage:
    """What was asked of terminals with 0x9208, newest first; ``state`` is open, ended or given_up."""
    scope = door.allow("read", "evidence")
    found = await asyncio.to_thread(reading.requests, services.engine, scope, vehicle, chosen_state, page, size)
    return RequestPage(now_ms(), found.total, found.items)


@post("/api/evidence/requests", tags=["evidence"], guards=[own_page])
async def ask(services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewRequest]) -> Asked:
    """Ask a terminal for the files of an alarm now, and again until they are here."""
    scope = door.allow("write", "evidence")
    row = await vehicle_row(services, scope, data.vehicle)
    terminal = row.terminal
    if terminal is None:
        raise Refused(400, "vehicle", "must have a terminal")
    expectation = Expectation(
        terminal.phone, data.vehicle, terminal.id, bytes.fromhex(data.identification), data.event, data.alarm_at
    )

    def enter() -> Asked:
        with write(services.engine) as connection:
            wanted = expect(connection, expectation)
            told = {"identification": data.identification, "event": data.event}
            record(connection, door.actor(scope), "evidence.ask", wanted.id, told, vehicle_id=data.vehicle)
        return Asked(wanted.id, wanted.alarm_no, wanted.new)

    try:
        asked = await asyncio.to_thread(enter)
    except ProtocolError:
        raise Refused(400, "identification", "must have the length of a dialect: 16, 38, 39 or 40 bytes") from None
    except ValueError:
        raise Refused(400, "identification", "must count at least one attachment") from None
    if services.attachments is not None:
        services.attachments.wake()
    return asked


@get("/api/evidence/refusals", tags=["evidence"])
async def evidence_refusals(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    day: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> RefusalPage:
    """What the attachment server did not take on a day (since 1970-01-01 in China; default today)."""
    door.whole("evidence")
    chosen = (now_ms() + 8 * 3_600_000) // 86_400_000 if day is None else day
    found = await asyncio.to_thread(reading.refusals, services.engine, chosen, page, size)
    return RefusalPage(now_ms(), found.total, found.items)


@get("/api/evidence/{file_id:int}", tags=["evidence"])
async def evidence_one(services: NamedDependency[Services], door: NamedDependency[Door], file_id: Key) -> FileView:
    """What is known of one file."""
    scope = door.allow("read", "evidence")
    return (await asyncio.to_thread(reading.one, services.engine, scope, file_id)).view


@get("/api/evidence/{file_id:int}/file", tags=["evidence"], ready=True)
async def evidence_file(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    request: Request[Any, Any, Any],
    file_id: Key,
    purpose: FromQuery[str] = "",
    form: FromQuery[Form] = "view",
) -> Response[Any]:
    """``view``: a picture or a clip as a copy that bears viewer, time and ``purpose``, sound as it is, in ranges; the
    copy of a clip that goes on behind its end says in ``X-Luwei-Copy-Ends`` where that is (ms). ``original``: the
    bytes as they came, for who may export."""
    scope = door.allow("export" if form == "original" else "read", "evidence")
    why = purpose.strip()
    if not PURPOSE_MIN <= len(why) <= PURPOSE_MAX or not why.isprintable():
        raise Refused(400, "purpose", f"must say why, in {PURPOSE_MIN} to {PURPOSE_MAX} characters")
    store = _store(services)
    found = await asyncio.to_thread(reading.one, services.engine, scope, file_id)
    view = found.view
    if not found.key:
        raise Refused(404, "id", "not_complete", "the file is not complete yet")
    if form == "view" and view.media_type not in PICTURES | CLIPS:
        raise Refused(404, "form", "no_view", "there is no viewing copy of this type")
    if form == "view" and view.media_type in PICTURES:
        data = await _copy(door, store, found, why)
        await door.note("evidence.view", view.id, {"purpose": why}, vehicle_id=view.vehicle_id, scope=scope)
        headers = {"Content-Disposition": f'inline; filename="luwei-{view.id}.jpg"', "Cache-Control": "no-store"}
        return Response(data, headers=headers, media_type="image/jpeg")
    clip = None if form == "original" or view.media_type not in SEEN else await _clip(services, door, found, why)
    size = view.stored_bytes if clip is None else clip.size
    try:
        span = byte_range(request.headers.get("range", ""), size)
    except ValueError:
        return Response(b"", status_code=416, headers={"Content-Range": f"bytes */{size}"})
    if span != PROBE and _looks.begins((door.user_id, file_id, form, why), span is None or span[0] == 0):
        # A player asks for one range after another: the first one is the look.
        act = "evidence.export" if form == "original" else "evidence.view"
        told = {"purpose": why, "sha256": view.sha256}
        await door.note(act, view.id, told, vehicle_id=view.vehicle_id, scope=scope)
    if clip is not None:
        ends = {ENDS: str(clip.ends_ms)} if clip.ends_ms is not None else {}
        return await big_file(request, clip.path, "video/mp4", "no-store", ends)
    return await _ranges(store, found, span, attachment=form == "original")


async def _copy(door: Door, store: EvidenceStore, found: StoredFile, purpose: str) -> bytes:
    view = found.view
    if view.readable is False or view.stored_bytes > PICTURE_MAX:
        raise Refused(404, "form", "unreadable", "this picture cannot be decoded; only the original can be exported")

    def make() -> bytes:
        original = b"".join(store.open_range(found.key))
        return viewing_copy(original, door.user.username, written(now_ms() // 1000 * 1000), purpose)

    try:
        async with _copying:
            return await asyncio.to_thread(make)
    except OSError:
        raise Refused(503, "", "evidence_unavailable", "the file cannot be read now; try again") from None
    except ValueError:
        raise Refused(404, "form", "unreadable", "this picture cannot be decoded") from None


async def _clip(services: Services, door: Door, found: StoredFile, purpose: str) -> Copy:
    """A copy of a clip that bears who looks, as MP4 whatever the terminal sent."""
    view = found.view
    if services.clips is None:
        raise Refused(503, "", "evidence_unavailable", "files are not served here")
    if view.readable is False:
        raise Refused(404, "form", "unreadable", "this clip cannot be decoded; only the original can be exported")
    wish = Wish(found.key, view.media_type, door.user.username, purpose)
    try:
        return await services.clips.get(wish, written(now_ms() // 1000 * 1000))
    except Crowded:
        raise Refused(503, "", "busy", "too many copies are being made; try again") from None
    except OSError:
        raise Refused(503, "", "evidence_unavailable", "the file cannot be read now; try again") from None
    except Unplayable:
        raise Refused(404, "form", "unreadable", "this clip cannot be decoded") from None


async def _ranges(store: EvidenceStore, found: StoredFile, span: tuple[int, int] | None, attachment: bool) -> Stream:
    view = found.view
    first, last = span or (0, view.stored_bytes - 1)
    extension = _EXTENSIONS.get(view.media_type, "bin")
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Length": str(last - first + 1),
        "Content-Type": "application/octet-stream" if attachment else view.media_type,
        "Content-Disposition": f'{"attachment" if attachment else "inline"}; filename="luwei-{view.id}.{extension}"',
    }
    if attachment:
        headers |= {"X-Luwei-SHA256": view.sha256, "X-Luwei-SM3": view.sm3}
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{view.stored_bytes}"
    try:
        pieces = await asyncio.to_thread(_opened, store, found.key, first, last + 1)
    except (OSError, ValueError):
        raise Refused(503, "", "evidence_unavailable", "the file cannot be read now; try again") from None
    return Stream(_sent(pieces), status_code=206 if span else 200, headers=headers, media_type=headers["Content-Type"])


def _opened(store: EvidenceStore, key: str, start: int, end: int) -> Iterator[bytes]:
    """The pieces, the first of them read: a file that is missing is noticed before the answer begins."""
    pieces = store.open_range(key, start, end)
    first = next(pieces, b"")

    def again() -> Iterator[bytes]:
        yield first
        yield from pieces

    return again()


async def _sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


route_handlers: list[ControllerRouterHandler] = [
    evidence_list, evidence_requests, ask, evidence_refusals, evidence_one, evidence_file,
]  # fmt: skip
