"""Trace 跟踪: the frames of chosen terminals in both directions, as they are, for a person who looks for a fault.

Off by default. While nobody traces, ``armed`` is False and that look-up is all it costs. While somebody does, the
frames of those phones are copied with what became of them and go out on ``trace.<phone>`` as plain messages: they are
no facts, nothing waits for them, and a lost one is only a line missing from a screen. The core asks again every few
seconds, so a gateway that was restarted, or to which the terminal has moved, joins in; every watch ends by itself.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from luwei.gateway.connections import Connection, Table, now_ms
from luwei.gateway.datagrams import phone_of
from luwei.gateway.ledger import REFUSED
from luwei.protocol.jt808.batch.cut import Frames, Index

log = structlog.get_logger()

SUBJECT = "gateway.trace"
"""Requests of the core, to all gateways: JSON {"watch": [{"phone", "until", "frames", "bytes"}]}, the whole list."""
WATCHES_MAX = 20
SECONDS_MAX = 1800
RAW_MAX = 4096
"""Bytes kept of one frame; a longer one is no frame of JT/T 808."""
PENDING_MAX = 2000
"""Frames that wait for the next message; what comes beyond is counted as lost."""
LATER_MAX = 64
"""Published frames whose fate may still change: the registry answers after the tick."""
CHUNK = 100

UP, DOWN = "up", "down"
TAKEN, NOTED, SENT = "taken", "noted", "sent"
"""What became of a frame, besides ``refused``: taken; taken though odd; given to the line."""

_PHONE = re.compile(r"[0-9a-f]{1,20}")


@dataclass(slots=True)
class Watch:
    """One traced phone and what is left of its bounds."""

    phone: str
    until_ms: int
    frames: int
    bytes: int
    lost: int = 0


@dataclass(slots=True, eq=False)
class Copied:
    """One frame of a traced phone. ``n`` counts up in this process."""

    n: int
    at_ms: int
    way: str
    phone: str
    raw: bytes
    outcome: str
    reasons: list[str]
    peer: str = ""

    def to_json(self) -> dict[str, Any]:
        """As published."""
        return {
            "n": self.n,
            "at": self.at_ms,
            "way": self.way,
            "hex": self.raw.hex(),
            "outcome": self.outcome,
            "reasons": self.reasons,
            "peer": self.peer,
        }


class Trace:
    """What a gateway copies, and for whom. All calls come from the gateway's event loop."""

    def __init__(self, table: Table, gateway: str, boot: int) -> None:
        self.armed = False
        """Whether any phone is traced: look here before calling anything else."""
        self._table = table
        self._gateway = gateway
        self._boot = boot
        self._watches: dict[str, Watch] = {}
        self._greeting: dict[tuple[int, int], str] = {}
        self._pending: list[Copied] = []
        self._later: deque[Copied] = deque(maxlen=LATER_MAX)
        self._changed: dict[int, Copied] = {}
        self._hello: set[str] = set()
        self._n = 0

    async def request(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        """Take the core's list of watches; what cannot be read is left out."""
        try:
            wanted = json.loads(payload)["watch"][:WATCHES_MAX]
            watches = [self._watch(each) for each in wanted]
        except (ValueError, KeyError, TypeError) as error:
            log.warning("trace request unreadable", error=str(error))
            return
        self._watches = {watch.phone: watch for watch in watches if watch.until_ms > now_ms()}
        self._hello = set(self._watches)
        self._arm()

    def _watch(self, given: dict[str, Any]) -> Watch:
        phone = str(given["phone"])
        if not _PHONE.fullmatch(phone):
            raise ValueError(f"phone {phone[:40]!r}: must be up to 20 lower-case hexadecimal digits")
        until = min(int(given["until"]), now_ms() + SECONDS_MAX * 1000)
        watch = Watch(phone, until, int(given["frames"]), int(given["bytes"]))
        known = self._watches.get(phone)
        if known is not None:
            watch.lost = known.lost
        return watch

    def _arm(self) -> None:
        self.armed = bool(self._watches)
        if not self.armed:
            self._greeting.clear()
            self._pending.clear()
            self._later.clear()
            self._changed.clear()

    def tick(self, at_ms: int) -> None:
        """End what is over; called each second."""
        if self.armed:
            self._watches = {phone: watch for phone, watch in self._watches.items() if watch.until_ms > at_ms}
            self._greeting = {
                key: phone for key, phone in self._greeting.items() if int(self._table.generation[key[0]]) == key[1]
            }
            self._arm()

    # Frames from the terminal.

    def plain(self, frames: Frames, owner: Index, chosen: Index, at_ms: int) -> None:
        """Frames of authenticated terminals that the columns take; ``chosen`` are candidates."""
        slots = [each.slot for each in map(self._table.by_phone.get, self._watches) if each is not None]
        for candidate in chosen[np.isin(owner[chosen], slots)].tolist():
            connection = self._table[int(owner[candidate])]
            self._copy(connection, UP, connection.phone, frames.wire(candidate), TAKEN, at_ms)

    def rare(self, connection: Connection, raw: bytes, at_ms: int) -> None:
        """A frame that takes the slow way, before it is read. One of a handshake is known by its own header."""
        phone = connection.phone
        if phone not in self._watches:
            slot = connection.slot
            key = slot, int(self._table.generation[slot])
            phone = phone_of(raw) or self._greeting.get(key, "")
            if phone not in self._watches:
                return
            if not connection.phone:
                self._greeting[key] = phone
        self._copy(connection, UP, phone, raw, TAKEN, at_ms)

    def ledger(self, kind: str, reason: str, example: bytes) -> None:
        """An entry of the ledger: the frame it speaks of was not simply taken."""
        for copied in (*reversed(self._pending), *reversed(self._later)):
            # A torn frame that was mended is in the ledger as a whole and here as its last piece.
            if copied.way == UP and (copied.raw == example or (len(copied.raw) > 8 and example.endswith(copied.raw))):
                copied.outcome = REFUSED if REFUSED in (kind, copied.outcome) else kind
                if reason not in copied.reasons:
                    copied.reasons.append(reason)
                if copied in self._later:
                    self._changed[copied.n] = copied
                return

    # Frames to the terminal.

    def sent(self, slot: int, raw: bytes) -> None:
        """A frame that was given to a connection."""
        connection = self._table.get(slot)
        if connection is None:
            return
        phone = connection.phone
        if phone not in self._watches:
            phone = self._greeting.get((slot, int(self._table.generation[slot])), "")
        if phone in self._watches:
            self._copy(connection, DOWN, phone, raw, SENT, now_ms())

    def replied(self, slots: list[int], wire: bytes, bounds: list[int]) -> None:
        """General replies: ``wire[bounds[i] : bounds[i + 1]]`` went to ``slots[i]``, several frames together."""
        traced = {each.slot for each in map(self._table.by_phone.get, self._watches) if each is not None}
        traced.update(slot for slot, _ in self._greeting)
        for number, slot in enumerate(slots):
            if slot in traced:
                piece = wire[bounds[number] : bounds[number + 1]]
                # Each frame begins and ends with its own flag, which stands nowhere else in what this gateway writes.
                for content in piece.split(b"\x7e"):
                    if content:
                        self.sent(slot, b"\x7e" + content + b"\x7e")

    def _copy(self, connection: Connection, way: str, phone: str, raw: bytes, outcome: str, at_ms: int) -> None:
        watch = self._watches[phone]
        if watch.frames <= 0 or watch.bytes <= 0 or len(self._pending) >= PENDING_MAX:
            watch.lost += 1
            return
        watch.frames -= 1
        watch.bytes -= len(raw)
        self._n += 1
        self._pending.append(Copied(self._n, at_ms, way, phone, raw[:RAW_MAX], outcome, [], connection.peer))

    # To the bus.

    @property
    def waiting(self) -> bool:
        """Whether there is something to publish."""
        return bool(self._pending or self._changed or self._hello)

    def publish(self, send: Callable[[str, bytes], None]) -> None:
        """Give what was copied to ``send(subject, payload)``, by phone."""
        pending, self._pending = self._pending, []
        changed, self._changed = self._changed, {}
        hello, self._hello = self._hello, set()
        phones = {copied.phone for copied in pending} | {copied.phone for copied in changed.values()}
        for phone in sorted(phones | {phone for phone in hello if phone in self._table.by_phone}):
            connection = self._table.by_phone.get(phone)
            watch = self._watches.get(phone)
            own = [copied.to_json() for copied in pending if copied.phone == phone]
            later = [
                {"n": copied.n, "outcome": copied.outcome, "reasons": copied.reasons}
                for copied in changed.values()
                if copied.phone == phone
            ]
            for at in range(0, max(len(own), 1), CHUNK):
                message = {
                    "gateway": self._gateway,
                    "boot": self._boot,
                    "online": connection is not None,
                    "peer": connection.peer if connection is not None else "",
                    "lost": watch.lost if watch is not None else 0,
                    "frames": own[at : at + CHUNK],
                    "changed": later if at == 0 else [],
                }
                send(f"trace.{phone}", json.dumps(message).encode())
        self._later.extend(copied for copied in pending if copied.way == UP)
