"""Simulated trucks with cameras, a gateway for them and media processes, beside a running core."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import websockets
from running_core import Running, until
from sqlalchemy import select

from luwei.bus import Bus
from luwei.gateway.service import Gateway
from luwei.media.orders import Announcement
from luwei.registry.admission import Admission
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.settings import Settings
from luwei.simulator.fleet import trucks as fleet_of
from luwei.simulator.service import Line, terminals
from luwei.simulator.service import Running as Simulation
from luwei.simulator.truth import Truth
from luwei.video.desk import VideoDesk
from ports import free_port, free_run_of_ports

PURPOSE = "核查在途车辆"


@dataclass
class Tile:
    """One socket of a browser, and what came on it."""

    socket: Any
    texts: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    video: list[bytes] = field(default_factory=list)
    code: int | None = None
    ended_at: float = 0.0

    async def read(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, str):
                    self.texts.append(json.loads(message))
                elif message[0] == 1:
                    self.video.append(message[1:])
                    self.times.append(time.monotonic())
        except websockets.ConnectionClosed:
            pass
        self.code, self.ended_at = self.socket.close_code, time.monotonic()

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    @property
    def state(self) -> dict[str, Any]:
        """The newest state."""
        return next((each for each in reversed(self.texts) if each["kind"] == "state"), {"state": "", "reason": ""})

    @property
    def opened(self) -> list[dict[str, Any]]:
        return [each for each in self.texts if each["kind"] == "open"]

    async def shows(self, more: int = 1, seconds: float = 60) -> None:
        """Wait for so many further parts of the picture."""
        there = len(self.video)

        async def came() -> bool:
            return len(self.video) >= there + more

        await until(came, f"picture; {self.state}", seconds)

    async def closed(self, seconds: float = 60) -> int:
        async def over() -> bool:
            return self.code is not None

        await until(over, "closed", seconds)
        assert self.code is not None
        return self.code


class LiveTrucks:
    """Trucks by number; ``vehicle`` gives the registry's id."""

    def __init__(self, web: Running, folder: Path) -> None:
        self.web = web
        self.media: list[subprocess.Popen[bytes]] = []
        self.lines: list[Line] = []
        self.gateway: Gateway
        self.ids: list[int] = []
        self.phones: list[str] = []
        self._folder = folder
        self._ports = free_run_of_ports(10)
        self._tiles: list[tuple[Tile, asyncio.Task[None]]] = []

    @property
    def desk(self) -> VideoDesk:
        assert self.web.services.video is not None
        return self.web.services.video

    def start_media(self, number: int = 0) -> subprocess.Popen[bytes]:
        """A media process, as the supervisor starts it."""
        settings = self.web.services.settings
        environment = {
            "LUWEI_DATA": str(self._folder), "LUWEI_BUS": settings.bus_url, "LUWEI_MEDIA_PORT": str(self._ports),
            "LUWEI_MEDIA_STATUS_PORT": str(self._ports + 8),
        }  # fmt: skip
        with (self._folder / "media.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "luwei.cli", "media", "--number", str(number)],
                env=os.environ | environment,
                stdout=output,
                stderr=output,
            )
        self.media.append(process)
        return process

    async def ask(self, truck: int = 0, channel: int = 1, token: str | None = None, **more: Any) -> httpx.Response:
        body = {"vehicle_id": self.ids[truck], "channel": channel, "purpose": PURPOSE} | more
        async with self.web.client(token) as client:
            return await client.post("/api/video/streams", json=body)

    async def take(self, ticket: dict[str, Any], token: str | None = None, **query: str) -> Tile:
        """The socket of a ticket."""
        address = self.web.base.replace("http", "ws") + ticket["url"]
        address += "".join(f"&{name}={value}" for name, value in query.items())
        cookies = "; ".join(f"{name}={value}" for name, value in self.web.cookies(token).items())
        socket = await websockets.connect(
            address,
            open_timeout=60,
            origin=self.web.base,
            additional_headers={"Cookie": cookies},
            max_size=None,  # type: ignore[arg-type]
        )
        tile = Tile(socket)
        self._tiles.append((tile, asyncio.create_task(tile.read())))
        return tile

    async def look(self, truck: int = 0, channel: int = 1, token: str | None = None, **more: Any) -> Tile:
        """A tile that shows its picture."""
        answer = await self.ask(truck, channel, token, **more)
        assert answer.status_code == 201, answer.text
        tile = await self.take(answer.json(), token)
        await tile.shows()
        return tile

    async def leaves(self, truck: int) -> None:
        """A truck's line ends, and it does not come back."""
        line = self.lines[truck]
        line._later = lambda: setattr(line, "retry_at_s", float("inf"))  # type: ignore[method-assign]
        line.stop()

        async def gone() -> bool:
            return line.link is None and self.gateway.table.online() == len(self.ids) - 1

        await until(gone, "the truck is away")

    async def node(self) -> Announcement:
        """The one media process: a busy machine may miss it for a moment."""

        async def alone() -> bool:
            return len(self.desk.nodes.alive()) == 1

        await until(alone, "one media process there")
        (found,) = self.desk.nodes.alive()
        return found

    async def clear(self) -> None:
        """Close all tiles; nothing streams any more."""
        for tile, task in self._tiles:
            await tile.socket.close()
            await asyncio.gather(task, return_exceptions=True)
        self._tiles.clear()
        for stream in self.desk.streams.values():
            for viewing in list(stream.viewings.values()):
                if not viewing.joined:  # a ticket that no test took to the socket
                    self.desk.leave(viewing)

        async def nothing() -> bool:
            return not self.desk.streams

        await until(nothing, "streams closed")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _live(web: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveTrucks]:
    folder = tmp_path_factory.mktemp("live")
    live = LiveTrucks(web, folder)
    live.start_media()
    settings = Settings(data=folder, gateway_port=free_port(), admission="open", tick_ms=50)
    bus = await Bus.connect(web.services.settings.bus_url, "gateway-0")
    gateway = Gateway(settings, 0, bus, Admission(web.services.engine, "open"))
    gateway.start()
    live.gateway = gateway
    serving = asyncio.create_task(gateway.run())
    simulation = Simulation("127.0.0.1", settings.gateway_port)
    fleet = fleet_of(4, seed=3)
    live.phones = [truck.phone for truck in fleet]
    made = terminals(
        fleet, Truth(None), simulation.now_s(), interval_s=3600, host="127.0.0.1", port=settings.gateway_port
    )
    for terminal in made[:3]:  # the last one stays at home
        line = Line(simulation, terminal, udp=False)
        simulation.lines.append(line)
        live.lines.append(line)
        simulation.schedule(line)

    async def turn() -> None:
        while True:
            simulation.turn(simulation.now_s())
            await asyncio.sleep(0.02)

    clock = asyncio.create_task(turn())
    found: dict[str, int] = {}

    async def known() -> bool:
        with read(web.services.engine) as connection:
            rows = connection.execute(
                select(Terminal.phone, Terminal.vehicle_id).where(Terminal.phone.in_(live.phones))
            )
            found.update({row.phone: row.vehicle_id for row in rows if row.vehicle_id})
        return len(found) >= 3 and gateway.table.online() == 3 and bool(live.desk.nodes.alive())

    await until(known, "trucks and media process there")
    live.ids = [found[phone] for phone in live.phones[:3]]
    live.desk.linger_s = 0.5
    yield live
    await live.clear()
    clock.cancel()
    for line in live.lines:
        line.stop()
    gateway.stop()
    await asyncio.wait_for(serving, 60)
    await bus.close()
    for process in live.media:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 10)


@pytest_asyncio.fixture(loop_scope="session")
async def live(_live: LiveTrucks) -> AsyncIterator[LiveTrucks]:
    """The trucks, with nobody looking."""
    yield _live
    await _live.clear()
