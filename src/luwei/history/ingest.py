"""The ingest: facts from the bus into the history, each batch exactly once.

The order of steps is the whole proof. Pull messages (a second or two of them, bounded in bytes) → drop those whose
batch id is known → write the plan (which messages, which ids) to the bus's key-value store → insert, under a token made
of the plan's number → acknowledge.

Killed before the plan: nothing happened, the bus delivers again. Killed between plan and acknowledgement: the next
start finds every planned message still in the stream and repeats that insert; the token makes it a no-op where it had
happened, and a count by batch id proves it. Killed while acknowledging: a planned message is gone from the stream, so
the insert was complete; the rest is delivered again and known by its id.

While the history fails nothing is acknowledged, the bus keeps the facts, and the ingest tries again for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import nats.errors
import pyarrow as pa
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from prometheus_client import Counter, Gauge, Histogram

from luwei import facts
from luwei.bus import Bus, BusAway
from luwei.history import delivery
from luwei.history.delivery import Delivery
from luwei.history.derived import Derivation
from luwei.history.ingest_stream import CONSUMER, MESSAGES, bucket, fresh_consumer, planned
from luwei.history.plan import Plan
from luwei.history.proof import insert_missing, proved
from luwei.history.store import LATEST, History, HistoryError

log = structlog.get_logger()

Observer = Callable[[str, pa.RecordBatch], None]
"""Gets the kind and the rows of each batch as soon as it arrives; may get it again after a restart. Whatever this
ingest stores it has been told of."""

KEY = "plan"
WINDOW_S = 1.0
BUSY_WINDOW_S = 2.0
"""Under load an insert gathers for longer: half as many parts to write, to sync and to merge (measured: 2 of 20 µs a
location)."""
BUSY_ROWS = 10_000
"""Rows in a window from which on the next one is a long one."""
BYTES = 16 << 20
GETS = 50
"""Planned messages asked for at once after a restart."""
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

_rows = Counter("luwei_ingest_rows_total", "Rows inserted into the history", ["table"])
_batches = Counter("luwei_ingest_batches_total", "Batches inserted into the history")
_duplicates = Counter("luwei_ingest_duplicates_total", "Batches that came a second time and were not inserted again")
_redelivered = Counter("luwei_ingest_redelivered_total", "Messages delivered again whose insert had happened")
_quarantined = Counter("luwei_ingest_quarantined_total", "Messages that could not be read, kept in table quarantine")
_failures = Counter("luwei_ingest_failures_total", "Inserts that failed and were tried again")
_insert_s = Histogram(
    "luwei_ingest_insert_seconds", "One insert", buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
)
_lag = Gauge(
    "luwei_ingest_lag_seconds", "From the bus having a batch to its insert being done, oldest of the last plan"
)
_pending = Gauge("luwei_ingest_pending_messages", "Messages in the stream not yet delivered to the ingest")

_AWAY = (BusAway, nats.errors.Error, OSError, asyncio.TimeoutError)


class Superseded(RuntimeError):
    """Another ingest writes plans in the same bus; two would insert twice."""


class _Stopped(Exception):
    """Asked to stop while the history fails; the plan stays for the next start."""


class Ingest:
    """The only reader of the stream of facts. One per bus and history."""

    def __init__(
        self, bus: Bus, history: History, observer: Observer | None = None, derivation: Derivation | None = None
    ) -> None:
        self._bus = bus
        self._history = history
        self._observer = observer
        self._derivation = derivation
        self._writer = secrets.token_hex(8)
        self._plan: Plan | None = None
        self._revision = 0
        self._stop = asyncio.Event()
        self._state = "starting"
        self._error = ""
        self._attempt = 0
        self._done_ms = 0
        self._lag_s = 0.0
        self._waiting = 0
        self._window_rows = 0
        self.rows = 0
        self.batches = 0
        self.duplicates = 0
        self.redelivered = 0
        self.quarantined = 0

    def health(self) -> dict[str, Any]:
        """State for /health: ``ok`` is false while the bus is away, the history fails or another ingest runs."""
        return {
            "ok": self._state == "running",
            "state": self._state,
            "error": self._error,
            "rows": self.rows,
            "batches": self.batches,
            "duplicates": self.duplicates,
            "redelivered": self.redelivered,
            "quarantined": self.quarantined,
            "pending_messages": self._waiting,
            "lag_s": round(self._lag_s, 3),
            "inserted_at": self._done_ms,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; what was pulled by then is still inserted. Needs a migrated history."""
        self._stop = stop
        while not stop.is_set():
            try:
                await self._work()
                return
            except _Stopped:
                return
            except Superseded as error:
                self._trouble("superseded", str(error))
                self._plan = None
            except HistoryError as error:
                self._trouble("history failing", str(error))
            except APIError as error:
                self._trouble("bus away", str(error.description))
            except _AWAY as error:
                self._trouble("bus away", str(error) or type(error).__name__)
            except Exception as error:
                log.exception("ingest failed")
                self._trouble("failed", f"{type(error).__name__}: {error}")
            self._attempt += 1
            await self._pause(BACKOFF_S[min(self._attempt, len(BACKOFF_S)) - 1])

    def _trouble(self, state: str, error: str) -> None:
        if (state, error) != (self._state, self._error):
            log.warning("ingest waits", state=state, error=error[:500])
        self._state, self._error = state, error

    def _running(self) -> None:
        if self._state != "running":
            log.info("ingest runs")
        self._state, self._error, self._attempt = "running", "", 0

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    # One connection ------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Ingest over one connection until it is lost (raises) or the stop is asked for (returns)."""
        await self._bus.ensure_stream()
        stream = self._bus.jetstream()
        store = await bucket(stream)
        if self._plan is None:
            self._plan = await self._recover(stream, store)
        if self._derivation is not None:
            await self._derivation.open()
        client: Client = stream._nc
        inbox = client.new_inbox()
        line = await client.subscribe(inbox, pending_msgs_limit=MESSAGES * 2, pending_bytes_limit=BYTES * 4)
        try:
            await fresh_consumer(stream)
            while not self._stop.is_set():
                deliveries, messages = await self._pull(client, line, inbox)
                if deliveries:
                    await self._store(store, deliveries)
                await self._acknowledge(client, messages)
                self._running()
        finally:
            with contextlib.suppress(Exception):
                await line.unsubscribe()

    async def _pull(self, client: Client, line: Subscription, inbox: str) -> tuple[list[Delivery], list[Msg]]:
        """One window of messages: those to be inserted, and all that may be acknowledged after that."""
        window_s = BUSY_WINDOW_S if self._window_rows >= BUSY_ROWS else WINDOW_S
        request = {"batch": MESSAGES, "max_bytes": BYTES, "expires": int(window_s * 1e9)}
        await client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{facts.STREAM}.{CONSUMER}", json.dumps(request).encode(), inbox
        )
        assert self._plan is not None
        fresh: list[Delivery] = []
        batches: set[tuple[int, int]] = set()
        messages: list[Msg] = []
        now_ms = int(time.time() * 1000)
        highest = self._plan.sequences[-1] if self._plan.sequences else 0
        while len(messages) < MESSAGES:
            message = await line.next_msg(timeout=window_s + 3)
            if not message.reply.startswith("$JS.ACK."):
                status = (message.headers or {}).get("Status", "")
                if status == "100":
                    continue
                if status in ("404", "408") or "MaxBytes" in str(message.headers):
                    break
                raise BusAway(f"pull ended: {message.headers}")
            messages.append(message)
            sequence = message.metadata.sequence.stream
            headers = message.headers or {}
            batch_id = delivery.identity(headers.get(facts.HEADER_ID, ""), sequence)
            key = (batch_id.boot, batch_id.number)
            if batch_id in self._plan.seen or key in batches:
                self._count_known(sequence, highest)
                continue
            batches.add(key)
            read = delivery.read(message.subject, message.data, headers, sequence, now_ms)
            fresh.append(read)
            if self._derivation is not None:
                await self._derivation.take(read)
            self._observe(read)
        if messages:
            self._waiting = messages[-1].metadata.num_pending
        else:
            self._waiting = 0
        _pending.set(self._waiting)
        self._window_rows = sum(read.rows.num_rows for read in fresh)
        return fresh, messages

    def _count_known(self, sequence: int, highest: int) -> None:
        """A known batch in a message up to the last planned is the same message again; in a later one, a second one."""
        if sequence <= highest:
            self.redelivered += 1
            _redelivered.inc()
        else:
            self.duplicates += 1
            _duplicates.inc()

    def _observe(self, read: Delivery) -> None:
        if self._observer is None or not read.kind:
            return
        try:
            self._observer(read.kind, read.rows)
        except Exception:
            log.exception("observer of facts failed", subject=read.subject)

    async def _acknowledge(self, client: Client, messages: list[Msg]) -> None:
        for message in messages:
            await client.publish(message.reply)
        if messages:
            oldest = messages[0].metadata.timestamp.timestamp()
            self._lag_s = max(0.0, time.time() - oldest)
            _lag.set(self._lag_s)

    # One plan ------------------------------------------------------------------------------------------------------

    async def _store(self, store: KeyValue, deliveries: list[Delivery]) -> None:
        assert self._plan is not None
        plan = self._plan.next(
            self._writer,
            int(time.time() * 1000),
            [one.sequence for one in deliveries],
            [one.batch_id for one in deliveries],
            await self._derivation.settle() if self._derivation is not None else (),
        )
        await self._write(store, plan)
        derived = self._derivation.planned() if self._derivation is not None else {}
        await self._insert(plan, deliveries, derived, doubtful=False)
        self._plan = plan

    async def _write(self, store: KeyValue, plan: Plan) -> None:
        """Put the plan on the bus. Raises Superseded when another ingest did since our last one, BusAway."""
        value = plan.dump()
        for _ in range(3):
            try:
                self._revision = await store.update(KEY, value, last=self._revision)
                return
            except KeyWrongLastSequenceError:
                entry = await store.get(KEY)
                found = Plan.load(entry.value or b"")
                if found.writer != self._writer:
                    raise Superseded(f"another ingest wrote plan {found.number}") from None
                # An earlier write of ours whose answer was lost.
                self._revision = entry.revision or 0
        raise BusAway("the plan could not be written")

    async def _insert(
        self, plan: Plan, deliveries: list[Delivery], derived: dict[str, pa.Table], *, doubtful: bool
    ) -> None:
        """Insert a plan's rows, trying for ever. ``doubtful``: an earlier attempt may have got anywhere."""
        tables: dict[str, list[pa.RecordBatch]] = {}
        for one in sorted(deliveries, key=lambda one: one.sequence):
            tables.setdefault(one.table, []).append(one.rows)
        for table, parts in tables.items():
            rows = pa.Table.from_batches(parts).combine_chunks()
            if rows.num_rows:
                await self._insert_table(table, rows, plan.token(table), doubtful)
                _rows.labels(table).inc(rows.num_rows)
                self.rows += rows.num_rows
        for table, rows in derived.items():
            await self._insert_table(table, rows, plan.token(table), doubtful)
            _rows.labels(table).inc(rows.num_rows)
        unread = sum(not one.kind for one in deliveries)
        self.batches += len(deliveries)
        self.quarantined += unread
        _batches.inc(len(deliveries))
        _quarantined.inc(unread)
        for one in deliveries:
            if not one.kind:
                log.error("unreadable batch in quarantine", subject=one.subject, id=one.batch_id.text, cause=one.cause)
        self._done_ms = int(time.time() * 1000)

    async def _insert_table(self, table: str, rows: pa.Table, token: str, doubtful: bool) -> None:
        attempt = 0
        while True:
            began = time.perf_counter()
            try:
                await asyncio.to_thread(self._history.insert, table, rows, token)
                if doubtful:
                    await asyncio.to_thread(insert_missing, self._history, table, rows, token)
                _insert_s.observe(time.perf_counter() - began)
                return
            except HistoryError as error:
                doubtful = True
                attempt += 1
                _failures.inc()
                self._trouble("history failing", str(error))
                await self._pause(BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])
                if self._stop.is_set():
                    raise _Stopped from None

    # After a restart -----------------------------------------------------------------------------------------------

    async def _recover(self, stream: JetStreamContext, store: KeyValue) -> Plan:
        """Finish what an earlier ingest left unfinished; returns its plan, or the first of a new bucket."""
        try:
            entry = await store.get(KEY)
        except KeyNotFoundError:
            plan = Plan.first(self._writer)
            self._revision = await store.create(KEY, plan.dump())
            return plan
        self._revision = entry.revision or 0
        plan = Plan.load(entry.value or b"")
        deliveries: list[Delivery] = []
        for start in range(0, len(plan.sequences), GETS):
            gets = [planned(stream, plan, sequence) for sequence in plan.sequences[start : start + GETS]]
            found = await asyncio.gather(*gets)
            if None in found:
                # Acknowledging had begun, so the insert was complete.
                return plan
            deliveries += [one for one in found if one is not None]
        if deliveries:
            log.info("ingest repeats an interrupted insert", plan=plan.number, batches=len(deliveries))
            derived = await self._derivation.again(plan.derived) if self._derivation is not None else {}
            await self._insert(plan, deliveries, derived, doubtful=True)
            for one in deliveries:
                self._observe(one)
            # Tables where only the newest row of a key counts are filled once more: the view that feeds `latest` is
            # skipped for an insert that its token makes a no-op, and nothing can be counted there.
            parts = [one.rows for one in deliveries if one.table == "location"]
            newest = {"latest": pa.Table.from_batches(parts).select(LATEST)} if parts else {}
            for table, rows in (newest | derived).items():
                if table not in proved:
                    await self._insert_table(table, rows, f"{plan.token(table)}-again", False)
        return plan
