"""One line of a message's table: what the field is called, how it is written, when it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from luwei.protocol.fields import LATEST, Unit, WireType, by_edition

REQUIRED: Any = object()
"""Default of a field that the constructor demands."""


@dataclass(frozen=True, slots=True)
class When:
    """Condition on an earlier field: one of ``values``, or, with ``bit``, that bit set, or, with neither, present."""

    field: str
    bit: int = -1
    values: frozenset[int] = frozenset()

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Whether the condition holds among the values read so far."""
        value = known.get(self.field)
        if value is None:
            return False
        if self.bit >= 0:
            return bool(value >> self.bit & 1)
        return not self.values or value in self.values

    def __str__(self) -> str:
        if self.bit >= 0:
            return f"bit {self.bit} of `{self.field}`"
        wanted = ", ".join(map(str, sorted(self.values)))
        return f"`{self.field}` {wanted}" if wanted else f"`{self.field}` present"


def bit(field: str, number: int) -> When:
    """Present when bit ``number`` of ``field`` is set."""
    return When(field, number)


def equals(field: str, *values: int) -> When:
    """Present when ``field`` has one of ``values``."""
    return When(field, values=frozenset(values))


def present(field: str) -> When:
    """Present when ``field`` is."""
    return When(field)


class Bits(Protocol):
    """A table of bit meanings."""

    zh: str

    def text(self, value: int, edition: int) -> str:
        """Names of what is set."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a message's table."""

    name: str
    wire: WireType[Any] | Mapping[int, WireType[Any]]
    zh: str
    en: str
    unit: Unit | None
    values: Mapping[int, str] | None
    bits: Bits | None
    meaning: Callable[[Any, int], str] | None
    since: int
    until: int
    may_end: bool
    when: When | None
    counts: str
    json: bool
    note: str
    default: Any

    def type_in(self, edition: int) -> WireType[Any]:
        """Wire type in ``edition``."""
        wire: WireType[Any] = by_edition(self.wire, edition)
        return wire

    def named(self, name: str) -> Field:
        """The same line under ``name``."""
        return replace(self, name=name)

    def text(self, value: Any, edition: int) -> str:
        """``value`` for a reader, with its unit."""
        wire = self.type_in(edition)
        special = wire.special(value)
        if special or self.unit is None or not isinstance(value, int):
            return special or wire.text(value)
        return self.unit.text(value)

    def explain(self, value: Any, edition: int) -> str:
        """What ``value`` means: name of the enumerated value, of the bits that are set, or the field's own reading."""
        if self.values is not None:
            return self.values.get(value, "未定义")
        if self.bits is not None:
            return self.bits.text(value, edition)
        return self.meaning(value, edition) if self.meaning is not None else ""


def field(
    wire: WireType[Any] | Mapping[int, WireType[Any]],
    zh: str,
    en: str = "",
    *,
    unit: Unit | None = None,
    values: Mapping[int, str] | None = None,
    bits: Bits | None = None,
    meaning: Callable[[Any, int], str] | None = None,
    since: int = 2011,
    until: int = LATEST,
    may_end: bool = False,
    when: When | None = None,
    counts: str = "",
    json: bool = True,
    note: str = "",
    default: Any = REQUIRED,
) -> Any:
    """Declare one field of a message.

    ``wire`` may be a mapping from the first edition to the type it has from then on. ``since``/``until`` are the
    editions that have the field; elsewhere its value is None. ``may_end``: the body may end before it (then None).
    ``when``: the field is there only then (else None), which strict writing demands too.
    ``counts``: the field holds the length of that list and is filled in when left out. ``json`` false: not in the JSON
    form. ``default`` serves the constructor only.
    """
    return Field(
        "", wire, zh, en, unit, values, bits, meaning, since, until, may_end, when, counts, json, note, default
    )
