"""The embedded nats-server as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luwei.bus import EmbeddedServer, ServerFailed
from luwei.bus.embedded import _greets, answers, find_server


def test_it_listens_on_the_loopback_only_and_syncs_always(server: EmbeddedServer) -> None:
    text = (server.data / "nats-server.conf").read_text()
    assert f'listen: "127.0.0.1:{server.port}"' in text
    assert "sync_interval: always" in text
    assert answers(server.port)


def test_it_stops_in_order_and_starts_again(server: EmbeddedServer) -> None:
    first = server.pid
    assert server.wait(0.1) is None
    server.stop()
    assert server.pid is None
    assert not answers(server.port)
    server.start()
    assert server.pid not in (None, first)


def test_a_server_without_jetstream_does_not_count_as_answering(port: int, tmp_path: Path) -> None:
    path = tmp_path / "plain.conf"
    path.write_text(f'listen: "127.0.0.1:{port}"')
    plain = subprocess.Popen([str(find_server()), "-c", str(path)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 40
        while not _greets(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not answers(port)
    finally:
        plain.kill()
        plain.wait()


def test_a_taken_port_is_named(server: EmbeddedServer, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=str(server.port)):
        EmbeddedServer(tmp_path / "other", server.port).start()


def test_it_dies_with_the_process_that_started_it(tmp_path: Path, port: int) -> None:
    script = (
        "import sys, time; from pathlib import Path; from luwei.bus import EmbeddedServer\n"
        "s = EmbeddedServer(Path(sys.argv[1]), int(sys.argv[2])); s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(port)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert answers(port)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 40
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, f"server {pid} outlived its parent {os.getpid()}"
        time.sleep(0.02)
    assert not answers(port)
