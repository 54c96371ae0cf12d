"""What the receiving server reads and writes of downloads in the registry (``registry.download``). All of it blocks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, case, func, insert, select, update

from luwei.evidence.content import CLIPS, PICTURES
from luwei.evidence.files import printable
from luwei.evidence.inbox import Admitted, Counted
from luwei.evidence.store import Stored
from luwei.registry import traffic
from luwei.registry.base import now_ms
from luwei.registry.case import AlarmCase, CaseStep
from luwei.registry.case_work import CaseFile
from luwei.registry.download import ASKED, CANCELLED, OPEN_STATES, QUEUED, UPLOADING, Download, DownloadFile
from luwei.registry.engine import read, write
from luwei.registry.evidence import AUDIO, COMPLETE, FTP, VIDEO, EvidenceFile

TRAFFIC = "download"
"""Purpose under which the octets are counted."""
SOUND = 1
"""``media_type`` of an order for sound alone."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A download that is to be brought to its end."""

    id: int
    account: str
    ending: str
    limit: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is to go into the store. ``key`` empty: not noted yet."""

    id: int
    name: str
    octets: int
    key: str


def admit(engine: Engine, user: str) -> Admitted | None:
    """The order of an account that may be used now."""
    with read(engine) as connection:
        row = connection.execute(
            select(Download.id, Download.phone, Download.channel, Download.limit_bytes).where(
                Download.account == user, Download.state.in_((QUEUED, ASKED, UPLOADING)), Download.ending == "",
                Download.fault == "", Download.expires_at > now_ms(),
            )
        ).first()  # fmt: skip
        if row is None:
            return None
        whole = connection.scalars(
            select(DownloadFile.name).where(DownloadFile.download_id == row.id, DownloadFile.complete)
        )
        return Admitted(row.id, user, row.phone, row.channel, row.limit_bytes, frozenset(whole))


def barred(engine: Engine, users: Sequence[str]) -> list[str]:
    """Those whose order may not be carried on now: paused, ended, expired."""
    with read(engine) as connection:
        free = connection.scalars(
            select(Download.account).where(
                Download.account.in_(users), Download.state.in_((QUEUED, ASKED, UPLOADING)), Download.ending == "",
                Download.fault == "", Download.expires_at > now_ms(),
            )
        )  # fmt: skip
        return sorted(set(users) - set(free))


def nobody_connected(engine: Engine) -> None:
    """After a start."""
    with write(engine) as connection:
        connection.execute(update(Download).where(Download.sessions != 0).values(sessions=0))


def enter(engine: Engine, counted: Iterable[Counted]) -> None:
    """Write down what came, and what it cost the SIMs."""
    with write(engine) as connection:
        for each in counted:
            _enter(connection, each)


def _enter(connection: Connection, said: Counted) -> None:
    connection.execute(
        update(Download)
        .where(Download.id == said.download, Download.state.in_(OPEN_STATES))
        .values(
            received_bytes=sum(octets for octets, _ in said.files.values()),
            sessions=said.sessions,
            breaks=Download.breaks + said.breaks,
            fault=case((Download.fault == "", said.fault), else_=Download.fault),
            started_at=func.coalesce(Download.started_at, said.first_at),
            last_byte_at=func.coalesce(said.last_at, Download.last_byte_at),
        )
    )
    there = dict(
        connection.execute(
            select(DownloadFile.name, DownloadFile.id).where(DownloadFile.download_id == said.download)
        ).all()
    )
    for name, (octets, complete) in said.files.items():
        values = {"octets": octets, "complete": complete}
        if name in there:
            connection.execute(update(DownloadFile).where(DownloadFile.id == there[name]).values(**values))
        else:
            row = {"download_id": said.download, "name": name, "store_key": "", **values}
            connection.execute(insert(DownloadFile).values(**row))
    if said.traffic:
        day = traffic.day_of(said.last_at or now_ms())
        traffic.add(connection, said.phone, day, said.channel, TRAFFIC, said.traffic, said.milliseconds)


def endings(engine: Engine) -> list[Ending]:
    """Downloads whose end was decided."""
    with read(engine) as connection:
        rows = connection.execute(
            select(Download.id, Download.account, Download.ending, Download.limit_bytes).where(
                Download.state.in_(OPEN_STATES), Download.ending != ""
            )
        ).all()
    return [Ending(*row) for row in rows]


def accounts(engine: Engine) -> set[str]:
    """Accounts of open orders: their folders are kept."""
    with read(engine) as connection:
        return set(connection.scalars(select(Download.account).where(Download.state.in_(OPEN_STATES))))


def to_store(engine: Engine, download: int) -> list[Arrived]:
    """Whole files that are not evidence yet."""
    with read(engine) as connection:
        rows = connection.execute(
            select(DownloadFile.id, DownloadFile.name, DownloadFile.octets, DownloadFile.store_key)
            .where(
                DownloadFile.download_id == download, DownloadFile.complete, DownloadFile.octets > 0,
                DownloadFile.evidence_id.is_(None),
            )
            .order_by(DownloadFile.id)
        ).all()  # fmt: skip
    return [Arrived(*row) for row in rows]


def note_key(engine: Engine, file: int, key: str) -> None:
    """Where a file shall lie: written down first, so that a crash in the middle can be gone on from."""
    with write(engine) as connection:
        connection.execute(update(DownloadFile).where(DownloadFile.id == file).values(store_key=key))


def lost(engine: Engine, file: int) -> None:
    """Neither in the folder nor in the store."""
    with write(engine) as connection:
        connection.execute(
            update(DownloadFile).where(DownloadFile.id == file).values(store_key="", complete=False, octets=0)
        )


def kept(engine: Engine, download: int, file: Arrived, stored: Stored) -> int:
    """A file lies in the store: it becomes evidence, of its case too; its id."""
    at = now_ms()
    with write(engine) as connection:
        order = connection.execute(select(*Download.__table__.columns).where(Download.id == download)).one()
        key: int = connection.execute(
            insert(EvidenceFile)
            .values(
                kind=AUDIO if order.media_type == SOUND else VIDEO,
                origin=FTP,
                vehicle_id=order.vehicle_id,
                terminal_id=order.terminal_id,
                phone=order.phone,
                channel=order.channel,
                name=printable(file.name),
                announced_bytes=file.octets,
                stored_bytes=stored.size,
                sha256=stored.sha256,
                sm3=stored.sm3,
                media_type=stored.media_type,
                taken_at=order.from_at,
                received_at=at,
                store_key=stored.key,
                state=COMPLETE,
                created_at=at,
                updated_at=at,
            )
            .returning(EvidenceFile.id)
        ).scalar_one()
        connection.execute(update(DownloadFile).where(DownloadFile.id == file.id).values(evidence_id=key))
        if order.case_id is not None:
            row = {"case_id": order.case_id, "file_id": key, "at": at, "user_id": order.user_id}
            connection.execute(insert(CaseFile).values(**row))
            connection.execute(update(AlarmCase).where(AlarmCase.id == order.case_id).values(updated_at=at))
    return key


def unchecked(engine: Engine, download: int) -> int:
    """Files that still wait to be decoded."""
    with read(engine) as connection:
        return int(
            connection.scalar(
                select(func.count())
                .select_from(DownloadFile)
                .join(EvidenceFile, EvidenceFile.id == DownloadFile.evidence_id)
                .where(
                    DownloadFile.download_id == download, EvidenceFile.readable.is_(None),
                    EvidenceFile.check.in_(("", "{}")), EvidenceFile.media_type.in_(sorted(PICTURES | CLIPS)),
                )
            )
            or 0
        )  # fmt: skip


def finished(engine: Engine, download: int) -> None:
    """Everything is kept, or nothing is: the download reaches the end that was decided."""
    at = now_ms()
    with write(engine) as connection:
        row = connection.execute(
            update(Download)
            .where(Download.id == download, Download.ending != "", Download.state.in_(OPEN_STATES))
            .values(state=Download.ending, sessions=0, ended_at=at)
            .returning(Download.case_id, Download.user_id, Download.ending, Download.channel, Download.reason)
        ).first()
        if row is None or row.case_id is None or row.ending == CANCELLED:
            return
        files = list(
            connection.scalars(
                select(DownloadFile.evidence_id).where(
                    DownloadFile.download_id == download, DownloadFile.evidence_id.is_not(None)
                )
            )
        )
        detail = {"download": download, "channel": row.channel, "state": row.ending, "files": files}
        step = {"case_id": row.case_id, "at": at, "act": "fetched", "user_id": row.user_id}
        connection.execute(insert(CaseStep).values(**step, detail=json.dumps(detail, ensure_ascii=False)))
