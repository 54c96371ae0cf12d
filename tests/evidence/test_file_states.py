"""Late, lost, and complete after all. Both databases."""

from __future__ import annotations

from typing import Any

import pytest
from attachment_terminal import SUBIAO_ID
from sqlalchemy import Engine, insert, select

from luwei.evidence import admission, requests, rows
from luwei.evidence.admission import Admitted, Announcement, Policy
from luwei.evidence.requests import Expectation, expect
from luwei.evidence.store import Stored
from luwei.registry.engine import read, write
from luwei.registry.evidence import EvidenceFile, EvidenceRequest
from luwei.registry.terminal import Terminal

T0 = 1_760_000_000_000
HOUR = 3_600_000
STORED = Stored("originals/2026/11/22/" + "a" * 32, 900, "b" * 64, "c" * 64, "image/jpeg")
POLICY = Policy(accept_unexpected=True, largest=1 << 20, files_per_alarm=64, day_bytes=1 << 30)


@pytest.fixture
def asked(engine: Engine) -> tuple[int, Admitted]:
    """A request whose terminal announced two files."""
    with write(engine) as connection:
        connection.execute(insert(Terminal).values(phone="13800138000", terminal_id="A000001"))
        wanted = expect(connection, Expectation("13800138000", None, 1, SUBIAO_ID, "6501", T0), T0)
        said = Announcement("13800138000", "A000001", SUBIAO_ID, wanted.alarm_no, (("a.jpg", 900), ("b.jpg", 50)), T0)
        admitted = admission.admit(connection, said, POLICY)
    assert isinstance(admitted, Admitted)
    return wanted.id, admitted


def states(engine: Engine) -> list[tuple[str, str]]:
    with read(engine) as connection:
        found = connection.execute(select(EvidenceFile.state, EvidenceFile.cause).order_by(EvidenceFile.id)).all()
    return [(row.state, row.cause) for row in found]


def request(engine: Engine) -> Any:
    with read(engine) as connection:
        return connection.execute(select(EvidenceRequest.__table__)).one()


def test_a_file_that_does_not_come_is_late_then_lost_with_its_request(
    engine: Engine, asked: tuple[int, Admitted]
) -> None:
    first = asked[1].files[0].id
    with write(engine) as connection:
        rows.progress(connection, first, 300, 900, "picture")
        assert rows.overdue(connection, T0) == 0
        assert rows.overdue(connection, T0 + 1) == 2
    cause = "300 of 900 bytes when the connection ended"
    assert states(engine) == [("late", cause), ("late", "")]
    with write(engine) as connection:
        # while somebody still asks for them they are not lost
        assert rows.given_up(connection, T0 + 200 * HOUR) == 0
        requests.tried(connection, [asked[0]], [], T0 + 72 * HOUR)
        assert requests.give_up_old(connection, T0 + 97 * HOUR) == 1
    cause = "not complete a day after it was asked for the last time"
    assert states(engine) == [("lost", cause), ("lost", cause)]
    assert (request(engine).state, request(engine).cause) == ("given_up", cause)


def test_late_files_that_come_are_complete_and_end_the_request(engine: Engine, asked: tuple[int, Admitted]) -> None:
    with write(engine) as connection:
        rows.overdue(connection, T0 + 1)
        for file in asked[1].files:
            key = rows.arrived(connection, file.id, STORED.key, 900, "picture")
            # a second line that finishes the same file does not move it
            assert rows.arrived(connection, file.id, "originals/other", 900, "picture") == key == STORED.key
            rows.sealed(connection, file.id, STORED)
    found = states(engine)
    assert [state for state, _ in found] == ["complete", "complete"]
    assert all(cause.startswith("late, ") and cause.endswith(" min after it was announced") for _, cause in found)
    assert (request(engine).state, request(engine).cause) == ("ended", "all files are here")
    with write(engine) as connection:
        rows.progress(connection, asked[1].files[0].id, 5, 900, "picture")
        rows.overdue(connection, T0 + 1)
    assert [state for state, _ in states(engine)] == ["complete", "complete"]


def test_what_came_and_was_not_stored_is_taken_up_again(engine: Engine, asked: tuple[int, Admitted]) -> None:
    file = asked[1].files[0]
    with write(engine) as connection:
        rows.arrived(connection, file.id, STORED.key, 900, "picture")
    (waiting,) = rows.waiting_for_store(engine)
    assert (waiting.id, waiting.upload, waiting.key, waiting.size) == (file.id, file.upload, STORED.key, 900)
    with write(engine) as connection:
        rows.vanished(connection, file.id)
    assert rows.waiting_for_store(engine) == []
    assert states(engine)[0] == ("lost", "staged file missing")
