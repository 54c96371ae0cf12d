"""From truck to screen: the time between a location, or an alarm, leaving a truck and its arrival in a browser.

One truck sends a new place after pauses of random length, so that every phase of the screen's second is met, while a
simulated fleet keeps the system busy. Then it presses the alarm button again and again: measured is when the case is
on the screen of who handles cases (/ws/cases), and when the alarm is in the strip beside the map (/ws/live).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import struct
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import websockets

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from luwei.protocol.jt808.frame import check_code, escape
from whole import WholeSystem

PHONE = bytes.fromhex("013912340001")
PLATE = "粤B99999"


def _frame(message: int, serial: int, body: bytes) -> bytes:
    content = struct.pack(">HH", message, len(body)) + PHONE + struct.pack(">H", serial) + body
    return b"\x7e" + escape(content + bytes([check_code(content)])) + b"\x7e"


def _location(serial: int, lat_e6: int, alarm: int = 0) -> bytes:
    local = datetime.now(UTC) + timedelta(hours=8)
    when = bytes.fromhex(local.strftime("%y%m%d%H%M%S"))
    return _frame(0x0200, serial, struct.pack(">IIIIHHH", alarm, 3, lat_e6, 113_500_000, 10, 300, 90) + when)


async def _measure(system: WholeSystem, samples: int) -> tuple[list[float], list[float], list[float]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway_port)
    register = struct.pack(">HH5s20s7sB", 44, 300, b"70111", b"BENCH", b"B000001", 2) + PLATE.encode("gbk")
    writer.write(_frame(0x0100, 0, register))
    answer = await reader.readuntil(b"\x7e\x81\x00")  # the reply's head
    answer = await reader.readuntil(b"\x7e")
    writer.write(_frame(0x0102, 1, answer[13:-2]))
    await reader.readuntil(b"\x7e")
    cookie = "; ".join(f"{name}={value}" for name, value in system.client.cookies.items())
    address = system.web.replace("http", "ws") + "/ws/live"
    times = []
    async with websockets.connect(address, additional_headers={"Cookie": cookie}, origin=system.web) as screen:  # type: ignore[arg-type]
        await screen.send('{"type":"view","bbox":[113.4,22.0,113.6,24.0],"zoom":12,"filter":{"state":"all"}}')
        for number in range(samples):
            lat_e6 = 23_000_000 + number * 10
            sent = time.monotonic()
            writer.write(_location(2 + number, lat_e6))
            await writer.drain()
            while True:
                frame = await asyncio.wait_for(screen.recv(), 20)
                if isinstance(frame, bytes):
                    (count, kind) = struct.unpack_from("<II", frame)
                    if kind & 0xFF in (1, 2) and lat_e6 in struct.unpack_from(f"<{count}i", frame, 16 + 4 * count):
                        break
            times.append(time.monotonic() - sent)
            await asyncio.sleep(random.uniform(0.2, 1.2))
        as_person: Any = {"additional_headers": {"Cookie": cookie}, "origin": system.web}
        async with websockets.connect(system.web.replace("http", "ws") + "/ws/cases", **as_person) as desk:
            cases, strip = await _alarms(writer, desk, screen, samples, 2 + samples)
    writer.close()
    return times, cases, strip


async def _alarms(
    writer: asyncio.StreamWriter, desk: Any, strip: Any, samples: int, serial: int
) -> tuple[list[float], list[float]]:
    """Seconds until the case and until the strip tell of an alarm: the button, pressed again when it is out."""
    cases, shown = [], []
    for number in range(samples):
        sent, sent_ms = time.monotonic(), time.time() * 1000
        writer.write(_location(serial + 2 * number, 23_100_000, 1))
        await writer.drain()

        async def case(pressed: int = number, began: float = sent) -> float:
            while True:
                told = json.loads(await asyncio.wait_for(desk.recv(), 30))
                rows = told.get("rows", ()) if told["type"] == "case" else ()
                if any(row["plate"] == PLATE and row["count"] > pressed for row in rows):
                    return time.monotonic() - began

        async def alarm(after: float = sent_ms, began: float = sent) -> float:
            while True:
                frame = await asyncio.wait_for(strip.recv(), 30)
                told = json.loads(frame) if isinstance(frame, str) else {"type": ""}
                items = told["items"] if told["type"] == "alarms" and not told.get("first") else ()
                if any(row["plate"] == PLATE and row["received_at"] >= after - 50 for row in items):
                    return time.monotonic() - began

        on_desk, in_strip = await asyncio.gather(case(), alarm())
        cases.append(on_desk)
        shown.append(in_strip)
        await asyncio.sleep(random.uniform(1.1, 2.2))
        writer.write(_location(serial + 2 * number + 1, 23_100_000))  # the button is out
        await writer.drain()
        await asyncio.sleep(1.2)
    return cases, shown


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench screen")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--trucks", default="300", help="simulated trucks beside it")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        system = WholeSystem(Path(folder), "demo", "--trucks", options.trucks)
        system.start(120)
        try:
            system.login()
            measured = asyncio.run(_measure(system, options.samples))
        finally:
            system.stop()
    for name, times in zip(("truck to screen", "alarm to case on the desk", "alarm to strip"), measured, strict=True):
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name}, {len(times)} samples: median {statistics.median(times):.2f} s, p95 {p95:.2f} s")
