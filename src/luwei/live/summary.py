"""Counts by state, and how old the data is."""

from __future__ import annotations

from collections import deque

import msgspec
import numpy as np

from luwei.live.fleet import BIT_ALARM, MOVING, STATE_MASK, STOPPED, Fleet, Ints
from luwei.live.view import Selection

DELAY_WINDOW_S = 10
"""Delay and rate are taken over so many seconds."""


class Counts(msgspec.Struct, frozen=True):
    """Vehicles of a selection by state; ``offline`` includes those never heard of, ``alarm`` counts online ones."""

    total: int
    online: int
    moving: int
    stopped: int
    offline: int
    alarm: int


def count(fleet: Fleet, selection: Selection) -> Counts:
    """Count the vehicles of ``selection``, whatever state it asks for."""
    chosen = fleet.wire[: fleet.size][selection.any_state().mask(fleet)]
    by_state = np.bincount(chosen & STATE_MASK, minlength=4)
    total, moving, stopped = len(chosen), int(by_state[MOVING]), int(by_state[STOPPED])
    return Counts(
        total=total,
        online=moving + stopped,
        moving=moving,
        stopped=stopped,
        offline=total - moving - stopped,
        alarm=int(np.count_nonzero(chosen & BIT_ALARM)),
    )


def count_by_area(fleet: Fleet, selection: Selection) -> dict[int, Counts]:
    """Counts of ``selection`` by city, or by county where it names a city; keys are adcodes, 0 for unknown."""
    ids = np.flatnonzero(selection.any_state().mask(fleet))
    areas, which = np.unique((fleet.city if selection.city is None else fleet.county)[ids], return_inverse=True)
    wire = fleet.wire[ids]
    states = np.bincount(which * 4 + (wire & STATE_MASK), minlength=len(areas) * 4).reshape(-1, 4)
    alarms = np.bincount(which[wire & BIT_ALARM != 0], minlength=len(areas))
    result = {}
    for area, by_state, alarm in zip(areas.tolist(), states.tolist(), alarms.tolist(), strict=True):
        total, moving, stopped = sum(by_state), by_state[MOVING], by_state[STOPPED]
        result[area] = Counts(total, moving + stopped, moving, stopped, total - moving - stopped, alarm)
    return result


class Pace:
    """Locations a second, and the median time from the gateway's receipt to the live arrays."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, Ints]] = deque(maxlen=DELAY_WINDOW_S)
        self._delays: list[Ints] = []
        self.delay_ms: int | None = None
        self.per_s = 0.0

    def arrived(self, received_ms: Ints, now_ms: int) -> None:
        """Note the locations of one batch."""
        self._delays.append(now_ms - received_ms)

    def tick(self) -> None:
        """Close the second."""
        delays = np.concatenate(self._delays) if self._delays else np.empty(0, np.int64)
        self._delays.clear()
        kept = delays if len(delays) <= 1000 else delays[:: len(delays) // 1000 + 1]
        self._seconds.append((len(delays), kept))
        self.per_s = sum(n for n, _ in self._seconds) / len(self._seconds)
        recent = np.concatenate([values for _, values in self._seconds])
        self.delay_ms = max(int(np.median(recent)), 0) if len(recent) else None
