"""The declarative decoder on a 0x0200 that carries every item of JT/T 808 and 1078, and the batch decoder beside it.

Prints CPU µs a location, medians of some rounds; the bound for the declarative one is 60 µs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from luwei.protocol.jt808.batch.cut import cut
from luwei.protocol.jt808.batch.location import locations
from luwei.protocol.jt808.frame import decode_frame, encode_frame
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.item_types import STANDARD_ITEMS
from luwei.protocol.jt808.messages.location import Location

BASIC = bytes.fromhex("00000000000800030157fafb06cc628c0023025d005a250601083015")
AT_ONCE = 2_000


def everything() -> bytes:
    """A frame of 2019 with one of every standard item, each in its first legal length (4 bytes where any is legal)."""
    items = b""
    for key, declared in sorted(STANDARD_ITEMS.items()):
        length = min(declared.lengths, default=4)
        items += bytes((key, length)) + bytes(length)
    body = BASIC + items
    phone = bytes.fromhex("13800138000".rjust(20, "0"))
    header = Header(
        message_id=0x0200, body_length=len(body), serial=1, phone_raw=phone, edition=2019, protocol_version=1
    )
    return encode_frame(header, body)


def _cost(work: Callable[[], object], each: int, rounds: int) -> float:
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append((time.process_time() - began) / each * 1e6)
    return statistics.median(found)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench decode")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    raw = everything()

    def declarative() -> None:
        for _ in range(AT_ONCE):
            frame = decode_frame(raw)
            Location.decode(frame.body, frame.header.edition)

    def batch() -> None:
        frames = cut([raw] * AT_ONCE)
        locations(frames.data, frames.body, frames.body_length)

    one, many = (_cost(work, AT_ONCE, options.rounds) for work in (declarative, batch))
    print(f"a location of {len(raw)} bytes with {len(STANDARD_ITEMS)} items")
    print(f"declarative, µs a location: {one:.1f} (bound 60)")
    print(f"batch of {AT_ONCE}, µs a location: {many:.2f}; ratio {one / many:.0f}")
