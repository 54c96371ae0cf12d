"""Opening the registry's database and bringing its tables up to date.

SQLite runs in WAL with ``synchronous=FULL``: a commit is on disk before a terminal is told its code or a person that a
change is done. NORMAL would be faster, yet a power cut could take back the last commits, and a fleet would hold codes
the registry does not know. Registrations are batched, so the price is one fsync a batch, not one a truck.

Transactions that write begin as ``BEGIN IMMEDIATE``: a deferred one that reads first and writes later fails at once
with SQLITE_BUSY when another process wrote in between, however long ``busy_timeout`` is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

BUSY_TIMEOUT_MS = 60_000
"""An import of 100,000 rows holds SQLite's one write lock for some 10 s of CPU; registrations must outlast it."""
MIGRATION_LOCK = 0x6C757765
"""Key of the PostgreSQL advisory lock that lets one process at a time migrate."""


def open_engine(url: str) -> Engine:
    """An engine on ``url`` (``sqlite:///file`` or ``postgresql://…``); the folder of a SQLite file is made.

    Raises sqlalchemy.exc.ArgumentError for an unreadable URL and ValueError for another kind of database.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=10)
    if backend != "sqlite":
        raise ValueError(f"registry URL {backend}://…: must be sqlite or postgresql")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own accord; _begin_sqlite does it, in the kind that is needed.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _enter_wal(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "mmap_size=268435456",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _enter_wal(cursor: Any) -> None:
    """Switch to WAL. SQLite wants the file for itself for that and does not wait for it, whatever the busy timeout is:
    processes that open a new database together would see "database is locked"."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("luwei_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


_LAST = "luwei_last"
_Rows = list[dict[str, Any]]


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write; commits at the end, rolls back on any exception."""
    with engine.connect().execution_options(luwei_write=True) as connection, connection.begin():
        waiting: dict[str, tuple[Callable[[Connection, _Rows], None], _Rows]] = {}
        connection.info[_LAST] = waiting
        try:
            yield connection
            for work, rows in waiting.values():
                work(connection, rows)
        finally:
            connection.info.pop(_LAST, None)


def at_the_end(connection: Connection, name: str, work: Callable[[Connection, _Rows], None], rows: _Rows) -> None:
    """Let ``work`` take ``rows`` when everything else of the ``write`` transaction is done, together with what else
    came under this name; at once where the transaction was not begun by ``write``."""
    waiting = connection.info.get(_LAST)
    if waiting is None:
        work(connection, rows)
    else:
        waiting.setdefault(name, (work, []))[1].extend(rows)


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: one consistent state of the registry."""
    with engine.connect() as connection, connection.begin():
        yield connection


def reserve_ids(connection: Connection, table: str, count: int) -> list[int]:
    """``count`` new ids of ``table``, in a ``write`` transaction. Rows that bring their ids go in as one plain batch;
    asking an insert for the ids it made would cost SQLite a statement a row."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table}
        ).scalar()
        return list(range((last or 0) + 1, (last or 0) + 1 + count))
    statement = "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"
    return sorted(connection.execute(text(statement), {"table": table, "count": count}).scalars())


def migration_config() -> Config:
    """Alembic's configuration for the migrations inside the package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to ``revision``. Safe to call from several processes at once; the later ones find it done.

    Raises alembic.util.CommandError when the database is newer than this program.
    """
    config = migration_config()
    with engine.connect().execution_options(luwei_write=True) as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # A batch migration copies a table and drops the old one; with foreign keys on, that would cascade.
            # The switch only works outside a transaction.
            _pragma(connection, "foreign_keys=OFF")
        try:
            with connection.begin():
                if not sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                    raise RuntimeError(f"migration left {len(broken)} rows with a broken reference")
        finally:
            if sqlite:
                _pragma(connection, "foreign_keys=ON")


def _pragma(connection: Connection, pragma: str) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
