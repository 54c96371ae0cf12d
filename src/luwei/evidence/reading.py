"""What people read of evidence: files, requests, refusals, each within a scope. Every function blocks.

Files belong to whoever had the truck when they were taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, case, func, select

from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.evidence import (
    FILE_STATES,
    ORIGINS,
    REQUEST_STATES,
    EvidenceFile,
    EvidenceRefusal,
    EvidenceRequest,
)
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class FileView:
    """One file; sizes in bytes, instants in UTC ms, place in 1e-6 degrees. ``check`` is what decoding found."""

    id: int
    kind: str
    origin: str
    vehicle_id: int | None
    plate: str | None
    plate_color: int | None
    phone: str
    request_id: int | None
    unexpected: bool
    channel: int | None
    event: str
    identification: str
    alarm_no: str
    name: str
    announced_bytes: int | None
    stored_bytes: int
    sha256: str
    sm3: str
    media_type: str
    readable: bool | None
    check: dict[str, Any]
    taken_at: int | None
    created_at: int
    received_at: int | None
    lat_e6: int | None
    lon_e6: int | None
    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file and its key in the store; the key is empty until it is complete."""

    view: FileView
    key: str


@dataclass(frozen=True, slots=True)
class RequestView:
    """What was asked of a terminal; ``files`` 附件数量 of the identification, ``answer`` of the last 0x9208."""

    id: int
    vehicle_id: int | None
    plate: str | None
    plate_color: int | None
    phone: str
    identification: str
    dialect: str
    alarm_no: str
    event: str
    files: int
    alarm_at: int
    state: str
    cause: str
    asks: int
    asked_at: int | None
    next_at: int | None
    answer: str
    announced_at: int | None
    created_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class RefusalView:
    """What was not taken; ``day`` counts from 1970-01-01 in China Standard Time."""

    day: int
    reason: str
    phone: str
    address: str
    count: int
    first_at: int
    last_at: int
    detail: str


@dataclass(frozen=True, slots=True)
class FileFilter:
    """What a person chose; None and empty are any. Instants bound the arrival, or the announcement of what lacks."""

    vehicle: int | None = None
    start: int | None = None
    end: int | None = None
    state: str = ""
    origin: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises RegistryError naming the field and its rule."""
        for field, value, allowed in (("state", self.state, FILE_STATES), ("origin", self.origin, ORIGINS)):
            if value and value not in allowed:
                raise RegistryError(field, f"must be one of {', '.join(allowed)}", value)
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise RegistryError("to", "must be later than from", self.end)
        found: list[ColumnElement[bool]] = []
        if self.vehicle is not None:
            found.append(EvidenceFile.vehicle_id == self.vehicle)
        if self.state:
            found.append(EvidenceFile.state == self.state)
        if self.origin:
            found.append(EvidenceFile.origin == self.origin)
        if self.start is not None:
            found.append(EvidenceFile.created_at >= self.start)
        if self.end is not None:
            found.append(EvidenceFile.created_at < self.end)
        return found


_TAKEN = case((EvidenceFile.taken_at <= EvidenceFile.created_at, EvidenceFile.taken_at), else_=EvidenceFile.created_at)
"""When a file's event was; the terminal's clock counts unless it runs ahead of ours."""
_ALARM = case(
    (EvidenceRequest.alarm_at <= EvidenceRequest.created_at, EvidenceRequest.alarm_at), else_=EvidenceRequest.created_at
)


def _files() -> Select[Any]:
    return select(EvidenceFile.__table__, Vehicle.plate, Vehicle.plate_color).outerjoin(
        Vehicle, Vehicle.id == EvidenceFile.vehicle_id
    )


def _view(row: Any) -> FileView:
    values = {name: getattr(row, name) for name in FileView.__dataclass_fields__}
    return FileView(**values | {"check": json.loads(row.check) if row.check else {}})


def page(engine: Engine, scope: Scope, chosen: FileFilter, number: int, size: int) -> Page[FileView]:
    """One page of files, newest first. Raises RegistryError for an unusable filter or page."""
    offset, limit = check_page(number, size)
    conditions = [*chosen.conditions(), *of_files(scope)]
    with read(engine) as connection:
        counted = select(func.count()).select_from(EvidenceFile)
        total = connection.execute(counted.where(*conditions)).scalar_one()
        rows = connection.execute(
            _files().where(*conditions).order_by(EvidenceFile.id.desc()).offset(offset).limit(limit)
        ).all()
    return Page(total, [_view(row) for row in rows])


def of_files(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on ``EvidenceFile``: of trucks that lay in the scope when it was taken."""
    return held(scope, EvidenceFile.vehicle_id, _TAKEN)


def one(engine: Engine, scope: Scope, file: int) -> StoredFile:
    """One file. Raises NotFound, also where it lies outside the scope."""
    with read(engine) as connection:
        row = connection.execute(_files().where(EvidenceFile.id == file, *of_files(scope))).first()
    if row is None:
        raise NotFound("id", "no such evidence", file)
    return StoredFile(_view(row), row.store_key if row.sha256 else "")


def requests(
    engine: Engine, scope: Scope, vehicle: int | None, state: str, number: int, size: int
) -> Page[RequestView]:
    """One page of requests, newest first. Raises RegistryError for an unusable filter or page."""
    offset, limit = check_page(number, size)
    if state and state not in REQUEST_STATES:
        raise RegistryError("state", f"must be one of {', '.join(REQUEST_STATES)}", state)
    conditions = held(scope, EvidenceRequest.vehicle_id, _ALARM)
    if vehicle is not None:
        conditions.append(EvidenceRequest.vehicle_id == vehicle)
    if state:
        conditions.append(EvidenceRequest.state == state)
    joined = select(EvidenceRequest.__table__, Vehicle.plate, Vehicle.plate_color).outerjoin(
        Vehicle, Vehicle.id == EvidenceRequest.vehicle_id
    )
    with read(engine) as connection:
        counted = joined.where(*conditions).with_only_columns(func.count())
        total = connection.execute(counted).scalar_one()
        rows = connection.execute(
            joined.where(*conditions).order_by(EvidenceRequest.id.desc()).offset(offset).limit(limit)
        ).all()
    names = RequestView.__dataclass_fields__
    return Page(total, [RequestView(**{name: getattr(row, name) for name in names}) for row in rows])


def refusals(engine: Engine, day: int, number: int, size: int) -> Page[RefusalView]:
    """What was refused on one day, the most frequent first; for who sees everything. Raises RegistryError."""
    offset, limit = check_page(number, size)
    names = RefusalView.__dataclass_fields__
    with read(engine) as connection:
        total = connection.execute(
            select(func.count()).select_from(EvidenceRefusal).where(EvidenceRefusal.day == day)
        ).scalar_one()
        rows = connection.execute(
            select(EvidenceRefusal.__table__)
            .where(EvidenceRefusal.day == day)
            .order_by(EvidenceRefusal.count.desc(), EvidenceRefusal.id)
            .offset(offset)
            .limit(limit)
        ).all()
    return Page(total, [RefusalView(**{name: getattr(row, name) for name in names}) for row in rows])
