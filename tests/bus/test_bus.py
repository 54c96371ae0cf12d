"""The bus against a real nats-server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from nats.js.api import KeyValueConfig
from nats.js.errors import NotFoundError

from luwei.bus import Bus, BusAway, EmbeddedServer, RequestFailed, alarm_stream, connection
from luwei.facts import BatchId
from pace import one_within


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


async def freeze(pid: int | None) -> None:
    """Stop a process as a hung machine would, and wait until it is stopped."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: all(stat.read_text().rsplit(")", 1)[1].split()[0] == "T" for stat in threads(pid)))


def threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/stat"))


async def stored(bus: Bus) -> int:
    info = await bus.jetstream().stream_info("facts")
    return int(info.state.messages)


async def persistently(call: Callable[[], Awaitable[int]], seconds: float = 60) -> int:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await call()
        except BusAway:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_fact_gets_consecutive_stream_sequences(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    assert await bus.publish_fact("fix.0", b"one", BatchId(7, 1), "gw-0") == 1
    assert await bus.publish_fact("ledger.0", b"two", BatchId(7, 2), "gw-0") == 2
    assert await stored(bus) == 2
    await bus.close()


async def test_a_repeated_id_is_stored_once_and_answers_the_first_sequence(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    assert await bus.publish_fact("fix.0", b"one", BatchId(7, 1), "gw-0") == 1
    assert await bus.publish_fact("fix.0", b"one", BatchId(7, 1), "gw-0") == 1
    assert await stored(bus) == 1
    await bus.close()


async def test_acknowledged_facts_survive_a_killed_server(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    sent = 0
    for _ in range(3):
        for _ in range(20):
            sent += 1
            number = sent
            await persistently(lambda n=number: bus.publish_fact("fix.0", b"x" * 5000, BatchId(7, n), "gw-0"))  # type: ignore[misc]
        server.kill()
        await until(lambda: not bus.connected)
        with pytest.raises(BusAway):
            await bus.publish_fact("fix.0", b"lost", BatchId(8, sent), "gw-0")
        server.start()
        await until(lambda: bus.connected)
    assert await stored(bus) == sent == 60
    await bus.close()


async def test_the_line_is_back_within_two_seconds_of_the_server(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()

    async def away_and_back() -> float:
        server.kill()
        await until(lambda: not bus.connected)
        await asyncio.sleep(1.5)  # let the pauses between attempts grow to their longest
        server.start()
        began = time.monotonic()
        await until(lambda: bus.connected)
        return time.monotonic() - began

    await one_within(2, away_and_back)
    await bus.close()


async def test_a_waiting_publication_fails_at_once_when_the_server_dies(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()

    async def dies_meanwhile() -> float:
        await freeze(server.pid)
        waiting = asyncio.create_task(bus.publish_fact("fix.0", b"x", BatchId(7, 1), "gw-0", timeout_s=120))
        await asyncio.sleep(0.2)
        server.kill()
        began = time.monotonic()
        with pytest.raises(BusAway):
            await waiting
        took = time.monotonic() - began
        server.start()
        await until(lambda: bus.connected)
        return took

    await one_within(1, dies_meanwhile)
    await bus.close()


async def test_a_server_that_hangs_is_noticed(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.5)
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    await freeze(server.pid)
    try:
        with pytest.raises(BusAway):
            await bus.publish_fact("fix.0", b"x", BatchId(7, 1), "gw-0", timeout_s=0.3)
        await until(lambda: not bus.connected)
    finally:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGCONT)
    await until(lambda: bus.connected)
    assert await persistently(lambda: bus.publish_fact("fix.0", b"x", BatchId(7, 1), "gw-0")) == 1
    assert await stored(bus) == 1
    await bus.close()


async def test_a_bus_that_is_not_there_yet_is_awaited_in_the_background(tmp_path: Path, port: int) -> None:
    heard: list[bytes] = []
    bus = await Bus.connect(f"nats://127.0.0.1:{port}", "test")
    assert not bus.connected

    async def take(subject: str, payload: bytes, headers: dict[str, str]) -> None:
        heard.append(payload)

    await bus.subscribe("gateway.status.*", take)
    with pytest.raises(BusAway):
        await bus.ensure_stream()
    await bus.publish("gateway.status.0", b"nobody hears this")
    with EmbeddedServer(tmp_path, port):
        await until(lambda: bus.connected)
        assert await persistently(lambda: bus.publish_fact("fix.0", b"x", BatchId(7, 1), "gw-0")) == 1
        await bus.publish("gateway.status.0", b"but this")
        await until(lambda: heard == [b"but this"])
        await bus.close()


async def test_subscriptions_hooks_and_services_live_through_a_restart(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    heard: list[tuple[str, bytes]] = []
    returns: list[int] = []

    async def take(subject: str, payload: bytes, headers: dict[str, str]) -> None:
        heard.append((subject, payload))
        if payload == b"bad":
            raise ValueError("a handler's error must not end its subscription")

    async def double(subject: str, payload: bytes) -> bytes:
        return payload * 2

    async def back() -> None:
        returns.append(1)

    await bus.subscribe("registry.changed", take)
    await bus.serve("double", double)
    bus.on_connected(back)
    await bus.publish("registry.changed", b"bad")
    await until(lambda: len(heard) == 1)
    server.kill()
    await until(lambda: not bus.connected)
    server.start()
    await until(lambda: bus.connected and returns == [1])
    await bus.publish("registry.changed", b"good")
    await until(lambda: heard[-1] == ("registry.changed", b"good"))
    assert await bus.request("double", b"ab", 2) == b"abab"
    await bus.drain()
    assert not bus.connected


async def test_a_request_reports_absence_slowness_and_failure(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")

    async def fail(subject: str, payload: bytes) -> bytes:
        raise KeyError("vehicle 5")

    async def hang(subject: str, payload: bytes) -> bytes:
        await asyncio.sleep(5)
        return b""

    await bus.serve("fail", fail)
    await bus.serve("hang", hang)
    with pytest.raises(BusAway, match="nobody"):
        await bus.request("nothing", b"", 1)
    with pytest.raises(BusAway):
        await bus.request("hang", b"", 0.2)
    with pytest.raises(RequestFailed, match="KeyError: 'vehicle 5'"):
        await bus.request("fail", b"", 1)
    await bus.close()


async def test_a_full_stream_refuses_and_takes_again_when_there_is_room(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream(max_bytes=100_000)
    with pytest.raises(BusAway, match="maximum bytes"):
        for number in range(1, 20):
            await bus.publish_fact("fix.0", b"x" * 10_000, BatchId(7, number), "gw-0")
    await bus.jetstream().purge_stream("facts")
    assert await bus.publish_fact("fix.0", b"x" * 10_000, BatchId(7, 99), "gw-0") > 0
    await bus.close()


async def test_a_full_stream_leaves_room_for_the_plans_of_the_ingest(tmp_path: Path, port: int) -> None:
    with EmbeddedServer(tmp_path, port, max_store=200_000) as server:
        bus = await Bus.connect(server.url, "test")
        await bus.ensure_stream()
        info = await bus.jetstream().stream_info("facts")
        assert info.config.max_bytes == (128 << 10) - 2  # what is left of 64 GiB less 1 MiB after 19 halvings
        taken = 0
        with pytest.raises(BusAway, match="maximum bytes"):
            for number in range(1, 60):
                await bus.publish_fact("fix.0", b"x" * 10_000, BatchId(7, number), "gw-0")
                taken = number
        assert taken == await stored(bus) > 10
        plans = await bus.jetstream().create_key_value(bucket="ingest")
        assert await plans.put("plan", b"x" * 10_000) == 1
        await bus.jetstream().purge_stream("facts")
        assert await bus.publish_fact("fix.0", b"x", BatchId(7, 99), "gw-0") > 0
        await bus.close()


async def test_what_can_never_be_sent_is_refused_as_a_mistake(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    with pytest.raises(ValueError, match="subject"):
        await bus.publish_fact("gateway.status.0", b"", BatchId(7, 1), "gw-0")
    with pytest.raises(ValueError, match="bytes"):
        await bus.publish_fact("fix.0", bytes(9 << 20), BatchId(7, 1), "gw-0")
    assert bus.connected
    await bus.close()


@pytest.mark.parametrize("url", ["", "http://x:1", "nats://", "nats://h:port", "nats://h:99999", "h"])
async def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        await Bus.connect(url, "test")


async def test_changed_settings_reach_an_existing_stream(server: EmbeddedServer) -> None:
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    await bus.publish_fact("fix.0", b"kept", BatchId(7, 1), "gw-0")
    await bus.ensure_stream(duplicate_window_s=30)
    info = await bus.jetstream().stream_info("facts")
    assert info.config.duplicate_window == 30
    assert info.state.messages == 1
    assert info.config.retention == "workqueue"
    assert info.config.discard == "new"
    assert (info.config.max_bytes or 0) > 0
    await bus.close()


@pytest.mark.parametrize("gib", [16, 18, 20])
async def test_the_stream_of_alarms_waits_for_that_of_facts_and_leaves_room_for_plans(
    tmp_path: Path, port: int, gib: int
) -> None:
    """Asked for both at once a server of 18 GiB grants 16 and 4, and then refuses every bucket (10047) for good."""
    with EmbeddedServer(tmp_path, port, max_store=gib << 30) as server:
        bus = await Bus.connect(server.url, "core")
        stream = bus.jetstream()
        with pytest.raises(NotFoundError):
            await alarm_stream.ensure(stream)
        await bus.ensure_stream()
        await alarm_stream.ensure(stream)
        await stream.create_key_value(KeyValueConfig(bucket="plan", history=1))
        await bus.close()
