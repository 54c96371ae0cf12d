"""Ports for servers that tests start: below those the system gives to outgoing connections, and each to one process.

A port that was only free a moment ago may be another's when it is needed: of another worker, or of a connection to
somewhere. A lock on a file of the port's name, held until this process ends, keeps it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

FIRST, LAST = 15_000, 32_000
_folder = Path(tempfile.gettempdir()) / f"luwei-test-ports-{os.getuid()}"
_held: dict[int, IO[bytes]] = {}
_next = FIRST + os.getpid() * 97 % (LAST - FIRST)


def _take(port: int) -> bool:
    """Whether ``port`` is now this process's own and nobody listens there."""
    if port in _held:
        return False
    _folder.mkdir(exist_ok=True)
    lock = (_folder / str(port)).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return False
    _held[port] = lock
    return True


def free_run_of_ports(count: int) -> int:
    """First of ``count`` consecutive ports, TCP and UDP."""
    global _next
    for _ in range((LAST - FIRST) // count):
        first, _next = _next, _next + count
        if _next + count > LAST:
            _next = FIRST
        taken = [port for port in range(first, first + count) if _take(port)]
        if len(taken) == count:
            return first
        for port in taken:
            _held.pop(port).close()
    raise RuntimeError("no run of free ports")


def free_ports(count: int) -> list[int]:
    """``count`` ports, TCP and UDP."""
    return [free_run_of_ports(1) for _ in range(count)]


def free_port() -> int:
    """A port, TCP and UDP."""
    return free_run_of_ports(1)
