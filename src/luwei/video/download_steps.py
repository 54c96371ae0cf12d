"""What is to be done about a download, decided from what is known of it: no I/O, time comes in.

A terminal may queue an order for days, forget it with its power, break off in a tunnel, finish without a word, or say
that it finished when it did not (reference §6.7). So its word counts where it fits what arrived, and what did not
arrive is asked for again under the same account, where the terminal goes on behind what is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luwei.registry import command
from luwei.registry.download import ASKED, DONE, EXPIRED, FAILED, PAUSED, QUEUED, REFUSED, UPLOADING

STALL_MS = 120_000
"""Without a byte for so long: asked again (reference §6)."""
BACK_MS = 15_000
"""A terminal that signed in again has so long to go on by itself."""
NOTICE_MS = 60_000
"""All files are whole and nothing more comes: done, though no 0x1206 came."""
SETTLE_MS = 3_000
"""0x1206 may overtake what the FTP server has to write down."""
AGAIN_MS = (5_000, 15_000, 60_000, 300_000)
IDLE_MAX = 4
"""Orders in a row that brought nothing."""
ENOUGH = 0.9
"""Share of the announced bytes without which silence is no end."""
MOBILE = 1 << 2
SUCCESS = 0

FORBIDDEN = "forbidden"
"""Who ordered it may not have it any more."""
TURN, OFFLINE, NETWORK, AGAIN, BROKEN = "turn", "offline", "network", "again", "broken"
_REFUSALS = frozenset({"failure", "message_error", "unsupported", "edition", "slave_server", "charset"})

ASK, STOP, WITHDRAW = "ask", "stop", "withdraw"
"""Send 0x9206; send 0x9207 cancel; take a 0x9206 back that waits for its terminal."""


@dataclass(frozen=True, slots=True)
class Order:
    """A row of ``video_download`` as far as decisions need it."""

    id: int
    vehicle_id: int
    state: str
    reason: str
    networks: int
    batch_id: int | None
    serial: int | None
    tries: int
    idle_tries: int
    asked_at: int | None
    next_at: int | None
    told_at: int | None
    announced_bytes: int | None
    received_bytes: int
    sessions: int
    fault: str
    started_at: int | None
    last_byte_at: int | None
    expires_at: int

    def files_done(self, known: Known) -> bool:
        """Whether everything that is here is whole, and nearly as much as was announced."""
        enough = self.announced_bytes is None or self.received_bytes >= ENOUGH * self.announced_bytes
        return not self.sessions and 0 < known.files == known.whole and self.received_bytes > 0 and enough


@dataclass(frozen=True, slots=True)
class Sent:
    """The command of its last 0x9206."""

    state: str
    result: str
    serial: int | None
    sent_at: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the row. ``turn``: no other download of the truck goes on; ``back_at``: when the terminal
    signed in last, 0 unknown; ``told``: (received, result) of the newest 0x1206 of this order that was not acted on."""

    at: int
    online: bool
    turn: bool
    there: bool = True
    """The truck has the terminal still."""
    allowed: bool = True
    """Who ordered it may still see and act on video of the truck."""
    back_at: int = 0
    sent: Sent | None = None
    told: tuple[int, int] | None = None
    files: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Columns to be written, and acts in their order."""

    values: Mapping[str, Any]
    acts: tuple[str, ...] = ()


NOTHING = Step({})


def decide(order: Order, known: Known) -> Step:
    """The next step."""
    if known.at >= order.expires_at:
        return _end(order, EXPIRED)
    if order.fault:
        return _end(order, FAILED, order.fault)
    if not known.there:
        return _end(order, FAILED, "no_terminal")
    if not known.allowed:
        return _end(order, FAILED, FORBIDDEN)
    if order.state == PAUSED:
        return NOTHING
    refused = _answer(order, known)
    if refused is not None:
        return refused
    return _queued(order, known) if order.state == QUEUED else _running(order, known)


def active(order: Order) -> bool:
    """Whether it takes the truck's turn."""
    return order.state in (ASKED, UPLOADING) or (order.state == QUEUED and order.batch_id is not None)


def _answer(order: Order, known: Known) -> Step | None:
    """What the 0x9206 came to, where it came to nothing."""
    sent = known.sent
    if order.batch_id is None or sent is None or sent.state in (command.QUEUED, command.SENT, command.ANSWERED):
        return None
    if sent.result in _REFUSALS:
        values = {"ending": REFUSED, "reason": "", "answer": sent.result}
        return Step(values)
    if sent.state == command.EXPIRED:
        return _end(order, EXPIRED)
    if order.state != QUEUED and (order.last_byte_at or 0) >= (order.asked_at or 0):
        return None  # it sends, whatever became of its answer
    return _again(order, known, "not_confirmed", answer=sent.result)


def _queued(order: Order, known: Known) -> Step:
    sent = known.sent
    if order.batch_id is None or sent is None:
        if not known.turn:
            return _say(order, TURN)
        if known.at < (order.next_at or 0):
            return _say(order, AGAIN)
        return Step({}, (ASK,))
    if sent.state == command.QUEUED:
        return _say(order, OFFLINE if sent.result == OFFLINE or not known.online else "")
    values = {"state": ASKED, "reason": "", "asked_at": sent.sent_at or known.at, "serial": sent.serial}
    return Step(values | ({"answer": "success"} if sent.state == command.ANSWERED else {}))


def _running(order: Order, known: Known) -> Step:
    sent, asked_at = known.sent, order.asked_at or 0
    values: dict[str, Any] = {}
    if sent is not None and sent.state == command.ANSWERED and order.serial is None and sent.serial is not None:
        values = {"serial": sent.serial, "answer": "success"}
    if known.told is not None:
        step = _told(order, known, *known.told)
        if step is not None:
            return step
    came = max(order.last_byte_at or 0, asked_at)
    if order.files_done(known) and known.at - came >= NOTICE_MS:
        return _end(order, DONE, "no_notice")
    if (known.online or _returned(order, known)) and known.at - came >= _patience(order, known):
        return _again(order, known, "stalled" if order.started_at else "no_connection")
    state = UPLOADING if order.sessions or (order.last_byte_at or 0) >= asked_at else order.state
    reason = _reason(order, known, state)
    if (state, reason) != (order.state, order.reason):
        values |= {"state": state, "reason": reason}
    return Step(values) if values else NOTHING


def _reason(order: Order, known: Known, state: str) -> str:
    if order.sessions:
        return ""
    if not known.online and not _returned(order, known):
        return OFFLINE
    if state == UPLOADING:
        return "" if 0 < known.files == known.whole else BROKEN
    return "" if order.networks & MOBILE else NETWORK


def _returned(order: Order, known: Known) -> bool:
    """Whether the terminal signed in again since it last did something about the order."""
    return not order.sessions and known.back_at > max(order.last_byte_at or 0, order.asked_at or 0)


def _patience(order: Order, known: Known) -> int:
    """From the last sign of life to the next order."""
    came = max(order.last_byte_at or 0, order.asked_at or 0)
    if _returned(order, known):
        return known.back_at - came + BACK_MS
    waits = not order.networks & MOBILE and (order.last_byte_at or 0) < (order.asked_at or 0)
    # without leave for the mobile network a terminal may wait for days, and nothing is wrong
    return order.expires_at if waits else STALL_MS


def _told(order: Order, known: Known, at: int, result: int) -> Step | None:
    """The terminal says that it is over; None: not to be judged yet."""
    if known.at - at < SETTLE_MS and not (result == SUCCESS and order.files_done(known)):
        return None
    if result != SUCCESS:
        return _again(order, known, "terminal", told_at=at)
    if not known.files or not order.received_bytes:
        return _end(order, FAILED, "empty")
    if known.whole < known.files:
        return _again(order, known, "stalled", told_at=at)
    return _end(order, DONE)


def _again(order: Order, known: Known, failure: str, **values: Any) -> Step:
    """Ask once more, or give up when nothing comes of it."""
    came = (order.last_byte_at or 0) >= (order.asked_at or 0) and bool(order.last_byte_at)
    idle = 0 if came else order.idle_tries + 1
    if idle >= IDLE_MAX:
        return _end(order, FAILED, failure, **values)
    next_at = known.at + AGAIN_MS[min(idle, len(AGAIN_MS) - 1)]
    changed = {"state": QUEUED, "reason": AGAIN, "batch_id": None, "idle_tries": idle, "next_at": next_at}
    return Step(changed | values)


def _say(order: Order, reason: str) -> Step:
    return NOTHING if order.reason == reason else Step({"reason": reason})


def _end(order: Order, ending: str, reason: str = "", **values: Any) -> Step:
    acts: tuple[str, ...] = ()
    if ending != DONE and order.state == QUEUED and order.batch_id is not None:
        acts += (WITHDRAW,)
    if ending != DONE and order.serial is not None:
        acts += (STOP,)
    return Step({"ending": ending, "reason": reason, **values}, acts)
