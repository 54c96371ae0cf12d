"""What open sessions have sent so far, told on request. When a session ends its counts become a fact; until then only
its gateway knows them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from luwei.gateway.connections import Table

ASKED_MAX = 1_000
COUNTED = ("frames", "locations", "refused", "bytes_in")


def counts_subject(boot: int) -> str:
    """Subject of the gateway that started as ``boot``."""
    return f"gateway.counts.{boot}"


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """Sessions by the phone that each belongs to."""

    sessions: dict[str, int]


def told(table: Table, payload: bytes) -> bytes:
    """Answer a request: phone → frames, locations, refused frames and bytes, of those sessions that are still open.

    Raises msgspec.MsgspecError for a payload that is no request.
    """
    asked = msgspec.msgpack.decode(payload, type=Asked)
    found: dict[str, list[int]] = {}
    for phone, session in list(asked.sessions.items())[:ASKED_MAX]:
        connection = table.by_phone.get(phone)
        if connection is not None and connection.session == session:
            found[phone] = [int(getattr(table, name)[connection.slot]) for name in COUNTED]
    return msgspec.msgpack.encode(found)


def read(payload: bytes) -> Mapping[str, dict[str, int]]:
    """The answer of ``told``: phone → the counts by their names in COUNTED."""
    found = msgspec.msgpack.decode(payload, type=dict[str, tuple[int, int, int, int]])
    return {phone: dict(zip(COUNTED, counts, strict=True)) for phone, counts in found.items()}
