"""Sealed packages 封存证据包 of a case: two people review it, then originals, manifest, custody log and story are
packed, signed, and can be verified by anybody (reference supervision §7.3, §7.6). Every function blocks.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, and_, insert, or_, select, update

from luwei.access.user import User
from luwei.cases import acts, steps
from luwei.cases.holding import hold, line
from luwei.cases.scope import within
from luwei.evidence.digest import Digest
from luwei.evidence.store import EvidenceStore
from luwei.oversight import sealed_verifier
from luwei.oversight.sealed_verifier import MANIFEST, SIGNATURE, VERIFIER
from luwei.oversight.signing import SigningKey
from luwei.registry.audit import Actor, AuditEntry, record
from luwei.registry.base import now_ms
from luwei.registry.case import CLOSED, VERIFIED, AlarmCase, CaseAlarm, CaseStep
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.evidence import COMPLETE, EvidenceFile
from luwei.registry.oversight import AppealEffect
from luwei.registry.scope import Scope
from luwei.registry.sealing import DONE, EXPIRED, FAILED, REFUSED, RUNNING, WAITING, SealApproval, SealedPackage
from luwei.registry.vehicle import Vehicle

NEEDED = 2
REVIEWED = (VERIFIED, CLOSED)
GNSS_MS = 300_000
"""Time of the terminal against the receipt: more must be explained by a backfill (§7.3)."""
FILES_MOST = 500


class Changed(Exception):
    """An original is not what it was when it was stored."""


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One review."""

    user_id: int
    name: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class PackageView:
    """One package; ``done`` from 0 to 1, ``failure``: why it is refused or failed."""

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


@dataclass(frozen=True, slots=True)
class Sealing:
    """What stands of the sealing of a case."""

    approvals: list[ApprovalView]
    needed: int
    ready: bool
    may_approve: bool
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
        keys = acts.files_of(connection, case_id, held.row["vehicle_id"])
        whole = select(EvidenceFile.id).where(EvidenceFile.id.in_(sorted(keys)), EvidenceFile.state == COMPLETE)
        files = sorted(connection.scalars(whole))
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


def state(engine: Engine, scope: Scope, case_id: int, user_id: int) -> Sealing:
    """What stands of a case. Raises NotFound."""
    with read(engine) as connection:
        row = _case(connection, scope, case_id)
        reviewed = approvals(connection, row)
        statement = (
            select(*SealedPackage.__table__.columns, User.display_name)
            .join(User, User.id == SealedPackage.user_id)
            .where(SealedPackage.case_id == case_id)
            .order_by(SealedPackage.id.desc())
        )
        packages = [
            PackageView(
                each.id, each.state, each.done / 1000, len(json.loads(each.files)), each.bytes, each.sha256,
                each.failure, each.purpose, each.display_name, each.created_at, each.ended_at,
            )
            for each in connection.execute(statement)
        ]  # fmt: skip
    fit = row["state"] in REVIEWED
    mine = user_id == row["handler_id"] or any(each.user_id == user_id for each in reviewed)
    return Sealing(reviewed, NEEDED, fit and len(reviewed) >= NEEDED, fit and not mine, packages)


def _case(connection: Connection, scope: Scope, case_id: int) -> dict[str, Any]:
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
        row = _case(connection, scope, case_id)
        truck = select(Vehicle.id).where(Vehicle.id == row["vehicle_id"], *evidence.of_vehicles())
        found = connection.execute(
            select(*SealedPackage.__table__.columns).where(SealedPackage.id == key, SealedPackage.case_id == case_id)
        ).first()
        if found is None or connection.scalar(truck) is None:
            raise NotFound("id", "there is no such package", key)
    if found.state != DONE:
        raise Conflict("state", f"the package is {found.state}", found.state)
    return Finished(found.name, found.vehicle_id)


# -- packing -----------------------------------------------------------------------------------------------------------


def waiting(engine: Engine) -> int | None:
    """The next package to be made; one that a crash interrupted is made again."""
    with read(engine) as connection:
        open_ones = select(SealedPackage.id).where(SealedPackage.state.in_((WAITING, RUNNING)))
        return connection.scalar(open_ones.order_by(SealedPackage.id).limit(1))


def pack(engine: Engine, store: EvidenceStore, key: SigningKey, folder: Path, package: int) -> str:
    """Make a package; how it ended (one of DONE, REFUSED, FAILED)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{secrets.token_hex(16)}.zip"
    part = folder / f"{name}.part"
    _set(engine, package, state=RUNNING, done=0)
    try:
        size, sha256 = _write(engine, store, key, part, package)
        part.replace(folder / name)
    except Changed as changed:
        part.unlink(missing_ok=True)
        _end(engine, package, REFUSED, failure=str(changed)[:300])
        return REFUSED
    except OSError as error:
        part.unlink(missing_ok=True)
        _end(engine, package, FAILED, failure=f"{type(error).__name__}: {error}"[:300])
        return FAILED
    _end(engine, package, DONE, name=name, bytes=size, sha256=sha256, done=1000)
    return DONE


def _set(engine: Engine, package: int, **values: Any) -> None:
    with write(engine) as connection:
        connection.execute(update(SealedPackage).where(SealedPackage.id == package).values(**values))


def _end(engine: Engine, package: int, ended: str, **values: Any) -> None:
    _set(engine, package, state=ended, ended_at=now_ms(), **values)


def _write(engine: Engine, store: EvidenceStore, key: SigningKey, part: Path, package: int) -> tuple[int, str]:
    with read(engine) as connection:
        order_row = dict(
            connection.execute(select(*SealedPackage.__table__.columns).where(SealedPackage.id == package))
            .one()
            ._mapping
        )  # fmt: skip
        case = _case(connection, Scope(), order_row["case_id"])
        files = _files(connection, json.loads(order_row["files"]))
        papers = {
            "story.json": _story(connection, case),
            "custody.json": _custody(connection, case["id"], [file["id"] for file in files]),
        }
        head = _head(connection, case, order_row, files)
    total = sum(file["stored_bytes"] for file in files) or 1
    packed, told, listed = 0, 0, []
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w+b") as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for file in files:
                for size in _original(archive, store, file):
                    packed += size
                    if (now := min(990, packed * 990 // total)) >= told + 20:
                        told = now
                        _set(engine, package, done=now)
                listed.append(_listed(file))
            for path, content in papers.items():
                raw = json.dumps(content, ensure_ascii=False, indent=1).encode()
                archive.writestr(path, raw)
                listed.append(_paper(path, raw))
            manifest = json.dumps(head | {"files": listed}, ensure_ascii=False, indent=1).encode()
            archive.writestr(MANIFEST, manifest)
            archive.writestr(SIGNATURE, key.signature(manifest))
            archive.writestr(VERIFIER, Path(sealed_verifier.__file__).read_bytes())
        target.flush()
        os.fsync(target.fileno())
        target.seek(0)
        digest, size = hashlib.sha256(), 0
        while piece := target.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _files(connection: Connection, keys: Sequence[int]) -> list[dict[str, Any]]:
    statement = select(*EvidenceFile.__table__.columns).where(EvidenceFile.id.in_(keys)).order_by(EvidenceFile.id)
    found = [dict(row._mapping) for row in connection.execute(statement)]
    if len(found) != len(keys):
        raise Changed(f"{len(keys) - len(found)} of the files are not in the registry any more")
    for file in found:
        suffix = Path(file["name"]).suffix.lower()
        safe = suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 6 else ""
        file["path"] = f"originals/{file['id']}{safe}"
    return found


def _original(archive: zipfile.ZipFile, store: EvidenceStore, file: Mapping[str, Any]) -> Iterator[int]:
    """Pack one original while it is digested anew; yields bytes as they pass. Raises Changed."""
    named = f"{file['name'] or 'file'} (evidence {file['id']})"
    digest = Digest()
    try:
        with archive.open(file["path"], "w", force_zip64=True) as target:
            for piece in store.open_range(file["store_key"]):
                digest.update(piece)
                target.write(piece)
                yield len(piece)
    except (FileNotFoundError, ValueError):
        raise Changed(f"{named} is not in the store any more") from None
    seen = digest.end()
    if (seen.size, seen.sha256, seen.sm3) != (file["stored_bytes"], file["sha256"], file["sm3"]):
        raise Changed(f"{named} is not what it was when it came")


def _listed(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": file["path"], "size": file["stored_bytes"], "sha256": file["sha256"], "sm3": file["sm3"],
        "evidence": file["id"], "name": file["name"], "kind": file["kind"], "media_type": file["media_type"],
        "channel": file["channel"], "source": file["origin"], "phone": file["phone"],
        "identification": file["identification"], "alarm_no": file["alarm_no"], "event": file["event"],
        "taken_at": file["taken_at"], "received_at": file["received_at"], "readable": file["readable"],
    }  # fmt: skip


def _paper(path: str, raw: bytes) -> dict[str, Any]:
    digest = Digest()
    digest.update(raw)
    seen = digest.end()
    return {"path": path, "size": seen.size, "sha256": seen.sha256, "sm3": seen.sm3}


def _head(
    connection: Connection, case: Mapping[str, Any], ordered: Mapping[str, Any], files: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    alarms = connection.execute(
        select(*CaseAlarm.__table__.columns).where(CaseAlarm.case_id == case["id"]).order_by(CaseAlarm.at)
    ).all()
    effect = connection.scalar(select(AppealEffect.after).where(AppealEffect.case_id == case["id"]))
    reviewed = approvals(connection, case)
    on_time = all(row.backfill or abs(row.received_at - row.at) <= GNSS_MS for row in alarms)
    return {
        "format": "luwei-sealed-package/1",
        "times": "UTC milliseconds",
        "case": {
            "id": case["id"], "number": case["number"], "grade": case["grade"], "type": case["type"],
            "plate": case["plate"], "plate_color": case["plate_color"], "city": case["city"],
            "county": case["county"], "started_at": case["started_at"], "opened_at": case["opened_at"],
            "closed_at": case["closed_at"], "verdict": case["verdict"], "effective_verdict": effect or case["verdict"],
        },
        "device": {"terminal": case["terminal_id"], "phone": case["phone"], "vehicle": case["vehicle_id"]},
        "alarms": [
            {
                "alarm": f"{row.alarm:016x}", "identification": row.identification, "at": row.at,
                "received_at": row.received_at, "level": row.level, "speed_dkmh": row.speed_dkmh,
                "lat_e6": row.lat_e6, "lon_e6": row.lon_e6, "backfill": row.backfill,
            }
            for row in alarms
        ],
        "usable": {
            "complete": case["evidence_complete"] >= case["evidence_files"] > 0,
            "readable": all(file["readable"] is not False for file in files),
            "unchanged": True,
            "time_within_5_min_or_backfill": on_time,
            "reviewed_by_two": len(reviewed) >= NEEDED,
        },
        "approvals": [asdict(each) for each in reviewed],
        "package": {"id": ordered["id"], "purpose": ordered["purpose"], "ordered_by": ordered["user_id"],
                    "ordered_at": ordered["created_at"], "sealed_at": now_ms()},
    }  # fmt: skip


def _story(connection: Connection, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    statement = (
        select(CaseStep.at, CaseStep.act, CaseStep.user_id, User.display_name, CaseStep.detail)
        .outerjoin(User, User.id == CaseStep.user_id)
        .where(CaseStep.case_id == case["id"])
        .order_by(CaseStep.id)
    )
    return [
        {
            "at": row.at, "act": row.act, "words": steps.WORDS.get(row.act, (row.act, row.act)),
            "user": row.user_id, "name": row.display_name, "detail": json.loads(row.detail),
        }
        for row in connection.execute(statement)
    ]  # fmt: skip


def _custody(connection: Connection, case_id: int, files: Sequence[int]) -> list[dict[str, Any]]:
    """Entries of the audit log that speak of the case or its files, with their links of the chain."""
    of_case = and_(AuditEntry.noun == "case", AuditEntry.noun_id == case_id)
    of_files = and_(AuditEntry.noun == "evidence", AuditEntry.noun_id.in_(files))
    names = ("id", "at", "user_id", "username", "act", "noun", "noun_id", "detail", "reason", "result", "hash")
    statement = select(*(getattr(AuditEntry, name) for name in names)).where(or_(of_case, of_files))
    return [dict(row._mapping) for row in connection.execute(statement.order_by(AuditEntry.id))]


def forget(engine: Engine, folder: Path, before: int) -> int:
    """Remove packages that ended before an instant; their rows stay. How many."""
    with read(engine) as connection:
        old = select(SealedPackage.id, SealedPackage.name).where(
            SealedPackage.state == DONE, SealedPackage.ended_at < before
        )
        rows = connection.execute(old).all()
    for row in rows:
        (folder / row.name).unlink(missing_ok=True)
        _set(engine, row.id, state=EXPIRED)
    for part in folder.glob("*.part") if folder.is_dir() else ():
        if part.stat().st_mtime * 1000 < before:
            part.unlink(missing_ok=True)
    return len(rows)


def note_download(engine: Engine, case_id: int, key: int, purpose: str, vehicle_id: int, actor: Actor) -> None:
    """The package leaves the system."""
    why = line("purpose", purpose, 2, 100)
    with write(engine) as connection:
        told = {"package": key, "purpose": why}
        record(connection, actor, "case.export_package", case_id, told, vehicle_id=vehicle_id)
