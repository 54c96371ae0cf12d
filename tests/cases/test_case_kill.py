"""A core that is killed while it takes alarms from a real bus: no case is lost, none is there twice."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from case_world import SECOND, T0, World, build
from sqlalchemy import Engine, func, select, text

from luwei import facts
from luwei.bus import Bus, EmbeddedServer, alarm_stream
from luwei.cases.engine import alarms_of
from luwei.facts import BatchId
from luwei.registry.case import CaseAlarm
from luwei.registry.engine import open_engine, read
from ports import free_port
from postgres import SqliteDatabase

PROCESS = Path(__file__).with_name("case_process.py")
BATCHES, ROWS, KILLS = 24, 25, 1
KINDS = ("6502", "6401", "808:01", "6503", "6501", "6510")


def batch(chance: random.Random, number: int) -> Any:
    rows = []
    for n in range(ROWS):
        key = number * ROWS + n + 1
        at = T0 + number * 20 * SECOND + chance.randrange(20 * SECOND)
        blank: dict[str, Any] = dict.fromkeys(facts.ALARM_EVENT.names, 0)
        rows.append(
            blank
            | {
                # now and then a terminal says the same once more
                "alarm": key - 1 if key > 1 and chance.random() < 0.1 else key, "vehicle_id": 1 + key % 2,
                "terminal_id": 1, "at": at, "started_at": at, "received_at": at + 500, "type": chance.choice(KINDS),
                "level": chance.randrange(3), "source": "dsm", "dialect": "subiao", "identification": b"",
                "item": b"", "backfill": False, "speed_dkmh": chance.randrange(1500),
            }
        )  # fmt: skip
    return facts.rows_to_batch(facts.ALARM, rows)


def what_is_there(engine: Engine) -> list[Any]:
    """Everything that must be the same, whatever died when."""
    questions = (
        "SELECT number, grade, first_grade, type, vehicle_id, count, warnings, level, started_at, last_at"
        " FROM alarm_case ORDER BY id",
        "SELECT alarm, warning_id, case_id FROM case_alarm ORDER BY alarm",
        "SELECT type, raw, warnings, alarms, g1, g2, g3 FROM case_day ORDER BY day, type, city",
        "SELECT case_id, act FROM case_step ORDER BY id",
    )
    with read(engine) as connection:
        return [list(connection.execute(text(each))) for each in questions]


async def until(condition: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        if await asyncio.to_thread(condition):
            return
        assert time.monotonic() < deadline, (folder / "process.log").read_text()[-2000:]
        await asyncio.sleep(0.005)


async def test_killed_at_any_moment_every_alarm_counts_once(tmp_path: Path, templates: dict[str, str]) -> None:
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("killed", "whole")]
    for url in urls:
        SqliteDatabase(templates["sqlite"], url).copy()
    killed, whole = (open_engine(url) for url in urls)
    build(killed)
    steady: World = build(whole)
    chance = random.Random(17)
    batches = [batch(chance, number) for number in range(BATCHES)]
    with EmbeddedServer(tmp_path / "bus", free_port()) as server:
        bus = await Bus.connect(server.url, "gateway")
        stream = bus.jetstream()
        await bus.ensure_stream()
        await alarm_stream.ensure(stream)

        def start() -> subprocess.Popen[bytes]:
            log = (tmp_path / "process.log").open("ab")
            return subprocess.Popen([sys.executable, PROCESS, server.url, urls[0], str(os.getpid())], stderr=log)

        def taken() -> int:
            with read(killed) as connection:
                return connection.execute(select(func.count()).select_from(CaseAlarm)).scalar_one()

        process = start()
        try:
            for number, rows in enumerate(batches):
                await stream.publish(
                    f"{facts.ALARM}.0", facts.pack(rows), headers={"Nats-Msg-Id": BatchId(1, number).text}
                )
                if (number + 1) % (BATCHES // (KILLS + 1)) == 0 and number + 1 < BATCHES:
                    before = await asyncio.to_thread(taken)
                    await until(lambda before=before: taken() > before, tmp_path)
                    process.kill()
                    process.wait()
                    process = start()
            wanted = len({key for rows in batches for key in rows.column("alarm").to_pylist()})
            await until(lambda: taken() >= wanted, tmp_path)
        finally:
            process.terminate()
            process.wait(20)
            await bus.close()
    for rows in batches:
        # as the engine does it, at the time that it saw: only what depends on the present differs
        steady.take(*alarms_of(rows))
    one, other = what_is_there(killed), what_is_there(whole)
    assert [row[1:] for row in one[0]] == [row[1:] for row in other[0]]
    assert one[1:3] == other[1:3]
    assert [row for row in one[3] if row[1] in ("opened", "merged", "raised")] == [
        row for row in other[3] if row[1] in ("opened", "merged", "raised")
    ]
    assert len({row[0] for row in one[0]}) == len(one[0]) > 5
    killed.dispose()
    whole.dispose()
