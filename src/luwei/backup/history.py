"""The history's part of a backup: every part of every table of facts as Arrow files, for both engines alike.

Facts never change, so a part that is read is right for ever; only a merge can take one away while it is read. Then the
partition (a day) is read again, the last time with its table's merges held back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc

from luwei.backup.manifest import BackupError, Manifest, Writer, place
from luwei.history.store import History, Part

SLICE = 500_000
"""Rows of one file: bounds the memory of backup and restore."""
ATTEMPTS = 4
DERIVED = frozenset({"latest", "migration"})
"""Tables that fill themselves: ``latest`` from the locations, ``migration`` when the tables are made."""


def back_up(history: History, writer: Writer, progress: Callable[[str, int], None]) -> dict[str, int]:
    """Copy every fact that is there now; rows by table. Raises HistoryError, BackupError."""
    parts = [part for part in history.parts() if part.table not in DERIVED]
    rows: dict[str, int] = {}
    for table, partition in sorted({(part.table, part.partition) for part in parts}):
        found = _partition(history, writer, table, partition)
        rows[table] = rows.get(table, 0) + found
        progress("history", sum(rows.values()))
    return rows


def _partition(history: History, writer: Writer, table: str, partition: str) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        done = len(writer.entries)
        with history.merges_held(table, attempt == ATTEMPTS):
            parts = [part for part in history.parts() if (part.table, part.partition) == (table, partition)]
            rows = 0
            for number, part in enumerate(parts):
                taken = _part(history, writer, part, f"history/{table}/{partition}/{number:05}")
                if taken != part.rows:
                    break
                rows += taken
            else:
                return rows
        for entry in writer.entries[done:]:
            place(writer.folder, entry.path).unlink()
        del writer.entries[done:]
    raise BackupError(f"history table {table}, partition {partition}: its parts changed while they were read")


def _part(history: History, writer: Writer, part: Part, path: str) -> int:
    taken = 0
    for start in range(0, part.rows, SLICE):
        rows = history.read_part(part, start, min(SLICE, part.rows - start))
        with writer.file(f"{path}-{start // SLICE:05}.arrow") as file:
            options = ipc.IpcWriteOptions(compression="zstd")
            with ipc.new_stream(pa.PythonFile(file, mode="w"), rows.schema, options=options) as stream:
                stream.write_table(rows)
        taken += rows.num_rows
    return taken


def require_empty(history: History) -> None:
    """Raises BackupError where the history holds a fact already, HistoryError."""
    if any(part.rows for part in history.parts() if part.table not in DERIVED):
        raise BackupError("the history holds facts already; a restore goes into an empty one")


def restore(history: History, folder: Path, manifest: Manifest, progress: Callable[[str, int], None]) -> None:
    """Insert every fact of the backup; the tables must be there and empty. Raises HistoryError, BackupError."""
    rows: dict[str, int] = {}
    for entry in manifest.of("history"):
        table = entry.path.split("/")[1]
        with pa.OSFile(str(place(folder, entry.path))) as file, ipc.open_stream(file) as stream:
            block = stream.read_all()
        history.insert(table, block, f"restore {entry.sha256} {entry.path}")
        rows[table] = rows.get(table, 0) + block.num_rows
        progress("history", sum(rows.values()))
    if rows != {table: count for table, count in manifest.history.items() if count}:
        raise BackupError(f"the history's files hold {rows}, the manifest says {manifest.history}")
