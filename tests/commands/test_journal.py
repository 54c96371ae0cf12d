"""The commands in the registry, on both databases: each keeps its first end, whatever comes in which order."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select

from luwei.commands import journal, reading
from luwei.commands.journal import Ended, Sent, Target
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.bindings import settle_vehicles
from luwei.registry.command import Command
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle import Vehicle


@pytest.fixture
def fleet(engine: Engine) -> list[Target]:
    times = {"created_at": 1, "updated_at": 1, "source": "import", "vehicle_class": "other", "plate_color": 2}
    rows = [{"plate": f"粤B{number:05}", "city": 440300 if number < 3 else 440100} | times for number in range(4)]
    with write(engine) as connection:
        connection.execute(insert(Vehicle), rows)
        keys = connection.scalars(select(Vehicle.id).order_by(Vehicle.id)).all()
        settle_vehicles(connection, dict(zip(keys, rows, strict=True)))
    return [Target(key, f"1380000000{number}") for number, key in enumerate(keys)]


def enter(engine: Engine, fleet: list[Target]) -> tuple[int, list[int]]:
    parameters = {"address": "10.0.0.1", "password": "s3cret"}
    batch, commands = journal.enter(engine, "switch_server", parameters, "测试", fleet, 1, now_ms() + 60_000, SYSTEM)
    return batch.id, [command.id for command in commands]


def states(engine: Engine, keys: list[int]) -> list[tuple[str, str, int]]:
    with read(engine) as connection:
        statement = select(Command.state, Command.result, Command.attempts).where(Command.id.in_(keys))
        return [tuple(row) for row in connection.execute(statement.order_by(Command.id))]


def test_commands_go_their_way_and_keep_their_end(engine: Engine, fleet: list[Target]) -> None:
    batch, keys = enter(engine, fleet)
    first, second, third, fourth = keys
    journal.note_offline(engine, [third])
    journal.mark_sent(engine, [Sent(key, 5, 9, "gw-0", 2**31 + 5, 2019) for key in (first, second)])
    journal.end(engine, [Ended(first, "answered", "success", '{"rows": []}', 2019, 1, 7)])
    journal.requeue(engine, {first: 1, second: 2})
    assert states(engine, keys) == [
        ("answered", "success", 1), ("queued", "link_lost", 2), ("queued", "offline", 0), ("queued", "", 0),
    ]  # fmt: skip
    batches, commands = journal.load_open(engine)
    assert [each.id for each in batches] == [batch] and batches[0].parameters["password"] == "s3cret"
    assert [command.id for command in commands] == [second, third, fourth]
    assert journal.cancel(engine, batch, SYSTEM) == 3
    # it was on its way when it was cancelled: neither a late note of sending nor an answer brings it back
    journal.mark_sent(engine, [Sent(fourth, 5, 9, "gw-0", 1, 2019)])
    journal.end(engine, [Ended(fourth, "answered", "success", None, 2019, 1, 7)])
    assert [state for state, _, _ in states(engine, keys)] == ["answered", "cancelled", "cancelled", "cancelled"]


def test_a_batch_whose_time_is_over_expires_only_what_is_queued(engine: Engine, fleet: list[Target]) -> None:
    batch, keys = enter(engine, fleet)
    journal.mark_sent(engine, [Sent(keys[0], 5, 9, "gw-0", 1, 2013)])
    journal.expire(engine, batch, 8, now_only=False)
    assert [state for state, _, _ in states(engine, keys)] == ["sent", "expired", "expired", "expired"]
    view = reading.batch(engine, WHOLE, 0, batch)
    assert (view.state, view.total, view.skipped, view.counts["expired"]) == ("running", 4, 1, 3)
    journal.end(engine, [Ended(keys[0], "failed", "no_answer", None, 2013, 3, 10)])
    view = reading.batch(engine, WHOLE, 0, batch)
    assert (view.state, view.failures, view.ended_at) == ("done", {"no_answer": 1}, 10)


def test_who_reads_sees_the_scope_and_no_password(engine: Engine, fleet: list[Target]) -> None:
    batch, _ = enter(engine, fleet)
    shenzhen = Scope(cities=frozenset({440300}))
    assert reading.commands(engine, shenzhen, batch_id=batch).total == 3
    assert len(list(reading.exported(engine, shenzhen, batch))) == 3
    with pytest.raises(NotFound):
        reading.batch(engine, shenzhen, 17, batch)
    assert reading.batch(engine, WHOLE, 17, batch).parameters["password"] == "••••"
    with read(engine) as connection:
        assert "s3cret" not in connection.scalars(select(AuditEntry.detail)).one()
