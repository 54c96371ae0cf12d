"""Clocks that are off by eight hours (reference §11.3, 17): a running median over live reports, session by session.

Only some ticks are looked at, so that the watch costs nothing next to decoding; a terminal is judged after ``SAMPLES``
of its reports were seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLES = 5
EVERY_MS = 1000
"""At most one tick in so long is looked at."""
OFF_MS = 8 * 3_600_000
NEAR_MS = 5 * 60_000
"""How near to eight hours the median must be: late reports differ from each other, a wrong zone does not."""
UNUSED = np.iinfo(np.int64).min

BEHIND, AHEAD = "clock_behind", "clock_ahead"


class ClockWatch:
    """The last delays (receipt minus terminal's time) of each slot."""

    def __init__(self, slots: int) -> None:
        self._delays = np.zeros((slots, SAMPLES), np.int64)
        self._seen = np.zeros(slots, np.uint8)
        self._due_ms = 0

    def due(self, at_ms: int) -> bool:
        """Whether this tick is one to be looked at."""
        return at_ms >= self._due_ms

    def look(self, slots: npt.NDArray[np.intp], delay_ms: npt.NDArray[np.int64], at_ms: int) -> list[tuple[int, str]]:
        """Take the live reports of a tick (``delay_ms`` ``UNUSED`` where the time is unreadable); slot and reason of
        each session that is off. A session is judged once in ``SAMPLES`` looks."""
        self._due_ms = at_ms + EVERY_MS
        usable = delay_ms != UNUSED
        slots, delay_ms = slots[usable], delay_ms[usable]
        if not slots.size:
            return []
        last = np.ones(slots.size, np.bool_)
        last[:-1] = slots[1:] != slots[:-1]
        slots, delay_ms = slots[last], delay_ms[last]
        self._delays[slots, self._seen[slots] % SAMPLES] = delay_ms
        self._seen[slots] += 1
        full = slots[self._seen[slots] == SAMPLES]
        if not full.size:
            return []
        self._seen[full] = 0
        median = np.median(self._delays[full], axis=1)
        behind, ahead = np.abs(median - OFF_MS) < NEAR_MS, np.abs(median + OFF_MS) < NEAR_MS
        off = behind | ahead
        return [
            (int(slot), BEHIND if late else AHEAD)
            for slot, late in zip(full[off].tolist(), behind[off].tolist(), strict=True)
        ]

    def forget(self, slot: int) -> None:
        """The connection of ``slot`` has ended."""
        self._seen[slot] = 0
