"""One screen's side of the live map: its view, what it was last told, and what it must be told now.

A screen is asked for its next message only when the one before has left. What it missed meanwhile is not queued: the
next message brings every change since the last one, so a slow line sees fewer, newer pictures.
"""

from __future__ import annotations

import numpy as np

from luwei.live import frames
from luwei.live.fleet import Fleet, Ints, Mask
from luwei.live.view import CAP, Cells, Selection, Window, grid, view

_NONE: Ints = np.empty(0, np.int64)


class Screen:
    """State of one connected screen; bounded by ``CAP`` vehicle ids."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._window: Window | None = None
        self._selection = Selection()
        self._shown: Ints | None = None  # ids shown, ascending; None while it shows cells
        self._seen = 0
        self._fresh = True
        self.in_view = 0

    def look(self, window: Window, selection: Selection) -> None:
        """Change what the screen shows; the next message replaces everything."""
        self._window, self._selection, self._fresh = window, selection, True

    def choose(self, selection: Selection) -> None:
        """Set what counts before the first view."""
        self._selection = selection

    @property
    def selection(self) -> Selection:
        return self._selection

    def message(self, now_ms: int) -> bytes | None:
        """The frame that brings the screen up to date, or None where nothing changed or it has no view yet."""
        fleet, window = self._fleet, self._window
        if window is None:
            return None
        seen, self._seen = self._seen, fleet.second - 1
        if self._fresh:
            self._fresh = False
            return self._everything(window, now_ms)
        changed = fleet.changed_since(seen)
        if len(changed) == 0:
            return None
        if self._shown is None:
            return self._everything(window, now_ms)
        inside = window.mask(fleet, changed) & self._selection.mask(fleet, changed)
        ids, outside = changed[inside], changed[~inside]
        gone = outside[_among(outside, self._shown)]
        kept = self._shown[~_among(self._shown, gone)] if len(gone) else self._shown
        fresh = ids[~_among(ids, kept)]
        shown = np.sort(np.concatenate((kept, fresh))) if len(fresh) else kept
        if len(shown) > CAP:
            self._shown, self.in_view = None, len(shown)
            return frames.cells(grid(fleet, shown, window.zoom), now_ms, self._seen)
        self._shown, self.in_view = shown, len(shown)
        if len(ids) == 0 and len(gone) == 0:
            return None
        return frames.vehicles(fleet, ids, now_ms, self._seen, gone)

    def _everything(self, window: Window, now_ms: int) -> bytes:
        found = view(self._fleet, window, self._selection)
        self.in_view = found.in_view
        if isinstance(found, Cells):
            self._shown = None
            return frames.cells(found, now_ms, self._seen)
        self._shown = found.ids
        return frames.vehicles(self._fleet, found.ids, now_ms, self._seen)


def _among(ids: Ints, ascending: Ints) -> Mask:
    """Which of ``ids`` occur in ``ascending``."""
    if len(ids) == 0 or len(ascending) == 0:
        return np.zeros(len(ids), np.bool_)
    at = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    found: Mask = ascending[at] == ids
    return found
