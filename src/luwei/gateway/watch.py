"""What a tick notes about reports that depart from their session's profile, and how such reports are read.

Only the few odd rows of a tick come here; each is counted for its session with one example frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from luwei import facts
from luwei.gateway.connections import Table
from luwei.gateway.dialects import Dialects
from luwei.gateway.dialogue import Dialogue, PointsOf
from luwei.gateway.ledger import NOTED
from luwei.protocol.jt808.batch.cut import Bytes, Frames, Index, Mask
from luwei.protocol.jt808.batch.items import odd_items
from luwei.protocol.jt808.batch.location import BASIC_LENGTH, Locations

LOCATION, HEARTBEAT = 0x0200, 0x0002
MESSAGES = {
    facts.ORIGIN_REPORT: LOCATION, facts.ORIGIN_BATCH: 0x0704, facts.ORIGIN_BACKFILL: 0x0704,
    facts.ORIGIN_QUERY: 0x0201,
}  # fmt: skip
"""Which message brought a location of that origin."""


class Watch:
    """Looks at rows of a tick for the profiles of their sessions."""

    def __init__(self, table: Table, dialogue: Dialogue, dialects: Dialects) -> None:
        self._table = table
        self._dialogue = dialogue
        self._dialects = dialects

    def reread(self, decoded: Locations, slot: Index) -> Locations:
        """Times and speeds of sessions whose profile has another zone or another step."""
        number = self._table.profile[slot]
        shifted = np.where(decoded.readable, decoded.device_ms + self._dialects.shift_ms[number], decoded.device_ms)
        speed = np.minimum(decoded.speed_dkmh.astype(np.uint32) * self._dialects.speed_step[number], 0xFFFF)
        return replace(decoded, device_ms=shifted, speed_dkmh=speed.astype(np.uint16))

    def items(self, frames: Frames, owner: Index, rows: Index, at_ms: int) -> None:
        """Items that the profiles of their sessions do not expect, and the dialect that alarm items show."""
        begin = frames.body[rows]
        self._judge(
            frames.data, begin, begin + frames.body_length[rows], owner[rows], LOCATION, at_ms,
            lambda row: frames.wire(int(rows[row])),
        )  # fmt: skip

    def points(
        self, points: list[PointsOf], data: Bytes, offsets: Index, lengths: Index, odd: Mask, at_ms: int
    ) -> None:
        """As ``items`` for location bodies that came another way than as a plain 0x0200: ``points`` in their order."""
        first = 0
        for each in points:
            rows = first + odd[first : first + len(each.spans)].nonzero()[0]
            first += len(each.spans)
            if rows.size:
                slots, raw = np.full(rows.size, each.slot, np.intp), each.raw
                begin = offsets[rows]
                message_id = MESSAGES[each.origin]
                self._judge(data, begin, begin + lengths[rows], slots, message_id, at_ms, partial(_same, raw))

    def _judge(
        self, data: Bytes, begin: Index, end: Index, slots: Index, message_id: int, at_ms: int,
        example: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        table, dialects = self._table, self._dialects
        row, key = odd_items(data, begin + BASIC_LENGTH, end)
        slot = slots[row]
        strange = ~dialects.expected[table.profile[slot], key]
        code = dialects.dialect_code[key]
        shown = (code != 0) & (code != table.dialect[slot])
        for at in shown.nonzero()[0].tolist():
            self._dialogue.shown(table[int(slot[at])], int(code[at]))
        if not strange.any():
            return
        pairs = slot[strange].astype(np.int64) << 16 | key[strange]
        every, at_first, counts = np.unique(pairs, return_index=True, return_counts=True)
        chosen = row[strange][at_first]
        for pair, odd, number in zip(every.tolist(), chosen.tolist(), counts.tolist(), strict=True):
            slot_number, item, length = pair >> 16, pair >> 8 & 0xFF, pair & 0xFF
            reason = dialects.objection(int(table.profile[slot_number]), item, length)
            self._dialogue.note(table[slot_number], NOTED, reason, message_id, example(odd), at_ms, number)

    def beats(self, frames: Frames, owner: Index, rows: Index, at_ms: int) -> None:
        """Heartbeats with a body (reference §11.4, 37)."""
        full = rows[frames.body_length[rows] > 0]
        if full.size:
            self.rows(frames, owner, full, "heartbeat_body", at_ms, HEARTBEAT)

    def rows(
        self, frames: Frames, owner: Index, chosen: Index, reason: str, at_ms: int, message_id: int = LOCATION
    ) -> None:
        slots, first, counts = np.unique(owner[chosen], return_index=True, return_counts=True)
        for slot, at, number in zip(slots.tolist(), first.tolist(), counts.tolist(), strict=True):
            wire = frames.wire(int(chosen[at]))
            self._dialogue.note(self._table[slot], NOTED, reason, message_id, wire, at_ms, number)


def _same(raw: bytes, _: int) -> bytes:
    """The example of every row of one message."""
    return raw
