"""Attachments: throughput against a plain socket-to-file copy, memory an upload, and nothing lost when lines break.

All three parts use the same sender: ``--uploads`` connections at once, each with a file of ``--size`` bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import uvloop
from sqlalchemy import Engine, insert, select

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evidence"))
from attachment_terminal import SUBIAO_ID, AttachmentTerminal, block, file_body, information
from test_kill import Server

from luwei.registry.engine import migrate, open_engine, read, write
from luwei.registry.evidence import EvidenceFile
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle
from ports import free_ports

BLOCK = 65_536
PATIENCE_S = 120.0
"""With everything on its way at once an answer may take long."""
FIRST_PHONE = 13_000_000_000


class Copy(asyncio.BufferedProtocol):
    """A plain copy: what comes is written to a file; at the end of it one byte goes back."""

    buffer = memoryview(bytearray(BLOCK))

    def __init__(self, folder: Path, size: int, sync: bool) -> None:
        self.file = os.open(folder / f"{id(self)}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.left, self.sync = size, sync

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        os.write(self.file, self.buffer[:nbytes])
        self.left -= nbytes
        if not self.left:
            self.ending = asyncio.ensure_future(self.end())

    async def end(self) -> None:
        if self.sync:
            await asyncio.to_thread(os.fdatasync, self.file)
        os.close(self.file)
        self.transport.write(b"1")


def plain_server(port: int, folder: str, size: int, sync: bool) -> None:
    """Run the plain copy until it is terminated."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Copy(Path(folder), size, sync), "127.0.0.1", port, backlog=1024)
        await asyncio.Event().wait()

    uvloop.run(serve())


async def plain_upload(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for offset in range(0, len(data), BLOCK):
        writer.write(memoryview(data)[offset : offset + BLOCK])
        await writer.drain()
    await reader.readexactly(1)
    writer.close()


def name_of(number: int) -> bytes:
    return b"02_64_6401_00_%06d.mp4" % number


async def upload(number: int, port: int, data: bytes) -> None:
    """As the standard has it, without trouble."""
    name = name_of(number)
    terminal = await AttachmentTerminal(str(FIRST_PHONE + number)).connect(port)
    body = information(SUBIAO_ID, b"%d" % number, [(name, len(data))])
    assert (await terminal.ask(0x1210, body, PATIENCE_S)).result == 0
    assert (await terminal.ask(0x1211, file_body(name, 2, len(data)), PATIENCE_S)).result == 0
    view = memoryview(data)
    for offset in range(0, len(data), BLOCK):
        piece = view[offset : offset + BLOCK]
        terminal.writer.writelines((block(name, offset, b"")[:-4] + len(piece).to_bytes(4, "big"), piece))
        await terminal.writer.drain()
    await terminal.send(0x1212, file_body(name, 2, len(data)))
    assert await terminal.reader.readexactly(1)
    terminal.close()


async def broken_upload(number: int, port: int, data: bytes, cuts: int, sent: list[int]) -> None:
    """Breaks off ``cuts`` times, and goes on with what is asked for until the file is complete."""
    name, chance = name_of(number), random.Random(number)
    supplement = 0
    while True:
        terminal = AttachmentTerminal(str(FIRST_PHONE + number))
        try:
            await asyncio.wait_for(terminal.connect(port), 20)
            finished = file_body(name, 2, len(data))
            body = information(SUBIAO_ID, b"%d" % number, [(name, len(data))], supplement)
            assert (await terminal.ask(0x1210, body, PATIENCE_S)).result == 0
            assert (await terminal.ask(0x1211, finished, PATIENCE_S)).result == 0
            ranges = (await terminal.ask(0x1212, finished, PATIENCE_S)).ranges if supplement else [(0, len(data))]
            supplement = 1
            while ranges:
                blocks = [
                    (at, min(at + BLOCK, offset + length))
                    for offset, length in ranges
                    for at in range(offset, offset + length, BLOCK)
                ]
                for count, (start, stop) in enumerate(blocks):
                    raw = block(name, start, data[start:stop])
                    if cuts and count >= 10:
                        cuts -= 1
                        await terminal.raw(raw[: chance.randrange(len(raw))])
                        raise ConnectionResetError
                    await terminal.raw(raw)
                    sent[0] += 1
                ranges = (await terminal.ask(0x1212, finished, PATIENCE_S)).ranges
            terminal.close()
            return
        except (OSError, EOFError, TimeoutError):
            if terminal.writer is not None:
                terminal.close(hard=True)
            await asyncio.sleep(0.05)


def contents(uploads: int, size: int) -> Callable[[int], bytes]:
    """The files: alike but for their beginnings, so that 500 of them need no gigabytes here."""
    rest = random.Random(1).randbytes(size - 32)
    head = b"\x00\x00\x00\x1cftypmp42"
    return lambda number: head + b"%020d" % number + rest


def trucks(folder: Path, count: int) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'registry.db'}")
    migrate(engine)
    with write(engine) as connection:
        for number in range(count):
            connection.execute(insert(Vehicle).values(id=number + 1, plate=f"粤A{number:05}", plate_color=2))
            connection.execute(insert(Terminal).values(phone=str(FIRST_PHONE + number), vehicle_id=number + 1))
    return engine


def wait_sealed(engine: Engine, count: int, seconds: float = 300) -> list[Any]:
    deadline = time.monotonic() + seconds
    while True:
        with read(engine) as connection:
            rows = connection.execute(select(EvidenceFile.__table__)).all()
        if sum(row.state == "complete" for row in rows) == count:
            return list(rows)
        assert time.monotonic() < deadline, "not all files were sealed"
        time.sleep(0.05)


def check(rows: list[Any], content: Callable[[int], bytes]) -> int:
    """Every file is equal by hash; how many."""
    for row in rows:
        number = int(row.phone) - FIRST_PHONE
        assert row.sha256 == hashlib.sha256(content(number)).hexdigest(), row
    return len(rows)


def rss(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_plain(uploads: int, size: int, sync: bool, content: Callable[[int], bytes]) -> tuple[float, float]:
    """Bytes a second, and CPU seconds of the server."""
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        process = multiprocessing.get_context("spawn").Process(target=plain_server, args=(port, folder, size, sync))
        process.start()
        try:
            while True:
                try:
                    uvloop.run(plain_upload(port, content(0)))
                    break
                except OSError:
                    time.sleep(0.05)
            assert process.pid is not None
            began, burnt = time.monotonic(), cpu(process.pid)
            uvloop.run(gathered([plain_upload(port, content(n)) for n in range(uploads)]))
            return uploads * size / (time.monotonic() - began), cpu(process.pid) - burnt
        finally:
            process.terminate()
            process.join()


async def gathered(work: list[Any]) -> None:
    await asyncio.gather(*work)


def started(folder: Path) -> Server:
    server = Server(folder)
    server.start()
    deadline = time.monotonic() + 30
    while not server.ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return server


def measure_server(uploads: int, size: int, content: Callable[[int], bytes]) -> tuple[float, float, float, float]:
    """Bytes a second until all are acknowledged and until all are stored; CPU seconds of the server for both."""
    with tempfile.TemporaryDirectory() as name:
        engine = trucks(Path(name), uploads)
        server = started(Path(name))
        assert server.process is not None
        try:
            began, burnt = time.monotonic(), cpu(server.process.pid)
            uvloop.run(gathered([upload(n, server.port, content(n)) for n in range(uploads)]))
            acknowledged, told_cpu = time.monotonic() - began, cpu(server.process.pid) - burnt
            rows = wait_sealed(engine, uploads)
            sealed = time.monotonic() - began
            spent = cpu(server.process.pid) - burnt
            check(rows, content)
        finally:
            server.end(signal.SIGTERM)
    return uploads * size / acknowledged, uploads * size / sealed, told_cpu, spent


def measure_memory(uploads: int, size: int, content: Callable[[int], bytes]) -> float:
    """Bytes of memory an upload: growth of the server while all are half done, in the middle of a block."""
    with tempfile.TemporaryDirectory() as name:
        trucks(Path(name), uploads)
        server = started(Path(name))
        assert server.process is not None
        pid = server.process.pid

        async def half(number: int) -> AttachmentTerminal:
            data, own = content(number), name_of(number)
            terminal = await AttachmentTerminal(str(FIRST_PHONE + number)).connect(server.port)
            body = information(SUBIAO_ID, b"%d" % number, [(own, len(data))])
            assert (await terminal.ask(0x1210, body, PATIENCE_S)).result == 0
            for offset in range(0, size // 2, 2 * BLOCK):
                await terminal.raw(block(own, offset, data[offset : offset + BLOCK]))
            await terminal.raw(block(own, size - BLOCK, data[-BLOCK:])[:-5000])
            return terminal

        async def run() -> int:
            await upload(0, server.port, content(0))  # what is needed once
            before = rss(pid)
            lines = await asyncio.gather(*(half(n) for n in range(1, uploads)))
            await asyncio.sleep(3)  # everything is on its way; the server has nothing else to do
            state = (await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{server.status}/health")).json()
            assert state["uploads"] == uploads - 1, state
            grown = rss(pid) - before
            for line in lines:
                line.close()
            return grown

        try:
            return cast(int, asyncio.run(run())) / (uploads - 1)
        finally:
            server.end(signal.SIGTERM)


def measure_broken(uploads: int, size: int, cuts: int, content: Callable[[int], bytes]) -> tuple[int, float]:
    """(files complete and equal, seconds) with every line cut ``cuts`` times and the server killed once."""
    with tempfile.TemporaryDirectory() as name:
        engine = trucks(Path(name), uploads)
        server = started(Path(name))
        sent = [0]

        async def run() -> None:
            tasks = [asyncio.create_task(broken_upload(n, server.port, content(n), cuts, sent)) for n in range(uploads)]
            while sent[0] < uploads * size // BLOCK // 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.end, signal.SIGKILL)
            server.start()
            await asyncio.gather(*tasks)

        try:
            began = time.monotonic()
            uvloop.run(run())
            rows = wait_sealed(engine, uploads)
            return check(rows, content), time.monotonic() - began
        finally:
            server.end(signal.SIGTERM)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench evidence")
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--size", type=int, default=3_000_000)
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["speed", "memory", "broken"])
    options = parser.parse_args(arguments)
    content = contents(options.uploads, options.size)
    only = options.only
    if only in (None, "speed"):
        for number in range(options.rounds):
            (copy, copy_cpu), (forced, forced_cpu) = (
                measure_plain(options.uploads, options.size, sync, content) for sync in (False, True)
            )
            told, sealed, told_cpu, sealed_cpu = measure_server(options.uploads, options.size, content)
            print(f"round {number + 1}: plain copy {copy / 1e6:.0f} MB/s ({copy_cpu:.2f} s of CPU),", end=" ")
            print(f"each file forced to disk {forced / 1e6:.0f} MB/s ({forced_cpu:.2f} s)")
            print(f"  attachments acknowledged {told / 1e6:.0f} MB/s ({told_cpu:.2f} s)", end=", ")
            print(f"{told / copy:.2f} and {told / forced:.2f} of it;", end=" ")
            print(f"hashed and stored {sealed / 1e6:.0f} MB/s ({sealed_cpu:.2f} s)", flush=True)
    if only in (None, "memory"):
        print(f"memory: {measure_memory(options.uploads, options.size, content) / 1024:.1f} KiB an upload")
    if only in (None, "broken"):
        whole, seconds = measure_broken(options.uploads, options.size, options.cuts, content)
        print(
            f"broken: {whole} of {options.uploads} complete and equal, {options.cuts} cuts each, one kill;"
            f" {seconds:.0f} s"
        )
