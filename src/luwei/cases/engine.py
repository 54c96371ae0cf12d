"""The case engine in the core: takes alarms from the bus, keeps the clocks, gives reminders, follows up.

The registry is the truth. Alarms are confirmed to the bus after their transaction; timers, commands and what they do
are one transaction each; so a core that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import structlog
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.alarms.reader import AlarmReader
from luwei.cases import following, hand_overs, intake, policies, recordings, reminders, timers, what_if
from luwei.cases.counting import Counts
from luwei.cases.merge import Alarm
from luwei.cases.news import News
from luwei.cases.policy import Policy
from luwei.cases.reminders import Sender
from luwei.cases.timers import Parked, See
from luwei.protocol.errors import ProtocolError
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError

log = structlog.get_logger()

TURN_S = 0.5
FOLLOW_S = 2.0
KEEP_S = 30.0
FORGET_S = 600.0
AWAY_S = 2.0
AT_ONCE = 1_000
"""Alarms of one transaction."""

_alarms = Counter("luwei_cases_alarms_total", "Alarms taken", ["what"])
_opened = Counter("luwei_cases_opened_total", "Cases opened")
_timers = Counter("luwei_cases_timers_total", "Clocks that struck")
_reminded = Counter("luwei_cases_reminders_total", "Spoken reminders given by policy")
_take_s = Histogram("luwei_cases_take_seconds", "Time to take one batch of alarms")
_delay = Gauge("luwei_cases_delay_ms", "From the receipt of the newest alarm to its case")


class CaseEngine:
    """Owner of all cases of the installation; lives in one process."""

    def __init__(
        self,
        engine: Engine,
        commands: Sender,
        see: See,
        parked: Parked,
        asked: Callable[[], None] = lambda: None,
        ask: what_if.Ask | None = None,
        recorded: Callable[[], None] = lambda: None,
    ) -> None:
        """``see`` and ``parked`` tell what the live state knows of trucks; ``asked`` is told that files are due,
        ``recorded`` that live pictures are; ``ask`` reads the history."""
        self._engine = engine
        self._commands = commands
        self._see = see
        self._parked = parked
        self._asked = asked
        self._ask = ask
        self._recorded = recorded
        self._trying = asyncio.Event()
        self.reader: AlarmReader | None = None
        """Who brings the alarms; its state is part of the engine's."""
        self.news = News()
        self.counts = Counts(engine)
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._trouble = ""

    async def start(self) -> None:
        """Enter the shipped policy where there is none, and begin to keep the clocks."""
        await asyncio.to_thread(policies.ensure, self._engine)
        self._trying.set()
        works = (
            (self._keep_clocks(), "case clocks"), (self._follow(), "case following"), (self._try(), "case policy runs"),
        )  # fmt: skip
        for work, name in works:
            self._tasks.append(asyncio.create_task(work, name=name))

    async def stop(self) -> None:
        """Do nothing more; what is due waits in the registry."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def health(self) -> dict[str, Any]:
        """State for /health."""
        clocks = {"ok": not self._trouble, "error": self._trouble}
        reading = self.reader.health() if self.reader is not None else {"ok": False, "state": "starting"}
        return reading | {"ok": bool(reading["ok"] and clocks["ok"]), "clocks": clocks}

    def try_policy(self) -> None:
        """A run was entered: begin it when those before it are done."""
        self._trying.set()

    def policy(self, version: int) -> Policy:
        """The policy that a case names. Blocks."""
        with read(self._engine) as connection:
            return policies.book(connection).numbered(version)

    def people(self, organisation: int | None) -> list[tuple[int, str]]:
        """Who of an organisation may handle cases. Blocks."""
        with read(self._engine) as connection:
            return hand_overs.people(self._engine, connection, organisation)

    async def take(self, rows: pa.RecordBatch) -> None:
        """Take a batch of alarm facts; they are kept when this returns. Raises what the registry raises."""
        columns = alarms_of(rows)
        for start in range(0, len(columns), AT_ONCE):
            part = columns[start : start + AT_ONCE]
            began = time.perf_counter()
            taken = await asyncio.to_thread(intake.take, self._engine, part)
            _take_s.observe(time.perf_counter() - began)
            _alarms.labels("fresh").inc(taken.fresh)
            _alarms.labels("repeated").inc(taken.repeated)
            _opened.inc(len(taken.opened))
            if part:
                _delay.set(max(0, now_ms() - max(alarm.received_at for alarm in part)))
            if taken.asked:
                self._asked()
            if taken.recordings:
                self._recorded()
            if taken.opened or taken.changed:
                self.news.changed([*taken.opened, *taken.changed])
                self._wake.set()

    async def _keep_clocks(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            await self._carefully(self._strike)

    async def _strike(self) -> None:
        while True:
            struck = await asyncio.to_thread(timers.strike, self._engine, now_ms(), self._see, self._parked)
            _timers.inc(struck.count)
            if struck.asked:
                self._asked()
            self.news.changed(struck.changed)
            if struck.count < timers.AT_ONCE:
                break
        for reminder in await asyncio.to_thread(reminders.due, self._engine, now_ms()):
            try:
                if await reminders.give(self._commands, reminder, now_ms()):
                    _reminded.inc()
                    self.news.changed([reminder.case_id])
            except (ProtocolError, RegistryError) as error:
                log.error("reminder cannot be sent", case=reminder.number, error=str(error))
                await asyncio.to_thread(reminders.drop, self._engine, reminder, str(error))

    async def _follow(self) -> None:
        since: int | None = None
        forgotten = kept = time.monotonic()
        while True:
            now = now_ms()
            if since is None:
                done = await self._carefully(self._catch_up)
            else:
                done = await self._carefully(self._follow_since, since)
            if done:
                since = now
                if time.monotonic() - kept > KEEP_S:
                    kept = time.monotonic()
                    await self._carefully(asyncio.to_thread, following.keep_place, self._engine, since)
            if time.monotonic() - forgotten > FORGET_S:
                forgotten = time.monotonic()
                await self._carefully(self._forget)
            await asyncio.sleep(FOLLOW_S)

    async def _catch_up(self) -> None:
        """What came while no core was there."""
        now, place = now_ms(), await asyncio.to_thread(following.place, self._engine)
        if place is None:
            changed = await asyncio.to_thread(following.evidence_all, self._engine, now)
        else:
            changed = await asyncio.to_thread(following.evidence_since, self._engine, place, now)
        self.news.changed(changed)
        await asyncio.to_thread(following.keep_place, self._engine, now)

    async def _follow_since(self, since: int) -> None:
        self.news.changed(await asyncio.to_thread(following.commands_ended, self._engine, now_ms()))
        self.news.changed(await asyncio.to_thread(recordings.follow, self._engine, now_ms()))
        self.news.changed(await asyncio.to_thread(following.evidence_since, self._engine, since, now_ms()))

    async def _forget(self) -> None:
        gone = intake.FORGET_AT_ONCE
        while gone >= intake.FORGET_AT_ONCE:
            gone = await asyncio.to_thread(intake.forget, self._engine, now_ms())

    async def _try(self) -> None:
        while self._ask is not None:
            await self._trying.wait()
            self._trying.clear()
            if not await self._carefully(self._try_all):
                self._trying.set()

    async def _try_all(self) -> None:
        assert self._ask is not None
        while (key := await asyncio.to_thread(what_if.waiting, self._engine)) is not None:
            await asyncio.to_thread(what_if.run, self._engine, key, self._ask)

    async def _carefully(self, work: Callable[..., Any], *arguments: Any) -> bool:
        """Whether it was done; what failed is tried again at the next turn."""
        try:
            await work(*arguments)
        except OperationalError as error:
            self._trouble = "registry away"
            log.warning("registry away, cases wait", error=str(error)[:300])
            await asyncio.sleep(AWAY_S)
            return False
        except Exception as error:
            self._trouble = f"{type(error).__name__}: {error}"[:300]
            log.exception("cases failed")
            await asyncio.sleep(AWAY_S)
            return False
        self._trouble = ""
        return True


def alarms_of(rows: pa.RecordBatch) -> list[Alarm]:
    """Alarm facts as the engine takes them, in their order."""
    names = (
        "alarm", "phase", "vehicle_id", "terminal_id", "at", "received_at", "type", "level", "dialect", "speed_dkmh",
        "lat_e6", "lon_e6", "files", "identification", "backfill",
    )  # fmt: skip
    columns: list[Sequence[Any]] = []
    for name in names:
        column = rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        columns.append(column.to_pylist())
    return [Alarm(*values) for values in zip(*columns, strict=True)]
