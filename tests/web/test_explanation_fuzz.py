"""Whatever is pasted is explained or refused by its own error, and never breaks the explanation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from test_explain_web import LOCATION_2019

from luwei.protocol.errors import ProtocolError
from luwei.web.explanation import explained
from luwei.web.pasted import frames_in, hex_bytes


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=600))
def test_no_bytes_break_an_explanation(raw: bytes) -> None:
    for _, piece in frames_in(raw):
        answer = explained(piece)
        assert sum(row["length"] for row in answer["rows"]) == len(piece)


FRAME = bytes.fromhex(LOCATION_2019)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(FRAME) - 1), st.integers(0, 255)), max_size=6))
def test_no_change_of_a_frame_breaks_an_explanation(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(FRAME)
    for at, value in changes:
        raw[at] = value
    answer = explained(bytes(raw))
    assert sum(row["length"] for row in answer["rows"]) == len(raw)
    assert answer["rule"]["state"] in ("accepted", "noted", "refused", "down")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_hex(text: str) -> None:
    try:
        hex_bytes(text)
    except ProtocolError as error:
        assert error.code in ("hex", "length")
