"""Durable readers of alarms: each gets every batch, in the order of derivation, and goes on where it was.

A reader's place is a number in a bucket of the bus, written about once a second after its own commits. After a crash
the batches since then come once more, so a reader's work must bear a repetition (key and phase tell it).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import pyarrow as pa
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, KeyValueConfig, StorageType
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue
from prometheus_client import Counter, Gauge

from luwei import facts
from luwei.bus import Bus, BusAway
from luwei.bus.alarm_stream import STREAM, ensure

log = structlog.get_logger()

BUCKET = "alarm_readers"
WINDOW_S = 1.0
MESSAGES, BYTES = 256, 8 << 20
IDLE_S = 60.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

_read = Counter("luwei_alarm_reader_rows_total", "Alarms handed to a reader", ["reader"])
_failed = Counter("luwei_alarm_reader_failures_total", "Batches not taken, which come again", ["reader"])
_missed = Counter("luwei_alarm_reader_missed_total", "Messages gone from the bus before a reader took them", ["reader"])
_pending = Gauge("luwei_alarm_reader_pending_messages", "Messages that a reader has not taken", ["reader"])

_AWAY = (BusAway, nats.errors.Error, OSError, asyncio.TimeoutError, APIError)

Take = Callable[[pa.RecordBatch], Awaitable[None]]
"""Gets rows of ``facts.ALARM_EVENT`` and returns when its work on them is durable. Raising has them come again."""


class AlarmReader:
    """One reader; ``name`` (letters, digits, _) is what its place is kept under. A new one begins with the oldest alarm
    that the bus has."""

    def __init__(self, bus: Bus, name: str, take: Take) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", name):
            raise ValueError(f"reader name {name!r}: must be 1 to 40 letters, digits or _")
        self._bus = bus
        self._name = name
        self._take = take
        self._stop = asyncio.Event()
        self._state, self._error = "starting", ""
        self._place = 0
        self._written = 0
        self._waiting = 0
        self.batches = 0
        self.rows = 0
        self.missed = 0

    def health(self) -> dict[str, Any]:
        """State for /health."""
        return {
            "ok": self._state == "running",
            "state": self._state,
            "error": self._error,
            "batches": self.batches,
            "rows": self.rows,
            "missed": self.missed,
            "pending": self._waiting,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set."""
        self._stop = stop
        attempt = 0
        while not stop.is_set():
            try:
                await self._work()
                return
            except _AWAY as error:
                self._trouble("bus away", str(error) or type(error).__name__)
            except Exception as error:
                log.exception("reader of alarms failed", reader=self._name)
                self._trouble("failed", f"{type(error).__name__}: {error}")
            attempt = 1 if self._state == "running" else attempt + 1
            await self._pause(BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])

    def _trouble(self, state: str, error: str) -> None:
        if (state, error) != (self._state, self._error):
            log.warning("reader of alarms waits", reader=self._name, state=state, error=error[:500])
        self._state, self._error = state, error

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _work(self) -> None:
        """Over one connection, until it is lost (raises) or the stop is asked for (returns)."""
        stream = self._bus.jetstream()
        await ensure(stream, self._bus.replicas)
        places = await _bucket(stream, self._bus.replicas)
        self._place = self._written = await _place(places, self._name)
        first = (await stream.stream_info(STREAM)).state.first_seq
        if first > self._place + 1 and self._place:
            self._miss(first - self._place - 1)
        consumer = await stream.add_consumer(
            STREAM,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._place + 1,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=IDLE_S,
                max_waiting=8,
            ),
        )
        client: Client = stream._nc
        inbox = client.new_inbox()
        line = await client.subscribe(inbox, pending_bytes_limit=BYTES * 4)
        try:
            while not self._stop.is_set():
                request = {"batch": MESSAGES, "max_bytes": BYTES, "expires": int(WINDOW_S * 1e9)}
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer.name}"
                await client.publish(subject, json.dumps(request).encode(), inbox)
                self._state, self._error = "running", ""
                for _ in range(MESSAGES):
                    message = await line.next_msg(timeout=WINDOW_S + 3)
                    if not message.reply.startswith("$JS.ACK."):
                        status = (message.headers or {}).get("Status", "")
                        if status == "100":
                            continue
                        if status in ("404", "408") or "MaxBytes" in str(message.headers):
                            self._waiting = 0
                            break
                        raise BusAway(f"pull ended: {message.headers}")
                    metadata = message.metadata
                    if not await self._hand_over(message.data, metadata.sequence.stream):
                        break
                    self._waiting = metadata.num_pending or 0
                _pending.labels(self._name).set(self._waiting)
                if self._place != self._written:
                    await places.put(self._name, str(self._place).encode())
                    self._written = self._place
        finally:
            with contextlib.suppress(Exception):
                await line.unsubscribe()
            with contextlib.suppress(Exception):
                await stream.delete_consumer(STREAM, consumer.name)

    async def _hand_over(self, payload: bytes, sequence: int) -> bool:
        """Have one message taken, however often that fails; False where the stop came first."""
        if sequence > self._place + 1 and self._place:
            self._miss(sequence - self._place - 1)
        rows = facts.unpack(payload)
        attempt = 0
        while not self._stop.is_set():
            try:
                await self._take(rows)
            except Exception as error:
                _failed.labels(self._name).inc()
                if attempt == 0:
                    log.exception("alarms not taken", reader=self._name, sequence=sequence)
                self._trouble("taking failed", f"{type(error).__name__}: {error}")
                attempt += 1
                await self._pause(BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])
                continue
            self._state, self._error = "running", ""
            self._place = sequence
            self.batches += 1
            self.rows += rows.num_rows
            _read.labels(self._name).inc(rows.num_rows)
            return True
        return False

    def _miss(self, messages: int) -> None:
        """The bus had no room for what this reader left there; the history still has it."""
        self.missed += messages
        _missed.labels(self._name).inc(messages)
        log.error("alarms gone from the bus before they were taken", reader=self._name, messages=messages)


async def _bucket(stream: JetStreamContext, replicas: int) -> KeyValue:
    try:
        return await stream.key_value(BUCKET)
    except BucketNotFoundError:
        return await stream.create_key_value(
            KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE, replicas=replicas)
        )


async def _place(places: KeyValue, name: str) -> int:
    try:
        entry = await places.get(name)
    except KeyNotFoundError:
        return 0
    return int(entry.value or b"0")
