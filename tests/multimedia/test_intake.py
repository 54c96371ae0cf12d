"""The intake loses no file and keeps none twice, whatever ends it; what cannot be a file does not stop it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from luwei import facts
from luwei.bus import Bus, EmbeddedServer
from luwei.evidence.store import EvidenceStore
from luwei.facts import BatchId
from luwei.multimedia import intake as intake_module
from luwei.multimedia.intake import Intake
from luwei.multimedia.keeping import keep, original
from luwei.registry.engine import migrate, open_engine, read
from luwei.registry.evidence import EvidenceFile
from luwei.registry.multimedia import Multimedia
from multimedia_rows import rows
from ports import free_port

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("bus"), free_port()) as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    migrate(made)
    return made


class Sender:
    """Puts files on the bus as a gateway does."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.boot, self.number = bus, Random().randrange(1, 1 << 32), 0

    async def send(self, part: dict[str, Any]) -> None:
        self.number += 1
        batch = BatchId(self.boot, self.number)
        packed = facts.pack(facts.rows_to_batch(facts.MEDIA, [part | {"batch": batch.value}]))
        await self.bus.publish_fact("media.0", packed, batch, "gw-test")


async def until(condition: Any, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


def kept(engine: Engine) -> list[tuple[int, str, str]]:
    with read(engine) as connection:
        found = connection.execute(
            select(Multimedia.multimedia_id, EvidenceFile.sha256, EvidenceFile.store_key)
            .join(EvidenceFile, EvidenceFile.id == Multimedia.file_id)
            .order_by(Multimedia.multimedia_id)
        )
        return [(row[0], row[1], row[2]) for row in found]


async def test_every_file_is_kept_exactly_once_through_kills(
    server: EmbeddedServer, engine: Engine, tmp_path: Path
) -> None:
    rng = Random(7)
    files = {number: rng.randbytes(rng.choice((900, 40_000, 700_000))) for number in range(1, 31)}
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    sender = Sender(bus)
    program = str(Path(__file__).with_name("intake_process.py"))
    command = [sys.executable, program, server.url, str(tmp_path), str(os.getpid())]

    room = asyncio.Semaphore(0)  # so many files are sent by the next kill, however quick the process is

    async def send_all() -> None:
        for number, data in files.items():
            await room.acquire()
            for part in rows(data, int(time.time() * 1000), multimedia_id=number):
                await sender.send(part)

    sending = asyncio.create_task(send_all())
    kills = 0
    while len(kept(engine)) < len(files):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        await process.stdout.readline()
        before = len(kept(engine))
        wanted = before + 6 if kills < 2 else len(files)
        for _ in range(12):
            room.release()
        await until(lambda w=wanted: len(kept(engine)) >= w, f"{wanted} files")
        process.kill()
        await process.wait()
        kills += 1
    await sending
    found = kept(engine)
    assert kills >= 3
    assert [(number, sha256) for number, sha256, _ in found] == [
        (number, hashlib.sha256(data).hexdigest()) for number, data in files.items()
    ]
    store = EvidenceStore.open("", tmp_path)
    assert all(original(store, key) == files[number] for number, _, key in found[::10])
    await bus.close()


async def test_rubbish_and_half_files_do_not_stop_what_comes_after(
    server: EmbeddedServer, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "WINDOW_S", 0.2)
    monkeypatch.setattr(intake_module, "ABANDONED_S", 0.5)
    monkeypatch.setattr(intake_module, "WAIT_AGAIN_S", 0.1)
    store = EvidenceStore.open("", tmp_path)
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    sender = Sender(bus)
    now = int(time.time() * 1000)
    await bus.publish_fact("media.0", b"no arrow", BatchId(9, 1), "gw-test")
    await sender.send(rows(bytes(700_000), now, multimedia_id=1)[0])
    await sender.send(rows(b"x", now, multimedia_id=2)[0] | {"head": b"short"})
    await sender.send(rows(b"data", now, multimedia_id=3)[0])
    stop = asyncio.Event()
    task = asyncio.create_task(Intake(bus, lambda upload: keep(engine, store, upload)).run(stop))
    await until(lambda: [row[0] for row in kept(engine)] == [3], "the good file")

    async def empty() -> bool:
        return (await bus.jetstream().stream_info(facts.STREAM)).state.messages == 0

    deadline = time.monotonic() + 60
    while not await empty():
        assert time.monotonic() < deadline, "the bus is not empty"
        await asyncio.sleep(0.1)
    stop.set()
    await task
    await bus.close()


async def test_while_a_store_is_away_the_file_waits_in_the_bus(
    server: EmbeddedServer, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "WINDOW_S", 0.2)
    store = EvidenceStore.open("", tmp_path)
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    failures = 0

    def fail_twice(upload: Any) -> str:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise OSError(28, "no space left on device")
        return keep(engine, store, upload)

    stop = asyncio.Event()
    intake = Intake(bus, fail_twice)
    task = asyncio.create_task(intake.run(stop))
    await Sender(bus).send(rows(b"patience", int(time.time() * 1000), multimedia_id=8)[0])
    await until(lambda: failures >= 1 and not intake.health()["ok"], "trouble is told")
    assert "no space" in intake.health()["error"]
    await until(lambda: [row[0] for row in kept(engine)] == [8], "kept after all")
    stop.set()
    await task
    await bus.close()


async def test_a_file_that_cannot_be_kept_keeps_no_other_waiting_and_is_tried_again(
    server: EmbeddedServer, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "WINDOW_S", 0.2)
    monkeypatch.setattr(intake_module, "SET_ASIDE_S", 1)
    monkeypatch.setattr(intake_module, "BACKOFF_S", (0.01,))
    store = EvidenceStore.open("", tmp_path)
    bus = await Bus.connect(server.url, "test")
    await bus.ensure_stream()
    asked: list[int] = []
    taken: list[int] = []

    def keep_but_one(upload: Any) -> str:
        asked.append(upload.multimedia_id)
        if upload.multimedia_id == 5 and asked.count(5) <= intake_module.TRIES:
            raise ValueError("no registry takes this")
        taken.append(upload.multimedia_id)
        return keep(engine, store, upload)

    stop = asyncio.Event()
    task = asyncio.create_task(Intake(bus, keep_but_one).run(stop))
    sender = Sender(bus)
    for number in (5, 6):
        await sender.send(rows(bytes([number]), int(time.time() * 1000), multimedia_id=number)[0])
    await until(lambda: [row[0] for row in kept(engine)] == [5, 6], "kept in the end")
    assert taken == [6, 5]  # the other one did not wait
    assert asked.count(5) == intake_module.TRIES + 1
    stop.set()
    await task
    await bus.close()
