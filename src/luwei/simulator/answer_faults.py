"""What devices do wrong when they answer a command (reference §6, §8.1, §5.3, §11.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from luwei.protocol.jt808.frame import decode_frame, encode_frame

ANSWER_FAULTS = {"answer_late": "6", "answer_twice": "8.1", "answer_serial_wrong": "11.1 7", "answer_missing": "5.3"}
"""Name and paragraph. A platform believes no wrong serial and ignores the second answer."""
LATE_S = (3.0, 15.0)
_SERIAL_FIRST = frozenset({0x0001, 0x0104, 0x0201, 0x0302, 0x0500, 0x0802, 0x0805})


def spoil(name: str, frames: list[bytes], next_serial: Callable[[], int], rng: Random) -> tuple[list[bytes], float]:
    """The frames of an answer with fault ``name``, and by how many seconds they are late."""
    if name == "answer_late":
        return frames, rng.uniform(*LATE_S)
    if name == "answer_twice":
        return [*frames, *(_with_serial(raw, next_serial()) for raw in frames)], 0.0
    if name == "answer_serial_wrong":
        return [_with_reply_serial(raw) for raw in frames], 0.0
    return [], 0.0


def _with_serial(raw: bytes, serial: int) -> bytes:
    frame = decode_frame(raw)
    return encode_frame(replace(frame.header, serial=serial), frame.body)


def _with_reply_serial(raw: bytes) -> bytes:
    frame = decode_frame(raw)
    if frame.header.message_id not in _SERIAL_FIRST or frame.header.package_no > 1:
        return raw
    wrong = (int.from_bytes(frame.body[:2], "big") + 1000) & 0xFFFF
    return encode_frame(frame.header, wrong.to_bytes(2, "big") + frame.body[2:])
