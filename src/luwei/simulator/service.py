"""Runs a fleet of simulated terminals against a gateway: sockets, clock and the schedule.

One heap of due times and one timer serve all terminals; a terminal costs nothing between its reports.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import resource
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any, cast

import structlog
import uvloop

from luwei import telemetry
from luwei.simulator.attachments import AT_ONCE
from luwei.simulator.dialects import STANDARD
from luwei.simulator.driving import Drive
from luwei.simulator.faults import Misbehaviour
from luwei.simulator.fleet import Truck
from luwei.simulator.fleet import trucks as fleet_of
from luwei.simulator.reactions import open_with_alarms
from luwei.simulator.terminal import OFFLINE, ONLINE, Terminal
from luwei.simulator.truth import Truth

log = structlog.get_logger()

TICK_S = 0.05
CONNECTS_PER_S = 200
"""First connections are spread so that a whole fleet does not knock in one instant."""
RETRY_FIRST_S, RETRY_LONGEST_S = 1.0, 30.0
CONNECT_TIMEOUT_S = 10.0
STATUS_S = 30.0
DRAIN_S = 2.0
"""At the end, how long to wait for acknowledgements that are under way."""


class _Stream(asyncio.Protocol):
    """TCP connection of one terminal."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._line.up(self)

    def data_received(self, data: bytes) -> None:
        self._line.data(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.down(self)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    """UDP socket of one terminal: each frame is one datagram."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._line.up(self)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._line.data(self, data)

    def error_received(self, exc: Exception) -> None:
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.down(self)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


Link = _Stream | _Datagrams


class Line:
    """A terminal with its link to the gateway, and the next try when it has none."""

    def __init__(self, fleet: Running, terminal: Terminal, udp: bool) -> None:
        self.fleet = fleet
        self.terminal = terminal
        self.udp = udp
        self.link: Link | None = None
        self.connecting = False
        self.retry_at_s = 0.0
        self._retry_s = RETRY_FIRST_S
        self._hanging: list[Link] = []

    def up(self, link: Link) -> None:
        self.connecting = False
        self.link = link
        self._send(self.terminal.connected(self.fleet.now_s()))
        self.fleet.schedule(self)

    def data(self, link: Link, data: bytes) -> None:
        if link is not self.link:
            return  # the silent old connection of a fault
        self._send(self.terminal.received(data, self.fleet.now_s()))
        if self.terminal.phase == ONLINE:
            self._retry_s = RETRY_FIRST_S
        for errand in self.terminal.commands.equipment.taken(self.fleet.uploads):
            self.fleet.start(errand, self)
        self.fleet.schedule(self)

    def down(self, link: Link) -> None:
        if link in self._hanging:
            self._hanging.remove(link)
        if link is not self.link:
            return
        self.link = None
        self._later()
        self.terminal.disconnected(self.fleet.now_s())
        self.fleet.schedule(self)

    def due(self, now_s: float) -> None:
        """The terminal's time has come."""
        terminal = self.terminal
        if self.link is None and not self.connecting and now_s >= self.retry_at_s and now_s >= terminal.blocked_until_s:
            self.connecting = True
            self.fleet.connect(self)
        if now_s >= terminal.next_s:
            self._send(terminal.due(now_s))

    def next_s(self) -> float:
        """When ``due`` is to be called."""
        if self.link is None and not self.connecting:
            return min(self.terminal.next_s, max(self.retry_at_s, self.terminal.blocked_until_s))
        return self.terminal.next_s

    def failed(self) -> None:
        """No connection could be made."""
        self.connecting = False
        self._later()
        self.fleet.schedule(self)

    def stop(self) -> None:
        for link in [*self._hanging, *([self.link] if self.link else [])]:
            link.close()

    def _later(self) -> None:
        self.retry_at_s = self.fleet.now_s() + self._retry_s * self.terminal.rng.uniform(0.5, 1.5)
        self._retry_s = min(self._retry_s * 2, RETRY_LONGEST_S)

    def _send(self, chunks: list[bytes]) -> None:
        link, terminal = self.link, self.terminal
        if link is not None:
            if self.udp:
                for chunk in chunks:
                    link.write(chunk)
            elif chunks:
                link.write(b"".join(chunks))
            if terminal.hang_wanted:
                terminal.hang_wanted = False
                self._hanging.append(link)
                self.link = None
                self.retry_at_s = 0.0
                terminal.disconnected(self.fleet.now_s())
            elif terminal.close_wanted:
                terminal.close_wanted = False
                link.close()


class Running:
    """All lines of one simulation and their clock."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.lines: list[Line] = []
        self._heap: list[tuple[float, int, Line]] = []
        self._planned: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._offset_s = time.time() - time.monotonic()
        self.uploads = asyncio.Semaphore(AT_ONCE)

    def now_s(self) -> float:
        """Seconds since 1970 that never run backwards."""
        return time.monotonic() + self._offset_s

    def schedule(self, line: Line) -> None:
        """Call the line when it is due; only the newest plan of a line counts."""
        at_s = line.next_s()
        if self._planned.get(id(line)) != at_s:
            self._planned[id(line)] = at_s
            heapq.heappush(self._heap, (at_s, id(line), line))

    def connect(self, line: Line) -> None:
        self.start(self._connect(line), line)

    def start(self, errand: Coroutine[Any, Any, None], line: Line) -> None:
        """Run what needs connections of its own; it ends with the simulation."""
        task = asyncio.get_running_loop().create_task(errand)
        self._tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.schedule(line)  # it may have left something to say

        task.add_done_callback(over)

    async def _connect(self, line: Line) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if line.udp:
                    await loop.create_datagram_endpoint(lambda: _Datagrams(line), remote_addr=(self.host, self.port))
                else:
                    await loop.create_connection(lambda: _Stream(line), self.host, self.port)
        except (OSError, TimeoutError):
            line.failed()

    def turn(self, now_s: float) -> None:
        """Serve every line that is due."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            at_s, key, line = heapq.heappop(heap)
            if self._planned.get(key) != at_s:
                continue
            del self._planned[key]
            line.due(now_s)
            self.schedule(line)

    def status(self) -> dict[str, int]:
        """Counts over the whole fleet."""
        terminals = [line.terminal for line in self.lines]
        return {
            "trucks": len(terminals),
            "online": sum(t.phase == ONLINE for t in terminals),
            "offline": sum(t.phase == OFFLINE for t in terminals),
            "moving": sum(t.drive.moving for t in terminals),
            "sent": sum(t.sent for t in terminals),
            "batches": sum(t.batches for t in terminals),
            "resent": sum(t.resent for t in terminals),
            "waiting": sum(len(t.pending) for t in terminals),
            "backlog": sum(len(t.backlog) for t in terminals),
            "reconnects": sum(t.reconnects for t in terminals),
        }

    async def finish(self) -> None:
        """Stop reporting, wait a moment for acknowledgements, close everything."""
        for _ in range(round(DRAIN_S / TICK_S)):
            if not any(line.link and line.terminal.pending for line in self.lines):
                break
            await asyncio.sleep(TICK_S)
        for task in self._tasks:
            task.cancel()
        for line in self.lines:
            line.terminal.give_up()
            line.stop()
        await asyncio.sleep(0)


def terminals(
    fleet: list[Truck],
    truth: Truth,
    now_s: float,
    *,
    seed: int = 0,
    misbehave: bool = False,
    awake: bool = False,
    interval_s: float | None = None,
    host: str = "127.0.0.1",
    port: int = 7611,
) -> list[Terminal]:
    """The terminals of a fleet, each somewhere on its way."""
    result = []
    for truck in fleet:
        drive = Drive(truck, seed, now_s, awake)
        faults = Misbehaviour(Random(f"faults {seed} {truck.number}")) if misbehave else None
        result.append(Terminal(drive, truth, misbehaviour=faults, interval_s=interval_s, host=host, port=port))
    return result


async def simulate(
    fleet: list[Truck],
    host: str,
    port: int,
    truth: Truth,
    stop: asyncio.Event,
    *,
    seed: int = 0,
    misbehave: bool = False,
    awake: bool = False,
    interval_s: float | None = None,
    udp_share: float = 0.0,
    lively: bool = False,
) -> dict[str, int]:
    """Drive ``fleet`` until ``stop`` is set; returns the last status with ``acked``, ``refused`` and ``open`` reports.

    Connections that fail are tried again for ever. ``interval_s``: seconds between reports, 10 to 30 by default.
    ``lively``: begin with alarms of every grade.
    """
    running = Running(host, port)
    made = terminals(
        fleet, truth, running.now_s(), seed=seed, misbehave=misbehave, awake=awake,
        interval_s=interval_s, host=host, port=port,
    )  # fmt: skip
    if lively:
        open_with_alarms(made, running.now_s())
    choice = Random(f"udp {seed}")
    start_s = running.now_s()
    for number, terminal in enumerate(made):
        line = Line(running, terminal, choice.random() < udp_share)
        line.retry_at_s = start_s + number / CONNECTS_PER_S
        running.lines.append(line)
        running.schedule(line)
    log.info("simulation started", trucks=len(made), host=host, port=port, seed=seed, misbehave=misbehave)
    said_s = start_s
    while not stop.is_set():
        now_s = running.now_s()
        running.turn(now_s)
        if now_s - said_s >= STATUS_S:
            said_s = now_s
            log.info("simulation", **running.status(), acked=truth.acked, refused=truth.refused)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_S)
    status = running.status()
    await running.finish()
    status |= {"acked": truth.acked, "refused": truth.refused, "open": truth.open}
    log.info("simulation ended", **status, faults=truth.faults)
    return status


def run(
    trucks: int,
    host: str,
    port: int,
    *,
    seed: int = 0,
    misbehave: bool = False,
    truth: Path | None = None,
    duration_s: float = 0,
    interval_s: float | None = None,
    awake: bool = False,
    udp_share: float = 0.0,
    profiles: str = STANDARD,
    lively: bool = False,
) -> dict[str, int]:
    """Simulate until SIGTERM or SIGINT, or for ``duration_s`` seconds when it is not 0; returns the last counts.

    ``profiles``: how the terminals speak (``luwei.simulator.dialects``). ``truth``: file that records what was sent
    (luwei.simulator.truth). Raises OSError when it cannot be written.
    """
    telemetry.configure_logging("simulator")
    fleet = fleet_of(trucks, seed, profiles=profiles)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def main() -> dict[str, int]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if duration_s:
            loop.call_later(duration_s, stop.set)
        with Truth(truth) as record:
            return await simulate(
                fleet, host, port, record, stop, seed=seed, misbehave=misbehave, awake=awake,
                interval_s=interval_s, udp_share=udp_share, lively=lively,
            )  # fmt: skip

    return uvloop.run(main())
