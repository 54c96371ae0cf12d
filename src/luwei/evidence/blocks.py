"""Block map: which bytes of a file have come, as disjoint ranges in order.

Kept in arrays of machine integers: a file that arrives in a thousand pieces costs some 16 KB, and no more pieces than
``PIECES_MAX`` are told apart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

PIECES_MAX = 2048


class BlockMap:
    """Ranges [start, stop) of bytes that are there."""

    __slots__ = ("_starts", "_stops", "received")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._stops = array("Q")
        self.received = 0
        """Bytes that are there, each counted once."""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def end(self) -> int:
        """Place behind the last byte that is there."""
        return self._stops[-1] if self._stops else 0

    def fits(self, start: int, stop: int) -> bool:
        """Whether the range can be entered: one that touches none of ``PIECES_MAX`` others cannot."""
        if len(self._starts) < PIECES_MAX:
            return True
        return bisect_left(self._stops, start) < bisect_right(self._starts, stop)

    def add(self, start: int, stop: int) -> int:
        """Enter bytes ``start`` up to ``stop``; how many of them are new."""
        if stop <= start:
            return 0
        starts, stops = self._starts, self._stops
        low = bisect_left(stops, start)
        high = bisect_right(starts, stop)
        if low == high:
            starts.insert(low, start)
            stops.insert(low, stop)
            self.received += stop - start
            return stop - start
        had = sum(stops[at] - starts[at] for at in range(low, high))
        start, stop = min(start, starts[low]), max(stop, stops[high - 1])
        starts[low:high] = array("Q", [start])
        stops[low:high] = array("Q", [stop])
        self.received += stop - start - had
        return stop - start - had

    def lacking(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The parts of ``start`` up to ``stop`` that are not there, as ranges."""
        starts, stops = self._starts, self._stops
        at = bisect_right(stops, start)
        found = []
        while start < stop:
            if at >= len(starts) or starts[at] >= stop:
                found.append((start, stop))
                break
            if starts[at] > start:
                found.append((start, starts[at]))
            start = stops[at]
            at += 1
        return found

    def gaps(self, size: int) -> Iterator[tuple[int, int]]:
        """(offset, length) of what lacks of a file of ``size`` bytes, in order."""
        at = 0
        for start, stop in zip(self._starts, self._stops, strict=True):
            if start >= size:
                break
            if start > at:
                yield at, start - at
            at = stop
        if at < size:
            yield at, size - at

    def whole(self, size: int) -> bool:
        """Whether a file of ``size`` bytes is there."""
        return next(self.gaps(size), None) is None

    def cut(self, size: int) -> None:
        """Forget what lies beyond ``size``."""
        kept = [(start, min(stop, size)) for start, stop in self if start < size]
        self.clear()
        for start, stop in kept:
            self.add(start, stop)

    def clear(self) -> None:
        """Forget all."""
        del self._starts[:], self._stops[:]
        self.received = 0
