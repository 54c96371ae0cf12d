"""The secrets' part of a backup: the key that sealed packages are signed with, readable for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from luwei.backup.manifest import BackupError, Manifest, Writer, place

FOLDER = "secrets"
FILES = ("sealing/sm2.key",)
"""Below the data folder (``luwei.oversight.signing``)."""


def back_up(data: Path, writer: Writer) -> None:
    """Copy the keys there are (none before anything was sealed). Raises OSError."""
    for name in FILES:
        try:
            content = (data / name).read_bytes()
        except FileNotFoundError:
            continue
        target = place(writer.folder, f"{FOLDER}/{name}")
        (writer.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
        with writer.file(f"{FOLDER}/{name}") as file:
            target.chmod(0o600)  # while it is empty still
            file.write(content)


def require_free(data: Path, folder: Path, manifest: Manifest) -> None:
    """Raises BackupError where the data folder holds another key: what that one signed would lose it. OSError."""
    for entry in manifest.of(FOLDER):
        name = _name(entry.path)
        there = data / name
        if there.exists() and there.read_bytes() != place(folder, entry.path).read_bytes():
            raise BackupError(f"{there} is another key than the backup's; a restore replaces none")


def restore(data: Path, folder: Path, manifest: Manifest) -> None:
    """Put the keys back with mode 0600, in folders with mode 0700. Raises BackupError, OSError."""
    for entry in manifest.of(FOLDER):
        target = data / _name(entry.path)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f"{target.name}.restored")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(place(folder, entry.path).read_bytes())
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)


def _name(path: str) -> str:
    name = path.removeprefix(f"{FOLDER}/")
    if name not in FILES:
        raise BackupError(f"{path!r}: no key that this version of Luwei knows")
    return name
