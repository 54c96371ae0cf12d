"""Commands over HTTP: what can be sent; send it to one truck or to thousands, watch, stop, export the results."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
import numpy as np
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from sqlalchemy import Connection

from luwei.access import record
from luwei.commands import reading, targets
from luwei.commands.engine import CommandEngine
from luwei.commands.forms import describe
from luwei.commands.journal import Target
from luwei.commands.kind import Kind
from luwei.commands.kinds import KINDS
from luwei.commands.parameter_form import parameter_rows
from luwei.commands.reading import BatchView, CommandView
from luwei.commands.targets import TARGETS_MAX, OutsideScope, Selection
from luwei.live.feed import now_ms
from luwei.live.view import Selection as LiveSelection
from luwei.protocol.errors import ProtocolError
from luwei.registry.exports.files import safe
from luwei.registry.vehicle import VEHICLE_CLASSES
from luwei.web.china_time import written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page

REASON_MIN, REASON_MAX = 4, 500
EXPIRES_MAX = 30 * 86_400
ROWS_A_PIECE = 1_000

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Act = Annotated[str, PathParameter(max_length=10)]
LiveState = Literal["all", "online", "moving", "stopped", "offline", "alarm"]


class VehicleSelection(msgspec.Struct, forbid_unknown_fields=True):
    """Vehicles by place, owner, class, terminal model and live state; what is left out is any."""

    city: int | None = None
    county: int | None = None
    operator: int | None = None
    vehicle_class: str | None = None
    model: str | None = None
    state: LiveState = "all"


class NewCommand(msgspec.Struct, forbid_unknown_fields=True):
    """One command to ``vehicles``, to ``phones``, or to all that ``filter`` selects; exactly one of the three.

    ``expires_s``: how long a command waits for its terminal; 0: not at all.
    """

    kind: str
    parameters: dict[str, Any] = {}
    vehicles: Annotated[list[int], msgspec.Meta(max_length=TARGETS_MAX)] = []
    phones: Annotated[list[str], msgspec.Meta(max_length=TARGETS_MAX)] = []
    filter: VehicleSelection | None = None
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX)] = ""
    expires_s: Annotated[int, msgspec.Meta(ge=0, le=EXPIRES_MAX)] = 3600
    dry_run: bool = False
    """Check all and count the vehicles, but send nothing."""


class Sent(msgspec.Struct):
    """The batch (0 in a dry run), the number of its commands, and of vehicles left out for lack of a terminal."""

    batch: int
    total: int
    skipped: int


class BatchPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[BatchView]


class CommandPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[CommandView]
    never_answers: bool = False
    """For one vehicle: none of its last commands was answered; it may have this platform as slave server."""


def _engine(services: Services) -> CommandEngine:
    if services.commands is None:
        raise Refused(503, "", "commands_unavailable", "commands are not served here")
    return services.commands


@get("/api/commands/kinds", tags=["commands"])
async def command_kinds(door: NamedDependency[Door]) -> dict[str, Any]:
    """Every kind with its form; the terminal parameters with names and types; the classes of vehicles."""
    door.allow("read", "command")
    return {
        "kinds": [
            {
                "code": kind.code,
                "zh": kind.zh,
                "en": kind.en,
                "group": kind.group,
                "clause": kind.clause,
                "reason": kind.reason,
                "single": kind.single,
                "fields": [describe(field) for field in kind.fields],
            }
            for kind in KINDS.values()
        ],
        "parameters": parameter_rows(),
        "vehicle_classes": [{"value": code, "zh": zh} for code, zh in VEHICLE_CLASSES.items()],
        "may_send": door.may("write", "command"),
    }


@post("/api/commands", tags=["commands"], guards=[own_page])
async def send_command(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewCommand]
) -> Sent:
    """Send a command. 400 names field, rule and clause; 403 another jurisdiction; 404 an unknown vehicle or phone."""
    scope = door.allow("write", "command")
    engine = _engine(services)
    kind = KINDS.get(data.kind)
    if kind is None:
        raise Refused(400, "kind", f"must be one of {', '.join(KINDS)}")
    reason = data.reason.strip()
    if (kind.reason and len(reason) < REASON_MIN) or (reason and not reason.isprintable()):
        raise Refused(400, "reason", f"must say why in at least {REASON_MIN} characters")
    if kind.hears:
        # as over the line of the media node: on a recorded reason, of these trucks alone
        scope = door.allow("read", "listen").within(scope)
    values = kind.check(data.parameters)
    if kind.sees is not None and kind.sees(values):
        # as the live picture: whose right to video wants a recorded reason states one, for these trucks
        scope = door.allow("act", "video").within(scope)
    if kind.resolve is not None:
        values = await asyncio.to_thread(kind.resolve, services.engine, door.allow("read", "area"), values)
    try:
        kind.letter(values)
    except ProtocolError as error:
        raise Refused(400, "parameters", f"{error.detail} ({kind.clause})") from None
    try:
        found, skipped = await targets_of(services, door, scope, data)
    except OutsideScope as error:
        raise Refused(403, error.field, error.rule) from None
    if kind.single and len(found) > 1:
        raise Refused(400, "vehicles", f"{kind.code} goes to one vehicle at a time")
    if data.dry_run:
        return Sent(0, len(found), skipped)
    actor = door.actor(scope) if scope.grants else door.actor()
    noun = "talk" if kind.hears else "video" if kind.sees is not None and kind.sees(values) else ""

    def tell(connection: Connection, batch: int, _commands: Sequence[int]) -> None:
        # what looks into a cab, or listens there, is told to whose truck it is
        for target in found if noun else ():
            record(connection, actor, f"{noun}.{kind.code}", batch, {"purpose": reason}, vehicle_id=target.vehicle_id)

    batch = await engine.submit(kind.code, values, reason, found, skipped, data.expires_s, actor, tell)
    return Sent(batch, len(found), skipped)


class Chosen(Protocol):
    """Vehicles as a request names them."""

    vehicles: list[int]
    phones: list[str]
    filter: VehicleSelection | None


async def targets_of(services: Services, door: Door, scope: Any, data: Chosen) -> tuple[list[Target], int]:
    """The terminals that a request means, and how many of its vehicles have none. Raises as ``luwei.commands.targets``;
    Refused where not exactly one of the three is given."""
    if (bool(data.vehicles) + bool(data.phones) + (data.filter is not None)) != 1:
        raise Refused(400, "vehicles", "exactly one of vehicles, phones and filter must be given")
    if data.filter is None:
        phones = [phone.lstrip("0") or "0" for phone in data.phones]
        return await asyncio.to_thread(targets.named, services.engine, scope, data.vehicles, phones)
    wanted, among = data.filter, None
    if wanted.state != "all":
        placed = door.allow("read", "position")
        mask = LiveSelection(wanted.city, wanted.county, wanted.operator, wanted.state, placed).mask(services.fleet)
        among = frozenset(np.flatnonzero(mask).tolist())
    chosen = Selection(wanted.city, wanted.county, wanted.operator, wanted.vehicle_class, wanted.model, among)
    return await asyncio.to_thread(targets.selected, services.engine, scope, chosen)


@get("/api/commands", tags=["commands"])
async def list_commands(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    batch: FromQuery[int | None] = None,
    vehicle: FromQuery[int | None] = None,
    only: Annotated[str | None, QueryParameter(name="state", max_length=20)] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> CommandPage:
    """Commands to vehicles of the scope with their answers; those of a batch in its order, else newest first."""
    scope = door.allow("read", "command")
    if batch is not None:
        await asyncio.to_thread(reading.batch, services.engine, scope, door.user_id, batch)
    found = await asyncio.to_thread(
        reading.commands, services.engine, scope,
        batch_id=batch, vehicle_id=vehicle, state=only, number=page, size=size,
    )  # fmt: skip
    silent = vehicle is not None and await asyncio.to_thread(reading.never_answers, services.engine, vehicle)
    return CommandPage(now_ms(), found.total, found.items, silent and found.total > 0)


@get("/api/commands/batches", tags=["commands"])
async def list_batches(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 20,
) -> BatchPage:
    """Batches with their progress, newest first; who does not see the whole province sees the own ones."""
    scope = door.allow("read", "command")
    found = await asyncio.to_thread(reading.batches, services.engine, scope, door.user_id, page, size)
    return BatchPage(now_ms(), found.total, found.items)


@get("/api/commands/batches/{batch_id:int}", tags=["commands"])
async def get_batch(services: NamedDependency[Services], door: NamedDependency[Door], batch_id: Key) -> BatchView:
    """One batch with its progress."""
    scope = door.allow("read", "command")
    return await asyncio.to_thread(reading.batch, services.engine, scope, door.user_id, batch_id)


@post("/api/commands/batches/{batch_id:int}/{act:str}", tags=["commands"], guards=[own_page], status_code=200)
async def act_on_batch(
    services: NamedDependency[Services], door: NamedDependency[Door], batch_id: Key, act: Act
) -> BatchView:
    """``pause``, ``resume`` or ``cancel``: what is already on the wire ends by itself."""
    scope = door.allow("write", "command")
    engine = _engine(services)
    await asyncio.to_thread(reading.batch, services.engine, scope, door.user_id, batch_id)
    actor = door.user.actor(door.address)
    if act == "cancel":
        await engine.cancel(batch_id, actor)
    elif act in ("pause", "resume"):
        await engine.pause(batch_id, act == "pause", actor)
    else:
        raise Refused(404, "act", "must be pause, resume or cancel")
    return await asyncio.to_thread(reading.batch, services.engine, scope, door.user_id, batch_id)


@get("/api/commands/batches/{batch_id:int}/results.csv", tags=["commands"])
async def export_batch(
    services: NamedDependency[Services], door: NamedDependency[Door], batch_id: Key
) -> Response[Any]:
    """Every command of the batch as CSV."""
    scope = door.allow("export", "command")
    view = await asyncio.to_thread(reading.batch, services.engine, scope, door.user_id, batch_id)
    await door.note("command.export", batch_id, {"kind": view.kind})
    lines = csv_lines(KINDS.get(view.kind), reading.exported(services.engine, scope, batch_id))
    headers = {"Content-Disposition": f'attachment; filename="commands-{batch_id}.csv"'}
    return Stream(in_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


@get("/api/commands/{command_id:int}/table.csv", tags=["commands"])
async def export_table(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    command_id: Key,
    table: Annotated[int, QueryParameter(ge=0, le=99)] = 0,
) -> Response[Any]:
    """One table of a command's answer (stored multimedia, areas, recorder data) as CSV."""
    scope = door.allow("export", "command")
    view = await asyncio.to_thread(reading.one, services.engine, scope, command_id)
    tables = (view.answer or {}).get("tables", [])
    if table >= len(tables):
        raise Refused(404, "table", "the answer has no such table")
    await door.note("command.export", command_id, {"kind": view.kind, "table": table})
    chosen = tables[table]

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line([column["zh"] for column in chosen["columns"]])
        yield from map(csv_line, chosen["rows"])

    headers = {"Content-Disposition": f'attachment; filename="command-{command_id}-{table}.csv"'}
    return Stream(in_pieces(lines()), media_type="text/csv; charset=utf-8", headers=headers)


def csv_lines(kind: Kind | None, items: Iterator[CommandView]) -> Iterator[str]:
    """Lines of the file, with the mark that makes Excel read UTF-8; a cell never begins a formula."""
    yield "\ufeff" + csv_line(
        ["id", "kind", "plate", "phone", "state", "result", "attempts", "created", "sent", "ended", "by", "reason",
         "answer"]
    )  # fmt: skip
    for item in items:
        times = ["" if at is None else written(at) for at in (item.created_at, item.sent_at, item.ended_at)]
        name = kind.zh if kind is not None else item.kind
        yield csv_line(
            [item.id, name, item.plate, item.phone, item.state, item.result, item.attempts, *times, item.username,
             item.reason, answer_text(item.answer)]
        )  # fmt: skip


def answer_text(answer: dict[str, Any] | None) -> str:
    """An answer in one cell."""
    if answer is None:
        return ""
    parts = [f"{row['zh']}={row['text']}" for row in answer["rows"]]
    parts += [f"0x{each['id']:04X} {each['zh']}={each['text'] or each['hex']}" for each in answer.get("parameters", ())]
    return "; ".join(parts) or json.dumps(answer.get("hex", ""))


def csv_line(cells: list[Any]) -> str:
    """One line of a CSV file; no cell of it begins a formula."""
    out = io.StringIO()
    csv.writer(out).writerow([safe(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()


async def in_pieces(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Lines that block, as the body of a streamed answer."""

    def piece() -> bytes:
        return "".join(line for _, line in zip(range(ROWS_A_PIECE), lines, strict=False)).encode()

    while part := await asyncio.to_thread(piece):
        yield part


route_handlers: list[ControllerRouterHandler] = [
    command_kinds, send_command, list_commands, list_batches, get_batch, act_on_batch, export_batch, export_table,
]  # fmt: skip
