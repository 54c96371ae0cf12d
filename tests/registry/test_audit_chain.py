"""The audit log's chain: whole after any order of writing, and every change, removal and cut is found."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from luwei.registry.audit import GENESIS, SYSTEM, Actor, digest, record, record_many
from luwei.registry.audit_chain import Anchor, Fault, anchor, append_anchor, read_anchors, verify
from luwei.registry.engine import migrate, open_engine, read, write

OFFICER = Actor(7, "officer", "10.0.0.1", 3, "cities=440300", "事故调查")


def fill(engine: Engine, number: int = 6) -> None:
    for i in range(number):
        with write(engine) as connection:
            record(connection, OFFICER, "vehicle.change", i + 1, {"city": [None, 440300]})


def unguarded(connection: Connection, statement: str) -> None:
    """As somebody who owns the database and switches its guards off."""
    if connection.dialect.name == "sqlite":
        for name in ("refuses_update", "refuses_delete", "only_appends"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS audit_entry_{name}"))
    else:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text(statement))


def test_sm3_is_that_of_gb_t_32905() -> None:
    # GB/T 32905-2016 A.1 and A.2.
    assert hashlib.new("sm3", b"abc").hexdigest() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert (
        hashlib.new("sm3", b"abcd" * 16).hexdigest()
        == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    )


def test_an_entry_says_who_where_what_scope_reason_and_result(engine: Engine) -> None:
    with write(engine) as connection:
        record(connection, OFFICER, "track.look", None, {"from": 1}, vehicle_id=5)
    with read(engine) as connection:
        row = connection.execute(text("SELECT * FROM audit_entry")).mappings().one()
    assert (row["user_id"], row["username"], row["address"], row["organisation_id"]) == (7, "officer", "10.0.0.1", 3)
    assert (row["act"], row["noun"], row["vehicle_id"], row["scope"]) == ("track.look", "track", 5, "cities=440300")
    assert (row["reason"], row["result"]) == ("事故调查", "done")
    assert row["hash"] == digest(GENESIS, row)


def test_a_log_that_nobody_touched_is_whole(engine: Engine) -> None:
    assert verify(engine).fault is None and verify(engine).entries == 0
    fill(engine)
    verdict = verify(engine, [anchor(engine)])
    assert (verdict.fault, verdict.entries, verdict.head.id, verdict.anchors) == (None, 6, 6, 1)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_entry SET detail = '{}' WHERE id = 3", Fault("changed", 3)),
        ("UPDATE audit_entry SET username = 'nobody' WHERE id = 3", Fault("changed", 3)),
        ("UPDATE audit_entry SET result = 'refused' WHERE id = 6", Fault("changed", 6)),
        ("UPDATE audit_entry SET at = at + 1 WHERE id = 1", Fault("changed", 1)),
        ("UPDATE audit_entry SET hash = '' WHERE id = 4", Fault("changed", 4)),
        ("DELETE FROM audit_entry WHERE id = 3", Fault("missing", 4)),
        ("DELETE FROM audit_entry WHERE id = 1", Fault("missing", 2)),
        ("DELETE FROM audit_entry WHERE id > 4", Fault("truncated", 4)),
        ("DELETE FROM audit_entry", Fault("truncated", 0)),
    ],
)  # fmt: skip
def test_every_change_removal_and_cut_is_found(engine: Engine, statement: str, fault: Fault) -> None:
    fill(engine)
    kept = [anchor(engine)]
    with write(engine) as connection:
        unguarded(connection, statement)
    assert verify(engine, kept).fault == fault


def test_entries_that_changed_places_are_found(engine: Engine) -> None:
    fill(engine)
    with write(engine) as connection:
        unguarded(connection, "UPDATE audit_entry SET id = 100 WHERE id = 3")
        connection.execute(text("UPDATE audit_entry SET id = 3 WHERE id = 4"))
        connection.execute(text("UPDATE audit_entry SET id = 4 WHERE id = 100"))
    assert verify(engine).fault == Fault("changed", 3)


def test_a_chain_that_was_computed_anew_differs_from_its_anchor(engine: Engine) -> None:
    fill(engine)
    kept = anchor(engine)
    with write(engine) as connection:
        unguarded(connection, "UPDATE audit_entry SET username = 'nobody' WHERE id = 2")
        link = GENESIS
        for row in connection.execute(text("SELECT * FROM audit_entry ORDER BY id")).mappings().all():
            link = digest(link, row)
            connection.execute(text("UPDATE audit_entry SET hash = :link WHERE id = :id"), {"link": link, "id": row.id})
    assert verify(engine).fault is None
    assert verify(engine, [kept]).fault == Fault("rewritten", 6)


def test_the_database_refuses_to_replace_an_entry(engine: Engine) -> None:
    fill(engine, 2)
    statement = "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE id = 1"
    if engine.dialect.name == "postgresql":
        statement = "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE id = 1"
    with pytest.raises(Exception, match=r"only added|unique constraint"), write(engine) as connection:
        connection.execute(text(statement))
    assert verify(engine).fault is None


def test_writers_at_once_make_one_chain(engine: Engine) -> None:
    engines = [open_engine(engine.url.render_as_string(hide_password=False)) for _ in range(3)]

    def work(each: Engine) -> None:
        for i in range(15):
            with write(each) as connection:
                record(connection, OFFICER, "vehicle.change", i)
                record_many(connection, OFFICER, "terminal.change", [(i, {}), (i + 1, {})])

    threads = [threading.Thread(target=work, args=(each,)) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    verdict = verify(engine)
    assert (verdict.fault, verdict.entries) == (None, 3 * 15 * 3)
    for each in engines:
        each.dispose()


def test_what_is_taken_back_leaves_no_entry_and_no_gap(engine: Engine) -> None:
    fill(engine, 2)
    with pytest.raises(RuntimeError), write(engine) as connection:
        record(connection, OFFICER, "vehicle.change", 9)
        raise RuntimeError
    fill(engine, 1)
    verdict = verify(engine)
    assert (verdict.fault, verdict.entries, verdict.head.id) == (None, 3, 3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(username=st.text(max_size=80), value=st.text(max_size=60), reason=st.text(max_size=60))
def test_any_text_is_chained_as_it_is_stored(engine: Engine, username: str, value: str, reason: str) -> None:
    with write(engine) as connection:
        record(connection, Actor(1, username, value), "vehicle.change", 1, {"x": value}, reason=reason)
    assert verify(engine).fault is None


def test_entries_of_former_versions_are_chained_by_the_migration(empty_engine: Engine) -> None:
    migrate(empty_engine, "0004")
    with write(empty_engine) as connection:
        for i in range(3):
            connection.execute(
                text(
                    "INSERT INTO audit_entry(at, user_id, username, address, act, noun, noun_id, detail)"
                    " VALUES (:at, 1, '甲', '', 'vehicle.change', 'vehicle', :key, '{}')"
                ),
                {"at": i, "key": i + 5},
            )
    migrate(empty_engine)
    fill(empty_engine, 1)
    verdict = verify(empty_engine)
    assert (verdict.fault, verdict.entries) == (None, 4)
    with read(empty_engine) as connection:
        assert list(connection.execute(text("SELECT vehicle_id FROM audit_entry ORDER BY id")).scalars()) == [
            5,
            6,
            7,
            1,
        ]


def test_anchors_are_read_from_their_file_and_from_a_log(tmp_path: Path) -> None:
    path, made = tmp_path / "deep" / "anchors.jsonl", Anchor(3, "a" * 64, 1_700_000_000_000)
    append_anchor(path, made)
    append_anchor(path, Anchor(4, "b" * 64, 1))
    assert [each.id for each in read_anchors(path.read_text().splitlines())] == [3, 4]
    assert read_anchors(['{"event": "core runs"}', "text", made.to_json()]) == [made]
    with pytest.raises(ValueError, match="line 2"):
        read_anchors([made.to_json(), '{"hash": 5}'])


def test_entries_of_the_system_have_no_person(engine: Engine) -> None:
    with write(engine) as connection:
        record(connection, SYSTEM, "audit.anchor")
    assert verify(engine).entries == 1
