"""Commands to terminals on one gateway: sent, repeated, matched with their answers, given up (reference §6).

No I/O of its own: frames leave by ``send``, time comes in. A command is on the wire at most once per serial; what is
repeated is the same bytes. Commands whose answer bears no serial wait for one another.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from luwei.gateway.connections import ONLINE, Connection, Table
from luwei.gateway.dialects import Dialects
from luwei.gateway.orders import (
    ACKNOWLEDGED,
    ANSWERED,
    BUSY,
    CHARSET,
    EDITION,
    LINK_LOST,
    NO_ANSWER,
    SLAVE_SERVER,
    Dispatch,
    Letter,
    Order,
    Outcome,
    Receipt,
    Taken,
)
from luwei.gateway.posting import post
from luwei.profiles import Profile
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.header import EDITION_2011
from luwei.protocol.jt808.messages.location import LocationReply

GENERAL_REPLY, FRAGMENT_REQUEST, PASS_THROUGH = 0x0001, 0x0005, 0x0900

WITH_SERIAL = frozenset({0x0104, 0x0201, 0x0302, 0x0500, 0x0700, 0x0802, 0x0805, 0x1205})
"""Answers that begin with the serial of what they answer (0x0201 of 2011 does not)."""
WITHOUT_SERIAL = frozenset({0x0107, 0x0608, 0x0702, 0x0900, 0x0A00, 0x1003})
"""Answers that only their id tells."""
REPLIES = WITH_SERIAL | WITHOUT_SERIAL | {GENERAL_REPLY, FRAGMENT_REQUEST}

OPEN_MAX = 8
"""Commands under way to one terminal at once."""
HELD_MAX = 64
DONE_MAX = 100_000
PAST_MAX = 16
FRESH_MS = 3_000
SILENT_AFTER = 3
"""Commands in a row without any answer, after which a terminal that goes on reporting counts as silent."""
STALL_MS = 2_000
"""A longer pause between two turns was ours (the bus was away): it is not held against the terminals."""


def waits_ms(timeout_s: float, retries: int) -> list[int]:
    """Wait after the first sending and after each repetition: T(N+1) = T(N) × (N+1) (2019 §6)."""
    waits = [round(timeout_s * 1000)]
    for number in range(1, retries + 1):
        waits.append(waits[-1] * (number + 1))
    return waits


@dataclass(slots=True, eq=False)
class Waiting:
    """A command on the wire."""

    command: int
    slot: int
    edition: int
    letter: Letter
    body: bytes
    frames: list[bytes]
    first: int
    """Serial of the first frame; those of the others follow it."""
    end_ms: int
    due_ms: int = 0
    attempts: int = 0
    """0: held back, nothing was sent yet."""
    acknowledged: bool = False
    open: bool = True

    def covers(self, serial: int) -> bool:
        """Whether ``serial`` is one of its frames': devices answer with the first or the last (reference §3, 7)."""
        return (serial - self.first) & 0xFFFF < len(self.frames)


@dataclass(slots=True)
class Line:
    """What one terminal has to answer."""

    waiting: list[Waiting] = field(default_factory=list)
    held: deque[Waiting] = field(default_factory=deque)
    past: deque[Waiting] = field(default_factory=lambda: deque(maxlen=PAST_MAX))
    answered: bool = False
    """Something was answered in this session."""
    unanswered: int = 0
    """Commands given up in a row."""

    def blocked(self, letter: Letter) -> bool:
        if len(self.waiting) >= OPEN_MAX:
            return True
        return letter.answer in WITHOUT_SERIAL and any(w.letter.answer == letter.answer for w in self.waiting)


class Commands:
    """All commands of a gateway. ``news`` is called when ``outcomes`` got its first entry."""

    def __init__(
        self,
        table: Table,
        gateway: str,
        boot: int,
        timeout_s: float,
        retries: int,
        send: Callable[[int, bytes], None],
    ) -> None:
        self._table = table
        self._gateway = gateway
        self._boot = boot
        self._waits = waits_ms(timeout_s, retries)
        self._send = send
        self._lines: dict[int, Line] = {}
        self._known: dict[int, Waiting] = {}
        self._done: OrderedDict[int, int] = OrderedDict()
        self._heap: list[tuple[int, int, Waiting]] = []
        self._count = 0
        self._turned_ms = 0
        self._sent_ms = 0
        self.outcomes: list[Outcome] = []
        self.rows: list[dict[str, Any]] = []
        """Rows of ``facts.MESSAGE_FRAME``: what was sent since they were last taken."""
        self.unmatched = 0
        """Replies that answer nothing that waits, repeated answers apart."""
        self.news: Callable[[], None] = lambda: None
        self.dialects: Dialects | None = None
        """The profiles, where commands depend on them."""
        self.silent: Callable[[int, bool], None] = lambda *_: None
        """Told (slot, True) of a terminal that leaves commands unanswered, (slot, False) of one that answers."""

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return bool(self._known)

    def fresh(self, at_ms: int) -> bool:
        """Whether an answer may come any moment: a terminal that stays silent for longer is worth no hurry."""
        return bool(self._known) and at_ms - self._sent_ms < FRESH_MS

    def take(self, dispatch: Dispatch, at_ms: int) -> Receipt:
        """Send what is for terminals of this gateway. A command it already has is confirmed and not sent again."""
        receipt = Receipt(self._gateway, self._boot, [], [])
        for notice in dispatch.notices:
            self._tell(notice, dispatch.letters[notice.letter], at_ms)
        for order in dispatch.orders:
            known = self._known.get(order.command)
            if known is not None:
                receipt.taken.append(Taken(order.command, known.end_ms, known.edition))
            elif order.command in self._done:
                receipt.taken.append(Taken(order.command, at_ms + self._waits[0], self._done[order.command]))
            else:
                connection = self._table.by_phone.get(order.phone)
                if connection is not None and self._table.state[connection.slot] == ONLINE:
                    self._begin(connection, order, dispatch.letters[order.letter], at_ms, receipt)
        return receipt

    def answered(self, connection: Connection, frame: Frame, at_ms: int) -> None:
        """A whole message whose id is one of ``REPLIES`` came from ``connection``."""
        message_id, body = frame.header.message_id, frame.body
        if message_id == FRAGMENT_REQUEST:
            self._resend(connection.slot, body)
            return
        line = self._lines.get(connection.slot)
        if line is None:
            return
        if message_id == GENERAL_REPLY:
            if len(body) >= 5:
                self._general(line, int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big"), body[4], at_ms)
            return
        serial = self._serial(frame, int(self._table.edition[connection.slot]))
        found = self._specific(message_id, serial, line.waiting)
        # much passes through unasked; an answer is of the type that was asked for (0xF7, 0xF8)
        if message_id == PASS_THROUGH and (found is None or found.letter.bodies[found.edition][:1] != body[:1]):
            return
        if found is not None:
            self._end(found, ANSWERED, at_ms, message_id=message_id, body=body)
        elif self._specific(message_id, serial, line.past) is None:
            self.unmatched += 1

    def closed(self, connection: Connection, at_ms: int) -> None:
        """The connection ends: what it has not answered stays unknown."""
        line = self._lines.pop(connection.slot, None)
        if line is None:
            return
        for waiting in [*line.waiting, *line.held]:
            self._finish(waiting, LINK_LOST, at_ms)

    def turn(self, at_ms: int) -> None:
        """Repeat or give up what is due."""
        gap = at_ms - (self._turned_ms or at_ms)
        self._turned_ms = at_ms
        if not self._known:
            self._heap.clear()
            return
        if gap > STALL_MS:
            self._postpone(gap)
        while self._heap and self._heap[0][0] <= at_ms:
            due_ms, _, waiting = heapq.heappop(self._heap)
            if waiting.open and waiting.due_ms == due_ms:
                self._overdue(waiting, at_ms)

    def _begin(self, connection: Connection, order: Order, letter: Letter, at_ms: int, receipt: Receipt) -> None:
        slot = connection.slot
        edition = int(self._table.edition[slot])
        profile, line = self._profile(slot), self._lines.setdefault(slot, Line())
        wants = (False, "gbk") if profile is None else (profile.control_binary, profile.text_charset)
        body = letter.body(edition, *wants) if edition in letter.bodies else None
        refusals = (
            (edition not in letter.bodies, EDITION),
            (profile is not None and profile.slave_server, SLAVE_SERVER),
            (body is None, CHARSET),
            (len(line.held) >= HELD_MAX, BUSY),
        )
        refusal = next((why for holds, why in refusals if holds), "")
        if refusal or body is None:
            receipt.refused.append((order.command, refusal))
            return
        span = sum(self._waits) + (letter.patience_s + letter.transfer_s * len(self._waits)) * 1000
        ahead = len(line.held) + (len(line.waiting) if line.blocked(letter) else 0)
        waiting = Waiting(order.command, slot, edition, letter, body, [], 0, at_ms + span * (1 + ahead))
        self._known[order.command] = waiting
        receipt.taken.append(Taken(order.command, waiting.end_ms, edition))
        if line.held or line.blocked(letter):
            line.held.append(waiting)
        else:
            self._put_on_wire(connection, line, waiting, at_ms)

    def _put_on_wire(self, connection: Connection, line: Line, waiting: Waiting, at_ms: int) -> None:
        letter = waiting.letter
        kept = letter.kept.get(waiting.edition)
        posted = post(self._table, connection, letter.message_id, waiting.body, at_ms, kept)
        waiting.first, waiting.frames = posted.first, posted.frames
        line.waiting.append(waiting)
        waiting.attempts = 1
        self._sent_ms = at_ms
        self.rows.append(posted.row)
        self._plan(waiting, at_ms + self._waits[0] + letter.transfer_s * 1000)
        for frame in waiting.frames:
            self._send(waiting.slot, frame)

    def _tell(self, order: Order, letter: Letter, at_ms: int) -> None:
        """A message that wants no answer: sent once to a terminal that is here, and forgotten."""
        connection = self._table.by_phone.get(order.phone)
        if connection is None or self._table.state[connection.slot] != ONLINE:
            return
        slot = connection.slot
        body, profile = letter.bodies.get(int(self._table.edition[slot])), self._profile(slot)
        if body is None or (profile is not None and profile.slave_server):
            return
        posted = post(self._table, connection, letter.message_id, body, at_ms)
        self.rows.append(posted.row)
        for frame in posted.frames:
            self._send(slot, frame)

    def _profile(self, slot: int) -> Profile | None:
        return self.dialects.profile(int(self._table.profile[slot])) if self.dialects is not None else None

    def _plan(self, waiting: Waiting, due_ms: int) -> None:
        waiting.due_ms = due_ms
        self._count += 1
        heapq.heappush(self._heap, (due_ms, self._count, waiting))

    def _overdue(self, waiting: Waiting, at_ms: int) -> None:
        if waiting.acknowledged:
            self._end(waiting, ACKNOWLEDGED, at_ms, result=0)
        elif waiting.attempts >= len(self._waits):
            self._end(waiting, NO_ANSWER, at_ms)
        else:
            self._plan(waiting, at_ms + self._waits[waiting.attempts] + waiting.letter.transfer_s * 1000)
            waiting.attempts += 1
            for frame in waiting.frames:
                self._send(waiting.slot, frame)

    def _postpone(self, gap_ms: int) -> None:
        moved = [(due + gap_ms, count, waiting) for due, count, waiting in self._heap if waiting.due_ms == due]
        for due, _, waiting in moved:
            waiting.due_ms = due
        heapq.heapify(moved)
        self._heap = moved

    def _general(self, line: Line, serial: int, reply_id: int, result: int, at_ms: int) -> None:
        def fits(waiting: Waiting) -> bool:
            return waiting.letter.message_id == reply_id and waiting.covers(serial)

        found = next(filter(fits, line.waiting), None)
        if found is None:
            if not any(map(fits, line.past)):
                self.unmatched += 1
            return
        letter = found.letter
        if result == 0 and letter.answer and not letter.general_ends:
            if not found.acknowledged:
                found.acknowledged = True
                rest = max(sum(self._waits[found.attempts - 1 :]), letter.patience_s * 1000)
                self._plan(found, at_ms + rest)
            return
        self._end(found, ANSWERED, at_ms, result=result, message_id=GENERAL_REPLY)

    @staticmethod
    def _specific(message_id: int, serial: int | None, among: Iterable[Waiting]) -> Waiting | None:
        """The command that this answers. A serial of 0 (some devices' 0x1205) or none: the oldest that expects it."""
        expecting = [waiting for waiting in among if waiting.letter.answer == message_id]
        for waiting in expecting:
            if serial is not None and waiting.covers(serial):
                return waiting
        anyone = serial is None or (serial == 0 and message_id == 0x1205)
        return expecting[0] if expecting and anyone else None

    @staticmethod
    def _serial(frame: Frame, edition: int) -> int | None:
        message_id, body = frame.header.message_id, frame.body
        if message_id == 0x0700 and edition == EDITION_2011:
            return None  # 2011 begins with the command word (reference §8.18)
        if message_id not in WITH_SERIAL or len(body) < 2:
            return None
        if message_id == 0x0201:
            try:
                return LocationReply.decode(body, frame.header.edition).reply_serial
            except ProtocolError:
                return None
        return int.from_bytes(body[:2], "big")

    def _resend(self, slot: int, body: bytes) -> None:
        """0x0005: the fragments that the terminal misses, byte for byte (2019 §8.7)."""
        line = self._lines.get(slot)
        if line is None or len(body) < 4:
            return
        first = int.from_bytes(body[:2], "big")
        wanted = [int.from_bytes(body[at : at + 2], "big") for at in range(4, len(body) - 1, 2)]
        # some devices confirm a message at its first fragment and ask for lost ones afterwards
        for waiting in [*line.waiting, *line.past]:
            if waiting.first == first:
                for number in wanted[: len(waiting.frames)]:
                    if 1 <= number <= len(waiting.frames):
                        self._send(slot, waiting.frames[number - 1])

    def _end(
        self, waiting: Waiting, how: str, at_ms: int, result: int = -1, message_id: int = 0, body: bytes = b""
    ) -> None:
        line = self._lines[waiting.slot]
        line.waiting.remove(waiting)
        line.past.append(waiting)
        self._heard(line, waiting.slot, how)
        self._finish(waiting, how, at_ms, result, message_id, body)
        while line.held and not line.blocked(line.held[0].letter):
            connection = self._table.get(waiting.slot)
            if connection is None:
                break
            self._put_on_wire(connection, line, line.held.popleft(), at_ms)

    def _heard(self, line: Line, slot: int, how: str) -> None:
        """A terminal that reports but answers nothing may have this platform as its slave server (reference §5.3)."""
        if how == NO_ANSWER:
            line.unanswered += 1
            if line.unanswered == SILENT_AFTER:
                self.silent(slot, True)
            return
        if not line.answered or line.unanswered >= SILENT_AFTER:
            self.silent(slot, False)
        line.answered, line.unanswered = True, 0

    def _finish(
        self, waiting: Waiting, how: str, at_ms: int, result: int = -1, message_id: int = 0, body: bytes = b""
    ) -> None:
        waiting.open = False
        self._known.pop(waiting.command, None)
        self._done[waiting.command] = waiting.edition
        if len(self._done) > DONE_MAX:
            self._done.popitem(last=False)
        profile = self._profile(waiting.slot)
        charset = "gbk" if profile is None else profile.reading.charset
        serial = waiting.first if waiting.attempts else -1
        ended = (waiting.command, how, at_ms, waiting.attempts, waiting.edition, result, message_id, body, charset)
        self.outcomes.append(Outcome(*ended, serial))
        self.news()
