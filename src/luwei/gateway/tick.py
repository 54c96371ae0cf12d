"""One tick: the bytes of all connections in, location columns, replies and rare messages out.

Authenticated plain 0x0200 and 0x0002 never become objects. Everything else (handshakes, fragments, other messages,
frames that fail a test) goes in order of arrival to the declarative decoder and ``dialogue``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei import facts
from luwei.gateway.clock_watch import UNUSED, ClockWatch
from luwei.gateway.columns import Source, location_batch
from luwei.gateway.connections import ONLINE, Connection, Table
from luwei.gateway.dialects import Dialects
from luwei.gateway.dialogue import Dialogue, Outcome
from luwei.gateway.ledger import NOTED, REFUSED
from luwei.gateway.trace import Trace
from luwei.gateway.watch import Watch
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.cut import ENCRYPT_BITS, FRAGMENT_FLAG, Frames, Index, Mask, cut
from luwei.protocol.jt808.batch.location import BASIC_LENGTH, locations
from luwei.protocol.jt808.batch.points import join_bodies
from luwei.protocol.jt808.batch.repeat import body_hash
from luwei.protocol.jt808.batch.reply import general_replies
from luwei.protocol.jt808.frame import CONTENT_MAX, Frame, decode_frame
from luwei.protocol.jt808.header import EDITION_2013, EDITION_2019, decide_edition, decode_header
from luwei.protocol.jt808.stream import CONTENT_MIN

GARBAGE_MAX = 200
"""Bad frames in a row after which a connection is closed: it does not speak this protocol (reference §11.1, 5)."""

HELD_MAX = 64 * 1024
"""Bytes of datagrams kept for a session whose handshake is with the registry."""

SPEED_MAX_DKMH = 2500
"""Above it a speed is a fault of the device (reference §11.3, 19): kept as sent, and noted."""

_LOCATION, _HEARTBEAT, _UNREGISTER = 0x0200, 0x0002, 0x0003


@dataclass(slots=True)
class Replies:
    """General replies: ``wire[bounds[i] : bounds[i + 1]]`` is all that goes to ``slots[i]``."""

    slots: Index
    generations: npt.NDArray[np.uint32]
    wire: bytes
    bounds: list[int]


@dataclass(slots=True)
class Result:
    """What came out of a tick, besides what ``dialogue`` did."""

    columns: list[pa.RecordBatch] = field(default_factory=list)
    replies: list[Replies] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    frames: int = 0
    locations: int = 0
    bytes_in: int = 0
    overspent: Index | None = None


class Tick:
    """Decodes ticks; keeps what spans two of them (rests are kept by the caller)."""

    def __init__(
        self, table: Table, dialogue: Dialogue, dialects: Dialects, history_days: int, frames_per_second: int
    ) -> None:
        self._table = table
        self._dialogue = dialogue
        self._watch = Watch(table, dialogue, dialects)
        self._clocks = ClockWatch(table.state.size)
        self._history_days = history_days
        self._limit = frames_per_second
        self._torn: dict[int, bytes] = {}
        self.trace: Trace | None = None

    def run(self, slots: list[int], chunks: list[bytes], at_ms: int, rests: dict[int, bytes]) -> Result:
        """Decode one chunk a slot. What is left over, or has to wait, is put into ``rests`` by slot."""
        table, result = self._table, Result()
        frames = cut(chunks)
        slot_of = np.array(slots, np.intp)
        table.heard_ms[slot_of] = at_ms
        for segment, rest in frames.rests.items():
            if slots[segment] < table.tcp_slots:
                rests[slots[segment]] = rest[: CONTENT_MAX + 1]
            else:
                # a datagram holds whole frames
                self._dialogue.note(table[slots[segment]], REFUSED, "delimiter", 0, rest, at_ms)
        if len(frames):
            self._frames(frames, slots, slot_of, at_ms, rests, result)
        size = np.diff(frames.bounds) - 1
        if rests:
            # what is left over comes again with the next tick
            size -= np.fromiter((len(rests.get(slot, b"")) for slot in slots), np.intp, len(slots))
        table.bytes_in[slot_of] += size.astype(np.uint64)
        result.bytes_in = int(size.sum())
        return result

    def _frames(
        self,
        frames: Frames,
        slots: list[int],
        slot_of: Index,
        at_ms: int,
        rests: dict[int, bytes],
        result: Result,
    ) -> None:
        table = self._table
        owner = slot_of[frames.segment]
        known = frames.good & (table.state[owner] == ONLINE)
        known &= (table.phone_low[owner] == frames.phone_low) & (table.phone_high[owner] == frames.phone_high)
        known &= (frames.attributes & (ENCRYPT_BITS | FRAGMENT_FLAG)) == 0
        is_location = known & (frames.message_id == _LOCATION) & (frames.body_length >= BASIC_LENGTH)
        plain = is_location | (known & (frames.message_id == _HEARTBEAT))
        rare = (~plain).nonzero()[0]
        if rare.size and (leaving := rare[known[rare] & (frames.message_id[rare] == _UNREGISTER)]).size:
            for candidate in leaving.tolist():
                plain[candidate:] &= frames.segment[candidate:] != frames.segment[candidate]
            is_location &= plain
            rare = (~plain).nonzero()[0]
        self._count(frames, slot_of, plain, result)
        if plain.any():
            if self.trace is not None and self.trace.armed:
                self.trace.plain(frames, owner, plain.nonzero()[0], at_ms)
            self._plain(frames, slot_of, owner, plain, is_location, at_ms, result)
        if self._torn:
            self._mend(frames, slots, rare)
        if rare.size:
            self._rare(frames, slots, owner, rare, at_ms, rests, result)

    def forget(self, slot: int) -> None:
        """The connection of ``slot`` has ended."""
        self._torn.pop(slot, None)
        self._clocks.forget(slot)

    def _count(self, frames: Frames, slot_of: Index, plain: Mask, result: Result) -> None:
        table = self._table
        good = np.bincount(frames.segment[plain], minlength=slot_of.size)
        table.frames[slot_of] += good.astype(np.uint64)
        table.garbage[slot_of[good > 0]] = 0
        result.frames = int(plain.sum())
        spent = table.spent[slot_of] + np.bincount(frames.segment, minlength=slot_of.size).astype(np.uint32)
        table.spent[slot_of] = spent
        over = spent >= self._limit
        if over.any():
            result.overspent = slot_of[over]

    def _plain(
        self,
        frames: Frames,
        slot_of: Index,
        owner: Index,
        plain: Mask,
        is_location: Mask,
        at_ms: int,
        result: Result,
    ) -> None:
        every = bool(is_location.all())
        rows = np.arange(len(frames)) if every else is_location.nonzero()[0]
        if rows.size:
            fresh = rows[~self._repeated(frames, owner, rows, at_ms)]
            if fresh.size:
                self._columns(frames, owner, fresh, at_ms, result)
                counts = np.bincount(frames.segment[fresh], minlength=slot_of.size)
                self._table.locations[slot_of] += counts.astype(np.uint64)
        if not every:
            self._watch.beats(frames, owner, (plain & ~is_location).nonzero()[0], at_ms)
        result.replies.append(
            self._replies(frames, owner, np.arange(len(frames)) if plain.all() else plain.nonzero()[0])
        )

    def _repeated(self, frames: Frames, owner: Index, rows: Index, at_ms: int) -> Mask:
        """Reports that repeat serial and body of the report before them: confirmed again, not stored again."""
        table = self._table
        slot, serial = owner[rows], frames.serial[rows].astype(np.int32) + 1
        digest = body_hash(frames.data, frames.body[rows], frames.body_length[rows])
        first = np.ones(rows.size, np.bool_)
        first[1:] = slot[1:] != slot[:-1]
        before_serial, before = np.roll(serial, 1), np.roll(digest, 1)
        before_serial[first], before[first] = table.last_serial[slot[first]], table.last_hash[slot[first]]
        last = np.roll(first, -1)
        table.last_serial[slot[last]], table.last_hash[slot[last]] = serial[last], digest[last]
        repeated: Mask = (serial == before_serial) & (digest == before)
        for row in repeated.nonzero()[0].tolist():
            candidate = int(rows[row])
            self._dialogue.note(table[int(slot[row])], NOTED, "repeated", _LOCATION, frames.wire(candidate), at_ms)
        return repeated

    def _columns(self, frames: Frames, owner: Index, rows: Index, at_ms: int, result: Result) -> None:
        table, slot = self._table, owner[rows]
        decoded = locations(frames.data, frames.body[rows], frames.body_length[rows])
        if table.special:
            decoded = self._watch.reread(decoded, slot)
        edition = np.where(frames.layout19[rows], EDITION_2019, np.minimum(table.edition[slot], EDITION_2013))
        source = Source(
            vehicle_id=table.vehicle_id[slot],
            terminal_id=table.terminal_id[slot],
            edition=edition.astype(np.uint16),
            serial=frames.serial[rows],
            origin=np.full(rows.size, facts.ORIGIN_REPORT, np.uint8),
        )
        result.columns.append(location_batch(decoded, source, at_ms, self._history_days))
        result.locations += rows.size
        if decoded.items.broken.any():
            self._watch.rows(frames, owner, rows[decoded.items.broken], "items_broken", at_ms)
        if decoded.items.odd.any():
            self._watch.items(frames, owner, rows[decoded.items.odd], at_ms)
        if (fast := decoded.speed_dkmh > SPEED_MAX_DKMH).any():
            self._watch.rows(frames, owner, rows[fast], "speed_impossible", at_ms)
        if self._clocks.due(at_ms):
            delay = np.where(decoded.readable, at_ms - decoded.device_ms, UNUSED)
            for off, reason in self._clocks.look(slot, delay, at_ms):
                at = int(rows[np.flatnonzero(slot == off)[-1]])
                self._dialogue.note(table[off], NOTED, reason, _LOCATION, frames.wire(at), at_ms)

    def _replies(self, frames: Frames, owner: Index, chosen: Index) -> Replies:
        """0x8001 result 0 for ``chosen``, which are in the order of their connections."""
        table, slot = self._table, owner[chosen]
        first = np.ones(chosen.size, np.bool_)
        first[1:] = slot[1:] != slot[:-1]
        begin = first.nonzero()[0]
        if begin.size == chosen.size:
            heads, serial = slot, table.serial[slot]
            table.serial[slot] += np.uint16(1)
        else:
            counts = np.diff(begin, append=chosen.size)
            heads = slot[begin]
            rank = np.arange(chosen.size) - np.repeat(begin, counts)
            serial = (np.repeat(table.serial[heads], counts) + rank).astype(np.uint16)
            table.serial[heads] += counts.astype(np.uint16)
        replies = general_replies(frames, chosen, serial)
        bounds = replies.offsets[np.append(begin, chosen.size)].tolist()
        return Replies(heads, table.generation[heads], replies.wire, bounds)

    def _mend(self, frames: Frames, slots: list[int], rare: Index) -> None:
        """A torn piece is completed by the very next candidate of its connection or never."""
        first_of = dict(zip(*map(np.ndarray.tolist, np.unique(frames.segment, return_index=True)), strict=True))
        bad = set(rare.tolist())
        for segment, candidate in first_of.items():
            if candidate not in bad:
                self._torn.pop(slots[segment], None)

    def _rare(
        self,
        frames: Frames,
        slots: list[int],
        owner: Index,
        rare: Index,
        at_ms: int,
        rests: dict[int, bytes],
        result: Result,
    ) -> None:
        table, outcome = self._table, result.outcome
        skipped, previous = -1, -2
        for candidate, segment in zip(rare.tolist(), frames.segment[rare].tolist(), strict=True):
            if segment == skipped:
                continue
            slot = slots[segment]
            connection = table.get(slot)
            if connection is None:
                continue
            if connection.waiting:
                skipped = segment
                chunk = frames.raw[int(frames.bounds[segment]) + 1 : int(frames.bounds[segment + 1])]
                self._hold(slot, chunk, rests, connection, at_ms)
                continue
            if candidate != previous + 1 and candidate and frames.segment[candidate - 1] == segment:
                self._torn.pop(slot, None)  # a good frame lies between
            previous = candidate
            if self.trace is not None and self.trace.armed:
                self.trace.rare(connection, frames.wire(candidate), at_ms)
            frame = self._frame(frames, candidate, connection, at_ms)
            if frame is None:
                if table.garbage[slot] > GARBAGE_MAX:
                    outcome.hang_up.append((connection, "garbage"))
                    skipped = segment
                continue
            table.garbage[slot] = 0
            table.frames[slot] += np.uint64(1)
            result.frames += 1
            # a mended or tolerated frame has no header in the arrays
            outcome.candidate = candidate if frames.good[candidate] and not frame.header.encrypt else -1
            self._dialogue.take(connection, frame, at_ms, outcome)
            if connection.waiting:
                skipped = segment
                following = frames.following(candidate)
                if following:
                    rests[slot] = following
                else:
                    rests.pop(slot, None)
        if outcome.confirmed:
            result.replies.append(self._replies(frames, owner, np.array(outcome.confirmed)))
        if outcome.points:
            self._points(outcome, at_ms, result)

    def _hold(self, slot: int, chunk: bytes, rests: dict[int, bytes], connection: Connection, at_ms: int) -> None:
        """Bytes that came while the registry is asked. TCP is not read meanwhile, datagrams cannot be stopped."""
        if slot < self._table.tcp_slots:
            rests[slot] = chunk
        elif len(held := rests.get(slot, b"")) + len(chunk) < HELD_MAX:
            rests[slot] = held + b"\x7e" + chunk
        else:
            self._dialogue.note(connection, REFUSED, "too_many_waiting", 0, chunk, at_ms)

    def _frame(self, frames: Frames, candidate: int, connection: Connection, at_ms: int) -> Frame | None:
        """The candidate as the declarative decoder sees it; None when it is refused (and counted)."""
        wire = frames.wire(candidate)
        torn = self._torn.pop(connection.slot, b"") if self._torn else b""
        if frames.good[candidate]:
            content = frames.content(candidate)
            decided = decide_edition(content)
            if decided is not None:
                length = int(frames.body_length[candidate])
                header = decode_header(content, decided[0], decided[1], length)
                quirks = (decided[1],) if decided[1] else ()
                return Frame(header, content[header.size : -1], wire, quirks)
        if torn and len(torn) + len(wire) < CONTENT_MAX:
            try:
                return decode_frame(b"\x7e" + torn + wire)
            except ProtocolError:
                pass
        try:
            if len(wire) - 2 >= CONTENT_MIN:
                return decode_frame(wire)
            reason, message_id = "noise", 0
        except ProtocolError as error:
            reason, message_id = error.code, int(frames.message_id[candidate])
        if len(wire) - 2 > CONTENT_MAX:
            reason = "too_long"
        elif len(wire) - 2 >= CONTENT_MIN:
            self._torn[connection.slot] = wire[1:-1]
        slot = connection.slot
        self._table.garbage[slot] += np.uint16(1)
        kind = NOTED if reason == "noise" else REFUSED
        self._dialogue.note(connection, kind, reason, message_id, wire, at_ms)
        return None

    def _points(self, outcome: Outcome, at_ms: int, result: Result) -> None:
        """Location bodies that came another way than as a plain 0x0200."""
        points = outcome.points
        data, offsets, lengths = join_bodies([p.body for p in points], [p.spans for p in points])
        if not offsets.size:
            return
        counts = [len(p.spans) for p in points]
        decoded = locations(data, offsets, lengths)
        if self._table.special:
            decoded = self._watch.reread(decoded, np.repeat(np.array([p.slot for p in points], np.intp), counts))

        def column(values: list[int], dtype: type[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
            return np.repeat(np.array(values, dtype), counts)

        source = Source(
            vehicle_id=column([p.vehicle_id for p in points], np.uint32),
            terminal_id=column([p.terminal_id for p in points], np.uint32),
            edition=column([p.edition for p in points], np.uint16),
            serial=column([p.serial for p in points], np.uint16),
            origin=column([p.origin for p in points], np.uint8),
        )
        result.columns.append(location_batch(decoded, source, at_ms, self._history_days))
        result.locations += offsets.size
        if decoded.items.odd.any():
            self._watch.points(points, data, offsets, lengths, decoded.items.odd, at_ms)
