"""The newest alarms as screens see them: begun or happened just now, never ended or long past.

Listens on ``alarm.*`` beside the durable readers, and takes nothing from the stream. A ring of the last alarms holds
the vehicle of each as an array, so that a screen's question "which of those since number N may I see" is one mask.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog
from prometheus_client import Counter, Histogram

from luwei import facts
from luwei.alarms.names import FAULTS
from luwei.live.feed import now_ms
from luwei.live.fleet import Fleet, Ints, Mask
from luwei.live.view import Selection

log = structlog.get_logger()

RING = 4096
"""Alarms kept; at 1,000 a second some four seconds, and screens ask once a second."""
SHOWN = 20
"""Newest alarms of one message; the rest is a number."""
FIRST_MS = 600_000
"""A screen that opens is shown what began in the last ten minutes."""

_heard = Counter("luwei_live_alarms_total", "Alarms that the live strip heard of")
_unreadable = Counter("luwei_live_alarms_unreadable_total", "Messages on alarm.* that the live strip could not read")
_delay = Histogram(
    "luwei_live_alarm_delay_seconds", "From a gateway's receipt to the live strip", buckets=(0.1, 0.2, 0.5, 1, 2, 5, 30)
)


class Line(Protocol):
    """What the strip needs of the bus."""

    async def subscribe(
        self, subject: str, handler: Callable[[str, bytes, dict[str, str]], Awaitable[None]], queue: str = ""
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """Alarms for one screen, newest first: at most ``SHOWN``, and how many more there are."""

    rows: Sequence[dict[str, Any]]
    more: int
    place: int
    """Where the next question goes on."""


class AlarmStrip:
    """The ring; ``query`` runs a query of the history, blocking."""

    def __init__(self, fleet: Fleet, line: Line, query: Callable[..., pa.Table]) -> None:
        self._fleet = fleet
        self._line = line
        self._query = query
        self._rows: deque[dict[str, Any]] = deque(maxlen=RING)
        self._heard_ms: deque[int] = deque(maxlen=RING)
        self._vehicle = np.zeros(RING, np.int64)
        self._fault = np.zeros(RING, np.bool_)
        self._known: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self.total = 0
        """Alarms ever heard: the number of the next."""

    async def start(self) -> None:
        """Listen; what began before is read from the history when it can be."""
        await self._line.subscribe(f"{facts.ALARM}.*", self._on_alarms)
        self._task = asyncio.create_task(self._fill(), name="alarm strip")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _fill(self) -> None:
        try:
            found = await asyncio.to_thread(self._query, "alarms_recent", since=now_ms() - FIRST_MS, limit=RING)
            before = found.to_pylist()
        except Exception as error:
            log.warning("recent alarms not read", error=str(error) or type(error).__name__)
            return
        heard = list(zip(self._rows, self._heard_ms, strict=True))
        self._rows.clear()
        self._heard_ms.clear()
        self._known.clear()
        self.total = 0
        for row in reversed(before):
            self._add(row, round(row["received_at"].timestamp() * 1000))
        for row, at in heard:
            self._add(row, at)

    async def _on_alarms(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        try:
            rows = facts.unpack(payload)
            kept = rows.filter(pc.and_(pc.less(rows["phase"], 2), pc.invert(rows["backfill"])))
            found = kept.to_pylist()
        except (pa.ArrowException, KeyError, ValueError, StopIteration) as error:
            _unreadable.inc()
            log.warning("unreadable alarms", subject=subject, error=str(error))
            return
        now = now_ms()
        for row in found:
            _delay.observe(max(0.0, now / 1000 - row["received_at"].timestamp()))
            self._add(row, now)
        _heard.inc(len(found))

    def _add(self, row: dict[str, Any], heard_ms: int) -> None:
        if row["alarm"] in self._known:
            return  # a repetition, which the bus refused
        if len(self._rows) == RING:
            self._known.discard(self._rows[0]["alarm"])
        place = self.total % RING
        self._vehicle[place], self._fault[place] = row["vehicle_id"], row["type"] in FAULTS
        self._rows.append(row)
        self._heard_ms.append(heard_ms)
        self._known.add(row["alarm"])
        self.total += 1

    def first_place(self) -> int:
        """Where a screen that opens begins: at what came in the last ten minutes."""
        oldest = now_ms() - FIRST_MS
        return self.total - sum(heard >= oldest for heard in self._heard_ms)

    def since(self, place: int, selection: Selection, faults_only: bool = False) -> Fresh:
        """What came after ``place`` of the vehicles in ``selection``, whatever their state."""
        low = max(0 if place > self.total else place, self.total - len(self._rows))
        if low >= self.total:
            return Fresh((), 0, self.total)
        numbers: Ints = np.arange(low, self.total)
        vehicles = self._vehicle[numbers % RING]
        seen: Mask = vehicles < self._fleet.size
        seen[seen] = selection.any_state().mask(self._fleet, vehicles[seen])
        if faults_only:
            seen &= self._fault[numbers % RING]
        chosen = numbers[seen][::-1]
        first = self.total - len(self._rows)
        rows = [self._rows[int(number) - first] for number in chosen[:SHOWN]]
        return Fresh(rows, max(0, len(chosen) - SHOWN), self.total)
