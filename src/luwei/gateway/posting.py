"""A message of the platform on a terminal's line: its serials, its frames, and its row for the history."""

from __future__ import annotations

from typing import Any, NamedTuple

from luwei.gateway.connections import Connection, Table
from luwei.protocol.jt808.fragments import split
from luwei.protocol.jt808.header import EDITION_2013, EDITION_2019, Header, phone_bytes

BODY_LIMIT = 1000
"""Body bytes of one frame to a terminal: many take no full 1023 (reference §3, 7)."""
KEPT_MAX = 65_536
"""Bytes of a message to a terminal that its stored row holds: a firmware file is kept once, not once a truck."""


class Posted(NamedTuple):
    """``first``: serial of the first frame; ``row`` of ``facts.MESSAGE_FRAME``."""

    first: int
    frames: list[bytes]
    row: dict[str, Any]


def post(
    table: Table, connection: Connection, message_id: int, body: bytes, at_ms: int, kept: bytes | None = None
) -> Posted:
    """The frames of a message in the session's edition; its serials are taken. ``kept``: what the history shall hold
    instead of the body."""
    slot = connection.slot
    edition, first = int(table.edition[slot]), table.next_serial(slot)
    header = Header(
        message_id=message_id,
        body_length=0,
        serial=first,
        phone_raw=phone_bytes(connection.phone, edition),
        edition=EDITION_2019 if edition == EDITION_2019 else EDITION_2013,
        protocol_version=1 if edition == EDITION_2019 else 0,
    )
    frames = split(header, body, min(max(len(body), 1), BODY_LIMIT))
    for _ in frames[1:]:
        table.next_serial(slot)
    row = {
        "vehicle_id": int(table.vehicle_id[slot]),
        "terminal_id": int(table.terminal_id[slot]),
        "received_at": at_ms,
        "direction": 1,
        "message_id": message_id,
        "serial": first,
        "edition": edition,
        "phone": connection.phone,
        "body": (body if kept is None else kept)[:KEPT_MAX],
        "batch": 0,
    }
    return Posted(first, frames, row)
