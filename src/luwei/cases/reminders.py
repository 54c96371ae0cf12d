"""Spoken reminders 语音提醒 by policy: the text of the type, through the command path, and the checks that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, delete, insert, select, update

from luwei.cases import policies, steps
from luwei.cases.openings import UNJUDGED
from luwei.commands import journal
from luwei.commands.journal import Target
from luwei.commands.kinds import KINDS
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.case import AlarmCase
from luwei.registry.case_work import CaseCommand, CaseTimer
from luwei.registry.engine import read, write

AT_ONCE = 100
EXPIRES_S = 60
"""A reminder that comes a minute late would speak of something else."""
SPOKEN_MS = 2 * 3_600_000
"""Longer than any rest that a policy can ask for between two reminders."""
TTS, CALL, STOP = "tts", "call", "stop"
STOP_TEXT = "请立即到安全地点停车"
REMINDER_TEXT = "请注意行车安全"
"""What a person's reminder says where the policy has no words for the type."""


class Sender(Protocol):
    """What is needed of ``luwei.commands.engine.CommandEngine``."""

    async def submit(
        self,
        kind: str,
        parameters: dict[str, Any],
        reason: str,
        targets: Sequence[Target],
        skipped: int,
        expires_s: int,
        actor: Actor,
        within: journal.Within | None = None,
    ) -> int: ...


class Over(Exception):
    """The reminder was given or withdrawn meanwhile."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A text that is due."""

    timer: int
    case_id: int
    vehicle_id: int
    phone: str
    number: str
    text: str
    urgent: bool
    policy: int
    checks_s: tuple[int, ...]


def due(engine: Engine, now: int) -> list[Reminder]:
    """Reminders whose time has come, the gravest case of a truck first; those that need not be given are put away. A
    case whose truck was spoken to a moment ago because of another one is checked all the same."""
    statement = (
        select(CaseTimer.id.label("timer"), *AlarmCase.__table__.columns)
        .join(AlarmCase, AlarmCase.id == CaseTimer.case_id)
        .where(CaseTimer.kind == "remind", CaseTimer.due_at <= now)
        .order_by(AlarmCase.grade.desc(), CaseTimer.id)
        .limit(AT_ONCE)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        if not rows:
            return []
        book = policies.book(connection)
        vehicles = sorted({row.vehicle_id for row in rows})
        spoken = _spoken(connection, vehicles, now - SPOKEN_MS)
    found: list[Reminder] = []
    idle: list[int] = []
    quietly: list[tuple[int, tuple[int, ...]]] = []
    for row in rows:
        policy = book.numbered(row.policy)
        rule = policy.type_rule(row.type, row.dialect)
        quiet = now - spoken.get(row.vehicle_id, 0) < policy.reminder_rest_s * 1000
        late = now - row.last_at > EXPIRES_S * 5000
        checks = policy.grades[row.grade].checks_s if rule.check != "none" else ()
        if quiet or late or not rule.tts or not row.phone or row.state not in UNJUDGED:
            idle.append(row.timer)
            if quiet and not late and row.check_at is None and row.state in UNJUDGED:
                quietly.append((row.id, checks))
            continue
        spoken[row.vehicle_id] = now
        found.append(
            Reminder(
                row.timer, row.id, row.vehicle_id, row.phone, row.number, rule.tts, row.grade == 3, row.policy, checks
            )
        )
    if idle:
        with write(engine) as connection:
            connection.execute(delete(CaseTimer).where(CaseTimer.id.in_(idle)))
            for case, checks in quietly:
                set_checks(connection, case, checks, now)
    return found


def _spoken(connection: Connection, vehicles: Sequence[int], since: int) -> dict[int, int]:
    """When each truck was last spoken to because of a case whose alarms are not older than ``since``."""
    found: dict[int, int] = {}
    statement = (
        select(CaseCommand.vehicle_id, CaseCommand.created_at)
        .join(AlarmCase, AlarmCase.id == CaseCommand.case_id)
        .where(AlarmCase.vehicle_id.in_(vehicles), AlarmCase.last_at >= since, CaseCommand.purpose != CALL)
    )
    for row in connection.execute(statement):
        found[row.vehicle_id] = max(found.get(row.vehicle_id, 0), row.created_at)
    return found


async def give(commands: Sender, reminder: Reminder, now: int) -> bool:
    """Send it; False where it was given or withdrawn meanwhile. Raises what the command path raises."""
    values = KINDS["text"].check(
        {"text": reminder.text, "urgency": int(reminder.urgent), "display": True, "read_aloud": True, "text_type": 1}
    )
    reason = f"处置规则 {reminder.policy}：{reminder.number}"
    target = Target(reminder.vehicle_id, reminder.phone)
    try:
        await commands.submit(
            "text", values, reason, [target], 0, EXPIRES_S, SYSTEM, partial(_given, reminder=reminder, now=now)
        )
    except Over:
        return False
    return True


def _given(connection: Connection, batch: int, keys: Sequence[int], *, reminder: Reminder, now: int) -> None:
    """In the transaction that enters the command: the timer is gone, the checks are set."""
    # the case first and then its timers: whoever closes a case locks them in this order too
    connection.execute(select(AlarmCase.id).where(AlarmCase.id == reminder.case_id).with_for_update())
    if not connection.execute(delete(CaseTimer).where(CaseTimer.id == reminder.timer)).rowcount:
        raise Over
    enter(connection, reminder.case_id, keys[0], reminder.vehicle_id, TTS, reminder.text, None, now)
    set_checks(connection, reminder.case_id, reminder.checks_s, now)
    values = {"reminder": "sent", "updated_at": now}
    connection.execute(update(AlarmCase).where(AlarmCase.id == reminder.case_id).values(**values))
    steps.add(connection, reminder.case_id, "tts_sent", None, {"text": reminder.text, "command": keys[0]}, now)


def enter(
    connection: Connection,
    case_id: int,
    command: int,
    vehicle_id: int,
    purpose: str,
    text: str,
    user_id: int | None,
    now: int,
) -> None:
    """A command was given for a case."""
    connection.execute(
        insert(CaseCommand).values(
            command_id=command, case_id=case_id, vehicle_id=vehicle_id, purpose=purpose, text=text[:200],
            user_id=user_id, created_at=now, noted=False,
        )
    )  # fmt: skip


def set_checks(connection: Connection, case_id: int, checks_s: Sequence[int], since: int) -> None:
    """Check the correction so long after ``since``; checks that were set before are of no interest any more."""
    connection.execute(delete(CaseTimer).where(CaseTimer.case_id == case_id, CaseTimer.kind == "check"))
    rows = [
        {"case_id": case_id, "kind": "check", "due_at": since + after * 1000,
         "detail": f'{{"after_s":{after},"since":{since}}}'}
        for after in checks_s
    ]  # fmt: skip
    if rows:
        connection.execute(insert(CaseTimer), rows)


def drop(engine: Engine, reminder: Reminder, why: str) -> None:
    """A text that no terminal can take is not tried again."""
    with write(engine) as connection:
        if connection.execute(delete(CaseTimer).where(CaseTimer.id == reminder.timer)).rowcount:
            connection.execute(update(AlarmCase).where(AlarmCase.id == reminder.case_id).values(reminder="failed"))
            steps.add(connection, reminder.case_id, "tts_failed", None, {"text": reminder.text, "result": why[:200]})
