"""Looks that were recorded a moment ago: a screen that stays open is one look, not one every second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

LOOK_S = 60.0
CAPACITY = 50_000


class Looks:
    """Not thread-safe: the event loop is its only user. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[Hashable, float] = OrderedDict()

    def is_new(self, look: Hashable) -> bool:
        """Whether ``look`` was not seen within LOOK_S; it is from now on."""
        now = self._clock()
        last = self._last.get(look)
        if last is not None and now - last < LOOK_S:
            return False
        self._last[look] = now
        self._last.move_to_end(look)
        while len(self._last) > CAPACITY:
            self._last.popitem(last=False)
        return True
