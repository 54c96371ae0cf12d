"""Logs of the children: plain files the children write themselves, kept within bounds by the supervisor.

A child holds its file open in append mode, so a large one is copied aside and cut to nothing; a few lines written in
between may be lost, and no child ever waits for its log.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

LARGE = 20 << 20
KEPT = 3


def _shift(path: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))


def rotate(path: Path) -> None:
    """Begin a new file; the last ``KEPT`` are kept as ``.1`` (newest) to ``.3``. For a file that nobody writes."""
    if path.exists() and path.stat().st_size:
        _shift(path)
        path.replace(path.with_name(f"{path.name}.1"))


def bound(path: Path, large: int = LARGE) -> bool:
    """Cut a file that is being written when it is larger than ``large`` bytes; returns whether it was."""
    try:
        if path.stat().st_size <= large:
            return False
        _shift(path)
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
    except OSError:
        # A full disk must not end the supervision; freeing what the log itself holds is the best that can be done.
        with contextlib.suppress(OSError):
            os.truncate(path, 0)
    return True


def append(path: Path) -> BinaryIO:
    """The file for a child's output, made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last line of a log, shortened, to say why a child ended."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1][:300]
    return ""
