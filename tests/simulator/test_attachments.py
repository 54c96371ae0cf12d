"""Simulated trucks with alarms: items that decode, files that are real, and the way from 0x9208 to the store."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from sqlalchemy import Engine, insert, select

from luwei.bus import Bus, EmbeddedServer
from luwei.commands.attachments import AttachmentCalls
from luwei.commands.engine import CommandEngine
from luwei.evidence.content import media_type
from luwei.evidence.requests import Expectation, expect
from luwei.evidence.service import AttachmentServer
from luwei.evidence.store import EvidenceStore
from luwei.gateway.service import Gateway
from luwei.protocol.fields import Scope
from luwei.protocol.safety.alarm_items import ADAS, DSM
from luwei.registry.admission import Admission
from luwei.registry.engine import migrate, open_engine, read, write
from luwei.registry.evidence import EvidenceFile, EvidenceRequest
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle
from luwei.settings import Settings
from luwei.simulator import attachments
from luwei.simulator.alarm_files import files_of
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.safety import RaisedAlarm, SafetyAlarms
from luwei.simulator.service import Line, Running, terminals
from luwei.simulator.truth import Truth
from ports import free_port


def _tables(item: int) -> Any:
    return {0x64: ADAS, 0x65: DSM}[item]


AT_MS = 1_760_000_800_000


def one_of(edition: int, count: int = 1) -> list[Truck]:
    """Trucks of an edition whose terminals have active safety: 粤标 in 2019, 苏标 in 2013."""
    fleet = trucks(200, seed=5, profiles="mixed")
    return [truck for truck in fleet if truck.edition == edition and truck.speech.safety][:count]


def raised(safety: SafetyAlarms, item: int, kind: int) -> RaisedAlarm:
    safety.item((item, kind), "2025-10-09 17:06:40", 60, 22_543_099, 114_057_868, 35)
    return next(reversed(safety.raised.values()))


@pytest.mark.parametrize(
    ("edition", "item", "length"), [(2019, 0x64, 71), (2019, 0x65, 71), (2013, 0x64, 47), (2013, 0x65, 47)]
)
def test_alarm_items_have_the_length_of_their_dialect(edition: int, item: int, length: int) -> None:
    (truck,) = one_of(edition)
    safety = SafetyAlarms(truck.speech.safety, truck.terminal_id)
    name, raw = safety.item((item, 1), "2025-10-09 17:06:40", 60, 22_543_099, 114_057_868, 35)
    assert (name, len(raw)) == (item, length)
    (alarm,) = safety.raised.values()
    assert raw.endswith(alarm.identification) and len(alarm.identification) == (40 if edition == 2019 else 16)
    table = next(table for table in _tables(item) if table.dialect == alarm.dialect)
    decoded, stop = table.read(raw, 0, len(raw), Scope(edition))
    assert (stop, decoded.longitude, decoded.type) == (length, 114_057_868, 1)
    assert decoded.alarm_sign.attachment_count == 5


@pytest.mark.parametrize("edition", [2013, 2019])
def test_files_of_an_alarm_are_real(edition: int) -> None:
    (truck,) = one_of(edition)
    alarm = raised(SafetyAlarms(truck.speech.safety, truck.terminal_id), 0x65, 1)
    files = files_of(alarm, truck, "20251009170640ABCDEFGHIJKLMN")
    assert [media_type(file.data[:64]) for file in files] == [
        *["image/jpeg"] * 3, "video/mp4" if edition == 2019 else "video/h264", "application/x-vehicle-state-record"
    ]  # fmt: skip
    assert all(len(file.name) <= 50 for file in files)
    with Image.open(io.BytesIO(files[0].data)) as picture:
        picture.load()
    with av.open(io.BytesIO(files[3].data), format="mp4" if edition == 2019 else "h264") as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 90
    state = files[4].data
    assert len(state) == 20 * 64
    assert all(sum(state[at : at + 63]) & 0xFF == state[at + 63] for at in range(0, len(state), 64))
    assert files_of(alarm, truck, "20251009170640ABCDEFGHIJKLMN") == files


async def until(condition: Any, what: str, seconds: float = 60) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.02)


@dataclass
class Way:
    """The whole way, in one process: registry, bus, core's callers, gateway, attachment server, terminals."""

    engine: Engine
    fleet: list[Truck]
    calls: AttachmentCalls
    gateway: Gateway
    server: AttachmentServer
    running: Running
    lines: list[Line] = field(default_factory=list)

    def connect(self, count: int) -> None:
        made = terminals(
            self.fleet[:count], Truth(None), self.running.now_s(), interval_s=3600, awake=True,
            host="127.0.0.1", port=self.gateway.wire.port,
        )  # fmt: skip
        for terminal in made:
            line = Line(self.running, terminal, udp=False)
            self.lines.append(line)
            self.running.lines.append(line)
            self.running.schedule(line)

    def alarm(self, number: int, item: int = 0x65) -> RaisedAlarm:
        safety = self.lines[number].terminal.instruments.safety
        assert safety is not None
        return raised(safety, item, 2)

    def ask(self, number: int, alarm: RaisedAlarm) -> int:
        truck = self.fleet[number]
        said = Expectation(truck.phone, number + 1, number + 1, alarm.identification, alarm.event, AT_MS)
        with write(self.engine) as connection:
            wanted = expect(connection, said)
        self.calls.wake()
        return wanted.id

    def files(self) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(select(EvidenceFile.__table__).order_by(EvidenceFile.id)).all())

    def request(self, key: int) -> Any:
        with read(self.engine) as connection:
            return connection.execute(select(EvidenceRequest.__table__).where(EvidenceRequest.id == key)).one()


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    engine = open_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    migrate(engine)
    fleet = [*one_of(2019, 3), *one_of(2013, 3)]
    with write(engine) as connection:
        for number, truck in enumerate(fleet, 1):
            connection.execute(insert(Vehicle).values(id=number, plate=truck.plate, plate_color=truck.plate_color))
            connection.execute(
                insert(Terminal).values(
                    id=number,
                    phone=truck.phone,
                    terminal_id=truck.terminal_id,
                    edition=truck.edition,
                    vehicle_id=number,
                )
            )
    with EmbeddedServer(tmp_path / "bus", free_port()) as bus_server:
        settings = Settings(data=tmp_path, gateway_port=free_port(), admission="known", tick_ms=20, evidence_port=0)
        lines = [await Bus.connect(bus_server.url, name) for name in ("gateway-0", "core")]
        gateway = Gateway(settings, 0, lines[0], Admission(engine, "known"))
        gateway.start()
        serving = asyncio.create_task(gateway.run())
        server = AttachmentServer(settings, engine, EvidenceStore.open("", tmp_path))
        await server.start()
        taking = asyncio.create_task(server.run())
        commands = CommandEngine(engine, lines[1])
        calls = AttachmentCalls(engine, lines[1], "127.0.0.1", server.port)
        commands.others = calls.outcomes
        await commands.start()
        await calls.start()
        running = Running("127.0.0.1", gateway.wire.port)

        async def turn() -> None:
            while True:
                running.turn(running.now_s())
                await asyncio.sleep(0.02)

        clock = asyncio.create_task(turn())
        made = Way(engine, fleet, calls, gateway, server, running)
        yield made
        clock.cancel()
        for line in running.lines:
            line.stop()
        await calls.stop()
        await commands.stop()
        server.stop()
        gateway.stop()
        await asyncio.gather(serving, taking)
        for each in lines:
            await each.close()
    engine.dispose()


async def test_from_the_command_to_the_store_in_every_way(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six trucks of both dialects: properly, broken off, with holes, with a wrong size, with a name twice, spoiled."""
    monkeypatch.setattr(attachments, "AGAIN_S", (0.05, 0.1))
    way.connect(6)
    ways = ("proper", "breaks", "holes", "wrong_size", "twice", "wrong_identification")
    await until(lambda: way.gateway.table.online() == 6, "online")
    requests = []
    for number, kind in enumerate(ways):
        way.lines[number].terminal.commands.equipment.attachments.way = kind
        requests.append(way.ask(number, way.alarm(number)))
    await until(lambda: all(way.request(key).state == "ended" for key in requests[:5]), "five requests ended")
    rows = way.files()
    assert len(rows) == 25 and {row.state for row in rows} == {"complete"}
    assert {row.request_id for row in rows} == set(requests[:5])
    assert [row.media_type for row in rows if row.request_id == requests[0]] == [
        *["image/jpeg"] * 3, "video/mp4", "application/x-vehicle-state-record"
    ]  # fmt: skip
    for number in range(5):
        terminal = way.lines[number].terminal
        alarm = next(iter(terminal.instruments.safety.raised.values()))  # type: ignore[union-attr]
        sent = files_of(alarm, terminal.truck, way.request(requests[number]).alarm_no)
        kept = {row.name: row for row in rows if row.request_id == requests[number]}
        for file in sent:
            assert b"".join(way.server.store.open_range(kept[file.name].store_key)) == file.data
    spoiled = way.request(requests[5])
    await until(lambda: way.server.refusals.totals.get("wrong_identification"), "spoiled identification refused")
    assert (spoiled.state, spoiled.announced_at) == ("open", None)
    await until(lambda: way.request(requests[0]).answer == "success", "the command's answer")
    await until(lambda: all(row.check for row in way.files() if "image" in row.media_type), "checked")
    assert all(row.readable for row in way.files() if row.check)


async def test_a_truck_that_was_away_is_asked_when_it_comes_back(way: Way) -> None:
    way.connect(1)
    alarm = way.alarm(0, item=0x64)
    await until(lambda: way.gateway.table.online() == 1, "online")
    line = way.lines[0]
    line.terminal.blocked_until_s = float("inf")
    assert line.link is not None
    line.link.close()
    await until(lambda: way.gateway.table.online() == 0, "offline")
    key = way.ask(0, alarm)
    await until(lambda: way.request(key).answer == "offline", "known to be away")
    assert way.request(key).asks == 0
    line.terminal.blocked_until_s = line.retry_at_s = 0.0
    way.running.schedule(line)
    await until(lambda: way.request(key).state == "ended", "all files after the return")
    assert way.request(key).asks == 1
    assert [row.name.split("_")[0] for row in way.files()] == ["00", "00", "00", "02", "03"]
