"""Recordings of live streams into the evidence store: begun and ended here; their files are evidence like others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.cases import scope as case_scope
from luwei.live.feed import now_ms
from luwei.registry.case import CLOSED
from luwei.registry.errors import RegistryError
from luwei.registry.video_record import WAITING
from luwei.video import record_views
from luwei.video.record_rows import Wanted
from luwei.video.record_views import GapView, PartView, RecordFilter, RecordView
from luwei.video.recorder import AlreadyRecording, NoRoom, Recorder
from luwei.video.recording import Recording
from luwei.web.begun import endable, of_record, require_endable
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.vehicle_rows import vehicle_row
from luwei.web.video import PURPOSE_MAX, checked_purpose, desk_of, peer_of, within_reach

SECONDS_MIN = 5
STOP_S = 5.0
Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class NewRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One recording of ``seconds`` (0: as long as is allowed). ``case``: the case that it is evidence of."""

    vehicle_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    channel: Annotated[int, msgspec.Meta(ge=1, le=64)]
    stream: Annotated[str, msgspec.Meta(pattern="^(main|sub)$")] = "sub"
    seconds: Annotated[int, msgspec.Meta(ge=0, le=7_200)] = 0
    purpose: Annotated[str, msgspec.Meta(max_length=PURPOSE_MAX)] = ""
    case: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None


def recorder_of(services: Services) -> Recorder:
    """The recorder. Raises Refused (503) where there is none."""
    if services.recorder is None:
        raise Refused(503, "media", "no_node", "nothing is recorded here")
    return services.recorder


@post("/api/video/records", tags=["video"], guards=[own_page])
async def begin_record(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewRecord]
) -> dict[str, Any]:
    """Record a channel of a truck as evidence; its stream is asked of the terminal where it does not run."""
    acts, scope = door.allow("act", "video"), door.allow("read", "video")
    recorder, desk = recorder_of(services), desk_of(services)
    row = await within_reach(services, scope, data.vehicle_id)
    await vehicle_row(services, acts, data.vehicle_id)
    if row.terminal is None:
        raise Refused(400, "vehicle_id", "must have a terminal")
    purpose = checked_purpose(data.purpose, scope)
    seconds = data.seconds or recorder.limit_s
    if not SECONDS_MIN <= seconds <= recorder.limit_s:
        raise Refused(400, "seconds", f"must be from {SECONDS_MIN} to {recorder.limit_s}")
    if data.case is not None:
        await _require_case(services, door, data.case, row.id)
    if not desk.nodes.alive():
        raise Refused(503, "media", "no_node", "no media server is there now; try again")
    terminal = row.terminal
    wanted = Wanted(
        0, row.id, terminal.id, terminal.phone, data.channel, data.stream, purpose, door.user_id, door.actor(acts),
        None, data.case, seconds, now_ms(), None, WAITING, [], False,
    )  # fmt: skip
    try:
        key = await recorder.record(wanted, await peer_of(services, row.id))
    except AlreadyRecording:
        raise Refused(409, "channel", "recording", "you record this channel already") from None
    except NoRoom as full:
        told = {"channel": data.channel, "quota": str(full)}
        await door.note("video.refuse", None, told, vehicle_id=row.id, scope=acts)
        raise Refused(429, "quota", str(full), "the limit for recordings is reached") from None
    return await _answer(services, door, key)


async def _require_case(services: Services, door: Door, case_id: int, vehicle_id: int) -> None:
    cases = case_scope.within(door.allow("read", "case"))
    state = await asyncio.to_thread(record_views.case_of, services.engine, cases, case_id, vehicle_id)
    if state is None:
        raise RegistryError("case", "is no case of this truck", case_id)
    if state == CLOSED:
        raise RegistryError("case", "is closed", case_id)


@post("/api/video/records/{record_id:int}/stop", tags=["video"], status_code=200, guards=[own_page])
async def stop_record(
    services: NamedDependency[Services], door: NamedDependency[Door], record_id: Key
) -> dict[str, Any]:
    """End a recording; one that is over stays as it is. Who may: who began it, and who stands above him."""
    scope = door.allow("act", "video")
    view = await asyncio.to_thread(record_views.one, services.engine, scope, record_id)
    recorder = recorder_of(services)
    if (running := recorder.running.get(record_id)) is not None:
        told = {"record": record_id, "channel": view.channel}
        try:
            await require_endable(door, "record", [of_record(running.wanted)])
        except Refused as refused:
            await door.note(
                "video.refuse", record_id, told | {"reason": refused.rule}, vehicle_id=view.vehicle_id, scope=scope
            )
            raise
        await door.note("video.record_stop", record_id, told, vehicle_id=view.vehicle_id, scope=scope)
        recorder.end(record_id)
        await recorder.ended(record_id, STOP_S)
    return await _answer(services, door, record_id)


@get("/api/video/records", tags=["video"])
async def list_records(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle: FromQuery[int | None] = None,
    case: FromQuery[int | None] = None,
    day: Annotated[str, QueryParameter(max_length=10)] = "",
    chosen_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
    mine: FromQuery[bool] = False,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> dict[str, Any]:
    """Recordings of trucks within the caller's reach, newest first."""
    scope = door.allow("read", "video")
    chosen = RecordFilter(vehicle, case, day, chosen_state, door.user_id if mine else None)
    found = await asyncio.to_thread(record_views.page, services.engine, scope, chosen, page, size)
    told = {"vehicle": vehicle, "case": case, "day": day, "state": chosen_state, "page": page}
    kept = {name: value for name, value in told.items() if value not in (None, "")}
    await door.looked("video.records", vehicle, kept, scope=scope)
    return {"as_of": now_ms(), "total": found.total, "items": await _shown(services, door, found.items)}


@get("/api/video/records/limits", tags=["video"])
async def record_limits(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """How much of the limits of recordings is in use; counts of the whole platform."""
    door.allow("read", "video", aggregates=True)
    recorder = recorder_of(services)
    own = sum(each.wanted.user_id == door.user_id for each in recorder.running.values())
    return {
        "as_of": now_ms(),
        "user_records": own,
        "user_records_limit": recorder.limit_per_user,
        "records": len(recorder.running),
        "records_limit": recorder.limit,
        "seconds_limit": recorder.limit_s,
        "disk_bytes": recorder.octets,
        "disk_limit_bytes": recorder.limit_octets,
    }


@get("/api/video/records/{record_id:int}", tags=["video"])
async def one_record(
    services: NamedDependency[Services], door: NamedDependency[Door], record_id: Key
) -> dict[str, Any]:
    """One recording with its parts and gaps."""
    scope = door.allow("read", "video")
    view = await asyncio.to_thread(record_views.one, services.engine, scope, record_id)
    parts, gaps = await asyncio.to_thread(record_views.parts, services.engine, record_id)
    if services.recorder is not None and (running := services.recorder.running.get(record_id)) is not None:
        # written down when it is over
        gaps = [GapView(*each) for each in running.gaps]
    await door.looked("video.records", view.vehicle_id, {"record": record_id}, scope=scope)
    return {
        "as_of": now_ms(),
        "record": (await _shown(services, door, [view]))[0],
        "parts": [_part(each) for each in parts],
        "gaps": [{"from": each.start, "to": each.end, "cause": each.cause} for each in gaps],
    }


def _part(view: PartView) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(view)
    return found


async def _shown(services: Services, door: Door, views: Sequence[RecordView]) -> list[dict[str, Any]]:
    """As people see it: what goes on is counted where it is recorded."""
    running = dict(services.recorder.running) if services.recorder is not None else {}
    going = [view.id for view in views if view.id in running] if door.may("act", "video") else []
    may = dict(zip(going, await endable(door, [of_record(running[key].wanted) for key in going]), strict=True))
    return [_row(view, running.get(view.id)) | {"may_stop": may.get(view.id, False)} for view in views]


def _row(view: RecordView, running: Recording | None) -> dict[str, Any]:
    if running is not None:
        pictures, octets = max(view.pictures, running.pictures), max(view.bytes, running.octets)
        view = replace(view, pictures=pictures, bytes=octets, gaps=max(view.gaps, len(running.gaps)))
    found: dict[str, Any] = msgspec.to_builtins(view)
    return found


async def _answer(services: Services, door: Door, record_id: int) -> dict[str, Any]:
    view = await asyncio.to_thread(record_views.one, services.engine, door.allow("act", "video"), record_id)
    return {"as_of": now_ms(), "record": (await _shown(services, door, [view]))[0]}


route_handlers: list[ControllerRouterHandler] = [
    begin_record, stop_record, list_records, record_limits, one_record,
]  # fmt: skip
