"""No alarm is lost and none counts twice, with a real nats-server and a real chDB, whatever dies when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import nats.errors
import pyarrow as pa
import pytest
from alarm_oracle import Oracle
from alarm_rows import NOON_MS, batch, item, milliseconds, row, told
from sqlalchemy.exc import OperationalError

from luwei import facts
from luwei.alarms import reader as reader_module
from luwei.alarms.derivation import AlarmDerivation
from luwei.alarms.reader import AlarmReader
from luwei.bus import Bus, BusAway, EmbeddedServer
from luwei.facts import BatchId
from luwei.history import History
from luwei.history import ingest as ingest_module
from luwei.history.ingest import Ingest

T, SECOND = NOON_MS, 1_000
TRUCKS = 12
PROCESS = Path(__file__).with_name("alarm_process.py")


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "WINDOW_S", 0.1)
    monkeypatch.setattr(ingest_module, "BACKOFF_S", (0.1,))
    monkeypatch.setattr(reader_module, "WINDOW_S", 0.1)
    monkeypatch.setattr(reader_module, "BACKOFF_S", (0.05,))


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if await result if isinstance(result, Awaitable) else result:
            return
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


async def empty(bus: Bus) -> bool:
    try:
        return int((await bus.jetstream().stream_info("facts")).state.messages) == 0
    except (BusAway, nats.errors.Error):
        return False


class Reports:
    """A gateway's batches: trucks whose conditions change often, and what a truthful reader makes of them."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._oracle = Oracle()
        self.number = 0
        self.expected: Counter[tuple[Any, ...]] = Counter()

    def next(self) -> tuple[BatchId, bytes]:
        self.number += 1
        at = T + self.number * SECOND
        rows = []
        for truck in range(1, TRUCKS + 1):
            alarm = self._chance.choice((0, 0, 1, 2, 6))
            raw = b""
            if self._chance.random() < 0.3:
                raw = item(0x64, 2, at, alarm_id=self.number)
                self.expected[truck, 0, "6402", at, at, False] += 1
            rows.append(row(truck, at, alarm=alarm, items=raw, serial=self.number))
        self.expected.update(self._oracle.derive(rows))
        batch_id = BatchId(4242, self.number)
        return batch_id, facts.pack(batch(rows, self.number, 4242))

    async def send(self, bus: Bus, count: int) -> None:
        for _ in range(count):
            batch_id, payload = self.next()
            while True:
                try:
                    await bus.publish_fact("fix.0", payload, batch_id, "gw-0", timeout_s=2)
                    break
                except BusAway:
                    await asyncio.sleep(0.05)


def stored(folder: Path) -> tuple[Counter[tuple[Any, ...]], int]:
    """What the table of alarms has, and how many alarms differ in their key."""
    client: Any = clickhouse_connect.get_client(interface="chdb", path=str(folder), database="luwei")
    try:
        names = "alarm, phase, vehicle_id, type, at, started_at, backfill"
        table = client.query_arrow(f"SELECT {names} FROM alarm").to_pylist()
    finally:
        client.close()
    rows = Counter(
        (one["vehicle_id"], one["phase"], one["type"].decode() if isinstance(one["type"], bytes) else one["type"],
         milliseconds(one["at"]), milliseconds(one["started_at"]), bool(one["backfill"]))
        for one in table
    )  # fmt: skip
    return rows, len({one["alarm"] for one in table})


class Killed(BaseException):
    """The process is gone: nothing of it goes on."""


STEPS = {
    "before an alarm is on the bus": (AlarmDerivation, "take", False),
    "when alarms are on their way": (AlarmDerivation, "take", True),
    "before the bus confirmed them": (AlarmDerivation, "settle", False),
    "before the plan": (Ingest, "_write", False),
    "after the plan": (Ingest, "_write", True),
    "before any insert": (Ingest, "_insert", False),
    "within the inserts": (Ingest, "_insert_table", True),
    "before the alarms are inserted": (History, "insert", "alarm"),
    "before what stands is inserted": (History, "insert", "alarm_open"),
    "before the acknowledgement": (Ingest, "_acknowledge", False),
    "after the acknowledgement": (Ingest, "_acknowledge", True),
}


@contextlib.contextmanager
def killing(step: str, times: int) -> Iterator[None]:
    """Die at that step, the ``times``-th time it is reached."""
    owner, name, when = STEPS[step]
    plain = getattr(owner, name)
    left = [times]

    def counted(arguments: tuple[Any, ...]) -> bool:
        if isinstance(when, str) and arguments[1] != when:
            return False
        left[0] -= 1
        return left[0] == 0

    async def awaiting(*arguments: Any, **others: Any) -> Any:
        dies = counted(arguments)
        if dies and when is False:
            raise Killed
        result = await plain(*arguments, **others)
        if dies:
            raise Killed
        return result

    def blocking(*arguments: Any, **others: Any) -> Any:
        if counted(arguments):
            raise Killed
        return plain(*arguments, **others)

    setattr(owner, name, awaiting if asyncio.iscoroutinefunction(plain) else blocking)
    try:
        yield
    finally:
        setattr(owner, name, plain)


async def test_killed_between_any_two_steps_every_alarm_is_stored_and_handed_on_once(
    server: EmbeddedServer, history: History, tmp_path: Path
) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    reports, handed = Reports(1), []
    stop = asyncio.Event()

    async def take(rows: pa.RecordBatch) -> None:
        handed.append(rows)

    reader = AlarmReader(bus, "cases", take)
    reading = asyncio.create_task(reader.run(stop))
    for number, step in enumerate(STEPS):
        line = await Bus.connect(server.url, "ingest")
        ingest = Ingest(line, history, derivation=AlarmDerivation(line, history))
        with killing(step, 1 + number % 2):
            work = asyncio.create_task(ingest.run(asyncio.Event()))
            sending = asyncio.create_task(reports.send(bus, 4))
            while not work.done():
                if sending.done():
                    await sending
                    sending = asyncio.create_task(reports.send(bus, 1))
                await asyncio.sleep(0.02)
            with pytest.raises(Killed):
                await work
            await sending
        await line.close()
    line = await Bus.connect(server.url, "ingest")
    last, over = Ingest(line, history, derivation=AlarmDerivation(line, history)), asyncio.Event()
    work = asyncio.create_task(last.run(over))
    await reports.send(bus, 2)
    await until(lambda: empty(bus))
    over.set()
    await work
    await line.close()
    await until(lambda: sum(rows.num_rows for rows in handed) >= reports.expected.total())
    stop.set()
    await reading
    await bus.close()
    history.close()
    rows, keys = stored(tmp_path / "history")
    assert rows == reports.expected
    assert keys == sum(1 for _, phase, *_ in reports.expected if phase < facts.PHASE_END)
    assert Counter(one for rows in handed for one in told(rows)) == reports.expected
    assert reader.health()["missed"] == 0


async def test_a_core_killed_again_and_again_loses_and_doubles_no_alarm(server: EmbeddedServer, tmp_path: Path) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    reports, chance = Reports(2), random.Random(7)
    stop = asyncio.Event()

    async def publish() -> None:
        while not stop.is_set():
            await reports.send(bus, 1)
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())

    async def inserted(before: int) -> bool:
        """Whether a plan was written since."""
        with contextlib.suppress(Exception):
            return int((await bus.jetstream().stream_info("KV_ingest")).state.last_seq) > before
        return False

    for round_number in range(2):
        before = 0
        with contextlib.suppress(nats.errors.Error, nats.js.errors.NotFoundError):
            before = int((await bus.jetstream().stream_info("KV_ingest")).state.last_seq)
        process = start(server, tmp_path / "history")
        await until(lambda before=before: inserted(before))  # type: ignore[misc]
        if round_number == 1:
            stop.set()
            await publishing
            await until(lambda: empty(bus))
            process.terminate()
        else:
            await asyncio.sleep(chance.uniform(0, 0.3))
            process.kill()
        await asyncio.to_thread(process.wait, 20)
    await bus.close()
    rows, _ = stored(tmp_path / "history")
    assert rows == reports.expected
    assert rows.total() > 100


def start(server: EmbeddedServer, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROCESS), server.url, str(folder), str(os.getpid())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextlib.asynccontextmanager
async def ingesting(server: EmbeddedServer, history: History) -> AsyncIterator[Ingest]:
    line = await Bus.connect(server.url, "ingest")
    ingest, stop = Ingest(line, history, derivation=AlarmDerivation(line, history)), asyncio.Event()
    work = asyncio.create_task(ingest.run(stop))
    try:
        yield ingest
    finally:
        stop.set()
        await work
        await line.close()


async def test_what_stands_is_known_to_the_next_core(server: EmbeddedServer, history: History, tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000 // SECOND * SECOND - 60 * SECOND
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()

    async def send(number: int, *rows: dict[str, Any]) -> None:
        await bus.publish_fact("fix.0", facts.pack(batch(list(rows), number)), BatchId(77, number), "g")
        await until(lambda: empty(bus))

    begun = item(0x65, 1, now, alarm_id=8, flag=1)
    async with ingesting(server, history):
        both = {"received_at": now + 9 * SECOND}  # begins and ends within one 0x0704
        await send(
            1,
            row(1, now, alarm=0b11),
            row(2, now, video_alarm=2, items=begun),
            row(3, now, alarm=4, **both),
            row(3, now + SECOND, **both),
        )
    async with ingesting(server, history):
        await send(2, row(1, now + SECOND, alarm=0b11), row(2, now + SECOND, video_alarm=2, items=begun))
        over = item(0x65, 1, now + 2 * SECOND, alarm_id=8, flag=2)
        await send(
            3,
            row(1, now + 2 * SECOND, alarm=1),
            row(2, now + 2 * SECOND, video_alarm=0, items=over),
            row(3, now + 2 * SECOND, alarm=4),
        )
    await bus.close()
    history.close()
    rows, keys = stored(tmp_path / "history")
    end = now + 2 * SECOND
    assert rows == Counter(
        [
            (1, 1, "808:00", now, now, False),
            (1, 1, "808:01", now, now, False),
            (1, 2, "808:01", end, now, False),
            (2, 1, "1078:01", now, now, False),
            (2, 2, "1078:01", end, now, False),
            (2, 1, "6501", now, now, False),
            (2, 2, "6501", end, now, False),
            (3, 1, "808:02", now, now, False),
            (3, 2, "808:02", now + SECOND, now, False),
            (3, 1, "808:02", end, end, False),
        ]
    )
    assert keys == 6


async def test_a_reader_that_fails_gets_the_same_alarms_again_in_order(
    server: EmbeddedServer, history: History
) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    taken: list[list[int]] = []
    failures = iter([True, False, True, True, False, False])
    stop = asyncio.Event()

    async def take(rows: pa.RecordBatch) -> None:
        if next(failures, False):
            raise RuntimeError("the registry is away")
        taken.append(rows["vehicle_id"].to_pylist())

    async with ingesting(server, history):
        for number in range(1, 4):
            payload = facts.pack(batch([row(number, T, alarm=1)], number))
            await bus.publish_fact("fix.3", payload, BatchId(77, number), "g")
        await until(lambda: empty(bus))
    first = AlarmReader(bus, "one", take)
    reading = asyncio.create_task(first.run(stop))
    await until(lambda: len(taken) == 3)
    stop.set()
    await reading
    again, stop = AlarmReader(bus, "one", take), asyncio.Event()
    reading = asyncio.create_task(again.run(stop))
    await until(lambda: bool(again.health()["ok"]))
    stop.set()
    await reading
    assert taken == [[1], [2], [3]]
    assert again.rows == 0
    await bus.close()


async def test_an_alarm_that_cannot_be_taken_holds_up_no_other_and_is_tried_at_the_next_start(
    server: EmbeddedServer, history: History
) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    taken: list[int] = []
    away = iter([True] * (reader_module.PATIENCE + 2))

    async def take(rows: pa.RecordBatch) -> None:
        """Of truck 2 it can take nothing; the registry is away at first."""
        if next(away, False):
            raise OperationalError("insert", {}, Exception("connection refused"))
        vehicles = rows["vehicle_id"].to_pylist()
        if 2 in vehicles:
            raise ValueError("longer than the column")
        taken.extend(vehicles)

    async def mended(rows: pa.RecordBatch) -> None:
        taken.extend(rows["vehicle_id"].to_pylist())

    async def reads(take: Callable[[pa.RecordBatch], Awaitable[None]], all_of: list[int], aside: int) -> None:
        reader, stop = AlarmReader(bus, "one", take), asyncio.Event()
        reading = asyncio.create_task(reader.run(stop))
        await until(lambda: taken == all_of and reader.aside == aside and bool(reader.health()["ok"]))
        stop.set()
        await reading

    async with ingesting(server, history):
        for first in (1, 4):
            rows = [row(number, T, alarm=1) for number in range(first, first + 3)]
            await bus.publish_fact("fix.3", facts.pack(batch(rows, first)), BatchId(77, first), "g")
        await until(lambda: empty(bus))
    await reads(take, [1, 3, 4, 5, 6], 1)
    await reads(take, [1, 3, 4, 5, 6], 1)
    await reads(mended, [1, 3, 4, 5, 6, 2], 0)
    await bus.close()


async def test_a_message_that_is_no_alarm_is_set_aside_and_holds_up_none(
    server: EmbeddedServer, history: History
) -> None:
    bus = await Bus.connect(server.url, "gateway")
    await bus.ensure_stream()
    taken: list[int] = []

    async def take(rows: pa.RecordBatch) -> None:
        taken.extend(rows["vehicle_id"].to_pylist())

    async with ingesting(server, history):
        await bus.publish_fact("fix.3", facts.pack(batch([row(1, T, alarm=1)], 1)), BatchId(77, 1), "g")
        await until(lambda: empty(bus))
        await bus.jetstream().publish(f"{facts.ALARM}.3", b"no rows")
        await bus.publish_fact("fix.3", facts.pack(batch([row(2, T, alarm=1)], 2)), BatchId(77, 2), "g")
        await until(lambda: empty(bus))
    for _ in range(2):
        reader, stop = AlarmReader(bus, "one", take), asyncio.Event()
        reading = asyncio.create_task(reader.run(stop))
        await until(lambda: taken == [1, 2] and reader.aside == 1 and bool(reader.health()["ok"]))  # noqa: B023
        stop.set()
        await reading
    await bus.close()


def test_a_reader_s_name_is_a_word() -> None:
    with pytest.raises(ValueError, match="letters"):
        AlarmReader(None, "a.b", None)  # type: ignore[arg-type]
