"""The supervisor as a process, with small children and one real nats-server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luwei.bus.embedded import answers
from luwei.settings import Settings
from luwei.supervisor import log_files
from luwei.supervisor.child_table import children, ports
from ports import free_ports

pytestmark = pytest.mark.system
SCRIPT = Path(__file__).with_name("supervised_process.py")


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
    return result


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


class Supervised:
    """A running supervisor and what it prints."""

    def __init__(self, data: Path, *specifications: str) -> None:
        self.data = data
        (self.port,) = free_ports(1)
        self.output = data.with_name(f"{data.name}.out")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), "supervisor", str(data), str(self.port), *specifications],
                stdout=output,
                stderr=output,
            )

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def health(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {"ok": False, "children": []}

    def child(self, name: str) -> dict[str, Any]:
        return next((dict(one) for one in self.health()["children"] if one["name"] == name), {})

    def wait_up(self) -> None:
        until(lambda: "everything runs" in self.printed)
        assert self.health()["ok"]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(*specifications: str) -> Supervised:
        one = Supervised(tmp_path / "data", *specifications)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def test_a_killed_child_is_back_within_ten_seconds_and_the_others_are_left_alone(
    supervise: Callable[..., Supervised],
) -> None:
    bus, core, gateway = free_ports(3)
    system = supervise(f"bus:0:{bus}:nats", f"core:1:{core}", f"gateway:2:{gateway}")
    system.wait_up()
    before = {one["name"]: one["pid"] for one in system.health()["children"]}
    took = []
    for name in ("bus", "core", "gateway"):
        os.kill(before[name], signal.SIGKILL)
        began = time.monotonic()
        until(lambda: system.child(name).get("pid") not in (None, before[name]) and system.health()["ok"])  # noqa: B023
        took.append(time.monotonic() - began)
    assert min(took) < 10  # a machine that others use has its moments
    assert [one["restarts"] for one in system.health()["children"]] == [1, 1, 1]
    assert system.child("core")["last_exit"] == "killed by SIGKILL"
    assert answers(bus)
    with urllib.request.urlopen(f"http://127.0.0.1:{system.port}/metrics", timeout=20) as page:
        assert 'luwei_child_restarts_total{child="core"} 1.0' in page.read().decode()


def test_the_children_die_with_a_killed_supervisor_and_the_next_start_takes_over(
    supervise: Callable[..., Supervised],
) -> None:
    bus, core = free_ports(2)
    system = supervise(f"bus:0:{bus}:nats", f"core:1:{core}:stubborn")
    system.wait_up()
    pids = [one["pid"] for one in system.health()["children"]]
    system.process.kill()
    until(lambda: not any(alive(pid) for pid in pids))
    system.output.unlink()
    supervise(f"bus:0:{bus}:nats", f"core:1:{core}").wait_up()


def test_it_stops_in_the_reverse_order_of_its_start_and_leaves_nothing(supervise: Callable[..., Supervised]) -> None:
    first, second, third, fourth = free_ports(4)
    system = supervise(f"bus:0:{first}", f"core:1:{second}", f"gateway-0:2:{third}", f"gateway-1:2:{fourth}")
    system.wait_up()
    pids = [one["pid"] for one in system.health()["children"]]
    system.process.terminate()
    assert system.process.wait(60) == 0
    assert not any(alive(pid) for pid in pids)
    stops = [line.split("stopping ")[1] for line in system.printed.splitlines() if "stopping" in line]
    assert stops == ["gateway-0, gateway-1", "core", "bus"]
    assert system.printed.rstrip().endswith("stopped")


def test_a_child_that_will_not_stop_is_killed_and_a_second_signal_hurries(
    supervise: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    for signals, patience in ((1, "1"), (2, "60")):
        monkeypatch.setenv("STOP_S", patience)
        (port,) = free_ports(1)
        system = supervise(f"core:0:{port}:stubborn")
        system.wait_up()
        pid = system.child("core")["pid"]
        for _ in range(signals):
            system.process.send_signal(signal.SIGINT)
            until(lambda: "stopping core" in system.printed)  # noqa: B023
        assert system.process.wait(60) == 0
        assert not alive(pid)
        assert "killed" in system.printed
        system.output.unlink()


def test_a_second_start_on_the_same_data_is_refused_with_the_first_ones_process(
    supervise: Callable[..., Supervised],
) -> None:
    (port,) = free_ports(1)
    first = supervise(f"core:0:{port}")
    first.wait_up()
    second = supervise(f"core:0:{port}")
    assert second.process.wait(60) == 1
    assert f"already runs on the data folder {first.data} (process {first.process.pid})" in second.printed
    assert first.health()["ok"]


def test_a_taken_port_is_refused_with_its_setting(supervise: Callable[..., Supervised], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, str(SCRIPT), "supervisor", str(tmp_path / "data"), str(port)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert refused.returncode == 1
    assert f"port {port} on 127.0.0.1" in refused.stderr
    assert "STATUS" in refused.stderr


def test_a_child_that_cannot_start_is_tried_ever_more_slowly_and_its_last_words_are_shown(
    supervise: Callable[..., Supervised],
) -> None:
    port, other = free_ports(2)
    system = supervise(f"core:0:{port}:failing", f"gateway:1:{other}")
    until(lambda: system.child("core").get("restarts", 0) >= 3)
    pauses = [
        float(line.split("again in ")[1].split(" s")[0]) for line in system.printed.splitlines() if "again in" in line
    ]
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert "no such file: roads.json" in system.printed
    # The rest of the system runs all the same.
    until(lambda: system.child("gateway").get("ready"))
    assert not system.health()["ok"]


def test_logs_rotate_at_the_start_and_are_cut_when_large(tmp_path: Path) -> None:
    path = tmp_path / "core.log"
    for start in range(5):
        log_files.rotate(path)
        with log_files.append(path) as file:
            file.write(f"start {start}\n".encode())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["core.log", "core.log.1", "core.log.2", "core.log.3"]
    assert path.with_name("core.log.1").read_text() == "start 3\n"
    with log_files.append(path) as child:
        assert not log_files.bound(path, large=100)
        child.write(b"x" * 200 + b"\n")
        child.flush()
        assert log_files.bound(path, large=100)
        child.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert path.with_name("core.log.1").read_bytes() == b"start 4\n" + b"x" * 200 + b"\n"
    assert log_files.last_line(path) == "after"


def test_the_table_has_every_process_with_its_own_port(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, shards=2)
    assert [child.name for child in children(settings, demo_trucks=300)] == [
        "nats-server", "core", "gateway-0", "gateway-1", "evidence", "media-0", "simulator",
    ]  # fmt: skip
    assert [port for _, _, port in ports(settings)] == [
        7600, 7611, 7612, 7629, 7613, 7614, 7615, 7640, 7622, 7630, 7631, 7632,
    ]  # fmt: skip
    outside = Settings(data=tmp_path, bus="nats://bus:4222")
    assert [child.name for child in children(outside)] == ["core", "gateway-0", "evidence", "media-0"]
    assert children(settings, 300)[-1].command()[1:] == [
        "-m", "luwei.cli", "simulate", "--trucks", "300", "--to", "127.0.0.1:7611", "--awake", "--profiles", "mixed",
        "--lively",
    ]  # fmt: skip
