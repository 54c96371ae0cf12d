"""Keeps the fleet's arrays up to date: locations from the bus, the past from the history, owners from the registry.

The feed listens on ``fix.*`` beside the ingest and takes nothing from the stream. What it misses while the line to
the bus is down is not lost, only late: after each reconnection it reads the latest rows from the history again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import structlog
from prometheus_client import Counter, Gauge, Histogram

from luwei import facts
from luwei.live.fleet import Fleet
from luwei.live.gateways import GatewayBoard
from luwei.live.summary import Counts, Pace, count, count_by_area
from luwei.live.view import Selection

log = structlog.get_logger()

REGISTRY_S = 30.0
"""The registry is read again after so long even when nobody said that it changed."""
REGISTRY_REST_S = 1.0
REGISTRY_SHARE = 0.05
"""After a reading the registry rests at least 1 s, and so long that reading takes at most this share of the CPU."""
REFILL_AFTER_LINE_S = 5.0
"""Time given to the ingest to bring the history up to date before the feed reads it after a reconnection."""

_applied = Counter("luwei_live_locations_total", "Locations applied to the live state")
_unreadable = Counter("luwei_live_unreadable_total", "Messages on fix.* that the live state could not read")
_apply_time = Histogram(
    "luwei_live_apply_seconds", "Time to apply one batch", buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
)
_vehicles = Gauge("luwei_live_vehicles", "Vehicles of the registry known to the live state")
_online = Gauge("luwei_live_online", "Vehicles heard of in the last five minutes")
_memory = Gauge("luwei_live_bytes", "Memory of the live arrays")
_delay = Gauge("luwei_live_delay_ms", "Median time from the gateway's receipt to the live state")


class Line(Protocol):
    """What the feed needs of the bus (``luwei.bus``)."""

    async def subscribe(
        self, subject: str, handler: Callable[[str, bytes, dict[str, str]], Awaitable[None]], queue: str = ""
    ) -> None: ...

    def on_connected(self, hook: Callable[[], Awaitable[None]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Owners:
    """What the registry says of all vehicles: arrays of one length, 0 for no county or operator."""

    ids: Any
    city: Any
    county: Any
    operator_id: Any
    monitor_id: Any = 0
    insurer_id: Any = 0
    vendor_id: Any = 0


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class LiveFeed:
    """Owner of a ``Fleet`` and the clock of every screen.

    ``latest`` reads one row a vehicle from the history, ``owners`` all vehicles of the registry; both are called in a
    thread.
    """

    def __init__(
        self,
        fleet: Fleet,
        gateways: GatewayBoard,
        line: Line,
        latest: Callable[[], pa.Table],
        owners: Callable[[], Owners],
    ) -> None:
        self.fleet = fleet
        self.gateways = gateways
        self.pace = Pace()
        self.as_of = now_ms()
        """Time of the last closed second."""
        self.ready = False
        """True once registry and history have been read."""
        self._line = line
        self._latest = latest
        self._owners = owners
        self._tasks: list[asyncio.Task[None]] = []
        self._registry_due = asyncio.Event()
        self._refill_due = asyncio.Event()
        self._closed_second = asyncio.Event()
        self._counts: dict[Selection, Counts] = {}
        self._area_counts: dict[Selection, dict[int, Counts]] = {}

    async def start(self) -> None:
        """Listen, then read registry and history. A store that cannot be read now is tried again."""
        self._registry_due.set()
        self._refill_due.set()
        await self._line.subscribe(f"{facts.FIX}.*", self._on_fix)
        await self._line.subscribe("gateway.status.*", self._on_status)
        await self._line.subscribe("registry.changed", self._on_registry)
        self._line.on_connected(self._on_line)
        for work in (self._keep_time(), self._keep_registry(), self._keep_refilled()):
            self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """End every task; screens that wait are woken."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._closed_second.set()

    async def next_second(self) -> None:
        """Wait until the present second is closed."""
        await self._closed_second.wait()

    def counts(self, selection: Selection) -> Counts:
        """Counts of ``selection`` as of the last closed second; counted once a second however many ask."""
        key = selection.any_state()
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = count(self.fleet, key)
        return found

    def counts_by_area(self, selection: Selection) -> dict[int, Counts]:
        """As ``counts``, by city or, where the selection names one, by county."""
        key = selection.any_state()
        found = self._area_counts.get(key)
        if found is None:
            found = self._area_counts[key] = count_by_area(self.fleet, key)
        return found

    def close_second(self) -> None:
        """Close the second and wake every screen."""
        self.as_of = now_ms()
        self.fleet.tick(self.as_of)
        self.pace.tick()
        self._counts.clear()
        self._area_counts.clear()
        woken, self._closed_second = self._closed_second, asyncio.Event()
        woken.set()
        everybody = self.counts(Selection())
        _vehicles.set(everybody.total)
        _online.set(everybody.online)
        _memory.set(self.fleet.nbytes)
        _delay.set(self.pace.delay_ms or 0)

    async def _on_fix(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        now = now_ms()
        try:
            batch = facts.unpack(payload)
            with _apply_time.time():
                ids = self.fleet.apply(batch, now)
        except (pa.ArrowException, KeyError, ValueError) as error:
            # The ingest keeps the message; here only the moment is missed.
            _unreadable.inc()
            log.warning("unreadable locations", subject=subject, error=str(error))
            return
        if batch.num_rows:
            _applied.inc(batch.num_rows)
            received = batch.column("received_at").cast(pa.int64()).to_numpy()
            self.pace.arrived(received, now)
            if not bool(np.all(self.fleet.known[ids])):
                self._registry_due.set()  # created since the last reading, as the open admission does

    async def _on_status(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        self.gateways.heard(payload, now_ms())

    async def _on_registry(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        self._registry_due.set()

    async def _on_line(self) -> None:
        self._refill_due.set()
        self._registry_due.set()

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + 1
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + 1, loop.time())  # after a stall seconds are skipped, not made up for
            try:
                self.close_second()
            except Exception:
                log.exception("live second failed")

    async def _keep_registry(self) -> None:
        while True:
            # Not wait_for: in Python 3.11 it loses a cancellation that meets a finished wait.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REGISTRY_S):
                    await self._registry_due.wait()
            self._registry_due.clear()
            cost = 0.0
            try:
                owners, cost = await asyncio.to_thread(self._read_owners)
                self.fleet.set_registry(
                    owners.ids, owners.city, owners.county, owners.operator_id, owners.monitor_id, owners.insurer_id,
                    owners.vendor_id,
                )  # fmt: skip
            except Exception as error:
                log.warning("registry not read, trying again", error=str(error) or type(error).__name__)
                self._registry_due.set()
            await asyncio.sleep(max(REGISTRY_REST_S, cost / REGISTRY_SHARE))

    def _read_owners(self) -> tuple[Owners, float]:
        """The owners, and the CPU seconds that reading took: a machine that is busy with other things must not make
        the registry rest for minutes."""
        began = time.thread_time()
        return self._owners(), time.thread_time() - began

    async def _keep_refilled(self) -> None:
        while True:
            await self._refill_due.wait()
            self._refill_due.clear()
            if self.ready:
                await asyncio.sleep(REFILL_AFTER_LINE_S)
            try:
                table = await asyncio.to_thread(self._latest)
                for batch in table.to_batches(max_chunksize=50_000):
                    self.fleet.apply(batch, now_ms())
                    await asyncio.sleep(0)
                log.info("live state refilled", vehicles=table.num_rows)
                self.ready = True
            except Exception as error:
                log.warning("history not read, trying again", error=str(error) or type(error).__name__)
                self._refill_due.set()
                await asyncio.sleep(1)
