"""Batches on their way to the bus, and the answers that wait for them.

A terminal's 0x8001 leaves only after every fact of its tick is on disk in the bus. Several ticks may be under way;
their answers leave in the order of the ticks, so that a repeated frame is not confirmed before its original. When the
bus is away a batch is sent again under the same id until it is taken; nothing is thrown away, and ``paused`` tells the
gateway to stop reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
import structlog

from luwei import facts
from luwei.bus import BusAway
from luwei.gateway.columns import with_batch

log = structlog.get_logger()

IN_FLIGHT_MAX = 4
"""Ticks that may wait for the bus at once; then reading stops."""
PAYLOAD_TARGET = 900_000
"""Bytes of one bus message, below the 1 MiB a NATS server takes by default."""
RETRY_S = 0.25
PUBLISH_TIMEOUT_S = 5.0


class FactBus(Protocol):
    """What the publisher needs of the bus."""

    async def publish_fact(
        self, subject: str, payload: bytes, batch: facts.BatchId, gateway: str, timeout_s: float = 5
    ) -> int: ...


@dataclass(slots=True)
class Parcel:
    """The facts of one tick with their ids, and what to do once all are durable."""

    batches: list[tuple[str, facts.BatchId, pa.RecordBatch]] = field(default_factory=list)
    release: Callable[[], None] | None = None
    frames: int = 0
    read_at: float = field(default_factory=time.monotonic)


class Publisher:
    """Gives parcels to the bus; made inside the running event loop."""

    def __init__(self, bus: FactBus, gateway: str, shard: int, boot: int) -> None:
        self.boot = boot
        self._bus = bus
        self._gateway = gateway
        self._shard = shard
        self._number = 0
        self._last: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retrying = 0
        self._room = asyncio.Event()
        self._room.set()
        self.reason = ""
        self.latencies: list[tuple[float, int]] = []
        """(seconds from read to answer, frames) since whoever reports last took them."""

    @property
    def paused(self) -> bool:
        """The bus does not take batches: read nothing."""
        return self._retrying > 0

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    @property
    def full(self) -> bool:
        return len(self._tasks) >= IN_FLIGHT_MAX

    async def room(self, seconds: float) -> None:
        """Wait until another parcel may be submitted, at most so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._room.wait(), seconds)

    def add(self, parcel: Parcel, kind: str, columns: pa.RecordBatch) -> None:
        """Put rows of one kind into the parcel, in batches of a size the bus takes, with their ``batch`` column."""
        parcel.batches.extend((kind, *self._label(part)) for part in parts(columns))

    def _label(self, columns: pa.RecordBatch) -> tuple[facts.BatchId, pa.RecordBatch]:
        self._number += 1
        batch = facts.BatchId(self.boot, self._number)
        return batch, with_batch(columns, batch)

    def submit(self, parcel: Parcel) -> None:
        """Send the parcel's batches; ``release`` is called after them and after all earlier parcels."""
        if not parcel.batches and self._last is None:
            self._finish(parcel)
            return
        task = asyncio.create_task(self._deliver(parcel, self._last))
        self._last = task
        self._tasks.add(task)
        if self.full:
            self._room.clear()
        task.add_done_callback(self._done)

    async def drain(self, timeout_s: float) -> bool:
        """Wait for all that is under way; False when the time is over first."""
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in pending:
                task.cancel()
            return not pending
        return True

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.set()
        if self._last is task:
            self._last = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("batch lost its way", error=repr(error))

    async def _deliver(self, parcel: Parcel, before: asyncio.Task[None] | None) -> None:
        if len(parcel.batches) == 1:
            await self._keep(*parcel.batches[0])
        else:
            await asyncio.gather(*(self._keep(*batch) for batch in parcel.batches))
        if before is not None and not before.done():
            await asyncio.wait((before,))
        self._finish(parcel)

    def _finish(self, parcel: Parcel) -> None:
        if parcel.release is not None:
            parcel.release()
        if parcel.frames:
            self.latencies.append((time.monotonic() - parcel.read_at, parcel.frames))

    async def _keep(self, kind: str, batch: facts.BatchId, columns: pa.RecordBatch) -> None:
        payload = facts.pack(columns)
        subject = f"{kind}.{self._shard}"
        failing = False
        try:
            while True:
                try:
                    await self._bus.publish_fact(subject, payload, batch, self._gateway, PUBLISH_TIMEOUT_S)
                    return
                except ValueError:
                    if columns.num_rows < 2:
                        raise
                    # this server takes less than the usual 1 MiB; the smaller batches have ids of their own
                    halves = parts(columns, columns.nbytes // 2)
                    await asyncio.gather(*(self._keep(kind, *self._label(half)) for half in halves))
                    return
                except BusAway as error:
                    if not failing:
                        failing = True
                        self._retrying += 1
                        self.reason = str(error)
                        if self._retrying == 1:
                            log.warning("bus away, reading stopped", error=str(error))
                    await asyncio.sleep(RETRY_S)
        finally:
            if failing:
                self._retrying -= 1
                if not self._retrying:
                    self.reason = ""
                    log.info("bus takes batches again")


def parts(columns: pa.RecordBatch, target: int = PAYLOAD_TARGET) -> Sequence[pa.RecordBatch]:
    """``columns`` in slices of about ``target`` bytes at most."""
    count = -(-columns.nbytes // target)
    if count <= 1 or columns.num_rows <= 1:
        return [columns]
    rows = -(-columns.num_rows // count)
    return [columns.slice(at, rows) for at in range(0, columns.num_rows, rows)]
