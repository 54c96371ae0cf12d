"""One terminal without its socket: it is told what arrived and what time it is, and answers with bytes to send.

Life: register (once) → authenticate → report, heartbeat → lose the link → authenticate again. A report is kept until
the platform's 0x8001 says that it is stored; what was not acknowledged when a link ends is sent as 0x0704 type 1 after
the next authentication, together with what was taken in tunnels and dead zones (reference §6, §8.20).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.fragments import split
from luwei.protocol.jt808.stream import FrameCutter
from luwei.simulator import wire
from luwei.simulator.commands import Commands, Parameters
from luwei.simulator.driving import Drive
from luwei.simulator.faults import Misbehaviour
from luwei.simulator.mishaps import PICTURES
from luwei.simulator.reports import Instruments, Report
from luwei.simulator.truth import Truth

OFFLINE, REGISTERING, AUTHENTICATING, ONLINE = "offline", "registering", "authenticating", "online"

BACKLOG_MAX = 20_000
"""Reports that a terminal's memory holds; the oldest are lost beyond it, as in a real one."""
BATCH_MAX = 20
"""Reports in one 0x0704; more than fit one frame, so that batches are fragmented as they are on the road."""
PARKED_S = 60.0
"""Between two reports of a parked truck; a driving one reports every 10, 15, 20 or 30 s."""
REFUSED_PAUSE_S = 60.0
"""Wait after a refused registration before the next try."""


@dataclass(slots=True)
class Pending:
    """A message that waits for its 0x8001."""

    message_id: int
    frames: list[bytes]
    reports: list[tuple[Report, str | None]]
    """Each with the name of the fault that it carries."""
    serials: list[int]
    """Of each of its frames."""
    sent_s: float
    waiting: set[int] = field(default_factory=set)
    tries: int = 1
    result: int = 0


class Terminal:
    """The state of one terminal. Every method that returns bytes means: write them, in order."""

    def __init__(
        self,
        drive: Drive,
        truth: Truth,
        *,
        misbehaviour: Misbehaviour | None = None,
        interval_s: float | None = None,
        host: str = "127.0.0.1",
        port: int = 7611,
    ) -> None:
        self.drive = drive
        self.truck = drive.truck
        self.truth = truth
        self.rng: Random = drive.rng
        self.instruments = Instruments(drive)
        self.misbehaviour = misbehaviour
        chosen_s = interval_s if interval_s is not None else self.rng.choice((10, 15, 20, 30))
        parked_s = interval_s if interval_s is not None else PARKED_S
        self.parameters = Parameters(self.truck, chosen_s, parked_s, host, port)
        self.commands = Commands(self)
        self.phase = OFFLINE
        self.code: str | None = None
        self.close_wanted = False
        """The terminal wants its connection closed."""
        self.hang_wanted = False
        """The terminal wants a second connection while the first one stays open and silent (a fault)."""
        self.blocked_until_s = 0.0
        """No link before then: a dead zone, or a pause after a refusal."""
        self.sent = self.batches = self.reconnects = self.resent = 0
        self.pending: dict[int, Pending] = {}
        self.backlog: deque[tuple[Report, str | None]] = deque()
        now_s = drive.now_s
        self.next_report_s = now_s + self.rng.uniform(0, chosen_s)
        self.next_s = self.next_report_s
        """When ``due`` wants to be called again."""
        self._last_sent_s = now_s
        self._attempts = 0
        self._serial = self.rng.randrange(65536)
        self._hello: tuple[int, float, bytes] = (0, 0.0, b"")
        self._cutter = FrameCutter()
        self._sent_fragments: dict[int, list[bytes]] = {}

    def next_serial(self) -> int:
        serial = self._serial
        self._serial = (serial + 1) & 0xFFFF
        return serial

    @property
    def next_serial_is(self) -> int:
        """What ``next_serial`` will return."""
        return self._serial

    @property
    def blind(self) -> bool:
        """No radio here."""
        return self.drive.now_s < self.blocked_until_s or self.drive.in_tunnel

    # The link

    def connected(self, now_s: float) -> list[bytes]:
        """A link is up: register or authenticate."""
        self._cutter = FrameCutter()
        self.close_wanted = self.commands.parameters_asked = False
        self._attempts = 0
        # the drive's clock stands still between reports: what is over by now must not last until the next one
        self.blocked_until_s = min(self.blocked_until_s, self.drive.now_s)
        return self._say_hello(now_s)

    def disconnected(self, now_s: float) -> None:
        """The link is gone; what was not acknowledged will be sent again."""
        if self.phase == ONLINE:
            self.reconnects += 1
        self.phase = OFFLINE
        waiting = list({id(p): p for p in self.pending.values()}.values())
        self.pending.clear()
        self._sent_fragments.clear()
        for report, fault in [r for p in waiting for r in p.reports]:
            self.keep(report, fault)
        self.next_s = min(self.next_s, self.next_report_s)

    def keep(self, report: Report, fault: str | None = None) -> None:
        """Store a report to be sent later as 0x0704."""
        self.backlog.append((report, fault))
        if len(self.backlog) > BACKLOG_MAX:
            lost, name = self.backlog.popleft()
            self.truth.report(self.truck.phone, -1, lost, wire.BATCH, name, None)

    def _say_hello(self, now_s: float) -> list[bytes]:
        serial = self.next_serial()
        if self.code is None:
            self.phase, message_id, body = REGISTERING, wire.REGISTRATION, wire.registration(self.truck)
        else:
            self.phase, message_id, body = (
                AUTHENTICATING,
                wire.AUTHENTICATION,
                wire.authentication(self.truck, self.code, self.commands.equipment.upgrading.version),
            )
        if self.misbehaviour is not None:
            body = self.misbehaviour.greeting(self, message_id, body, now_s)
        raw = wire.frame(self.truck, message_id, serial, body)
        self._hello = (serial, now_s, raw)
        self.next_s = min(self.next_s, now_s + self.parameters.timeout_s)
        return [raw]

    # What arrives

    def received(self, data: bytes, now_s: float) -> list[bytes]:
        """Bytes from the platform."""
        out: list[bytes] = []
        for raw in self._cutter.feed(data):
            try:
                out += self.commands.received(raw, now_s)
            except ProtocolError:
                continue  # a terminal ignores what it cannot read
        if out:
            self._last_sent_s = now_s
        return out

    def registered(self, serial: int, result: int, code: str | None, now_s: float) -> list[bytes]:
        """0x8100 came."""
        if self.phase != REGISTERING or serial != self._hello[0]:
            return []
        if result != wire.RESULT_OK or not code:
            self.blocked_until_s = now_s + REFUSED_PAUSE_S
            self.close_wanted = True
            return []
        self.code = code
        return self._say_hello(now_s)

    def acknowledged(self, serial: int, message_id: int, result: int, now_s: float) -> list[bytes]:
        """0x8001 came."""
        if message_id == wire.AUTHENTICATION and self.phase == AUTHENTICATING and serial == self._hello[0]:
            return self._authenticated(result, now_s)
        pending = self.pending.get(serial)
        if pending is None or pending.message_id != message_id:
            return []
        del self.pending[serial]
        pending.waiting.discard(serial)
        pending.result = pending.result or (0 if result == 4 else result)  # 4: kept, and the alarm is handled
        if pending.waiting:
            return []
        self._settle(pending)
        return self._send_backlog(now_s) if self.phase == ONLINE and not self.blind else []

    def _settle(self, pending: Pending) -> None:
        """The platform has answered: the reports are its own now, or it does not want them."""
        for serial in pending.waiting:
            self.pending.pop(serial, None)
        for report, fault in pending.reports:
            if pending.result == 0:
                self.instruments.acknowledged(report.alarm)
            self.truth.report(self.truck.phone, pending.serials[0], report, pending.message_id, fault, pending.result)

    def _authenticated(self, result: int, now_s: float) -> list[bytes]:
        if result != wire.RESULT_OK:
            self.code = None
            self._attempts += 1
            if self._attempts > 2:
                self.blocked_until_s = now_s + REFUSED_PAUSE_S
                self.close_wanted = True
                return []
            return self._say_hello(now_s)
        self.phase = ONLINE
        out = []
        if self.truck.edition == 2019 and self.rng.random() < 0.2:
            out.append(wire.frame(self.truck, wire.ASK_TIME, self.next_serial()))
        return out + self._send_backlog(now_s)

    def resend_fragments(self, first_serial: int, numbers: Sequence[int]) -> list[bytes]:
        """0x8003 came: the same bytes again (reference §3, 5)."""
        frames = self._sent_fragments.get(first_serial, [])
        return [frames[number - 1] for number in numbers if 0 < number <= len(frames)]

    # What time brings

    def due(self, now_s: float) -> list[bytes]:
        """Do what is to be done now; afterwards ``next_s`` says when to come again."""
        out: list[bytes] = []
        if now_s >= self.next_report_s:
            out += self._report(now_s)
        if self.phase == ONLINE and not self.blind:
            out += self.commands.due(now_s)
            out += self._again(now_s)
            out += self._send_backlog(now_s)
            if not out and now_s - self._last_sent_s >= self.parameters.heartbeat_s:
                out += self._heartbeat(now_s)
        elif self.phase in (REGISTERING, AUTHENTICATING) and now_s - self._hello[1] >= self.parameters.timeout_s:
            self._hello = (self._hello[0], now_s, self._hello[2])
            self._attempts += 1
            self.close_wanted = self._attempts > self.parameters.retries
            out.append(self._hello[2])
        if out:
            self._last_sent_s = now_s
        oldest = next(iter(self.pending.values()), None)
        self.next_s = min(
            self.next_report_s,
            now_s + self.parameters.heartbeat_s,
            max(now_s + 0.1, self.commands.next_s),
            max(now_s + 1, oldest.sent_s + self.parameters.timeout_s) if oldest else now_s + 60,
        )
        return out

    def _report(self, now_s: float) -> list[bytes]:
        self.drive.advance(now_s)
        report = self.instruments.take(watched=True)
        self.next_report_s = max(self.next_report_s + self.commands.interval_s(now_s), now_s + 0.02)
        if (wakes_s := self.instruments.sensors.wakes_s) is not None:
            self.next_report_s = max(min(self.next_report_s, wakes_s), now_s + 0.02)
        for event in self.instruments.triggered():
            self.commands.equipment.camera.triggered(event, PICTURES, now_s)
        if not self.blind and self.rng.random() < 3e-4:  # a dead zone begins
            self.blocked_until_s = now_s + self.rng.uniform(45, 400)
            self.close_wanted = self.phase == ONLINE and self.rng.random() < 0.5
        if self.phase != ONLINE or self.blind:
            self.keep(report)
            return []
        return self.send_report(report, now_s)

    def send_report(self, report: Report, now_s: float) -> list[bytes]:
        """Send one 0x0200, perhaps with a fault."""
        serial = self.next_serial()
        body = wire.location(report, self.truck.edition) + self.truck.speech.tail
        raw = wire.frame(self.truck, wire.LOCATION, serial, body)
        chunks, fault = [raw], None
        if self.misbehaviour is not None:
            attempt = self.misbehaviour.report(self, report, serial, body, raw, now_s)
            if attempt is not None:
                chunks, report, fault, raw = attempt.chunks, attempt.report, attempt.mark, attempt.again
                if attempt.kept:
                    self.keep(report, fault)
                    return chunks
        self._await(Pending(wire.LOCATION, [raw], [(report, fault)], [serial], now_s))
        self.sent += 1
        return chunks

    def _send_backlog(self, now_s: float) -> list[bytes]:
        if not self.backlog or any(p.message_id == wire.BATCH for p in self.pending.values()):
            return []
        reports = [self.backlog.popleft() for _ in range(min(len(self.backlog), BATCH_MAX))]
        body = wire.batch([report for report, _ in reports], self.truck.edition)
        if self.misbehaviour is not None:
            body = self.misbehaviour.batch(self, body, now_s)
        first = self.next_serial()
        frames = split(wire.header(self.truck, wire.BATCH, first), body)
        serials = [first] + [self.next_serial() for _ in frames[1:]]
        if len(frames) > 1:
            self._sent_fragments = {first: frames}
        self._await(Pending(wire.BATCH, frames, reports, serials, now_s))
        self.batches += 1
        self.sent += len(reports)
        return list(frames)

    def _await(self, pending: Pending) -> None:
        pending.waiting = set(pending.serials)
        for serial in pending.serials:
            self.pending[serial] = pending

    def _again(self, now_s: float) -> list[bytes]:
        """Repeat what was not answered, same bytes and serial; T(N+1) = T(N) × (N+1) (reference §6)."""
        out: list[bytes] = []
        for pending in {id(p): p for p in self.pending.values()}.values():
            factor = (1, 3, 9, 12)[min(pending.tries, 4) - 1]
            if now_s - pending.sent_s < self.parameters.timeout_s * factor:
                continue
            if pending.serials[-1] not in pending.waiting:
                self._settle(pending)  # some platforms answer the last fragment only (2013 §7.12)
                continue
            if pending.tries > self.parameters.retries:
                self.close_wanted = True  # the link is dead (reference §5.2)
                return []
            pending.tries += 1
            self.resent += 1
            out += [raw for raw, s in zip(pending.frames, pending.serials, strict=True) if s in pending.waiting]
        return out

    def _heartbeat(self, now_s: float) -> list[bytes]:
        body = self.truck.speech.heartbeat
        if self.misbehaviour is not None:
            body = self.misbehaviour.heartbeat(self, now_s)
        return [wire.frame(self.truck, wire.HEARTBEAT, self.next_serial(), body)]

    def give_up(self) -> None:
        """The simulation ends: report to the truth what never was acknowledged."""
        for pending in {id(p): p for p in self.pending.values()}.values():
            for report, fault in pending.reports:
                self.truth.report(self.truck.phone, pending.serials[0], report, pending.message_id, fault, None)
        self.pending.clear()
        for report, fault in self.backlog:
            self.truth.report(self.truck.phone, -1, report, wire.BATCH, fault, None)
        self.backlog.clear()
