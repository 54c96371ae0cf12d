"""Imports in the background: one after the other, each in a process of its own that tells how far it is.

A job's rows, errors and state are one transaction of that process: whatever is killed, and when, a job is either done
with all of its rows or it wrote nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import multiprocessing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from typing import Any

import structlog
from sqlalchemy import Engine

from luwei.registry import jobs
from luwei.registry.audit import Actor
from luwei.registry.engine import open_engine, write
from luwei.registry.errors import RegistryError
from luwei.registry.imports.report import Report
from luwei.registry.imports.run import import_file
from luwei.registry.job import CANCELLED, FAILED
from luwei.registry.scope import Scope

log = structlog.get_logger()

WAIT_AT_MOST = 8
"""Jobs that wait or run; each holds its file in memory (20 MiB at most)."""

Announce = Callable[[str, list[int]], Awaitable[None]]
"""Told (noun, ids) of what a job wrote."""


@dataclass(slots=True)
class Task:
    """A job that is not over: how far it is, and its process once it runs."""

    key: int
    stage: str = "waiting"
    rows: int = 0
    process: SpawnProcess | None = None
    cancelled: bool = False


@dataclass(slots=True)
class Background:
    """The imports of one core process."""

    engine: Engine
    announce: Announce
    tasks: dict[int, Task] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> None:
        """Whatever a former process left open is over."""
        left = await asyncio.to_thread(jobs.interrupt_open, self.engine)
        if left:
            log.warning("imports were interrupted by a restart; nothing of them was written", jobs=left)

    async def stop(self) -> None:
        """End what runs; its jobs stay open and are found interrupted at the next start."""
        for task in list(self.tasks.values()):
            _end(task.process)
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    @property
    def full(self) -> bool:
        """No further job is taken now."""
        return len(self.tasks) >= WAIT_AT_MOST

    async def submit(self, noun: str, name: str, content: bytes, dry_run: bool, actor: Actor, scope: Scope) -> int:
        """Begin a job; its id."""
        digest = hashlib.sha256(content).hexdigest()
        key = await asyncio.to_thread(jobs.begin, self.engine, noun, name, digest, dry_run, actor)
        task = self.tasks[key] = Task(key)
        url = self.engine.url.render_as_string(hide_password=False)
        order = (key, url, noun, name, content, dry_run, actor, scope)
        running = asyncio.create_task(self._run(task, order), name=f"import {key}")
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return key

    async def cancel(self, key: int) -> None:
        """End the job; nothing of it is written, unless it was done already."""
        if (task := self.tasks.get(key)) is not None:
            task.cancelled = True
            _end(task.process)

    async def _run(self, task: Task, order: tuple[Any, ...]) -> None:
        try:
            async with self._turn:
                if task.cancelled:
                    await asyncio.to_thread(jobs.end, self.engine, task.key, CANCELLED)
                    return
                await asyncio.to_thread(jobs.start, self.engine, task.key)
                report = await self._work(task, order)
            if report is not None:
                for noun, ids in report.changed.items():
                    if ids:
                        await self.announce(noun, ids)
        except Exception:
            log.exception("import failed", job=task.key)
            await asyncio.to_thread(jobs.failed, self.engine, task.key, "the import ended with an error of the system")
        finally:
            self.tasks.pop(task.key, None)

    async def _work(self, task: Task, order: tuple[Any, ...]) -> Report | None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = task.process = context.Process(target=_child, args=(there, *order), daemon=True)
        await asyncio.to_thread(process.start)
        there.close()
        if task.cancelled:
            _end(process)
        try:
            result = await asyncio.to_thread(_follow, here, task)
        finally:
            here.close()
            await asyncio.to_thread(process.join)
        match result:
            case Report():
                return result
            case str():
                await asyncio.to_thread(jobs.failed, self.engine, task.key, result)
            case _:
                # Killed before it said what became of it. What it committed stands as done and stays so.
                state = CANCELLED if task.cancelled else FAILED
                failure = "" if task.cancelled else "the process of the import was killed; nothing was written"
                await asyncio.to_thread(jobs.end, self.engine, task.key, state, failure)
        return None


def _end(process: SpawnProcess | None) -> None:
    if process is not None:
        with contextlib.suppress(ValueError, AttributeError):
            process.terminate()


def _follow(pipe: Pipe, task: Task) -> Report | str | None:
    """Read what the process tells until it says its result or is gone; blocks."""
    while True:
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(told, tuple):
            task.stage, task.rows = told
        else:
            result: Report | str = told
            return result


def _child(
    pipe: Pipe, key: int, url: str, noun: str, name: str, content: bytes, dry_run: bool, actor: Actor, scope: Scope
) -> None:
    engine = open_engine(url)
    try:
        report = import_file(
            engine,
            noun,
            name,
            content,
            dry_run,
            actor,
            scope,
            progress=lambda stage, rows: pipe.send((stage, rows)),
            finish=lambda connection, report: jobs.finish(connection, key, report),
            errors_at_most=jobs.MAX_ERRORS,
        )
        if dry_run:
            with write(engine) as connection:
                jobs.finish(connection, key, report)
        pipe.send(Report(report.rows, report.created, report.updated, report.refused, [], report.changed))
    except RegistryError as error:
        pipe.send(f"{error.field}: {error.rule} ({error.value})" if error.value else f"{error.field}: {error.rule}")
    finally:
        engine.dispose()
        pipe.close()
