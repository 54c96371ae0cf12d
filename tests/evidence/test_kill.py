"""Uploads whose lines break and whose server is killed: every file is complete and equal in the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from attachment_terminal import SUBIAO_ID, AttachmentTerminal, block, file_body, information
from sqlalchemy import Engine, select
from trucks import add_truck

from luwei.evidence.store import EvidenceStore
from luwei.evidence.verify import verify
from luwei.registry.engine import read
from luwei.registry.evidence import EvidenceFile
from ports import free_ports

TRUCKS, SIZE, CUTS = 24, 600_000, 3


class Server:
    """``luwei evidence serve`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.status, bus = free_ports(3)
        self.settings = {
            "LUWEI_DATA": str(folder),
            "LUWEI_EVIDENCE_PORT": str(self.port),
            "LUWEI_EVIDENCE_STATUS_PORT": str(self.status),
            "LUWEI_EVIDENCE_UNEXPECTED": "accept",
            "LUWEI_BUS_PORT": str(bus),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "luwei.cli", "evidence", "serve"],
                env={**os.environ, **self.settings}, stdout=output, stderr=output,
            )  # fmt: skip

    def ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.status}/health", timeout=20).json()["port"] == self.port
        except httpx.HTTPError:
            return False

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


async def connected(terminal: AttachmentTerminal, port: int) -> None:
    for _ in range(5000):
        try:
            await terminal.connect(port)
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise AssertionError("the server does not come back")


async def upload(number: int, data: bytes, port: int, under_way: list[int]) -> None:
    """One truck: sends the file in shuffled blocks, breaks off CUTS times, and whenever the line ends, goes on."""
    name = b"00_65_6501_00_%04d.jpg" % number
    terminal = AttachmentTerminal(str(13_000_000_000 + number))
    shuffle = random.Random(number)
    cuts = 0
    supplement = 0
    while True:
        await connected(terminal, port)
        try:
            body = information(SUBIAO_ID, b"%d" % number, [(name, len(data))], supplement)
            assert (await terminal.ask(0x1210, body)).result == 0
            assert (await terminal.ask(0x1211, file_body(name, 0, len(data)))).result == 0
            ranges = [(0, len(data))] if not supplement else (await finished(terminal, name, data)).ranges
            supplement = 1
            while ranges:
                blocks = [
                    (at, min(at + 16_384, offset + length))
                    for offset, length in ranges
                    for at in range(offset, offset + length, 16_384)
                ]
                shuffle.shuffle(blocks)
                for count, (start, stop) in enumerate(blocks):
                    raw = block(name, start, data[start:stop])
                    if cuts < CUTS and count >= 8:
                        cuts += 1
                        await terminal.raw(raw[: shuffle.randrange(len(raw))])
                        raise ConnectionResetError
                    await terminal.raw(raw)
                    under_way[0] += 1
                ranges = (await finished(terminal, name, data)).ranges
            terminal.close()
            return
        except (ConnectionError, asyncio.IncompleteReadError):
            terminal.close(hard=bool(cuts % 2))


async def finished(terminal: AttachmentTerminal, name: bytes, data: bytes) -> object:
    return await terminal.ask(0x1212, file_body(name, 0, len(data)))


@pytest.mark.system
@pytest.mark.timeout(400)
async def test_every_file_survives_broken_lines_and_a_kill(registry: Engine, tmp_path: Path) -> None:
    files = {n: b"\xff\xd8\xff" + random.Random(n).randbytes(SIZE - 3) for n in range(TRUCKS)}
    for number in files:
        add_truck(registry, str(13_000_000_000 + number), "", f"粤A{number:05}")
    server = Server(tmp_path)
    server.start()
    under_way = [0]
    try:
        tasks = [asyncio.create_task(upload(n, data, server.port, under_way)) for n, data in files.items()]
        while under_way[0] < TRUCKS * 14:  # noqa: ASYNC110  (about two fifths of the blocks)
            await asyncio.sleep(0.005)
        await asyncio.to_thread(server.end, signal.SIGKILL)
        assert sum(not task.done() for task in tasks) > TRUCKS / 2
        server.start()
        await asyncio.wait_for(asyncio.gather(*tasks), 200)
        deadline = time.monotonic() + 60
        while True:
            with read(registry) as connection:
                rows = connection.execute(select(EvidenceFile.__table__)).all()
            if [row.state for row in rows] == ["complete"] * TRUCKS:
                break
            assert time.monotonic() < deadline, [(row.state, row.cause) for row in rows]
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(server.ready)
        ended = await asyncio.to_thread(server.end, signal.SIGTERM)
        assert ended == 0, (tmp_path / "output.log").read_text()[-3_000:]
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
    by_phone = {row.phone: row for row in rows}
    for number, data in files.items():
        assert by_phone[str(13_000_000_000 + number)].sha256 == hashlib.sha256(data).hexdigest()
    store = EvidenceStore.open("", tmp_path)
    result = verify(registry, store)
    assert (result.files, result.size, result.findings) == (TRUCKS, TRUCKS * SIZE, [])
    assert list(store.incoming.iterdir()) == []
