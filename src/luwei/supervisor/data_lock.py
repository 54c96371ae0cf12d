"""One system per data folder, one owner per port: checked before anything is started."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

GRACE_S = 5.0
"""How long a port may stay taken: processes of a supervisor that was killed may still be dying."""


class AlreadyRunning(RuntimeError):
    """Another supervisor works on the data folder, or something else has a port; the message says which."""


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the lock of ``data`` (made when missing). Raises AlreadyRunning with the holder's process id, OSError.

    The kernel drops the lock with the process, however it ends.
    """
    data.mkdir(parents=True, exist_ok=True)
    path = data / "luwei.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise AlreadyRunning(
                f"Luwei already runs on the data folder {data} (process {holder or 'unknown'}); "
                "stop it first, or name another folder in LUWEI_DATA"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def require_free(ports: list[tuple[str, str, int]], grace_s: float = GRACE_S) -> None:
    """Check that nobody listens on any of ``ports``: (setting, host, TCP port). Raises AlreadyRunning naming one."""
    deadline = time.monotonic() + grace_s
    for setting, host, port in ports:
        while (problem := _taken(host, port)) is not None:
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"port {port} on {host} cannot be used ({problem}); set {setting} to another")
            time.sleep(0.1)


def _taken(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None
