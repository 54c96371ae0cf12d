"""A rehearsal says what the gateway does, because it is the gateway that does it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal_double import Terminal, location

from luwei.gateway.rehearsal import rehearse
from luwei.protocol.jt808.frame import decode_frame


def test_a_location_becomes_columns_and_is_confirmed() -> None:
    raw = Terminal().frame(0x0200, location(), serial=7)
    done = rehearse(raw, decode_frame(raw).header)
    assert not done.refused and not done.noted
    (row,) = done.locations
    assert (row["lat_e6"], row["lon_e6"], row["speed_dkmh"], row["serial"]) == (22_543_099, 114_057_868, 605, 7)
    (answer,) = map(decode_frame, done.answers)
    assert (answer.header.message_id, answer.body.hex()) == (0x8001, "0007020000")


def test_a_wrong_check_code_is_refused_and_not_answered() -> None:
    raw = bytearray(Terminal().frame(0x0200, location()))
    raw[-2] ^= 0x10
    done = rehearse(bytes(raw), None)
    assert (done.refused, done.locations, done.answers) == (["checksum"], [], [])


def test_a_registration_would_ask_the_registry_and_asks_nobody() -> None:
    raw = Terminal().registration()
    done = rehearse(raw, decode_frame(raw).header)
    assert (done.asked, done.answers, done.messages) == (0x0100, [], [])


def test_an_unknown_message_is_kept_and_answered_unsupported() -> None:
    raw = Terminal().frame(0x0FF0, b"abc")
    done = rehearse(raw, decode_frame(raw).header)
    assert [row["body"] for row in done.messages] == [b"abc"]
    assert decode_frame(done.answers[0]).body[4] == 3
    assert done.noted == ["message_unknown"]


def test_one_fragment_waits_for_the_others() -> None:
    raw = Terminal().frame(0x0801, b"x" * 20, fragmented=True, package_total=2, package_no=1)
    done = rehearse(raw, decode_frame(raw).header)
    assert done.waits and not done.messages
    assert decode_frame(done.answers[0]).body[4] == 0


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([0x0100, 0x0102, 0x0200, 0x0704, 0x0201, 0x0900, 0x0003]))
def test_no_body_breaks_a_rehearsal(body: bytes, message_id: int) -> None:
    raw = Terminal().frame(message_id, body)
    with np.errstate(all="raise"):
        done = rehearse(raw, decode_frame(raw).header)
    assert "internal" not in done.refused
