"""Migrations on both databases: from nothing, with data, twice, at once; and they add up to the models."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from luwei.access.user import FormerPassword, User
from luwei.access.web_session import WebSession
from luwei.registry.audit import SYSTEM, AuditEntry, record
from luwei.registry.base import Base
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import migrate, open_engine, read, write
from luwei.registry.evidence import EvidenceFile, EvidenceRefusal, EvidenceRequest
from luwei.registry.operator import Operator
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

MODELS = (
    Operator, Vehicle, Terminal, User, FormerPassword, WebSession, AuditEntry, CommandBatch, Command,
    EvidenceFile, EvidenceRequest, EvidenceRefusal,
)  # fmt: skip


def test_the_migrations_add_up_to_the_models(engine: Engine) -> None:
    assert {model.__tablename__ for model in MODELS} == set(Base.metadata.tables)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_data_survives_an_upgrade_from_the_first_version(empty_engine: Engine) -> None:
    migrate(empty_engine, "0001")
    with write(empty_engine) as connection:
        connection.execute(text("INSERT INTO operator(name, created_at, updated_at) VALUES ('甲', 1, 1)"))
        connection.execute(
            text(
                "INSERT INTO vehicle(plate, plate_color, vehicle_class, operator_id, source, created_at, updated_at)"
                " VALUES ('粤B12345', 2, 'other', 1, 'import', 1, 1)"
            )
        )
    migrate(empty_engine)
    with read(empty_engine) as connection:
        assert connection.execute(text("SELECT plate, operator_id FROM vehicle")).all() == [("粤B12345", 1)]
        assert "audit_entry" in inspect(connection).get_table_names()
    migrate(empty_engine)


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    engines = [open_engine(empty_url) for _ in range(4)]
    failures: list[BaseException] = []

    def start(engine: Engine) -> None:
        try:
            migrate(engine)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with read(engines[0]) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("0013",)]
    for engine in engines:
        engine.dispose()


def test_references_are_enforced(engine: Engine) -> None:
    with pytest.raises(IntegrityError), write(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO vehicle(plate, plate_color, vehicle_class, operator_id, source, created_at, updated_at)"
                " VALUES ('粤B12345', 2, 'other', 77, 'import', 1, 1)"
            )
        )


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET username = 'x'", "DELETE FROM audit_entry"])
def test_the_audit_log_only_grows(engine: Engine, statement: str) -> None:
    with write(engine) as connection:
        record(connection, SYSTEM, "vehicle.create", 1, {"plate": "粤B12345"})
    with pytest.raises(DBAPIError, match="only added"), write(engine) as connection:
        connection.execute(text(statement))
    with read(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 1


def test_sqlite_runs_in_wal_with_full_sync_and_foreign_keys(tmp_path: object) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/deep/folder/registry.db")
    with read(engine) as connection:
        state = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert state == ["wal", 2, 1]
    engine.dispose()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="must be sqlite or postgresql"):
        open_engine("mysql://localhost/x")
