"""Live pictures recorded for a case: by a rule of the policy when it is new or its grade rises, or by a person.

A rule's recording is entered with the case, in one transaction; the recorder of the video desk begins what it finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, and_, func, insert, or_, select, update

from luwei.cases import steps
from luwei.cases.files import month_start
from luwei.cases.merge import Warning
from luwei.cases.owners import Device
from luwei.cases.policy import Policy, RecordRule
from luwei.cases.steps import Step
from luwei.registry.case import CLOSED
from luwei.registry.engine import read, write
from luwei.registry.video_record import (
    BEGUN,
    DONE,
    FAILED,
    REFUSED,
    TOLD,
    UNTOLD,
    WAITING,
    VideoRecord,
    VideoRecordPart,
)

if TYPE_CHECKING:
    from luwei.cases.openings import Batch, Work

PROMPT_MS = 60_000
"""Live pictures of an alarm that happened longer ago show something else."""
QUOTA = "quota_month"
AT_ONCE = 200


def enter(
    connection: Connection,
    batch: Batch,
    there: Mapping[int, Work],
    touched: Sequence[Warning],
    terminals: Mapping[int, Device],
) -> None:
    """Enter what the policy wants recorded of the cases of these pre-warnings, once a case."""
    wanted: dict[int, tuple[Warning, Policy, RecordRule]] = {}
    for warning in touched:
        case, by = there.get(warning.case_id or 0), warning.by
        if case is None or by is None or case.values["state"] == CLOSED or by.terminal_id not in terminals:
            continue
        if by.backfill or not 0 <= batch.now - by.at <= PROMPT_MS:
            continue
        policy = batch.book.numbered(case.values["policy"])
        rule = policy.record_rule(case.values["type"], case.values["grade"])
        if rule is not None:
            wanted.setdefault(case.id, (warning, policy, rule))
    if not wanted:
        return
    done = set(
        connection.scalars(
            select(VideoRecord.case_id).where(
                VideoRecord.case_id.in_(sorted(wanted)), VideoRecord.policy.is_not(None)
            )
        )
    )  # fmt: skip
    for case_id, (warning, policy, rule) in wanted.items():
        if case_id not in done:
            assert warning.by is not None
            device = terminals[warning.by.terminal_id]
            _enter(connection, batch, case_id, warning, policy, rule, device)


def _enter(
    connection: Connection,
    batch: Batch,
    case_id: int,
    warning: Warning,
    policy: Policy,
    rule: RecordRule,
    device: Device,
) -> None:
    assert warning.by is not None
    left = policy.record_quota_s - used(connection, device.phone, batch.now)
    for channel in rule.channels:
        left -= rule.seconds
        values: dict[str, Any] = {
            "state": WAITING, "vehicle_id": warning.vehicle_id, "terminal_id": warning.by.terminal_id,
            "phone": device.phone, "channel": channel, "stream": rule.stream,
            "purpose": f"处置规则第 {policy.version} 版", "policy": policy.version, "case_id": case_id,
            "seconds": rule.seconds, "asked_at": batch.now, "told": UNTOLD,
        }  # fmt: skip
        if left < 0:
            values |= {"state": REFUSED, "reason": QUOTA, "ended_at": batch.now}
        connection.execute(insert(VideoRecord).values(**values))
        batch.recordings += 1


def used(connection: Connection, phone: str, at_ms: int) -> int:
    """Seconds of the SIM that rules had recorded, or have yet to, in the month of ``at_ms``."""
    statement = select(func.coalesce(func.sum(VideoRecord.seconds), 0)).where(
        VideoRecord.phone == phone, VideoRecord.asked_at >= month_start(at_ms), VideoRecord.policy.is_not(None),
        VideoRecord.state.not_in((REFUSED, FAILED)),
    )  # fmt: skip
    return int(connection.execute(statement).scalar_one())


def files_of(connection: Connection, case_id: int) -> set[int]:
    """Files of what was recorded for a case."""
    parts = (
        select(VideoRecordPart.file_id)
        .join(VideoRecord, VideoRecord.id == VideoRecordPart.record_id)
        .where(VideoRecord.case_id == case_id, VideoRecordPart.file_id.is_not(None))
    )
    return {key for key in connection.scalars(parts) if key is not None}


def follow(engine: Engine, now: int) -> list[int]:
    """Write what became of recordings into the stories of their cases; the cases."""
    columns = (
        VideoRecord.id, VideoRecord.case_id, VideoRecord.channel, VideoRecord.state, VideoRecord.reason,
        VideoRecord.user_id, VideoRecord.seconds, VideoRecord.started_at, VideoRecord.ended_at, VideoRecord.pictures,
        VideoRecord.told,
    )  # fmt: skip
    # those that go on must not stand in the way of those that have something to tell
    begun = and_(VideoRecord.told == UNTOLD, VideoRecord.started_at.is_not(None))
    due = or_(VideoRecord.state.in_((DONE, FAILED, REFUSED)), begun)
    statement = select(*columns).where(VideoRecord.told != TOLD, due).order_by(VideoRecord.id).limit(AT_ONCE)
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    if not rows:
        return []
    with write(engine) as connection:
        said: list[Step] = []
        for row in rows:
            over = row.state in (DONE, FAILED, REFUSED)
            changed = update(VideoRecord).where(VideoRecord.id == row.id, VideoRecord.told == row.told)
            if connection.execute(changed.values(told=TOLD if over else BEGUN)).rowcount:
                said += _said(row, over)
        steps.add_all(connection, said, now)
    return sorted({row.case_id for row in rows})


def _said(row: Any, over: bool) -> list[Step]:
    said: list[Step] = []
    told = {"record": row.id, "channel": row.channel}
    if row.told == UNTOLD and row.started_at is not None:
        said.append((row.case_id, "record_started", row.user_id, told | {"seconds": row.seconds}))
    if row.state == REFUSED:
        said.append((row.case_id, "record_refused", row.user_id, told | {"reason": row.reason}))
    elif over:
        length = (row.ended_at - row.started_at) // 1000 if row.started_at and row.ended_at else 0
        more = {"reason": row.reason, "seconds": length, "pictures": row.pictures}
        said.append((row.case_id, "record_ended", row.user_id, told | more))
    return said
