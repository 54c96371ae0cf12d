"""A message is one table: this module turns that table into decoding, encoding, JSON and explanation.

Each line of a message class is one field::

    class GeneralReply(Message, id=0x8001, zh="平台通用应答", en="Platform general reply", clause="§8.2"):
        reply_serial: int = field(WORD, "应答流水号")
        reply_id: int = field(MESSAGE_ID, "应答ID")
        result: int = field(BYTE, "结果", values=RESULTS)

Reading is tolerant: what a real device does wrong is kept and named in ``problems``, never dropped. Writing is strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import LATEST, Scope, Span, WireType
from luwei.protocol.layout import REQUIRED, Bits, Field, When, bit, equals, field, present
from luwei.protocol.reading import STANDARD, Reading

__all__ = [
    "EDITIONS",
    "REGISTRY",
    "Bits",
    "Direction",
    "Field",
    "Message",
    "Nested",
    "RawMessage",
    "Record",
    "When",
    "bit",
    "body_fits",
    "decode_body",
    "equals",
    "field",
    "fitting",
    "present",
]

Direction = Literal["up", "down"]
"""``up``: from the terminal to the platform."""

EDITIONS = (2011, 2013, 2019)

_Step = tuple[str, Field, WireType[Any]]


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Record:
    """A table of fields: a whole body, or an element of a list in one.

    Two records are equal when the fields are, of the edition that one of them was read in.
    """

    fields: ClassVar[tuple[Field, ...]] = ()
    _steps: ClassVar[dict[int, tuple[_Step, ...]]] = {}
    _absent: ClassVar[dict[int, dict[str, None]]] = {edition: {} for edition in EDITIONS}
    """Fields that an edition lacks."""

    edition: int
    """Edition whose layout was read; 0 in a record that was built, not read."""
    problems: tuple[str, ...]
    """What was odd about the bytes, each a stable word, some followed by ``: detail``."""
    remainder: bytes
    """Bytes after the last field."""

    def __init__(self, **values: Any) -> None:
        for declared in self.fields:
            if declared.name in values:
                value = values.pop(declared.name)
            elif declared.counts:
                value = None
            elif declared.default is REQUIRED:
                raise TypeError(f"{type(self).__name__}: {declared.name} is missing")
            else:
                value = declared.default
            self.__dict__[declared.name] = value
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")
        for declared in self.fields:
            if declared.counts and self.__dict__[declared.name] is None:
                counted = self.__dict__[declared.counts]
                self.__dict__[declared.name] = None if counted is None else len(counted)
        self.edition, self.problems, self.remainder = 0, (), b""

    def __init_subclass__(cls, **_: Any) -> None:
        super().__init_subclass__()
        own = []
        for name, declared in list(cls.__dict__.items()):
            if isinstance(declared, Field):
                own.append(declared.named(name))
                delattr(cls, name)
        inherited = {f.name: f for base in reversed(cls.__mro__[1:]) for f in base.__dict__.get("_own", ())}
        cls._own = tuple(own)  # type: ignore[attr-defined]
        cls.fields = (*inherited.values(), *own)
        cls._steps = {
            edition: tuple((f.name, f, f.type_in(edition)) for f in cls.fields if f.since <= edition <= f.until)
            for edition in EDITIONS
        }
        cls._absent = {
            edition: {f.name: None for f in cls.fields if not f.since <= edition <= f.until} for edition in EDITIONS
        }

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        edition = self.edition or other.edition or LATEST
        return all(self.__dict__[name] == other.__dict__[name] for name, _, _ in self._steps[edition])

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ", ".join(f"{f.name}={self.__dict__[f.name]!r}" for f in self.fields)
        return f"{type(self).__name__}({values})"

    @classmethod
    def fields_in(cls, edition: int) -> tuple[Field, ...]:
        """The fields that ``edition`` has, in wire order."""
        return tuple(step[1] for step in cls._steps[edition])

    @classmethod
    def read(cls, data: bytes, at: int, end: int, scope: Scope) -> tuple[Self, int]:
        """The record at ``at``, and the place after it. Raises ProtocolError ``body_short`` or ``body_malformed``."""
        record = cls.__new__(cls)
        values = cls._absent[scope.edition].copy()
        outer, scope.values = scope.values, values
        traced = scope.spans is not None
        name = ""
        try:
            for name, declared, wire in cls._steps[scope.edition]:
                if declared.when is not None and not declared.when.holds(values):
                    values[name] = None
                    continue
                if declared.may_end and at >= end:
                    values[name] = None
                    continue
                start = at
                if traced and wire.composite:
                    prefix, scope.prefix = scope.prefix, scope.prefix + name
                    value, at = wire.read(data, at, end, scope)
                    scope.prefix = prefix
                else:
                    value, at = wire.read(data, at, end, scope)
                values[name] = value
                if traced and not wire.composite:
                    text, note = (
                        declared.text(value, scope.edition),
                        scope.reading.word(scope.prefix, name, value, scope.message),
                    )
                    if note is None:
                        note = declared.explain(value, scope.edition)
                    scope.mark(start, at, name, declared.zh, text, note)
        except ProtocolError as error:
            raise ProtocolError(error.code, f"{name}: {error.detail}", error.offset) from None
        scope.values = outer
        # set by name, not through ``__dict__``: such an instance needs no dictionary of its own
        for name, value in values.items():
            setattr(record, name, value)
        record.edition, record.problems, record.remainder = scope.edition, (), b""
        return record, at

    def encode(self, edition: int) -> bytes:
        """The record as ``edition`` writes it.

        Raises ProtocolError ``value`` (a field is missing or out of range, a count contradicts its list) or ``edition``
        (a field has a value but ``edition`` has no such field, or there is no such edition).
        """
        if edition not in EDITIONS:
            raise ProtocolError("edition", f"{edition}: must be one of 2011, 2013, 2019")
        known = {step[0] for step in self._steps[edition]}
        for declared in self.fields:
            if declared.name not in known and not declared.counts and self.__dict__[declared.name] is not None:
                raise ProtocolError("edition", f"{edition} has no {declared.name}")
        out = bytearray()
        ended = ""
        for name, declared, wire in self._steps[edition]:
            value = self.__dict__[name]
            if declared.when is not None and not declared.when.holds(self.__dict__):
                if value is not None:
                    raise ProtocolError("value", f"{name}: only with {declared.when}")
                continue
            if value is None and declared.may_end:
                ended = ended or name
                continue
            if value is None or ended:
                raise ProtocolError("value", f"{ended or name} is missing")
            if declared.counts:
                counted = self.__dict__[declared.counts]
                if value != len(counted or ()):
                    raise ProtocolError("value", f"{name} {value}: {declared.counts} has {len(counted or ())}")
            try:
                out += wire.write(value, edition)
            except ProtocolError as error:
                raise ProtocolError(error.code, f"{name}: {error.detail}") from None
        return bytes(out)

    def filled(self, edition: int = LATEST) -> list[tuple[Field, Any]]:
        """The fields of ``edition`` that have a value, with it."""
        return [(f, v) for name, f, _ in self._steps[edition] if (v := self.__dict__[name]) is not None]

    def to_json(self) -> dict[str, Any]:
        """Field names and wire values, unscaled; fields without a value are left out."""
        out: dict[str, Any] = {}
        for name, declared, wire in self._steps[self.edition or LATEST]:
            value = self.__dict__[name]
            if value is not None and declared.json:
                wire.put(name, value, out)
        return out


R = TypeVar("R", bound=Record)


def fitting(tables: Sequence[type[R]], data: bytes, at: int, end: int, edition: int) -> type[R] | None:
    """The first of ``tables`` that reads ``data[at:end]`` to its end and finds nothing odd, or None."""
    for table in tables:
        scope = Scope(edition)
        try:
            _, stop = table.read(data, at, end, scope)
        except ProtocolError:
            continue
        if stop == end and not scope.problems:
            return table
    return None


class Nested(WireType[Record]):
    """A record inside another one."""

    composite = True

    def __init__(self, record: type[Record]) -> None:
        self.record, self.label = record, record.__name__
        sizes = [None if f.may_end or f.when else getattr(f.type_in(LATEST), "size", None) for f in record.fields]
        self.size = None if None in sizes else sum(size for size in sizes if size)

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Record, int]:
        outer = scope.prefix
        if outer and outer[-1] != ".":
            scope.prefix = f"{outer}."
        value, stop = self.record.read(data, at, end, scope)
        scope.prefix = outer
        return value, stop

    def write(self, value: Record, edition: int) -> bytes:
        return value.encode(edition)

    def json(self, value: Record) -> Any:
        return value.to_json()

    def text(self, value: Record) -> str:
        return "，".join(f"{f.zh} {f.text(v, LATEST)}" for f, v in value.filled(LATEST))


class Message(Record):
    """A message body with its id. Subclasses name it in the class line and register themselves."""

    id: ClassVar[int] = -1
    zh: ClassVar[str] = ""
    en: ClassVar[str] = ""
    clause: ClassVar[str] = ""
    way: ClassVar[Direction] = "up"
    since: ClassVar[int] = 2011
    until: ClassVar[int] = LATEST
    """Last edition that defines it; devices of later ones may still send it, so it is read there too."""
    source: ClassVar[str] = "JT/T 808"
    variants: ClassVar[tuple[type[Message], ...]] = ()
    """Where a body has several layouts that only its length tells apart: one table for each, the likeliest first."""
    dialect: ClassVar[str] = ""
    """Name of the active-safety dialect that this table belongs to."""

    def __init_subclass__(
        cls,
        *,
        id: int = -1,
        zh: str = "",
        en: str = "",
        clause: str = "",
        since: int = 0,
        until: int = 0,
        source: str = "",
        **_: Any,
    ) -> None:
        super().__init_subclass__()
        taken = [f.name for f in cls.fields if f.name in Message.__annotations__]
        if taken:
            raise TypeError(f"{cls.__name__}: {', '.join(taken)} would hide what every message has")
        cls.variants = ()
        cls.since, cls.until, cls.source = since or cls.since, until or cls.until, source or cls.source
        if id >= 0:
            cls.id, cls.zh, cls.en, cls.clause = id, zh, en, clause
            cls.way = "down" if id >= 0x8000 else "up"
            REGISTRY[id] = cls

    def encode(self, edition: int) -> bytes:
        """The body as ``edition`` writes it.

        Raises ProtocolError as ``Record.encode``, and ``edition`` where ``edition`` has no such message: who builds
        one for it has not asked what the terminal speaks, and a terminal would answer "unsupported" at best. What a
        device sent all the same is written again in the edition it was read in.
        """
        foreign = edition in EDITIONS and not self.since <= edition <= self.until
        if foreign and self.id >= 0 and self.edition != edition:
            span = f"{self.since}" if self.since == self.until else f"{self.since}-{self.until}"
            raise ProtocolError(
                "edition", f"0x{self.id:04X} {self.zh} is no message of {edition}: {self.source} {self.clause}, {span}"
            )
        return super().encode(edition)

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        """Edition whose layout ``body`` has, where the header's edition alone does not tell."""
        return edition

    @classmethod
    def decode(cls, body: bytes, edition: int, spans: list[Span] | None = None, reading: Reading = STANDARD) -> Self:
        """Read one body. ``spans`` receives the place of every field, also up to a fault. ``reading``: the dialect's.

        Raises ProtocolError ``body_short`` or ``body_malformed``; ``edition`` for a year that is no edition.
        """
        if edition not in EDITIONS:
            raise ProtocolError("edition", f"{edition}: must be one of 2011, 2013, 2019")
        layout = cls.layout(body, edition)
        if cls.variants:
            found: Self = cls._variant(body, layout, reading).decode(body, edition, spans, reading)
            return found
        scope = Scope(layout, spans=spans, reading=reading, message=f"0x{cls.id:04X}")
        if edition == 2019 != layout:
            scope.problems.append(f"layout_{layout}")
        message, at = cls.read(body, 0, len(body), scope)
        if at < len(body):
            message.remainder = body[at:]
            scope.problems.append(f"body_trailing: {len(body) - at} bytes")
            scope.mark(at, len(body), "remainder", "多余字节", message.remainder.hex(" "))
        message.problems = tuple(scope.problems)
        return message

    @classmethod
    def _variant(cls, body: bytes, edition: int, reading: Reading) -> type[Any]:
        """The table of ``variants`` that fits, the reading's own first; the first, where none does and they are not
        dialects."""
        tables = cls.variants
        if reading.safety:
            tables = tuple(sorted(tables, key=lambda table: table.dialect != reading.safety))
        found = fitting(tables, body, 0, len(body), edition)
        if found is None and cls.variants[0].dialect:
            known = ", ".join(table.dialect for table in cls.variants)
            raise ProtocolError("body_malformed", f"{len(body)} bytes fit no dialect of {known}", 0)
        return found or cls.variants[0]

    def to_json(self) -> dict[str, Any]:
        """As a record, with the dialect where bodies differ by dialect."""
        return super().to_json() | ({"dialect": self.dialect} if self.dialect else {})


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A body that no declaration describes, kept as it came."""

    id: int
    edition: int
    body: bytes

    def to_json(self) -> dict[str, Any]:
        """Only the bytes."""
        return {"body_hex": self.body.hex()}


REGISTRY: dict[int, type[Message]] = {}
"""Every declared message by id."""


def decode_body(
    message_id: int, edition: int, body: bytes, *, direction: Direction | None = None
) -> Message | RawMessage:
    """Decode a whole (reassembled, decrypted) body.

    An id that is not declared, or that cannot come in ``direction`` (a terminal that sends 0x8100), stays raw. Raises
    ProtocolError ``body_short`` or ``body_malformed``.
    """
    declared = REGISTRY.get(message_id)
    if declared is None or (direction is not None and declared.way != direction):
        return RawMessage(message_id, edition, body)
    return declared.decode(body, edition)


def body_fits(message_id: int, edition: int, body: bytes) -> bool:
    """Whether ``body`` parses to its end, without any oddity, as the declared message of that id."""
    declared = REGISTRY.get(message_id)
    if declared is None:
        return False
    try:
        return not declared.decode(body, edition).problems
    except ProtocolError:
        return False
