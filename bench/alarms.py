"""What alarms cost: deriving them, and the whole ingest with and without them in turns, at a share of alarms.

Prints CPU µs a location (this process, which publishes and ingests, and the bus), medians of some rounds. The bound is
a tenth of what the whole chain costs a location (``./dev bench chain``); the difference of the two is what alarms add.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from luwei import facts
from luwei.alarms.derivation import AlarmDerivation
from luwei.alarms.extraction import Extraction
from luwei.alarms.standing import Standing
from luwei.bus import Bus, EmbeddedServer
from luwei.facts import BatchId
from luwei.history import History, delivery
from luwei.history.ingest import Ingest
from ports import free_port

ROWS = 3_000
"""Locations of a batch: a full tick of the gateway."""
ORDINARY = bytes.fromhex("0104000186a0020201f4030202582504000000003001193101 0b1404000000 00".replace(" ", ""))
HEAD = bytes.fromhex("6447")
BEHIND = bytes.fromhex("01010228 0c000000 3c0023 0157fafb 06cc628c 250601083014 0401") + b"A000001".ljust(30, b"\0")
TAIL = bytes.fromhex("250601083014 00030000")
"""An item 0x64 of 粤标 without its 报警ID, which makes each one another alarm."""


def batches(count: int, vehicles: int, share: float, at: int) -> list[pa.RecordBatch]:
    """Batches of trucks that report in turn; ``share`` of the rows bring an alarm, half of them a bit, half an item."""
    chance, found, word = random.Random(1), [], [0] * (vehicles + 1)
    for number in range(count):
        first = number * ROWS
        keys = [1 + (first + row) % vehicles for row in range(ROWS)]
        moment = at + first // vehicles * 1_000
        items = []
        for key in keys:
            drawn = chance.random()
            if drawn < share / 2:
                items.append(ORDINARY + HEAD + chance.randbytes(4) + BEHIND + TAIL)
                continue
            if drawn < share:
                word[key] ^= 1 << chance.randrange(32)
            items.append(ORDINARY)
        found.append(_batch(keys, moment, [word[key] for key in keys], items, BatchId(0xBE7C, number + 1)))
    return found


def _batch(keys: list[int], at: int, alarm: list[int], items: list[bytes], batch: BatchId) -> pa.RecordBatch:
    n = len(keys)
    given = {
        "vehicle_id": keys, "terminal_id": keys, "alarm": alarm, "items": items, "at": [at] * n, "device_at": [at] * n,
        "received_at": [at + 300] * n, "lat_e6": [22_543_099] * n, "lon_e6": [114_057_868] * n, "status": [3] * n,
        "speed_dkmh": [612] * n, "edition": [2019] * n, "batch": [batch.value] * n,
    }  # fmt: skip
    columns = [
        pa.array(given.get(field.name, [0] * n), pa.int64() if pa.types.is_timestamp(field.type) else None).cast(
            field.type
        )
        for field in facts.LOCATION
    ]
    return pa.RecordBatch.from_arrays(columns, schema=facts.LOCATION)


def derived(rows: list[pa.RecordBatch]) -> tuple[float, int]:
    """µs a location to derive, and how many alarms came of it."""
    extraction, alarms = Extraction(Standing(), 400), 0
    began = time.process_time()
    for batch in rows:
        found = extraction.derive(batch)
        alarms += found.num_rows if found is not None else 0
    return (time.process_time() - began) / (len(rows) * ROWS) * 1e6, alarms


def read(rows: list[pa.RecordBatch]) -> float:
    """µs a location to unpack and check a message, which the ingest does anyway."""
    payloads = [(facts.pack(batch), BatchId(0xBE7C, number + 1).text) for number, batch in enumerate(rows)]
    began = time.process_time()
    for number, (payload, text) in enumerate(payloads):
        delivery.read("fix.0", payload, {facts.HEADER_ID: text}, number + 1, 0)
    return (time.process_time() - began) / (len(rows) * ROWS) * 1e6


def _cpu_s(pid: int | None) -> float:
    """User and system time of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _ingested(rows: list[pa.RecordBatch], folder: Path, alarms: bool) -> float:
    """µs a location of publishing, bus and ingest together, until it is in the history."""
    with EmbeddedServer(folder / "bus", free_port()) as server:
        bus = await Bus.connect(server.url, "bench")
        await bus.ensure_stream()
        await bus.publish_fact("fix.0", facts.pack(rows[0]), BatchId(0xBE7C, 1), "bench")
        history = History.open("", folder / "history", 10_000)
        await asyncio.to_thread(history.migrate)
        line = await Bus.connect(server.url, "ingest")
        ingest = Ingest(line, history, derivation=AlarmDerivation(line, history) if alarms else None)
        stop = asyncio.Event()
        work = asyncio.create_task(ingest.run(stop))
        while not ingest.batches:  # noqa: ASYNC110 - reading what stands is the cost of a start, not of a location
            await asyncio.sleep(0.02)
        before = time.process_time() + _cpu_s(server.pid)
        for number, batch in enumerate(rows[1:], 2):
            await bus.publish_fact("fix.0", facts.pack(batch), BatchId(0xBE7C, number), "bench")
        while ingest.batches < len(rows):  # noqa: ASYNC110 - what is measured shall not know of it
            await asyncio.sleep(0.02)
        stop.set()
        await work
        cost = time.process_time() + _cpu_s(server.pid) - before
        await line.close()
        await bus.close()
        history.close()
    return cost / ((len(rows) - 1) * ROWS) * 1e6


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench alarms")
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--vehicles", type=int, default=50_000)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    at = time.time_ns() // 1_000_000 - 3_600_000
    rows = batches(options.batches, options.vehicles, options.share, at)
    quiet = batches(options.batches, options.vehicles, 0, at)
    checked, without, within = [], [], []
    count = 0
    for _ in range(options.rounds):
        checked.append(read(rows))
        without.append(derived(quiet)[0])
        cost, count = derived(rows)
        within.append(cost)
    print(f"read and check a message: {statistics.median(checked):.2f} µs a location")
    print(
        f"derive, no alarm: {statistics.median(without):.2f}; at {options.share:.0%}: {statistics.median(within):.2f}"
    )
    print(f"alarms: {count} of {options.batches * ROWS} locations")
    plain, full = [], []
    for _ in range(options.rounds):
        for alarms, costs in ((False, plain), (True, full)):
            with tempfile.TemporaryDirectory() as folder:
                costs.append(asyncio.run(_ingested(rows, Path(folder), alarms)))
    one, two = statistics.median(plain), statistics.median(full)
    print(
        f"publishing, bus, ingest: {one:.2f} without alarms, {two:.2f} with; alarms add {two - one:.2f} µs a location"
    )
