"""Recorded roadside checks 现场核查记录 over HTTP: entered by an officer, listed, counted, with their pictures."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.oversight import order_files
from luwei.oversight.order_files import SIZE_MAX, FileView, Unstored
from luwei.oversight.roadside import checks
from luwei.oversight.roadside.checks import CheckFilter, CheckView, Counts, NewCheck
from luwei.registry.scope import Scope
from luwei.web.china_time import span_of, today
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.oversight_routes.allowed import Key
from luwei.web.oversight_routes.order_files import Uploads, away, files_of, keep_files, served
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Finding = Annotated[str, msgspec.Meta(max_length=20)]
Asked = Annotated[str, QueryParameter(max_length=20)]
Instant = Annotated[int | None, QueryParameter(ge=0, le=4_102_444_800_000)]
Vehicle = Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)]


class Check(msgspec.Struct, forbid_unknown_fields=True):
    """What an officer found. ``told``: the verdict of each item that was on the screen; the place is optional, and so
    are pictures (ids of own uploads)."""

    plate: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    plate_color: Annotated[int, msgspec.Meta(ge=1, le=99)]
    findings: Annotated[list[Finding], msgspec.Meta(min_length=1, max_length=8)]
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
    place: Annotated[str, msgspec.Meta(max_length=100)] = ""
    lat_e6: Annotated[int, msgspec.Meta(ge=-90_000_000, le=90_000_000)] | None = None
    lon_e6: Annotated[int, msgspec.Meta(ge=-180_000_000, le=180_000_000)] | None = None
    told: Annotated[dict[Finding, Literal["ok", "bad", "unknown"]], msgspec.Meta(max_length=30)] = {}
    files: Uploads = []


class CheckPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[CheckView]


class CheckCounts(msgspec.Struct):
    """Since ``start`` (UTC ms, null: ever)."""

    as_of: int
    start: int | None
    counts: Counts


@post("/api/roadside/files", tags=["roadside"], guards=[own_page], request_max_body_size=SIZE_MAX + 64 * 1024)
async def roadside_upload(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> FileView:
    """Upload the part ``file``, a picture judged by its content, for a check that will name it."""
    scope = door.allow("write", "roadside")
    upload = data.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "file", "must be given", "the form has no part named file")
    try:
        return await files_of(services).take_in(upload.file, upload.filename, door.actor(scope), pictures=True)
    except Unstored:
        raise away() from None


@delete("/api/roadside/files/{key:int}", tags=["roadside"], guards=[own_page])
async def roadside_remove(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> None:
    """Take back an upload that no check has named yet."""
    scope = door.allow("write", "roadside")
    await asyncio.to_thread(files_of(services).remove, key, door.actor(scope))


@post("/api/roadside/checks", tags=["roadside"], guards=[own_page])
async def roadside_enter(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Check]
) -> CheckView:
    """Record what was found at a truck."""
    scope = door.allow("write", "roadside")
    given = {name: getattr(data, name) for name in data.__struct_fields__}
    wanted = NewCheck(**given | {"findings": tuple(data.findings), "files": tuple(data.files)})
    checks.require(wanted)
    await keep_files(services, data.files, door.actor(scope))
    key = await asyncio.to_thread(checks.enter, services.engine, scope, wanted, door.actor(scope))
    arguments = (services.engine, scope, door.user_id, door.user.organisation_id, key)
    return await asyncio.to_thread(checks.one, *arguments)


def _chosen(
    day: bool, mine: bool, vehicle: int | None, finding: str, start: int | None, end: int | None
) -> CheckFilter:
    if day:
        start, end = span_of(today(now_ms()))
    return CheckFilter(mine, vehicle, finding, start, end)


@get("/api/roadside/checks", tags=["roadside"])
async def roadside_checks(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    mine: FromQuery[bool] = False,
    day: FromQuery[bool] = False,
    vehicle: Vehicle = None,
    finding: Asked = "",
    start: Instant = None,
    end: Instant = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> CheckPage:
    """Recorded checks, newest first. ``mine``: of the person who asks; ``day``: of today in China."""
    scope = door.allow("read", "roadside")
    chosen = _chosen(day, mine, vehicle, finding, start, end)
    arguments = (services.engine, scope, door.user_id, door.user.organisation_id, chosen, page, size)
    found = await asyncio.to_thread(checks.page, *arguments)
    if not mine:
        await door.looked("roadside_check.list", vehicle, {"finding": finding}, scope)
    return CheckPage(now_ms(), found.total, found.items)


@get("/api/roadside/checks/counts", tags=["roadside"])
async def roadside_counts(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    mine: FromQuery[bool] = False,
    day: FromQuery[bool] = False,
    start: Instant = None,
    end: Instant = None,
) -> CheckCounts:
    """How many checks there were, by what was found; each opens the list with the same conditions."""
    scope = door.allow("read", "roadside")
    chosen = _chosen(day, mine, None, "", start, end)
    arguments = (services.engine, scope, door.user_id, door.user.organisation_id, chosen)
    found = await asyncio.to_thread(checks.counts, *arguments)
    return CheckCounts(now_ms(), chosen.start, found)


@get("/api/roadside/checks/{key:int}", tags=["roadside"])
async def roadside_check(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> CheckView:
    """One check."""
    scope = door.allow("read", "roadside")
    found = await asyncio.to_thread(_one, services, door, scope, key)
    await door.looked("roadside_check.look", found.vehicle_id, {"check": key}, scope)
    return found


def _one(services: Services, door: Door, scope: Scope, key: int) -> CheckView:
    return checks.one(services.engine, scope, door.user_id, door.user.organisation_id, key)


@get("/api/roadside/checks/{key:int}/files/{file:int}", tags=["roadside"])
async def roadside_file(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    key: Key,
    file: Key,
    form: FromQuery[Literal["view", "original"]] = "view",
) -> Response[Any]:
    """A picture of a check. ``view``: a copy that bears viewer, time and number; ``original``: as it was uploaded."""
    scope = door.allow("read", "roadside")

    def look() -> tuple[CheckView, FileView, str]:
        return (_one(services, door, scope, key), *order_files.one(services.engine, file, check_id=key))

    check, view, stored = await asyncio.to_thread(look)
    told = {"check": key, "sha256": view.sha256, "form": form}
    await door.note("roadside_file.open", view.id, told, vehicle_id=check.vehicle_id, scope=scope)
    return await served(services, door, view, stored, form == "view", f"LC-{key}")


route_handlers: list[ControllerRouterHandler] = [
    roadside_upload, roadside_remove, roadside_enter, roadside_checks, roadside_counts, roadside_check, roadside_file,
]  # fmt: skip
