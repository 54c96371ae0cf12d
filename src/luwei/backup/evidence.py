"""The evidence's part of a backup: every original under its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from luwei.backup.manifest import PIECE, BackupError, Manifest, Writer, place
from luwei.evidence.store import EvidenceStore

FOLDER = "evidence"


def back_up(store: EvidenceStore, writer: Writer, progress: Callable[[str, int], None]) -> int:
    """Copy every original; how many. One that its retention ended meanwhile is left out. Raises OSError."""
    number = 0
    for key, _ in store.originals():
        try:
            pieces = store.open_range(key)
            first = next(pieces, b"")
        except FileNotFoundError:
            continue
        with writer.file(f"{FOLDER}/{key}") as file:
            file.write(first)
            file.write_all(pieces)
        number += 1
        progress("evidence", number)
    return number


def require_empty(store: EvidenceStore) -> None:
    """Raises BackupError where the store holds an original already, OSError."""
    if next(iter(store.originals()), None) is not None:
        raise BackupError("the evidence store holds files already; a restore goes into an empty one")


def restore(store: EvidenceStore, folder: Path, manifest: Manifest, progress: Callable[[str, int], None]) -> None:
    """Put every original back under its key. Raises OSError."""
    for number, entry in enumerate(manifest.of(FOLDER), 1):
        store.put_back(entry.path.removeprefix(f"{FOLDER}/"), _pieces(place(folder, entry.path)))
        progress("evidence", number)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
