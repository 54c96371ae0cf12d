"""The core as a process of its own: it starts while the bus is away, says so, recovers, and stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from luwei.bus import EmbeddedServer
from luwei.web.server import listen
from ports import free_ports


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


@contextmanager
def process(folder: Path, web_port: int, bus_port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "LUWEI_DATA": str(folder / "data"),
        "LUWEI_WEB_PORT": str(web_port),
        "LUWEI_BUS_PORT": str(bus_port),
        **settings,
    }
    command = [sys.executable, "-c", "from luwei import core, settings; core.run(settings.Settings.load())"]
    with (folder / "core.log").open("ab") as log:
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.kill()
            child.wait()


def health(port: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).json()
    except httpx.TransportError:
        return {}
    return answer


def test_the_core_waits_for_the_bus_says_so_recovers_and_stops(tmp_path: Path) -> None:
    web_port, bus_port = free_ports(2)
    with process(tmp_path, web_port, bus_port, LUWEI_DEMO="1") as child:
        waiting = wait_for(lambda: health(web_port), "web answers while the bus is away")
        assert (waiting["ok"], waiting["bus"]["ok"]) == (False, False)
        assert httpx.get(f"http://127.0.0.1:{web_port}/health", timeout=60).status_code == 503
        with EmbeddedServer(tmp_path / "bus", bus_port):
            wait_for(lambda: health(web_port).get("ok"), "healthy once the bus is there")
            made = httpx.post(
                f"http://127.0.0.1:{web_port}/api/login",
                json={"username": "demo", "password": "luwei-demo"},
                headers={"X-Luwei": "1"},
                timeout=60,
            )
            assert made.status_code == 200
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) == 0
    lines = [json.loads(line) for line in (tmp_path / "core.log").read_text().splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    assert "core waits for the bus" in events
    assert events[-1] == "core stopped"
    assert not [line for line in lines if line["level"] in ("error", "critical")]


def test_the_core_waits_for_a_history_that_is_away_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    web_port, bus_port, nobody = free_ports(3)
    with process(tmp_path, web_port, bus_port, LUWEI_HISTORY=f"http://127.0.0.1:{nobody}/luwei") as child:
        log = tmp_path / "core.log"
        wait_for(lambda: "core waits for a store" in log.read_text(), "waiting for the history")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0


def test_a_taken_web_port_ends_the_process_with_its_address(tmp_path: Path) -> None:
    (bus_port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process(tmp_path, port, bus_port) as child:
            assert child.wait(60) != 0
    assert f"web address 127.0.0.1:{port}" in (tmp_path / "core.log").read_text()


def test_listening_names_the_address_that_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match=f"web address 127.0.0.1:{taken.getsockname()[1]}"),
    ):
        listen("127.0.0.1", taken.getsockname()[1])
