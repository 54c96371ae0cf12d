"""Exactly once from the bus into the history, with a real nats-server and a real chDB, under every kind of death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import clickhouse_connect
import nats.errors
import pyarrow as pa
import pytest
from nats.js.errors import NotFoundError

from luwei import facts
from luwei.bus import Bus, BusAway, EmbeddedServer
from luwei.facts import BatchId
from luwei.history import History, HistoryError
from luwei.history import ingest as ingest_module
from luwei.history.ingest import Ingest
from luwei.history.plan import Plan

DAY = 86_400_000
PROCESS = Path(__file__).with_name("ingest_process.py")


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "WINDOW_S", 0.2)
    monkeypatch.setattr(ingest_module, "BACKOFF_S", (0.1,))


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if await result if isinstance(result, Awaitable) else result:
            return
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(ingest: Ingest) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(ingest.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def persistently(bus: Bus, subject: str, payload: bytes, batch: BatchId, seconds: float = 60) -> int:
    """Publish as a gateway does: the same id again and again until it is acknowledged."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await bus.publish_fact(subject, payload, batch, "gw-0", timeout_s=2)
        except BusAway:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def empty(bus: Bus) -> bool:
    try:
        return int((await bus.jetstream().stream_info("facts")).state.messages) == 0
    except (BusAway, nats.errors.Error):
        return False


def stored(folder: Path) -> Counter[tuple[int, int]]:
    """How often each (batch, serial) is in the history."""
    client: Any = clickhouse_connect.get_client(interface="chdb", path=str(folder), database="luwei")
    try:
        rows = client.query_arrow("SELECT batch, serial, count() AS n FROM location GROUP BY batch, serial").to_pylist()
        return Counter({(row["batch"], row["serial"]): row["n"] for row in rows})
    finally:
        client.close()


def rows_of(history: History, vehicle: int, noon_ms: int) -> int:
    return history.query("track", vehicle=vehicle, start=noon_ms - 300 * DAY, end=noon_ms + DAY, limit=100_000).num_rows


async def test_each_kind_of_fact_reaches_its_table_and_leaves_the_bus(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    observed: list[tuple[str, int]] = []
    ingest = Ingest(bus, history, lambda kind, rows: observed.append((kind, rows.num_rows)))
    await bus.publish_fact(
        "fix.0", facts.pack(locations([5, 6], [noon_ms, noon_ms], BatchId(9, 1))), BatchId(9, 1), "g"
    )
    message = {
        "vehicle_id": 5, "terminal_id": 6, "received_at": noon_ms, "direction": 0, "message_id": 0x0104, "serial": 1,
        "edition": 2019, "phone": "139", "body": b"\xff", "batch": 0,
    }  # fmt: skip
    payload = facts.pack(facts.rows_to_batch(facts.MESSAGE, [message]))
    await bus.publish_fact("message.0", payload, BatchId(9, 2), "g")
    async with running(ingest):
        await until(lambda: empty(bus))
        assert rows_of(history, 5, noon_ms) == 1
        found = history.query("messages_vehicle", vehicle=5, start=noon_ms, end=noon_ms + 1, limit=5)
        assert found["body"].to_pylist() == [b"\xff"]
        await until(lambda: ingest.health()["ok"])
    assert observed == [("fix", 2), ("message", 1)]
    assert (ingest.rows, ingest.batches, ingest.duplicates, ingest.quarantined) == (3, 2, 0, 0)
    await bus.close()


async def test_a_batch_sent_again_after_the_bus_forgot_its_id_is_stored_once_even_by_the_next_ingest(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream(duplicate_window_s=0.1)
    batch = BatchId(9, 1)
    payload = facts.pack(locations([5, 5], [noon_ms, noon_ms + 1], batch))
    first = await bus.publish_fact("fix.0", payload, batch, "g")
    ingest = Ingest(bus, history)
    async with running(ingest):
        await until(lambda: empty(bus))
    await until_forgotten(bus, payload, batch, first)
    ingest = Ingest(bus, history)
    async with running(ingest):
        await until(lambda: empty(bus))
    assert (ingest.duplicates, ingest.rows) == (1, 0)
    assert rows_of(history, 5, noon_ms) == 2
    await bus.close()


async def until_forgotten(bus: Bus, payload: bytes, batch: BatchId, first: int) -> None:
    """Publish until the bus takes it as new: the stream has it a second time."""

    async def again() -> bool:
        await asyncio.sleep(0.7)  # ids are dropped by a timer of the server that each publication puts off
        return await bus.publish_fact("fix.0", payload, batch, "g") > first

    await until(again)


async def test_the_same_id_twice_in_one_pull_is_stored_once(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream(duplicate_window_s=0.1)
    batch = BatchId(9, 1)
    payload = facts.pack(locations([5], [noon_ms], batch))
    await until_forgotten(bus, payload, batch, await bus.publish_fact("fix.0", payload, batch, "g"))
    ingest = Ingest(bus, history)
    async with running(ingest):
        await until(lambda: empty(bus))
    assert ingest.duplicates == 1
    assert rows_of(history, 5, noon_ms) == 1
    await bus.close()


async def test_what_cannot_be_read_is_kept_in_quarantine_and_blocks_nothing(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    good = locations([5], [noon_ms], BatchId(9, 7))
    nulls = pa.RecordBatch.from_arrays(
        [pa.nulls(1, f.type) if f.name == "lat_e6" else c for f, c in zip(good.schema, good.columns, strict=True)],
        schema=pa.schema([f.with_nullable(True) for f in facts.LOCATION]),
    )
    poison = {
        1: b"not arrow at all",
        2: b"",
        3: facts.pack(good)[:200],
        4: facts.pack(good.drop_columns(["speed_dkmh"])),
        5: facts.pack(nulls),
        6: facts.pack(locations([5], [5_000_000_000_000], BatchId(9, 6))),
    }
    for number, payload in poison.items():
        await bus.publish_fact("fix.0", payload, BatchId(9, number), "gw-3")
    await bus.publish_fact("fix.0", facts.pack(good), BatchId(9, 7), "gw-3")
    ingest = Ingest(bus, history)
    async with running(ingest):
        await until(lambda: empty(bus))
    assert ingest.quarantined == len(poison)
    assert rows_of(history, 5, noon_ms) == 1
    kept = history.query("quarantine", limit=10).to_pylist()
    assert sorted(row["id"] for row in kept) == [BatchId(9, number).text for number in poison]
    assert all(row["gateway"] == "gw-3" and row["cause"] for row in kept)
    assert sorted(row["bytes"] for row in kept) == sorted(len(payload) for payload in poison.values())
    await bus.close()


async def test_late_rows_of_200_days_in_one_batch_are_stored_once(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    batch = BatchId(9, 1)
    days = [noon_ms - day * DAY for day in range(200)]
    await bus.publish_fact("fix.0", facts.pack(locations([5] * 200, days, batch)), batch, "g")
    async with running(Ingest(bus, history)):
        await until(lambda: empty(bus))
    assert rows_of(history, 5, noon_ms) == 200
    await bus.close()


class Failing:
    """A history whose inserts fail for a while: before anything is stored, or after all of it is."""

    def __init__(self, history: History, failures: int, after: bool) -> None:
        self._history = history
        self._after = after
        self.failures = failures
        self.days = history.days
        self.query = history.query

    def insert(self, table: str, rows: pa.Table, token: str) -> None:
        if self._after:
            self._history.insert(table, rows, token)
        if self.failures:
            self.failures -= 1
            raise HistoryError("Code: 243. Cannot reserve 1.00 MiB, not enough space")
        self._history.insert(table, rows, token)


@pytest.mark.parametrize("after", [False, True])
async def test_while_the_history_fails_nothing_is_acknowledged_and_then_all_is_stored_once(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any, after: bool
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    failing = Failing(history, 1_000_000, after)
    for number in range(1, 11):
        payload = facts.pack(locations([5] * 3, [noon_ms] * 3, BatchId(9, number)))
        await bus.publish_fact("fix.0", payload, BatchId(9, number), "g")
    ingest = Ingest(bus, failing)  # type: ignore[arg-type]
    async with running(ingest):
        await until(lambda: ingest.health()["state"] == "history failing")
        assert "not enough space" in ingest.health()["error"]
        assert not await empty(bus)
        failing.failures = 0
        await until(lambda: empty(bus))
        await until(lambda: ingest.health()["ok"])
    assert rows_of(history, 5, noon_ms) == 30
    await bus.close()


async def test_an_ingest_asked_to_stop_while_the_history_fails_leaves_its_plan_to_the_next(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    payload = facts.pack(locations([5], [noon_ms], BatchId(9, 1)))
    await bus.publish_fact("fix.0", payload, BatchId(9, 1), "g")
    ingest = Ingest(bus, Failing(history, 1_000_000, after=False))  # type: ignore[arg-type]
    async with running(ingest):
        await until(lambda: ingest.health()["state"] == "history failing")
    assert not await empty(bus)
    observed: list[tuple[str, int]] = []
    async with running(Ingest(bus, history, lambda kind, rows: observed.append((kind, rows.num_rows)))):
        await until(lambda: empty(bus))
    assert rows_of(history, 5, noon_ms) == 1
    assert history.query("latest").num_rows == 1
    assert observed == [("fix", 1)], "who is told of what is stored is told of what it found planned, too"
    await bus.close()


async def test_a_token_noted_without_its_rows_loses_nothing(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    """The worst moment of a kill: the engine knows the token of the plan, but the rows never became visible."""
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    payload = facts.pack(locations([5, 6], [noon_ms, noon_ms], BatchId(9, 1)))
    sequence = await bus.publish_fact("fix.0", payload, BatchId(9, 1), "g")
    plan = Plan.first("dead").next("dead", noon_ms, [sequence], [BatchId(9, 1)])
    bucket = await bus.jetstream().create_key_value(bucket="ingest")
    await bucket.put("plan", plan.dump())
    decoy = pa.Table.from_batches([locations([99], [noon_ms], BatchId(1, 1))])
    history.insert("location", decoy, plan.token("location"))
    async with running(Ingest(bus, history)):
        await until(lambda: empty(bus))
    assert rows_of(history, 5, noon_ms) == rows_of(history, 6, noon_ms) == 1
    await bus.close()


async def test_a_second_ingest_is_noticed(
    server: EmbeddedServer, history: History, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    ingest = Ingest(bus, history)
    states: list[str] = []
    ingest._trouble = lambda state, error: states.append(state)  # type: ignore[method-assign]
    async with running(ingest):
        await until(lambda: ingest.health()["ok"])
        bucket = await bus.jetstream().key_value("ingest")
        await bucket.put("plan", Plan.first("another").dump())
        payload = facts.pack(locations([5], [noon_ms], BatchId(9, 1)))
        await bus.publish_fact("fix.0", payload, BatchId(9, 1), "g")
        await until(lambda: "superseded" in states)
        await until(lambda: empty(bus))
    assert rows_of(history, 5, noon_ms) == 1
    await bus.close()


class Publisher:
    """A gateway that publishes for as long as it is asked to; remembers what was acknowledged."""

    def __init__(self, bus: Bus, locations: Any, noon_ms: int, days: int) -> None:
        self._bus, self._locations, self._noon_ms, self._days = bus, locations, noon_ms, days
        self.acknowledged: list[BatchId] = []
        self.rows = 60

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            batch = BatchId(4242, number)
            at = [self._noon_ms - (i % self._days) * DAY + number for i in range(self.rows)]
            payload = facts.pack(self._locations(list(range(1, self.rows + 1)), at, batch))
            await persistently(self._bus, "fix.0", payload, batch)
            self.acknowledged.append(batch)
            await asyncio.sleep(0.01)

    def expected(self) -> Counter[tuple[int, int]]:
        return Counter({(batch.value, serial): 1 for batch in self.acknowledged for serial in range(self.rows)})


async def plans(bus: Bus) -> int:
    """How many plans were ever written."""
    try:
        return int((await bus.jetstream().stream_info("KV_ingest")).state.last_seq)
    except NotFoundError:
        return 0


async def planned(bus: Bus, before: int) -> bool:
    """Whether a plan was written since; the first value of a new bucket is an empty one."""
    return await plans(bus) > max(before, 1)


def start_ingest(server: EmbeddedServer, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROCESS), server.url, str(folder), str(os.getpid())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


async def test_an_ingest_killed_again_and_again_stores_every_row_once(
    server: EmbeddedServer, tmp_path: Path, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    publisher, stop = Publisher(bus, locations, noon_ms, days=30), asyncio.Event()
    publishing = asyncio.create_task(publisher.run(stop))
    folder = tmp_path / "history"
    chance = random.Random(4)
    interrupted = 0
    for _ in range(5):
        process = start_ingest(server, folder)
        before = await plans(bus)
        await until(lambda before=before: planned(bus, before))  # type: ignore[misc]
        # The plan is written: now comes an insert into 30 partitions, then the acknowledgements. Hit any of it.
        await asyncio.sleep(chance.uniform(0, 0.2))
        process.kill()
        await asyncio.to_thread(process.wait)
        interrupted += (await bus.jetstream().stream_info("facts")).state.messages > 0
    stop.set()
    await publishing
    process = start_ingest(server, folder)
    try:
        await until(lambda: empty(bus))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
    assert len(publisher.acknowledged) > 50
    assert interrupted > 0
    assert stored(folder) == publisher.expected()
    await bus.close()


async def test_a_bus_killed_again_and_again_loses_and_doubles_nothing(
    server: EmbeddedServer, history: History, tmp_path: Path, noon_ms: int, locations: Any
) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    reading = await Bus.connect(server.url, "ingest")
    publisher, stop = Publisher(bus, locations, noon_ms, days=2), asyncio.Event()
    publishing = asyncio.create_task(publisher.run(stop))
    chance = random.Random(5)
    ingest = Ingest(reading, history)
    async with running(ingest):
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.3, 0.9))
            server.kill()
            await asyncio.sleep(chance.uniform(0, 0.3))
            server.start()
        stop.set()
        await publishing
        await until(lambda: empty(bus))
    assert ingest.rows == len(publisher.acknowledged) * publisher.rows
    history.close()
    assert stored(tmp_path / "history") == publisher.expected()
    await reading.close()
    await bus.close()
