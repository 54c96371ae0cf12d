"""0x9101 and 0x9102 by way of the command engine: what is sent stands in the journal with who and why, and the answer
is waited for here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Engine, select

from luwei.commands.engine import CommandEngine
from luwei.commands.journal import Target
from luwei.registry.audit import Actor
from luwei.registry.command import ANSWERED, QUEUED, SENT, Command
from luwei.registry.engine import read

log = structlog.get_logger()

LOOK_S = 0.3
"""How often the journal is read while something is under way: it tells when a command left, which ends nothing."""
BATCHES_AT_ONCE = 500


@dataclass(slots=True, eq=False)
class Sending:
    """One command under way. ``sent_at`` and ``ended_at`` in UTC ms, 0 for not yet."""

    batch: int
    sent_at: int = 0
    ended_at: int = 0
    ok: bool = False
    result: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever one of them changes; the waiter clears it."""


class Commanding:
    """All commands of the video desk that wait for their answers."""

    def __init__(self, engine: Engine, commands: CommandEngine) -> None:
        self._engine = engine
        self._commands = commands
        self._open: dict[int, Sending] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen for answers."""
        self._commands.news.append(self._news)
        self._task = asyncio.create_task(self._run(), name="video commands")

    async def stop(self) -> None:
        """Listen no more."""
        self._commands.news.remove(self._news)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def send(
        self,
        kind: str,
        values: Mapping[str, Any],
        vehicle_id: int,
        phone: str,
        actor: Actor,
        reason: str,
        wake: asyncio.Event | None = None,
    ) -> Sending:
        """Send to one terminal, if it is there now. Raises ProtocolError and what the registry raises."""
        batch = await self._commands.submit(kind, values, reason[:500], [Target(vehicle_id, phone)], 0, 0, actor)
        sending = self._open[batch] = Sending(batch)
        if wake is not None:
            sending.wake = wake
        self._news.set()
        return sending

    def forget(self, sending: Sending) -> None:
        """Nobody waits for this one any more."""
        self._open.pop(sending.batch, None)

    async def ended(self, sending: Sending, timeout_s: float) -> bool:
        """Wait for the answer; whether it came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not sending.ended_at:
                    sending.wake.clear()
                    await sending.wake.wait()
        return bool(sending.ended_at)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self._open else 60.0):
                    await self._news.wait()
            self._news.clear()
            if not self._open:
                continue
            try:
                rows = await asyncio.to_thread(self._read, list(self._open))
            except Exception as error:
                # answers stand in the journal: the next look finds them
                log.warning("journal of commands cannot be read", error=f"{type(error).__name__}: {error}"[:300])
                await asyncio.sleep(LOOK_S)
                continue
            for batch, state, result, sent_at, ended_at in rows:
                self._take(batch, state, result, sent_at or 0, ended_at or 0)

    def _read(self, batches: list[int]) -> list[Any]:
        columns = Command.batch_id, Command.state, Command.result, Command.sent_at, Command.ended_at
        rows: list[Any] = []
        with read(self._engine) as connection:
            for start in range(0, len(batches), BATCHES_AT_ONCE):
                some = Command.batch_id.in_(batches[start : start + BATCHES_AT_ONCE])
                rows += connection.execute(select(*columns).where(some)).all()
        return rows

    def _take(self, batch: int, state: str, result: str, sent_at: int, ended_at: int) -> None:
        sending = self._open.get(batch)
        if sending is None or (sending.sent_at, sending.ended_at) == (sent_at, ended_at):
            return
        sending.sent_at = sent_at
        if state not in (QUEUED, SENT):
            sending.ended_at = ended_at
            sending.ok, sending.result = state == ANSWERED, result
            self.forget(sending)
        sending.wake.set()
