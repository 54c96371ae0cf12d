"""A supervisor's microphone as it reaches the node: kept for as short as the network's unevenness needs, in real time
out again. What is too old is dropped, so that nobody speaks ever later."""

from __future__ import annotations

from collections import deque

import numpy as np

from luwei.media.form import RATE
from luwei.media.samples import Samples

PIECE_MS = 20
"""Sound goes out in pieces of this length."""
MOST_MS, KEEP_MS = 400, 60
"""Beyond the first the oldest is dropped, down to the second."""
CREEP_MS = 80
"""What never went below this for a second is too much: a clock that runs fast, or a jam that is over."""

_PIECE = PIECE_MS * RATE // 1000


class Microphone:
    """Sound that waits. No clock of its own: ``take`` is to be called each PIECE_MS, ``second`` each second."""

    def __init__(self) -> None:
        self._waiting: deque[Samples] = deque()
        self._samples = 0
        self._least: int | None = None
        self.dropped_ms = 0
        self.spoken_ms = 0

    @property
    def queue_ms(self) -> int:
        """How much waits."""
        return self._samples * 1000 // RATE

    def add(self, samples: Samples) -> None:
        """Something was said."""
        self._waiting.append(samples)
        self._samples += len(samples)
        if self.queue_ms > MOST_MS:
            self._drop(self.queue_ms - KEEP_MS)

    def take(self) -> Samples | None:
        """The next piece; None where there is none, or less than one."""
        if self._samples < _PIECE:
            self._least = 0
            return None
        parts, left = [], _PIECE
        while left:
            first = self._waiting.popleft()
            if len(first) > left:
                self._waiting.appendleft(first[left:])
                first = first[:left]
            parts.append(first)
            left -= len(first)
        self._samples -= _PIECE
        self.spoken_ms += PIECE_MS
        self._least = min(self.queue_ms, self._least) if self._least is not None else self.queue_ms
        return np.concatenate(parts)

    def second(self) -> None:
        """Drop what waits without need."""
        if self._least is not None and self._least > CREEP_MS:
            self._drop(self._least - PIECE_MS)
        self._least = None

    def _drop(self, ms: int) -> None:
        left = min(self._samples, ms * RATE // 1000)
        self.dropped_ms += left * 1000 // RATE
        self._samples -= left
        while left and self._waiting:
            first = self._waiting.popleft()
            if len(first) > left:
                self._waiting.appendleft(first[left:])
                return
            left -= len(first)
