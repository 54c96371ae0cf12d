"""Lists of recordings (0x1205) as they are kept: every piece read, hostile ones no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.commands.answers import state_of, view
from luwei.commands.recordings import Recording, terminal_time, time_of, unpack
from luwei.commands.tables import shortened
from luwei.gateway.orders import ANSWERED, Outcome
from luwei.video import letters

EDITION = 2019
ITEM = bytes.fromhex("022611220800002611220810000000002000000002000101006ddd00")
"""Channel 2, 08:00 to 08:10 in China, bits 37 and 1, sound and pictures, main stream, main storage."""
EIGHT = 1_795_305_600_000
"""2026-11-22 00:00:00 UTC: eight in China."""


def outcome(body: bytes) -> Outcome:
    return Outcome(command=1, how=ANSWERED, at_ms=0, attempts=1, message_id=0x1205, edition=EDITION, body=body)


def listed(body: bytes) -> tuple[tuple[str, str], dict[str, Any]]:
    said = outcome(body)
    kept = view(said)
    assert kept is not None
    return state_of(said), json.loads(json.dumps(kept))


def test_a_piece_is_kept_field_by_field() -> None:
    state, kept = listed(b"\0\7\0\0\0\1" + ITEM)
    assert state == ("answered", "success")
    (piece,) = unpack(kept) or []
    assert piece == Recording(2, EIGHT, EIGHT + 600_000, 1 << 37 | 2, 0, 1, 1, 0x006DDD00)
    assert "recordings" not in shortened(kept)


def test_nothing_recorded_is_an_answer() -> None:
    state, kept = listed(b"\0\7\0\0\0\0")
    assert state == ("answered", "empty")
    assert unpack(kept) == []


def test_a_piece_that_is_told_twice_is_kept_once_and_order_is_by_channel_and_time() -> None:
    earlier = ITEM[:1] + bytes.fromhex("261122070000261122071000") + ITEM[13:]
    first = b"\1" + ITEM[1:]
    _, kept = listed(b"\0\7\0\0\0\4" + ITEM + earlier + first + ITEM)
    found = unpack(kept) or []
    assert [(each.channel, each.start_at) for each in found] == [(1, EIGHT), (2, EIGHT - 3_600_000), (2, EIGHT)]


def test_a_long_list_is_kept_whole() -> None:
    pieces = [
        bytes((channel,)) + bytes.fromhex(f"2611{day:02d}{hour:02d}0000") + ITEM[7:]
        for channel in range(1, 17) for day in range(1, 31) for hour in range(24)
    ]  # fmt: skip
    _, kept = listed(b"\0\7" + len(pieces).to_bytes(4, "big") + b"".join(pieces))
    assert len(unpack(kept) or []) == 16 * 30 * 24


def test_a_time_that_is_none_is_told_as_none() -> None:
    broken = ITEM[:1] + bytes.fromhex("261340000000") + ITEM[7:]
    _, kept = listed(b"\0\7\0\0\0\1" + broken)
    for piece in unpack(kept) or []:
        assert piece.start_at is None


@given(st.binary(max_size=400), st.booleans())
def test_whatever_a_terminal_sends_is_kept_or_refused_and_never_fails(body: bytes, headed: bool) -> None:
    said = outcome(b"\0\1\0\0\0\2" + body if headed else body)
    state, _ = state_of(said)
    kept = view(said)
    assert state == "answered" and kept is not None
    found = unpack(json.loads(json.dumps(kept)))
    assert found is None or len(found) <= len(body) // 28 + 1


@pytest.mark.parametrize("at", [EIGHT, EIGHT + 1_000, 946_684_800_000])
def test_times_go_to_the_terminal_and_back_unchanged(at: int) -> None:
    assert time_of(terminal_time(at)) == at


def test_a_query_names_channel_time_and_alarms_as_the_standard_lays_them() -> None:
    values = letters.listing(1, EIGHT, EIGHT + 86_400_000, 1 << 37 | 2, 0, 0, 1)
    letter = letters.KINDS[letters.LIST].letter(values)
    assert letter.message_id == 0x9205 and letter.answer == 0x1205
    assert letter.bodies[EDITION].hex() == "012611220800002611230800000000002000000002000001"
