"""The live feed on a real bus: what it hears, what it reads again, what it survives."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from luwei import facts
from luwei.bus import Bus, EmbeddedServer
from luwei.live.feed import LiveFeed, Owners, now_ms
from luwei.live.fleet import Fleet
from luwei.live.gateways import GatewayBoard
from luwei.live.view import Selection
from pace import one_within
from ports import free_port


def batch(vehicle: int, at: int, **values: Any) -> pa.RecordBatch:
    row: dict[str, Any] = dict.fromkeys(facts.LOCATION.names, 0) | {
        "vehicle_id": vehicle, "at": at, "device_at": at, "received_at": at, "lat_e6": 23_000_000,
        "lon_e6": 113_000_000, "items": b"", "speed_dkmh": 500, "status": 3,
    }  # fmt: skip
    return facts.rows_to_batch(facts.FIX, [row | values])


class Stores:
    """The history's latest rows and the registry's vehicles, as a test wants them."""

    def __init__(self) -> None:
        self.rows = pa.Table.from_batches([], facts.LOCATION)
        self.ids: list[int] = []
        self.latest_read = 0
        self.fails = 0

    def latest(self) -> pa.Table:
        self.latest_read += 1
        if self.fails:
            self.fails -= 1
            raise OSError("away")
        return self.rows

    def owners(self) -> Owners:
        n = len(self.ids)
        return Owners(self.ids, [440300] * n, [440305] * n, [9] * n)


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", port) as running:
        yield running


@pytest.fixture
async def bus(server: EmbeddedServer) -> AsyncIterator[Bus]:
    line = await Bus.connect(server.url, "test")
    yield line
    await line.close()


@pytest.fixture
async def made(bus: Bus) -> AsyncIterator[tuple[LiveFeed, Stores, Bus]]:
    stores = Stores()
    feed = LiveFeed(Fleet(), GatewayBoard(), bus, stores.latest, stores.owners)
    yield feed, stores, bus
    await feed.stop()


Made = tuple[LiveFeed, Stores, Bus]


async def test_a_location_on_the_bus_is_seen_within_the_second_and_its_delay_is_known(made: Made) -> None:
    feed, stores, bus = made
    stores.ids = [5]
    await feed.start()
    await until(lambda: feed.ready and feed.fleet.size)
    sent_at = now_ms()
    await bus.publish("fix.0", facts.pack(batch(5, sent_at)))
    await until(lambda: feed.counts(Selection()).moving == 1)
    assert feed.counts(Selection(city=440300)).total == 1
    assert feed.counts(Selection(city=440100)).total == 0
    await until(lambda: feed.pace.delay_ms is not None)
    assert feed.pace.delay_ms is not None and 0 <= feed.pace.delay_ms <= now_ms() - sent_at


async def test_after_a_restart_the_last_positions_come_from_the_history_and_never_overwrite_newer_ones(
    made: Made,
) -> None:
    feed, stores, _ = made
    now = now_ms()
    stores.ids = [1, 2]
    stores.rows = pa.Table.from_batches([batch(1, now - 90_000, lat_e6=1), batch(2, now - 400_000)])
    feed.fleet.apply(batch(1, now, lat_e6=24_000_000), now)
    await feed.start()
    await until(lambda: feed.ready)
    assert feed.fleet.lat_e6[1] == 24_000_000
    present = feed.fleet.present(2)
    assert present is not None and present.state == "offline"


async def test_a_history_that_is_away_is_asked_again(made: Made) -> None:
    feed, stores, _ = made
    stores.fails = 1
    await feed.start()
    await until(lambda: feed.ready)
    assert stores.latest_read == 2


async def test_a_truck_created_just_now_is_shown_without_waiting_for_the_next_reading(made: Made) -> None:
    feed, stores, bus = made
    await feed.start()
    await until(lambda: feed.ready)
    stores.ids = [77]
    await bus.publish("fix.0", facts.pack(batch(77, now_ms())))
    await until(lambda: feed.counts(Selection()).moving == 1)


async def test_a_changed_registry_is_read_at_once(made: Made) -> None:
    feed, stores, bus = made
    await feed.start()
    await until(lambda: feed.ready)
    stores.ids = [3]
    await bus.publish("registry.changed", json.dumps({"noun": "vehicle", "ids": [3]}).encode())
    await until(lambda: feed.fleet.size > 3 and feed.fleet.known[3])


async def test_garbage_on_the_bus_harms_nothing(made: Made) -> None:
    feed, stores, bus = made
    stores.ids = [5]
    await feed.start()
    await until(lambda: feed.ready)
    await bus.publish("fix.0", b"not arrow")
    await bus.publish("fix.0", facts.pack(pa.RecordBatch.from_pydict({"vehicle_id": [1]})))
    await bus.publish("gateway.status.0", b"\xff")
    await bus.publish("fix.0", facts.pack(batch(5, now_ms())))
    await until(lambda: feed.fleet.present(5) is not None)


async def test_what_was_missed_while_the_line_was_down_is_read_from_the_history(
    made: Made, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luwei.live.feed.REFILL_AFTER_LINE_S", 0.1)
    feed, stores, bus = made
    stores.ids = [5]
    await feed.start()
    await until(lambda: feed.ready)
    await asyncio.to_thread(server.stop)
    await until(lambda: not bus.connected)
    stores.rows = pa.Table.from_batches([batch(5, now_ms())])
    await asyncio.to_thread(server.start)
    await until(lambda: feed.fleet.present(5) is not None)


async def test_waiting_screens_wake_once_a_second_and_when_the_feed_stops(made: Made) -> None:
    feed, _, _ = made
    await feed.start()

    async def two_seconds() -> float:
        before = time.monotonic()
        await feed.next_second()
        await feed.next_second()
        return time.monotonic() - before

    await one_within(2.5, two_seconds)
    waiting = asyncio.create_task(feed.next_second())
    await asyncio.sleep(0)
    await feed.stop()
    await asyncio.wait_for(waiting, 30)
