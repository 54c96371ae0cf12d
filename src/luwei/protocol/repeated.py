"""Lists of a body: kept whole while they are small, read again element by element where they are long.

A body of a few kilobytes can hold thousands of elements of two or three bytes, and each costs a Python object a
hundred times that. What a reading may keep in objects is therefore bounded by its ``Scope.room``; a list beyond that
becomes ``Elements``, a sequence that holds the body's bytes and reads what it is asked for. Every element is read once
in either case, so that what cannot be read is refused at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

from luwei.protocol.bounds import ELEMENTS_MAX
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Scope, WireType

T = TypeVar("T")

STRIDE = 16
"""Of so many elements the place of one is known; from there the others are found by reading."""
_PLACES = "Q"
_SEQUENCE_COST = 400
"""Bytes that ``Elements`` itself takes."""
WIRE_FACTOR = 4
"""Bytes of objects for one byte of text or data."""


class Elements(Sequence[T]):
    """A long list of a decoded body. Elements are made when they are asked for and are not kept: who changes one must
    keep it.

    Equal to any sequence with equal elements. Going through it costs one reading; an element by its number costs up
    to ``STRIDE`` readings.
    """

    __slots__ = ("_count", "_data", "_edition", "_element", "_end", "_message", "_places", "_reading")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, element: WireType[T], data: bytes, places: array[int], count: int, end: int, scope: Scope
    ) -> None:
        self._element, self._data, self._places, self._count, self._end = element, data, places, count, end
        self._edition, self._reading, self._message = scope.edition, scope.reading, scope.message

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        return self._from(0)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            wanted = range(self._count)[index]
            if wanted.step < 0:
                return tuple(reversed(self[wanted[-1] : wanted[0] + 1 : -wanted.step])) if wanted else ()
            return tuple(islice(self._from(wanted.start), 0, wanted.stop - wanted.start, wanted.step))
        return next(self._from(range(self._count)[index]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(other) == self._count and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"<{self._count} × {self._element.label}>"

    def _from(self, number: int) -> Iterator[T]:
        """The elements from ``number`` on."""
        if number >= self._count:
            return
        at, first = self._places[number // STRIDE], number - number % STRIDE
        for index in range(first, self._count):
            scope = Scope(self._edition, reading=self._reading, message=self._message)
            value, at = self._element.read(self._data, at, self._end, scope)
            if index >= number:
                yield value


class Kept(Generic[T]):
    """Takes the elements of one list while they are read, and gives the list: a tuple, or ``Elements``.

    ``element`` reads the next element of the list from where one ended.
    """

    __slots__ = ("_cost", "_data", "_element", "_places", "_room", "_scope", "_values", "count")

    def __init__(self, element: WireType[T], data: bytes, scope: Scope) -> None:
        self._element, self._data, self._scope = element, data, scope
        self._values: list[T] | None = []
        self._places = array(_PLACES)
        self._room, self._cost = scope.room, element.cost
        self.count = 0

    def add(self, value: T, start: int, stop: int) -> None:
        """Take one element read from ``start`` to ``stop``. Raises ProtocolError ``body_malformed`` where the body
        holds more than ``ELEMENTS_MAX``."""
        scope, count = self._scope, self.count
        if count >= scope.left:
            raise too_many(self._element.label, start)
        if not count % STRIDE:
            self._places.append(start)
        self.count = count + 1
        if self._values is not None:
            scope.room -= self._cost + WIRE_FACTOR * (stop - start)
            if scope.room >= 0:
                self._values.append(value)
                return
            self._values = None
        scope.room = self._room

    def close(self, end: int) -> Sequence[T]:
        """The list; ``end`` is where its bytes may end."""
        scope = self._scope
        scope.left -= self.count
        if self._values is not None:
            return tuple(self._values)
        scope.room -= _SEQUENCE_COST
        return Elements(self._element, self._data, self._places, self.count, end, scope)


def too_many(label: str, at: int) -> ProtocolError:
    """The refusal of a body with more elements than it may have."""
    return ProtocolError("body_malformed", f"{label}: more than {ELEMENTS_MAX} elements in one body", at)


class Repeated(WireType[Sequence[T]], Generic[T]):
    """A list whose length is an earlier field, ``count``; or, with ``count`` empty, that runs to the end.

    ``here`` names the field that 2011 has for what is in this packet; where it has a value it counts (§10). ``times``:
    a fixed number of elements. ``least``: bytes of the smallest element that makes sense; a count that the bytes
    cannot hold is then refused before anything is read.
    """

    composite = True

    def __init__(self, element: WireType[T], count: str = "", here: str = "", times: int = 0, least: int = 0) -> None:
        self.element, self.count, self.here, self.times, self.least = element, count, here, times, least
        self.label = f"{element.label} × {count or times or 'n'}"
        size = getattr(element, "size", None)
        self.size = size * times if times and size else None

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Sequence[T], int]:
        wanted = scope.values[self.count] if self.count else self.times or -1
        if self.here and scope.values[self.here] is not None:
            wanted = scope.values[self.here]
        if wanted > scope.left:
            raise too_many(self.label, at)
        if self.least and wanted * self.least > end - at:
            raise ProtocolError("body_short", f"{self.label}: {wanted} elements in {end - at} bytes", at)
        element, kept = self.element, Kept(self.element, data, scope)
        marked, outer = scope.spans is not None, scope.prefix
        while at < end if wanted < 0 else kept.count < wanted:
            start = at
            if marked and element.composite:
                scope.prefix = f"{outer}[{kept.count}]"
            value, at = element.read(data, at, end, scope)
            if at == start:
                raise ProtocolError("body_malformed", f"{self.label}: empty element", at)
            if marked and not element.composite:
                scope.mark(start, at, f"[{kept.count}]", "", element.text(value))
            kept.add(value, start, at)
        scope.prefix = outer
        return kept.close(end), at

    def write(self, value: Sequence[T], edition: int) -> bytes:
        if self.times and len(value) != self.times:
            raise ProtocolError("value", f"{len(value)} elements: {self.label} expected")
        return b"".join(self.element.write(element, edition) for element in value)

    def json(self, value: Sequence[T]) -> Any:
        return [self.element.json(element) for element in value]

    def text(self, value: Sequence[T]) -> str:
        return ", ".join(self.element.text(element) for element in value)
