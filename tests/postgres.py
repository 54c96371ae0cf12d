"""A private PostgreSQL cluster for tests, and the fixture that runs a test on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from luwei.registry.engine import migrate, open_engine


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a fresh cluster that listens on a socket in a folder of its own and on no port."""
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed, and CI=true asks for it")
        pytest.skip("PostgreSQL is not installed")
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="luwei-pg-"))
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        # Into a file, not a pipe: the server inherits it and would keep a pipe open.
        with (folder.parent / f"{folder.name}.out").open("ab") as output:
            subprocess.run(
                [*as_postgres, str(binaries / program), *arguments],
                check=True, cwd=folder, stdout=output, stderr=output, timeout=60,
            )  # fmt: skip

    try:
        run("initdb", "-D", f"{folder}/data", "-U", "luwei", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
        run("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://luwei@/{{database}}?host={folder}"
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.out").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """URLs of migrated, empty registries to copy, by kind; filled when first asked for."""
    return {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('registry') / 'template.db'}"}


def _migrated(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    close_whole(engine)


def close_whole(engine: Engine) -> None:
    """Close it with all that it holds in the one file of its database, so that this can be copied."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, templates: dict[str, str]) -> Iterator[Database]:
    """A place for one test's registry."""
    if request.param == "sqlite":
        yield SqliteDatabase(templates["sqlite"], f"sqlite:///{tmp_path / 'registry.db'}")
        return
    server: str = request.getfixturevalue("postgres_server")
    templates.setdefault("postgresql", server.format(database="registry"))
    place = PostgresDatabase(templates["postgresql"], server.format(database=f"t{uuid.uuid4().hex}"), server)
    yield place
    if place.url != place.template:
        place.admin(f"DROP DATABASE IF EXISTS {place.name(place.url)} WITH (FORCE)")


@dataclass
class Database:
    """``url`` of a test's own database; ``template`` is a migrated one."""

    template: str
    url: str

    def create(self) -> None:
        """Make it, without tables."""

    def copy(self) -> None:
        """Make it like the migrated template, empty; the template is made first when it is not there yet."""
        raise NotImplementedError


class SqliteDatabase(Database):
    def copy(self) -> None:
        source, target = (Path(url.removeprefix("sqlite:///")) for url in (self.template, self.url))
        if not source.exists():
            _migrated(self.template)
        shutil.copyfile(source, target)


@dataclass
class PostgresDatabase(Database):
    server: str

    @staticmethod
    def name(url: str) -> str:
        return str(make_url(url).database)

    def admin(self, statement: str) -> list[Any]:
        engine = create_engine(self.server.format(database="postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(statement))
                return list(result.all()) if result.returns_rows else []
        finally:
            engine.dispose()

    def create(self) -> None:
        self.admin(f"CREATE DATABASE {self.name(self.url)}")

    def copy(self) -> None:
        # A database a test takes most of a second; emptying a shared one takes some milliseconds.
        self.url = self.template
        if self.template not in _made:
            self.admin(f"CREATE DATABASE {self.name(self.template)}")
            _migrated(self.template)
            _made.add(self.template)
            return
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.exec_driver_sql(EMPTIED)
        engine.dispose()


_made: set[str] = set()
"""Templates that are there, migrated."""
EMPTIED = """
DO $$
DECLARE name text; used boolean;
BEGIN
    -- As a replica would: neither foreign keys nor the triggers that guard the audit log fire.
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', name) INTO used;
        IF used THEN EXECUTE format('DELETE FROM %%I', name); END IF;
    END LOOP;
    PERFORM setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
END $$"""
"""TRUNCATE of some hundred tables and their indexes writes a file for each: it takes ten times as long."""


@pytest.fixture
def empty_url(database: Database) -> str:
    """URL of a database without tables."""
    database.create()
    return database.url


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    """An engine on a database without tables."""
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """An engine on a migrated, empty registry."""
    database.copy()
    engine = open_engine(database.url)
    yield engine
    engine.dispose()
