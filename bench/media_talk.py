"""Talk: what a media process costs for a talk, and how long a word takes until its echo is back.

Every talk has a terminal that sends back what comes down, and a supervisor who says a word now and then. The plain
relay in the same run passes packets of such a talk both ways: as many, of the same size, at the same pace.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvloop
from bench import media

from luwei.bus import Bus, EmbeddedServer
from luwei.media.orders import (
    BINARY,
    NODE_SUBJECT,
    RECORD,
    TALK,
    TEXT,
    Admit,
    Announcement,
    Expect,
    TalkOrder,
    node_subject,
)  # fmt: skip
from luwei.protocol.jt1078.stream import PacketReader
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from ports import free_port, free_ports, free_run_of_ports

RATE, BLOCK_MS, FRAME_MS = 8_000, 40, 20
WORD_EVERY_S, WORD_MS = 1.0, 200
SILENCE = b"\xd5" * (RATE * BLOCK_MS // 1000)
LOUD = 4_000
"""A sample beyond this belongs to a word: the tone has 12,000."""
START_S = 60
PACKET_OCTETS = 26 + len(SILENCE)


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, as soon as somebody listens there."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


def terminals(port: int, talks: int, go: Any, stop: Any) -> None:
    """Terminals of talk: each sends blocks of silence, and what comes down instead once something does; they come when
    ``go`` is set, that is when somebody has called them."""
    os.nice(5)
    go.wait(START_S)

    async def one(number: int) -> None:
        reader, writer = await _connected(port)
        packets = PacketWriter(sim_field(str(media.FIRST_PHONE + number)), 1)
        heard = PacketReader(6, sound=True)
        said: list[bytes] = []

        async def hear() -> None:
            while data := await reader.read(8_192):
                said.extend(packet.body for packet in heard.feed(data) if hasattr(packet, "body"))

        hearing = asyncio.create_task(hear())
        began, tick = time.monotonic() + number * BLOCK_MS / talks / 1000, 0
        while not stop.is_set():
            block = bytes(said.pop(0)) if said else SILENCE
            writer.write(b"".join(packets.audio(block, 6, tick * BLOCK_MS)))
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * BLOCK_MS / 1000 - time.monotonic()))
        hearing.cancel()
        writer.close()

    async def run() -> None:
        await asyncio.gather(*(one(number) for number in range(talks)), return_exceptions=True)

    uvloop.run(run())


def supervisors(url: str, talks: int, go: Any, stop: Any, told: Any) -> None:
    """Supervisors, who begin their talks themselves: a node ends one that nobody joins. Each speaks all the time,
    silence and words; ``told`` gets how many ms each echo took."""
    os.nice(5)
    frame = RATE * FRAME_MS // 1000
    silence = np.zeros(frame, "<i2").tobytes()
    tone = (12_000 * np.sin(np.arange(frame) * 2 * np.pi * 700 / RATE)).astype("<i2").tobytes()
    heads = {len(part): RECORD.pack(len(part), BINARY) for part in (silence, tone)}

    async def one(number: int, port: int, hello: bytes) -> None:
        reader, writer = await _connected(port)
        writer.write(hello)
        spoken: list[float] = []

        async def hear() -> None:
            quiet = 0
            while True:
                size, kind = RECORD.unpack(await reader.readexactly(RECORD.size))
                body = await reader.readexactly(size)
                if kind != BINARY:
                    continue
                samples = np.frombuffer(body[1:], "<i2").astype(np.int32)  # behind the octet of the track
                loud = int(np.abs(samples).max(initial=0)) > LOUD
                if loud and quiet > 5 and spoken:
                    told.append((time.monotonic() - spoken[-1]) * 1000)
                quiet = 0 if loud else quiet + 1

        hearing = asyncio.create_task(hear())
        began, tick = time.monotonic() + number * FRAME_MS / talks / 1000, 0
        every, long = round(WORD_EVERY_S * 1000 / FRAME_MS), WORD_MS // FRAME_MS
        while not stop.is_set():
            word = tick % every < long
            if tick % every == 0:
                spoken.append(time.monotonic())
            part = tone if word else silence
            writer.write(heads[len(part)] + part)
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * FRAME_MS / 1000 - time.monotonic()))
        hearing.cancel()
        writer.close()

    async def run() -> None:
        targets = await _prepare(url, talks)
        go.set()
        await asyncio.gather(*(one(n, *target) for n, target in enumerate(targets)), return_exceptions=True)

    uvloop.run(run())


def paced(ports: list[int], stop: Any, counted: Any) -> None:
    """Connections that send a packet of a talk each 40 ms and read what comes."""
    os.nice(5)
    block = b"".join(PacketWriter(sim_field(str(media.FIRST_PHONE)), 1).audio(SILENCE, 6, 0))
    assert len(block) == PACKET_OCTETS

    async def one(number: int, port: int) -> None:
        reader, writer = await _connected(port)
        hearing = asyncio.create_task(_drain(reader, counted))
        began, tick = time.monotonic() + number * BLOCK_MS / len(ports) / 1000, 0
        while not stop.is_set():
            writer.write(block)
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * BLOCK_MS / 1000 - time.monotonic()))
        hearing.cancel()
        writer.close()

    async def run() -> None:
        await asyncio.gather(*(one(number, port) for number, port in enumerate(ports)), return_exceptions=True)

    uvloop.run(run())


async def _drain(reader: asyncio.StreamReader, counted: Any) -> None:
    while data := await reader.read(65_536):
        counted.value += len(data)


def relay(ports: list[int], out_ports: list[int], stop: Any) -> None:
    """What comes to a port goes to the connection of the port with the same place, and back."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ends: list[list[Any]] = [[None, None] for _ in ports]

        class End(asyncio.Protocol):
            def __init__(self, place: int, side: int) -> None:
                self.place, self.side = place, side

            def connection_made(self, transport: Any) -> None:
                ends[self.place][self.side] = transport

            def data_received(self, data: bytes) -> None:
                other = ends[self.place][1 - self.side]
                if other is not None and not other.is_closing():
                    other.write(data)

        for side, numbers in enumerate((ports, out_ports)):
            for place, port in enumerate(numbers):
                await loop.create_server(lambda place=place, side=side: End(place, side), "127.0.0.1", port)
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    uvloop.run(run())


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {START_S} s")
        time.sleep(0.1)


def by_relay(talks: int, seconds: float) -> float:
    """Share of a core."""
    part = media.Part()
    try:
        ports, outs = free_ports(talks), free_ports(talks)
        pid = part.start(relay, ports, outs, part.stop)
        time.sleep(1.5)
        counters = [part.spawn.Value("Q", 0, lock=False) for _ in (ports, outs)]
        for side, counted in zip((ports, outs), counters, strict=True):
            part.start(paced, side, part.stop, counted)
        _until(lambda: all(each.value > talks * PACKET_OCTETS for each in counters), "packets on both sides")
        time.sleep(media.SETTLE_S)
        return part.measure(pid, seconds)[0]
    finally:
        part.end()


def by_node(talks: int, seconds: float) -> tuple[float, list[float]]:
    """Share of a core, and ms from a word to its echo."""
    part = media.Part()
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "bus", free_port()) as server:
        manager = part.spawn.Manager()
        try:
            port = free_run_of_ports(3)
            pid = part.start(media.node, port, server.url, folder, part.stop)
            told, go = manager.list(), part.spawn.Event()
            part.start(terminals, port + 2, talks, go, part.stop)
            part.start(supervisors, server.url, talks, go, part.stop, told)
            _until(lambda: len(told) >= talks, "echoes")
            time.sleep(media.SETTLE_S)
            del told[:]
            share, _ = part.measure(pid, seconds)
            return share, list(told)
        finally:
            part.end()
            manager.shutdown()


async def _prepare(url: str, talks: int) -> list[tuple[int, bytes]]:
    """Tell the node what to expect and whom to admit; where supervisors go, and what they say first."""
    bus = await Bus.connect(url, "bench")
    heard: asyncio.Future[Announcement] = asyncio.get_running_loop().create_future()

    async def take(_: str, payload: bytes, __: dict[str, str]) -> None:
        if not heard.done():
            heard.set_result(msgspec.msgpack.decode(payload, type=Announcement))

    await bus.subscribe(NODE_SUBJECT, take)
    said = await asyncio.wait_for(heard, 30)
    targets = []
    for number in range(talks):
        phone = str(media.FIRST_PHONE + number)
        order = TalkOrder(f"t{number}", TALK)
        expect = Expect(f"t{number}-{phone}", TALK, phone, 1, TALK, talk=order)
        await bus.request(node_subject(said.node), msgspec.msgpack.encode(expect), 5)
        key = secrets.token_hex(8)
        admit = Admit(f"t{number}", key, key, [], True, 60_000)
        await bus.request(node_subject(said.node), msgspec.msgpack.encode(admit), 5)
        hello = msgspec.json.encode({"key": key})
        targets.append((said.view_port, RECORD.pack(len(hello), TEXT) + hello))
    await bus.close()
    return targets


def talks(count: int, seconds: float, rounds: int) -> None:
    """Print a line a round."""
    for _ in range(rounds):
        plain = by_relay(count, seconds)
        share, echoes = by_node(count, seconds)
        late = sorted(echoes)[(len(echoes) - 1) * 19 // 20]
        print(
            f"{count} talks of G.711: relay {plain:.3f} core, media {share:.3f} = {share / plain:.1f} x, "
            f"{share / count * 1000:.2f} ms of CPU a talk and second; {len(echoes)} words, echo after "
            f"{statistics.median(echoes):.0f} ms in the median, {late:.0f} in 19 of 20, {max(echoes):.0f} at most"
        )
