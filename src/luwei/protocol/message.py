"""A message is one table: this module turns that table into decoding, encoding, JSON and explanation.

Each line of a message class is one field::

    class GeneralReply(Message, id=0x8001, zh="平台通用应答", en="Platform general reply", clause="§8.2"):
        reply_serial: int = field(WORD, "应答流水号")
        reply_id: int = field(MESSAGE_ID, "应答ID")
        result: int = field(BYTE, "结果", values=RESULTS)

Reading is tolerant: what a real device does wrong is kept and named in ``problems``, never dropped. Writing is strict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import LATEST, Scope, Span, hex_text
from luwei.protocol.layout import Bits, Field, When, bit, equals, field, present
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.record import EDITIONS, Nested, Record, fitting

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
        """Read one body. ``spans`` receives the place of every field, also up to a fault; of a body with more than
        ``SPANS_MAX`` the first, and one that stands for the rest. ``reading``: the dialect's.

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
            scope.odd(f"layout_{layout}")
        message, at = cls.read(body, 0, len(body), scope)
        if at < len(body):
            message.remainder = body[at:]
            scope.odd("body_trailing", f"{len(body) - at} bytes")
            if scope.spans is not None:
                scope.mark(at, len(body), "remainder", "多余字节", hex_text(message.remainder))
        listed = spans[-1].offset + spans[-1].length if spans and scope.spans is None else len(body)
        if spans and listed < len(body):
            note = f"只列前 {len(spans)} 行"
            spans.append(Span(listed, len(body) - listed, "unlisted", "其余字段", f"{len(body) - listed} 字节", note))
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
    message_id: int,
    edition: int,
    body: bytes,
    *,
    direction: Direction | None = None,
    reading: Reading = STANDARD,
) -> Message | RawMessage:
    """Decode a whole (reassembled, decrypted) body.

    An id that is not declared, or that cannot come in ``direction`` (a terminal that sends 0x8100), stays raw. Raises
    ProtocolError ``body_short`` or ``body_malformed``.
    """
    declared = REGISTRY.get(message_id)
    if declared is None or (direction is not None and declared.way != direction):
        return RawMessage(message_id, edition, body)
    return declared.decode(body, edition, reading=reading)


def body_fits(message_id: int, edition: int, body: bytes) -> bool:
    """Whether ``body`` parses to its end, without any oddity, as the declared message of that id."""
    declared = REGISTRY.get(message_id)
    if declared is None:
        return False
    try:
        return not declared.decode(body, edition).problems
    except ProtocolError:
        return False
