"""SHA-256 and SM3 (GB/T 32905) of a file, in one pass.

Both come from OpenSSL through ``hashlib``: SM3 takes some 400 MB/s a core there and lets other threads run meanwhile;
written in Python it would take a thousandth of that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PIECE = 256 << 10


@dataclass(frozen=True, slots=True)
class Digests:
    """Lower-case hex, and the size in bytes of what was digested."""

    sha256: str
    sm3: str
    size: int


class Digest:
    """Feed it a file piece by piece. Raises RuntimeError where OpenSSL was built without SM3."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        try:
            self._sm3 = hashlib.new("sm3")
        except ValueError:
            raise RuntimeError("this Python's OpenSSL has no SM3 (OpenSSL 1.1.1 or later, built with it)") from None
        self.size = 0

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next piece."""
        self._sha256.update(piece)
        self._sm3.update(piece)
        self.size += len(piece)

    def end(self) -> Digests:
        """Digests of all that came."""
        return Digests(self._sha256.hexdigest(), self._sm3.hexdigest(), self.size)


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file in pieces. Raises OSError."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def digest(pieces: Iterable[bytes]) -> Digests:
    """Digests of ``pieces``."""
    running = Digest()
    for piece in pieces:
        running.update(piece)
    return running.end()
