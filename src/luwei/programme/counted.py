"""Counts of the installation that took long to make, kept for some minutes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from luwei.programme.progress import Chosen, Progress, Row, length, page, progress
from luwei.registry.page import Page
from luwei.registry.scope import WHOLE, Scope

KEPT_S = 300.0
QUICK_S = 0.1
"""What takes less is counted anew each time."""
CAPACITY = 256


class Counted:
    """Progress by scope and area, and lengths of lists. Of one question one thread counts; others who ask the same take
    its answer, and nobody else waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, tuple[float, Any]] = OrderedDict()
        self._making: dict[Any, threading.Lock] = {}

    def of(self, engine: Engine, scope: Scope, area: Scope) -> Progress:
        """The counts, at most KEPT_S old; they say of when they are. Blocks."""
        key = (scope.limits, scope.aggregate, area.limits)
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                known: Progress | None = self._known(key)
            if known is None:
                began = self._clock()
                known = progress(engine, scope, area)
                with self._lock:
                    self._keep(key, began, known)
        with self._lock:
            self._making.pop(key, None)
        return known

    def page(self, engine: Engine, scope: Scope, chosen: Chosen, number: int, size: int) -> Page[Row]:
        """A page of trucks, read now; the number of all may be KEPT_S old where they are many. Blocks."""
        key = (scope.limits, chosen)
        with self._lock:
            total = self._known(key)
            counts = [self._known((scope.limits, False, area.limits)) for area in _areas(chosen)]
        if total is None:
            total = next((told for each in counts if each and (told := length(each, chosen)) is not None), None)
        began = self._clock()
        found = page(engine, scope, chosen, number, size, total=total)
        with self._lock:
            if total is None:
                self._keep(key, began, found.total)
        return found

    def _known(self, key: Any) -> Any:
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._clock() - kept[0] < KEPT_S else None

    def _keep(self, key: Any, began: float, value: Any) -> None:
        """Keep what took long; quick answers are made anew each time."""
        now = self._clock()
        self._kept.pop(key, None)
        if now - began > QUICK_S:
            self._kept[key] = (now, value)
            while len(self._kept) > CAPACITY:
                self._kept.popitem(last=False)


def _areas(chosen: Chosen) -> list[Scope]:
    """Parts of a scope whose counts tell of a list."""
    return [WHOLE] + ([Scope(cities=frozenset({chosen.city}))] if chosen.city else [])
