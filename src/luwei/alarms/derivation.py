"""Alarms on their way from the stream of facts to the bus and the history, each exactly once.

The ingest hands over every batch of locations as it arrives, in the order of the stream. What it yields goes to the
bus at once, under the id of that batch, so that alarms are on screens long before the window of an insert is full. The
ingest acknowledges the locations only when their alarms are durable there and in the history. Killed before the plan is
written, the same batch comes again and meets the state that the history shows, so it yields the same; and where the bus
has it already, it refuses it, and what it has counts. Killed later, the plan names the messages, and their rows are
read back from the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass

import nats.errors
import pyarrow as pa
import pyarrow.compute as pc
import structlog
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import Gauge, Histogram

from luwei import facts
from luwei.alarms.extraction import Extraction
from luwei.alarms.lasting import NUMBER_OF
from luwei.alarms.standing import BEGUN_MS, TRACK_MS, Standing, restored
from luwei.bus import Bus, BusAway
from luwei.bus.alarm_stream import STREAM, ensure
from luwei.history.delivery import Delivery
from luwei.history.store import History

log = structlog.get_logger()

TABLE, OPEN = "alarm", "alarm_open"
ROWS = 1_000
"""Rows of one message: at most 700 kB, below the bus's largest payload."""
SETTLE_S = 10.0
RECENT_MS = 600_000
RECENT_ROWS = 100_000

_derive_s = Histogram(
    "luwei_alarms_derive_seconds", "Time to derive one batch", buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2)
)
_open = Gauge("luwei_alarms_open", "Conditions that hold now, by the live reports")
_state = Gauge("luwei_alarms_state_bytes", "Memory of the arrays of what stands")

_OPEN_SCHEMA = pa.schema(
    [facts.ALARM_EVENT.field(name) for name in ("vehicle_id", "type", "backfill")]
    + [pa.field("slot", pa.uint64(), nullable=False)]
    + [facts.ALARM_EVENT.field(name) for name in ("alarm", "phase", "at", "started_at", "received_at")]
    + [pa.field("alarm_id", pa.uint32(), nullable=False)]
)


@dataclass(slots=True)
class _Sent:
    """A message on its way: its rows, and where it stands in the stream once the bus said so."""

    rows: pa.RecordBatch
    sequence: int = 0


class AlarmDerivation:
    """What the ingest asks for alarms (``luwei.history.derived``)."""

    def __init__(self, bus: Bus, history: History) -> None:
        self._bus = bus
        self._history = history
        self._extraction: Extraction | None = None
        self._loose = True
        """Whether something was taken that is in no plan: the state is then ahead of the history."""
        self._sent: list[_Sent] = []
        self._client: Client | None = None
        self._inbox = ""
        self._answers: Subscription | None = None
        self.alarms = 0

    async def open(self) -> None:
        """As ``Derivation.open``."""
        stream = self._bus.jetstream()
        await ensure(stream, self._bus.replicas)
        self._sent = []
        if self._loose or self._extraction is None:
            standing = await asyncio.to_thread(self._restore)
            self._extraction = Extraction(standing, self._history.days)
            self._loose = False
            log.info("alarms know what stands", open=len(standing.open), begun=len(standing.begun))
        if self._answers is not None:
            with contextlib.suppress(Exception):
                await self._answers.unsubscribe()
        self._client = stream._nc
        self._inbox = self._client.new_inbox()
        self._answers = await self._client.subscribe(f"{self._inbox}.*")

    def _restore(self) -> Standing:
        last = self._history.query("alarm_last")
        lasting = self._history.query("alarm_open", begun_ms=BEGUN_MS, track_ms=TRACK_MS)
        recent = self._history.query("alarm_recent", recent_ms=RECENT_MS, limit=RECENT_ROWS)
        return restored(last, lasting, recent)

    async def take(self, read: Delivery) -> None:
        """As ``Derivation.take``."""
        if read.kind != facts.FIX or not read.rows.num_rows:
            return
        assert self._extraction is not None and self._client is not None
        self._loose = True
        with _derive_s.time():
            rows = self._extraction.derive(read.rows)
        if rows is None:
            return
        subject = f"{facts.ALARM}.{read.subject.partition('.')[2]}"
        for part, start in enumerate(range(0, rows.num_rows, ROWS)):
            piece = rows.slice(start, ROWS)
            text = read.batch_id.text if rows.num_rows <= ROWS else f"{read.batch_id.text}/{part}"
            reply = f"{self._inbox}.{len(self._sent)}"
            self._sent.append(_Sent(piece))
            try:
                await self._client.publish(subject, facts.pack(piece), reply, headers={facts.HEADER_ID: text})
            except (nats.errors.Error, OSError) as error:
                raise BusAway(f"alarms of batch {text}: {error or type(error).__name__}") from error

    async def settle(self) -> list[int]:
        """As ``Derivation.settle``."""
        waiting = {number for number, one in enumerate(self._sent) if not one.sequence}
        assert self._answers is not None
        stream = self._bus.jetstream()
        while waiting:
            try:
                answer = await self._answers.next_msg(timeout=SETTLE_S)
                number = int(answer.subject.rpartition(".")[2])
                told = json.loads(answer.data)
                if "error" in told or told["stream"] != STREAM or told["seq"] < 1:
                    raise BusAway(f"alarms: {told.get('error', {}).get('description', told)}")
            except (nats.errors.Error, OSError, ValueError, KeyError, TypeError) as error:
                raise BusAway(f"alarms: {error or type(error).__name__}") from error
            if number not in waiting:
                continue
            waiting.discard(number)
            sent = self._sent[number]
            sent.sequence = int(told["seq"])
            if told.get("duplicate"):
                sent.rows = await _stored(stream, sent.sequence) or sent.rows
        return [one.sequence for one in self._sent]

    def planned(self) -> dict[str, pa.Table]:
        """As ``Derivation.planned``."""
        rows = [one.rows for one in self._sent]
        self._sent, self._loose = [], False
        self.alarms += sum(batch.num_rows for batch in rows)
        assert self._extraction is not None
        _open.set(len(self._extraction.standing.open))
        _state.set(self._extraction.standing.nbytes)
        return tables(rows)

    async def again(self, sequences: list[int]) -> dict[str, pa.Table]:
        """As ``Derivation.again``."""
        if not sequences:
            return {}
        stream = self._bus.jetstream()
        found = [await _stored(stream, sequence) for sequence in sequences]
        if None in found:
            # Only whoever deletes messages of this stream by hand makes this happen: nobody writes while we are down.
            log.error("alarms of an interrupted insert are gone from the bus", sequences=sequences)
        return tables([rows for rows in found if rows is not None])


def tables(batches: list[pa.RecordBatch]) -> dict[str, pa.Table]:
    """The rows of alarms by table of the history: all of them, and what stands open or has ended."""
    if not batches:
        return {}
    rows = pa.Table.from_batches(batches, schema=facts.ALARM_EVENT).combine_chunks()
    found = {TABLE: rows}
    lasting = rows.filter(pc.not_equal(rows["phase"], facts.PHASE_POINT))
    if lasting.num_rows:
        found[OPEN] = _open_rows(lasting)
    return found


def _open_rows(rows: pa.Table) -> pa.Table:
    """Conditions have one slot a vehicle and type; of items each alarm has its own, and its 报警ID to pair it by."""
    slots, ids = [], []
    for key, type_, item in zip(
        rows["alarm"].to_pylist(), rows["type"].to_pylist(), rows["item"].to_pylist(), strict=True
    ):
        condition = type_ in NUMBER_OF
        slots.append(0 if condition else key)
        ids.append(0 if condition else int.from_bytes(item[2:6], "big"))
    columns = {name: rows[name] for name in rows.schema.names}
    columns["slot"], columns["alarm_id"] = pa.array(slots, pa.uint64()), pa.array(ids, pa.uint32())
    return pa.table([columns[name] for name in _OPEN_SCHEMA.names], schema=_OPEN_SCHEMA)


async def _stored(stream: JetStreamContext, sequence: int) -> pa.RecordBatch | None:
    try:
        message = await stream.get_msg(STREAM, seq=sequence)
    except NotFoundError:
        return None
    except (nats.errors.Error, OSError) as error:
        raise BusAway(f"alarm message {sequence}: {error or type(error).__name__}") from error
    return facts.unpack(message.data or b"")
