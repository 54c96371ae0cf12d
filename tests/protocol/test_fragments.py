"""Reassembly and splitting (reference §3)."""

from __future__ import annotations

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import Assembler, split
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.header import Header, phone_bytes


def part(number: int, total: int, serial: int, body: bytes = b"", message_id: int = 0x0704) -> Frame:
    header = Header(
        message_id=message_id,
        body_length=len(body),
        serial=serial,
        phone_raw=phone_bytes("13800138000", 2013),
        edition=2013,
        fragmented=True,
        package_total=total,
        package_no=number,
    )
    return Frame(header, body or bytes([number]) * 3)


def test_a_frame_that_is_no_fragment_passes() -> None:
    frame = decode_frame(bytes.fromhex("7E 00 02 00 00 01 38 00 13 80 00 00 01 A9 7E"))
    assert Assembler().add(frame, 0.0) is frame


def test_two_messages_of_one_id_interleaved_are_kept_apart_by_their_serials() -> None:
    assembler = Assembler()
    order = [part(1, 3, 10, b"a"), part(1, 3, 13, b"x"), part(2, 3, 14, b"y"), part(2, 3, 11, b"b")]
    assert [assembler.add(frame, 0.0) for frame in order] == [None] * 4
    first, second = assembler.add(part(3, 3, 12, b"c"), 0.0), assembler.add(part(3, 3, 15, b"z"), 0.0)
    assert first and second
    assert (first.body, second.body) == (b"abc", b"xyz")


def test_serials_that_wrap_are_one_message() -> None:
    assembler = Assembler()
    assert assembler.add(part(2, 3, 0, b"b"), 0.0) is None
    assert assembler.add(part(1, 3, 65535, b"a"), 0.0) is None
    assert assembler.missing()[0].first_serial == 65535
    whole = assembler.add(part(3, 3, 1, b"c"), 0.0)
    assert whole and (whole.body, whole.header.serial) == (b"abc", 65535)


def test_a_device_with_a_constant_serial_is_understood() -> None:
    """Reference §11.1, 7."""
    assembler = Assembler()
    whole = [assembler.add(part(number, 3, 7, bytes([number])), 0.0) for number in (1, 2, 3)]
    assert whole[2] and whole[2].body == b"\1\2\3"


def test_a_repeated_fragment_changes_nothing_even_after_completion() -> None:
    assembler = Assembler()
    for frame in (part(1, 2, 5), part(1, 2, 5), part(2, 2, 6), part(2, 2, 6), part(1, 2, 5)):
        assembler.add(frame, 0.0)
    assert assembler.missing() == []


def test_after_a_restart_the_same_serials_with_other_bytes_are_a_new_message() -> None:
    assembler = Assembler()
    for frame in (part(1, 2, 0, b"a"), part(2, 2, 1, b"b"), part(1, 2, 0, b"c")):
        assembler.add(frame, 0.0)
    whole = assembler.add(part(2, 2, 1, b"d"), 0.0)
    assert whole and whole.body == b"cd"


def test_missing_fragments_are_asked_for_in_rounds_and_then_given_up() -> None:
    assembler = Assembler(rerequest_s=8, rounds=2, keep_s=60)
    assembler.add(part(2, 4, 101), 0.0)
    assembler.add(part(4, 4, 103), 1.0)
    assert assembler.due(8.9) == []
    (asked,) = assembler.due(9.0)
    assert (asked.first_serial, asked.numbers, asked.received, asked.package_total) == (100, (1, 3), 2, 4)
    assert assembler.due(10.0) == []
    assert len(assembler.due(17.0)) == 1
    assert assembler.due(40.0) == []
    assert assembler.abandoned() == []
    assert assembler.due(61.0) == []
    assert [given_up.numbers for given_up in assembler.abandoned()] == [(1, 3)]
    assert assembler.abandoned() == [] and assembler.held_bytes == 0


def test_a_new_fragment_puts_the_next_request_off() -> None:
    assembler = Assembler(rerequest_s=8)
    assembler.add(part(1, 3, 1), 0.0)
    assembler.add(part(2, 3, 2), 7.0)
    assert assembler.due(9.0) == []
    assert len(assembler.due(15.0)) == 1


def test_beyond_its_share_a_terminal_loses_its_oldest_message_and_it_is_named() -> None:
    assembler = Assembler(terminal_bytes=1000)
    assembler.add(part(1, 2, 1, b"a" * 500), 0.0)
    assembler.add(part(1, 2, 50, b"b" * 500), 1.0)
    (lost,) = assembler.abandoned()
    assert lost.first_serial == 1
    assert assembler.held_bytes <= 1000


@pytest.mark.parametrize(("number", "total"), [(0, 3), (4, 3), (1, 0), (0, 0)])
def test_a_fragment_number_outside_the_total_is_refused(number: int, total: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        Assembler().add(part(number, total, 1), 0.0)
    assert caught.value.code == "fragment"


def test_a_body_of_1023_bytes_is_one_frame_and_of_1024_two() -> None:
    header = part(1, 1, 65535).header
    assert [decode_frame(raw).header.fragmented for raw in split(header, b"x" * 1023)] == [False]
    frames = [decode_frame(raw).header for raw in split(header, b"x" * 1024)]
    assert [(h.serial, h.package_no, h.package_total, h.body_length) for h in frames] == [
        (65535, 1, 2, 1023),
        (0, 2, 2, 1),
    ]


@pytest.mark.parametrize("limit", [0, 1024])
def test_a_fragment_size_beyond_ten_bits_is_refused(limit: int) -> None:
    with pytest.raises(ProtocolError):
        split(part(1, 1, 1).header, b"x", limit)
