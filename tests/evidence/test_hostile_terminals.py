"""What the attachment server must not take, with the reason it gives and counts; and what must not hurt it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from attachment_terminal import SUBIAO_ID, YUEBIAO_ID, AttachmentTerminal, block, file_body, frame, information
from sqlalchemy import Engine

from luwei.evidence.requests import Expectation, expect
from luwei.registry.engine import write

NAME, NUMBER = b"00_65_6501_00_1.jpg", b"1"


def ask_for(engine: Engine, phone: str, identification: bytes) -> bytes:
    """A request, as an alarm makes it; its alarm number."""
    with write(engine) as connection:
        wanted = expect(connection, Expectation(phone, 1, 1, identification, "6501", 1_748_737_814_000))
    return wanted.alarm_no.encode()


def with_terminal_id(identification: bytes, terminal_id: bytes) -> bytes:
    size = 7 if len(identification) == 16 else 30
    return terminal_id.ljust(size, b"\x00") + identification[size:]


async def refusal(server: Any, refused: Any, phone: str, *announced: Any) -> str:
    """The reason for which a lone 0x1210 is refused; the platform hangs up then."""
    terminal = await AttachmentTerminal(phone).connect(server.port)
    assert (await terminal.ask(0x1210, information(*announced))).result == 1
    assert await terminal.hung_up()
    terminal.close()
    counts = await refused(server)
    assert len(counts) == 1 and sum(counts.values()) == 1
    return str(next(iter(counts)))


async def test_a_terminal_that_nobody_knows(server: Any, refused: Any, files: Any) -> None:
    assert await refusal(server, refused, "13500135000", SUBIAO_ID, NUMBER, [(NAME, 10)]) == "unknown_terminal"
    assert files() == {}


async def test_files_that_nobody_asked_for(start: Any, refused: Any, files: Any) -> None:
    server = await start(evidence_unexpected="refuse")
    assert await refusal(server, refused, "13800138000", SUBIAO_ID, NUMBER, [(NAME, 10)]) == "unexpected"
    assert files() == {}


async def test_files_that_were_asked_for(start: Any, registry: Engine, files: Any) -> None:
    server = await start(evidence_unexpected="refuse")
    number = ask_for(registry, "13800138000", YUEBIAO_ID)
    terminal = await AttachmentTerminal("13800138000", 2019).connect(server.port)
    assert await terminal.announce(YUEBIAO_ID, number, [(NAME, 10)]) == 0
    row = files()[NAME.decode()]
    assert (row.unexpected, row.request_id, row.vehicle_id, row.event) == (False, 1, 1, "6501")
    terminal.close()


async def test_reserved_bytes_and_count_of_an_identification_may_differ(start: Any, registry: Engine) -> None:
    server = await start(evidence_unexpected="refuse")
    number = ask_for(registry, "13800138000", SUBIAO_ID)
    terminal = await AttachmentTerminal("13800138000").connect(server.port)
    assert await terminal.announce(SUBIAO_ID[:14] + b"\x05\x01", number, [(NAME, 10)]) == 0
    terminal.close()


@pytest.mark.parametrize("unexpected", ["accept", "refuse"])
async def test_an_alarm_number_given_to_another_terminal(
    start: Any, registry: Engine, refused: Any, unexpected: str
) -> None:
    server = await start(evidence_unexpected=unexpected)
    number = ask_for(registry, "13800138000", SUBIAO_ID)
    assert await refusal(server, refused, "13900139000", SUBIAO_ID, number, [(NAME, 10)]) == "foreign_request"


@pytest.mark.parametrize("unexpected", ["accept", "refuse"])
async def test_an_alarm_number_with_another_identification(
    start: Any, registry: Engine, refused: Any, unexpected: str
) -> None:
    server = await start(evidence_unexpected=unexpected)
    number = ask_for(registry, "13800138000", SUBIAO_ID)
    other = SUBIAO_ID[:12] + b"\x15" + SUBIAO_ID[13:]  # another second
    assert await refusal(server, refused, "13800138000", other, number, [(NAME, 10)]) == "wrong_identification"


async def test_an_identification_of_another_terminal_s_alarm(server: Any, registry: Engine, refused: Any) -> None:
    ask_for(registry, "13800138000", SUBIAO_ID)
    assert await refusal(server, refused, "13900139000", SUBIAO_ID, b"", [(NAME, 10)]) == "foreign_identification"


async def test_an_upload_in_the_name_of_another_vendor_s_truck(server: Any, refused: Any) -> None:
    stolen = with_terminal_id(YUEBIAO_ID, b"B000002")
    assert await refusal(server, refused, "13800138000", stolen, b"", [(NAME, 10)]) == "foreign_identification"


async def test_an_identification_with_a_terminal_id_that_nobody_has(server: Any, refused: Any) -> None:
    odd = with_terminal_id(YUEBIAO_ID, b"C000003")
    assert await refusal(server, refused, "13800138000", odd, b"", [(NAME, 10)]) == "wrong_terminal_id"


async def test_devices_without_a_terminal_id_are_told_by_their_phone(server: Any, registry: Engine) -> None:
    zeros = with_terminal_id(SUBIAO_ID, b"0000000")
    ask_for(registry, "13800138000", zeros)
    for phone in ("13800138000", "13900139000"):
        terminal = await AttachmentTerminal(phone).connect(server.port)
        assert await terminal.announce(zeros, b"", [(NAME, 10)]) == 0
        terminal.close()


@pytest.mark.parametrize(
    ("listed", "changes", "reason"),
    [
        ([(NAME, 3 << 20)], {"evidence_file_mib": 2}, "too_large"),
        ([(NAME, 0xFFFFFFFF)], {}, "too_large"),
        ([(b"%d" % n, 1) for n in range(11)], {"evidence_files_per_alarm": 10}, "too_many_files"),
        ([(b"a", 2 << 20), (b"b", 2 << 20)], {"evidence_file_mib": 2, "evidence_day_mib": 3}, "quota_terminal"),
    ],
)
async def test_more_than_is_allowed(
    start: Any, refused: Any, files: Any, listed: Any, changes: dict[str, int], reason: str
) -> None:
    server = await start(**changes)
    assert await refusal(server, refused, "13800138000", SUBIAO_ID, NUMBER, listed) == reason
    assert files() == {}


async def test_a_file_that_grows_meets_the_same_bounds(start: Any, refused: Any) -> None:
    server = await start(evidence_file_mib=2, evidence_day_mib=3)
    terminal = await AttachmentTerminal().connect(server.port)
    assert await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 10), (b"b", 2 << 20)]) == 0
    assert (await terminal.ask(0x1211, file_body(NAME, 0, (2 << 20) + 1))).result == 1
    assert (await terminal.ask(0x1211, file_body(NAME, 0, 2 << 20))).result == 1
    assert (await terminal.ask(0x1212, file_body(NAME, 0, 2 << 20))).result == 1
    assert (await terminal.ask(0x1211, file_body(NAME, 0, 1 << 20))).result == 0
    assert await refused(server) == {"too_large": 1, "quota_terminal": 2}
    terminal.close()


async def test_an_endless_file_goes_nowhere(server: Any, refused: Any, until: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 100_000)])
    with pytest.raises(ConnectionError):
        for offset in range(0, 1 << 31, 65_536):
            await terminal.raw(block(NAME, offset, bytes(65_536)))
    terminal.close()
    await until(lambda: not server._sessions)
    (part,) = server.store.incoming.glob("*.part")
    assert part.stat().st_size <= 100_000
    assert (await refused(server))["beyond_size"] == 17


async def test_a_block_of_a_name_that_was_not_announced(server: Any, refused: Any, files: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 10)])
    await terminal.raw(block(b"other.jpg", 0, bytes(10)))
    assert (await terminal.ask(0x1211, file_body(b"other.jpg", 0, 10))).result == 1
    assert (await terminal.ask(0x1212, file_body(b"other.jpg", 0, 10))).result == 1
    # the link is in step still
    assert await terminal.upload(NAME, bytes(10)) == []
    assert await refused(server) == {"unknown_name": 3}
    terminal.close()


async def test_bytes_before_any_announcement(server: Any, refused: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.raw(block(NAME, 0, bytes(10)))
    assert (await terminal.ask(0x1211, file_body(NAME, 0, 10))).result == 1
    assert (await terminal.ask(0x1212, file_body(NAME, 0, 10))).result == 1
    assert await refused(server) == {"before_announcement": 3}
    terminal.close()


async def test_another_phone_on_the_line(server: Any, refused: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 10)])
    await terminal.raw(frame(0x1211, file_body(NAME, 0, 10), "13900139000", 9))
    assert (await terminal.answer()).result == 1
    assert await refused(server) == {"other_phone": 1}
    terminal.close()


async def test_other_messages_are_answered_and_counted(server: Any, refused: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    assert (await terminal.ask(0x0002, b"")).result == 0
    assert (await terminal.ask(0x0102, b"code")).result == 3
    assert (await terminal.ask(0x1210, b"short")).result == 2
    assert await refused(server) == {"unexpected_message": 1, "body_body_malformed": 1}
    terminal.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "stream_link"),
        (b"01ce" + bytes(60), "stream_link"),
        (b"\x7e" + b"\x55" * 10_000, "stream_body_length"),
        (b"01cd" + NAME.ljust(50, b"\x00") + bytes(4) + b"\xff\xff\xff\xff", "stream_body_length"),
        (b"\x7e1210\x7e" * 20, "frame_short"),
    ],
)
async def test_what_is_not_the_protocol_ends_the_line(server: Any, refused: Any, data: bytes, reason: str) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.raw(data)
    assert await terminal.hung_up()
    assert list(await refused(server)) == [reason]
    terminal.close()


async def test_too_many_lines_of_one_address_and_of_one_terminal(start: Any, refused: Any) -> None:
    server = await start(evidence_connections_per_address=4, evidence_connections_per_terminal=2)
    lines = [await AttachmentTerminal().connect(server.port) for _ in range(4)]
    results = [await line.announce(SUBIAO_ID, NUMBER, [(NAME, 10)]) for line in lines[:3]]
    assert results == [0, 0, 1]
    await lines[2].hung_up()
    extra = [await AttachmentTerminal().connect(server.port) for _ in range(2)]
    assert await extra[1].hung_up()
    assert await refused(server) == {"connections_terminal": 1, "connections_address": 1}
    for line in lines + extra:
        line.close()


async def test_an_address_that_sends_too_much(start: Any, refused: Any) -> None:
    server = await start(evidence_address_day_mib=1)
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 8 << 20)])
    with pytest.raises(ConnectionError):
        for offset in range(0, 8 << 20, 65_536):
            await terminal.raw(block(NAME, offset, bytes(65_536)))
            await asyncio.sleep(0)
        await asyncio.wait_for(terminal.reader.readexactly(1), 40)
        raise ConnectionResetError
    assert list(await refused(server)) == ["quota_address"]
    terminal.close()


async def test_a_silent_line_is_closed(start: Any, refused: Any) -> None:
    server = await start(evidence_idle_s=1)
    terminal = await AttachmentTerminal().connect(server.port)
    assert await terminal.hung_up()
    assert await refused(server) == {"idle": 1}
    terminal.close()


async def test_a_file_in_crumbs_costs_bounded_memory_and_disk(server: Any, refused: Any, until: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 1 << 20)])
    crumbs = b"".join(block(NAME, offset, b"x") for offset in range(0, 2 * 2060, 2))
    await terminal.raw(crumbs)
    await until(lambda: server.refusals.totals.get("too_scattered"))
    (upload,) = server.uploads._open.values()
    assert len(upload.staged.blocks) == 2048
    terminal.close()


async def test_a_terminal_that_never_sends_what_lacks(server: Any, refused: Any) -> None:
    terminal = await AttachmentTerminal().connect(server.port)
    await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 100)])
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        for _ in range(100):
            assert (await terminal.ask(0x1212, file_body(NAME, 0, 100))).ranges == [(0, 100)]
    assert await refused(server) == {"no_progress": 1}
    terminal.close()


async def test_random_bytes_never_break_the_server(server: Any, terminal: AttachmentTerminal) -> None:
    pieces: list[Callable[[], bytes]] = [
        lambda: os.urandom(50),
        lambda: frame(0x1210, os.urandom(80), "13800138000", 1),
        lambda: frame(0x1211, os.urandom(30), "13800138000", 1),
        lambda: frame(0x1212, os.urandom(30), "13800138000", 1),
        lambda: frame(0x1212, b"", "13800138000", 1),
        lambda: block(NAME, 0, os.urandom(500))[:-100],
        lambda: frame(0x1210, information(SUBIAO_ID, NUMBER, [(NAME, 10)] * 3), "13800138000", 1),
    ]
    for round_ in range(60):
        line = await AttachmentTerminal().connect(server.port)
        for number in range(6):
            line.writer.write(pieces[(round_ * 7 + number * 5) % len(pieces)]())
        line.close(hard=round_ % 2 == 0)
    assert await terminal.announce(SUBIAO_ID, NUMBER, [(NAME, 10)]) == 0
    assert await terminal.upload(NAME, bytes(10)) == []
