"""Pushes over HTTP: a template to one truck or to thousands, watched, held, ended, sent again to what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.commands.targets import TARGETS_MAX, OutsideScope
from luwei.commands.templates import pushes, reading
from luwei.commands.templates.engine import TemplateEngine
from luwei.commands.templates.reading import PushView, ResultView, TerminalView
from luwei.live.feed import now_ms
from luwei.registry import template as t
from luwei.registry.errors import RegistryError
from luwei.web.china_time import written
from luwei.web.commands import EXPIRES_MAX, REASON_MAX, Act, VehicleSelection, csv_line, in_pieces, targets_of
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page
from luwei.web.template_routes.templates import Key

Result = Annotated[str | None, QueryParameter(name="result", max_length=20)]


class NewPush(msgspec.Struct, forbid_unknown_fields=True):
    """A push (``act`` push: set and read back; verify: read back only) to vehicles, phones or a filter."""

    vehicles: Annotated[list[int], msgspec.Meta(max_length=TARGETS_MAX)] = []
    phones: Annotated[list[str], msgspec.Meta(max_length=TARGETS_MAX)] = []
    filter: VehicleSelection | None = None
    act: Literal["push", "verify"] = "push"
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX)] = ""
    expires_s: Annotated[int, msgspec.Meta(ge=0, le=EXPIRES_MAX)] = 86_400
    dry_run: bool = False


class Begun(msgspec.Struct):
    """The push (0 in a dry run), its vehicles, and how many were left out: without terminal, or not of the class."""

    push: int
    total: int
    skipped: int


class PushPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[PushView]


class ResultPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[ResultView]


class TerminalPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[TerminalView]


def _engine(services: Services) -> TemplateEngine:
    if services.templates is None:
        raise Refused(503, "", "commands_unavailable", "commands are not served here")
    return services.templates


@post("/api/templates/versions/{version_id:int}/push", tags=["templates"], guards=[own_page])
async def push_version(
    services: NamedDependency[Services], door: NamedDependency[Door], version_id: Key, data: JSONBody[NewPush]
) -> Begun:
    """Send an approved version, or read it back only. 403 another jurisdiction; 404 an unknown vehicle or phone."""
    scope = door.allow("write", "command")
    engine = _engine(services)
    reason = data.reason.strip()
    if reason and not reason.isprintable():
        raise Refused(400, "reason", "must not contain control characters")
    version = await asyncio.to_thread(engine.sendable, version_id)
    try:
        found, bare = await targets_of(services, door, scope, data)
    except OutsideScope as error:
        raise Refused(403, error.field, error.rule) from None
    chosen, unfit = await asyncio.to_thread(pushes.fitting, services.engine, version, found)
    total = sum(map(len, chosen.values()))
    if not total:
        raise RegistryError("vehicles", "the template is for none of them (class, model or edition)")
    if data.dry_run:
        return Begun(0, total, bare + unfit)
    actor = door.user.actor(door.address)
    key = await engine.push(version_id, found, bare, reason, data.expires_s, data.act, actor)
    return Begun(key, total, bare + unfit)


@get("/api/templates/pushes", tags=["templates"])
async def list_pushes(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    template: FromQuery[int | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 20,
) -> PushPage:
    """Pushes with their progress, newest first; who does not see the whole province sees the own ones."""
    scope = door.allow("read", "template")
    found = await asyncio.to_thread(reading.page, services.engine, scope, door.user_id, template, page, size)
    return PushPage(now_ms(), found.total, found.items)


@get("/api/templates/pushes/{push_id:int}", tags=["templates"])
async def get_push(services: NamedDependency[Services], door: NamedDependency[Door], push_id: Key) -> PushView:
    """One push with its progress."""
    scope = door.allow("read", "template")
    return await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, push_id)


@post("/api/templates/pushes/{push_id:int}/{act:str}", tags=["templates"], guards=[own_page], status_code=200)
async def act_on_push(
    services: NamedDependency[Services], door: NamedDependency[Door], push_id: Key, act: Act
) -> PushView:
    """``pause``, ``resume``, ``cancel``; ``again``: a new push of the version to what ended otherwise than equal."""
    scope = door.allow("write", "command")
    engine = _engine(services)
    before = await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, push_id)
    actor = door.user.actor(door.address)
    key = push_id
    if act == "cancel":
        await engine.cancel(push_id, actor)
    elif act in ("pause", "resume"):
        await engine.pause(push_id, act == "pause", actor)
    elif act == "again":
        targets = await asyncio.to_thread(reading.unequal, services.engine, scope, push_id)
        if not targets:
            raise Refused(409, "push", "every vehicle of it that is over is equal")
        left_s = max(3_600, (before.expires_at - before.created_at) // 1000)
        key = await engine.push(before.version, targets, 0, before.reason, left_s, t.PUSH, actor)
    else:
        raise Refused(404, "act", "must be pause, resume, cancel or again")
    return await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, key)


@get("/api/templates/pushes/{push_id:int}/vehicles", tags=["templates"])
async def list_results(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    push_id: Key,
    only: Result = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> ResultPage:
    """The vehicles of a push with what differs; ``result`` is one of the results or ``open``."""
    scope = door.allow("read", "template")
    await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, push_id)
    found = await asyncio.to_thread(reading.results, services.engine, scope, push_id, only, page, size)
    return ResultPage(now_ms(), found.total, found.items)


@get("/api/templates/pushes/{push_id:int}/results.csv", tags=["templates"])
async def export_push(services: NamedDependency[Services], door: NamedDependency[Door], push_id: Key) -> Response[Any]:
    """Every vehicle of a push, one line for each field that differs."""
    scope = door.allow("export", "template")
    view = await asyncio.to_thread(reading.one, services.engine, scope, door.user_id, push_id)
    await door.note("template_push.export", push_id, {"template": view.name, "version": view.number})
    lines = _lines(view, reading.exported(services.engine, scope, push_id))
    headers = {"Content-Disposition": f'attachment; filename="template-push-{push_id}.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


@get("/api/templates/terminals", tags=["templates"])
async def list_terminals(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    template: FromQuery[int | None] = None,
    only: Result = None,
    q: FromQuery[str] = "",
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> TerminalPage:
    """Which template version each terminal has, and when it was last read back equal."""
    scope = door.allow("read", "template")

    def found() -> Any:
        return reading.terminals(services.engine, scope, template=template, result=only, q=q, number=page, size=size)

    rows = await asyncio.to_thread(found)
    return TerminalPage(now_ms(), rows.total, rows.items)


def _lines(view: PushView, items: Iterator[ResultView]) -> Iterator[str]:
    columns = ["template", "version", "plate", "phone", "result", "cause", "ended", "parameter", "field", "wanted",
               "found"]  # fmt: skip
    yield "\ufeff" + csv_line(columns)
    for item in items:
        ended = "" if item.ended_at is None else written(item.ended_at)
        begin = [view.name, view.number, item.plate, item.phone, item.result or item.step, item.cause, ended]
        if not item.differences:
            yield csv_line([*begin, "", "", "", ""])
        for each in item.differences:
            yield csv_line([*begin, f"0x{each.id:04X}", each.zh, each.wanted, each.found])


route_handlers: list[ControllerRouterHandler] = [
    push_version, list_pushes, get_push, act_on_push, list_results, export_push, list_terminals,
]  # fmt: skip
