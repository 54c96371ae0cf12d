"""What the registry knows of recordings, as the recorder writes it down. Every function blocks; those that take a
connection work in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, update

from luwei.evidence.store import Stored, new_key
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.evidence import COMPLETE, RECORD, VIDEO, EvidenceFile
from luwei.registry.terminal import Terminal
from luwei.registry.video_record import (
    DONE,
    FAILED,
    KEPT,
    LOST,
    OPEN,
    RAW,
    RECORDING,
    REFUSED,
    STORING,
    TOLD,
    UNTOLD,
    WAITING,
    VideoRecord,
    VideoRecordPart,
)

GAPS_MAX = 500
"""Gaps of one recording that are written down; its parts tell the rest."""


class Gap(NamedTuple):
    """A stretch without pictures, UTC ms. ``cause``: no_data, line, restart, slow."""

    start: int
    end: int
    cause: str


@dataclass(slots=True)
class Wanted:
    """A recording that is to be made; ``user_id`` None: by a rule."""

    id: int
    vehicle_id: int
    terminal_id: int | None
    phone: str
    channel: int
    stream: str
    purpose: str
    user_id: int | None
    actor: Actor
    policy: int | None
    case_id: int | None
    seconds: int
    asked_at: int
    started_at: int | None
    state: str
    gaps: list[Gap]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is not in the store yet."""

    id: int
    record_id: int
    number: int
    state: str
    store_key: str
    started_at: int
    ended_at: int | None


def enter(engine: Engine, wanted: Wanted) -> int:
    """A person's recording begins, with its entry in the audit log; its id."""
    with write(engine) as connection:
        key: int = connection.execute(
            insert(VideoRecord)
            .values(
                state=WAITING, vehicle_id=wanted.vehicle_id, terminal_id=wanted.terminal_id, phone=wanted.phone,
                channel=wanted.channel, stream=wanted.stream, purpose=wanted.purpose, user_id=wanted.user_id,
                username=wanted.actor.username, organisation_id=wanted.actor.organisation_id,
                scope=wanted.actor.scope, grounds=wanted.actor.reason, policy=wanted.policy, case_id=wanted.case_id,
                seconds=wanted.seconds, asked_at=wanted.asked_at, told=TOLD if wanted.case_id is None else UNTOLD,
            )
            .returning(VideoRecord.id)
        ).scalar_one()  # fmt: skip
        told = {"channel": wanted.channel, "seconds": wanted.seconds, "purpose": wanted.purpose, "record": key}
        told |= {"case": wanted.case_id} if wanted.case_id is not None else {}
        record(connection, wanted.actor, "video.record", key, told, vehicle_id=wanted.vehicle_id)
    return key


def waiting(engine: Engine) -> list[Wanted]:
    """Recordings that are not over, the oldest first: after a start all of them are somebody's who is gone."""
    statement = (
        select(*VideoRecord.__table__.columns)
        .where(VideoRecord.state.in_((WAITING, RECORDING)))
        .order_by(VideoRecord.id)
    )
    with read(engine) as connection:
        return [_wanted(row) for row in connection.execute(statement)]


def _wanted(row: Any) -> Wanted:
    names = (
        "id", "vehicle_id", "terminal_id", "phone", "channel", "stream", "purpose", "user_id", "policy", "case_id",
        "seconds", "asked_at", "started_at", "state", "interrupted",
    )  # fmt: skip
    actor = Actor(row.user_id, row.username, "", row.organisation_id, row.scope, row.grounds)
    gaps = [Gap(*each) for each in json.loads(row.gaps)]
    return Wanted(actor=actor, gaps=gaps, **{name: getattr(row, name) for name in names})


def begun(engine: Engine, record_id: int, at: int) -> None:
    """The first picture is here."""
    with write(engine) as connection:
        connection.execute(
            update(VideoRecord)
            .where(VideoRecord.id == record_id, VideoRecord.state == WAITING)
            .values(state=RECORDING, started_at=at)
        )


def taken_up(engine: Engine, record_id: int, gaps: Sequence[Gap]) -> None:
    """The core was away while it went on."""
    with write(engine) as connection:
        values = {"interrupted": True, "gaps": _json(gaps)}
        connection.execute(update(VideoRecord).where(VideoRecord.id == record_id).values(**values))


def over(
    engine: Engine, wanted: Wanted, reason: str, detail: str, at: int, gaps: Sequence[Gap], refused: bool = False
) -> None:
    """It records no more; what is not in the store yet is on its way there."""
    with write(engine) as connection:
        values = {"reason": reason, "detail": detail[:200], "gaps": _json(gaps), "ended_at": at}
        connection.execute(
            update(VideoRecord)
            .where(VideoRecord.id == wanted.id, VideoRecord.state.in_((WAITING, RECORDING)))
            .values(state=REFUSED if refused else STORING, **values)
        )
        # a part that was entered when the recording ended, and never written to
        connection.execute(
            update(VideoRecordPart)
            .where(VideoRecordPart.record_id == wanted.id, VideoRecordPart.state == OPEN)
            .values(state=LOST, ended_at=at, detail="the recording ended before anything of it was written")
        )
        told = {"record": wanted.id, "reason": reason, "detail": detail[:200], "gaps": len(gaps)}
        record(connection, wanted.actor, "video.record_end", wanted.id, told, vehicle_id=wanted.vehicle_id)
        if not refused:
            _settle(connection, wanted.id)


def open_part(engine: Engine, record_id: int, at: int, codec: str, width: int, height: int) -> Part:
    """A further part begins; nothing of it is on the disk before this returns."""
    with write(engine) as connection:
        number = 1 + (
            connection.scalar(
                select(func.max(VideoRecordPart.number)).where(VideoRecordPart.record_id == record_id)
            )
            or 0
        )  # fmt: skip
        key = new_key()
        values = {
            "record_id": record_id, "number": number, "state": OPEN, "store_key": key, "started_at": at,
            "codec": codec, "width": width, "height": height,
        }  # fmt: skip
        added = insert(VideoRecordPart).values(**values).returning(VideoRecordPart.id)
        part: int = connection.execute(added).scalar_one()
    return Part(part, record_id, number, OPEN, key, at, None)


def close_part(engine: Engine, part: int, at: int, cause: str, packets_lost: int = 0) -> None:
    """A part is whole; it waits for the store."""
    with write(engine) as connection:
        connection.execute(
            update(VideoRecordPart)
            .where(VideoRecordPart.id == part, VideoRecordPart.state == OPEN)
            .values(state=STORING, ended_at=at, cause=cause, packets_lost=packets_lost)
        )


def unstored(engine: Engine) -> list[Part]:
    """Parts that are not in the store, those that were being written among them."""
    columns = (
        VideoRecordPart.id, VideoRecordPart.record_id, VideoRecordPart.number, VideoRecordPart.state,
        VideoRecordPart.store_key, VideoRecordPart.started_at, VideoRecordPart.ended_at,
    )  # fmt: skip
    statement = select(*columns).where(VideoRecordPart.state.in_((OPEN, STORING))).order_by(VideoRecordPart.id)
    with read(engine) as connection:
        return [Part(*row) for row in connection.execute(statement)]


def stored(engine: Engine, part: int, file: Stored, found: dict[str, Any], raw: str = "") -> int:
    """A part lies in the store: it becomes evidence; the file's id. ``found``: pictures, duration_ms, sound; ``raw``:
    why it could not be put together. Done twice it changes nothing."""
    at = now_ms()
    with write(engine) as connection:
        row = connection.execute(
            select(
                VideoRecordPart.file_id, VideoRecordPart.number, VideoRecordPart.started_at, VideoRecord.id,
                VideoRecord.vehicle_id, VideoRecord.terminal_id, VideoRecord.phone, VideoRecord.channel,
            )
            .join(VideoRecord, VideoRecord.id == VideoRecordPart.record_id)
            .where(VideoRecordPart.id == part)
            .with_for_update()
        ).one()  # fmt: skip
        if row.file_id is not None:
            return int(row.file_id)
        values = {
            "kind": VIDEO, "origin": RECORD, "vehicle_id": row.vehicle_id, "terminal_id": row.terminal_id,
            "phone": row.phone, "channel": row.channel, "name": f"luwei-record-{row.id}-{row.number}.mp4",
            "stored_bytes": file.size, "sha256": file.sha256, "sm3": file.sm3, "media_type": file.media_type,
            "store_key": file.key, "state": COMPLETE, "taken_at": row.started_at, "received_at": at,
            "created_at": at, "updated_at": at,
        }  # fmt: skip
        key: int = connection.execute(insert(EvidenceFile).values(**values).returning(EvidenceFile.id)).scalar_one()
        kept = {name: found[name] for name in ("pictures", "duration_ms", "sound")}
        connection.execute(
            update(VideoRecordPart)
            .where(VideoRecordPart.id == part)
            .values(state=RAW if raw else KEPT, detail=raw[:200], octets=file.size, file_id=key, **kept)
        )
        _settle(connection, row.id)
    return key


def empty(engine: Engine, part: int, detail: str) -> None:
    """Nothing of a part was on the disk."""
    with write(engine) as connection:
        record_id = connection.execute(
            update(VideoRecordPart)
            .where(VideoRecordPart.id == part)
            .values(state=LOST, detail=detail[:200])
            .returning(VideoRecordPart.record_id)
        ).scalar_one()
        _settle(connection, record_id)


def _settle(connection: Connection, record_id: int) -> None:
    """Sums of the stored parts; done, or failed, once none is left to store."""
    parts = connection.execute(
        select(VideoRecordPart.state, VideoRecordPart.pictures, VideoRecordPart.octets).where(
            VideoRecordPart.record_id == record_id
        )
    ).all()
    values: dict[str, Any] = {
        "pictures": sum(part.pictures for part in parts),
        "octets": sum(part.octets for part in parts),
    }
    connection.execute(update(VideoRecord).where(VideoRecord.id == record_id).values(**values))
    if not any(part.state in (OPEN, STORING) for part in parts):
        state = DONE if any(part.state in (KEPT, RAW) for part in parts) else FAILED
        connection.execute(
            update(VideoRecord).where(VideoRecord.id == record_id, VideoRecord.state == STORING).values(state=state)
        )


def octets(engine: Engine) -> int:
    """Octets of all recordings in the store."""
    with read(engine) as connection:
        return int(connection.scalar(select(func.coalesce(func.sum(VideoRecordPart.octets), 0))) or 0)


def terminal_of(engine: Engine, vehicle_id: int, phone: str) -> int | None:
    """Key of the truck's terminal."""
    with read(engine) as connection:
        found: int | None = connection.scalar(
            select(Terminal.id).where(Terminal.vehicle_id == vehicle_id, Terminal.phone == phone)
        )
        return found


def _json(gaps: Sequence[Gap]) -> str:
    return json.dumps([list(gap) for gap in gaps[:GAPS_MAX]], separators=(",", ":"))
