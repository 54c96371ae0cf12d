"""One child process: started, watched, restarted whenever it ends or stops answering, stopped when asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge

from luwei.bus.lifeline import PARENT, launcher
from luwei.supervisor import log_files

BACKOFF_S = (0.2, 5.0)
"""Pause before the first restart and the longest; doubled each time."""
LIVED_S = 30.0
"""A child that lived so long begins again with the shortest pause."""
CHECK_S = 2.0
DEAF_S = 60.0
"""A child that was ready and then answers no health request for so long is killed and started again."""
STOP_S = 10.0
READY_CHECK_S = 0.05

_up = Gauge("luwei_child_up", "1 while the child runs and answers", ["child"])
_restarts = Counter("luwei_child_restarts_total", "Starts after the first", ["child"])

Probe = Callable[[], bool]
"""Whether the child answers; may block for at most about a second; runs in a thread."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run. Children stop in the reverse order of ``rank``, those of one rank together."""

    name: str
    command: Callable[[], list[str]]
    """Called before each start, so that it can write a configuration. Raises OSError or RuntimeError."""
    rank: int
    probe: Probe
    """Ready as soon as it is true."""
    ready_s: float = 60.0
    """How long the next rank waits for this child at the start."""
    environment: dict[str, str] = field(default_factory=dict)


class Keeper:
    """Keeps one child alive. Use it from the thread that lives as long as the children may: they die with it."""

    def __init__(self, child: Child, logs: Path, say: Callable[[str], None]) -> None:
        self.child = child
        self.log_path = logs / f"{child.name}.log"
        self.ready = asyncio.Event()
        self.restarts = 0
        self.started_ms = 0
        self.last_exit = ""
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def state(self) -> dict[str, Any]:
        """For /health; times in UTC milliseconds."""
        return {
            "name": self.child.name,
            "pid": self.pid,
            "ready": self.ready.is_set(),
            "restarts": self.restarts,
            "started_at": self.started_ms,
            "last_exit": self.last_exit,
        }

    def start(self) -> None:
        """Begin to keep the child alive."""
        log_files.rotate(self.log_path)
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.child.name}")

    async def _keep(self) -> None:
        pause = BACKOFF_S[0]
        while not self._stopping:
            began = time.monotonic()
            try:
                reason = await self._live()
            except (OSError, RuntimeError) as error:
                reason = str(error)
            self.ready.clear()
            _up.labels(self.child.name).set(0)
            if self._stopping:
                return
            lived = time.monotonic() - began
            if lived >= LIVED_S:
                pause = BACKOFF_S[0]
            self.last_exit = reason
            hint = log_files.last_line(self.log_path) if lived < LIVED_S else ""
            self._say(f"{self.child.name} ended ({reason}); starts again in {pause:g} s{': ' + hint if hint else ''}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_S[1])
            self.restarts += 1
            _restarts.labels(self.child.name).inc()

    async def _live(self) -> str:
        """Run the child once until it ends; returns how it ended. Raises OSError, RuntimeError."""
        command = launcher(os.getpid(), self.child.command())
        environment = os.environ | self.child.environment | {PARENT: str(os.getpid())}
        with log_files.append(self.log_path) as output:
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops them in order.
            self._process = process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self.started_ms = int(time.time() * 1000)
        watch = asyncio.create_task(self._watch(process))
        try:
            code = await process.wait()
        finally:
            watch.cancel()
        return f"status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Note when the child first answers; kill it when it was ready and has been deaf for ``DEAF_S``."""
        heard = time.monotonic()
        while True:
            if await asyncio.to_thread(self.child.probe):
                heard = time.monotonic()
                self.ready.set()
                _up.labels(self.child.name).set(1)
            elif self.ready.is_set() and time.monotonic() - heard > DEAF_S:
                self._say(f"{self.child.name} has not answered for {DEAF_S:g} s and is killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                return
            log_files.bound(self.log_path)
            await asyncio.sleep(CHECK_S if self.ready.is_set() else READY_CHECK_S)

    async def stop(self, now: asyncio.Event) -> None:
        """End the child in order (SIGTERM), by force after ``STOP_S`` or as soon as ``now`` is set."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            ended, hurry = asyncio.create_task(process.wait()), asyncio.create_task(now.wait())
            await asyncio.wait((ended, hurry), timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self._say(f"{self.child.name} did not stop in time and is killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            ended.cancel()
            hurry.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
