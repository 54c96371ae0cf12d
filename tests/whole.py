"""A whole Luwei in processes of its own, for tests: started as its user would, on free ports, data in one folder."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import nats
import nats.errors

from luwei import facts
from ports import free_ports, free_run_of_ports

REPOSITORY = Path(__file__).parent.parent
METER = REPOSITORY / "bench" / "meter" / "meter"


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first truthy value of ``condition``; raises AssertionError naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class WholeSystem:
    """``luwei up`` or ``luwei demo`` as a child process."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        self.folder = folder
        self.command = command or ("up",)
        self.gateway_port, self.web_port, self.bus_port, self.evidence_port, self.evidence_status_port = free_ports(5)
        self.status_port = free_run_of_ports(12)
        self.media_port = self.status_port + 4
        self.ftp_port = free_run_of_ports(65)
        self.settings: Mapping[str, str] = {
            "LUWEI_DATA": str(folder / "data"),
            "LUWEI_GATEWAY_PORT": str(self.gateway_port),
            "LUWEI_WEB_PORT": str(self.web_port),
            "LUWEI_EVIDENCE_PORT": str(self.evidence_port),
            "LUWEI_EVIDENCE_STATUS_PORT": str(self.evidence_status_port),
            "LUWEI_EVIDENCE_FTP_PORT": str(self.ftp_port),
            "LUWEI_EVIDENCE_FTP_PASSIVE": str(self.ftp_port + 1),
            "LUWEI_BUS_PORT": str(self.bus_port),
            "LUWEI_STATUS_PORT": str(self.status_port),
            "LUWEI_MEDIA_PORT": str(self.media_port),
            "LUWEI_MEDIA_STATUS_PORT": str(self.media_port + 6),
            "LUWEI_ADMISSION": "open",
            **settings,
        }
        self.web = f"http://127.0.0.1:{self.web_port}"
        self.client = httpx.Client(base_url=self.web, headers={"X-Luwei": "1"}, timeout=60)
        self.process: subprocess.Popen[bytes] | None = None
        self.password, self.proved_at = "", 0.0

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another ``luwei`` command with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "luwei.cli", *arguments],
            env={**os.environ, **self.settings},
            capture_output=True,
            text=True,
            check=True,
        )

    def start(self, seconds: float = 120) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "luwei.cli", *self.command],
                env={**os.environ, **self.settings},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for(self.healthy, f"system healthy; see {self.folder}/output.log and data/logs", seconds)
        except BaseException:
            self.stop()
            raise

    def healthy(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the system ended with {self.process.returncode}: {self.output()[-2000:]}")
        try:
            return all(
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
                for port in (self.web_port, self.status_port + 1)
            )
        except httpx.HTTPError:
            return False

    def output(self) -> str:
        return (self.folder / "output.log").read_text(encoding="utf-8", errors="replace")

    def stop(self, seconds: float = 100) -> int:
        """Ctrl-C; the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"did not stop within {seconds} s: {self.output()[-2000:]}") from None

    def children(self) -> dict[str, int]:
        """Name and process id of each child, as the supervisor's health page tells them."""
        state = httpx.get(f"http://127.0.0.1:{self.status_port}/health", timeout=60).json()
        return {child["name"]: child["pid"] for child in state["children"] if child["pid"]}

    def login(self, username: str = "tester") -> None:
        """Create an account the way an engineer does, and log in with it."""
        password = self.run("user", "add", username).stdout.strip().rpartition(" ")[2]
        self.client.post("/api/login", json={"username": username, "password": password}).raise_for_status()
        chosen = "a-Long-enough-1-secret"
        self.client.post("/api/password", json={"old": password, "new": chosen}).raise_for_status()
        self.password, self.proved_at = chosen, time.monotonic()

    def prove(self) -> None:
        """After ``login``: prove again who one is where that was minutes ago. Risky acts ask for it after a quarter of
        an hour, which many tests on a slow machine take together."""
        if time.monotonic() - self.proved_at > 300:
            self.client.post("/api/reauthenticate", json={"password": self.password}).raise_for_status()
            self.proved_at = time.monotonic()

    def stored(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the history, read by another client; the system must have stopped."""
        client = clickhouse_connect.get_client(
            interface="chdb", path=f"{self.settings['LUWEI_DATA']}/history", database="luwei"
        )
        try:
            return list(client.query(sql).result_rows)
        finally:
            client.close()

    def phones(self) -> dict[int, str]:
        """Canonical phone of each terminal in the registry."""
        with closing(sqlite3.connect(f"{self.settings['LUWEI_DATA']}/registry.db")) as registry:
            return dict(registry.execute("select id, phone from terminal").fetchall())

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def drained(self) -> bool:
        """Whether the ingest has put all that the bus held into the history: then the stream is empty."""
        return asyncio.run(self._messages_on_the_bus()) == 0

    async def _messages_on_the_bus(self) -> int | None:
        try:
            line = await nats.connect(f"nats://127.0.0.1:{self.bus_port}", connect_timeout=2, allow_reconnect=False)
        except (OSError, nats.errors.Error):
            return None
        try:
            return (await line.jetstream().stream_info(facts.STREAM)).state.messages
        except nats.errors.Error:
            return None
        finally:
            await line.close()
