"""Tie a child process to the life of the process that started it.

Imports nothing but the standard library and runs as a plain script (``python -I -S lifeline.py PARENT COMMAND…``), so
that a program which is not Python can be started through it at the cost of a few milliseconds. Linux only
(``prctl(2)``, PR_SET_PDEATHSIG); elsewhere children outlive a killed parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PARENT = "LUWEI_SUPERVISOR_PID"
"""Environment variable with the process id of the supervisor, set for its children only."""

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread of ``parent`` that started it ends; exit if it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def die_with_parent() -> None:
    """In a child of the supervisor: die when the supervisor dies. Does nothing in a process started by hand."""
    parent = os.environ.get(PARENT, "")
    if parent.isdigit():
        die_with(int(parent))


def launcher(parent: int, command: list[str]) -> list[str]:
    """The command line that runs ``command`` tied to ``parent``."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(parent), *command]  # noqa: PTH100


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606
