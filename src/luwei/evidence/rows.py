"""What the attachment server writes down of a file; each function works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, case, func, select, update

from luwei.evidence.store import Stored
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.evidence import (
    ANNOUNCED,
    COMPLETE,
    ENDED,
    LATE,
    LOST,
    OPEN,
    PARTIAL,
    EvidenceFile,
    EvidenceRequest,
)

SEALING = "being hashed and stored"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file whose bytes are all durably staged and that is not in the store yet."""

    id: int
    upload: str
    key: str
    """Where it shall lie in the store."""
    size: int


def progress(connection: Connection, file: int, stored: int, size: int, kind: str) -> None:
    """A connection ended before the file was complete. What is late or lost already stays so."""
    here = PARTIAL if stored else ANNOUNCED
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id == file, EvidenceFile.state != COMPLETE, EvidenceFile.received_at.is_(None))
        .values(
            state=case((EvidenceFile.state.in_((LATE, LOST)), EvidenceFile.state), else_=here),
            cause=f"{stored} of {size} bytes when the connection ended",
            stored_bytes=stored,
            announced_bytes=size,
            kind=kind,
            updated_at=now_ms(),
        )
    )


def arrived(connection: Connection, file: int, key: str, size: int, kind: str) -> str:
    """All bytes are durably staged: the terminal may be told. Returns the key in the store, the first one given."""
    at = now_ms()
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id == file, EvidenceFile.received_at.is_(None))
        .values(
            store_key=key,
            received_at=at,
            stored_bytes=size,
            announced_bytes=size,
            kind=kind,
            cause=SEALING,
            updated_at=at,
        )
    )
    return str(connection.execute(select(EvidenceFile.store_key).where(EvidenceFile.id == file)).scalar_one())


def sealed(connection: Connection, file: int, stored: Stored) -> None:
    """The original lies in the store. Ends the request whose last file this was."""
    row = connection.execute(
        select(EvidenceFile.state, EvidenceFile.request_id, EvidenceFile.created_at, EvidenceFile.received_at).where(
            EvidenceFile.id == file
        )
    ).one()
    was_late = row.state in (LATE, LOST)
    minutes = ((row.received_at or now_ms()) - row.created_at) // 60_000
    at = now_ms()
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id == file)
        .values(
            state=COMPLETE,
            cause=f"late, {minutes} min after it was announced" if was_late else "",
            stored_bytes=stored.size,
            sha256=stored.sha256,
            sm3=stored.sm3,
            media_type=stored.media_type,
            store_key=stored.key,
            updated_at=at,
        )
    )
    if row.request_id is not None:
        _end_request(connection, row.request_id, at)


def vanished(connection: Connection, file: int) -> None:
    """Neither staged nor stored: it must come again."""
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id == file)
        .values(state=LOST, cause="staged file missing", store_key="", received_at=None, stored_bytes=0)
    )


def waiting_for_store(engine: Engine) -> list[Arrived]:
    """Files that an earlier run of the server staged and did not put into the store."""
    with read(engine) as connection:
        rows = connection.execute(
            select(EvidenceFile.id, EvidenceFile.upload, EvidenceFile.store_key, EvidenceFile.stored_bytes).where(
                EvidenceFile.received_at.is_not(None),
                EvidenceFile.sha256 == "",
                EvidenceFile.upload.is_not(None),
                EvidenceFile.state != COMPLETE,
            )
        ).all()
    return [Arrived(row.id, str(row.upload), row.store_key, row.stored_bytes) for row in rows]


@dataclass(frozen=True, slots=True)
class Leftover:
    """What came of a file that is lost."""

    id: int
    upload: str


def leftovers(engine: Engine, lost_before: int, most: int) -> list[Leftover]:
    """Files of which a part lies staged though they are lost since then (UTC ms)."""
    with read(engine) as connection:
        found = connection.execute(
            select(EvidenceFile.id, EvidenceFile.upload)
            .where(
                EvidenceFile.state == LOST,
                EvidenceFile.updated_at < lost_before,
                EvidenceFile.stored_bytes > 0,
                EvidenceFile.received_at.is_(None),
                EvidenceFile.upload.is_not(None),
            )
            .order_by(EvidenceFile.id)
            .limit(most)
        ).all()
    return [Leftover(row.id, str(row.upload)) for row in found]


def thrown_away(connection: Connection, files: Sequence[int]) -> None:
    """Nothing of these is staged any more; should they come after all they begin anew."""
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id.in_(files), EvidenceFile.received_at.is_(None))
        .values(stored_bytes=0, updated_at=now_ms())
    )


def _end_request(connection: Connection, request: int, at: int) -> None:
    missing = connection.execute(
        select(func.count())
        .select_from(EvidenceFile)
        .where(EvidenceFile.request_id == request, EvidenceFile.state != COMPLETE)
    ).scalar_one()
    if not missing:
        connection.execute(
            update(EvidenceRequest)
            .where(EvidenceRequest.id == request, EvidenceRequest.state != ENDED)
            .values(state=ENDED, cause="all files are here", ended_at=at, next_at=None)
        )


def overdue(connection: Connection, announced_before: int) -> int:
    """Files announced before then and not complete are late; how many became so."""
    result = connection.execute(
        update(EvidenceFile)
        .where(
            EvidenceFile.state.in_((ANNOUNCED, PARTIAL)),
            EvidenceFile.received_at.is_(None),
            EvidenceFile.created_at < announced_before,
        )
        .values(state=LATE, updated_at=now_ms())
    )
    return int(result.rowcount)


def given_up(connection: Connection, announced_before: int) -> int:
    """Late files that nobody asks for any more are lost; how many became so."""
    asked = select(EvidenceRequest.id).where(EvidenceRequest.state == OPEN)
    result = connection.execute(
        update(EvidenceFile)
        .where(
            EvidenceFile.state == LATE,
            EvidenceFile.received_at.is_(None),
            EvidenceFile.created_at < announced_before,
            (EvidenceFile.request_id.is_(None)) | (EvidenceFile.request_id.not_in(asked)),
        )
        .values(state=LOST, updated_at=now_ms())
    )
    return int(result.rowcount)
