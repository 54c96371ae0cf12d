"""A registry, a bus, gateways, the engines of the core and simulated terminals, all real, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from luwei import facts
from luwei.bus import Bus, EmbeddedServer
from luwei.commands import reading
from luwei.commands.engine import CommandEngine
from luwei.commands.journal import Target
from luwei.commands.kinds import KINDS
from luwei.commands.templates.engine import TemplateEngine
from luwei.commands.upgrades.engine import UpgradeEngine, fetch_open
from luwei.commands.upgrades.firmware import PACKET, PacketKind
from luwei.gateway.service import Gateway
from luwei.history.reports import Report
from luwei.registry.admission import Admission
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.bindings import settle_vehicles
from luwei.registry.engine import open_engine, write
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle
from luwei.settings import Settings
from luwei.simulator.fleet import Truck
from luwei.simulator.fleet import trucks as fleet_of
from luwei.simulator.parameter_habits import ParameterHabits
from luwei.simulator.service import Line, Running, terminals
from luwei.simulator.truth import Truth
from ports import free_port
from postgres import SqliteDatabase, close_whole


async def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first truthy value of ``condition``, which may be awaitable."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.02)


@dataclass
class System:
    """A registry, a bus, gateways, the engine, and simulated terminals, in one process."""

    folder: Path
    server: EmbeddedServer
    engine: Engine
    fleet: list[Truck]
    gateways: dict[int, tuple[Gateway, asyncio.Task[None], Bus]] = field(default_factory=dict)
    commands: CommandEngine | None = None
    templates: TemplateEngine | None = None
    upgrades: UpgradeEngine | None = None
    reports: list[Report] = field(default_factory=list)
    parked: set[int] = field(default_factory=set)
    """Vehicles that stand still."""
    bus: Bus | None = None
    running: list[Running] = field(default_factory=list)

    def settings(self, **changes: Any) -> Settings:
        given = {"data": self.folder, "gateway_port": 0, "admission": "known", "tick_ms": 50} | changes
        return Settings(**given)

    async def start_gateway(self, shard: int = 0, **changes: Any) -> Gateway:
        bus = await Bus.connect(self.server.url, f"gateway-{shard}")
        gateway = Gateway(self.settings(**changes), shard, bus, Admission(self.engine, "known"))
        gateway.start()
        self.gateways[shard] = (gateway, asyncio.create_task(gateway.run()), bus)
        return gateway

    async def stop_gateway(self, shard: int) -> None:
        gateway, task, bus = self.gateways.pop(shard)
        gateway.stop()
        await asyncio.wait_for(task, 60)
        await bus.close()

    async def start_core(self) -> CommandEngine:
        self.bus = await Bus.connect(self.server.url, "core")
        packets = PacketKind()
        await asyncio.to_thread(fetch_open, self.engine, packets)
        self.commands = CommandEngine(self.engine, self.bus, {PACKET: packets})
        await self.commands.start()
        self.templates = TemplateEngine(self.engine, self.commands, self.bus)
        await self.templates.start()
        await self.bus.subscribe("message.*", self._kept)
        self.upgrades = UpgradeEngine(
            self.engine, self.commands, self.bus, packets, self._reported, lambda keys: set(keys) & self.parked
        )
        await self.upgrades.start()
        return self.commands

    async def _kept(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        """What the ingest would put into the history."""
        for row in facts.unpack(payload).to_pylist():
            if row["message_id"] in (0x0108, 0x1FC4):
                at = round(row["received_at"].timestamp() * 1000)
                self.reports.append(Report(row["vehicle_id"], at, row["message_id"], row["edition"], row["body"]))

    async def _reported(self, vehicles: Sequence[int], since: int) -> list[Report] | None:
        return [each for each in self.reports if each.vehicle_id in vehicles and each.at >= since]

    async def stop_core(self) -> None:
        assert self.commands is not None and self.bus is not None
        for engine in (self.templates, self.upgrades):
            if engine is not None:
                await engine.stop()
        await self.commands.stop()
        await self.bus.close()
        self.commands = None

    def connect(self, trucks: list[Truck], port: int) -> list[Line]:
        """Simulated terminals of ``trucks`` on a gateway; none reports by itself."""
        running = Running("127.0.0.1", port)
        self.running.append(running)
        made = terminals(trucks, Truth(None), running.now_s(), interval_s=3600, host="127.0.0.1", port=port)
        lines = []
        for terminal in made:
            line = Line(running, terminal, udp=False)
            running.lines.append(line)
            running.schedule(line)
            lines.append(line)
        return lines

    async def online(self, count: int) -> None:
        await until(lambda: sum(g.table.online() for g, _, _ in self.gateways.values()) == count, f"{count} online")

    async def send(self, kind: str, vehicles: list[int], expires_s: int = 60, **parameters: Any) -> int:
        assert self.commands is not None
        targets = [Target(key, self.fleet[key - 1].phone) for key in vehicles]
        values = KINDS[kind].check(parameters)
        resolve = KINDS[kind].resolve
        values = resolve(self.engine, WHOLE, values) if resolve is not None else values
        return await self.commands.submit(kind, values, "test", targets, 0, expires_s, SYSTEM)

    def batch(self, key: int) -> reading.BatchView:
        return reading.batch(self.engine, WHOLE, 0, key)

    def results(self, key: int) -> list[reading.CommandView]:
        return list(reading.exported(self.engine, WHOLE, key))

    async def done(self, key: int, seconds: float = 60) -> list[reading.CommandView]:
        await until(lambda: self.batch(key).state in ("done", "cancelled"), f"batch {key} done", seconds)
        return self.results(key)


@functools.cache
def fleet() -> tuple[Truck, ...]:
    return tuple(fleet_of(1200, seed=3))


def registry(templates: dict[str, str], url: str) -> Engine:
    """A registry with the trucks of ``fleet`` in it: a copy of one that is made when first asked for."""
    if "fleet" not in templates:
        source = templates["sqlite"].replace("template.db", "fleet.db")
        SqliteDatabase(templates["sqlite"], source).copy()
        engine = open_engine(source)
        enter(engine, fleet())
        close_whole(engine)
        templates["fleet"] = source
    SqliteDatabase(templates["fleet"], url).copy()
    return open_engine(url)


@pytest.fixture
async def system(tmp_path: Path, templates: dict[str, str]) -> AsyncIterator[System]:
    engine = registry(templates, f"sqlite:///{tmp_path / 'registry.db'}")
    with EmbeddedServer(tmp_path / "bus", free_port()) as server:
        made = System(tmp_path, server, engine, list(fleet()))
        clock = asyncio.create_task(_turn(made))
        yield made
        clock.cancel()
        for running in made.running:
            for line in running.lines:
                line.stop()
        if made.commands is not None:
            await made.stop_core()
        for shard in list(made.gateways):
            with contextlib.suppress(TimeoutError):
                await made.stop_gateway(shard)
    engine.dispose()


async def _turn(system: System) -> None:
    while True:
        for running in system.running:
            running.turn(running.now_s())
        await asyncio.sleep(0.02)


def with_habit(fleet: list[Truck], habit: str, edition: int = 2019) -> int:
    """Vehicle id of the first truck that treats parameters so."""
    found = (t.number for t in fleet if t.edition == edition and ParameterHabits(t).habit == habit)
    return next(found) + 1


def enter(engine: Engine, fleet: Sequence[Truck]) -> None:
    """Vehicles 1 … n with their terminals, registered: each has its code."""
    now = now_ms()
    times = {"created_at": now, "updated_at": now, "source": "import"}
    with write(engine) as connection:
        connection.execute(
            insert(Vehicle),
            [
                {"id": number, "plate": t.plate, "plate_color": t.plate_color, "city": t.city, "county": t.county,
                 "vehicle_class": t.vehicle_class} | times
                for number, t in enumerate(fleet, 1)
            ],
        )  # fmt: skip
        settle_vehicles(connection, {n: {"city": t.city, "county": t.county} for n, t in enumerate(fleet, 1)})
        connection.execute(
            insert(Terminal),
            [
                {"id": number, "phone": t.phone, "terminal_id": t.terminal_id, "manufacturer_id": t.manufacturer_id,
                 "model": t.model, "edition": t.edition, "vehicle_id": number} | times
                for number, t in enumerate(fleet, 1)
            ],
        )  # fmt: skip


def newest(fleet: list[Truck], edition: int, count: int) -> list[int]:
    """Vehicle ids of the first trucks of an edition."""
    return [number for number, truck in enumerate(fleet, 1) if truck.edition == edition][:count]
