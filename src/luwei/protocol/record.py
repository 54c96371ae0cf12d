"""A table of fields in Python: what ``message`` makes bodies of, and lists their elements.

Reading is tolerant: what a real device does wrong is kept and named in ``problems``, never dropped. Writing is strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import LATEST, Scope, WireType
from luwei.protocol.layout import REQUIRED, Field, field

EDITIONS = (2011, 2013, 2019)

RECORD_COST, FIELD_COST = 120, 8
"""Bytes of a record's object, and of each of its fields besides the value."""

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
        self.cost = RECORD_COST + sum(FIELD_COST + f.type_in(f.since).cost for f in record.fields)

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
