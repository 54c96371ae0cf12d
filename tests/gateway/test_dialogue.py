"""Messages other than plain reports: batches, fragments, queries, unknown ids (reference §3, §8)."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable

import pytest
from bus_double import BusDouble
from terminal_double import Terminal, location

from luwei import facts
from luwei.gateway.columns import rows_batch
from luwei.gateway.service import Gateway
from luwei.protocol.jt808.fragments import split
from luwei.protocol.jt808.header import Header

Until = Callable[..., Awaitable[None]]


def batch_body(count: int, kind: int = 1, first: int = 22_000_000) -> bytes:
    bodies = [location(first + number) for number in range(count)]
    return count.to_bytes(2, "big") + bytes([kind]) + b"".join(len(b).to_bytes(2, "big") + b for b in bodies)


def fragments(terminal: Terminal, body: bytes, limit: int = 400) -> list[bytes]:
    is_2019 = terminal.edition == 2019
    header = Header(
        message_id=0x0704,
        body_length=0,
        serial=terminal.serial,
        phone_raw=bytes.fromhex(terminal.phone.rjust(20 if is_2019 else 12, "0")),
        edition=terminal.edition,
        protocol_version=1 if is_2019 else 0,
    )
    frames = split(header, body, limit)
    terminal.serial += len(frames)
    return frames


@pytest.mark.parametrize(("kind", "origin"), [(0, facts.ORIGIN_BATCH), (1, facts.ORIGIN_BACKFILL)])
async def test_batch_gives_one_row_a_point_and_one_answer(
    online: Terminal, bus: BusDouble, kind: int, origin: int
) -> None:
    await online.send(online.frame(0x0704, batch_body(10, kind), serial=3))
    assert await online.result() == (3, 0x0704, 0)
    rows = bus.rows("fix")
    assert [row["lat_e6"] for row in rows] == [22_000_000 + n for n in range(10)]
    assert {row["origin"] for row in rows} == {origin} and {row["serial"] for row in rows} == {3}


async def test_batch_in_fragments_is_joined_and_every_fragment_is_answered(online: Terminal, bus: BusDouble) -> None:
    frames = fragments(online, batch_body(50))
    await online.send(*frames)
    assert [result for _, _, result in await online.results(len(frames))] == [0] * len(frames)
    assert len(bus.rows("fix")) == 50


async def test_last_fragment_is_answered_only_when_the_points_are_durable(online: Terminal, bus: BusDouble) -> None:
    frames = fragments(online, batch_body(50))
    await online.send(*frames[:-1])
    await online.results(len(frames) - 1)
    bus.gate.clear()
    await online.send(frames[-1])
    assert await online.silent(0.3)
    bus.gate.set()
    assert (await online.result())[2] == 0


@pytest.mark.parametrize("edition", [2013, 2019])
async def test_missing_fragments_are_asked_for_in_the_layout_of_the_edition(
    gateway: Gateway, bus: BusDouble, edition: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.dialogue._assembler, "_rerequest_s", 0.3)
    terminal = Terminal(edition=edition)
    await terminal.log_in(gateway.wire.port)
    first = terminal.serial
    frames = fragments(terminal, batch_body(50))
    await terminal.send(frames[0], frames[3])
    await terminal.results(2)
    asked = await terminal.receive(5)
    assert asked.header.message_id == 0x8003
    numbers = [n for n in range(1, len(frames) + 1) if n not in (1, 4)]
    count = len(numbers).to_bytes(1 if edition == 2013 else 2, "big")
    assert asked.body == first.to_bytes(2, "big") + count + b"".join(n.to_bytes(2, "big") for n in numbers)
    await terminal.send(*(frames[n - 1] for n in numbers))
    answers = [frame for frame in [await terminal.receive() for _ in numbers] if frame.header.message_id == 0x8001]
    assert len(answers) >= len(numbers) - 1
    assert len(bus.rows("fix")) == 50


async def test_part_of_a_batch_that_can_be_read_is_kept(online: Terminal, gateway: Gateway, bus: BusDouble) -> None:
    body = (9).to_bytes(2, "big") + batch_body(3)[2:]
    await online.send(online.frame(0x0704, body, serial=3))
    assert await online.result() == (3, 0x0704, 0)
    assert len(bus.rows("fix")) == 3
    assert gateway.ledger.noted_totals == {"batch_count": 1}


async def test_batch_without_a_readable_point_is_result_2(online: Terminal, gateway: Gateway) -> None:
    await online.send(online.frame(0x0704, b"\x00\x05\x01\x00\x03abc", serial=3))
    assert await online.result() == (3, 0x0704, 2)
    assert sum(gateway.ledger.totals.values()) == 1


async def test_answer_to_a_location_query_becomes_a_location(online: Terminal, bus: BusDouble) -> None:
    await online.send(online.frame(0x0201, b"\x00\x07" + location(), serial=3))
    assert await online.result() == (3, 0x0201, 0)
    (row,) = bus.rows("fix")
    assert (row["origin"], row["lat_e6"]) == (facts.ORIGIN_QUERY, 22_543_099)


async def test_server_time_is_utc(online: Terminal) -> None:
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    await online.send(online.frame(0x0004))
    frame = await online.receive()
    assert frame.header.message_id == 0x8004
    told = datetime.datetime.strptime(frame.body.hex(), "%y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
    assert before <= told <= datetime.datetime.now(datetime.UTC)


async def test_terminal_reply_is_kept_and_never_answered(online: Terminal, bus: BusDouble, until: Until) -> None:
    await online.send(online.frame(0x0001, bytes.fromhex("0001810300")))
    await until(lambda: bus.rows("message"))
    assert bus.rows("message")[0]["message_id"] == 0x0001
    assert await online.silent(0.2)


async def test_unknown_message_is_kept_and_answered_with_result_3(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    await online.send(online.frame(0x0F42, b"vendor", serial=3))
    assert await online.result() == (3, 0x0F42, 3)
    (row,) = bus.rows("message")
    assert (row["message_id"], row["body"], row["phone"]) == (0x0F42, b"vendor", "13800138000")
    assert gateway.ledger.noted_totals == {"message_unknown": 1}


async def test_other_known_message_is_kept_and_confirmed(online: Terminal, bus: BusDouble) -> None:
    await online.send(online.frame(0x0900, b"\xf0abc", serial=3))
    assert await online.result() == (3, 0x0900, 0)
    assert bus.rows("message")[0]["body"] == b"\xf0abc"


async def test_heartbeat_with_extra_bytes_is_confirmed(online: Terminal) -> None:
    await online.send(online.frame(0x0002, b"\x01\x02\x03", serial=3))
    assert await online.result() == (3, 0x0002, 0)


@pytest.mark.parametrize(
    ("time", "flag"),
    [("000000000000", facts.FLAG_TIME_UNREADABLE), ("990101000000", facts.FLAG_TIME_FUTURE), ("100101000000", 4)],
)
async def test_implausible_device_time_is_replaced_by_the_time_of_receipt_and_kept_beside(
    online: Terminal, bus: BusDouble, time: str, flag: int
) -> None:
    await online.send(online.frame(0x0200, location(time=time)))
    await online.result()
    (row,) = bus.rows("fix")
    assert row["flags"] & flag and row["at"] == row["received_at"]
    assert (row["device_at"] is None) == (flag == facts.FLAG_TIME_UNREADABLE)


async def test_place_that_is_no_fix_is_stored_and_marked(online: Terminal, bus: BusDouble) -> None:
    body = bytearray(location(0))
    body[7] = 0
    await online.send(online.frame(0x0200, bytes(body)))
    await online.result()
    assert bus.rows("fix")[0]["flags"] & facts.FLAG_NOT_FIXED


async def test_every_row_carries_the_id_of_its_message_on_the_bus(online: Terminal, bus: BusDouble) -> None:
    await online.send(online.frame(0x0200, location()), online.frame(0x0900, b"x"))
    await online.results(2)
    for subject, batch, columns in bus.kept:
        assert columns.schema == facts.SCHEMAS[facts.kind_of(subject)]
        assert set(columns.column("batch").to_pylist()) == {batch.value}
    assert len({batch for _, batch, _ in bus.kept}) == len(bus.kept)


def test_rows_made_from_buffers_equal_those_the_contract_makes() -> None:
    row = {
        "vehicle_id": 1,
        "terminal_id": 2,
        "received_at": 1_748_737_815_000,
        "direction": 0,
        "message_id": 0x0900,
        "serial": 3,
        "edition": 2019,
        "phone": "13800138000",
        "body": b"\x00\xff",
        "batch": 7,
    }
    rows = [row, row | {"phone": "粤", "body": b""}]
    assert rows_batch(facts.MESSAGE, rows).equals(facts.rows_to_batch(facts.MESSAGE, rows))
