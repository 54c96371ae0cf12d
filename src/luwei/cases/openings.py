"""From graded pre-warnings to cases: a new case, or a further pre-warning of one that nobody has judged yet.

A case's clocks start with the alarm that gave it its grade, and with its receipt where it came late: nobody is overdue
for what he could not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from luwei.cases import files, owners, recordings, steps
from luwei.cases.merge import Alarm, Runs, Warning
from luwei.cases.numbers import new_numbers
from luwei.cases.owners import Device, Owners
from luwei.cases.policies import PolicyBook
from luwei.cases.policy import Policy
from luwei.cases.steps import Step
from luwei.registry.case import CLAIMED, OPEN, RETURNED, SNOOZED, TODO, AlarmCase, CaseAlarm, PreWarning
from luwei.registry.case_work import CaseTimer
from luwei.registry.engine import reserve_ids

AT_ONCE = 500
PROMPT_MS = 300_000
"""An alarm received later than this after it happened starts its clocks with the receipt, and nobody is reminded."""
UNJUDGED = (OPEN, SNOOZED, RETURNED, CLAIMED)


@dataclass(slots=True)
class Opened:
    """A case that this batch opened."""

    id: int
    type: str
    grade: int
    started_at: int
    owner: Owners
    vendor_id: int | None


@dataclass(slots=True)
class Work:
    """A case while a batch works on it; ``values`` are what will be written."""

    id: int
    values: dict[str, Any]
    new: bool = False
    changed: bool = False
    owner: Owners | None = None
    """Of a new one."""


@dataclass(slots=True)
class Batch:
    """What one batch adds."""

    now: int
    book: PolicyBook
    steps: list[Step] = field(default_factory=list)
    timers: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    recordings: int = 0

    def timer(self, case_id: int, kind: str, due_at: int, detail: str = "") -> None:
        """Something to be done about the case at an instant."""
        self.timers.append({"case_id": case_id, "kind": kind, "due_at": due_at, "detail": detail})


def clock_of(alarm: Alarm, now: int) -> int:
    """When the clocks of a case begin that this alarm opens or raises (UTC ms)."""
    late = alarm.backfill or not 0 <= alarm.received_at - alarm.at <= PROMPT_MS
    return min(alarm.received_at, now) if late else alarm.at


def work(
    connection: Connection,
    runs: Runs,
    touched: Sequence[Warning],
    known: Mapping[int, Owners],
    book: PolicyBook,
    now: int,
) -> tuple[list[Opened], list[int], int, int]:
    """Open and change cases for the pre-warnings ``touched``; sets their ``case_id`` and ``asked``.

    Returns what was opened, the ids of older cases that changed, and the numbers of requests for files and recordings.
    """
    batch = Batch(now, book)
    there = _load(connection, [w for w in touched if w.grade or w.case_id], book)
    terminals = owners.devices(connection, {alarm.terminal_id for w in touched if w.grade for alarm in w.alarms})
    opened: list[Opened] = []
    born: list[Work] = []
    keys = iter(reserve_ids(connection, "alarm_case", sum(bool(w.grade and w.case_id is None) for w in touched)))
    for warning in touched:
        if warning.case_id is not None:
            case = there.get(warning.case_id)
            if case is not None:
                _grow(batch, case, warning, len(warning.alarms))
                _raise(batch, case, warning)
            continue
        if not warning.grade or warning.by is None:
            continue
        # no version that has yet to begin, whatever a terminal's clock says: it may still be taken back
        policy = book.at(min(warning.by.at, now))
        case = _joinable(there, warning, policy)
        if case is None:
            case = _open(connection, batch, warning, known, terminals, policy, next(keys))
            there[case.id] = case
            born.append(case)
        else:
            batch.steps.append((case.id, "merged", None, {"at": warning.by.at, "level": warning.level}))
        _join(connection, batch, case, warning, runs, policy)
        _raise(batch, case, warning)
    if born:
        cities = [case.values["city"] for case in born]
        for case, number in zip(born, new_numbers(connection, cities, now), strict=True):
            case.values["number"] = number
    files.ask(connection, batch, there, touched, terminals)
    recordings.enter(connection, batch, there, touched, terminals)
    _remind(batch, there, touched)
    _write(connection, there, born)
    steps.add_all(connection, batch.steps, now)
    if batch.timers:
        connection.execute(insert(CaseTimer), batch.timers)
    for case in born:
        values = case.values
        assert case.owner is not None
        opened.append(
            Opened(
                case.id, values["type"], values["first_grade"], values["started_at"], case.owner, values["vendor_id"]
            )
        )
    return opened, [case.id for case in there.values() if case.changed and not case.new], batch.asked, batch.recordings


def _load(connection: Connection, warnings: Sequence[Warning], book: PolicyBook) -> dict[int, Work]:
    """Cases that these pre-warnings belong to or may join, locked, in the order of their ids."""
    keys = sorted({w.case_id for w in warnings if w.case_id is not None})
    alone = [w for w in warnings if w.case_id is None and w.grade]
    vehicles = sorted({w.vehicle_id for w in alone})
    if vehicles:
        since = min(w.first_at for w in alone) - max(policy.join_open_s for policy in book.policies) * 1000
        for start in range(0, len(vehicles), AT_ONCE):
            part = vehicles[start : start + AT_ONCE]
            near = select(AlarmCase.id).where(AlarmCase.vehicle_id.in_(part), AlarmCase.last_at >= since)
            keys += connection.scalars(near.where(AlarmCase.state.in_(UNJUDGED))).all()
    found: dict[int, Work] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(
            select(*AlarmCase.__table__.columns)
            .where(AlarmCase.id.in_(wanted[start : start + AT_ONCE]))
            .order_by(AlarmCase.id)
            .with_for_update()
        )
        found |= {row.id: Work(row.id, dict(row._mapping)) for row in rows}
    return found


def _joinable(there: Mapping[int, Work], warning: Warning, policy: Policy) -> Work | None:
    """The newest case of the truck and type that nobody has judged and whose alarms are not too far away."""
    near_ms = policy.join_open_s * 1000
    for case in sorted(there.values(), key=lambda each: -each.id):
        values = case.values
        if (values["vehicle_id"], values["type"]) != (warning.vehicle_id, warning.type):
            continue
        if values["state"] not in UNJUDGED:
            continue
        away = max(values["started_at"] - warning.last_at, warning.first_at - values["last_at"], 0)
        if away <= near_ms:
            return case
    return None


def _open(
    connection: Connection,
    batch: Batch,
    warning: Warning,
    known: Mapping[int, Owners],
    terminals: Mapping[int, Device],
    policy: Policy,
    key: int,
) -> Work:
    by = warning.by
    assert by is not None
    owner = owners.then(connection, known[by.vehicle_id], by.at, batch.now)
    device = terminals.get(by.terminal_id)
    rule = policy.type_rule(by.type, by.dialect)
    grade = policy.grades[warning.grade]
    start = clock_of(by, batch.now)
    limit = policy.limit_of(owner.vehicle_class) if rule.check == "speed" else None
    placed = by.lat_e6 != 0 or by.lon_e6 != 0
    values: dict[str, Any] = {
        "id": key, "number": "", "version": 1, "state": OPEN, "stage": TODO, "grade": warning.grade,
        "first_grade": warning.grade, "repeated": warning.repeated, "policy": policy.version, "type": by.type,
        "dialect": by.dialect[:10], "fault": rule.fault, "level": warning.level, "vehicle_id": owner.vehicle_id,
        "terminal_id": by.terminal_id or None, "phone": device.phone if device is not None else "",
        "plate": owner.plate, "plate_color": owner.plate_color, "city": owner.city, "county": owner.county,
        "operator_id": owner.operator_id, "monitor_id": owner.monitor_id, "insurer_id": owner.insurer_id,
        "vendor_id": device.vendor_id if device is not None else None, "lat_e6": by.lat_e6 if placed else None,
        "lon_e6": by.lon_e6 if placed else None, "speed_dkmh": by.speed_dkmh, "limit_kmh": limit,
        "started_at": warning.first_at, "last_at": warning.last_at, "opened_at": batch.now, "count": 0, "warnings": 0,
        "first_action_due_at": start + grade.first_action_s * 1000,
        "close_due_at": start + policy.close_s(by.type, by.dialect, warning.grade) * 1000, "overdue": 0,
        "escalation": 0,
        "snoozes": 0, "evidence_state": "none", "evidence_files": 0, "evidence_complete": 0, "reminder": "none",
        "check_result": "", "verdict": "", "reason": "", "actions": "", "driver_reply": "", "correction": "",
        "text": "", "evidence_audited": False, "returns": 0, "appeal": "", "updated_at": batch.now,
    }  # fmt: skip
    values["due_at"] = values["sort_at"] = values["first_action_due_at"]
    for column in AlarmCase.__table__.columns:
        values.setdefault(column.name, None)
    case = Work(key, values, new=True, changed=True, owner=owner)
    told = {"grade": warning.grade, "policy": policy.version, "level": by.level, "speed_dkmh": by.speed_dkmh}
    told |= {"repeated": True} if warning.repeated else {}
    told |= {"limit_kmh": limit} if limit is not None else {}
    batch.steps.append((key, "opened", None, told))
    _limits(batch, case, policy)
    return case


def _limits(batch: Batch, case: Work, policy: Policy) -> None:
    """The clocks of a grade that the case has now, and what it asks to be told at once."""
    values = case.values
    if values["first_action_at"] is None:
        batch.timer(case.id, "first_action", values["first_action_due_at"])
    batch.timer(case.id, "close", values["close_due_at"])
    for each in policy.grades[values["grade"]].escalation:
        if each.on == "open":
            values["escalation"] = max(values["escalation"], each.height)
            told = {"on": "open", "to": list(each.to), "supervise": each.supervise}
            batch.steps.append((case.id, "escalated", None, told))


def _grow(batch: Batch, case: Work, warning: Warning, alarms: int) -> None:
    """The case holds these further alarms of a pre-warning."""
    values = case.values
    values["count"] += alarms
    values["started_at"] = min(values["started_at"], warning.first_at)
    values["last_at"] = max(values["last_at"], warning.last_at)
    values["level"] = max(values["level"], warning.level)
    values["updated_at"] = batch.now
    case.changed = True


def _join(connection: Connection, batch: Batch, case: Work, warning: Warning, runs: Runs, policy: Policy) -> None:
    """The pre-warning, and those that made it a repetition, become part of the case."""
    parts = [warning]
    if warning.repeated:
        back = max(rule.within_s for rule in policy.repeat) * 1000
        parts += [each for each in runs.before(warning, back) if each.case_id is None]
    stored = []
    for part in parts:
        part.case_id = case.id
        case.values["warnings"] += 1
        _grow(batch, case, part, part.count)
        if part.stored:
            stored.append(part.id)
    for start in range(0, len(stored), AT_ONCE):
        keys = stored[start : start + AT_ONCE]
        connection.execute(update(PreWarning).where(PreWarning.id.in_(keys)).values(case_id=case.id))
        connection.execute(update(CaseAlarm).where(CaseAlarm.warning_id.in_(keys)).values(case_id=case.id))


def _raise(batch: Batch, case: Work, warning: Warning) -> None:
    """A higher grade shortens the clocks; it never lengthens one, and never touches what a person has judged."""
    values, by = case.values, warning.by
    if by is None or warning.grade <= values["grade"] or values["state"] not in UNJUDGED:
        return
    policy = batch.book.numbered(values["policy"])
    start = clock_of(by, batch.now)
    before = values["grade"]
    values["grade"] = warning.grade
    values["repeated"] = values["repeated"] or warning.repeated
    grade = policy.grades[warning.grade]
    values["first_action_due_at"] = min(values["first_action_due_at"], start + grade.first_action_s * 1000)
    values["close_due_at"] = min(
        values["close_due_at"], start + policy.close_s(by.type, by.dialect, warning.grade) * 1000
    )
    if values["state"] == SNOOZED:
        values |= {"state": OPEN, "snoozed_until": None}
    due = values["first_action_due_at"] if values["first_action_at"] is None else values["close_due_at"]
    values["due_at"] = values["sort_at"] = due
    values["version"] += 1
    told = {"from": before, "grade": warning.grade, "repeated": warning.repeated, "level": warning.level}
    batch.steps.append((case.id, "raised", None, told))
    _limits(batch, case, policy)


def _remind(batch: Batch, there: Mapping[int, Work], touched: Sequence[Warning]) -> None:
    """A spoken reminder, or where the type has none a check by itself, for every prompt pre-warning of a case."""
    for warning in touched:
        case = there.get(warning.case_id or 0)
        if case is None or warning.by is None or case.values["state"] not in UNJUDGED:
            continue
        policy = batch.book.numbered(case.values["policy"])
        rule = policy.type_rule(warning.type, warning.by.dialect)
        if warning.by.backfill or batch.now - warning.by.at > PROMPT_MS:
            continue
        if rule.tts:
            batch.timer(case.id, "remind", batch.now)
        elif rule.check != "none":
            for after in policy.grades[case.values["grade"]].checks_s:
                batch.timer(case.id, "check", batch.now + after * 1000, f'{{"after_s":{after},"since":{batch.now}}}')


def _write(connection: Connection, there: Mapping[int, Work], born: Sequence[Work]) -> None:
    if born:
        connection.execute(insert(AlarmCase), [case.values for case in born])
    old = sorted((case for case in there.values() if case.changed and not case.new), key=lambda each: each.id)
    if not old:
        return
    names = (
        "version", "state", "grade", "repeated", "level", "started_at", "last_at", "count", "warnings",
        "first_action_due_at", "close_due_at", "due_at", "sort_at", "escalation", "snoozed_until", "evidence_state",
        "evidence_files", "updated_at",
    )  # fmt: skip
    table: Any = AlarmCase.__table__
    statement = table.update().where(table.c.id == bindparam("key"))
    connection.execute(
        statement.values({name: bindparam(f"new_{name}") for name in names}),
        [{"key": case.id} | {f"new_{name}": case.values[name] for name in names} for case in old],
    )
