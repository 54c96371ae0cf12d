"""What if 试算: a draft policy run over the alarms of past days, beside the versions that were in force then.

Both runs use the very merging and grading that the engine uses (``luwei.cases.merge``). When people would have judged a
case is not known, so both let a pre-warning join the case before it for as long as the policy allows; the two figures
are comparable with each other, and a little below those of a desk that judges fast.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, func, insert, select, update

from luwei.cases import policies
from luwei.cases.merge import Alarm, Runs, Warning
from luwei.cases.numbers import DAY_MS, china_day
from luwei.cases.policies import PolicyBook
from luwei.cases.policy import Policy, parse
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case_work import CaseWhatIf
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.vehicle import Vehicle

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
DAYS_MOST = 31
WAITING_MOST = 5
"""Runs of one person that are not done."""
SLICE_MS = 3_600_000
BREATH_ROWS, BREATH_S = 2_000, 0.004
"""The core has other work: after so many alarms the run rests for a moment."""
CHINA_MS = 8 * 3_600_000

Ask = Callable[..., pa.Table]
"""(query, parameters) → rows of the history."""


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """A run as lists show it; ``done`` is a share; ``result`` null until it is there."""

    id: int
    state: str
    done: float
    from_day: int
    to_day: int
    failure: str
    created_at: int
    ended_at: int | None
    result: dict[str, Any] | None


@dataclass(slots=True)
class Tally:
    """What one policy makes of the alarms."""

    raw: int = 0
    warnings: int = 0
    alarms: int = 0
    cases: Counter[int] = field(default_factory=Counter)
    """By the highest grade that they reached."""
    types: dict[str, Counter[str]] = field(default_factory=dict)
    _runs: Runs = field(default_factory=Runs)
    _open: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    """Grade and last time of the newest case of a truck and type."""

    def take(self, alarm: Alarm, policy: Policy, limit_kmh: int) -> None:
        """One alarm, in the order of time."""
        self.raw += 1
        of = self.types.setdefault(alarm.type, Counter())
        of["raw"] += 1
        warning = self._runs.take(alarm, policy, limit_kmh)
        if warning.count == 1:
            self.warnings += 1
            of["warnings"] += 1
        if warning.grade:
            if not warning.graded:
                warning.graded = True
                self.alarms += 1
                of["alarms"] += 1
            self._case(warning, policy, of)
        warning.alarms.clear()

    def end(self, vehicle: int, kind: str, started_at: int, at: int, window_ms: int) -> bool:
        """The end of a lasting alarm; whether its start was seen."""
        return self._runs.stretch(vehicle, kind, started_at, at, window_ms)

    def _case(self, warning: Warning, policy: Policy, of: Counter[str]) -> None:
        key = (warning.vehicle_id, warning.type)
        grade, last_at = self._open.get(key, (0, 0))
        joins = grade and warning.first_at - last_at <= policy.join_open_s * 1000
        reached = max(grade, warning.grade) if joins else warning.grade
        if not joins or reached > grade:
            if joins:
                self.cases[grade] -= 1
                of[f"g{grade}"] -= 1
            self.cases[reached] += 1
            of[f"g{reached}"] += 1
        self._open[key] = (reached, warning.last_at)

    def forget(self, before_at: int) -> None:
        """What ended before can be joined and followed by nothing any more."""
        self._runs.forget(before_at)
        self._open = {key: value for key, value in self._open.items() if value[1] >= before_at}

    def result(self) -> dict[str, Any]:
        """As JSON gives it."""
        names = ("raw", "warnings", "alarms", "g1", "g2", "g3")
        return {
            "raw": self.raw,
            "warnings": self.warnings,
            "alarms": self.alarms,
            "cases": {f"g{grade}": self.cases[grade] for grade in (1, 2, 3)},
            "by_type": [
                {"type": kind, **{name: of[name] for name in names}} for kind, of in sorted(self.types.items())
            ],
        }


def enter(engine: Engine, document: Mapping[str, Any], from_day: int, to_day: int, actor: Actor) -> int:
    """A new run that waits for its turn; its number. Raises RegistryError."""
    policies.check(document)
    if not 0 <= from_day <= to_day:
        raise RegistryError("to_day", "must not be before from_day", to_day)
    if to_day - from_day >= DAYS_MOST:
        raise RegistryError("to_day", f"at most {DAYS_MOST} days", to_day)
    if to_day > china_day(now_ms()):
        raise RegistryError("to_day", "must not be in the future", to_day)
    with write(engine) as connection:
        mine = (CaseWhatIf.user_id == actor.user_id, CaseWhatIf.state.in_((WAITING, RUNNING)))
        if connection.execute(select(func.count()).select_from(CaseWhatIf).where(*mine)).scalar_one() >= WAITING_MOST:
            raise RegistryError("policy", f"{WAITING_MOST} runs of yours are not done yet")
        values = {
            "user_id": actor.user_id, "document": json.dumps(document, ensure_ascii=False), "from_day": from_day,
            "to_day": to_day, "state": WAITING,
        }  # fmt: skip
        key: int = connection.execute(insert(CaseWhatIf).values(**values).returning(CaseWhatIf.id)).scalar_one()
        record(connection, actor, "case_policy.try", key, {"from_day": from_day, "to_day": to_day})
    return key


def views(engine: Engine, user_id: int, key: int | None = None) -> list[WhatIfView]:
    """Runs of a person, the newest first; of one ``key``. Raises NotFound where the person has none of that number."""
    statement = select(*CaseWhatIf.__table__.columns).where(CaseWhatIf.user_id == user_id)
    if key is not None:
        statement = statement.where(CaseWhatIf.id == key)
    with read(engine) as connection:
        rows = connection.execute(statement.order_by(CaseWhatIf.id.desc()).limit(50)).all()
    if key is not None and not rows:
        raise NotFound("id", "there is no such run", key)
    return [
        WhatIfView(
            row.id, row.state, row.done / 1000, row.from_day, row.to_day, row.failure, row.created_at, row.ended_at,
            json.loads(row.result) if row.result else None,
        )
        for row in rows
    ]  # fmt: skip


def cancel(engine: Engine, user_id: int, key: int) -> None:
    """Stop a run that is not done. Raises NotFound."""
    views(engine, user_id, key)
    with write(engine) as connection:
        _end(connection, key, CANCELLED)


def waiting(engine: Engine) -> int | None:
    """The run whose turn it is; one that a former process began begins anew."""
    statement = select(CaseWhatIf.id).where(CaseWhatIf.state.in_((WAITING, RUNNING))).order_by(CaseWhatIf.id)
    with read(engine) as connection:
        return connection.scalar(statement.limit(1))


def run(engine: Engine, key: int, ask: Ask) -> None:
    """Do one run to its end, its failure or its cancellation. Raises nothing but what the registry raises."""
    with write(engine) as connection:
        row = connection.execute(select(*CaseWhatIf.__table__.columns).where(CaseWhatIf.id == key)).one()
        if row.state not in (WAITING, RUNNING):
            return
        connection.execute(update(CaseWhatIf).where(CaseWhatIf.id == key).values(state=RUNNING, done=0))
        book = policies.book(connection)
        classes = {row[0]: row[1] for row in connection.execute(select(Vehicle.id, Vehicle.vehicle_class))}
    draft = parse(json.loads(row.document))
    try:
        result = compare(engine, key, book, draft, classes, row.from_day, row.to_day, ask)
    except (RegistryError, ValueError, RuntimeError) as error:
        with write(engine) as connection:
            _end(connection, key, FAILED, failure=str(error)[:300])
        return
    if result is not None:
        with write(engine) as connection:
            _end(connection, key, DONE, done=1000, result=json.dumps(result, ensure_ascii=False))


def _end(connection: Any, key: int, state: str, **values: Any) -> None:
    statement = update(CaseWhatIf).where(CaseWhatIf.id == key, CaseWhatIf.state.in_((WAITING, RUNNING)))
    connection.execute(statement.values(state=state, ended_at=now_ms(), **values))


def compare(
    engine: Engine,
    key: int,
    book: PolicyBook,
    draft: Policy,
    classes: Mapping[int, str],
    from_day: int,
    to_day: int,
    ask: Ask,
) -> dict[str, Any] | None:
    """Both results; None where the run was cancelled meanwhile."""
    start, end = from_day * DAY_MS - CHINA_MS, (to_day + 1) * DAY_MS - CHINA_MS
    forced, drafted = Tally(), Tally()
    back = 1000 * max(
        max([p.window_s, p.join_open_s, *(r.within_s for r in p.repeat)]) for p in (*book.policies, draft)
    )  # fmt: skip
    at = start
    while at < end:
        until = min(at + SLICE_MS, end)
        rows = ask("alarm_replay", start=at, end=until)
        _slice(rows, book, draft, forced, drafted, classes)
        forced.forget(until - back)
        drafted.forget(until - back)
        at = until
        if not _go_on(engine, key, (at - start) / (end - start)):
            return None
    return {"in_force": forced.result(), "draft": drafted.result()}


def _go_on(engine: Engine, key: int, share: float) -> bool:
    statement = update(CaseWhatIf).where(CaseWhatIf.id == key, CaseWhatIf.state == RUNNING)
    with write(engine) as connection:
        return bool(connection.execute(statement.values(done=int(share * 1000))).rowcount)


def _slice(
    rows: pa.Table, book: PolicyBook, draft: Policy, forced: Tally, drafted: Tally, classes: Mapping[int, str]
) -> None:
    columns = [_numbers(rows, name) for name in ("vehicle_id", "at", "started_at", "phase", "level", "speed_dkmh")]
    words = [rows.column(name).to_pylist() for name in ("type", "dialect")]
    pairs = zip(*columns, *words, strict=True)
    for count, (vehicle, at, started_at, phase, level, speed, kind, dialect) in enumerate(pairs, 1):
        known = classes.get(vehicle, "other")
        alarm = Alarm(0, phase, vehicle, 0, at, at, kind, level, dialect, speed)
        for tally, policy in ((forced, book.at(at)), (drafted, draft)):
            window_ms = policy.window_s * 1000
            if phase == 2 and started_at < at and tally.end(vehicle, kind, started_at, at, window_ms):
                continue
            tally.take(alarm, policy, policy.limit_of(known))
        if count % BREATH_ROWS == 0:
            time.sleep(BREATH_S)


def _numbers(rows: pa.Table, name: str) -> list[int]:
    column = rows.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    found: list[int] = column.to_pylist()
    return found
