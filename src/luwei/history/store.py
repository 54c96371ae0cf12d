"""The door to the history engine: one client library and the same SQL for chDB in this process and for ClickHouse.

A client of the library serves one call at a time, so reading goes through a small pool of clients, which also bounds
how many questions run at once; writing has a client of its own and waits for no reader. All calls block: an event loop
uses ``asyncio.to_thread``.
"""

from __future__ import annotations

import contextlib
import queue
import re
import string
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError

from luwei import facts

log = structlog.get_logger()

TABLES = {
    facts.FIX: "location", facts.SESSION: "session", facts.LEDGER: "ledger", facts.MESSAGE: "message",
    facts.ALARM: "alarm",
}  # fmt: skip
"""Table of each kind of fact."""
LATEST = [
    "vehicle_id", "terminal_id", "at", "received_at", "lat_e6", "lon_e6", "altitude_m", "speed_dkmh", "direction_deg",
    "alarm", "status", "mileage_hm", "video_alarm", "origin", "flags", "edition",
]  # fmt: skip
"""Columns of location that table latest has."""
QUARANTINE = pa.schema(
    [
        pa.field("at", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("sequence", pa.uint64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("gateway", pa.string(), nullable=False),
        pa.field("cause", pa.string(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("batch", pa.uint64(), nullable=False),
    ]
)

DATABASE = "luwei"
READERS = 4
_FOLDER = Path(__file__).parent
_BINARY = frozenset({"items", "body", "example", "payload", "item", "identification"})

_READING: dict[str, Any] = {
    "max_execution_time": 20,
    "max_memory_usage": 2 << 30,
    "max_result_rows": 2_000_000,
    "output_format_arrow_string_as_string": 0,
    "optimize_move_to_prewhere": 1,
}
_WRITING: dict[str, Any] = {
    "max_execution_time": 120,
    # A batch may bring late points of any day within the time-to-live (0: no bound).
    "max_partitions_per_insert_block": 0,
    "output_format_arrow_string_as_string": 0,
    "insert_deduplicate": 1,
    # One insert is one block, so that its parts are the same when it is repeated under its token.
    "max_insert_block_size": 10_000_000,
    "max_insert_threads": 1,
}


class HistoryError(RuntimeError):
    """The engine refused or could not be reached; the message is its own."""


@cache
def _sql(name: str) -> str:
    path = _FOLDER / "queries" / f"{name}.sql"
    if not re.fullmatch(r"[a-z_]+", name) or not path.is_file():
        raise KeyError(f"no query named {name!r}")
    return "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))


def migrations() -> list[tuple[int, str, str]]:
    """Number, name and text of every migration, in order."""
    found = []
    for path in sorted((_FOLDER / "migrations").glob("*.sql")):
        found.append((int(path.stem.partition("_")[0]), path.stem, path.read_text()))
    return found


def _statements(text: str) -> list[str]:
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in bare.split(";") if part.strip()]


@dataclass(frozen=True, slots=True)
class Size:
    """Of one table, parts that a merge has replaced not counted."""

    rows: int
    bytes: int
    parts: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a table as the engine keeps it: rows that were inserted or merged together, never changed."""

    table: str
    partition: str
    name: str
    rows: int


class History:
    """The tables of facts; made by ``open``, safe to use from any thread."""

    def __init__(self, options: dict[str, Any], days: int) -> None:
        self._options = options
        self.days = days
        self._write_lock = threading.Lock()
        self._writer: Any = None
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._opened = 0
        self._open_lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, url: str, path: Path, days: int) -> History:
        """Open ClickHouse at ``url`` (http://user:password@host:port/database) or, when empty, chDB under ``path``.

        ``days`` is the time-to-live that ``migrate`` gives to tables it creates. chDB lets one process open a path.
        Raises ValueError on a malformed URL, HistoryError when the engine cannot be opened; an engine that is away
        now may be tried again.
        """
        if url:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"history URL {parts.scheme}://…: must be like http://user:password@host:8123/luwei")
            options: dict[str, Any] = {
                "host": parts.hostname,
                "port": parts.port or (8443 if parts.scheme == "https" else 8123),
                "secure": parts.scheme == "https",
                "username": unquote(parts.username or "default"),
                "password": unquote(parts.password or ""),
                "database": parts.path.strip("/") or DATABASE,
                "autogenerate_session_id": False,
                "connect_timeout": 5,
                "send_receive_timeout": 150,
            }
        else:
            path.mkdir(parents=True, exist_ok=True)
            options = {"interface": "chdb", "path": str(path), "database": DATABASE}
        history = cls(options, days)
        with _engine():
            first = history._client({}, database="default" if not url else None, create=True)
            first.command(f"CREATE DATABASE IF NOT EXISTS {history.database}")
            first.close()
            history._writer = history._client(_WRITING)
        return history

    @property
    def database(self) -> str:
        return str(self._options["database"])

    def _client(self, settings: dict[str, Any], database: str | None = None, create: bool = False) -> Any:
        options = dict(self._options)
        if create:
            # The database may not exist yet, and a server refuses a session in one that does not.
            options["database"] = database or "default"
        return clickhouse_connect.get_client(settings=settings, query_limit=0, **options)

    def migrate(self) -> None:
        """Bring the tables up to this version; each migration runs once and may be repeated. Raises HistoryError."""
        with self._writing() as writer:
            writer.command(
                "CREATE TABLE IF NOT EXISTS migration (number UInt32, name String, at DateTime DEFAULT now()) "
                "ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1"
            )
            done = set(writer.query_arrow("SELECT number FROM migration")["number"].to_pylist())
            for number, name, text in migrations():
                if number in done:
                    continue
                for statement in _statements(string.Template(text).substitute(days=self.days)):
                    writer.command(statement)
                writer.command(
                    "INSERT INTO migration (number, name) SELECT {n:UInt32}, {name:String}",
                    parameters={"n": number, "name": name},
                )
                log.info("history migrated", migration=name)

    def insert(self, table: str, rows: pa.Table, token: str) -> None:
        """Insert ``rows`` into ``table`` (a kind of fact or a table's name); returns when they are on the disk.

        Repeating it with the same rows under the same ``token`` adds nothing, also after an unknown outcome, as long
        as the engine remembers the token (the last 10,000 parts of the table). Raises HistoryError; part of the rows
        may then be stored (whole days of them).
        """
        with self._writing() as writer:
            writer.insert_arrow(
                TABLES.get(table, table), rows.combine_chunks(), settings={"insert_deduplication_token": token}
            )

    def query(self, name: str, **parameters: Any) -> pa.Table:
        """Run ``queries/NAME.sql`` with its parameters bound; its header says what they are.

        Times come as timestamp[ms, UTC], text as string, raw bytes (items, body, example, payload) as binary.
        Raises KeyError for a name that does not exist, HistoryError when the engine refuses or takes over 20 s.
        """
        sql = _sql(name)
        with _engine(), self._reading() as reader:
            return _typed(reader.query_arrow(sql, parameters=parameters))

    def sizes(self) -> dict[str, Size]:
        """Rows, bytes on the disk and parts of every table, for /metrics. Raises HistoryError."""
        return {one["table"]: Size(one["rows"], one["bytes"], one["parts"]) for one in self.query("sizes").to_pylist()}

    def parts(self) -> list[Part]:
        """Every active part of every table, in order. Raises HistoryError."""
        columns = ("table", "partition_id", "name", "rows")
        rows = self.query("parts", database=self.database).select(columns).to_pylist()
        return [Part(*(row[name] for name in columns)) for row in rows]

    def read_part(self, part: Part, start: int, count: int) -> pa.Table:
        """``count`` rows of ``part`` from its row ``start`` on, as ``insert`` takes them; none when the part is gone.

        Raises HistoryError.
        """
        where = "_part = {part:String} AND _part_offset >= {start:UInt64} AND _part_offset < {end:UInt64}"
        sql = f"SELECT * FROM `{part.table}` WHERE {where}"  # noqa: S608
        asked = {"part": part.name, "start": start, "end": start + count}
        with _engine(), self._reading() as reader:
            found: pa.Table = reader.query_arrow(sql, parameters=asked, settings={"max_execution_time": 120})
            return found

    @contextlib.contextmanager
    def merges_held(self, table: str, held: bool = True) -> Iterator[None]:
        """Merge no parts of ``table`` while the block runs (``held`` False: nothing changes). Raises HistoryError."""
        if not held:
            yield
            return
        with self._writing() as writer:
            writer.command(f"SYSTEM STOP MERGES `{table}`")
        try:
            yield
        finally:
            with self._writing() as writer:
                writer.command(f"SYSTEM START MERGES `{table}`")

    def close(self) -> None:
        """Close every client; calls that run now finish first."""
        self._closed = True
        with self._write_lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        for _ in range(self._opened):
            with contextlib.suppress(queue.Empty):
                self._readers.get(timeout=30).close()
        self._opened = 0

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._write_lock, _engine():
            if self._closed:
                raise HistoryError("the history is closed")
            if self._writer is None:
                self._writer = self._client(_WRITING)
            yield self._writer

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        reader = self._borrow()
        try:
            yield reader
        finally:
            self._readers.put(reader)

    def _borrow(self) -> Any:
        with contextlib.suppress(queue.Empty):
            return self._readers.get_nowait()
        with self._open_lock:
            if self._closed:
                raise HistoryError("the history is closed")
            if self._opened < READERS:
                reader = self._client(_READING)
                self._opened += 1
                return reader
        try:
            return self._readers.get(timeout=30)
        except queue.Empty:
            raise HistoryError(f"{READERS} questions were running for 30 s; ask again") from None


@contextlib.contextmanager
def _engine() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise HistoryError(str(error)) from error


def _typed(table: pa.Table) -> pa.Table:
    """The engine gives all text as bytes, since it cannot know which of it is text; we know."""
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.name not in _BINARY and (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)):
            column = column.cast(pa.string())
        columns.append(column)
        fields.append(pa.field(field.name, column.type, field.nullable))
    return pa.table(columns, schema=pa.schema(fields))
