"""The intake: multimedia data from the bus into files, each exactly once.

The parts of a file share a number. A part stays in the bus until its file is stored and entered: only then are all its
parts acknowledged, in this order: bytes to the file store (named by their hash, so storing twice is storing once) →
one row in the registry under the file's number (entered twice is entered once) → acknowledge. Killed anywhere between,
the bus delivers the parts again and the same steps find what is done. While a store is away nothing is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import pyarrow as pa
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import InterfaceError, OperationalError

from luwei import facts
from luwei.bus import Bus, BusAway
from luwei.multimedia.upload import Upload
from luwei.protocol.errors import ProtocolError

log = structlog.get_logger()

CONSUMER = "multimedia"
SUBJECT = f"{facts.MEDIA}.*"
WINDOW_S = 0.5
MESSAGES, BYTES = 64, 16 << 20
HELD_MAX = 64 << 20
"""Bytes of unfinished files in memory; beyond it the newest wait in the bus."""
WAIT_AGAIN_S = 10
SET_ASIDE_S = 300
"""A file that cannot be kept is tried again so much later: it must not keep the others waiting."""
TRIES = 3
ABANDONED_S = 900
"""A file whose parts have not all come by then never gets them: its gateway died before it confirmed the file."""
ACK_WAIT_S = 120.0
PENDING_MAX = 4096
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

_files = Counter("luwei_multimedia_files_total", "Pictures and recordings kept", ["content"])
_repeated = Counter("luwei_multimedia_repeated_total", "Files that came a second time")
_dropped = Counter("luwei_multimedia_dropped_total", "Bus messages dropped", ["reason"])
_set_aside = Counter("luwei_multimedia_set_aside_total", "Times a file could not be kept, though the stores were there")
_held = Gauge("luwei_multimedia_held_bytes", "Bytes of files whose parts have not all come")

_AWAY = (BusAway, nats.errors.Error, OSError, asyncio.TimeoutError, APIError)
_STORES_AWAY = (OSError, OperationalError, InterfaceError)

Keep = Callable[[Upload], str]
"""Keeps one file for good, blocking; the name of its content, empty where it was kept already. Raises when a store is
away."""


@dataclass(slots=True)
class _Open:
    """A file of which not all parts came."""

    parts: int
    began: float
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: list[Msg] = field(default_factory=list)
    size: int = 0


class Intake:
    """The only reader of multimedia on the bus; ``keep`` is what becomes of a file."""

    def __init__(self, bus: Bus, keep: Keep) -> None:
        self._bus = bus
        self._keep = keep
        self._open: dict[int, _Open] = {}
        self._stop = asyncio.Event()
        self._state, self._error = "starting", ""
        self.files = 0

    def health(self) -> dict[str, Any]:
        """State for /health."""
        return {"ok": self._state == "running", "state": self._state, "error": self._error, "files": self.files}

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
                log.exception("multimedia intake failed")
                self._trouble("failed", f"{type(error).__name__}: {error}")
            attempt += 1
            await self._pause(BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])

    def _trouble(self, state: str, error: str) -> None:
        if (state, error) != (self._state, self._error):
            log.warning("multimedia intake waits", state=state, error=error[:500])
        self._state, self._error = state, error

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _work(self) -> None:
        """Over one connection, until it is lost (raises) or the stop is asked for (returns)."""
        self._open.clear()
        stream = self._bus.jetstream()
        await _fresh_consumer(stream)
        client: Client = stream._nc
        inbox = client.new_inbox()
        line = await client.subscribe(inbox, pending_bytes_limit=BYTES * 4)
        try:
            while not self._stop.is_set():
                messages = await self._pull(client, line, inbox)
                self._state, self._error = "running", ""
                for message in messages:
                    await self._take(message)
                await self._tidy()
        finally:
            with contextlib.suppress(Exception):
                await line.unsubscribe()

    async def _pull(self, client: Client, line: Subscription, inbox: str) -> list[Msg]:
        request = {"batch": MESSAGES, "max_bytes": BYTES, "expires": int(WINDOW_S * 1e9)}
        await client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{facts.STREAM}.{CONSUMER}", json.dumps(request).encode(), inbox
        )
        messages: list[Msg] = []
        while len(messages) < MESSAGES:
            message = await line.next_msg(timeout=WINDOW_S + 3)
            if message.reply.startswith("$JS.ACK."):
                messages.append(message)
                continue
            status = (message.headers or {}).get("Status", "")
            if status == "100":
                continue
            if status in ("404", "408") or "MaxBytes" in str(message.headers):
                break
            raise BusAway(f"pull ended: {message.headers}")
        return messages

    async def _take(self, message: Msg) -> None:
        try:
            row = _row(message.data)
        except (pa.ArrowException, ValueError, StopIteration, OSError) as error:
            log.error("unreadable multimedia dropped", subject=message.subject, error=str(error)[:300])
            _dropped.labels("unreadable").inc()
            await message.term()
            return
        number, parts = row["file"], row["parts"]
        found = self._open.setdefault(number, _Open(parts, time.monotonic()))
        found.messages.append(message)
        if row["part"] not in found.rows:
            found.rows[row["part"]] = row
            found.size += len(row["data"])
        if len(found.rows) == found.parts:
            await self._finish(number, found)
        elif sum(each.size for each in self._open.values()) > HELD_MAX:
            newest = max(self._open, key=lambda key: self._open[key].began)
            for held in self._open.pop(newest).messages:
                await held.nak(delay=WAIT_AGAIN_S)

    async def _finish(self, number: int, found: _Open) -> None:
        try:
            upload = Upload.of([found.rows[part] for part in sorted(found.rows)])
        except ProtocolError as error:
            log.error("multimedia with an unreadable head dropped", file=number, error=str(error))
            await self._drop(number, found, "unreadable")
            return
        attempt = 0
        while True:
            try:
                content = await asyncio.to_thread(self._keep, upload)
                break
            except Exception as error:
                attempt += 1
                if attempt >= TRIES and not isinstance(error, _STORES_AWAY):
                    log.exception("multimedia set aside", file=number)
                    await self._put_aside(number, found)
                    return
                self._trouble("stores failing", f"{type(error).__name__}: {error}")
                await self._pause(BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1])
                if self._stop.is_set():
                    return
                for message in found.messages:
                    await message.in_progress()
        self._state, self._error = "running", ""
        self.files += 1
        if content:
            _files.labels(content).inc()
        else:
            _repeated.inc()
        for message in found.messages:
            await message.ack()
        del self._open[number]

    async def _put_aside(self, number: int, found: _Open) -> None:
        """The bus keeps it, and brings it again."""
        _set_aside.inc()
        self._state, self._error = "running", ""
        for message in found.messages:
            await message.nak(delay=SET_ASIDE_S)
        del self._open[number]

    async def _drop(self, number: int, found: _Open, reason: str) -> None:
        _dropped.labels(reason).inc(len(found.messages))
        for message in found.messages:
            await message.term()
        del self._open[number]

    async def _tidy(self) -> None:
        """Give up what will never be whole; tell the bus that the rest is being worked on."""
        now = time.monotonic()
        for number, found in list(self._open.items()):
            age_s = time.time() - min(row["received_at"] for row in found.rows.values()) / 1000
            if age_s > ABANDONED_S and now - found.began > WAIT_AGAIN_S:
                log.warning("multimedia incomplete, dropped", file=number, parts=found.parts, here=len(found.rows))
                await self._drop(number, found, "incomplete")
            elif now - found.began > ACK_WAIT_S / 4:
                found.began = now
                for message in found.messages:
                    await message.in_progress()
        _held.set(sum(each.size for each in self._open.values()))


def _row(payload: bytes) -> dict[str, Any]:
    """The one row of a bus message, checked. Raises ValueError, pa.ArrowException, OSError, StopIteration."""
    rows = facts.unpack(payload)
    if not rows.schema.equals(facts.MEDIA_PART) or rows.num_rows != 1:
        raise ValueError("no single row of the media schema")
    rows.validate(full=True)
    times = rows.schema.get_field_index("received_at")
    row: dict[str, Any] = rows.set_column(times, "received_at", rows.column(times).cast(pa.int64())).to_pylist()[0]
    if not 0 <= row["part"] < row["parts"] or row["received_at"] < 0 or None in row.values():
        raise ValueError(f"part {row['part']} of {row['parts']}")
    return row


async def _fresh_consumer(stream: JetStreamContext) -> None:
    """Make the consumer anew, so that what an earlier process pulled and never acknowledged is delivered at once."""
    with contextlib.suppress(NotFoundError):
        await stream.delete_consumer(facts.STREAM, CONSUMER)
    await stream.add_consumer(
        facts.STREAM,
        ConsumerConfig(
            durable_name=CONSUMER,
            filter_subject=SUBJECT,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_deliver=-1,
            max_ack_pending=PENDING_MAX,
            max_waiting=8,
        ),
    )
