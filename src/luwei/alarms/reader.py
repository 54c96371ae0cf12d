"""Durable readers of alarms: each gets every batch, in the order of derivation, and goes on where it was.

A reader's place is a number in a bucket of the bus, written about once a second after its own commits. After a crash
the batches since then come once more, so a reader's work must bear a repetition (key and phase tell it).

A batch that is refused again and again while everything is there holds an alarm that the reader cannot take. Its rows
are then handed over one by one, and those that are refused alone are set aside on the bus, as is a message that is no
rows at all: no other alarm waits for them, and each start tries them anew.
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
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError, NoKeysError
from nats.js.kv import KeyValue
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import InterfaceError, OperationalError

from luwei import facts
from luwei.bus import Bus, BusAway
from luwei.bus.alarm_stream import STREAM, ensure

log = structlog.get_logger()

BUCKET, ASIDE = "alarm_readers", "alarms_set_aside"
PATIENCE = 5
"""Refusals of a batch before its rows are handed over one by one."""
WINDOW_S = 1.0
MESSAGES, BYTES = 256, 8 << 20
IDLE_S = 60.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

_read = Counter("luwei_alarm_reader_rows_total", "Alarms handed to a reader", ["reader"])
_failed = Counter("luwei_alarm_reader_failures_total", "Batches not taken, which come again", ["reader"])
_missed = Counter("luwei_alarm_reader_missed_total", "Messages gone from the bus before a reader took them", ["reader"])
_aside = Gauge("luwei_alarm_reader_set_aside", "Alarms that a reader could not take, kept on the bus", ["reader"])
_pending = Gauge("luwei_alarm_reader_pending_messages", "Messages that a reader has not taken", ["reader"])

_AWAY = (BusAway, nats.errors.Error, OSError, asyncio.TimeoutError, APIError)
_PASSING = (*_AWAY, OperationalError, InterfaceError)
"""What says nothing of the rows: bus or registry is away."""

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
        self.aside = 0

    def health(self) -> dict[str, Any]:
        """State for /health."""
        return {
            "ok": self._state == "running",
            "state": self._state,
            "error": self._error,
            "batches": self.batches,
            "rows": self.rows,
            "missed": self.missed,
            "set_aside": self.aside,
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
        places = await _bucket(stream, BUCKET, self._bus.replicas)
        await self._take_aside(await _bucket(stream, ASIDE, self._bus.replicas))
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
        rows: pa.RecordBatch | None = None
        attempt = 0
        while not self._stop.is_set():
            try:
                rows = await self._readable(payload, sequence)
                if rows is not None:
                    await (self._take(rows) if attempt < PATIENCE else self._take_apart(rows, sequence))
            except Exception as error:
                _failed.labels(self._name).inc()
                if attempt == 0:
                    log.exception("alarms not taken", reader=self._name, sequence=sequence)
                self._trouble("taking failed", f"{type(error).__name__}: {error}")
                attempt += not isinstance(error, _PASSING)
                await self._pause(BACKOFF_S[min(max(attempt, 1), len(BACKOFF_S)) - 1])
                continue
            self._state, self._error = "running", ""
            self._place = sequence
            if rows is not None:
                self.batches += 1
                self.rows += rows.num_rows
                _read.labels(self._name).inc(rows.num_rows)
            return True
        return False

    async def _readable(self, payload: bytes, sequence: int) -> pa.RecordBatch | None:
        """The rows of a message; one that has none is set aside. Raises what is _PASSING."""
        try:
            return facts.unpack(payload)
        except pa.ArrowInvalid as error:
            aside = await _bucket(self._bus.jetstream(), ASIDE, self._bus.replicas)
            await aside.put(f"{self._name}.{sequence}.message", payload)
            log.error(
                "an unreadable message is set aside", reader=self._name, sequence=sequence, error=str(error)[:500]
            )
            await self._count(aside)
            return None

    async def _take_apart(self, rows: pa.RecordBatch, sequence: int) -> None:
        """Row by row; those that are refused alone are set aside. Raises what is _PASSING."""
        aside = await _bucket(self._bus.jetstream(), ASIDE, self._bus.replicas)
        for place in range(rows.num_rows):
            row = rows.slice(place, 1)
            try:
                await self._take(row)
            except _PASSING:
                raise
            except Exception as error:
                await aside.put(f"{self._name}.{sequence}.{place}", facts.pack(row))
                log.exception(
                    "an alarm is set aside", reader=self._name, sequence=sequence, row=place, error=str(error)[:500]
                )
        await self._count(aside)

    async def _take_aside(self, aside: KeyValue) -> None:
        """What was set aside once more: a newer version may take it."""
        for key in await self._count(aside):
            value = (await aside.get(key)).value
            try:
                await self._take(facts.unpack(value or b""))
            except _PASSING:
                raise
            except Exception as error:
                log.error("an alarm stays aside", reader=self._name, key=key, error=f"{type(error).__name__}: {error}")
            else:
                await aside.purge(key)
                log.info("an alarm that was set aside is taken", reader=self._name, key=key)
        await self._count(aside)

    async def _count(self, aside: KeyValue) -> list[str]:
        try:
            keys = [key for key in await aside.keys() if key.startswith(f"{self._name}.")]
        except NoKeysError:
            keys = []
        self.aside = len(keys)
        _aside.labels(self._name).set(len(keys))
        return sorted(keys)

    def _miss(self, messages: int) -> None:
        """The bus had no room for what this reader left there; the history still has it."""
        self.missed += messages
        _missed.labels(self._name).inc(messages)
        log.error("alarms gone from the bus before they were taken", reader=self._name, messages=messages)


async def _bucket(stream: JetStreamContext, name: str, replicas: int) -> KeyValue:
    try:
        return await stream.key_value(name)
    except BucketNotFoundError:
        return await stream.create_key_value(
            KeyValueConfig(bucket=name, history=1, storage=StorageType.FILE, replicas=replicas)
        )


async def _place(places: KeyValue, name: str) -> int:
    try:
        entry = await places.get(name)
    except KeyNotFoundError:
        return 0
    return int(entry.value or b"0")
