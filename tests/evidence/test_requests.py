"""What is asked of terminals: when, how often, and what ends it. Both databases."""

from __future__ import annotations

from typing import Any

import pytest
from attachment_terminal import SUBIAO_ID, YUEBIAO_ID
from sqlalchemy import Engine, insert, select

from luwei.evidence import requests
from luwei.evidence.requests import Expectation, due, expect, upload_body
from luwei.protocol.errors import ProtocolError
from luwei.registry.engine import read, write
from luwei.registry.evidence import ANNOUNCED, ATTACHMENT, COMPLETE, EvidenceFile, EvidenceRequest

T0 = 1_760_000_000_000
HOUR = 3_600_000


def enter(engine: Engine, phone: str = "13800138000", identification: bytes = SUBIAO_ID) -> Any:
    with write(engine) as connection:
        return expect(connection, Expectation(phone, 1, 1, identification, "6501", T0 - 5000), T0)


def row(engine: Engine, key: int) -> Any:
    with read(engine) as connection:
        return connection.execute(select(EvidenceRequest.__table__).where(EvidenceRequest.id == key)).one()


def tried(engine: Engine, at: int, sent: list[int], offline: list[int] | None = None) -> None:
    with write(engine) as connection:
        requests.tried(connection, sent, offline or [], at)


def test_an_alarm_is_asked_once_at_first_and_keeps_its_number(engine: Engine) -> None:
    first, again = enter(engine), enter(engine)
    assert (first.new, again.new) == (True, False)
    assert (again.id, again.alarm_no) == (first.id, first.alarm_no)
    assert len(first.alarm_no) == 28 and first.alarm_no.isalnum() and first.alarm_no.isascii()
    other = enter(engine, "13900139000")
    assert other.alarm_no != first.alarm_no
    assert [ask.id for ask in due(engine, T0, 10)] == [first.id, other.id]


def test_the_times_of_asking(engine: Engine) -> None:
    key = enter(engine).id
    times = []
    at = T0
    while True:
        if not due(engine, at, 10):
            break
        tried(engine, at, [key])
        times.append((at - T0) // HOUR)
        if (next_at := row(engine, key).next_at) is None:
            break
        assert due(engine, next_at - 1, 10) == []
        at = next_at
    assert times == [0, 1, 6, 24, 72]
    assert (row(engine, key).asks, row(engine, key).state) == (5, "open")
    with write(engine) as connection:
        assert requests.give_up_old(connection, T0 + 95 * HOUR) == 0
        assert requests.give_up_old(connection, T0 + 97 * HOUR) == 1
    assert row(engine, key).state == "given_up"


def test_a_terminal_that_comes_back_is_asked_but_not_every_minute(engine: Engine) -> None:
    key = enter(engine).id
    tried(engine, T0, [], [key])
    assert (row(engine, key).answer, row(engine, key).asks, due(engine, T0 + 60_000, 10)) == ("offline", 0, [])
    with write(engine) as connection:
        assert requests.reconnected(connection, ["13800138000", "1"], T0 + 60_000) == 1
    assert [ask.id for ask in due(engine, T0 + 60_000, 10)] == [key]
    tried(engine, T0 + 60_000, [key])
    with write(engine) as connection:
        assert requests.reconnected(connection, ["13800138000"], T0 + 120_000) == 0
        assert requests.reconnected(connection, ["13800138000"], T0 + 700_000) == 1
    assert row(engine, key).next_at == T0 + 700_000


def test_a_terminal_that_cannot_is_not_asked_again_and_its_files_are_lost(engine: Engine) -> None:
    key = enter(engine).id
    common = {"kind": "picture", "origin": ATTACHMENT, "request_id": key}
    with write(engine) as connection:
        for state in (ANNOUNCED, COMPLETE):
            connection.execute(insert(EvidenceFile).values(state=state, **common))
        requests.answered(connection, {key: "unsupported"}, T0)
    assert (row(engine, key).state, row(engine, key).next_at) == ("given_up", None)
    with read(engine) as connection:
        assert list(connection.scalars(select(EvidenceFile.state).order_by(EvidenceFile.id))) == ["lost", "complete"]


def test_what_cannot_be_asked_for(engine: Engine) -> None:
    with pytest.raises(ProtocolError):
        enter(engine, identification=b"x" * 17)
    with pytest.raises(ValueError, match="at least one attachment"):
        enter(engine, identification=SUBIAO_ID[:14] + b"\x00\x00")


@pytest.mark.parametrize(("identification", "size"), [(SUBIAO_ID, 69), (YUEBIAO_ID, 93), (YUEBIAO_ID[:39], 92)])
def test_the_command_gives_the_identification_back_byte_for_byte(
    engine: Engine, identification: bytes, size: int
) -> None:
    # 苏标 table 4-21, 粤标 table 5-21: length, address, TCP, UDP, identification, number[32], reserved[16]
    wanted = enter(engine, identification=identification)
    (ask,) = due(engine, T0, 1)
    body = upload_body(ask, "10.0.0.5", 9000)
    assert len(body) == size + 8
    assert body[:13] == b"\x08" + b"10.0.0.5" + bytes.fromhex("23280000")
    assert body[13:] == identification + wanted.alarm_no.encode().ljust(32, b"\x00") + bytes(16)
