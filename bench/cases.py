"""How cases hold up at province scale: the queue of a million cases, the intake of alarms, on SQLite and PostgreSQL.

    ./dev bench cases --cases 1000000 --alarms 20000

Fills a registry of its own, asks every list several times with whole and narrow scopes (the slowest asking counts),
then takes alarms in batches of a thousand, as the core does, and says how many a second.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.registry import fill, postgres, slowest
from sqlalchemy import Engine, insert, text

from luwei.cases import intake, policies, reading
from luwei.cases.merge import Alarm
from luwei.cases.reading import CaseFilter
from luwei.registry.base import now_ms
from luwei.registry.case import CLAIMED, CLOSED, HANDLED, OPEN, STAGE_OF, AlarmCase
from luwei.registry.engine import migrate, open_engine, read, write
from luwei.registry.scope import WHOLE, Scope

VEHICLES = 50_000
CHUNK = 10_000
PAGE_MS, COUNT_MS = 200, 200
STATES = ((OPEN, 30), (CLAIMED, 10), (HANDLED, 10), (CLOSED, 950))
"""Of a thousand cases: 5 % are open work."""
TYPES = ("6502", "6503", "6504", "808:01", "6501", "808:02", "650C", "1078:02", "6405", "808:29")
Question = tuple[str, float, Callable[[], Any]]


def fill_cases(engine: Engine, count: int) -> None:
    """``count`` cases of the last year over all trucks, the light ones most frequent."""
    chance = random.Random(11)
    with read(engine) as connection:
        trucks = connection.execute(text("SELECT id, plate, city, county, operator_id FROM vehicle ORDER BY id")).all()
    now = now_ms()
    blank = {column.name: None for column in AlarmCase.__table__.columns} | {
        "version": 1, "repeated": False, "policy": 1, "dialect": "", "fault": False, "phone": "1", "speed_dkmh": 800,
        "count": 1, "warnings": 1, "level": 1, "escalation": 0, "snoozes": 0, "evidence_state": "complete",
        "evidence_files": 5, "evidence_complete": 5, "reminder": "delivered", "check_result": "corrected",
        "verdict": "", "reason": "", "actions": "", "driver_reply": "", "correction": "", "text": "",
        "evidence_audited": False, "returns": 0, "appeal": "", "plate_color": 2, "updated_at": now,
    }  # fmt: skip
    table: Any = AlarmCase.__table__
    with write(engine) as connection:
        for index in table.indexes:
            index.drop(connection)
    states = chance.choices([state for state, _ in STATES], [share for _, share in STATES], k=count)
    for start in range(0, count, CHUNK):
        rows = []
        for number in range(start, min(start + CHUNK, count)):
            truck, state = trucks[chance.randrange(len(trucks))], states[number]
            at = now - chance.randrange(3_600_000) if state != CLOSED else now - chance.randrange(365 * 86_400_000)
            grade = chance.choices((1, 2, 3), (80, 18, 2))[0]
            due = at + (1_800_000, 600_000, 180_000)[grade - 1]
            rows.append(
                blank
                | {
                    "id": number + 1, "number": f"N{number}", "state": state, "stage": STAGE_OF[state], "grade": grade,
                    "first_grade": grade, "type": TYPES[min(int(chance.expovariate(0.6)), 9)], "vehicle_id": truck.id,
                    "plate": truck.plate, "city": truck.city, "county": truck.county, "operator_id": truck.operator_id,
                    "started_at": at, "last_at": at, "opened_at": at, "first_action_due_at": due,
                    "close_due_at": at + 14_400_000, "due_at": due if state != CLOSED else None,
                    "sort_at": due if state != CLOSED else -due, "overdue": int(state != CLOSED and due < now),
                    "closed_at": due if state == CLOSED else None,
                }
            )  # fmt: skip
        with write(engine) as connection:
            connection.execute(insert(AlarmCase), rows)
    with write(engine) as connection:
        for index in table.indexes:
            index.create(connection)
    if engine.dialect.name == "postgresql":
        # PostgreSQL does it by itself before long; nobody does it for SQLite
        with engine.begin() as connection:
            connection.execute(text("SELECT setval(pg_get_serial_sequence('alarm_case', 'id'), :n)"), {"n": count})
            connection.execute(text("ANALYZE"))


def questions(engine: Engine) -> Iterator[Question]:
    """Lists as people ask for them."""
    with read(engine) as connection:
        operator = connection.scalar(text("SELECT operator_id FROM alarm_case WHERE operator_id IS NOT NULL LIMIT 1"))
        plate = connection.scalar(text("SELECT plate FROM alarm_case WHERE stage = 0 LIMIT 1"))
        truck = connection.scalar(text("SELECT vehicle_id FROM alarm_case LIMIT 1"))
    scopes = {
        "province": WHOLE,
        "city": Scope(cities=frozenset({440300})),
        "county": Scope(counties=frozenset({440111})),
        "operator": Scope(operators=frozenset({operator})),
    }
    chosen = {
        "to do": CaseFilter(),
        "to do, G3": CaseFilter(grade=3),
        "to do, phone": CaseFilter(type="6502"),
        "to verify": CaseFilter(stage="verify"),
        "closed": CaseFilter(stage="done"),
        "closed, G3": CaseFilter(stage="done", grade=3),
        "closed, rare type": CaseFilter(stage="done", type="808:29"),
        "closed, one truck": CaseFilter(stage="done", vehicle=truck),
    }
    for name, scope in scopes.items():
        for what, filter_ in chosen.items():
            yield f"{what}, {name}", PAGE_MS, _page(engine, scope, filter_)
        yield f"counts, {name}", COUNT_MS, _summary(engine, scope)
    yield "by plate", PAGE_MS, _page(engine, WHOLE, CaseFilter(q=str(plate)[2:]))
    cursor = ""
    for _ in range(50):
        cursor = reading.page(engine, WHOLE, CaseFilter(stage="done"), 200, cursor).next or ""
    yield "closed, page 51 of 200", PAGE_MS, _page(engine, WHOLE, CaseFilter(stage="done"), cursor)


def _page(engine: Engine, scope: Scope, chosen: CaseFilter, after: str = "") -> Callable[[], Any]:
    return lambda: reading.page(engine, scope, chosen, 50, after)


def _summary(engine: Engine, scope: Scope) -> Callable[[], Any]:
    return lambda: reading.summary(engine, scope, CaseFilter(me=1))


def take(engine: Engine, count: int) -> float:
    """Alarms a second, three of ten of which become cases or join one."""
    chance = random.Random(5)
    policies.ensure(engine)
    now = now_ms()
    kinds = ("6401", "6403", "6402", "6404", "6701", "6702", "6407", "6502", "6503", "808:01")
    alarms = [
        Alarm(
            n + 1, 0, 1 + chance.randrange(VEHICLES), 1 + n % VEHICLES, now + n, now + n, chance.choice(kinds),
            chance.randrange(1, 3), "subiao", 700, 23_000_000, 113_000_000,
        )
        for n in range(count)
    ]  # fmt: skip
    began = time.perf_counter()
    for start in range(0, count, 1_000):
        intake.take(engine, alarms[start : start + 1_000], now + start)
    return count / (time.perf_counter() - began)


def measure(engine: Engine, cases: int, alarms: int) -> None:
    """Fill, ask, take; print one table."""
    migrate(engine)
    began = time.perf_counter()
    fill(engine, VEHICLES)
    fill_cases(engine, cases)
    print(f"\n{engine.dialect.name}: {cases} cases of {VEHICLES} trucks filled in {time.perf_counter() - began:.0f} s")
    for name, bound, ask in questions(engine):
        took = slowest(ask)
        print(f"  {name:32} {took:8.1f} ms {'' if took <= bound else f'> {bound:.0f}'}", flush=True)
    print(f"  {'alarms taken':32} {take(engine, alarms):8.0f} a second", flush=True)


def main(arguments: list[str]) -> None:
    """Entry of ``./dev bench cases``."""
    parser = argparse.ArgumentParser(prog="bench cases", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--alarms", type=int, default=20_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args(arguments)
    if chosen.engine != "postgresql":
        with tempfile.TemporaryDirectory(prefix="luwei-bench-") as folder:
            engine = open_engine(f"sqlite:///{folder}/registry.db")
            measure(engine, chosen.cases, chosen.alarms)
            engine.dispose()
    if chosen.engine != "sqlite":
        with postgres() as url:
            engine = open_engine(url)
            measure(engine, chosen.cases, chosen.alarms)
            engine.dispose()
