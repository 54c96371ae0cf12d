"""Registration and authentication (JT/T 808-2019 §8.8 to §8.11, reference §5): who may speak.

Requests of a tick go to the registry together, in one thread; meanwhile the later bytes of those connections wait. The
newer authenticated connection of a phone takes the session over at once, also from another gateway process.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from luwei.gateway.connections import GREETING, ONLINE, Connection, Table, now_ms
from luwei.gateway.ledger import REFUSED, Ledger
from luwei.gateway.session_profiles import SessionProfiles
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.cut import phone_key
from luwei.protocol.jt808.frame import Frame, encode_frame
from luwei.protocol.jt808.header import EDITION_2011, EDITION_2013, Header
from luwei.protocol.jt808.messages.registration import Authentication
from luwei.registry.admission import Admission, Admitted, RegistrationAnswer, RegistrationRequest
from luwei.registry.assignments import Assigned, Observed

log = structlog.get_logger()

FAILURES_MAX = 5
"""Refused registrations or authentications after which a connection is closed."""
RETRY_S = 1.0
BATCH_MAX = 300

REGISTER, AUTHENTICATE = 0x0100, 0x0102


@dataclass(slots=True)
class Request:
    """One 0x0100 or 0x0102 that waits for the registry."""

    connection: Connection
    generation: int
    frame: Frame
    at_ms: int
    registration: RegistrationRequest | None
    code: str
    firmware: str = ""
    problems: tuple[str, ...] = ()
    """What was odd about the body of a registration."""

    @property
    def header(self) -> Header:
        return self.frame.header

    @property
    def raw(self) -> bytes:
        return self.frame.raw

    def proves(self, admitted: Admitted | None) -> bool:
        """Whether the code is the one that the registry gave."""
        known = (admitted.code if admitted is not None else None) or ""
        return bool(known) and hmac.compare_digest(known.encode(), self.code.encode("utf-8", "replace"))


@dataclass(slots=True)
class Verdicts:
    """What the registry said about a batch."""

    registrations: list[RegistrationAnswer] = field(default_factory=list)
    admitted: dict[str, Admitted] = field(default_factory=dict)
    assigned: dict[int, Assigned] = field(default_factory=dict)
    """By registry key of the terminal."""


class Handshake:
    """Takes requests during a tick and answers them when the registry has spoken.

    ``send(slot, frame)`` writes a frame, ``wake(slot)`` has the waiting bytes of a connection decoded, ``close``
    ends a connection, ``opened(connections)`` announces new sessions and ``changed(answers)`` what the registry made.
    """

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        admission: Admission,
        profiles: SessionProfiles,
        gateway: str,
        boot: int,
        shard: int,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._admission = admission
        self.profiles = profiles
        self._assignments = profiles.assignments(admission)
        self._gateway = gateway
        self._boot = boot
        self._shard = shard
        self._queue: list[Request] = []
        self._leaving: list[str] = []
        self._returning: list[str] = []
        self._job: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self._sessions = 0
        self.events: list[dict[str, Any]] = []
        """Rows of ``facts.SESSION_EVENT`` since they were last taken."""
        self.send: Callable[[int, bytes], None] = lambda *_: None
        self.wake: Callable[[int], None] = lambda *_: None
        self.close: Callable[[Connection, str], None] = lambda *_: None
        self.opened: Callable[[list[Connection]], None] = lambda *_: None
        self.changed: Callable[[list[Admitted]], None] = lambda *_: None

    def register(self, connection: Connection, frame: Frame, at_ms: int) -> None:
        """Queue a 0x0100. Raises ProtocolError when its body cannot be read."""
        header = frame.header
        body, problems = self.profiles.registration(frame)
        request = RegistrationRequest(
            phone=header.phone,
            province=body.province,
            city=body.city,
            manufacturer_id=body.manufacturer,
            model=body.model,
            terminal_id=body.terminal_id,
            plate_color=body.plate_color,
            plate=body.plate,
            edition=body.edition,
        )
        self._enqueue(connection, frame, at_ms, request, "", problems=problems)

    def authenticate(self, connection: Connection, frame: Frame, at_ms: int) -> None:
        """Queue a 0x0102; a body without a readable code is one with a wrong code."""
        code = firmware = ""
        try:
            body = Authentication.decode(frame.body, frame.header.edition)
            code, firmware = body.auth_code, body.software_version or ""
            self.profiles.note(connection, frame, body.problems, at_ms)
        except ProtocolError:
            pass
        self._enqueue(connection, frame, at_ms, None, code, firmware)

    def _enqueue(
        self,
        connection: Connection,
        frame: Frame,
        at_ms: int,
        request: RegistrationRequest | None,
        code: str,
        firmware: str = "",
        problems: tuple[str, ...] = (),
    ) -> None:
        slot = connection.slot
        # an authenticated terminal may repeat itself without holding up its own reports
        connection.waiting = self._table.state[slot] == GREETING
        generation = int(self._table.generation[slot])
        self._queue.append(Request(connection, generation, frame, at_ms, request, code, firmware, problems))

    def pump(self) -> None:
        """Give what is queued to the registry, unless it is still busy with what it got before."""
        if self._job is None and (self._queue or self._leaving or self._returning or self.profiles.observed):
            self._job = asyncio.create_task(self._run())
            self._job.add_done_callback(self._done)

    async def stop(self) -> None:
        """Let the batch under way finish; nothing new is begun."""
        if self._job is not None:
            await asyncio.wait((self._job,), timeout=2)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._job = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("handshakes failed", error=repr(error))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue or self._leaving or self._returning or self.profiles.observed:
            requests, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
            leaving, self._leaving = self._leaving, []
            returning, self._returning = self._returning, []
            observed = self.profiles.take(BATCH_MAX)
            while True:
                try:
                    verdicts = await loop.run_in_executor(
                        self._thread, self._ask, requests, leaving, returning, observed
                    )
                    break
                except SQLAlchemyError as error:
                    log.warning("registry away, handshakes wait", error=str(error), waiting=len(requests))
                    await asyncio.sleep(RETRY_S)
            self._answer(requests, verdicts)
            self.profiles.apply({each.terminal_id for each in observed}, verdicts.assigned)

    def _ask(
        self, requests: list[Request], leaving: list[str], returning: list[str], observed: list[Observed]
    ) -> Verdicts:
        """In the registry's thread."""
        verdicts = Verdicts()
        if leaving:
            self._admission.unregister(leaving)
        if returning:
            self._admission.resume(returning)
        self._read_as_chosen([request for request in requests if request.registration is not None])
        registrations = [request.registration for request in requests if request.registration is not None]
        if registrations:
            verdicts.registrations = self._admission.register(registrations)
        phones = sorted({request.header.phone for request in requests if request.registration is None})
        if phones:
            verdicts.admitted = self._admission.lookup(phones)
        for request in requests:
            admitted = verdicts.admitted.get(request.header.phone)
            # only who has proved to be the terminal may say what it is
            if admitted is not None and request.registration is None and request.proves(admitted):
                observed = [
                    *observed,
                    Observed(admitted.terminal_id, request.firmware, self._spoken(request, admitted)),
                ]
        answers = zip(filter(lambda each: each.registration, requests), verdicts.registrations, strict=True)
        for _, answer in answers:
            if answer.admitted is not None:
                observed = [*observed, Observed(answer.admitted.terminal_id, edition=answer.admitted.edition)]
        if observed and self._assignments is not None:
            verdicts.assigned = self._assignments.settle(observed)
        return verdicts

    def _read_as_chosen(self, requests: list[Request]) -> None:
        """Read the plates of terminals again whose profile a person chose: what matches them does not count then."""
        if not requests or self._assignments is None:
            return
        chosen = self._assignments.chosen([request.header.phone for request in requests])
        for request in requests:
            profile = chosen.get(request.header.phone)
            if profile is not None and request.registration is not None:
                body, request.problems = self.profiles.registration(request.frame, profile)
                request.registration = replace(request.registration, plate=body.plate)

    @staticmethod
    def _spoken(request: Request, admitted: Admitted) -> int:
        """The edition that the session has: only a registration tells 2011 from 2013."""
        edition = request.header.edition
        return EDITION_2011 if edition == EDITION_2013 and admitted.edition == EDITION_2011 else edition

    def _answer(self, requests: list[Request], verdicts: Verdicts) -> None:
        answers = iter(verdicts.registrations)
        opened: list[Connection] = []
        for request in requests:
            registered = next(answers) if request.registration is not None else None
            connection = request.connection
            if int(self._table.generation[connection.slot]) != request.generation:
                continue
            connection.waiting = False
            if registered is not None:
                self._answer_registration(request, registered)
            elif self._answer_authentication(request, verdicts.admitted.get(request.header.phone), verdicts.assigned):
                opened.append(connection)
            if int(self._table.generation[connection.slot]) == request.generation:
                self.wake(connection.slot)
        if opened:
            self.opened(opened)
        made = [answer.admitted for answer in verdicts.registrations if answer.created and answer.admitted is not None]
        if made:
            self.changed(made)

    def _reply(self, request: Request, message_id: int, body: bytes) -> None:
        slot, header = request.connection.slot, request.header
        answer = Header(
            message_id=message_id,
            body_length=len(body),
            serial=self._table.next_serial(slot),
            phone_raw=header.phone_raw,
            edition=header.edition,
            protocol_version=header.protocol_version,
        )
        self.send(slot, encode_frame(answer, body))

    def _answer_registration(self, request: Request, answer: RegistrationAnswer) -> None:
        self.profiles.note(request.connection, request.frame, request.problems, request.at_ms)
        body = request.header.serial.to_bytes(2, "big") + bytes([answer.result])
        if answer.result == 0:
            body += answer.code.encode("ascii", "replace")
        self._reply(request, 0x8100, body)
        if answer.result:
            self._refuse(request, f"registration_{answer.result}", REGISTER)

    def _answer_authentication(
        self, request: Request, admitted: Admitted | None, assigned: dict[int, Assigned]
    ) -> bool:
        """True when the connection has a session from now on and had none before."""
        good = request.proves(admitted)
        header = request.header
        connection = request.connection
        was_online = self._table.state[connection.slot] == ONLINE
        if good and admitted is not None and not was_online:
            self._open(connection, header, admitted, request.at_ms)
            self.profiles.begin(connection, assigned.get(admitted.terminal_id), request.raw, request.at_ms)
            if admitted.unregister_pending:
                self._returning.append(header.phone)
        result = 0 if good else 1
        self._reply(
            request, 0x8001, header.serial.to_bytes(2, "big") + AUTHENTICATE.to_bytes(2, "big") + bytes([result])
        )
        if not good:
            self._refuse(request, "code_wrong" if admitted is not None else "terminal_unknown", AUTHENTICATE)
        return good and not was_online

    def _refuse(self, request: Request, reason: str, message_id: int) -> None:
        connection, table = request.connection, self._table
        table.refused[connection.slot] += 1
        self._ledger.count(
            REFUSED, reason, message_id, request.header.phone, 0, 0, connection.peer, request.at_ms, request.raw
        )
        connection.failures += 1
        if connection.failures >= FAILURES_MAX:
            self.close(connection, "refused too often")

    def _open(self, connection: Connection, header: Header, admitted: Admitted, at_ms: int) -> None:
        table, slot, phone = self._table, connection.slot, header.phone
        older = table.by_phone.get(phone)
        if older is not None and older is not connection:
            # what was repeated because its answer got lost with the old line is still known as repeated
            table.last_serial[slot] = table.last_serial[older.slot]
            table.last_hash[slot] = table.last_hash[older.slot]
            self.close(older, "taken over")
        table.phone_high[slot], table.phone_low[slot] = phone_key(phone)
        table.vehicle_id[slot] = admitted.vehicle_id
        table.terminal_id[slot] = admitted.terminal_id
        is_2011 = header.edition == EDITION_2013 and admitted.edition == EDITION_2011
        table.edition[slot] = EDITION_2011 if is_2011 else header.edition
        table.profile[slot] = table.dialect[slot] = 0
        table.state[slot] = ONLINE
        connection.phone = phone
        self._sessions += 1
        # later sessions have larger numbers, over all gateways of one clock
        connection.session = now_ms() << 20 | (self._shard & 63) << 14 | self._sessions & 0x3FFF
        table.by_phone[phone] = connection
        self._event(connection, "authenticated", "", at_ms)

    def leave(self, connection: Connection, reason: str, at_ms: int) -> None:
        """The session of ``connection`` ends; the connection itself may stay."""
        if self._table.state[connection.slot] != ONLINE:
            return
        self._event(connection, "closed", reason, at_ms)
        if self._table.by_phone.get(connection.phone) is connection:
            del self._table.by_phone[connection.phone]
        if reason == "unregistered":
            self._leaving.append(connection.phone)

    def _event(self, connection: Connection, event: str, reason: str, at_ms: int) -> None:
        table, slot = self._table, connection.slot
        self.events.append(
            {
                "session": connection.session,
                "event": event,
                "at": at_ms,
                "phone": connection.phone,
                "vehicle_id": int(table.vehicle_id[slot]),
                "terminal_id": int(table.terminal_id[slot]),
                "gateway": self._gateway,
                "boot": self._boot,
                "transport": connection.transport,
                "peer": connection.peer,
                "edition": int(table.edition[slot]),
                "reason": reason,
                "frames": int(table.frames[slot]),
                "locations": int(table.locations[slot]),
                "refused": int(table.refused[slot]),
                "bytes_in": int(table.bytes_in[slot]),
                "batch": 0,
            }
        )

    def taken_elsewhere(self, phone: str, session: int) -> None:
        """Another gateway has a newer session of ``phone``: close the one here."""
        connection = self._table.by_phone.get(phone)
        if connection is not None and connection.session < session:
            self.close(connection, "taken over")
