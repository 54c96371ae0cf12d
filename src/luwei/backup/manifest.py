"""The manifest of a backup: what is in it, of which version, and the SHA-256 of every file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

FORM = 1
"""Version of the folder's form; another one is refused."""
NAME = "manifest.json"
PIECE = 1 << 20


class BackupError(RuntimeError):
    """A backup or restore that cannot be done; the message says why and where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, ``path`` relative to the folder with slashes."""

    path: str
    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """``registry`` says kind and schema revision, ``history`` rows by table, ``evidence`` the number of originals."""

    version: str
    created_at: int
    registry: dict[str, Any] = field(default_factory=dict)
    history: dict[str, int] = field(default_factory=dict)
    evidence: int = 0
    files: list[Entry] = field(default_factory=list)
    form: int = FORM

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def write(self, folder: Path) -> None:
        """Put it beside the files, durably; the folder is a backup from then on."""
        content = json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()
        digest = hashlib.sha256(content).hexdigest()
        for name, text in ((f"{NAME}.sha256", f"{digest}  {NAME}\n".encode()), (NAME, content)):
            partial = folder / f"{name}.partial"
            with partial.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(folder / name)

    @staticmethod
    def read(folder: Path) -> Manifest:
        """The manifest of the backup in ``folder``. Raises BackupError where there is none or it was altered."""
        try:
            content = (folder / NAME).read_bytes()
            digest = (folder / f"{NAME}.sha256").read_text(encoding="utf-8").split()[0]
        except (OSError, IndexError, ValueError) as error:
            raise BackupError(f"{folder} holds no whole backup: {error}") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise BackupError(f"{folder / NAME} was altered: its hash is another one than in {NAME}.sha256")
        try:
            found = json.loads(content)
            if found["form"] != FORM:
                raise BackupError(f"{folder} has form {found['form']}; this version of Luwei reads form {FORM}")
            return Manifest(**{**found, "files": [Entry(**entry) for entry in found["files"]]})
        except (TypeError, KeyError, json.JSONDecodeError) as error:
            raise BackupError(f"{folder / NAME} cannot be read: {error}") from None

    def verify(self, folder: Path, progress: Callable[[str, int], None]) -> None:
        """Read every file and compare. Raises BackupError naming the first one that is missing or altered."""
        for number, entry in enumerate(self.files):
            progress("verifying", number)
            path = place(folder, entry.path)
            digest, size = hashlib.sha256(), 0
            try:
                with path.open("rb") as file:
                    while piece := file.read(PIECE):
                        digest.update(piece)
                        size += len(piece)
            except OSError as error:
                raise BackupError(f"{path} cannot be read: {error.strerror}") from None
            if size != entry.size or digest.hexdigest() != entry.sha256:
                raise BackupError(f"{path} was altered: its size or SHA-256 is another one than in the manifest")

    def of(self, start: str) -> list[Entry]:
        """Files below ``start``, in order of their paths."""
        return sorted((entry for entry in self.files if entry.path.startswith(f"{start}/")), key=lambda each: each.path)


def place(folder: Path, path: str) -> Path:
    """The file ``path`` of the manifest below ``folder``. Raises BackupError for a path that leads out of it."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise BackupError(f"{path!r}: leads out of the backup")
    return folder / parts


@dataclass(slots=True)
class Writer:
    """Writes files below ``folder`` and notes each with its hash."""

    folder: Path
    entries: list[Entry] = field(default_factory=list)

    @contextmanager
    def file(self, path: str) -> Iterator[Hashing]:
        """A new file to write to; on the disk and noted when the block ends."""
        target = place(self.folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as raw:
            hashing = Hashing(raw)
            yield hashing
            raw.flush()
            os.fsync(raw.fileno())
        self.entries.append(Entry(path, hashing.size, hashing.digest.hexdigest()))

    def note(self, path: str) -> None:
        """Note a file that another program wrote."""
        digest, size = hashlib.sha256(), 0
        with place(self.folder, path).open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                size += len(piece)
            os.fsync(file.fileno())
        self.entries.append(Entry(path, size, digest.hexdigest()))


class Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write all of ``data``; its length in bytes."""
        piece = bytes(data)
        self._raw.write(piece)
        self.digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def write_all(self, pieces: Iterable[bytes]) -> None:
        """Write every piece."""
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        """Nothing is held back here; the disk is asked once at the end."""
