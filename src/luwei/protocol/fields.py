"""Wire types of JT/T 808 (2019 §4.2, table 1): how one field is read, written, shown.

A wire type knows nothing of the message it stands in. It reads from ``data[at:end]``, never beyond, and returns the
value with the place after it; it writes strictly. All numbers are big-endian (§4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from luwei.protocol.bounds import ELEMENTS_MAX, PROBLEMS_MAX, ROOM, SPANS_MAX, TEXT_MAX, WHOLE_MAX
from luwei.protocol.errors import ProtocolError
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.texts import read_text, too_long, write_text, written_charset

T = TypeVar("T")

LATEST = 2019
"""Edition assumed where none is given."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit of a wire value: the value counts steps of 10**-decimals ``symbol``."""

    symbol: str
    decimals: int = 0

    def text(self, value: int) -> str:
        """``603`` with one decimal of km/h as ``60.3 km/h``."""
        if not self.decimals:
            return f"{value} {self.symbol}"
        sign, digits = "-" if value < 0 else "", str(abs(value)).rjust(self.decimals + 1, "0")
        return f"{sign}{digits[: -self.decimals]}.{digits[-self.decimals :]} {self.symbol}"

    def __str__(self) -> str:
        return f"{10**-self.decimals:.{self.decimals}f} {self.symbol}" if self.decimals else self.symbol


SECOND, METRE, DEGREE, PERCENT = Unit("s"), Unit("m"), Unit("°"), Unit("%")
KM_10, LITRE_10, KMH_10, DEGREE_E6 = Unit("km", 1), Unit("L", 1), Unit("km/h", 1), Unit("°", 6)
KMH, MINUTE, MILLISECOND, CELSIUS = Unit("km/h"), Unit("min"), Unit("ms"), Unit("°C")


@dataclass(slots=True)
class Span:
    """Where one field was found: the material of an explanation. Offsets count from the start of the body."""

    offset: int
    length: int
    field: str
    zh: str
    value: str
    note: str = ""


@dataclass(slots=True)
class Scope:
    """Surroundings of one reading: edition, fields read so far, what was odd, and (if asked for) every place."""

    edition: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    spans: list[Span] | None = None
    prefix: str = ""
    reading: Reading = STANDARD
    message: str = ""
    """Id of the message that is read, such as ``0x0200``."""
    room: int = ROOM
    """Bytes of objects that lists may still keep."""
    left: int = ELEMENTS_MAX
    """List elements that may still come."""
    named: dict[str, int] = field(default_factory=dict)
    """How often each oddity was noted."""

    def mark(self, offset: int, end: int, name: str, zh: str, value: str, note: str = "") -> None:
        """Record a place, if places are being recorded; the recording ends with ``SPANS_MAX`` of them."""
        if self.spans is None:
            return
        self.spans.append(Span(offset, end - offset, self.prefix + name, zh, value, note))
        if len(self.spans) >= SPANS_MAX:
            self.spans = None

    def odd(self, word: str, detail: str = "") -> None:
        """Note an oddity; the same word at most ``PROBLEMS_MAX`` times."""
        self.named[word] = times = self.named.get(word, 0) + 1
        if times <= PROBLEMS_MAX:
            self.problems.append(f"{word}: {detail}" if detail else word)


class WireType(Generic[T]):
    """One wire type. ``composite`` types record the places of their own parts."""

    label: str = ""
    """As the standard writes it: WORD, BCD[6], STRING …"""
    composite: bool = False
    cost: int = 120
    """Bytes of the Python object of one value, without its text or data."""

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[T, int]:
        """The value that begins at ``at`` and the place after it.

        Raises ProtocolError ``body_short`` or ``body_malformed``.
        """
        raise NotImplementedError

    def write(self, value: T, edition: int) -> bytes:
        """``value`` on the wire. Raises ProtocolError ``value``."""
        raise NotImplementedError

    def json(self, value: T) -> Any:
        """``value`` as JSON."""
        return value

    def put(self, name: str, value: T, out: dict[str, Any]) -> None:
        """Put ``value`` into the JSON object of its message."""
        out[name] = self.json(value)

    def text(self, value: T) -> str:
        """``value`` for a reader."""
        return str(value)

    def special(self, value: T) -> str:
        """What ``value`` says in place of a number, or empty."""
        return ""

    def fits(self, length: int) -> bool:
        """Whether a value can have ``length`` bytes."""
        size = getattr(self, "size", None)
        return size is None or size == length


def need(data: bytes, at: int, end: int, size: int, label: str) -> None:
    """Raise ProtocolError ``body_short`` unless ``size`` bytes are left."""
    if end - at < size:
        raise ProtocolError("body_short", f"{label}: need {size}, have {max(end - at, 0)}", at)


class Integer(WireType[int]):
    """BYTE, WORD, DWORD: unsigned, big-endian. ``hex_digits``: shown as ``0x…``, in JSON too when it is an id.

    ``all_ones``: what the highest value means where it is no number.
    """

    cost = 48

    def __init__(self, label: str, size: int, hex_digits: int = 0, is_id: bool = False, all_ones: str = "") -> None:
        self.label, self.size, self.hex_digits, self.is_id, self.all_ones = label, size, hex_digits, is_id, all_ones
        self.highest = 256**size - 1

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[int, int]:
        stop = at + self.size
        if stop > end:
            need(data, at, end, self.size, self.label)
        return int.from_bytes(data[at:stop], "big"), stop

    def write(self, value: int, edition: int) -> bytes:
        if not isinstance(value, int) or not 0 <= value <= self.highest:
            raise ProtocolError("value", f"{value!r}: {self.label} is a whole number from 0 to {self.highest}")
        return value.to_bytes(self.size, "big")

    def json(self, value: int) -> Any:
        return self.text(value) if self.is_id else value

    def text(self, value: int) -> str:
        return f"0x{value:0{self.hex_digits}X}" if self.hex_digits else str(value)

    def special(self, value: int) -> str:
        return self.all_ones if value == self.highest else ""


BYTE, WORD, DWORD = Integer("BYTE", 1), Integer("WORD", 2), Integer("DWORD", 4)
MESSAGE_ID, PARAMETER_ID = Integer("WORD", 2, 4, is_id=True), Integer("DWORD", 4, 4, is_id=True)
FLAGS_BYTE, FLAGS_WORD, FLAGS_DWORD = Integer("BYTE", 1, 2), Integer("WORD", 2, 4), Integer("DWORD", 4, 8)
ID_BYTE, ID_DWORD = Integer("BYTE", 1, 2, is_id=True), Integer("DWORD", 4, 8, is_id=True)
FLAGS_64 = Integer("BYTE[8]", 8, 16, is_id=True)


class Digits(WireType[str]):
    """BCD[n]: n bytes as 2n digits. Hex digits that devices put there are kept (ICCID, packed IMEI)."""

    def __init__(self, size: int) -> None:
        self.size, self.label = size, f"BCD[{size}]"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[str, int]:
        need(data, at, end, self.size, self.label)
        return data[at : at + self.size].hex(), at + self.size

    def write(self, value: str, edition: int) -> bytes:
        try:
            raw = bytes.fromhex(value)
        except (ValueError, TypeError):
            raw = b""
        if len(raw) != self.size or len(value) != 2 * self.size:
            raise ProtocolError("value", f"{value!r}: {self.label} is {2 * self.size} digits")
        return raw


def time_text(raw: bytes) -> str:
    """Six bytes ``YY MM DD hh mm ss`` as ``20YY-MM-DD hh:mm:ss``, digit by digit, whatever they are."""
    d = raw.hex()
    return f"20{d[:2]}-{d[2:4]}-{d[4:6]} {d[6:8]}:{d[8:10]}:{d[10:]}"


def time_value(text: str) -> datetime | None:
    """The instant of a time field (GMT+8 but for 0x8004, which is UTC) without zone, or None when it is no date."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Time(WireType[str]):
    """BCD[6], given as text. Digits that make no date are kept (§11.3, 16)."""

    label = "BCD[6]"
    size = 6

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[str, int]:
        stop = at + 6
        if stop > end:
            need(data, at, end, 6, self.label)
        return time_text(data[at:stop]), stop

    def write(self, value: str, edition: int) -> bytes:
        try:
            raw = bytes.fromhex("".join(value[place : place + 2] for place in (2, 5, 8, 11, 14, 17)))
        except (ValueError, TypeError):
            raw = b""
        if len(raw) != 6 or time_text(raw) != value:
            raise ProtocolError("value", f"{value!r}: a time is written 20YY-MM-DD hh:mm:ss")
        return raw


TIME = Time()


def hex_text(raw: bytes | memoryview) -> str:
    """Bytes for a reader, in hex: all that one frame can hold; of more the beginning and the length."""
    return raw.hex(" ") if len(raw) <= WHOLE_MAX else f"{raw[:WHOLE_MAX].hex(' ')} … {len(raw)} 字节"


class Bytes(WireType[bytes]):
    """BYTE[n], or every byte left when ``size`` is None."""

    def __init__(self, size: int | None = None) -> None:
        self.size, self.label = size, f"BYTE[{'n' if size is None else size}]"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[bytes, int]:
        if self.size is None:
            return data[at:end], end
        need(data, at, end, self.size, self.label)
        return data[at : at + self.size], at + self.size

    def write(self, value: bytes, edition: int) -> bytes:
        if not isinstance(value, bytes) or (self.size is not None and len(value) != self.size):
            raise ProtocolError("value", f"{value!r}: {self.label} expected")
        return value

    def json(self, value: bytes) -> Any:
        return value.hex()

    def text(self, value: bytes) -> str:
        return hex_text(value) if value else "—"


REST = Bytes()


class MeasuredBytes(WireType[bytes]):
    """Bytes whose length is an earlier field, ``length``."""

    def __init__(self, length: str) -> None:
        self.length, self.label = length, f"BYTE[{length}]"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[bytes, int]:
        size = scope.values[self.length]
        need(data, at, end, size, self.label)
        return data[at : at + size], at + size

    def write(self, value: bytes, edition: int) -> bytes:
        return REST.write(value, edition)

    def json(self, value: bytes) -> Any:
        return value.hex()

    def text(self, value: bytes) -> str:
        return REST.text(value)


class Text(WireType[str]):
    """STRING to the end of the body or list item. 2011 ends it with 0x00 (draft §4.2), later editions with nothing."""

    label = "STRING"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[str, int]:
        if end - at > TEXT_MAX:
            raise too_long(self.label, end - at, at)
        return read_text(data[at:end], scope.reading.charset), end

    def write(self, value: str, edition: int) -> bytes:
        raw = write_text(value, self.label)
        return raw + b"\x00" if edition == 2011 else raw


STRING = Text()


class FixedText(WireType[str]):
    """BYTE[n] that holds text, padded with ``pad`` behind or in ``front``. Trimmed at both ends (§8.5)."""

    def __init__(self, size: int, pad: bytes = b"\x00", front: bool = False) -> None:
        self.size, self.pad, self.front, self.label = size, pad, front, f"BYTE[{size}]"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[str, int]:
        stop = at + self.size
        if stop > end:
            need(data, at, end, self.size, self.label)
        return read_text(data[at:stop], scope.reading.charset), stop

    def write(self, value: str, edition: int) -> bytes:
        raw = write_text(value, self.label)
        if len(raw) > self.size:
            raise ProtocolError("value", f"{value!r}: at most {self.size} bytes of {written_charset().upper()}")
        return raw.rjust(self.size, self.pad) if self.front else raw.ljust(self.size, self.pad)


class CountedText(WireType[str]):
    """Length, one byte or two, and that many bytes of STRING."""

    def __init__(self, digits: Integer = BYTE, most: int = 0) -> None:
        self.digits, self.most = digits, min(most or digits.highest, TEXT_MAX)
        self.label = f"{digits.label} + STRING"

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[str, int]:
        length, at = self.digits.read(data, at, end, scope)
        need(data, at, end, length, self.label)
        if length > TEXT_MAX:
            raise too_long(self.label, length, at)
        return read_text(data[at : at + length], scope.reading.charset), at + length

    def write(self, value: str, edition: int) -> bytes:
        raw = write_text(value, self.label)
        if len(raw) > self.most:
            raise ProtocolError("value", f"{value!r}: at most {self.most} bytes of {written_charset().upper()}")
        return self.digits.write(len(raw), edition) + raw


COUNTED_STRING, LONG_STRING = CountedText(), CountedText(WORD)


def by_edition(value: Any, edition: int) -> Any:
    """``value`` itself, or, of a mapping from first edition to value, what holds in ``edition`` (None before)."""
    if not isinstance(value, Mapping):
        return value
    return next((value[first] for first in sorted(value, reverse=True) if edition >= first), None)
