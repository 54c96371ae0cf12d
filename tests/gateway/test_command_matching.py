"""Commands on a gateway without sockets: what answers what, what is repeated, how it ends (reference §3, §6, §8.1)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.commands.kinds import KINDS
from luwei.gateway.commands import Commands, waits_ms
from luwei.gateway.connections import ONLINE, Connection, Table
from luwei.gateway.dialects import Dialects
from luwei.gateway.orders import (
    ACKNOWLEDGED,
    ANSWERED,
    BUSY,
    CHARSET,
    EDITION,
    LINK_LOST,
    NO_ANSWER,
    SLAVE_SERVER,
    Dispatch,
    Letter,
    Order,
    Receipt,
)
from luwei.profiles import load
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.messages.text import TextMessage

PHONE = "13800138000"
TEXT = Letter(0x8300, {2013: b"\x0cA", 2019: b"\x0f\x01A"})
LOCATE = Letter(0x8201, {2011: b"", 2013: b"", 2019: b""}, answer=0x0201)
ATTRIBUTES = Letter(0x8107, {2013: b"", 2019: b""}, answer=0x0107)
PHOTO = Letter(0x8801, {2019: bytes(12)}, answer=0x0805, general_ends=True)
QUESTION = Letter(0x8302, {2013: bytes(4)}, answer=0x0302, patience_s=300)
LONG = Letter(0x8300, {2019: b"\x0f\x01" + b"x" * 2500})


class Desk:
    """One gateway's commands and one terminal's side of them."""

    def __init__(self, edition: int = 2019, serial: int = 0) -> None:
        self.table = Table(16)
        self.sent: list[bytes] = []
        self.commands = Commands(self.table, "gw-0", 7, 10, 2, lambda _, data: self.sent.append(data))
        self.at = 1_000_000
        self.number = 0
        self.connection = self.open(5, edition, PHONE, serial)

    def open(self, slot: int, edition: int, phone: str, serial: int = 0) -> Connection:
        connection = self.table.open(slot, "tcp", "127.0.0.1", 5000)
        connection.phone = phone
        self.table.edition[slot], self.table.state[slot], self.table.serial[slot] = edition, ONLINE, serial
        self.table.by_phone[phone] = connection
        return connection

    def give(self, letter: Letter, command: int = 0) -> Receipt:
        self.number += 1
        return self.commands.take(Dispatch([letter], [Order(command or self.number, PHONE, 0)]), self.at)

    def frames(self) -> list[Frame]:
        return [decode_frame(raw, strict=True) for raw in self.sent]

    def say(self, message_id: int, body: bytes, edition: int = 2019) -> None:
        raw_phone = bytes.fromhex(PHONE.rjust(20 if edition == 2019 else 12, "0"))
        header = Header(message_id=message_id, body_length=len(body), serial=1, phone_raw=raw_phone, edition=edition)
        self.commands.answered(self.connection, Frame(header, body, b"", ()), self.at)

    def reply(self, serial: int, reply_id: int, result: int = 0) -> None:
        self.say(0x0001, serial.to_bytes(2, "big") + reply_id.to_bytes(2, "big") + bytes([result]))

    def pass_s(self, seconds: float) -> None:
        """Time goes by in steps of half a second, as ticks do."""
        end = self.at + round(seconds * 1000)
        while self.at < end:
            self.at += 500
            self.commands.turn(self.at)

    @property
    def hows(self) -> list[str]:
        return [outcome.how for outcome in self.commands.outcomes]


def test_the_waits_follow_the_rule_of_the_standard() -> None:
    assert waits_ms(10, 2) == [10_000, 20_000, 60_000]  # 2019 §6: T(N+1) = T(N) × (N+1)
    assert waits_ms(5, 0) == [5_000]


def test_a_command_goes_out_in_the_layout_of_the_session() -> None:
    new, old = Desk(2019), Desk(2013)
    assert new.give(TEXT).taken[0].edition == 2019
    assert old.give(TEXT).taken[0].edition == 2013
    (frame,) = new.frames()
    assert frame.header.edition == 2019 and frame.header.phone_raw.hex() == "00000000013800138000"
    assert TextMessage.decode(frame.body, 2019).text == "A"
    (frame,) = old.frames()
    assert frame.header.edition == 2013 and frame.header.phone_raw.hex() == "013800138000"
    assert TextMessage.decode(frame.body, 2013).text == "A"


def test_an_edition_without_the_message_is_refused_at_once() -> None:
    receipt = Desk(2011).give(ATTRIBUTES)
    assert receipt.refused == [(1, EDITION)] and not receipt.taken


def test_a_phone_of_another_gateway_stands_in_no_receipt() -> None:
    desk = Desk()
    receipt = desk.commands.take(Dispatch([TEXT], [Order(1, "13900000000", 0)]), desk.at)
    assert not receipt.taken and not receipt.refused and not desk.sent


@given(serial=st.integers(0, 0xFFFF), size=st.integers(1, 9_000), reply=st.integers(0, 0xFFFF))
@settings(max_examples=150, deadline=None)
def test_any_serial_of_the_message_answers_it_and_no_other(serial: int, size: int, reply: int) -> None:
    desk = Desk(serial=serial)
    desk.give(Letter(0x8300, {2019: bytes(size)}))
    frames = desk.frames()
    serials = [frame.header.serial for frame in frames]
    assert serials == [(serial + number) % 65536 for number in range(len(frames))]
    assert b"".join(frame.body for frame in frames) == bytes(size)
    assert int(desk.table.serial[5]) == (serial + len(frames)) % 65536
    desk.reply(reply, 0x8300)
    assert bool(desk.commands.outcomes) == (reply in serials)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_command_ends_exactly_once_whatever_the_terminal_answers(data: st.DataObject) -> None:
    desk = Desk(serial=data.draw(st.integers(65_500, 65_535)))
    letters = data.draw(st.lists(st.sampled_from([TEXT, LOCATE, ATTRIBUTES, PHOTO, LONG]), min_size=1, max_size=12))
    taken = sum(len(desk.give(letter).taken) for letter in letters)
    serial = st.integers(-40, 10).map(lambda step: step % 65536)
    for _ in range(data.draw(st.integers(0, 30))):
        match data.draw(st.integers(0, 3)):
            case 0:
                answered = data.draw(st.sampled_from([0x8300, 0x8201, 0x8107, 0x8801, 0x9999]))
                desk.reply(data.draw(serial), answered, data.draw(st.integers(0, 4)))
            case 1:
                desk.say(
                    data.draw(st.sampled_from([0x0107, 0x0805, 0x0201, 0x1205])), data.draw(st.binary(max_size=40))
                )
            case 2:
                desk.say(0x0005, data.draw(st.binary(max_size=12)))
            case 3:
                desk.pass_s(data.draw(st.integers(1, 30)))
    desk.pass_s(90 * 13)
    ended = [outcome.command for outcome in desk.commands.outcomes]
    assert sorted(ended) == list(range(1, taken + 1))
    assert not desk.commands.waiting


def test_the_second_answer_is_ignored_and_counts_as_no_stray() -> None:
    desk = Desk()
    desk.give(TEXT)
    desk.reply(0, 0x8300)
    desk.reply(0, 0x8300, 1)
    assert [(o.how, o.result) for o in desk.commands.outcomes] == [(ANSWERED, 0)]
    assert desk.commands.unmatched == 0
    desk.reply(77, 0x8300)
    assert desk.commands.unmatched == 1


def test_a_reply_to_another_message_id_does_not_match() -> None:
    desk = Desk()
    desk.give(TEXT)
    desk.reply(0, 0x8202)
    assert not desk.commands.outcomes


@pytest.mark.parametrize("result", [1, 2, 3])
def test_a_refusal_by_general_reply_ends_a_query_too(result: int) -> None:
    desk = Desk()
    desk.give(LOCATE)
    desk.reply(0, 0x8201, result)
    assert [(o.how, o.result) for o in desk.commands.outcomes] == [(ANSWERED, result)]


def test_an_unanswered_command_is_repeated_byte_for_byte_and_then_given_up() -> None:
    desk = Desk()
    receipt = desk.give(LONG)
    assert receipt.taken[0].due_ms == desk.at + 90_000
    first = list(desk.sent)
    desk.pass_s(9.5)
    assert desk.sent == first
    desk.pass_s(1)
    assert desk.sent == first * 2
    desk.pass_s(20)
    assert desk.sent == first * 3
    desk.pass_s(58)
    assert not desk.hows
    desk.pass_s(3)
    assert desk.sent == first * 3
    assert [(o.how, o.attempts) for o in desk.commands.outcomes] == [(NO_ANSWER, 3)]


def test_silence_of_the_platform_itself_is_not_held_against_the_terminal() -> None:
    desk = Desk()
    desk.give(TEXT)
    desk.pass_s(5)
    desk.at += 600_000  # the bus was away: nothing was read
    desk.commands.turn(desk.at)
    assert len(desk.sent) == 1
    desk.reply(0, 0x8300)
    assert desk.hows == [ANSWERED]


def test_answers_without_a_serial_make_their_commands_wait_for_one_another() -> None:
    desk = Desk()
    desk.give(ATTRIBUTES)
    desk.give(ATTRIBUTES)
    desk.give(TEXT)
    assert [frame.header.message_id for frame in desk.frames()] == [0x8107]
    desk.say(0x0107, b"first")
    assert [frame.header.message_id for frame in desk.frames()] == [0x8107, 0x8107, 0x8300]
    desk.say(0x0107, b"second")
    assert [(o.command, o.body) for o in desk.commands.outcomes] == [(1, b"first"), (2, b"second")]


def test_a_query_that_is_only_acknowledged_ends_as_acknowledged_after_its_time() -> None:
    desk = Desk(2013)
    desk.give(QUESTION)
    desk.reply(0, 0x8302)
    sent = len(desk.sent)
    desk.pass_s(299)
    assert not desk.hows and len(desk.sent) == sent
    desk.pass_s(2)
    assert desk.hows == [ACKNOWLEDGED]


def test_the_answer_to_a_question_is_taken_long_after_the_acknowledgement() -> None:
    desk = Desk(2013)
    desk.give(QUESTION)
    desk.reply(0, 0x8302)
    desk.pass_s(200)
    desk.say(0x0302, b"\x00\x00\x02", 2013)
    assert [(o.how, o.body) for o in desk.commands.outcomes] == [(ANSWERED, b"\x00\x00\x02")]


def test_a_camera_that_answers_with_0001_alone_is_believed() -> None:
    desk = Desk()  # reference §8.22
    desk.give(PHOTO)
    desk.reply(0, 0x8801)
    assert desk.hows == [ANSWERED]


def test_a_location_answer_of_2011_has_no_serial_and_answers_the_oldest_query() -> None:
    desk = Desk(2011)
    desk.give(LOCATE)
    desk.say(0x0201, bytes(22) + bytes.fromhex("250601083015"), 2013)
    assert desk.hows == [ANSWERED]


def test_a_location_answer_with_a_foreign_serial_is_not_believed() -> None:
    desk = Desk()
    desk.give(LOCATE)
    desk.say(0x0201, b"\x12\x34" + bytes(22) + bytes.fromhex("250601083015"))
    assert not desk.hows and desk.commands.unmatched == 1


def test_missing_fragments_are_sent_again_byte_for_byte() -> None:
    desk = Desk(serial=65_535)
    desk.give(LONG)
    first = list(desk.sent)
    assert len(first) == 3
    desk.say(0x0005, bytes.fromhex("ffff 0002 0001 0003"))
    assert desk.sent[3:] == [first[0], first[2]]


def test_a_command_that_is_given_twice_is_sent_once() -> None:
    desk = Desk()
    assert len(desk.give(TEXT, 9).taken) == len(desk.give(TEXT, 9).taken) == 1
    desk.reply(0, 0x8300)
    assert len(desk.give(TEXT, 9).taken) == 1
    assert len(desk.sent) == 1 and len(desk.commands.outcomes) == 1


def test_a_line_that_ends_leaves_the_result_unknown_and_says_what_was_never_sent() -> None:
    desk = Desk()
    desk.give(ATTRIBUTES)
    desk.give(ATTRIBUTES)
    desk.commands.closed(desk.connection, desk.at)
    assert [(o.how, o.attempts) for o in desk.commands.outcomes] == [(LINK_LOST, 1), (LINK_LOST, 0)]
    assert not desk.commands.waiting


def test_too_many_commands_for_one_terminal_are_refused() -> None:
    desk = Desk()
    receipts = [desk.give(ATTRIBUTES) for _ in range(70)]
    assert receipts[-1].refused == [(70, BUSY)]


def test_what_was_sent_is_kept_as_a_fact() -> None:
    desk = Desk()
    desk.give(TEXT)
    (row,) = desk.commands.rows
    assert (row["direction"], row["message_id"], row["body"], row["phone"]) == (1, 0x8300, TEXT.bodies[2019], PHONE)


def by_profile(desk: Desk, tmp_path: Path, capability: str) -> None:
    text = (
        'name = "own"\nversion = 1\nzh = "x"\nen = "x"\nsource = "tests"\nextends = "standard-2019"\n'
        f"[capability]\n{capability}\n"
    )
    (tmp_path / "own.toml").write_text(text, "utf-8")
    desk.commands.dialects = Dialects(load(tmp_path))
    desk.table.profile[5] = desk.commands.dialects.number("own", 1)


def test_a_terminal_that_reports_here_as_to_a_slave_server_is_sent_nothing(tmp_path: Path) -> None:
    desk = Desk()
    by_profile(desk, tmp_path, "slave_server = true")
    assert desk.give(LOCATE).refused == [(1, SLAVE_SERVER)]
    assert desk.sent == []


def test_texts_go_out_in_the_charset_of_the_profile_and_answers_say_theirs(tmp_path: Path) -> None:
    desk = Desk()
    by_profile(desk, tmp_path, 'text_charset = "utf-8"\n[reading]\ncharset = "gb18030"')
    letter = Letter(0x8300, {2019: b"gbk"}, texts={"utf-8": {2019: b"utf-8"}, "gb18030": {2019: b"gb18030"}})
    desk.give(letter)
    (frame,) = desk.frames()
    assert frame.body == b"utf-8"
    desk.reply(frame.header.serial, 0x8300)
    assert [outcome.charset for outcome in desk.commands.outcomes] == ["gb18030"]
    assert desk.give(msgspec.structs.replace(letter, texts={}))
    assert desk.frames()[-1].body == b"gbk"  # no text in it that the charsets write differently


def test_a_text_that_does_not_fit_in_the_charset_of_the_profile_is_refused_at_once(tmp_path: Path) -> None:
    desk = Desk()
    by_profile(desk, tmp_path, 'text_charset = "utf-8"')
    assert desk.give(Letter(0x8302, {2019: b"gbk"}, texts={"utf-8": {}})).refused == [(1, CHARSET)]
    assert desk.sent == []
    desk.table.profile[5] = 0
    assert not desk.give(Letter(0x8302, {2019: b"gbk"}, texts={"utf-8": {}})).refused


def test_a_terminal_that_leaves_three_commands_unanswered_is_told_of_and_again_when_it_answers() -> None:
    desk = Desk()
    told: list[tuple[int, bool]] = []
    desk.commands.silent = lambda slot, silent: told.append((slot, silent))
    for _ in range(4):
        desk.give(TEXT)
        for _ in range(40):
            desk.at += 1_999
            desk.commands.turn(desk.at)
    assert told == [(5, True)]
    desk.give(TEXT)
    serial = desk.frames()[-1].header.serial
    desk.commands.answered(desk.connection, reply(serial, 0x8300), desk.at)
    assert told == [(5, True), (5, False)]


def reply(serial: int, message_id: int) -> Frame:
    body = serial.to_bytes(2, "big") + message_id.to_bytes(2, "big") + b"\x00"
    header = Header(message_id=0x0001, body_length=5, serial=1, phone_raw=bytes(10), edition=2019, protocol_version=1)
    return Frame(header, body)


@pytest.mark.parametrize(
    ("capability", "ports"), [("control_binary = true", b"\x1d\xbb"), ("control_binary = false", b"7611")]
)
def test_numbers_between_semicolons_are_binary_or_text_as_the_profile_says(
    tmp_path: Path, capability: str, ports: bytes
) -> None:
    desk = Desk()
    by_profile(desk, tmp_path, capability)
    values = {"control": 0, "address": "10.0.0.1", "tcp_port": 7611}
    desk.give(KINDS["switch_server"].letter(values))
    assert desk.frames()[0].body.split(b";", 6)[6].startswith(ports)


def test_a_message_that_wants_no_answer_is_sent_once_and_waited_for_by_nobody() -> None:
    desk = Desk()
    notice = Letter(0x9105, {2019: bytes.fromhex("0203")})
    for phone in (PHONE, "13900000000"):
        receipt = desk.commands.take(Dispatch([notice], [], [Order(0, phone, 0)]), desk.at)
        assert (receipt.taken, receipt.refused) == ([], [])
    (frame,) = desk.frames()
    assert (frame.header.message_id, frame.body) == (0x9105, bytes.fromhex("0203"))
    assert [row["message_id"] for row in desk.commands.rows] == [0x9105]
    assert not desk.commands.waiting
    desk.commands.turn(desk.at + 100_000)
    assert len(desk.sent) == 1 and desk.commands.outcomes == []
