"""Alarms in, cases out: one batch of facts becomes pre-warnings and cases in one transaction of the registry.

An alarm is known by its key, so a batch that comes again (the core was killed before the bus heard that it was done)
changes nothing. Everything that follows from an alarm is entered in the same transaction: the case with its clocks, the
request for its files, its reminder, its place in the day's counts. Every function blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from luwei.cases import openings, owners, policies
from luwei.cases.merge import Alarm, Runs, Warning
from luwei.cases.numbers import china_day
from luwei.cases.owners import Owners
from luwei.cases.policies import PolicyBook
from luwei.registry.base import now_ms
from luwei.registry.case import CaseAlarm, PreWarning
from luwei.registry.case_work import CaseDay
from luwei.registry.engine import reserve_ids, write

AT_ONCE = 500
RECENT_MS = 7_200_000
"""Alarms that happened longer ago are looked up apart: one late alarm must not make a whole batch look far back."""
KEEP_MS = 3 * 86_400_000
"""Alarms and pre-warnings that became no case stay so long."""
FORGET_AT_ONCE = 20_000

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(slots=True)
class Taken:
    """What a batch did: alarms that were new, those known before, cases that were opened or changed."""

    fresh: int = 0
    repeated: int = 0
    opened: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    asked: int = 0
    """Requests for files."""
    recordings: int = 0
    """Recordings of live pictures."""


def take(engine: Engine, alarms: Sequence[Alarm], at_ms: int | None = None) -> Taken:
    """Take one batch; everything or nothing of it is done."""
    now = now_ms() if at_ms is None else at_ms
    taken = Taken()
    with write(engine) as connection:
        book = policies.book(connection)
        fresh, ends = _sorted_out(connection, alarms, taken)
        if not fresh and not ends:
            return taken
        known = owners.owners(connection, {alarm.vehicle_id for alarm in fresh})
        runs = _runs(connection, fresh, ends, book, now)
        for alarm in fresh:
            policy = book.at(min(alarm.at, now))
            runs.take(alarm, policy, policy.limit_of(known[alarm.vehicle_id].vehicle_class))
        for alarm, warning in _ended(runs, ends):
            if alarm.at > warning.last_at:
                warning.last_at, warning.changed = alarm.at, True
        touched = [warning for warning in runs.all() if warning.changed]
        _number(connection, [warning for warning in touched if not warning.stored])
        opened, changed, asked, recorded = openings.work(connection, runs, touched, known, book, now)
        _store(connection, touched, fresh, ends, now)
        _count(connection, touched, opened, known, now)
        taken.opened, taken.changed, taken.asked = [case.id for case in opened], changed, asked
        taken.recordings = recorded
    return taken


def _sorted_out(
    connection: Connection, alarms: Sequence[Alarm], taken: Taken
) -> tuple[list[Alarm], list[tuple[Alarm, int]]]:
    """Alarms that are new, in their order, and ends of known ones with the number of their pre-warning (0: new)."""
    known: dict[int, tuple[int, bool]] = {}
    keys = sorted({alarm.alarm for alarm in alarms})
    columns = (CaseAlarm.alarm, CaseAlarm.warning_id, CaseAlarm.ended_at)
    for part in _parts(keys):
        rows = connection.execute(select(*columns).where(CaseAlarm.alarm.in_(part)))
        known |= {row.alarm: (row.warning_id, row.ended_at is not None) for row in rows}
    fresh: list[Alarm] = []
    ends: list[tuple[Alarm, int]] = []
    for alarm in alarms:
        there = known.get(alarm.alarm)
        if there is None:
            known[alarm.alarm] = (0, alarm.phase == 2)
            fresh.append(alarm)
        elif alarm.phase == 2 and not there[1]:
            known[alarm.alarm] = (there[0], True)
            ends.append((alarm, there[0]))
        else:
            taken.repeated += 1
    taken.fresh = len(fresh)
    return fresh, ends


def _runs(
    connection: Connection, fresh: Sequence[Alarm], ends: Sequence[tuple[Alarm, int]], book: PolicyBook, now: int
) -> Runs:
    """The stored pre-warnings that these alarms may join, follow or end."""
    back = max(
        max([policy.window_s, *(rule.within_s for rule in policy.repeat)]) for policy in book.policies
    ) * 1000  # fmt: skip
    rows: dict[int, Any] = {}
    statement = select(*PreWarning.__table__.columns)
    late = [alarm for alarm in fresh if alarm.at < now - RECENT_MS]
    for part in (late, [alarm for alarm in fresh if alarm.at >= now - RECENT_MS]):
        since = min((alarm.at for alarm in part), default=0) - back
        for keys in _parts(sorted({alarm.vehicle_id for alarm in part})):
            near = statement.where(PreWarning.vehicle_id.in_(keys), PreWarning.last_at >= since)
            rows |= {row.id: row for row in connection.execute(near)}
    for keys in _parts(sorted({warning for _, warning in ends if warning and warning not in rows})):
        rows |= {row.id: row for row in connection.execute(statement.where(PreWarning.id.in_(keys)))}
    runs = Runs()
    for row in rows.values():
        runs.enter(
            Warning(
                row.vehicle_id, row.type, row.first_at, row.last_at, row.count, row.level, row.grade, False,
                row.case_id, row.asked, row.id, True, row.grade > 0,
            )
        )  # fmt: skip
    return runs


def _ended(runs: Runs, ends: Sequence[tuple[Alarm, int]]) -> Iterable[tuple[Alarm, Warning]]:
    by_id = {warning.id: warning for warning in runs.all() if warning.id}
    by_key = {alarm.alarm: warning for warning in runs.all() for alarm in warning.alarms}
    for alarm, number in ends:
        found = by_id.get(number) if number else by_key.get(alarm.alarm)
        if found is not None:
            yield alarm, found


def _number(connection: Connection, warnings: Sequence[Warning]) -> None:
    for warning, key in zip(warnings, reserve_ids(connection, "pre_warning", len(warnings)), strict=True):
        warning.id = key


def _store(
    connection: Connection,
    touched: Sequence[Warning],
    fresh: Sequence[Alarm],
    ends: Sequence[tuple[Alarm, int]],
    now: int,
) -> None:
    rows = [
        {
            "id": each.id, "vehicle_id": each.vehicle_id, "type": each.type, "first_at": each.first_at,
            "last_at": each.last_at, "count": each.count, "level": each.level, "grade": each.grade,
            "case_id": each.case_id, "asked": each.asked,
        }
        for each in touched
    ]  # fmt: skip
    new = [row | {"created_at": now} for row, each in zip(rows, touched, strict=True) if not each.stored]
    old = [row for row, each in zip(rows, touched, strict=True) if each.stored]
    if new:
        connection.execute(insert(PreWarning), new)
    if old:
        table: Any = PreWarning.__table__
        names = ("first_at", "last_at", "count", "level", "grade", "case_id", "asked")
        statement = table.update().where(table.c.id == bindparam("key"))
        connection.execute(
            statement.values({name: bindparam(f"new_{name}") for name in names}),
            [{"key": row["id"]} | {f"new_{name}": row[name] for name in names} for row in old],
        )
    where = {alarm.alarm: warning for warning in touched for alarm in warning.alarms}
    ended = {alarm.alarm: alarm.at for alarm, _ in ends}
    if fresh:
        connection.execute(insert(CaseAlarm), [_row(a, where[a.alarm], ended.get(a.alarm), now) for a in fresh])
    known = [alarm for alarm, number in ends if number]
    if known:
        alarms: Any = CaseAlarm.__table__
        connection.execute(
            alarms.update().where(alarms.c.alarm == bindparam("key")).values(ended_at=bindparam("over")),
            [{"key": alarm.alarm, "over": alarm.at} for alarm in known],
        )


def _row(alarm: Alarm, warning: Warning, ended_at: int | None, now: int) -> dict[str, Any]:
    return {
        "alarm": alarm.alarm, "warning_id": warning.id, "case_id": warning.case_id, "vehicle_id": alarm.vehicle_id,
        "terminal_id": alarm.terminal_id, "type": alarm.type, "at": alarm.at, "received_at": alarm.received_at,
        "taken_at": now, "phase": alarm.phase, "ended_at": alarm.at if alarm.phase == 2 else ended_at,
        "level": alarm.level, "speed_dkmh": alarm.speed_dkmh, "lat_e6": alarm.lat_e6, "lon_e6": alarm.lon_e6,
        "files": alarm.files, "identification": alarm.identification.hex()[:80], "dialect": alarm.dialect[:10],
        "backfill": alarm.backfill,
    }  # fmt: skip


def _count(
    connection: Connection,
    touched: Sequence[Warning],
    opened: Sequence[openings.Opened],
    known: dict[int, Owners],
    now: int,
) -> None:
    """Add to the counts of the days: raw alarms, pre-warnings, those graded for the first time, cases by grade."""
    rows: dict[tuple[Any, ...], list[int]] = {}
    names = ("raw", "warnings", "alarms", "g1", "g2", "g3")

    def add(owner: Owners, vendor: int | None, day: int, kind: str, column: str, count: int = 1) -> None:
        key = (
            day, kind, owner.city or 0, owner.county or 0, owner.operator_id or 0, owner.monitor_id or 0,
            owner.insurer_id or 0, vendor or 0,
        )  # fmt: skip
        rows.setdefault(key, [0] * len(names))[names.index(column)] += count

    terminals = owners.devices(connection, {a.terminal_id for w in touched for a in w.alarms})
    for warning in touched:
        for alarm in warning.alarms:
            owner = owners.then(connection, known[alarm.vehicle_id], alarm.at, now)
            device = terminals.get(alarm.terminal_id)
            vendor = device.vendor_id if device is not None else None
            day = china_day(alarm.at)
            add(owner, vendor, day, alarm.type, "raw")
        if warning.alarms:
            day = china_day(warning.first_at)
            if not warning.stored:
                add(owner, vendor, day, warning.type, "warnings")
            if warning.grade and not warning.graded:
                add(owner, vendor, day, warning.type, "alarms")
    for case in opened:
        add(case.owner, case.vendor_id, china_day(case.started_at), case.type, f"g{case.grade}")
    if not rows:
        return
    key_names = ("day", "type", "city", "county", "operator_id", "monitor_id", "insurer_id", "vendor_id")
    make = _INSERTS[connection.dialect.name]
    statement = make(CaseDay)
    statement = statement.on_conflict_do_update(
        index_elements=list(key_names),
        set_={name: getattr(CaseDay, name) + getattr(statement.excluded, name) for name in names},
    )
    ordered = sorted(rows.items())
    connection.execute(
        statement, [dict(zip((*key_names, *names), (*key, *values), strict=True)) for key, values in ordered]
    )


def forget(engine: Engine, at_ms: int) -> int:
    """Remove alarms and pre-warnings that became no case and are older than KEEP_MS; how many alarms. A bounded number
    at a time, so that nobody waits long for the write lock."""
    before = at_ms - KEEP_MS
    with write(engine) as connection:
        alarms = select(CaseAlarm.alarm).where(CaseAlarm.case_id.is_(None), CaseAlarm.taken_at < before)
        gone = connection.execute(delete(CaseAlarm).where(CaseAlarm.alarm.in_(alarms.limit(FORGET_AT_ONCE)))).rowcount
        warnings = select(PreWarning.id).where(PreWarning.case_id.is_(None), PreWarning.created_at < before)
        connection.execute(delete(PreWarning).where(PreWarning.id.in_(warnings.limit(FORGET_AT_ONCE))))
    return gone


def _parts(keys: Sequence[int]) -> Iterable[Sequence[int]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
