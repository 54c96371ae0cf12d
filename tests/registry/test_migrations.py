"""Migrations on both databases: from nothing, with data, twice, at once; and they add up to the models."""

from __future__ import annotations

import importlib
import pkgutil
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

import luwei.access
import luwei.registry
from luwei.registry import organisations, vehicles
from luwei.registry.audit import SYSTEM, record
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import migrate, migration_config, open_engine, read, write
from luwei.registry.scope import WHOLE

# Every table is known once every module that may declare one is loaded.
for package in (luwei.registry, luwei.access):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def test_the_migrations_add_up_to_the_models(engine: Engine) -> None:
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


def test_operators_become_organisations_and_every_binding_opens_a_span(empty_engine: Engine) -> None:
    migrate(empty_engine, "0003")
    with write(empty_engine) as connection:
        for statement in (
            "INSERT INTO operator(name, credit_code, city, created_at, updated_at) VALUES"
            " ('甲', NULL, 440300, 1, 1), ('乙', '91440300MA5EXAMPLE', NULL, 2, 3), ('丙', NULL, NULL, 1, 1)",
            "DELETE FROM operator WHERE name = '丙'",
            "INSERT INTO vehicle(plate, plate_color, vin, vehicle_class, city, county, operator_id, source, created_at,"
            " updated_at) VALUES ('粤B12345', 2, NULL, 'other', 440300, 440305, 2, 'import', 10, 11),"
            " ('粤B12346', 2, '1M8GDM9AXKP042788', 'other', 440300, NULL, NULL, 'import', 20, 21),"
            " ('粤B12347', 2, NULL, 'other', NULL, NULL, 1, 'open', 30, 31), ('粤B12348', 2, NULL, 'other', NULL, NULL,"
            " NULL, 'open', 30, 31)",
            "DELETE FROM vehicle WHERE plate = '粤B12348'",
            "INSERT INTO terminal(phone, terminal_id, manufacturer_id, model, edition, vehicle_id, source, created_at,"
            " updated_at) VALUES ('138', 'A', '', 'M', 2019, 1, 'import', 12, 12),"
            " ('139', '', '', '', 2013, NULL, 'open', 5, 5)",
            "INSERT INTO user_account(username, display_name, role, operator_id, password_hash, must_change_password,"
            " created_at, updated_at) VALUES ('a', 'A', 'duty', 2, 'x', false, 1, 1),"
            " ('b', 'B', 'duty', 2, 'x', true, 1, 1)",
        ):
            connection.execute(text(statement))
    before = now_ms()
    migrate(empty_engine)
    with read(empty_engine) as connection:
        asked = (
            "SELECT id, kind, name, credit_code, city, created_at, updated_at, parent_id FROM organisation ORDER BY id"
        )
        assert connection.execute(text(asked)).all() == [
            (1, "operator", "甲", None, 440300, 1, 1, None),
            (2, "operator", "乙", "91440300MA5EXAMPLE", None, 2, 3, None),
        ]
        asked = "SELECT id, plate, vin, county, operator_id, monitor_id, source, updated_at FROM vehicle ORDER BY id"
        assert connection.execute(text(asked)).all() == [
            (1, "粤B12345", None, 440305, 2, None, "import", 11),
            (2, "粤B12346", "1M8GDM9AXKP042788", None, None, None, "import", 21),
            (3, "粤B12347", None, None, 1, None, "open", 31),
        ]
        asked = "SELECT phone, terminal_id, vehicle_id, vendor_id FROM terminal ORDER BY id"
        assert connection.execute(text(asked)).all() == [("138", "A", 1, None), ("139", "", None, None)]
        asked = "SELECT organisation_id, one_time_at FROM user_account ORDER BY username"
        own, handed_out = connection.execute(text(asked)).all()
        assert own == (2, None)
        # A one-time password that waits to be used has its whole life from the migration on.
        assert handed_out.organisation_id == 2 and before <= handed_out.one_time_at <= now_ms()
        asked = "SELECT what, subject_id, object_id, from_at, to_at FROM binding ORDER BY what, subject_id"
        assert connection.execute(text(asked)).all() == [
            ("area", 1, 440305, 10, None), ("area", 2, 440300, 20, None),
            ("operator", 1, 2, 10, None), ("operator", 3, 1, 30, None), ("terminal", 1, 1, 12, None),
        ]  # fmt: skip
        assert "operator" not in inspect(connection).get_table_names()
    # An id that was given once is never given again, also where its row is gone.
    assert organisations.create(empty_engine, {"name": "丁"}, SYSTEM, WHOLE) == 4
    assert vehicles.create(empty_engine, {"plate": "粤B12349", "plate_color": 2}, SYSTEM, WHOLE) == 5


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
    head = ScriptDirectory.from_config(migration_config()).get_current_head()
    with read(engines[0]) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [(head,)]
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
