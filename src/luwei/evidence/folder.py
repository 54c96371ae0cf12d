"""Originals in a local folder. A file gets its name only when its bytes are on the disk, and never another content."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

ORIGINALS = "originals"
READ_ONLY = 0o440


class FolderShelf:
    """Keys are relative paths made by Luwei (``originals/2026/11/22/…``), never by a terminal."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Keep ``pieces`` as ``key``; durable on return. Raises OSError, and whatever ``pieces`` raises: then nothing
        is left behind."""
        path = self.incoming / f"{secrets.token_hex(16)}.new"
        try:
            with path.open("xb", buffering=0) as file:
                for piece in pieces:
                    view = memoryview(piece)
                    while len(view):
                        view = view[file.write(view) :]
            self.adopt(key, path)
        finally:
            path.unlink(missing_ok=True)

    def adopt(self, key: str, path: Path) -> None:
        """Keep the whole file ``path`` of the folder ``incoming`` as ``key`` without copying it; durable on return.

        Raises OSError; FileExistsError where the key is another file's: an original is never replaced.
        """
        with path.open("rb") as file:
            os.fdatasync(file.fileno())
        target = self.root / key
        self._make_folders(target.parent)
        try:
            os.link(path, target)
        except FileExistsError:
            if not target.samefile(path):
                raise
        target.chmod(READ_ONLY)
        _sync_folder(target.parent)
        path.unlink()

    def read(self, key: str, start: int, end: int, piece: int) -> Iterator[bytes]:
        """Bytes ``start`` up to ``end`` in pieces. Raises OSError."""
        with (self.root / key).open("rb") as file:
            file.seek(start)
            while start < end:
                data = file.read(min(piece, end - start))
                if not data:
                    return
                start += len(data)
                yield data

    def size(self, key: str) -> int:
        """Raises FileNotFoundError."""
        return (self.root / key).stat().st_size

    def originals(self) -> Iterator[tuple[str, int]]:
        """Every original with its size, day after day."""
        for folder, folders, names in os.walk(self.root / ORIGINALS):
            folders.sort()
            for name in sorted(names):
                path = Path(folder) / name
                yield path.relative_to(self.root).as_posix(), path.stat().st_size

    def discard(self, key: str) -> None:
        """Remove it where it is there. Raises OSError."""
        (self.root / key).unlink(missing_ok=True)

    def local_path(self, key: str) -> Path | None:
        """Where it lies."""
        return self.root / key

    def free(self) -> int | None:
        """Bytes that may still be written here."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
