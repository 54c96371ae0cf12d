"""A backup and a restore from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from luwei import __version__
from luwei.backup import evidence, history, keys, registry
from luwei.backup.manifest import BackupError, Manifest, Writer
from luwei.evidence.store import EvidenceStore
from luwei.history.store import History
from luwei.registry.audit import SYSTEM, record
from luwei.registry.engine import write

Progress = Callable[[str, int], None]
"""Told the part (``history`` in rows, ``registry``, ``evidence`` and ``verifying`` in files) and how much is done."""


def _quiet(_stage: str, _done: int) -> None:
    """Nobody asks for progress."""


def back_up(
    folder: Path, engine: Engine, facts: History, store: EvidenceStore, data: Path, progress: Progress = _quiet
) -> Manifest:
    """Copy registry, history, evidence and the key of seals in ``data`` into ``folder`` (made when missing, else
    empty); the system may run.

    Raises BackupError, OSError, HistoryError; what was copied until then stays, without a manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty")
    manifest, writer = Manifest(__version__, time.time_ns() // 1_000_000), Writer(folder)
    with write(engine) as connection:
        record(connection, SYSTEM, "backup.begin", None, {"folder": str(folder)})
    manifest.history = history.back_up(facts, writer, progress)
    progress("registry", 0)
    manifest.registry = registry.back_up(engine, writer)
    manifest.evidence = evidence.back_up(store, writer, progress)
    keys.back_up(data, writer)
    manifest.files = writer.entries
    manifest.write(folder)
    return manifest


def restore(
    folder: Path,
    registry_url: str,
    open_history: Callable[[], History],
    store: EvidenceStore,
    data: Path,
    progress: Progress = _quiet,
) -> Manifest:
    """Put the backup of ``folder`` into empty stores; nothing may run on them.

    Every file is verified and every store asked before the first byte is written. Raises BackupError, OSError,
    HistoryError.
    """
    manifest = Manifest.read(folder)
    manifest.verify(folder, progress)
    registry.require_empty(registry_url)
    evidence.require_empty(store)
    keys.require_free(data, folder, manifest)
    facts = open_history()
    try:
        facts.migrate()
        history.require_empty(facts)
        history.restore(facts, folder, manifest, progress)
    finally:
        facts.close()
    evidence.restore(store, folder, manifest, progress)
    keys.restore(data, folder, manifest)
    # Last, since a registry is what makes a data folder one that is in use.
    progress("registry", 0)
    registry.restore(registry_url, folder, manifest)
    return manifest
