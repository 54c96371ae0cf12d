"""Packing of sealed packages 封存证据包: originals re-hashed on the way, manifest, custody log, story, signature
(reference supervision §7.3). Every function blocks.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, and_, or_, select, update
from sqlalchemy.exc import OperationalError

from luwei.access.user import User
from luwei.cases import steps
from luwei.evidence.content import CLIPS, PICTURES
from luwei.evidence.digest import Digest
from luwei.evidence.store import EvidenceStore
from luwei.oversight import sealed_verifier
from luwei.oversight.sealed_verifier import MANIFEST, SIGNATURE, VERIFIER
from luwei.oversight.sealing import NEEDED, approvals, case_of
from luwei.oversight.signing import SigningKey
from luwei.registry import bindings, gone
from luwei.registry.audit import AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL
from luwei.registry.case import AlarmCase, CaseAlarm, CaseStep
from luwei.registry.engine import read, write
from luwei.registry.evidence import EvidenceFile
from luwei.registry.oversight import AppealEffect, in_force
from luwei.registry.scope import WHOLE
from luwei.registry.sealing import DONE, EXPIRED, FAILED, REFUSED, RUNNING, WAITING, SealedPackage

log = structlog.get_logger()

GNSS_MS = 300_000
"""Time of the terminal against the receipt: more must be explained by a backfill (§7.3)."""


class Changed(Exception):
    """An original is not what it was when it was stored."""


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
    except OperationalError:
        # the registry is away: the package is made when it is back
        part.unlink(missing_ok=True)
        raise
    except Exception as error:
        # whatever it is, the packages behind this one must not wait for it
        log.exception("package cannot be made", package=package)
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
        case = case_of(connection, WHOLE, order_row["case_id"])
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
            written = {path: json.dumps(content, ensure_ascii=False, indent=1) for path, content in papers.items()}
            # the program too: who has one of his own sees whether this one was exchanged
            written[VERIFIER] = Path(sealed_verifier.__file__).read_text(encoding="utf-8")
            for path, text in written.items():
                archive.writestr(path, text.encode())
                listed.append(_paper(path, text.encode()))
            manifest = json.dumps(head | {"files": listed}, ensure_ascii=False, indent=1).encode()
            archive.writestr(MANIFEST, manifest)
            archive.writestr(SIGNATURE, key.signature(manifest))
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
    effect = connection.scalar(select(AppealEffect.after).join(AlarmCase, in_force()).where(AlarmCase.id == case["id"]))
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
            "readable": all(_decodes(file) for file in files),
            "unchanged": True,
            "time_within_5_min_or_backfill": on_time,
            "terminal_bound_to_truck": _bound(connection, case["vehicle_id"], alarms),
            "reviewed_by_two": len(reviewed) >= NEEDED,
        },
        "approvals": [asdict(each) for each in reviewed],
        "package": {"id": ordered["id"], "purpose": ordered["purpose"], "ordered_by": ordered["user_id"],
                    "ordered_at": ordered["created_at"], "sealed_at": now_ms()},
    }  # fmt: skip


def _decodes(file: Mapping[str, Any]) -> bool:
    """A picture or clip that nobody has decoded yet is not known to be readable; other files cannot be decoded."""
    return file["readable"] is True or file["media_type"] not in PICTURES | CLIPS


def _bound(connection: Connection, vehicle: int, alarms: Sequence[Any]) -> bool:
    """Whether each alarm came of the terminal that was in the truck when it happened."""
    spans = bindings.spans(connection, gone.known_as(connection, "vehicle", vehicle), TERMINAL)
    return all(
        any(
            span.object_id == row.terminal_id
            and span.counts_from <= row.at
            and (span.to_at is None or row.at < span.to_at)
            for span in spans
        )
        for row in alarms
    )


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
    """Remove packages that ended before an instant; their rows stay, as do those of packages whose file is gone (a
    restored registry names packages that no backup holds). What no row names was left by a crash and goes too. How
    many."""
    with read(engine) as connection:
        named = set(connection.scalars(select(SealedPackage.name).where(SealedPackage.state == DONE)))
        done = select(SealedPackage.id, SealedPackage.name, SealedPackage.ended_at).where(SealedPackage.state == DONE)
        rows = [
            row for row in connection.execute(done) if row.ended_at < before or not (folder / row.name).is_file()
        ]  # fmt: skip
    for row in rows:
        (folder / row.name).unlink(missing_ok=True)
        _set(engine, row.id, state=EXPIRED)
    for path in folder.iterdir() if folder.is_dir() else ():
        left = path.suffix == ".part" or (path.suffix == ".zip" and path.name not in named)
        if left and path.stat().st_mtime * 1000 < before:
            path.unlink(missing_ok=True)
    return len(rows)
