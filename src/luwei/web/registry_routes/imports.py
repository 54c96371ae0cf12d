"""Import of CSV and Excel files over HTTP.

The work is done in a process of its own: reading a hundred thousand rows would hold the interpreter of the core, and
with it every screen and the ingest, for seconds. One import runs at a time.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from luwei.registry.imports import MAX_BYTES, RowError, template_csv
from luwei.registry.imports.apart import import_apart
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.registry_routes.announce import announce
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Noun = Literal["organisations", "operators", "vehicles", "terminals", "drivers", "sims", "models"]

KINDS = {
    "organisations": ("organisation",),
    "operators": ("operator",),
    # Files of vehicles bring terminals and operators along.
    "vehicles": ("vehicle", "terminal", "operator"),
    "terminals": ("terminal",),
    "drivers": ("driver",),
    "sims": ("sim",),
    "models": ("model",),
}
"""Kinds of data that an import writes, the noun's own first."""

_one_at_a_time = asyncio.Lock()


class ImportReport(msgspec.Struct):
    """``rows`` = created + updated + refused + unchanged; ``errors`` are the first 1,000."""

    rows: int
    created: int
    updated: int
    refused: int
    errors: list[RowError]


class JobBegun(msgspec.Struct):
    """The job that now waits for its turn: GET /api/jobs/{job}."""

    job: int


Form = Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)]


async def _file(data: dict[str, UploadFile]) -> tuple[str, bytes]:
    """Name and content of the part ``file``. Raises Refused."""
    upload = data.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "file", "must be given", "the form has no part named file")
    name = "".join(char for char in upload.filename if char.isprintable())[-100:]
    return name, await upload.read()


def _scope(door: Door, noun: str) -> Scope:
    scopes = [door.allow("write", kind) for kind in KINDS[noun]]
    return scopes[0]


@post(
    "/api/import/{noun:str}",
    status_code=200,
    tags=["import"],
    guards=[own_page],
    request_max_body_size=MAX_BYTES + 64 * 1024,
)
async def import_upload(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    noun: FromPath[Noun],
    data: Form,
    dry_run: FromQuery[bool] = False,
) -> ImportReport:
    """Import the part ``file`` (.csv or .xlsx, at most 20 MiB, 200,000 rows) and wait for it. With ``dry_run`` nothing
    is changed. Rows with errors are refused and listed with row, column, rule and value; the others go in.
    """
    scope = _scope(door, noun)
    name, content = await _file(data)
    url = services.engine.url.render_as_string(hide_password=False)
    actor = door.user.actor(door.address)
    async with _one_at_a_time:
        report = await import_apart(url, noun, name, content, dry_run, actor, scope)
    for kind, ids in report.changed.items():
        if ids:
            await announce(services, kind, ids)
    return ImportReport(report.rows, report.created, report.updated, report.refused, report.errors)


@post(
    "/api/import/{noun:str}/job",
    status_code=202,
    tags=["import"],
    guards=[own_page],
    request_max_body_size=MAX_BYTES + 64 * 1024,
)
async def import_begin(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    noun: FromPath[Noun],
    data: Form,
    dry_run: FromQuery[bool] = False,
) -> JobBegun:
    """The same import in the background: the answer names a job. 429 while too many wait."""
    scope = _scope(door, noun)
    if services.imports is None or services.imports.full:
        raise Refused(429, "", "too_many_jobs", "too many imports are waiting; try again when one is done")
    name, content = await _file(data)
    actor = door.user.actor(door.address)
    return JobBegun(await services.imports.submit(noun, name, content, dry_run, actor, scope))


@get("/api/import/{noun:str}/template.csv", tags=["import"])
async def import_template(door: NamedDependency[Door], noun: FromPath[Noun]) -> Response[bytes]:
    """The headers of an import file and one example row, for a spreadsheet."""
    door.allow("read", KINDS[noun][0])
    return Response(
        template_csv(noun),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{noun}.csv"'},
    )


route_handlers: list[ControllerRouterHandler] = [import_upload, import_begin, import_template]
