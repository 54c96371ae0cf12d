"""What people read of multimedia: a vehicle's pictures and recordings, and those that a command brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, func, select

from luwei.multimedia.content import INLINE, group_of
from luwei.protocol.jt808.messages.media import MEDIA_EVENTS
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.multimedia import FILM, IMAGE, SOUND, Multimedia
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

KINDS = {"image": IMAGE, "audio": SOUND, "video": FILM}
BROUGHT_MS = 30 * 60_000
"""How long after its sending a command's pictures may come: a terminal sends them one by one over a slow line."""
EARLY_MS = 2_000
"""Clocks of two processes."""
BROUGHT_MAX = 100
COMMANDED = 0
"""Event 平台下发指令 (2019 table 78)."""
BRINGING = frozenset({"photo", "film", "record_audio", "upload_media", "upload_media_item"})
"""Kinds of commands that bring files."""


@dataclass(frozen=True, slots=True)
class MediaView:
    """One file; ``shown`` is image, audio or video where a browser can show it, else empty; times in UTC ms."""

    id: int
    vehicle_id: int
    plate: str
    plate_color: int
    multimedia_id: int
    kind: int
    event: int
    event_zh: str
    channel: int
    received_at: int
    taken_at: int | None
    lat_e6: int | None
    lon_e6: int | None
    speed_dkmh: int | None
    media_type: str
    shown: str
    problem: str
    width: int | None
    height: int | None
    size: int
    sha256: str
    sm3: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file and the key of its bytes in the evidence store."""

    view: MediaView
    key: str


def of_vehicle(
    engine: Engine,
    scope: Scope,
    vehicle_id: int,
    *,
    kind: str | None = None,
    start: int | None = None,
    end: int | None = None,
    number: int = 1,
    size: int = 24,
) -> Page[MediaView]:
    """One page of a vehicle's files, newest first; ``start`` and ``end`` bound the receipt in ms. Who has the truck no
    more sees what was taken while he had it.

    Raises NotFound where the scope has no such vehicle and had none, RegistryError for an unknown kind.
    """
    offset, limit = check_page(number, size)
    if kind is not None and kind not in KINDS:
        raise RegistryError("kind", f"must be one of {', '.join(KINDS)}", kind)
    theirs = [Multimedia.vehicle_id == vehicle_id, *_within(scope)]
    conditions = list(theirs)
    if kind is not None:
        conditions.append(Multimedia.kind == KINDS[kind])
    if start is not None:
        conditions.append(Multimedia.received_at >= start)
    if end is not None:
        conditions.append(Multimedia.received_at < end)
    with read(engine) as connection:
        _require(connection, scope, vehicle_id, theirs)
        counted = select(func.count()).select_from(Multimedia).join(EvidenceFile, _FILE)
        total = connection.execute(counted.where(*conditions)).scalar_one()
        rows = connection.execute(
            _FILES.where(*conditions)
            .order_by(Multimedia.received_at.desc(), Multimedia.id.desc())
            .offset(offset)
            .limit(limit)
        ).all()
    return Page(total, [_view(row) for row in rows])


def one(engine: Engine, scope: Scope, key: int) -> StoredFile:
    """One file. Raises NotFound."""
    with read(engine) as connection:
        row = connection.execute(_FILES.where(Multimedia.id == key, *_within(scope))).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such file", key)
    return StoredFile(_view(row), row.store_key)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a command brought, oldest first; ``expected`` is how many it will bring in all, None where nobody knows."""

    items: list[MediaView]
    expected: int | None


def of_command(engine: Engine, scope: Scope, key: int) -> Brought:
    """The files that a command brought: those whose ids its answer named; where it named none (devices
    that answer with 0x0001 alone), those of its channel that say they were commanded, up to the next such command.

    Raises NotFound.
    """
    with read(engine) as connection:
        given = held(scope, Command.vehicle_id, Command.created_at)
        command = connection.execute(_COMMAND.where(Command.id == key, *given)).one_or_none()
        if command is None:
            raise NotFound("id", "there is no such command", key)
        if command.sent_at is None or command.kind not in BRINGING:
            return Brought([], 0)
        parameters = json.loads(command.parameters)
        if parameters.get("save") == 1 or parameters.get("count") == 0:
            return Brought([], 0)
        end = command.sent_at + BROUGHT_MS
        conditions: list[ColumnElement[bool]] = []
        named = _named(command.answer)
        if command.kind == "upload_media_item":
            named = [parameters["multimedia_id"]]
        if named:
            conditions.append(Multimedia.multimedia_id.in_(named))
        else:
            following = connection.scalar(
                select(func.min(Command.sent_at))
                .join(CommandBatch, CommandBatch.id == Command.batch_id)
                .where(
                    Command.vehicle_id == command.vehicle_id,
                    Command.sent_at > command.sent_at,
                    CommandBatch.kind == command.kind,
                )
            )
            end = min(end, following) if following else end
            if command.kind != "upload_media":
                conditions.append(Multimedia.event == COMMANDED)
            conditions.append(Multimedia.kind == _KIND_OF.get(command.kind, parameters.get("type", IMAGE)))
            if parameters.get("channel"):
                conditions.append(Multimedia.channel == parameters["channel"])
        rows = connection.execute(
            _FILES.where(
                Multimedia.vehicle_id == command.vehicle_id,
                Multimedia.received_at >= command.sent_at - EARLY_MS,
                Multimedia.received_at < end,
                *conditions,
                *_within(scope),
            )
            .order_by(Multimedia.received_at, Multimedia.id)
            .limit(BROUGHT_MAX)
        ).all()
    return Brought([_view(row) for row in rows], len(named) or None)


_KIND_OF = {"photo": IMAGE, "film": FILM, "record_audio": SOUND}


def _named(answer: str | None) -> list[int]:
    """Multimedia ids in the answer 0x0805."""
    if answer is None:
        return []
    said = json.loads(answer)
    return [int(each) for each in said.get("multimedia_ids", ())]


_TAKEN = case((EvidenceFile.taken_at <= Multimedia.received_at, EvidenceFile.taken_at), else_=Multimedia.received_at)
"""When it was taken; the terminal's clock counts unless it runs ahead of ours."""
_FILE = EvidenceFile.id == Multimedia.file_id


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    return held(scope, Multimedia.vehicle_id, _TAKEN)


def _require(connection: Any, scope: Scope, vehicle_id: int, theirs: list[ColumnElement[bool]]) -> None:
    present = select(Vehicle.id).where(Vehicle.id == vehicle_id, *scope.of_vehicles())
    former = select(Multimedia.id).join(EvidenceFile, _FILE).where(*theirs).limit(1)
    if connection.scalar(present) is None and connection.scalar(former) is None:
        raise NotFound("vehicle", "there is no such vehicle", vehicle_id)


def _view(row: Any) -> MediaView:
    shown = group_of(row.media_type) if not row.problem else ""
    if shown != "image" and row.media_type not in INLINE:
        shown = ""
    return MediaView(
        row.id, row.vehicle_id, row.plate, row.plate_color, row.multimedia_id, row.kind, row.event,
        MEDIA_EVENTS.get(row.event, ""), row.channel, row.received_at, row.taken_at, row.lat_e6, row.lon_e6,
        row.speed_dkmh, row.media_type, shown, row.problem, row.width, row.height, row.stored_bytes, row.sha256,
        row.sm3,
    )  # fmt: skip


_FILES = (
    select(
        Multimedia.id, Multimedia.vehicle_id, Vehicle.plate, Vehicle.plate_color, Multimedia.multimedia_id,
        Multimedia.kind, Multimedia.event, Multimedia.channel, Multimedia.received_at, EvidenceFile.taken_at,
        EvidenceFile.lat_e6, EvidenceFile.lon_e6, Multimedia.speed_dkmh, EvidenceFile.media_type, Multimedia.problem,
        Multimedia.width, Multimedia.height, EvidenceFile.stored_bytes, EvidenceFile.sha256, EvidenceFile.sm3,
        EvidenceFile.store_key,
    )
    .join(EvidenceFile, _FILE)
    .join(Vehicle, Vehicle.id == Multimedia.vehicle_id)
)  # fmt: skip
_COMMAND = (
    select(Command.sent_at, Command.vehicle_id, Command.answer, CommandBatch.kind, CommandBatch.parameters)
    .join(CommandBatch, CommandBatch.id == Command.batch_id)
    .join(Vehicle, Vehicle.id == Command.vehicle_id)
)
