"""The key of an alarm: what a repetition of the same alarm gives again (reference supervision §7.1)."""

from __future__ import annotations

import struct
from hashlib import blake2b

_HEAD = struct.Struct("<QqI")
_MASK = (1 << 63) - 1


def alarm_key(vehicle_id: int, type_: str, started_ms: int, alarm_id: int = 0, identification: bytes = b"") -> int:
    """A number below 2^63 (a signed 64-bit column holds it) made of vehicle, type, start, 报警ID and 报警标识号."""
    digest = blake2b(_HEAD.pack(vehicle_id, started_ms, alarm_id), digest_size=8)
    digest.update(type_.encode())
    digest.update(b"\0")
    digest.update(identification)
    return int.from_bytes(digest.digest(), "little") & _MASK


def item_key(vehicle_id: int, item: bytes) -> int:
    """Tells whether the same item came from the same vehicle before."""
    return int.from_bytes(blake2b(vehicle_id.to_bytes(8, "little") + item, digest_size=8).digest(), "little")
