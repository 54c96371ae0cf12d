"""The gateway with a real nats-server and as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from bus_double import Start
from terminal_double import Terminal, location

from luwei import facts
from luwei.bus import Bus, EmbeddedServer
from luwei.gateway.open_counts import Asked, counts_subject, read
from luwei.settings import Settings
from ports import free_port

Until = Callable[..., Awaitable[None]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "bus", free_port()) as running:
        yield running


@pytest.fixture
async def line(server: EmbeddedServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "test")
    yield bus
    await bus.close()


@pytest.fixture
async def other_line(server: EmbeddedServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "other")
    yield bus
    await bus.close()


async def stored(bus: Bus) -> list[int]:
    """Latitudes of all locations on the bus, in its order."""
    stream = bus.jetstream()
    info = await stream.stream_info(facts.STREAM)
    found: list[int] = []
    for sequence in range(info.state.first_seq, info.state.last_seq + 1):
        message = await stream.get_msg(facts.STREAM, sequence)
        if message.subject and facts.kind_of(message.subject) == facts.FIX and message.data:
            found += facts.unpack(message.data).column("lat_e6").to_pylist()
    return found


async def test_acknowledged_locations_are_in_the_stream(line: Bus, start: Start) -> None:
    gateway = await start(on=line)
    terminals = [Terminal(str(13_800_138_000 + n), 2013 + 6 * (n % 2), f"粤B{n:05}") for n in range(20)]
    for terminal in terminals:
        await terminal.log_in(gateway.wire.port)
    for number, terminal in enumerate(terminals):
        await terminal.send(*(terminal.frame(0x0200, location(22_000_000 + 100 * number + n)) for n in range(10)))
    for terminal in terminals:
        await terminal.results(10)
    assert sorted(await stored(line)) == sorted(22_000_000 + 100 * t + n for t in range(20) for n in range(10))


async def test_bus_that_goes_and_comes_back_costs_no_location(
    line: Bus, server: EmbeddedServer, start: Start, until: Until
) -> None:
    gateway = await start(on=line)
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    await terminal.send(terminal.frame(0x0200, location(22_000_000)))
    await terminal.result()
    await asyncio.to_thread(server.stop)
    await terminal.send(*(terminal.frame(0x0200, location(22_000_001 + n)) for n in range(20)))
    assert await terminal.silent(0.5)
    await until(lambda: gateway.status.last.get("paused"))
    await asyncio.to_thread(server.start)
    assert len(await terminal.results(20, 15)) == 20
    assert sorted(await stored(line)) == [22_000_000 + n for n in range(21)]


async def test_newer_session_on_another_shard_closes_the_older_one(line: Bus, other_line: Bus, start: Start) -> None:
    first, second = await start(on=line), await start(shard=1, on=other_line)
    older = Terminal()
    await older.log_in(first.wire.port)
    newer = Terminal()
    newer.code = older.code
    await newer.log_in(second.wire.port)
    assert await older.closed()
    await newer.send(newer.frame(0x0200, location()))
    assert (await newer.result())[2] == 0


async def test_shards_share_one_port(line: Bus, start: Start) -> None:
    first = await start(on=line)
    second = await start(shard=1, on=line, gateway_port=first.wire.port)
    terminals = [Terminal(str(13_800_138_000 + n), plate=f"粤B{n:05}") for n in range(40)]
    for terminal in terminals:
        await terminal.log_in(first.wire.port)
    assert first.table.count + second.table.count == 40
    assert first.table.count and second.table.count


async def test_process_stops_cleanly_on_sigterm(
    settings: Settings, server: EmbeddedServer, line: Bus, tmp_path: Path
) -> None:
    port, status = free_port(), free_port()
    env = {
        **os.environ,
        "LUWEI_DATA": str(tmp_path),
        "LUWEI_BUS": server.url,
        "LUWEI_GATEWAY_PORT": str(port),
        "LUWEI_STATUS_PORT": str(status - 1),
        "LUWEI_ADMISSION": "open",
    }
    code = "from luwei.gateway import service; from luwei.settings import Settings; service.run(Settings.load(), 0)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=env)
    terminal = Terminal()
    deadline = time.monotonic() + 60
    while True:
        try:
            await terminal.log_in(port)
            break
        except OSError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    await terminal.send(terminal.frame(0x0200, location(22_000_000)))
    await terminal.result()
    reader, writer = await asyncio.open_connection("127.0.0.1", status)
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    metrics = (await reader.read()).decode()
    assert "luwei_gateway_locations_total 1.0" in metrics
    writer.close()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert await terminal.closed()
    assert await stored(line) == [22_000_000]
    events = []
    stream = line.jetstream()
    info = await stream.stream_info(facts.STREAM)
    for sequence in range(info.state.first_seq, info.state.last_seq + 1):
        message = await stream.get_msg(facts.STREAM, sequence)
        if message.subject and message.data and facts.kind_of(message.subject) == facts.SESSION:
            events += facts.unpack(message.data).column("event").to_pylist()
    assert events == ["authenticated", "closed"]


async def test_an_open_session_tells_its_counts_on_request(line: Bus, other_line: Bus, start: Start) -> None:
    gateway = await start(on=line)
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    good = [terminal.frame(0x0200, location(22_000_000 + n)) for n in range(10)]
    spoilt = bytearray(terminal.frame(0x0200, location(22_000_099)))
    spoilt[-2] ^= 1
    await terminal.send(*good, bytes(spoilt), terminal.frame(0x0002))
    await terminal.results(11)
    session = gateway.table.by_phone[terminal.phone].session

    async def counts(of: int) -> Mapping[str, dict[str, int]]:
        asked = msgspec.msgpack.encode(Asked({terminal.phone: of, "13999999999": of}))
        return read(await other_line.request(counts_subject(gateway.boot), asked, 5))

    told = (await counts(session))[terminal.phone]
    assert (told["locations"], told["refused"]) == (10, 1)
    assert told["bytes_in"] >= sum(map(len, good)) + len(spoilt)
    assert await counts(session + 1) == {}
    terminal.writer.close()
    await terminal.closed()
    deadline = asyncio.get_running_loop().time() + 60
    while await counts(session):
        assert asyncio.get_running_loop().time() < deadline, "the closed session is still told"
        await asyncio.sleep(0.05)
