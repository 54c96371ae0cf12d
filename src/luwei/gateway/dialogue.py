"""The rare messages, one by one: what each is for, what is answered, what is kept.

``HANDLERS`` is the whole list of messages that mean more than "keep it and say yes". All answers here wait until the
facts of the same tick are durable.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from luwei import facts
from luwei.gateway import multimedia
from luwei.gateway.bodies import MESSAGE_ERROR, SUCCESS, Bodies
from luwei.gateway.commands import REPLIES
from luwei.gateway.connections import GREETING, ONLINE, Connection, Table
from luwei.gateway.handshake import Handshake
from luwei.gateway.ledger import NOTED, REFUSED, Ledger
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.clock import UNREADABLE, device_ms
from luwei.protocol.jt808.batch.location import BASIC_LENGTH
from luwei.protocol.jt808.batch.points import KIND_BLIND_SPOT, join_bodies, split_points
from luwei.protocol.jt808.batch.repeat import body_hash
from luwei.protocol.jt808.fragments import Assembler, Missing
from luwei.protocol.jt808.frame import Frame, encode_frame
from luwei.protocol.jt808.header import EDITION_2011, EDITION_2019, Header
from luwei.registry.assignments import Observed

FAILURE, UNSUPPORTED = 1, 3
"""Results of the platform general reply, JT/T 808-2019 §8.2."""

KNOWN_MESSAGES = frozenset(
    {
        0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0100, 0x0102, 0x0104, 0x0107, 0x0108, 0x0200, 0x0201, 0x0301, 0x0302,
        0x0303, 0x0500, 0x0608, 0x0700, 0x0701, 0x0702, 0x0704, 0x0705, 0x0800, 0x0801, 0x0802, 0x0805, 0x0900, 0x0901,
        0x0A00, 0x1003, 0x1005, 0x1205, 0x1206, 0x1FC4,
    }
)  # fmt: skip
"""Terminal messages of JT/T 808 (2011, 2013, 2019) and JT/T 1078, and 粤标's progress of an upgrade; all
others are answered with result 3 (§11.4, 38)."""


@dataclass(frozen=True, slots=True)
class PointsOf:
    """Location bodies of one message: ``spans`` are (offset, length) in ``body``."""

    body: bytes
    spans: list[tuple[int, int]]
    slot: int
    vehicle_id: int
    terminal_id: int
    edition: int
    serial: int
    origin: int
    raw: bytes = b""
    """The frame, where it was one."""


@dataclass(slots=True)
class Outcome:
    """What the rare messages of one tick ask for."""

    points: list[PointsOf] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ``facts.MESSAGE_FRAME``; their ``batch`` is filled in later."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ``facts.MEDIA_PART``; each makes a bus message."""
    answers: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(slot, generation, frame) to be sent once the facts are durable."""
    candidate: int = -1
    """The candidate under treatment where a plain confirmation may be written together with all others; else -1."""
    confirmed: list[int] = field(default_factory=list)
    """Candidates to be answered with result 0."""
    hang_up: list[tuple[Connection, str]] = field(default_factory=list)


def platform_frame(table: Table, slot: int, header: Header, message_id: int, body: bytes) -> bytes:
    """A frame to the terminal in the layout of ``header``, which one of its own frames had."""
    answer = Header(
        message_id=message_id,
        body_length=len(body),
        serial=table.next_serial(slot),
        phone_raw=header.phone_raw,
        edition=header.edition,
        protocol_version=header.protocol_version,
    )
    return encode_frame(answer, body)


def general_reply(table: Table, slot: int, header: Header, result: int) -> bytes:
    """0x8001 to the frame with ``header``."""
    body = header.serial.to_bytes(2, "big") + header.message_id.to_bytes(2, "big") + bytes([result])
    return platform_frame(table, slot, header, 0x8001, body)


class Dialogue:
    """Takes rare frames in order of arrival."""

    def __init__(self, table: Table, ledger: Ledger, handshake: Handshake, assembler: Assembler) -> None:
        self._table = table
        self._ledger = ledger
        self._handshake = handshake
        self._dialects = handshake.profiles.dialects
        self._profiles = handshake.profiles
        self._bodies = Bodies(table, handshake.profiles, self.note)
        self._assembler = assembler
        self._confirmed = multimedia.Confirmed()
        self.replied: Callable[[Connection, Frame, int], None] = lambda *_: None
        """Told of every whole message that may answer a command."""
        self._handlers: dict[int, Callable[[Connection, Frame, int, Outcome], int | None]] = {
            0x0001: self._reply_of_terminal,
            0x0002: lambda *_: SUCCESS,
            0x0003: self._unregister,
            0x0004: self._server_time,
            0x0100: self._register,
            0x0102: self._authenticate,
            0x0200: self._location,
            0x0201: self._location_answer,
            0x0704: self._batch,
            multimedia.DATA: self._media,
        }

    def note(
        self,
        connection: Connection,
        kind: str,
        reason: str,
        message_id: int,
        example: bytes,
        at_ms: int,
        number: int = 1,
        phone: str | None = None,
    ) -> None:
        """Write into the ledger; refusals also count for the session."""
        slot = connection.slot
        if kind == REFUSED:
            self._table.refused[slot] += np.uint64(number)
        self._ledger.count(
            kind,
            reason,
            message_id,
            connection.phone if phone is None else phone,
            int(self._table.terminal_id[slot]),
            int(self._table.vehicle_id[slot]),
            connection.peer,
            at_ms,
            example,
            number,
        )

    def take(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> None:
        """Treat one good frame of ``connection``."""
        header, slot = frame.header, connection.slot
        for quirk in frame.quirks:
            self.note(connection, NOTED, quirk, header.message_id, frame.raw, at_ms)
        online = self._table.state[slot] == ONLINE
        if online and header.phone != connection.phone:
            self.note(connection, REFUSED, "other_phone", header.message_id, frame.raw, at_ms)
            return
        if not online and header.message_id not in (0x0100, 0x0102, 0x0003):
            self.note(connection, REFUSED, "not_authenticated", header.message_id, frame.raw, at_ms, phone=header.phone)
            self._answer(connection, header, FAILURE, outcome)
            return
        if header.encrypt:
            self.note(connection, REFUSED, "encrypted", header.message_id, frame.raw, at_ms)
            self._answer(connection, header, UNSUPPORTED, outcome)
            return
        message, part = frame, frame
        if header.message_id == multimedia.DATA:
            part = multimedia.early_packet(frame, self._edition(slot, header)) or frame
        if part.header.fragmented:
            try:
                whole = self._assembler.add(part, at_ms / 1000)
            except ProtocolError as error:
                self.note(connection, REFUSED, error.code, header.message_id, frame.raw, at_ms)
                self._answer(connection, header, MESSAGE_ERROR, outcome)
                return
            if whole is None:
                # one by one (JT/T 1078 §4.1); the fragment that completes the message waits for the bus
                self._answer(connection, header, SUCCESS, outcome)
                again = self._confirmed.again(connection.phone, part) if header.message_id == multimedia.DATA else None
                if again is not None:
                    self._say(connection, header, multimedia.REPLY, again, outcome)
                return
            message = whole
        if header.message_id in REPLIES:
            self.replied(connection, message, at_ms)
        handler = self._handlers.get(header.message_id, self._keep)
        result = handler(connection, message, at_ms, outcome)
        if result is not None:
            self._answer(connection, header, result, outcome)

    def _answer(self, connection: Connection, header: Header, result: int, outcome: Outcome) -> None:
        if result == SUCCESS and outcome.candidate >= 0:
            outcome.confirmed.append(outcome.candidate)
            return
        slot = connection.slot
        frame = general_reply(self._table, slot, header, result)
        outcome.answers.append((slot, int(self._table.generation[slot]), frame))

    def _say(self, connection: Connection, header: Header, message_id: int, body: bytes, outcome: Outcome) -> None:
        slot = connection.slot
        frame = platform_frame(self._table, slot, header, message_id, body)
        outcome.answers.append((slot, int(self._table.generation[slot]), frame))

    def _edition(self, slot: int, header: Header) -> int:
        if header.edition != EDITION_2019 and self._table.edition[slot] == EDITION_2011:
            return EDITION_2011
        return header.edition

    def _store(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> None:
        slot, header = connection.slot, frame.header
        outcome.messages.append(
            {
                "vehicle_id": int(self._table.vehicle_id[slot]),
                "terminal_id": int(self._table.terminal_id[slot]),
                "received_at": at_ms,
                "direction": 0,
                "message_id": header.message_id,
                "serial": header.serial,
                "edition": self._edition(slot, header),
                "phone": connection.phone,
                "body": frame.body,
                "batch": 0,
            }
        )

    def _keep(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """Kept whole, whatever it says; the answer tells whether its body could be read (docs/profiles.md)."""
        self._store(connection, frame, at_ms, outcome)
        if frame.header.message_id in KNOWN_MESSAGES:
            return self._bodies.check(connection, frame, self._edition(connection.slot, frame.header), at_ms)
        self.note(connection, NOTED, "message_unknown", frame.header.message_id, frame.raw, at_ms)
        return UNSUPPORTED

    def shown(self, connection: Connection, code: int) -> None:
        """An alarm item has the length of one dialect alone: the terminal speaks it, whatever its profile says."""
        slot = connection.slot
        self._table.dialect[slot] = code
        terminal = int(self._table.terminal_id[slot])
        self._profiles.observe(Observed(terminal, dialect=self._dialects.dialect(code)))

    def _reply_of_terminal(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> None:
        # a reply is not replied to (reference §6)
        self._store(connection, frame, at_ms, outcome)

    def _server_time(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> None:
        """0x8004: the only time in the standard that is UTC, unless the profile knows better (reference §8.3)."""
        self._store(connection, frame, at_ms, outcome)
        profile = self._dialects.profile(int(self._table.profile[connection.slot]))
        zone = datetime.timedelta(hours=profile.server_time_zone_h if profile is not None else 0)
        now = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC) + zone
        self._say(connection, frame.header, 0x8004, bytes.fromhex(now.strftime("%y%m%d%H%M%S")), outcome)

    def _media(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """0x0801, whole: 0x8800 leaves once its data is on disk in the bus (reference §8.22)."""
        header, body = frame.header, frame.body
        layout, head = multimedia.layout_of(body, self._edition(connection.slot, header))
        if len(body) <= head:
            self.note(connection, REFUSED, "body_short", multimedia.DATA, frame.raw, at_ms)
            return MESSAGE_ERROR
        kept = replace(frame, body=body[: head + multimedia.HISTORY_BYTES])
        self._store(connection, kept, at_ms, outcome)
        outcome.files += multimedia.file_rows(outcome.messages[-1], body, head)
        answer = multimedia.reply(body, layout, header.serial)
        self._say(connection, header, multimedia.REPLY, answer, outcome)
        self._confirmed.note(connection.phone, header.serial, header.package_total, answer)
        return SUCCESS

    def _register(self, connection: Connection, frame: Frame, at_ms: int, _: Outcome) -> int | None:
        try:
            self._handshake.register(connection, frame, at_ms)
        except ProtocolError as error:
            self.note(connection, REFUSED, error.code, 0x0100, frame.raw, at_ms, phone=frame.header.phone)
            return MESSAGE_ERROR
        return None

    def _authenticate(self, connection: Connection, frame: Frame, at_ms: int, _: Outcome) -> None:
        self._handshake.authenticate(connection, frame, at_ms)

    def _unregister(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """终端注销. Only believed from an authenticated terminal; the registration is marked, not deleted (§11.2)."""
        slot = connection.slot
        if self._table.state[slot] == ONLINE:
            self._store(connection, frame, at_ms, outcome)
            self._handshake.leave(connection, "unregistered", at_ms)
            self._table.state[slot] = GREETING
        return SUCCESS

    def _points(self, connection: Connection, frame: Frame, spans: list[tuple[int, int]], origin: int) -> PointsOf:
        slot = connection.slot
        self._table.locations[slot] += np.uint64(len(spans))
        return PointsOf(
            frame.body,
            spans,
            slot,
            int(self._table.vehicle_id[slot]),
            int(self._table.terminal_id[slot]),
            self._edition(slot, frame.header),
            frame.header.serial,
            origin,
            frame.raw,
        )

    def _location(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """A 0x0200 that the fast way did not take: fragmented, mended, or too short."""
        if len(frame.body) < BASIC_LENGTH:
            self.note(connection, REFUSED, "body_short", 0x0200, frame.raw, at_ms)
            return MESSAGE_ERROR
        table, slot, serial = self._table, connection.slot, frame.header.serial + 1
        digest = body_hash(*join_bodies([frame.body], [[(0, len(frame.body))]]))[0]
        if table.last_serial[slot] == serial and table.last_hash[slot] == digest:
            self.note(connection, NOTED, "repeated", 0x0200, frame.raw, at_ms)
            return SUCCESS
        table.last_serial[slot], table.last_hash[slot] = serial, digest
        outcome.points.append(self._points(connection, frame, [(0, len(frame.body))], facts.ORIGIN_REPORT))
        return SUCCESS

    def _location_answer(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """0x0201: reply serial and a location; in 2011 the location alone (reference §8.10)."""
        body = frame.body
        if len(body) >= BASIC_LENGTH + 2 and (_is_date(body[24:30]) or not _is_date(body[22:28])):
            offset = 2
        elif len(body) >= BASIC_LENGTH:
            offset = 0
        else:
            self.note(connection, REFUSED, "body_short", 0x0201, frame.raw, at_ms)
            return MESSAGE_ERROR
        spans = [(offset, len(body) - offset)]
        outcome.points.append(self._points(connection, frame, spans, facts.ORIGIN_QUERY))
        return SUCCESS

    def _batch(self, connection: Connection, frame: Frame, at_ms: int, outcome: Outcome) -> int:
        """0x0704: what can be read is kept, what cannot is counted (reference §8.20)."""
        points = split_points(frame.body)
        if not points.spans:
            self.note(connection, REFUSED, points.problem or "body_malformed", 0x0704, frame.raw or frame.body, at_ms)
            return MESSAGE_ERROR
        if points.problem:
            self.note(connection, NOTED, points.problem, 0x0704, frame.raw or frame.body, at_ms)
        origin = facts.ORIGIN_BACKFILL if points.kind == KIND_BLIND_SPOT else facts.ORIGIN_BATCH
        outcome.points.append(self._points(connection, frame, points.spans, origin))
        return SUCCESS

    def ask_again(self, at_ms: int) -> list[tuple[int, bytes]]:
        """0x8003 for fragments that are late, as (slot, frame); counts what is given up."""
        asked: list[tuple[int, bytes]] = []
        for missing in self._assembler.due(at_ms / 1000):
            connection = self._table.by_phone.get(missing.phone_raw.hex().lstrip("0") or "0")
            if connection is not None:
                asked.append((connection.slot, self._fragment_request(connection, missing)))
        for missing in self._assembler.abandoned():
            phone = missing.phone_raw.hex().lstrip("0") or "0"
            connection = self._table.by_phone.get(phone)
            terminal, vehicle, peer = 0, 0, ""
            if connection is not None:
                terminal = int(self._table.terminal_id[connection.slot])
                vehicle = int(self._table.vehicle_id[connection.slot])
                peer = connection.peer
            self._ledger.count(
                REFUSED,
                "fragments_missing",
                missing.message_id,
                phone,
                terminal,
                vehicle,
                peer,
                at_ms,
                b"",
                missing.received,
            )
        return asked

    def _fragment_request(self, connection: Connection, missing: Missing) -> bytes:
        """0x8003 in the layout of the terminal's edition, whose count is a BYTE in 2013, a WORD in 2019 (§8.4); for
        multimedia 0x8800 in turn with it."""
        is_2019 = missing.edition == EDITION_2019
        header = Header(
            message_id=0,
            body_length=0,
            serial=0,
            phone_raw=missing.phone_raw,
            edition=missing.edition,
            protocol_version=1 if is_2019 else 0,
        )
        slot = connection.slot
        asked = multimedia.request(missing, self._edition(slot, header))
        if asked is not None:
            return platform_frame(self._table, slot, header, multimedia.REPLY, asked)
        numbers = missing.numbers[: 500 if is_2019 else 255]
        body = missing.first_serial.to_bytes(2, "big") + len(numbers).to_bytes(2 if is_2019 else 1, "big")
        body += b"".join(number.to_bytes(2, "big") for number in numbers)
        return platform_frame(self._table, slot, header, 0x8003, body)


def _is_date(six: bytes) -> bool:
    return bool(device_ms(np.frombuffer(six, np.uint8).reshape(1, 6))[0] != UNREADABLE)
