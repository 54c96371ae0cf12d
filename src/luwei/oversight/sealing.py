"""Sealed packages 封存证据包 of a case: two people review it, then originals, manifest, custody log and story are
packed, signed, and can be verified by anybody (reference supervision §7.3, §7.6). Every function blocks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from luwei.access.user import User
from luwei.cases import acts
from luwei.cases.holding import hold, line
from luwei.cases.scope import within
from luwei.oversight import policies
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case import CLOSED, VERIFIED, AlarmCase
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.evidence import COMPLETE, EvidenceFile
from luwei.registry.scope import Scope
from luwei.registry.sealing import DONE, SealApproval, SealedPackage
from luwei.registry.vehicle import Vehicle

NEEDED = 2
REVIEWED = (VERIFIED, CLOSED)
FILES_MOST = 500
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One review."""

    user_id: int
    name: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class PackageView:
    """One package; ``done`` from 0 to 1, ``failure``: why it is refused or failed, ``expires_at``: when the file of one
    that is done goes (the policy in force)."""

    id: int
    state: str
    done: float
    files: int
    bytes: int
    sha256: str
    failure: str
    purpose: str
    by: str
    created_at: int
    ended_at: int | None
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Sealing:
    """What stands of the sealing of a case. ``files``: originals that are whole and would be packed; ``not_reviewed``:
    why who asks may not review it now (state, handler, reviewed), empty where that person may."""

    approvals: list[ApprovalView]
    needed: int
    ready: bool
    files: int
    keep_days: int
    not_reviewed: str
    packages: list[PackageView]


def approve(engine: Engine, scope: Scope, case_id: int, version: int, note: str, actor: Actor) -> None:
    """复核: one person's review of a case that was verified or closed, by somebody who did not handle it. Rework of the
    case makes it void. Raises NotFound, Conflict, RegistryError."""
    with write(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        held.require(REVIEWED, "reviewed for a package")
        if held.user_id == held.row["handler_id"]:
            raise RegistryError("reviewer", "must be another person than the handler")
        said = line("note", note, 0, 500)
        mine = {"case_id": case_id, "user_id": held.user_id, "handled_at": held.row["handled_at"]}
        there = select(SealApproval.at).where(*(getattr(SealApproval, name) == value for name, value in mine.items()))
        if connection.execute(there).first() is not None:
            raise Conflict("reviewer", "you have reviewed this case already", held.user_id)
        connection.execute(insert(SealApproval).values(**mine, at=held.now, note=said))
        held.keep("reviewed", {"note": said}, version=False)


def approvals(connection: Connection, row: Mapping[str, Any]) -> list[ApprovalView]:
    """Reviews of the case as it is handled now."""
    statement = (
        select(SealApproval.user_id, User.display_name, SealApproval.at, SealApproval.note)
        .join(User, User.id == SealApproval.user_id)
        .where(SealApproval.case_id == row["id"], SealApproval.handled_at == (row["handled_at"] or 0))
        .order_by(SealApproval.at)
    )
    return [ApprovalView(*each) for each in connection.execute(statement)]


def order(engine: Engine, scope: Scope, evidence: Scope, case_id: int, purpose: str, actor: Actor) -> int:
    """Order a package; its id. ``scope`` and ``evidence`` are those of the rights to export the case and its files.

    Raises NotFound, Conflict where two people have not reviewed it, RegistryError where files are not complete.
    """
    why = line("purpose", purpose, 2, 100)
    with write(engine) as connection:
        held = hold(connection, scope, case_id, None, actor)
        held.require(REVIEWED, "sealed")
        truck = select(Vehicle.id).where(Vehicle.id == held.row["vehicle_id"], *evidence.of_vehicles())
        if connection.scalar(truck) is None:
            raise NotFound("id", "there is no such case with evidence of yours", case_id)
        reviewed = approvals(connection, held.row)
        if len(reviewed) < NEEDED:
            raise Conflict("approvals", f"{NEEDED} people must have reviewed the case", len(reviewed))
        files = _whole(connection, case_id, held.row["vehicle_id"])
        if not 1 <= len(files) <= FILES_MOST:
            raise RegistryError("files", f"must be 1 to {FILES_MOST} that are complete", len(files))
        values = {
            "case_id": case_id, "vehicle_id": held.row["vehicle_id"], "user_id": held.user_id, "purpose": why,
            "files": json.dumps(files), "created_at": held.now,
        }  # fmt: skip
        added = insert(SealedPackage).values(**values).returning(SealedPackage.id)
        key: int = connection.execute(added).scalar_one()
        held.keep("sealed", {"package": key, "purpose": why, "files": len(files)}, version=False)
    return key


def _whole(connection: Connection, case_id: int, vehicle_id: int) -> list[int]:
    """Files of the case that are whole."""
    keys = acts.files_of(connection, case_id, vehicle_id)
    statement = select(EvidenceFile.id).where(EvidenceFile.id.in_(sorted(keys)), EvidenceFile.state == COMPLETE)
    return sorted(connection.scalars(statement))


def state(engine: Engine, scope: Scope, case_id: int, user_id: int) -> tuple[Sealing, int]:
    """What stands of a case for a person, and the case's version. Raises NotFound."""
    with read(engine) as connection:
        row = case_of(connection, scope, case_id)
        reviewed = approvals(connection, row)
        statement = (
            select(*SealedPackage.__table__.columns, User.display_name)
            .join(User, User.id == SealedPackage.user_id)
            .where(SealedPackage.case_id == case_id)
            .order_by(SealedPackage.id.desc())
        )
        keep_days = policies.at(connection, now_ms()).keep_days
        files = len(_whole(connection, case_id, row["vehicle_id"]))
        packages = [_view(each, keep_days) for each in connection.execute(statement)]
    fit = row["state"] in REVIEWED
    why = "" if fit else "state"
    if fit and user_id == row["handler_id"]:
        why = "handler"
    elif fit and any(each.user_id == user_id for each in reviewed):
        why = "reviewed"
    ready = fit and len(reviewed) >= NEEDED
    return Sealing(reviewed, NEEDED, ready, files, keep_days, why, packages), row["version"]


def _view(row: Any, keep_days: int) -> PackageView:
    goes = row.ended_at + keep_days * DAY_MS if row.state == DONE else None
    return PackageView(
        row.id, row.state, row.done / 1000, len(json.loads(row.files)), row.bytes, row.sha256, row.failure,
        row.purpose, row.display_name, row.created_at, row.ended_at, goes,
    )  # fmt: skip


def case_of(connection: Connection, scope: Scope, case_id: int) -> dict[str, Any]:
    """The stored row. Raises NotFound."""
    statement = select(*AlarmCase.__table__.columns).where(AlarmCase.id == case_id, *within(scope))
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound("id", "there is no such case", case_id)
    return dict(row._mapping)


@dataclass(frozen=True, slots=True)
class Finished:
    """A package that can be fetched; ``name`` in the folder of packages."""

    name: str
    vehicle_id: int


def finished(engine: Engine, scope: Scope, evidence: Scope, case_id: int, key: int) -> Finished:
    """A package that is done. Raises NotFound, Conflict for one that is not."""
    with read(engine) as connection:
        row = case_of(connection, scope, case_id)
        truck = select(Vehicle.id).where(Vehicle.id == row["vehicle_id"], *evidence.of_vehicles())
        found = connection.execute(
            select(*SealedPackage.__table__.columns).where(SealedPackage.id == key, SealedPackage.case_id == case_id)
        ).first()
        if found is None or connection.scalar(truck) is None:
            raise NotFound("id", "there is no such package", key)
    if found.state != DONE:
        raise Conflict("state", f"the package is {found.state}", found.state)
    return Finished(found.name, found.vehicle_id)


def note_download(engine: Engine, case_id: int, key: int, purpose: str, vehicle_id: int, actor: Actor) -> None:
    """The package leaves the system."""
    why = line("purpose", purpose, 2, 100)
    with write(engine) as connection:
        told = {"package": key, "purpose": why}
        record(connection, actor, "case.export_package", case_id, told, vehicle_id=vehicle_id)
