"""What became of what was asked for: commands that ended, files that came, came late or will not come any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.cases import steps, triggered
from luwei.cases.reminders import TTS
from luwei.cases.steps import Step
from luwei.registry import evidence
from luwei.registry.case import ASKED, COMPLETE, LATE, LOST, PARTIAL, WAITING, AlarmCase
from luwei.registry.case_work import CaseCommand, CaseEvidence
from luwei.registry.command import ANSWERED, CANCELLED, EXPIRED, FAILED, Command
from luwei.registry.engine import read, write
from luwei.registry.evidence import GIVEN_UP, PICTURE, EvidenceFile, EvidenceRequest
from luwei.registry.oversight import OversightMark

MARK = "case_files"
AT_ONCE = 500
DAY_MS = 86_400_000
OVERLAP_MS = 5_000
"""Rows are stamped before their transaction is seen: look so far back again."""
_OVER = (ANSWERED, FAILED, EXPIRED, CANCELLED)
_OPEN_STATES = (ASKED, WAITING, PARTIAL, LATE)
_WORST = (LATE, PARTIAL, WAITING, ASKED, LOST, COMPLETE)
"""State of a case with several requests: the first of these that any of them has."""


def commands_ended(engine: Engine, now: int) -> list[int]:
    """Write the outcome of commands into the stories of their cases; the cases."""
    statement = (
        select(
            CaseCommand.command_id, CaseCommand.case_id, CaseCommand.purpose, CaseCommand.user_id, Command.state,
            Command.result,
        )
        .join(Command, Command.id == CaseCommand.command_id)
        .where(CaseCommand.noted.is_(False), Command.state.in_(_OVER))
        .order_by(CaseCommand.case_id)
        .limit(AT_ONCE)
    )  # fmt: skip
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    if not rows:
        return []
    with write(engine) as connection:
        told: list[Step] = []
        for row in rows:
            noted = (
                update(CaseCommand)
                .where(CaseCommand.command_id == row.command_id, CaseCommand.noted.is_(False))
                .values(noted=True)
            )
            if not connection.execute(noted).rowcount:
                continue
            delivered = row.state == ANSWERED
            act = "command_done"
            if row.purpose == TTS:
                values = {"reminder": "delivered" if delivered else "failed", "updated_at": now}
                connection.execute(update(AlarmCase).where(AlarmCase.id == row.case_id).values(**values))
                act = ("tts_delivered" if delivered else "tts_failed") if row.user_id is None else act
            detail = {"command": row.command_id, "purpose": row.purpose, "state": row.state, "result": row.result}
            told.append((row.case_id, act, None, detail))
        steps.add_all(connection, told, now)
    return sorted({row.case_id for row in rows})


def evidence_since(engine: Engine, since: int, now: int) -> list[int]:
    """Bring cases up to date whose files or requests changed since ``since`` (UTC ms); the cases."""
    start = since - OVERLAP_MS
    files = (
        select(CaseEvidence.request_id)
        .join(EvidenceFile, EvidenceFile.request_id == CaseEvidence.request_id)
        .where(EvidenceFile.updated_at >= start)
    )
    ended = (
        select(CaseEvidence.request_id)
        .join(EvidenceRequest, EvidenceRequest.id == CaseEvidence.request_id)
        .where(EvidenceRequest.ended_at >= start)
    )
    with read(engine) as connection:
        keys = {*connection.scalars(files), *connection.scalars(ended)}
    return sorted({*_bring(engine, sorted(keys), now), *_pictures(engine, start, now)})


def place(engine: Engine) -> int | None:
    """Up to when (UTC ms) changes of files were followed, by whatever process; None where none ever was."""
    with read(engine) as connection:
        return connection.scalar(select(OversightMark.value).where(OversightMark.name == MARK))


def keep_place(engine: Engine, at: int) -> None:
    """Changes before ``at`` stand in their cases. The evidence server is another process: it goes on when the core does
    not."""
    with write(engine) as connection:
        mark = update(OversightMark).where(OversightMark.name == MARK).values(value=at)
        if not connection.execute(mark).rowcount:
            connection.execute(insert(OversightMark).values(name=MARK, value=at))


def evidence_all(engine: Engine, now: int) -> list[int]:
    """The same where no place was kept: every request that may have changed, and the pictures of a day."""
    with read(engine) as connection:
        keys = list(connection.scalars(select(CaseEvidence.request_id).where(CaseEvidence.state.in_(_OPEN_STATES))))
    return sorted({*_bring(engine, sorted(set(keys)), now), *_pictures(engine, now - DAY_MS, now)})


def _pictures(engine: Engine, start: int, now: int) -> list[int]:
    """Count pictures that alarms had terminals take since ``start``; the cases."""
    with read(engine) as connection:
        cases = triggered.cases_since(connection, start)
    if not cases:
        return []
    with write(engine) as connection:
        return _count(connection, cases, now)


def _bring(engine: Engine, requests: Sequence[int], now: int) -> list[int]:
    changed: set[int] = set()
    for start in range(0, len(requests), AT_ONCE):
        with write(engine) as connection:
            changed.update(_update(connection, requests[start : start + AT_ONCE], now))
    return sorted(changed)


def _update(connection: Connection, requests: Sequence[int], now: int) -> list[int]:
    links = connection.execute(
        select(CaseEvidence.case_id, CaseEvidence.request_id, CaseEvidence.state, CaseEvidence.alarm).where(
            CaseEvidence.request_id.in_(requests)
        )
    ).all()
    everything = _states(connection, sorted({link.request_id for link in links}))
    told: list[Step] = []
    for link in links:
        said = everything[link.request_id]
        if said["state"] == link.state:
            continue
        connection.execute(
            update(CaseEvidence)
            .where(CaseEvidence.case_id == link.case_id, CaseEvidence.request_id == link.request_id)
            .values(state=said["state"])
        )
        act = {COMPLETE: "files_complete", LATE: "files_late", LOST: "files_lost"}.get(said["state"])
        if act is not None:
            told_cause = {"cause": said["cause"]} if said["cause"] and act != "files_complete" else {}
            detail = {"request": link.request_id, "files": said["files"], "complete": said["complete"]}
            told.append((link.case_id, act, None, detail | told_cause))
    steps.add_all(connection, told, now)
    return _count(connection, sorted({link.case_id for link in links}), now)


def _count(connection: Connection, cases: Sequence[int], now: int) -> list[int]:
    """Write what is here of the evidence of these cases; those where it changed."""
    requests = select(CaseEvidence.case_id, CaseEvidence.request_id).where(CaseEvidence.case_id.in_(cases))
    of_cases = connection.execute(requests).all()
    everything = _states(connection, sorted({row.request_id for row in of_cases}))
    changed = []
    told: list[Step] = []
    locked = select(*_COLUMNS).where(AlarmCase.id.in_(cases)).order_by(AlarmCase.id).with_for_update()
    rows = {row.id: row for row in connection.execute(locked)}
    for case in cases:
        parts = [everything[row.request_id] for row in of_cases if row.case_id == case]
        own, thumb = triggered.counted(connection, case)
        if own:
            parts.append({"state": COMPLETE, "files": own, "complete": own, "thumb": thumb})
        if not parts:
            continue
        states = {part["state"] for part in parts}
        thumbs = [part["thumb"] for part in parts if part["thumb"] is not None]
        values = {
            "evidence_state": next(each for each in _WORST if each in states),
            "evidence_files": sum(part["files"] for part in parts),
            "evidence_complete": sum(part["complete"] for part in parts),
            "evidence_thumb": min(thumbs, default=None),
        }
        row = rows.get(case)
        if row is None or all(getattr(row, name) == value for name, value in values.items()):
            continue
        connection.execute(update(AlarmCase).where(AlarmCase.id == case).values(**values, updated_at=now))
        if own and row.evidence_complete < own:
            told.append((case, "files_sent", None, {"files": own}))
        changed.append(case)
    steps.add_all(connection, told, now)
    return changed


_COLUMNS = (
    AlarmCase.id, AlarmCase.evidence_state, AlarmCase.evidence_files, AlarmCase.evidence_complete,
    AlarmCase.evidence_thumb,
)  # fmt: skip


def _states(connection: Connection, requests: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What is here of each request: state, files (the larger of promised and announced), complete, thumb, cause."""
    found: dict[int, dict[str, Any]] = {}
    columns = (EvidenceRequest.id, EvidenceRequest.files, EvidenceRequest.state, EvidenceRequest.cause)
    for start in range(0, len(requests), AT_ONCE):
        part = requests[start : start + AT_ONCE]
        files: dict[int, list[Any]] = {}
        rows = connection.execute(
            select(
                EvidenceFile.request_id, EvidenceFile.id, EvidenceFile.state, EvidenceFile.media_type,
                EvidenceFile.readable, EvidenceFile.kind, EvidenceFile.stored_bytes, EvidenceFile.cause,
            )
            .where(EvidenceFile.request_id.in_(part))
            .order_by(EvidenceFile.id)
        )  # fmt: skip
        for row in rows:
            files.setdefault(row.request_id, []).append(row)
        for request in connection.execute(select(*columns).where(EvidenceRequest.id.in_(part))):
            found[request.id] = _state(request, files.get(request.id, []))
    return found


def _state(request: Any, files: Sequence[Any]) -> dict[str, Any]:
    complete = [row for row in files if row.state == evidence.COMPLETE]
    total = max(request.files, len(files))
    pictures = [row.id for row in complete if row.kind == PICTURE and row.readable is not False]
    missing = [row for row in files if row.state != evidence.COMPLETE]
    if len(complete) >= total:
        state = COMPLETE
    elif request.state == GIVEN_UP or (len(files) >= total and all(row.state == evidence.LOST for row in missing)):
        state = LOST
    elif any(row.state == evidence.LATE for row in missing):
        state = LATE
    elif complete or any(row.stored_bytes for row in missing):
        state = PARTIAL
    else:
        state = WAITING if files else ASKED
    cause = request.cause or next((row.cause for row in missing if row.cause), "")
    thumb = pictures[0] if pictures else None
    return {"state": state, "files": total, "complete": len(complete), "thumb": thumb, "cause": cause}
