"""Simulated and replayed terminals against the real gateway, bus and registry."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer
from luwei.protocol.jt808.messages.location import BASIC
from luwei.registry.engine import migrate, open_engine
from luwei.registry.imports import import_file
from luwei.settings import Settings
from luwei.simulator.captures import read_captures
from luwei.simulator.fleet import trucks, write_csv
from luwei.simulator.replay import ACKED, CLOSED, replay
from luwei.simulator.service import simulate
from luwei.simulator.truth import Truth
from ports import free_port

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir() and os.environ.get("CI") != "true", reason=f"captures are absent: {VECTORS}"
)

_GATEWAY = "from luwei.gateway import service; from luwei.settings import Settings; service.run(Settings.load(), 0)"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a gateway process with open admission."""
    folder = tmp_path_factory.mktemp("gateway")
    bus_port, port, status_port = free_port(), free_port(), free_port()
    server = EmbeddedServer(folder, bus_port)
    server.start()
    environment = os.environ | {
        "LUWEI_DATA": str(folder),
        "LUWEI_BUS": f"nats://127.0.0.1:{bus_port}",
        "LUWEI_GATEWAY_PORT": str(port),
        "LUWEI_STATUS_PORT": str(status_port - 1),
        "LUWEI_ADMISSION": "open",
    }
    migrate(open_engine(Settings.load(environment).registry_url))
    process = subprocess.Popen([sys.executable, "-c", _GATEWAY], env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, "the gateway does not listen"
                time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        server.stop()


async def _run(port: int, seed: int, reports: int, **options: object) -> tuple[Truth, dict[str, int]]:
    stop, truth = asyncio.Event(), Truth(None)
    fleet = trucks(40, seed=seed)
    task = asyncio.create_task(
        simulate(fleet, "127.0.0.1", port, truth, stop, seed=seed, awake=True, interval_s=0.25, **options)  # type: ignore[arg-type]
    )
    async with asyncio.timeout(60):
        while truth.acked < reports:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    return truth, await task


async def test_every_report_of_a_good_fleet_is_acknowledged(gateway: int) -> None:
    truth, status = await _run(gateway, 11, 600)
    assert status["online"] >= 38 and status["reconnects"] == 0
    assert truth.refused == 0 and status["resent"] == 0


async def test_a_fleet_over_udp_is_served_too(gateway: int) -> None:
    truth, status = await _run(gateway, 12, 400, udp_share=1.0)
    assert status["online"] >= 38 and truth.refused == 0


async def test_a_misbehaving_fleet_gets_every_good_report_through(gateway: int) -> None:
    truth, status = await _run(gateway, 13, 800, misbehave=True)
    assert len(truth.faults) > 15 and truth.refused == 0
    assert status["resent"] == 0  # no good frame had to be sent twice


@needs_vectors
async def test_captured_locations_are_acknowledged_and_no_capture_costs_the_connection(gateway: int) -> None:
    captures = list(read_captures(VECTORS / "jt808_frames.jsonl"))
    summary = await replay(captures, "127.0.0.1", gateway, wait_s=20)
    assert summary.counts.get(CLOSED, 0) == 0 and summary.refused_handshakes == 0
    locations = {
        capture.id
        for capture in captures
        for frame in capture.frames
        if frame.header.message_id == 0x0200 and len(frame.body) >= BASIC
    }
    acked = {outcome.id for outcome in summary.outcomes if outcome.outcome == ACKED}
    assert len(locations) > 80 and locations <= acked


def test_the_registry_imports_the_fleet(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    migrate(engine)
    fleet = trucks(60, seed=4)
    for noun in ("operators", "vehicles", "terminals"):
        file = tmp_path / f"{noun}.csv"
        rows = write_csv(file, fleet, noun)
        report = import_file(engine, noun, file.name, file.read_bytes())
        assert (report.rows, report.created, report.refused) == (rows, rows, 0), report.errors[:3]
