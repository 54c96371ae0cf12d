"""What devices do wrong (reference §11), as a table: each fault with what a platform should make of it.

``expected``: "taken" (the location is kept, the link lives), "refused" (counted in the ledger, the link lives; the
terminal then sends the report properly) or "either" (a platform may do both). ``reason`` is the ledger's word where the
reference leaves no choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from luwei.protocol.jt808.frame import check_code, encode_frame, escape
from luwei.simulator import wire
from luwei.simulator.answer_faults import ANSWER_FAULTS, spoil
from luwei.simulator.fleet import Truck
from luwei.simulator.reports import FIXED, Report

if TYPE_CHECKING:
    from luwei.simulator.terminal import Terminal

TAKEN, REFUSED, EITHER = "taken", "refused", "either"
FLAG = b"\x7e"


@dataclass(slots=True)
class Attempt:
    """One report about to be sent, as a fault may change it."""

    truck: Truck
    report: Report
    """As the platform has to see it."""
    serial: int
    body: bytes
    again: bytes
    """The frame that a repetition would send."""
    rng: Random
    chunks: list[bytes] = field(default_factory=list)
    """Bytes to write instead of the frame, each in its own write."""
    mark: str | None = None
    """Name of the fault that this report carries in the truth; None where a good copy follows."""
    kept: bool = False
    """Nothing usable was sent: the terminal keeps the report for a later batch."""
    close: bool = False
    hang: bool = False

    def encode(self, body: bytes) -> bytes:
        return encode_frame(wire.header(self.truck, wire.LOCATION, self.serial), body)


Apply = Callable[[Attempt], bool]
"""Changes the attempt; False where the fault does not fit this truck or report."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    reference: str
    """Paragraph of the reference."""
    expected: str
    reason: str
    apply: Apply


def _content(raw: bytes) -> bytes:
    return raw[1:-1].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")


def _with_body(attempt: Attempt, body: bytes) -> bool:
    attempt.again = attempt.encode(body)
    attempt.chunks = [attempt.again]
    return True


def _with_report(attempt: Attempt, report: Report) -> bool:
    attempt.report = report
    return _with_body(attempt, wire.location(report, attempt.truck.edition))


def _before(attempt: Attempt, broken: bytes) -> bool:
    """A broken frame, then the good one."""
    attempt.chunks = [broken, attempt.again]
    return True


def _check_code_unescaped(attempt: Attempt) -> bool:
    """Choose the radio signal (item 0x30) so that the check code is 7d, and do not escape it."""
    at = attempt.body.find(b"\x30\x01", 28)
    if at < 0:
        return False
    content = _content(attempt.again)
    body = bytearray(attempt.body)
    body[at + 2] ^= content[-1] ^ 0x7D
    items = tuple((i, bytes([body[at + 2]]) if i == 0x30 else v) for i, v in attempt.report.items)
    attempt.report = replace(attempt.report, items=items)
    raw = attempt.encode(bytes(body))
    if not raw.endswith(b"\x7d\x01\x7e"):
        return False
    attempt.again = raw[:-3] + b"\x7d\x7e"
    attempt.chunks = [attempt.again]
    return True


def _check_code_wrong(attempt: Attempt) -> bool:
    content = bytearray(_content(attempt.again))
    content[-1] ^= 0x11
    return _before(attempt, FLAG + escape(bytes(content)) + FLAG)


def _noise(attempt: Attempt) -> bool:
    length = attempt.rng.randrange(1, 40)
    noise = bytes(attempt.rng.choice(b"()*#,.0123456789ABCDEFimei \r\n\xe7\xe6") for _ in range(length))
    attempt.chunks = [noise + attempt.again]
    return True


def _cut_frame(attempt: Attempt) -> bool:
    return _before(attempt, attempt.again[: attempt.rng.randrange(16, len(attempt.again) - 4)])


def _torn_writes(attempt: Attempt) -> bool:
    cuts = sorted(attempt.rng.sample(range(1, len(attempt.again)), 3))
    raw = attempt.again
    attempt.chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    return True


def _shared_flag(attempt: Attempt) -> bool:
    """A heartbeat before it, with one flag between the two."""
    heartbeat = wire.frame(attempt.truck, wire.HEARTBEAT, (attempt.serial + 0x4000) & 0xFFFF)
    attempt.chunks = [heartbeat + attempt.again[1:]]
    return True


def _flag_unescaped(attempt: Attempt) -> bool:
    """An altitude of 126 m is 7e in the body, not escaped; the repetition is sound."""
    if not _with_report(attempt, replace(attempt.report, altitude_m=0x7E)):
        return False
    if attempt.again.count(b"\x7d\x02") != 1:
        return False
    attempt.chunks = [attempt.again.replace(b"\x7d\x02", FLAG)]
    return True


def _flip_version_flag(attempt: Attempt) -> bytes:
    content = bytearray(_content(attempt.again))
    content[2] ^= 0x40
    content[-1] = check_code(bytes(content[:-1]))
    return FLAG + escape(bytes(content)) + FLAG


def _version_flag_2013(attempt: Attempt) -> bool:
    if attempt.truck.edition != 2013:
        return False
    attempt.again = _flip_version_flag(attempt)
    attempt.chunks = [attempt.again]
    return True


def _version_flag_missing(attempt: Attempt) -> bool:
    if attempt.truck.edition != 2019:
        return False
    attempt.again = _flip_version_flag(attempt)
    attempt.chunks = [attempt.again]
    return True


def _body_length_wrong(attempt: Attempt) -> bool:
    content = bytearray(_content(attempt.again))
    content[3] ^= 0x03
    content[-1] = check_code(bytes(content[:-1]))
    return _before(attempt, FLAG + escape(bytes(content)) + FLAG)


def _time_bytes(raw: bytes) -> Apply:
    def apply(attempt: Attempt) -> bool:
        return _with_body(attempt, attempt.body[:22] + raw + attempt.body[28:])

    return apply


def _time_utc(attempt: Attempt) -> bool:
    return _with_report(attempt, replace(attempt.report, at_s=attempt.report.at_s - 8 * 3600))


def _no_position(attempt: Attempt) -> bool:
    report = replace(attempt.report, lat_e6=0, lon_e6=0, speed_dkmh=0, status=attempt.report.status & ~FIXED)
    return _with_report(attempt, report)


def _direction_360(attempt: Attempt) -> bool:
    return _with_report(attempt, replace(attempt.report, direction_deg=360))


def _altitude_below_sea(attempt: Attempt) -> bool:
    return _with_report(attempt, replace(attempt.report, altitude_m=0x10000 - 12))


def _speed_spike(attempt: Attempt) -> bool:
    return _with_report(attempt, replace(attempt.report, speed_dkmh=2_990))


def _repeated(attempt: Attempt) -> bool:
    attempt.chunks = [attempt.again + attempt.again]
    return True


def _append(tail: bytes) -> Apply:
    def apply(attempt: Attempt) -> bool:
        return _with_body(attempt, attempt.body + tail)

    return apply


def _other_phone(attempt: Attempt) -> bool:
    other = replace(attempt.truck, phone=str(int(attempt.truck.phone) + 50_000_000))
    return _before(attempt, wire.frame(other, wire.LOCATION, (attempt.serial + 0x4000) & 0xFFFF, attempt.body))


def _unknown_message(attempt: Attempt) -> bool:
    raw = wire.frame(attempt.truck, 0x0F2A, (attempt.serial + 0x4000) & 0xFFFF, b"\x01\x02vendor")
    attempt.chunks = [raw, attempt.again]
    return True


def _encrypted(attempt: Attempt) -> bool:
    header = replace(wire.header(attempt.truck, wire.LOCATION, (attempt.serial + 0x4000) & 0xFFFF), encrypt=1)
    return _before(attempt, encode_frame(header, attempt.rng.randbytes(128)))


def _short_body(attempt: Attempt) -> bool:
    raw = wire.frame(attempt.truck, wire.LOCATION, (attempt.serial + 0x4000) & 0xFFFF, attempt.body[:20])
    return _before(attempt, raw)


def _late_batch(attempt: Attempt) -> bool:
    attempt.kept = True
    return True


def _sudden_disconnect(attempt: Attempt) -> bool:
    attempt.chunks = [attempt.again[: attempt.rng.randrange(1, len(attempt.again) - 1)]]
    attempt.kept = attempt.close = True
    return True


def _unregister_and_leave(attempt: Attempt) -> bool:
    attempt.chunks = [wire.frame(attempt.truck, wire.UNREGISTER, (attempt.serial + 0x4000) & 0xFFFF)]
    attempt.kept = attempt.close = True
    return True


def _second_connection(attempt: Attempt) -> bool:
    attempt.kept = attempt.hang = True
    return True


FAULTS: tuple[Fault, ...] = (
    Fault("check_code_unescaped", "11.1 1", TAKEN, "", _check_code_unescaped),
    Fault("check_code_wrong", "11.1", REFUSED, "checksum", _check_code_wrong),
    Fault("noise", "11.1 5", TAKEN, "", _noise),
    Fault("cut_frame", "11.1 2", REFUSED, "", _cut_frame),
    Fault("torn_writes", "1.3", TAKEN, "", _torn_writes),
    Fault("shared_flag", "1.3", TAKEN, "", _shared_flag),
    Fault("flag_unescaped", "11.1 2", EITHER, "", _flag_unescaped),
    Fault("version_flag_2013", "11.1 3", TAKEN, "", _version_flag_2013),
    Fault("version_flag_missing", "2.3", TAKEN, "", _version_flag_missing),
    Fault("body_length_wrong", "2.3", REFUSED, "body_length", _body_length_wrong),
    Fault("time_zero", "11.3 16", TAKEN, "", _time_bytes(bytes(6))),
    Fault("time_not_decimal", "11.3 16", TAKEN, "", _time_bytes(bytes.fromhex("ffffffaabbcc"))),
    Fault("time_gnss_epoch", "11.3 16", TAKEN, "", _time_bytes(bytes.fromhex("800106000000"))),
    Fault("time_utc", "11.3 17", TAKEN, "", _time_utc),
    Fault("no_position", "11.3 14", TAKEN, "", _no_position),
    Fault("speed_spike", "11.3 19", TAKEN, "", _speed_spike),
    Fault("altitude_below_sea", "11.3 20", TAKEN, "", _altitude_below_sea),
    Fault("direction_360", "11.3 21", TAKEN, "", _direction_360),
    Fault("item_empty", "11.3 22", TAKEN, "", _append(b"\xe1\x00")),
    Fault("item_length_odd", "11.3 23", TAKEN, "", _append(b"\x17\x01\x01")),
    Fault("item_past_the_end", "11.3 24", TAKEN, "", _append(b"\x31\x09\x0c")),
    Fault("trailing_byte", "11.3 24", TAKEN, "", _append(b"\x00")),
    Fault("item_twice", "11.3 25", TAKEN, "", _append(b"\x30\x01\x05")),
    Fault("repeated_frame", "11.3 30", TAKEN, "", _repeated),
    Fault("late_batch", "8.20", TAKEN, "", _late_batch),
    Fault("other_phone", "5.1", REFUSED, "", _other_phone),
    Fault("unknown_message", "11.4 38", EITHER, "", _unknown_message),
    Fault("encrypted", "4", REFUSED, "", _encrypted),
    Fault("short_body", "2.3", REFUSED, "", _short_body),
    Fault("sudden_disconnect", "11.4 40", EITHER, "", _sudden_disconnect),
    Fault("unregister_and_leave", "11.2 12", EITHER, "", _unregister_and_leave),
    Fault("second_connection", "5.2", EITHER, "", _second_connection),
)
"""Faults of a report and of the link it goes over."""

GREETING_FAULTS = {
    "plate_padded": ("11.2 11", TAKEN),
    "plate_with_garbage": ("11.2 11", TAKEN),
    "bare_code_2019": ("11.2 9", TAKEN),
    "code_without_imei_2019": ("8.6", TAKEN),
}
"""Faults of registration and authentication bodies: paragraph and what is expected."""

OTHER_FAULTS = {"heartbeat_with_body": ("11.4 37", TAKEN), "batch_count_too_large": ("8.20 c", TAKEN)}

_UNTRACEABLE = frozenset({"time_zero", "time_not_decimal", "time_gnss_epoch"})
"""The platform stores these with the time of receipt; the truth names the fault so that it is not searched by time."""
_CARRIED = _UNTRACEABLE | {"no_position", "speed_spike", "altitude_below_sea", "direction_360", "time_utc"}


class Misbehaviour:
    """Decides when which fault happens, and writes it into the truth file."""

    def __init__(self, rng: Random, share: float = 0.12, only: frozenset[str] | None = None) -> None:
        """``share``: of the reports; ``only``: names of the faults to use, all by default."""
        self._rng = rng
        self._share = share
        self._faults = [fault for fault in FAULTS if only is None or fault.name in only]
        self._only = only

    def _may(self, name: str, share: float) -> bool:
        return (self._only is None or name in self._only) and self._rng.random() < share

    def report(
        self, terminal: Terminal, report: Report, serial: int, body: bytes, raw: bytes, now_s: float
    ) -> Attempt | None:
        """The changed attempt to send a report, or None for a good one."""
        if not self._faults or self._rng.random() >= self._share:
            return None
        fault = self._rng.choice(self._faults)
        attempt = Attempt(terminal.truck, report, serial, body, raw, self._rng)
        if not fault.apply(attempt):
            return None
        if fault.name in _CARRIED:
            attempt.mark = fault.name
        terminal.close_wanted = terminal.close_wanted or attempt.close
        terminal.hang_wanted = terminal.hang_wanted or attempt.hang
        shown = b"".join(attempt.chunks)
        terminal.truth.fault(terminal.truck.phone, now_s, fault.name, fault.expected, fault.reason, shown)
        return attempt

    def greeting(self, terminal: Terminal, message_id: int, body: bytes, now_s: float) -> bytes:
        """The body of a registration or authentication, perhaps a faulty one."""
        truck = terminal.truck
        name, changed = "", body
        if message_id == wire.REGISTRATION:
            if self._may("plate_padded", 0.2):
                name, changed = "plate_padded", body + b"\0\0  "
            elif self._may("plate_with_garbage", 0.2):
                name, changed = "plate_with_garbage", body + b"\0\xff\x10\x32"
        elif truck.edition == 2019 and terminal.code is not None:
            if self._may("bare_code_2019", 0.15):
                name, changed = "bare_code_2019", terminal.code.encode("gbk")
            elif self._may("code_without_imei_2019", 0.15):
                name, changed = "code_without_imei_2019", body[: 1 + body[0]]
        if name:
            terminal.truth.fault(truck.phone, now_s, name, GREETING_FAULTS[name][1], "", changed)
        return changed

    def heartbeat(self, terminal: Terminal, now_s: float) -> bytes:
        """Extra bytes of a heartbeat."""
        if not self._may("heartbeat_with_body", 0.3):
            return b""
        body = self._rng.randbytes(self._rng.randrange(3, 18))
        terminal.truth.fault(terminal.truck.phone, now_s, "heartbeat_with_body", TAKEN, "", body)
        return body

    def answer(self, terminal: Terminal, frames: list[bytes], now_s: float) -> tuple[list[bytes], float]:
        """The answer to a command, perhaps changed, and by how many seconds it is late."""
        name = next((name for name in ANSWER_FAULTS if self._may(name, 0.05)), "")
        if not name:
            return frames, 0.0
        changed, delay_s = spoil(name, frames, terminal.next_serial, self._rng)
        terminal.truth.fault(terminal.truck.phone, now_s, name, TAKEN, "", b"".join(changed))
        return changed, delay_s

    def batch(self, terminal: Terminal, body: bytes, now_s: float) -> bytes:
        """The body of a 0x0704, perhaps with a count larger than its items."""
        if not self._may("batch_count_too_large", 0.1):
            return body
        terminal.truth.fault(terminal.truck.phone, now_s, "batch_count_too_large", TAKEN, "", body)
        return (int.from_bytes(body[:2], "big") + 2).to_bytes(2, "big") + body[2:]
