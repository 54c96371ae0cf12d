"""Clocks of cases: limits that pass, snoozes that end, corrections to check, files to ask for when a truck stands.

A timer and what it does are one transaction, so a restart neither forgets one nor lets one strike twice. Every function
blocks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from luwei.cases import correction, files, policies, steps
from luwei.cases.correction import Seen
from luwei.cases.merge import Alarm
from luwei.cases.policy import Policy
from luwei.cases.steps import Step
from luwei.registry.case import (
    APPEALED,
    ASKED,
    CLAIMED,
    CLOSED,
    NO_FILES,
    OPEN,
    OVERDUE_CLOSE,
    OVERDUE_FIRST,
    PARKED,
    QUOTA,
    SNOOZED,
    STAGE_OF,
    AlarmCase,
    CaseAlarm,
    PreWarning,
)
from luwei.registry.case_work import CaseTimer
from luwei.registry.engine import read, write

AT_ONCE = 200
LOOK_AGAIN_MS = 30_000
"""A truck that drives is asked again so much later whether it stands."""
BIT_WORDS = {"808": "alarm", "1078": "video_alarm"}
"""Types that are a bit of a word of the location."""

See = Callable[[int, str], Seen | None]
"""(vehicle, type) → its newest report."""
Parked = Callable[[Sequence[int]], set[int]]


@dataclass(slots=True)
class Struck:
    """What a round did. ``reminders``: timers that want a command."""

    changed: list[int] = field(default_factory=list)
    asked: int = 0
    count: int = 0


@dataclass(slots=True)
class _Round:
    connection: Connection
    now: int
    see: See
    parked: set[int]
    steps: list[Step] = field(default_factory=list)
    asked: int = 0


def strike(engine: Engine, now: int, see: See, parked: Parked) -> Struck:
    """Let every timer strike whose time has come, but reminders; at most AT_ONCE."""
    struck = Struck()
    due = (
        select(CaseTimer.id, CaseTimer.case_id, CaseTimer.kind, CaseTimer.detail, AlarmCase.vehicle_id)
        .outerjoin(AlarmCase, AlarmCase.id == CaseTimer.case_id)
        .where(CaseTimer.due_at <= now, CaseTimer.kind != "remind")
        .order_by(CaseTimer.due_at)
        .limit(AT_ONCE)
    )
    with read(engine) as connection:
        timers = connection.execute(due).all()
    if not timers:
        return struck
    standing = parked(sorted({row.vehicle_id for row in timers if row.kind == "files" and row.vehicle_id is not None}))
    with write(engine) as connection:
        book = policies.book(connection)
        keys = sorted({row.case_id for row in timers})
        locked = select(*AlarmCase.__table__.columns).where(AlarmCase.id.in_(keys)).order_by(AlarmCase.id)
        cases = {row.id: dict(row._mapping) for row in connection.execute(locked.with_for_update())}
        going = _Round(connection, now, see, standing)
        for timer in timers:
            case = cases.get(timer.case_id)
            again = None
            if case is not None:
                detail = json.loads(timer.detail) if timer.detail else {}
                changes, again = _KINDS[timer.kind](going, case, book.numbered(case["policy"]), detail)
                if changes:
                    case |= changes
                    values = changes | {"updated_at": now}
                    connection.execute(update(AlarmCase).where(AlarmCase.id == case["id"]).values(**values))
                    struck.changed.append(case["id"])
            _end(connection, timer.id, again)
        steps.add_all(connection, going.steps, now)
        struck.asked, struck.count = going.asked, len(timers)
    return struck


def _end(connection: Connection, timer: int, again: int | None) -> None:
    if again is None:
        connection.execute(delete(CaseTimer).where(CaseTimer.id == timer))
    else:
        connection.execute(update(CaseTimer).where(CaseTimer.id == timer).values(due_at=again))


Outcome = tuple[dict[str, Any], int | None]
"""Changes of the case, and when the timer strikes again."""


def _first_action(going: _Round, case: dict[str, Any], policy: Policy, _: dict[str, Any]) -> Outcome:
    if case["first_action_at"] is not None or case["overdue"] or case["first_action_due_at"] > going.now:
        return {}, None
    going.steps.append((case["id"], "overdue_first", None, {"due_at": case["first_action_due_at"]}))
    return {"overdue": OVERDUE_FIRST} | _escalate(going, case, policy, "first_action"), None


def _close(going: _Round, case: dict[str, Any], policy: Policy, _: dict[str, Any]) -> Outcome:
    done = case["state"] in (CLOSED, APPEALED) or case["overdue"] >= OVERDUE_CLOSE
    if done or case["close_due_at"] > going.now:
        return {}, None
    going.steps.append((case["id"], "overdue_close", None, {"due_at": case["close_due_at"]}))
    return {"overdue": OVERDUE_CLOSE} | _escalate(going, case, policy, "close"), None


def _escalate(going: _Round, case: dict[str, Any], policy: Policy, moment: str) -> dict[str, Any]:
    height = case["escalation"]
    for each in policy.grades[case["grade"]].escalation:
        if each.on == moment:
            height = max(height, each.height)
            told = {"on": moment, "to": list(each.to), "supervise": each.supervise}
            going.steps.append((case["id"], "escalated", None, told))
    return {"escalation": height}


def _snooze(going: _Round, case: dict[str, Any], _: Policy, __: dict[str, Any]) -> Outcome:
    if case["state"] != SNOOZED or (case["snoozed_until"] or 0) > going.now:
        return {}, None
    going.steps.append((case["id"], "woke", None, {}))
    return woken(case), None


def woken(case: dict[str, Any]) -> dict[str, Any]:
    """A snoozed case goes back to who had it."""
    state = CLAIMED if case["assignee_id"] is not None else OPEN
    return {"state": state, "stage": STAGE_OF[state], "snoozed_until": None}


def _check(going: _Round, case: dict[str, Any], policy: Policy, detail: dict[str, Any]) -> Outcome:
    rule = policy.type_rule(case["type"], case["dialect"])
    since = int(detail["since"])
    seen = going.see(case["vehicle_id"], case["type"])
    again = _came_again(going.connection, case, since)
    lasting = _lasts(going.connection, case)
    result = correction.judge(rule.check, since, seen, case["limit_kmh"], again, lasting)
    told: dict[str, Any] = {"after_s": detail["after_s"], "result": result}
    if seen is not None and seen.at >= since:
        told |= {"speed_dkmh": seen.speed_dkmh, "at": seen.at}
    going.steps.append((case["id"], "checked", None, told))
    return {"check_at": going.now, "check_after_s": detail["after_s"], "check_result": result}, None


def _came_again(connection: Connection, case: dict[str, Any], since: int) -> bool:
    statement = (
        select(CaseAlarm.alarm)
        .join(PreWarning, PreWarning.id == CaseAlarm.warning_id)
        .where(PreWarning.vehicle_id == case["vehicle_id"], PreWarning.last_at > since, PreWarning.type == case["type"])
        # by both clocks: the alarm itself, of a terminal whose clock is ahead, is no repetition
        .where(CaseAlarm.at > since, CaseAlarm.received_at > since, CaseAlarm.phase != 2)
        .limit(1)
    )
    return connection.scalar(statement) is not None


def _lasts(connection: Connection, case: dict[str, Any]) -> bool:
    """Whether the newest alarm of the case has begun and not ended."""
    statement = (
        select(CaseAlarm.phase, CaseAlarm.ended_at)
        .where(CaseAlarm.case_id == case["id"])
        .order_by(CaseAlarm.at.desc())
        .limit(1)
    )
    row = connection.execute(statement).first()
    return row is not None and row.phase == 1 and row.ended_at is None


def _files(going: _Round, case: dict[str, Any], policy: Policy, detail: dict[str, Any]) -> Outcome:
    if case["vehicle_id"] not in going.parked and going.now < detail["until"]:
        return {}, going.now + LOOK_AGAIN_MS
    row = going.connection.execute(
        select(*CaseAlarm.__table__.columns).where(CaseAlarm.alarm == detail["alarm"])
    ).first()
    if row is None or not case["phone"]:
        return {}, None
    if files.used(going.connection, case["phone"], going.now) + row.files > policy.quota_month:
        going.steps.append((case["id"], "files_quota", None, {"quota": policy.quota_month, "files": row.files}))
        return {"evidence_state": QUOTA} if case["evidence_state"] == PARKED else {}, None
    alarm = Alarm(
        row.alarm, row.phase, row.vehicle_id, row.terminal_id, row.at, row.received_at, row.type, row.level,
        row.dialect, row.speed_dkmh, row.lat_e6, row.lon_e6, row.files, bytes.fromhex(row.identification),
    )  # fmt: skip
    number = files.request(going.connection, case["id"], case["phone"], case["vehicle_id"], alarm, going.now)
    if number is None:
        return {"evidence_state": NO_FILES} if case["evidence_state"] == PARKED else {}, None
    going.asked += 1
    going.steps.append((case["id"], "asked_files", None, {"request": number, "files": row.files}))
    values = {"evidence_files": case["evidence_files"] + row.files}
    return values | ({"evidence_state": ASKED} if case["evidence_state"] in (PARKED, NO_FILES, QUOTA) else {}), None


_KINDS: dict[str, Callable[[_Round, dict[str, Any], Policy, dict[str, Any]], Outcome]] = {
    "first_action": _first_action,
    "close": _close,
    "snooze": _snooze,
    "check": _check,
    "files": _files,
}
