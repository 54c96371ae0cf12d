"""The registry's part of a backup: one file of SQLite, or one file a table of PostgreSQL, each of one instant."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, inspect, text

from luwei.backup.manifest import BackupError, Manifest, Writer, place
from luwei.registry.engine import migrate, open_engine

SQLITE_FILE = "registry/registry.db"
PIECE = 1 << 20


def back_up(engine: Engine, writer: Writer) -> dict[str, Any]:
    """Copy the registry as it is at one instant; writers go on meanwhile. What the manifest says of it."""
    with engine.connect() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if engine.dialect.name == "sqlite":
        _sqlite(engine, writer)
        return {"kind": "sqlite", "revision": revision}
    return {"kind": "postgresql", "revision": revision} | _postgres(engine, writer)


def _sqlite(engine: Engine, writer: Writer) -> None:
    target = place(writer.folder, SQLITE_FILE)
    target.parent.mkdir(parents=True, exist_ok=True)
    # In WAL a reader sees one state and stops no writer; the copy is compact and needs no journal.
    connection = sqlite3.connect(str(engine.url.database))
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()
    writer.note(SQLITE_FILE)


def _postgres(engine: Engine, writer: Writer) -> dict[str, Any]:
    tables: dict[str, list[str]] = {}
    sequences: dict[str, list[Any]] = {}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        metadata = MetaData()
        metadata.reflect(connection)
        driver = connection.connection.driver_connection
        assert driver is not None
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            columns = tables[table.name] = [column.name for column in table.columns]
            listed = ", ".join(f'"{name}"' for name in columns)
            dump = f'COPY "{table.name}" ({listed}) TO STDOUT'
            path = f"registry/{table.name}.copy"
            with driver.cursor() as cursor, writer.file(path) as file, cursor.copy(dump) as copy:
                file.write_all(bytes(piece) for piece in copy)
        for name, last, called in connection.execute(
            text(
                "SELECT sequencename, last_value, last_value IS NOT NULL FROM pg_sequences WHERE schemaname = 'public'"
            )
        ):
            sequences[name] = [last or 1, called]
    return {"tables": tables, "sequences": sequences}


def require_empty(engine_url: str) -> None:
    """Raises BackupError where the registry's place holds anything already."""
    engine = open_engine(engine_url)
    try:
        if engine.dialect.name == "sqlite":
            path = Path(str(engine.url.database))
            if path.exists() and path.stat().st_size:
                raise BackupError(f"{path} exists; a restore goes into a data folder without a registry")
        elif inspect(engine).get_table_names():
            raise BackupError("the registry's database holds tables; a restore goes into an empty one")
    finally:
        engine.dispose()


def restore(engine_url: str, folder: Path, manifest: Manifest) -> None:
    """Put the registry back and bring it to this version's schema. Raises BackupError."""
    kind = manifest.registry["kind"]
    engine = open_engine(engine_url)
    try:
        if engine.dialect.name != kind:
            raise BackupError(f"the backup's registry is {kind}, LUWEI_REGISTRY names {engine.dialect.name}")
        if kind == "sqlite":
            target = Path(str(engine.url.database))
            partial = target.with_name(f"{target.name}.restoring")
            shutil.copyfile(place(folder, SQLITE_FILE), partial)
            partial.rename(target)
        else:
            migrate(engine, manifest.registry["revision"])
            _fill_postgres(engine, folder, manifest)
        migrate(engine)
    finally:
        engine.dispose()


def _fill_postgres(engine: Engine, folder: Path, manifest: Manifest) -> None:
    tables: dict[str, list[str]] = manifest.registry["tables"]
    with engine.begin() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        known = {table.name: table for table in metadata.sorted_tables}
        # Rows that the migrations made themselves come back from the backup.
        for name in reversed(known):
            if name != "alembic_version" and connection.execute(text(f'SELECT 1 FROM "{name}" LIMIT 1')).first():  # noqa: S608
                connection.execute(text(f'DELETE FROM "{name}"'))  # noqa: S608
        driver = connection.connection.driver_connection
        assert driver is not None
        for name in known:
            if name not in tables:
                continue
            if not set(tables[name]) <= set(known[name].columns.keys()):
                raise BackupError(f"table {name} of the backup has columns that this version does not know")
            listed = ", ".join(f'"{column}"' for column in tables[name])
            fill = f'COPY "{name}" ({listed}) FROM STDIN'
            path = place(folder, f"registry/{name}.copy")
            with driver.cursor() as cursor, path.open("rb") as file, cursor.copy(fill) as copy:
                while piece := file.read(PIECE):
                    copy.write(piece)
        for name, (last, called) in manifest.registry["sequences"].items():
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :last, :called)"),
                {"name": f'public."{name}"', "last": last, "called": called},
            )
