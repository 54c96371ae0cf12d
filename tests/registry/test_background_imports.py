"""Imports in the background that are cancelled, killed or left by a restart: done with all rows, or nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from luwei.registry import jobs
from luwei.registry.audit import Actor
from luwei.registry.engine import migrate, open_engine, read
from luwei.registry.imports.background import Background
from luwei.registry.scope import WHOLE

OFFICER = Actor(7, "officer")
ROWS = ("车牌号,车牌颜色\n" + "".join(f"粤B{i:05d},黄\n" for i in range(60_000))).encode()
"""Enough that the import still runs when its first progress is heard."""


async def announce(_noun: str, _ids: list[int]) -> None:
    """Nobody listens."""


@pytest.fixture
def registry(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'r.db'}")
    migrate(engine)
    return engine


def vehicles_in(engine: Engine) -> int:
    with read(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM vehicle")).scalar_one())


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again; the caller sets the deadline."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def begun(background: Background, key: int) -> None:
    """The job's process works on its rows."""
    await until(lambda: background.tasks[key].rows > 0)


async def ended(background: Background, key: int) -> jobs.JobView:
    await until(lambda: key not in background.tasks)
    return await asyncio.to_thread(jobs.one, background.engine, key, 7)


async def test_a_cancelled_a_killed_and_a_waiting_import_write_nothing(registry: Engine) -> None:
    background = Background(registry, announce)
    async with asyncio.timeout(60):
        first = await background.submit("vehicles", "a.csv", ROWS, False, OFFICER, WHOLE)
        waiting = await background.submit("vehicles", "a.csv", ROWS, False, OFFICER, WHOLE)
        await begun(background, first)
        await background.cancel(waiting)
        await background.cancel(first)
        assert (await ended(background, first)).state == "cancelled"
        assert (await ended(background, waiting)).state == "cancelled"
        killed = await background.submit("vehicles", "a.csv", ROWS, False, OFFICER, WHOLE)
        await begun(background, killed)
        process = background.tasks[killed].process
        assert process is not None and process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        view = await ended(background, killed)
        assert view.state == "failed" and "nothing was written" in view.failure
    assert vehicles_in(registry) == 0


async def test_a_restart_finds_the_import_it_left_interrupted(registry: Engine) -> None:
    background = Background(registry, announce)
    async with asyncio.timeout(60):
        key = await background.submit("vehicles", "a.csv", ROWS, False, OFFICER, WHOLE)
        await begun(background, key)
        process = background.tasks[key].process
        assert process is not None
        await background.stop()
        await asyncio.to_thread(process.join)
        again = Background(registry, announce)
        await again.start()
    assert jobs.one(registry, key, 7).state == "interrupted" and vehicles_in(registry) == 0


async def test_what_is_done_is_done_with_its_rows_and_stays_so(registry: Engine) -> None:
    background = Background(registry, announce)
    async with asyncio.timeout(60):
        content = "车牌号,车牌颜色\n粤B12345,黄\n粤B1,黄\n".encode()
        dry = await background.submit("vehicles", "a.csv", content, True, OFFICER, WHOLE)
        view = await ended(background, dry)
        assert (view.state, view.created, view.refused, vehicles_in(registry)) == ("done", 1, 1, 0)
        key = await background.submit("vehicles", "a.csv", content, False, OFFICER, WHOLE)
        view = await ended(background, key)
    assert (view.state, view.rows, view.created, view.refused) == ("done", 2, 1, 1)
    assert vehicles_in(registry) == 1 and jobs.errors(registry, key, 7).items[0].row == 3
    jobs.end(registry, key, "cancelled")
    assert jobs.interrupt_open(registry) == 0 and jobs.one(registry, key, 7).state == "done"
