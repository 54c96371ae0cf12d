"""Fragmentation 分包 both ways (2013 §7.12, 2019 §4.4.3): reassembly with re-requests, and splitting.

By the standard the serials of one message's fragments are consecutive, so (terminal, message id, total, first serial)
names the message. Terminals that send other messages in between leave holes in those serials, and some use one serial
for everything. A fragment therefore goes to the open message whose known serials it contradicts least: same order,
fewest holes. No fragment replaces a different one with the same number: that is another message.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from zlib import crc32

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, encode_frame
from luwei.protocol.jt808.header import BODY_MAX, Header

HOLES_MAX = 1024
"""Most serials that other messages may take between two fragments of one message."""

PART_COST = 96
"""Bytes that every fragment is counted for besides its body, so that empty ones are bounded too."""

_Key = tuple[bytes, int, int]


@dataclass(frozen=True, slots=True)
class Missing:
    """Fragments of one message that did not come: what 0x8003 asks for, or what was given up."""

    phone_raw: bytes
    edition: int
    message_id: int
    package_total: int
    first_serial: int
    """Serial of fragment 1, as received or counted back from the lowest fragment that came."""
    numbers: tuple[int, ...]
    """Missing fragment numbers, ascending, from 1."""
    received: int
    """Fragments that came."""
    round: int = 0
    """How often was asked for them, this time included."""
    head: bytes | None = None
    """Body of fragment 1, where it came."""


@dataclass(slots=True)
class _Open:
    """A message of which at least one fragment came."""

    header: Header
    started_at: float
    last_at: float
    rounds: int = 0
    size: int = 0
    highest: int = 0
    parts: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # number → (serial, body)
    quirks: set[str] = field(default_factory=set)

    def holes(self, number: int, serial: int) -> int | None:
        """Serials left out if this fragment belonged here; None when it cannot."""
        if number in self.parts:
            return None
        if all(serial == known for known, _ in self.parts.values()):
            return HOLES_MAX  # a device with a constant serial (§11.1, 7): the least likely reading
        lower, upper = self._neighbours(number)
        gap = 0
        if lower:
            gap = (serial - self.parts[lower][0] - (number - lower)) % 65536
        if upper:
            above = (self.parts[upper][0] - serial - (upper - number)) % 65536
            gap = max(gap, above)
        return gap if gap < HOLES_MAX else None

    def _neighbours(self, number: int) -> tuple[int, int]:
        """The nearest fragments that came, below and above; 0: none. In order of sending none is looked for."""
        if number > self.highest:
            return self.highest, 0
        if number - 1 in self.parts and number + 1 in self.parts:
            return number - 1, number + 1
        lower = max((n for n in self.parts if n < number), default=0)
        return lower, min((n for n in self.parts if n > number), default=0)

    def missing(self) -> Missing:
        total = self.header.package_total
        lowest = min(self.parts)
        return Missing(
            phone_raw=self.header.phone_raw,
            edition=self.header.edition,
            message_id=self.header.message_id,
            package_total=total,
            first_serial=(self.parts[lowest][0] - (lowest - 1)) % 65536,
            numbers=tuple(n for n in range(1, total + 1) if n not in self.parts),
            received=len(self.parts),
            round=self.rounds,
            head=self.parts[1][1] if 1 in self.parts else None,
        )


class Assembler:
    """Puts fragments of any number of terminals together.

    Times are seconds of any steady clock, passed in. After ``rerequest_s`` without a new fragment ``due`` names what to
    ask for again, at most ``rounds`` times; ``keep_s`` after its last fragment a message is given up.
    ``terminal_bytes`` and ``all_bytes`` bound what is held; the oldest message goes first. What was given up waits in
    ``abandoned``.
    """

    def __init__(
        self,
        *,
        rerequest_s: float = 8.0,
        rounds: int = 4,
        keep_s: float = 300.0,
        terminal_bytes: int = 8 << 20,
        all_bytes: int = 64 << 20,
    ) -> None:
        self._rerequest_s, self._rounds, self._keep_s = rerequest_s, rounds, keep_s
        self._terminal_bytes, self._all_bytes = terminal_bytes, all_bytes
        self._open: dict[_Key, list[_Open]] = {}
        self._done: OrderedDict[tuple[_Key, int, int, int], float] = OrderedDict()
        self._held: dict[bytes, int] = {}
        self._all_held = 0
        self._abandoned: list[Missing] = []

    @property
    def held_bytes(self) -> int:
        """Bytes kept for unfinished messages: bodies, and ``PART_COST`` a fragment."""
        return self._all_held

    def add(self, frame: Frame, now_s: float) -> Frame | None:
        """Take one fragment; returns the whole message when it was the last one missing.

        The message has the header of its first fragment, ``fragmented`` false, ``package_no`` 0 and the joined body. A
        frame that is no fragment is returned as it is. A repeated fragment is taken silently, also shortly after its
        message was completed. Raises ProtocolError ``fragment`` when its number is 0 or above the total.
        """
        header = frame.header
        if not header.fragmented:
            return frame
        if not 1 <= header.package_no <= header.package_total:
            raise ProtocolError("fragment", f"number {header.package_no} of {header.package_total}")
        key = (header.phone_raw, header.message_id, header.package_total)
        if (key, header.package_no, header.serial, crc32(frame.body)) in self._done:
            return None
        messages = self._open.setdefault(key, [])
        if any(m.parts.get(header.package_no) == (header.serial, frame.body) for m in messages):
            return None
        message = self._choose(messages, header, now_s)
        message.parts[header.package_no] = (header.serial, frame.body)
        message.highest = max(message.highest, header.package_no)
        message.last_at = now_s
        message.quirks.update(frame.quirks)
        self._account(message, PART_COST + len(frame.body))
        if len(message.parts) == header.package_total:
            self._forget(key, message)
            return self._finish(key, message, now_s)
        self._bound(key[0])
        return None

    def due(self, now_s: float) -> list[Missing]:
        """Messages to ask for again now (0x8003); each call counts as one round. Gives up what is too old."""
        asked: list[Missing] = []
        for key, messages in list(self._open.items()):
            for message in list(messages):
                quiet_s = now_s - message.last_at
                if quiet_s >= self._keep_s:
                    self._give_up(key, message)
                elif message.rounds < self._rounds and quiet_s >= self._rerequest_s * (message.rounds + 1):
                    message.rounds += 1
                    asked.append(message.missing())
        while self._done and next(iter(self._done.values())) < now_s - self._keep_s:
            self._done.popitem(last=False)
        return asked

    def missing(self) -> list[Missing]:
        """What every unfinished message still lacks."""
        return [message.missing() for messages in self._open.values() for message in messages]

    def abandoned(self) -> list[Missing]:
        """Messages given up since the last call: too old, or pushed out by the byte limits."""
        given_up, self._abandoned = self._abandoned, []
        return given_up

    def _choose(self, messages: list[_Open], header: Header, now_s: float) -> _Open:
        fitting = [
            (holes, -m.last_at, index)
            for index, m in enumerate(messages)
            if (holes := m.holes(header.package_no, header.serial)) is not None
        ]
        if fitting:
            return messages[min(fitting)[2]]
        message = _Open(header, now_s, now_s)
        messages.append(message)
        return message

    def _finish(self, key: _Key, message: _Open, now_s: float) -> Frame:
        for number, (serial, body) in message.parts.items():
            self._done[key, number, serial, crc32(body)] = now_s
        while len(self._done) > 65536:
            self._done.popitem(last=False)
        body = b"".join(message.parts[n][1] for n in range(1, message.header.package_total + 1))
        header = replace(
            message.header,
            serial=message.parts[1][0],
            body_length=len(body),
            fragmented=False,
            package_no=0,
        )
        return Frame(header, body, b"", tuple(sorted(message.quirks)))

    def _account(self, message: _Open, size: int) -> None:
        phone = message.header.phone_raw
        message.size += size
        self._all_held += size
        self._held[phone] = self._held.get(phone, 0) + size

    def _forget(self, key: _Key, message: _Open) -> None:
        messages = self._open[key]
        messages.remove(message)
        if not messages:
            del self._open[key]
        self._all_held -= message.size
        self._held[key[0]] -= message.size
        if not self._held[key[0]]:
            del self._held[key[0]]

    def _give_up(self, key: _Key, message: _Open) -> None:
        self._abandoned.append(message.missing())
        self._forget(key, message)

    def _bound(self, phone: bytes) -> None:
        while self._held.get(phone, 0) > self._terminal_bytes:
            self._drop_oldest(phone)
        while self._all_held > self._all_bytes:
            self._drop_oldest(None)

    def _drop_oldest(self, phone: bytes | None) -> None:
        keys = [k for k in self._open if phone is None or k[0] == phone]
        key = min(keys, key=lambda k: min(m.last_at for m in self._open[k]))
        self._give_up(key, min(self._open[key], key=lambda m: m.last_at))


def split(header: Header, body: bytes, limit: int = BODY_MAX) -> list[bytes]:
    """Frames that carry ``body``, ready to be sent: one, or fragments of at most ``limit`` body bytes.

    Their serials are consecutive from ``header.serial``. Raises ProtocolError ``value`` when ``limit`` is not 1-1023 or
    more than 65535 fragments would be needed.
    """
    if not 1 <= limit <= BODY_MAX:
        raise ProtocolError("value", f"fragment of {limit} bytes: must be from 1 to {BODY_MAX}")
    if len(body) <= limit:
        return [encode_frame(replace(header, fragmented=False), body)]
    cuts = [*range(0, len(body), limit), len(body)]
    total = len(cuts) - 1
    if total > 65535:
        raise ProtocolError("value", f"{total} fragments: at most 65535")
    return [
        encode_frame(
            replace(
                header,
                serial=(header.serial + index) % 65536,
                fragmented=True,
                package_total=total,
                package_no=index + 1,
            ),
            body[start:stop],
        )
        for index, (start, stop) in enumerate(pairwise(cuts))
    ]
