"""Imports in the background over HTTP: how far they are, what was wrong, ending them. One sees one's own."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.registry import jobs
from luwei.registry.exports import csv_parts
from luwei.registry.imports import RowError
from luwei.registry.jobs import JobView
from luwei.web.door import Door
from luwei.web.registry_routes.imports import KINDS
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class JobState(msgspec.Struct):
    """A job; while it runs, ``stage`` (waiting, reading, checking, writing) and how many rows of it are done."""

    job: JobView
    stage: str
    rows_done: int


class JobPage(msgspec.Struct):
    """``total`` jobs of one's own at ``as_of`` (UTC ms), the newest first; ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[JobState]


class JobErrorPage(msgspec.Struct):
    """``total`` kept errors; ``items`` are those of the page, in the file's order."""

    total: int
    items: list[RowError]


def _state(services: Services, view: JobView) -> JobState:
    task = services.imports.tasks.get(view.id) if services.imports else None
    return JobState(view, task.stage if task else "", task.rows if task else view.rows)


async def _own(services: Services, door: Door, key: int, act: str) -> JobView:
    view = await asyncio.to_thread(jobs.one, services.engine, key, door.user_id)
    door.allow(act, KINDS[view.noun][0])
    return view


@get("/api/jobs", tags=["import"])
async def list_jobs(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> JobPage:
    """One's own imports in the background, the newest first."""
    found = await asyncio.to_thread(jobs.page, services.engine, door.user_id, page, size)
    return JobPage(now_ms(), found.total, [_state(services, view) for view in found.items])


@get("/api/jobs/{job_id:int}", tags=["import"])
async def get_job(services: NamedDependency[Services], door: NamedDependency[Door], job_id: Key) -> JobState:
    """One job and how far it is."""
    return _state(services, await _own(services, door, job_id, "read"))


@get("/api/jobs/{job_id:int}/errors", tags=["import"])
async def get_job_errors(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    job_id: Key,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> JobErrorPage:
    """Wrong cells with row, column, rule and value."""
    await _own(services, door, job_id, "read")
    found = await asyncio.to_thread(jobs.errors, services.engine, job_id, door.user_id, page, size)
    return JobErrorPage(found.total, found.items)


@get("/api/jobs/{job_id:int}/errors.csv", tags=["import"])
async def job_errors_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], job_id: Key
) -> Response[bytes]:
    """The same as a file for whoever mends the table."""
    await _own(services, door, job_id, "read")
    found = await asyncio.to_thread(jobs.all_errors, services.engine, job_id, door.user_id)
    rows = ([str(each.row), each.column, each.rule, each.value] for each in found)
    content = b"".join(csv_parts(["行", "列", "规则", "值"], rows))
    disposition = f'attachment; filename="job-{job_id}-errors.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


@post("/api/jobs/{job_id:int}/cancel", status_code=200, tags=["import"], guards=[own_page])
async def cancel_job(services: NamedDependency[Services], door: NamedDependency[Door], job_id: Key) -> JobState:
    """End a job that waits or runs; nothing of it is written, unless it was done already."""
    await _own(services, door, job_id, "write")
    if services.imports is not None:
        await services.imports.cancel(job_id)
    return _state(services, await _own(services, door, job_id, "read"))


route_handlers: list[ControllerRouterHandler] = [list_jobs, get_job, get_job_errors, job_errors_csv, cancel_job]
