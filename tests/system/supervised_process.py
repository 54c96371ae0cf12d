"""A supervisor with small children instead of the whole system, for test_supervisor.py.

``supervised_process.py supervisor DATA STATUS_PORT NAME:RANK:PORT[:MODE] …``, or ``… child PORT MODE``.
Modes: obey (default), stubborn (ignores SIGTERM), failing (ends at once with a message), nats (a real nats-server).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from luwei.bus.embedded import EmbeddedServer, answers
from luwei.supervisor import child as child_module
from luwei.supervisor.child import Child
from luwei.supervisor.child_table import http_probe
from luwei.supervisor.data_lock import AlreadyRunning, locked, require_free
from luwei.supervisor.service import supervise


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503)  # in trouble, yet alive
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def be_child(port: int, mode: str) -> None:
    if mode == "failing":
        sys.exit("no such file: roads.json")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "stubborn" else lambda *_: sys.exit(0))
    HTTPServer(("127.0.0.1", port), Page).serve_forever(0.05)


def be_supervisor(data: Path, status_port: int, specifications: list[str]) -> None:
    child_module.STOP_S = float(os.environ.get("STOP_S", "1"))
    table = []
    for specification in specifications:
        name, rank, port, mode = [*specification.split(":"), "obey"][:4]
        if mode == "nats":
            server = EmbeddedServer(data / "bus", int(port))
            table.append(Child(name, server.command, int(rank), partial(answers, int(port))))
        else:
            command = [sys.executable, __file__, "child", port, mode]
            probe = http_probe("127.0.0.1", int(port))
            patience = 3 if mode == "failing" else 60
            table.append(Child(name, lambda command=command: command, int(rank), probe, ready_s=patience))  # type: ignore[misc]
    try:
        with locked(data):
            require_free([("STATUS", "127.0.0.1", status_port)], grace_s=0.3)
            asyncio.run(supervise(table, data, "127.0.0.1", status_port, ["everything runs"]))
    except AlreadyRunning as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if sys.argv[1] == "child":
        be_child(int(sys.argv[2]), sys.argv[3])
    else:
        be_supervisor(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
