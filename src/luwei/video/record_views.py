"""Recordings as people see them, each within a scope: they belong to whoever had the truck then. Every function
blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from luwei.access.user import User
from luwei.registry.case import AlarmCase
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle
from luwei.registry.video_record import RECORD_STATES, VideoRecord, VideoRecordPart
from luwei.video.channels import names

CHINA_MS, DAY_MS = 8 * 3_600_000, 86_400_000
OF_CASE_MOST = 100


@dataclass(frozen=True, slots=True)
class RecordedBy:
    """Who had it recorded."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class RecordedFor:
    """The case it is for."""

    id: int
    number: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """One recording; instants in UTC ms, sizes in bytes. ``by`` null: by a rule of the policy version ``rule``."""

    id: int
    state: str
    reason: str
    detail: str
    vehicle_id: int
    plate: str
    plate_color: int
    channel: int
    channel_zh: str
    channel_en: str
    stream: str
    purpose: str
    by: RecordedBy | None
    rule: int | None
    case: RecordedFor | None
    seconds: int
    asked_at: int
    started_at: int | None
    until: int | None
    ended_at: int | None
    pictures: int
    bytes: int
    parts: int
    gaps: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class PartView:
    """One part; ``file`` its evidence, null before it is stored."""

    number: int
    state: str
    cause: str
    detail: str
    started_at: int
    ended_at: int | None
    codec: str
    width: int
    height: int
    sound: bool
    pictures: int
    bytes: int
    duration_ms: int
    packets_lost: int
    file: int | None
    sha256: str
    sm3: str


@dataclass(frozen=True, slots=True)
class GapView:
    """A stretch without pictures. Named ``from``, ``to`` and ``cause`` outside."""

    start: int
    end: int
    cause: str


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a person chose; None and empty are any. ``day`` is one of China."""

    vehicle: int | None = None
    case: int | None = None
    day: str = ""
    state: str = ""
    user: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises RegistryError naming the field and its rule."""
        found: list[ColumnElement[bool]] = []
        if self.state:
            if self.state not in RECORD_STATES:
                raise RegistryError("state", f"must be one of {', '.join(RECORD_STATES)}", self.state)
            found.append(VideoRecord.state == self.state)
        if self.day:
            try:
                start = (date.fromisoformat(self.day) - date(1970, 1, 1)).days * DAY_MS - CHINA_MS
            except ValueError:
                raise RegistryError("day", "must be a date such as 2026-11-22", self.day) from None
            found += [VideoRecord.asked_at >= start, VideoRecord.asked_at < start + DAY_MS]
        equal = (
            (VideoRecord.vehicle_id, self.vehicle), (VideoRecord.case_id, self.case), (VideoRecord.user_id, self.user),
        )  # fmt: skip
        return found + [column == value for column, value in equal if value is not None]


def _records() -> Select[Any]:
    parts = (
        select(func.count())
        .select_from(VideoRecordPart)
        .where(VideoRecordPart.record_id == VideoRecord.id)
        .scalar_subquery()
    )
    return (
        select(
            *VideoRecord.__table__.columns, Vehicle.plate, Vehicle.plate_color, AlarmCase.number, User.display_name,
            parts.label("parts"),
        )
        .outerjoin(Vehicle, Vehicle.id == VideoRecord.vehicle_id)
        .outerjoin(AlarmCase, AlarmCase.id == VideoRecord.case_id)
        .outerjoin(User, User.id == VideoRecord.user_id)
    )  # fmt: skip


def _view(row: Any) -> RecordView:
    zh, en = names(row.channel)
    same = (
        "id", "state", "reason", "detail", "vehicle_id", "channel", "stream", "purpose", "seconds", "asked_at",
        "started_at", "ended_at", "pictures", "parts", "interrupted",
    )  # fmt: skip
    return RecordView(
        plate=row.plate or "",
        plate_color=row.plate_color or 0,
        channel_zh=zh,
        channel_en=en,
        by=None if row.user_id is None else RecordedBy(row.user_id, row.display_name or row.username),
        rule=row.policy,
        case=None if row.case_id is None else RecordedFor(row.case_id, row.number or ""),
        until=row.started_at + row.seconds * 1000 if row.started_at is not None else None,
        bytes=row.octets,
        gaps=len(json.loads(row.gaps)),
        **{name: getattr(row, name) for name in same},
    )


def page(engine: Engine, scope: Scope, chosen: RecordFilter, number: int, size: int) -> Page[RecordView]:
    """One page, newest first. Raises RegistryError for an unusable filter or page."""
    offset, limit = check_page(number, size)
    conditions = [*chosen.conditions(), *held(scope, VideoRecord.vehicle_id, VideoRecord.asked_at)]
    with read(engine) as connection:
        counted = select(func.count()).select_from(VideoRecord)
        total = connection.execute(counted.where(*conditions)).scalar_one()
        rows = connection.execute(
            _records().where(*conditions).order_by(VideoRecord.id.desc()).offset(offset).limit(limit)
        ).all()
    return Page(total, [_view(row) for row in rows])


def one(engine: Engine, scope: Scope, record_id: int) -> RecordView:
    """One recording. Raises NotFound, also where it lies outside the scope."""
    with read(engine) as connection:
        within = held(scope, VideoRecord.vehicle_id, VideoRecord.asked_at)
        row = connection.execute(_records().where(VideoRecord.id == record_id, *within)).first()
    if row is None:
        raise NotFound("id", "there is no such recording", record_id)
    return _view(row)


def parts(engine: Engine, record_id: int) -> tuple[list[PartView], list[GapView]]:
    """Parts and gaps of a recording that the caller may see."""
    columns = [name for name in PartView.__dataclass_fields__ if name not in ("bytes", "file", "sha256", "sm3")]
    with read(engine) as connection:
        rows = connection.execute(
            select(*VideoRecordPart.__table__.columns, EvidenceFile.sha256, EvidenceFile.sm3)
            .outerjoin(EvidenceFile, EvidenceFile.id == VideoRecordPart.file_id)
            .where(VideoRecordPart.record_id == record_id)
            .order_by(VideoRecordPart.number)
        ).all()
        gaps = connection.scalar(select(VideoRecord.gaps).where(VideoRecord.id == record_id)) or "[]"
    found = [
        PartView(
            bytes=row.octets, file=row.file_id, sha256=row.sha256 or "", sm3=row.sm3 or "",
            **{name: getattr(row, name) for name in columns},
        )
        for row in rows
    ]  # fmt: skip
    return found, [GapView(*each) for each in json.loads(gaps)]


def of_case(connection: Connection, case_id: int, scope: Scope) -> Sequence[RecordView]:
    """What was recorded for a case, the oldest first, where ``scope`` (of video) covers the truck then."""
    within = held(scope, VideoRecord.vehicle_id, VideoRecord.asked_at)
    statement = _records().where(VideoRecord.case_id == case_id, *within).order_by(VideoRecord.id).limit(OF_CASE_MOST)
    return [_view(row) for row in connection.execute(statement)]


def case_of(
    engine: Engine, scope_conditions: Sequence[ColumnElement[bool]], case_id: int, vehicle_id: int
) -> str | None:
    """The state of a case of the truck, within the scope of cases; None: there is none."""
    with read(engine) as connection:
        found = select(AlarmCase.state).where(
            AlarmCase.id == case_id, AlarmCase.vehicle_id == vehicle_id, *scope_conditions
        )  # fmt: skip
        return connection.scalar(found)
