"""Downloads as people see them. Every function blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from luwei.access.user import User
from luwei.evidence.content import CLIPS, PICTURES
from luwei.evidence.files import printable
from luwei.registry.base import now_ms
from luwei.registry.download import (
    ASKED,
    CANCELLED,
    ENDED_STATES,
    OPEN_STATES,
    PAUSED,
    QUEUED,
    UPLOADING,
    Download,
    DownloadFile,
)
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle
from luwei.video import channels

NETWORKS = {"wifi": 1, "lan": 2, "mobile": 4}
"""Bits of 任务执行条件."""
STORING, CANCELLING = "storing", "cancelling"
"""Why one whose end is decided still runs: its file is hashed and stored, its terminal is told to stop."""


@dataclass(frozen=True, slots=True)
class FileView:
    """One file; what stands behind ``evidence_id`` is known when it lies in the evidence store."""

    name: str
    bytes: int
    complete: bool
    evidence_id: int | None
    media_type: str
    sha256: str
    sm3: str
    readable: bool | None
    duration_ms: int | None
    width: int | None
    height: int | None
    cause: str


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A download. ``place``: so many others of the truck come first; ``user_id``, ``username`` and his
    ``organisation_id`` now: who ordered it."""

    id: int
    vehicle_id: int
    plate: str
    plate_color: int
    channel: int
    channel_zh: str
    channel_en: str
    from_at: int
    to_at: int
    media_type: int
    stream: int
    storage: int
    networks: list[str]
    purpose: str
    case_id: int | None
    user_id: int | None
    organisation_id: int | None
    username: str
    state: str
    reason: str
    answer: str
    place: int | None
    announced_bytes: int | None
    received_bytes: int
    limit_bytes: int
    percent: int | None
    tries: int
    breaks: int
    files: list[FileView]
    readable: bool | None
    created_at: int
    asked_at: int | None
    started_at: int | None
    last_byte_at: int | None
    ended_at: int | None
    expires_at: int
    fits: list[str]
    """Acts that its state allows."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which downloads; ``state``: ``open``, ``ended``, or one of the states, empty for all."""

    vehicle_id: int | None = None
    case_id: int | None = None
    state: str = ""
    user_id: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises RegistryError."""
        found: list[ColumnElement[bool]] = []
        if self.vehicle_id is not None:
            found.append(Download.vehicle_id == self.vehicle_id)
        if self.case_id is not None:
            found.append(Download.case_id == self.case_id)
        if self.user_id is not None:
            found.append(Download.user_id == self.user_id)
        groups = {"open": OPEN_STATES, "ended": ENDED_STATES} | {name: (name,) for name in OPEN_STATES + ENDED_STATES}
        if self.state and self.state not in groups:
            raise RegistryError("state", f"must be one of {', '.join(groups)}", self.state)
        if self.state:
            found.append(Download.state.in_(groups[self.state]))
        return found


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    return held(scope, Download.vehicle_id, Download.created_at)


_COLUMNS = (*Download.__table__.columns, Vehicle.plate, Vehicle.plate_color, User.organisation_id)


def page(engine: Engine, scope: Scope, chosen: Chosen, number: int, size: int) -> Page[DownloadView]:
    """Those that ``scope`` covers, newest first. Raises RegistryError."""
    offset, limit = check_page(number, size)
    conditions = [*chosen.conditions(), *_within(scope)]
    with read(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(Download).where(*conditions)) or 0
        rows = connection.execute(
            select(*_COLUMNS)
            .outerjoin(Vehicle, Vehicle.id == Download.vehicle_id)
            .outerjoin(User, User.id == Download.user_id)
            .where(*conditions)
            .order_by(Download.id.desc())
            .offset(offset)
            .limit(limit)
        ).all()
        return Page(total, _views(connection, rows))


def one(engine: Engine, scope: Scope, key: int) -> DownloadView:
    """Raises NotFound, also where it lies outside ``scope``."""
    with read(engine) as connection:
        row = connection.execute(
            select(*_COLUMNS)
            .outerjoin(Vehicle, Vehicle.id == Download.vehicle_id)
            .outerjoin(User, User.id == Download.user_id)
            .where(Download.id == key, *_within(scope))
        ).first()
        if row is None:
            raise NotFound("id", "there is no such download", key)
        return _views(connection, [row])[0]


def _views(connection: Connection, rows: Sequence[Any]) -> list[DownloadView]:
    keys = [row.id for row in rows]
    files: dict[int, list[FileView]] = {}
    found = connection.execute(
        select(
            DownloadFile.download_id, DownloadFile.name, DownloadFile.octets, DownloadFile.complete,
            DownloadFile.evidence_id, EvidenceFile.media_type, EvidenceFile.sha256, EvidenceFile.sm3,
            EvidenceFile.readable, EvidenceFile.check,
        )
        .outerjoin(EvidenceFile, EvidenceFile.id == DownloadFile.evidence_id)
        .where(DownloadFile.download_id.in_(keys))
        .order_by(DownloadFile.id)
    )  # fmt: skip
    for row in found:
        files.setdefault(row.download_id, []).append(_file(row))
    waiting = connection.execute(
        select(Download.id, Download.vehicle_id).where(
            Download.vehicle_id.in_({row.vehicle_id for row in rows}), Download.state.in_((QUEUED, ASKED, UPLOADING)),
            Download.ending == "",
        )
    ).all()  # fmt: skip
    return [_view(row, files.get(row.id, []), waiting) for row in rows]


def _file(row: Any) -> FileView:
    check = json.loads(row.check) if row.check else {}
    return FileView(
        printable(row.name), row.octets, row.complete, row.evidence_id, row.media_type or "", row.sha256 or "",
        row.sm3 or "", _readable(row), check.get("duration_ms"), check.get("width"), check.get("height"),
        check.get("cause", ""),
    )  # fmt: skip


def _readable(row: Any) -> bool | None:
    """Whether it is a picture or sound that could be decoded; None: not known yet."""
    if row.evidence_id is None:
        return None
    return row.readable if row.media_type in PICTURES | CLIPS else False


def _view(row: Any, files: list[FileView], waiting: Sequence[Any]) -> DownloadView:
    zh, en = channels.names(row.channel)
    before = sum(each.vehicle_id == row.vehicle_id and each.id < row.id for each in waiting)
    queued = row.state == QUEUED and row.batch_id is None and not row.ending
    verdicts = {each.readable for each in files if each.complete}
    readable = None if not verdicts or None in verdicts else False not in verdicts
    storing = bool(row.ending) and row.state in OPEN_STATES
    return DownloadView(
        id=row.id,
        vehicle_id=row.vehicle_id,
        plate=row.plate or "",
        plate_color=row.plate_color or 0,
        channel=row.channel,
        channel_zh=zh,
        channel_en=en,
        from_at=row.from_at,
        to_at=row.to_at,
        media_type=row.media_type,
        stream=row.stream,
        storage=row.storage,
        networks=[name for name, bit in NETWORKS.items() if row.networks & bit],
        purpose=row.purpose,
        case_id=row.case_id,
        user_id=row.user_id,
        organisation_id=row.organisation_id,
        username=row.username,
        state=UPLOADING if storing else row.state,
        reason=(CANCELLING if row.ending == CANCELLED else STORING) if storing else row.reason,
        answer=row.answer,
        place=before if queued else None,
        announced_bytes=row.announced_bytes,
        received_bytes=row.received_bytes,
        limit_bytes=row.limit_bytes,
        percent=_percent(row, storing),
        tries=row.tries,
        breaks=row.breaks,
        files=files,
        readable=readable,
        created_at=row.created_at,
        asked_at=row.asked_at,
        started_at=row.started_at,
        last_byte_at=row.last_byte_at,
        ended_at=row.ended_at,
        expires_at=row.expires_at,
        fits=_fits(row),
    )


def _percent(row: Any, storing: bool) -> int | None:
    """Of the announced bytes; 100 only when everything is here."""
    if row.state == "done" or (storing and row.ending == "done"):
        return 100
    if not row.announced_bytes:
        return None
    return int(min(99, row.received_bytes * 100 // row.announced_bytes))


def _fits(row: Any) -> list[str]:
    if row.state not in OPEN_STATES or row.ending or row.expires_at <= now_ms():
        return []
    return ["continue" if row.state == PAUSED else "pause", "cancel"]
