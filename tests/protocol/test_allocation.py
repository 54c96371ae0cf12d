"""No body of one frame, however hostile, makes a decoder hold more than 64 KiB beyond the body's own size."""

from __future__ import annotations

import contextlib
import tracemalloc
from random import Random

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.header import BODY_MAX
from luwei.protocol.message import EDITIONS, REGISTRY, decode_body

BOUND = 64 << 10
_RANDOM = Random(3)
FILLINGS = (
    bytes(BODY_MAX),
    b"\xff" * BODY_MAX,
    b"\x01" * BODY_MAX,
    b"\x02" * BODY_MAX,
    b"\xff" * 4 + bytes(BODY_MAX),
    b"\x01\xff\xff" + bytes(BODY_MAX),
    bytes(_RANDOM.choice((0, 1, 2, 0x7F, 0xFF)) for _ in range(BODY_MAX)),
)
"""Counts that promise too much, lists of the smallest elements, texts without end."""


def peak(message_id: int, edition: int, body: bytes) -> int:
    tracemalloc.start()
    with contextlib.suppress(ProtocolError):
        decode_body(message_id, edition, body)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_hostile_body_costs_little_more_than_itself(edition: int) -> None:
    bodies = {(head + filling)[:BODY_MAX] for filling in FILLINGS for head in (b"", b"\x01", b"\x02", b"\x03", b"\x04")}
    for message_id in sorted(REGISTRY):
        for body in bodies:
            with contextlib.suppress(ProtocolError):
                decode_body(message_id, edition, body)  # what a first call caches is not this body's
            beyond = peak(message_id, edition, body) - len(body)
            assert beyond <= BOUND, f"0x{message_id:04X} of {edition}: {beyond} bytes for {body[:8].hex()}…"


def test_a_count_of_areas_that_the_body_cannot_hold_is_not_tried() -> None:
    body = b"\x01" + (340).to_bytes(4, "big") + bytes(1018)  # 340 empty bodies of 0x8600 would fit
    assert peak(0x0608, 2013, body) - len(body) <= 8 << 10
