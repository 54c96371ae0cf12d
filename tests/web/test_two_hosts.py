"""Media processes on two hosts, which are network namespaces on one bridge: bus, core and gateway on host A, a media
process on host B, the terminal in a third place. Needs root and ``ip``; nothing leaves the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets
from litestar import Litestar
from live_trucks import PURPOSE, Tile
from running_core import Running, application, until
from sqlalchemy import select

from luwei import core
from luwei.bus import Bus
from luwei.bus.embedded import find_server
from luwei.gateway.service import Gateway
from luwei.live.feed import now_ms
from luwei.registry.admission import Admission
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.settings import Settings
from luwei.web.server import listen, web_server
from ports import free_ports, free_run_of_ports
from postgres import SqliteDatabase

PREFIX = "lwt"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def left_over() -> list[str]:
    """Namespaces and bridges of runs that were killed."""
    names = [line.split()[0] for line in shown("netns", "list")]
    for kind in ("bridge", "veth"):
        names += [line.split(":")[1].strip().partition("@")[0] for line in shown("-o", "link", "show", "type", kind)]
    pids = {name: name.removeprefix(PREFIX).rstrip("abtv") for name in names if name.startswith(PREFIX)}
    return [name for name, pid in pids.items() if pid.isdigit() and not Path(f"/proc/{pid}").exists()]


def shown(*arguments: str) -> list[str]:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()


def remove(name: str) -> None:
    for noun in ("netns", "link"):
        with contextlib.suppress(subprocess.CalledProcessError):
            ip(noun, "del", name)


@dataclass
class Hosts:
    """Addresses; host A is where the test runs."""

    a: str
    b: str
    terminal: str
    names: tuple[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, where: int | None, log: Path, *command: str, **settings: str) -> None:
        """A process on host A (None), on host B (0) or where the terminal is (1)."""
        before = [] if where is None else ["ip", "netns", "exec", self.names[where]]
        with log.open("ab") as output:
            self.processes.append(
                subprocess.Popen([*before, *command], env=os.environ | settings, stdout=output, stderr=output)
            )

    def cut_off_b(self) -> None:
        """Its link goes down: no connection ends, no packet comes."""
        ip("-n", self.names[0], "link", "set", "eth0", "down")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("two hosts: needs root and ip")
    pid = os.getpid()
    net = f"10.{200 + pid // 250 % 50}.{pid % 250}"
    made = Hosts(f"{net}.1", f"{net}.2", f"{net}.3", (f"{PREFIX}{pid}b", f"{PREFIX}{pid}t"))
    bridge = f"{PREFIX}{pid}a"
    try:
        try:
            for name in left_over():
                remove(name)
            ip("link", "add", bridge, "type", "bridge")
            ip("netns", "add", made.names[0])
        except subprocess.CalledProcessError as error:
            pytest.skip(f"two hosts: no network namespaces here: {error.stderr!r}")
        ip("netns", "add", made.names[1])
        ip("addr", "add", f"{made.a}/29", "dev", bridge)
        ip("link", "set", bridge, "up")
        for name, address in zip(made.names, (made.b, made.terminal), strict=True):
            ip("link", "add", f"{name}v", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"{name}v", "master", bridge, "up")
            ip("-n", name, "addr", "add", f"{address}/29", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for process in made.processes:
            process.terminate()
        for process in made.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        for name in (*(f"{name}v" for name in made.names), *made.names, bridge):
            remove(name)  # its lines first: a host with a connection in it goes long after its name


@dataclass
class Platform:
    """Host A's core and gateway, and the truck."""

    hosts: Hosts
    web: Running
    folder: Path
    vehicle: int = 0

    @property
    def desk(self) -> Any:
        return self.web.services.video

    def media(self, where: int | None, address: str) -> None:
        """A media process, as its host starts it."""
        first = free_run_of_ports(5)
        self.hosts.run(
            where, self.folder / f"media-{address}.log", sys.executable, "-m", "luwei.cli", "media",
            LUWEI_DATA=str(self.folder / address), LUWEI_BUS=self.web.services.settings.bus_url, LUWEI_HOST=address,
            LUWEI_MEDIA_PORT=str(first), LUWEI_MEDIA_VIEW_ADDRESS=address, LUWEI_MEDIA_VIEW_PORT=str(first + 3),
            LUWEI_MEDIA_STATUS_PORT=str(first + 4),
        )  # fmt: skip

    async def nodes(self) -> dict[str, dict[str, Any]]:
        async with self.web.client() as client:
            items = (await client.get("/api/video/nodes")).json()["items"]
        return {each["address"]: each for each in items}

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        async with self.web.client() as client:
            answer = await client.post(path, json={"purpose": PURPOSE, "vehicle_id": self.vehicle} | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def get(self, path: str) -> dict[str, Any]:
        async with self.web.client() as client:
            return dict((await client.get(path)).json())

    @contextlib.asynccontextmanager
    async def socket(self, ticket: dict[str, Any]) -> AsyncIterator[Tile]:
        address = self.web.base.replace("http", "ws") + ticket["url"]
        cookie = {"Cookie": f"luwei_session={self.web.token}"}
        async with websockets.connect(
            address, open_timeout=60, origin=self.web.base, additional_headers=cookie, max_size=None  # type: ignore[arg-type]
        ) as line:  # fmt: skip
            tile = Tile(line)
            task = asyncio.create_task(tile.read())
            yield tile
            task.cancel()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(
    hosts: Hosts, tmp_path_factory: pytest.TempPathFactory, templates: dict[str, str], applications: list[Litestar]
) -> AsyncIterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("hosts")
    SqliteDatabase(templates["sqlite"], f"sqlite:///{folder / 'registry.db'}").copy()
    bus_port, gateway_port, web_port = free_ports(3)
    hosts.run(
        None, folder / "nats.log", str(find_server()), "-a", hosts.a, "-p", str(bus_port), "-js", "-sd", str(folder)
    )
    hosts.run(
        1, folder / "simulate.log", sys.executable, "-m", "luwei.cli", "simulate", "--trucks", "1", "--seed", "3",
        "--to", f"{hosts.a}:{gateway_port}",
    )  # fmt: skip

    async def greets() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(hosts.a, bus_port)
            writer.close()
            return True
        return False

    await until(greets, "the bus")
    settings = Settings(data=folder, bus=f"nats://{hosts.a}:{bus_port}", web_port=web_port)
    async with core.Core(settings).running() as services:
        server = web_server(application(services, applications))
        serving = asyncio.create_task(server.serve(sockets=[listen("127.0.0.1", web_port)]))
        web = Running(services, f"http://127.0.0.1:{web_port}", "", now_ms(), applications[0])
        web.token = web.session_token("engineer")
        made = Platform(hosts, web, folder)
        made.media(0, hosts.b)
        bus = await Bus.connect(settings.bus_url, "gateway-0")
        place = Settings(data=folder, host=hosts.a, gateway_port=gateway_port, admission="open", tick_ms=50)
        gateway = Gateway(place, 0, bus, Admission(services.engine, "open"))
        gateway.start()
        receiving = asyncio.create_task(gateway.run())

        async def there() -> bool:
            with read(services.engine) as connection:
                made.vehicle = connection.scalar(select(Terminal.vehicle_id)) or 0
            return bool(made.vehicle) and gateway.table.online() == 1 and hosts.b in await made.nodes()

        await until(there, "the truck and host B's media process")
        yield made
        gateway.stop()
        await asyncio.wait_for(receiving, 60)
        await bus.close()
        server.should_exit = True
        await serving


@pytest.mark.asyncio(loop_scope="session")
async def test_a_picture_comes_from_another_host_and_goes_on_when_that_host_is_gone(platform: Platform) -> None:
    hosts, truck = platform.hosts, platform.vehicle
    ticket = await platform.post("/api/video/streams", channel=1)
    async with platform.socket(ticket) as tile:
        await tile.shows(2)
        stream = platform.desk.streams[f"live-{truck}-1"]
        assert platform.desk.nodes.get(stream.node).address == hosts.b
        talk = await platform.post("/api/video/talks", kind="talk")
        record = (await platform.post("/api/video/records", channel=1, seconds=60))["record"]["id"]
        platform.media(None, hosts.a)
        async with platform.socket(talk) as talking:

            async def all_go_on() -> bool:
                recorded = (await platform.get(f"/api/video/records/{record}"))["record"]
                on_air = talking.state["state"] == "live" and recorded["pictures"] > 0
                peer = stream.report.peer if stream.report is not None else ""
                return on_air and peer.startswith(f"{hosts.terminal}:") and hosts.a in await platform.nodes()

            await until(all_go_on, "talk, recording, and host A's media process")
            hosts.cut_off_b()
            gone = time.monotonic()

            async def moved() -> bool:
                states = [platform.desk.streams[stream.name].node, *(each.node for each in talks())]
                places = [platform.desk.nodes.get(name) for name in states]
                return all(place is not None and place.address == hosts.a for place in places)

            def talks() -> list[Any]:
                return [call for each in platform.desk.talks.talks.values() for call in each.open]

            await until(moved, "host A has them")
            await tile.shows(2)
            print(f"picture back after {tile.times[-2] - gone:.1f} s")
            assert tile.code is None and talking.code is None

            async def talks_again() -> bool:
                return bool(talking.state["state"] == "live")

            await until(talks_again, "the talk goes on")

            async def records_again() -> bool:
                return len((await platform.get(f"/api/video/records/{record}"))["parts"]) == 2

            await until(records_again, "the recording goes on")
        async with platform.web.client() as client:
            await client.post(f"/api/video/records/{record}/stop")

        async def stored() -> dict[str, Any]:
            found = await platform.get(f"/api/video/records/{record}")
            return found if found["record"]["state"] == "done" else {}

        kept = await until(stored, "the recording is stored")
        assert [each["state"] for each in kept["parts"]] == ["done", "done"]
        assert kept["parts"][0]["cause"] == "lost" and [each["cause"] for each in kept["gaps"]] == ["line"]
