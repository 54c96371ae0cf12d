"""Rehearsal 演练: one frame through the gateway's own code, with a session that is not there and nothing that is kept.

So that an explanation of a frame says what this gateway does with it, and not what a second description of the gateway
believes. The session is that of an authenticated terminal with the frame's phone; the registry is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from luwei.gateway.connections import ONLINE, Table, now_ms
from luwei.gateway.datagrams import phone_of
from luwei.gateway.dialects import Dialects
from luwei.gateway.dialogue import Dialogue
from luwei.gateway.handshake import Handshake
from luwei.gateway.ledger import Ledger
from luwei.gateway.session_profiles import SessionProfiles
from luwei.gateway.tick import Result, Tick
from luwei.profiles import Catalogue, Profile, catalogue_of
from luwei.protocol.jt808.batch.cut import phone_key
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.header import EDITION_2013, Header
from luwei.registry.admission import Admission, RegistrationRequest

log = structlog.get_logger()

_SLOT = 0
_FLAG = b"\x7e"
_UNLIMITED = 1 << 30


_DIALECTS: dict[int, Dialects] = {}


def dialects_of(catalogue: Catalogue) -> Dialects:
    """The arrays of a catalogue, made once."""
    return _DIALECTS.setdefault(id(catalogue), Dialects(catalogue))


def shipped() -> Dialects:
    """The profiles of the package."""
    return dialects_of(catalogue_of(None))


@dataclass(slots=True)
class Rehearsal:
    """What the gateway would do. Reasons are those of the ledger, in order of appearance."""

    refused: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    locations: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ``facts.LOCATION``; vehicle and terminal are 0."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ``facts.MESSAGE_FRAME``."""
    asked: int = 0
    """0x0100 or 0x0102 where the registry would be asked."""
    answers: list[bytes] = field(default_factory=list)
    """Frames to the terminal, with platform serials from 0."""
    expected: frozenset[str] = frozenset()
    """Reasons that the profile expects."""
    waits: bool = False
    """A fragment: the message is taken when the others have come."""


class _Desk(Handshake):
    """Takes requests and asks nobody."""

    asked = 0

    def _enqueue(
        self,
        connection: Any,
        frame: Frame,
        at_ms: int,
        request: RegistrationRequest | None,
        code: str,
        firmware: str = "",
        problems: tuple[str, ...] = (),
    ) -> None:
        self.profiles.note(connection, frame, problems, at_ms)
        self.asked = frame.header.message_id

    def leave(self, connection: Any, reason: str, at_ms: int) -> None:
        """Nothing is written about a session that is not there."""


def rehearse(
    raw: bytes,
    header: Header | None,
    edition: int = 0,
    history_days: int = 730,
    catalogue: Catalogue | None = None,
    profile: Profile | None = None,
) -> Rehearsal:
    """What would become of ``raw``, received now. ``header``: its header where it can be read.

    ``edition`` 2011 says that the terminal registered with that edition; ``profile``, one of those of ``catalogue``,
    that the session is read by it. Never raises.
    """
    dialects = dialects_of(catalogue) if catalogue is not None else shipped()
    table, ledger = Table(1), Ledger("rehearsal")
    wire = (b"" if raw.startswith(_FLAG) else _FLAG) + raw + (b"" if raw.endswith(_FLAG) and len(raw) > 1 else _FLAG)
    phone = header.phone if header is not None else phone_of(wire) or "0"
    connection = table.open(_SLOT, "tcp", "rehearsal", 0)
    connection.phone = phone
    table.by_phone[phone] = connection
    table.state[_SLOT] = ONLINE
    table.phone_high[_SLOT], table.phone_low[_SLOT] = phone_key(phone)
    table.edition[_SLOT] = edition or (header.edition if header is not None else EDITION_2013)
    done = Rehearsal(expected=profile.expected if profile is not None else frozenset())
    if profile is not None:
        table.profile[_SLOT] = number = dialects.number(profile.name, profile.version)
        if dialects.special[number]:
            table.special.add(_SLOT)
    desk = _Desk(table, ledger, cast(Admission, None), SessionProfiles(table, ledger, dialects), "rehearsal", 0, 0)
    dialogue = Dialogue(table, ledger, desk, Assembler())
    tick = Tick(table, dialogue, dialects, history_days, _UNLIMITED)
    try:
        result = tick.run([_SLOT], [wire], now_ms(), {})
    except Exception:
        # As ``Gateway._decode``: the frame is counted and the connection closed.
        log.exception("a rehearsed frame broke the decoder", bytes=raw[:2200].hex())
        done.refused.append("internal")
        return done
    _fill(done, result)
    done.refused, done.noted, done.asked = list(ledger.totals), list(ledger.noted_totals), desk.asked
    done.waits = bool(
        header is not None and header.fragmented and not (done.refused or done.locations or done.messages or done.asked)
    )
    return done


def _fill(done: Rehearsal, result: Result) -> None:
    for columns in result.columns:
        done.locations += columns.to_pylist()
    done.messages = result.outcome.messages
    for replies in result.replies:
        done.answers += [_FLAG + piece + _FLAG for piece in replies.wire.split(_FLAG) if piece]
    done.answers += [frame for _, _, frame in result.outcome.answers]
