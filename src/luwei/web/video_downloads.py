"""Recordings of terminals as files: ordered here, sent by FTP, kept as evidence (docs/media.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.access.seniority import Begun
from luwei.cases import reading as cases
from luwei.commands.recordings import Recording
from luwei.live.feed import now_ms
from luwei.registry.case import CLOSED
from luwei.registry.scope import Scope
from luwei.video import download_book, download_views, recordings, traffic
from luwei.video.download_book import MIB, TooMany, Wanted, Whose
from luwei.video.download_views import NETWORKS, Chosen, DownloadView
from luwei.video.downloads import DownloadEngine
from luwei.web.begun import endable, require_endable
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import vehicle_row
from luwei.web.video import PURPOSE_MAX, Key, checked_purpose
from luwei.web.video_recordings import DAY_MS, Instant, require_held

HOUR_MS = 3_600_000
VALID_H, VALID_H_WITHOUT_MOBILE = 24, 72

Network = Literal["wifi", "lan", "mobile"]
Id = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class NewDownload(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of a list; ``stream`` and ``storage`` as the list says them, 0: whatever there is. ``list``: the list
    that it was picked from, which tells its size. ``valid_h``: hours that it may wait, 0 for the usual time."""

    vehicle_id: Id
    channel: Annotated[int, msgspec.Meta(ge=1, le=64)]
    from_at: Instant
    to_at: Instant
    list: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    media_type: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    stream: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    storage: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    networks: Annotated[tuple[Network, ...], msgspec.Meta(min_length=1, max_length=3)] = ("wifi", "lan", "mobile")
    valid_h: Annotated[int, msgspec.Meta(ge=0, le=168)] = 0
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""
    case_id: Id | None = None


def _engine(services: Services) -> DownloadEngine:
    if services.downloads is None:
        raise Refused(503, "ftp", "off", "recordings are not fetched from here")
    return services.downloads


def _there(services: Services) -> DownloadEngine:
    """The engine, where there is a server for the files. Raises Refused (503)."""
    if not services.settings.evidence_ftp_port:
        raise Refused(503, "ftp", "off", "there is no FTP server: LUWEI_EVIDENCE_FTP_PORT is 0")
    return _engine(services)


@post("/api/video/downloads", tags=["video"], guards=[own_page])
async def order_download(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewDownload]
) -> dict[str, Any]:
    """Have a terminal send a recording; it waits for the terminal, and for other downloads of the truck."""
    scope = door.allow("act", "video")
    engine = _there(services)
    row = await vehicle_row(services, scope, data.vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    purpose = checked_purpose(data.purpose, scope)
    first, last = data.from_at // 1000 * 1000, -(-data.to_at // 1000) * 1000
    if last <= first:
        raise Refused(400, "to_at", "must be after from_at")
    if last - first > DAY_MS:
        raise Refused(400, "to_at", "must be within a day of from_at")
    await require_held(services, scope, row.id, first, last)
    if data.case_id is not None:
        await _require_case(services, door, data.case_id, row.id)
    announced = await _announced(services, data, first, last)
    largest = services.settings.video_download_mib * MIB
    if announced is not None and announced > largest:
        raise Refused(400, "to_at", "too_large", f"by the list these are {announced} bytes, at most {largest}")
    octets = await asyncio.to_thread(traffic.used, services.engine, row.terminal.phone, now_ms())
    used = traffic.Used(octets + (announced or 0), services.settings.video_month_mib << 20)
    if used.exhausted:
        raise Refused(429, "quota", "sim_month", "the SIM has no traffic left for this in the month")
    bits = sum({NETWORKS[name] for name in data.networks})
    hours = data.valid_h or (VALID_H if "mobile" in data.networks else VALID_H_WITHOUT_MOBILE)
    wanted = Wanted(data.channel, first, last, data.media_type, data.stream, data.storage, bits, announced)
    whose = Whose(row.id, row.terminal.id, row.terminal.phone)
    try:
        key = await asyncio.to_thread(
            download_book.enter, services.engine, whose, wanted, largest, hours * HOUR_MS, purpose, data.case_id,
            door.actor(scope),
        )  # fmt: skip
    except TooMany as limit:
        raise Refused(429, "quota", str(limit), "too many downloads are open") from None
    engine.wake()
    return await _one(services, door, scope, key)


async def _require_case(services: Services, door: Door, case_id: int, vehicle_id: int) -> None:
    """Raises Refused, NotFound."""
    case = await asyncio.to_thread(cases.one, services.engine, door.allow("read", "case"), case_id)
    if case["vehicle_id"] != vehicle_id:
        raise Refused(400, "case_id", "is no case of this truck")
    if case["state"] == CLOSED:
        raise Refused(400, "case_id", "is closed")


async def _announced(services: Services, data: NewDownload, first: int, last: int) -> int | None:
    """Bytes of what is wanted, by the list it was picked from. Raises Refused."""
    if not data.list:
        return None
    found = await asyncio.to_thread(recordings.asked, services.engine, data.vehicle_id, data.list)
    if found is None:
        raise Refused(400, "list", "is no list of this truck")
    pieces = [piece for piece in found.items if _fits(piece, data, first, last)]
    return sum(_share(piece, first, last) for piece in pieces) if pieces else None


def _fits(piece: Recording, data: NewDownload, first: int, last: int) -> bool:
    return (
        piece.channel == data.channel
        and data.stream in (0, piece.stream)
        and data.storage in (0, piece.storage)
        and piece.start_at is not None
        and piece.end_at is not None
        and first < piece.end_at
        and piece.start_at < last
    )


def _share(piece: Recording, first: int, last: int) -> int:
    """Of the bytes of a piece, as much as of its time is wanted."""
    start, end = piece.start_at or 0, piece.end_at or 0
    length = max(1, end - start)
    return piece.octets * (min(end, last) - max(start, first)) // length


@get("/api/video/downloads", tags=["video"])
async def list_downloads(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: FromQuery[int | None] = None,
    case_id: FromQuery[int | None] = None,
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=12)] = "",
    mine: FromQuery[bool] = False,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> dict[str, Any]:
    """Downloads within the caller's reach, newest first; ``state``: open, ended, or one of the states."""
    scope = door.allow("read", "video")
    chosen = Chosen(vehicle_id, case_id, chosen_state, door.user_id if mine else None)
    found = await asyncio.to_thread(download_views.page, services.engine, scope, chosen, page, size)
    await door.looked("video.downloads", vehicle_id, detail={"state": chosen_state}, scope=scope)
    items = await _shown(services, door, found.items)
    there = bool(services.settings.evidence_ftp_port) and services.downloads is not None
    return {"as_of": now_ms(), "total": found.total, "ftp": there, "items": items}


@get("/api/video/downloads/{download_id:int}", tags=["video"])
async def one_download(
    services: NamedDependency[Services], door: NamedDependency[Door], download_id: Key
) -> dict[str, Any]:
    """One download and its files."""
    scope = door.allow("read", "video")
    view = await _one(services, door, scope, download_id)
    await door.looked("video.downloads", view["vehicle_id"], detail={"download": download_id}, scope=scope)
    return view


async def _one(services: Services, door: Door, scope: Scope, key: int) -> dict[str, Any]:
    view = await asyncio.to_thread(download_views.one, services.engine, scope, key)
    return (await _shown(services, door, [view]))[0]


async def _shown(services: Services, door: Door, views: Sequence[DownloadView]) -> list[dict[str, Any]]:
    """As the caller sees them, with what he may do to each."""
    fits = [view for view in views if view.fits] if door.may("act", "video") else []
    may = dict(zip((view.id for view in fits), await endable(door, [_begun(view) for view in fits]), strict=True))
    return [_row(services, door, view, may.get(view.id, False)) for view in views]


def _begun(view: DownloadView) -> Begun:
    return Begun(view.user_id, view.organisation_id, view.case_id is not None)


def _row(services: Services, door: Door, view: DownloadView, may: bool) -> dict[str, Any]:
    """Who ordered it is told to himself, and to who may read the audit log."""
    told: dict[str, Any] = msgspec.to_builtins(view)
    mine = told.pop("user_id") == door.user_id
    username, fits = told.pop("username"), told.pop("fits")
    del told["organisation_id"]
    rate = services.downloads.rate(view.id) if services.downloads is not None else 0
    left = (view.announced_bytes or 0) - view.received_bytes
    return told | {
        "by": username if mine or door.may("read", "audit") else None,
        "mine": mine,
        "bytes_per_s": rate,
        "left_s": left // rate if rate and left > 0 else None,
        "may": fits if may else [],
    }


async def _act(services: Services, door: Door, key: int, act: str) -> dict[str, Any]:
    scope = door.allow("act", "video")
    engine = _engine(services)
    view = await asyncio.to_thread(download_views.one, services.engine, scope, key)
    await vehicle_row(services, scope, view.vehicle_id)  # whose truck it is now
    try:
        await require_endable(door, "download", [_begun(view)])
    except Refused as refused:
        told = {"channel": view.channel, "act": act, "reason": refused.rule}
        await door.note("video.refuse", key, told, vehicle_id=view.vehicle_id, scope=scope)
        raise
    acts = {"pause": engine.pause, "continue": engine.go_on, "cancel": engine.cancel}
    await acts[act](key, door.actor(scope))
    return await _one(services, door, scope, key)


@post("/api/video/downloads/{download_id:int}/pause", tags=["video"], status_code=200, guards=[own_page])
async def pause_download(
    services: NamedDependency[Services], door: NamedDependency[Door], download_id: Key
) -> dict[str, Any]:
    """Have the terminal pause; what came stays."""
    door.allow("act", "video")
    return await _act(services, door, download_id, "pause")


@post("/api/video/downloads/{download_id:int}/continue", tags=["video"], status_code=200, guards=[own_page])
async def continue_download(
    services: NamedDependency[Services], door: NamedDependency[Door], download_id: Key
) -> dict[str, Any]:
    """Go on with a paused download."""
    door.allow("act", "video")
    return await _act(services, door, download_id, "continue")


@post("/api/video/downloads/{download_id:int}/cancel", tags=["video"], status_code=200, guards=[own_page])
async def cancel_download(
    services: NamedDependency[Services], door: NamedDependency[Door], download_id: Key
) -> dict[str, Any]:
    """End it; what came is thrown away."""
    door.allow("act", "video")
    return await _act(services, door, download_id, "cancel")


route_handlers: list[ControllerRouterHandler] = [
    order_download, list_downloads, one_download, pause_download, continue_download, cancel_download,
]  # fmt: skip
