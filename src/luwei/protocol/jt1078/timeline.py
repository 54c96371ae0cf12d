"""Presentation times out of the timestamps of terminals (reference §2.3, §7): only differences count.

Timestamps begin at 0 or at 1970, stand still, go back after a clock was set, or leap. What comes out begins at 0 and
rises strictly. Audio and video keep one line while their timestamps are less than 2 s apart.
"""

from __future__ import annotations

STEP_MAX_MS = 5000
"""A greater step is a leap."""
INTERVAL_MS = range(1, 1001)
"""Last-frame intervals that may stand in for a step; 0 and 65535 are seen and mean nothing."""
TOGETHER_MS = 2000
START_STEP_MS = 40

_WEIGHT = 8


class Line:
    """The times of one stream."""

    __slots__ = ("_average", "last_ms", "leaps", "stamp_ms")

    def __init__(self) -> None:
        self._average = float(START_STEP_MS)
        self.last_ms: int | None = None
        """The time given last; None before the first."""
        self.stamp_ms = 0
        """The timestamp that it was given for."""
        self.leaps = 0
        """Steps that were made up: standing still, backwards, or more than 5 s."""

    def begin(self, stamp_ms: int, at_ms: int) -> int:
        """The first time, or the first after the two lines were joined."""
        self.stamp_ms, self.last_ms = stamp_ms, at_ms
        return at_ms

    def regular(self, stamp_ms: int) -> bool:
        """Whether the step to ``stamp_ms`` is one to be believed."""
        return 0 < stamp_ms - self.stamp_ms <= STEP_MAX_MS

    def follow(self, stamp_ms: int, interval_ms: int | None) -> int:
        """The next time; ``interval_ms`` from the packet, or the length of the audio, where the step is no good."""
        step = stamp_ms - self.stamp_ms
        if self.regular(stamp_ms):
            self._average += (step - self._average) / _WEIGHT
        else:
            self.leaps += 1
            step = max(1, round(self._average))
            if interval_ms is not None and interval_ms in INTERVAL_MS:
                step = interval_ms
        return self.begin(stamp_ms, (self.last_ms or 0) + step)


class Timeline:
    """The times of one output with its video and audio."""

    __slots__ = ("audio", "video")

    def __init__(self) -> None:
        self.video = Line()
        self.audio = Line()

    def place_video(self, stamp_ms: int, interval_ms: int | None) -> int:
        """Time of a picture in ms. ``interval_ms`` is its last-frame interval."""
        return _place(self.video, self.audio, stamp_ms, interval_ms)

    def place_audio(self, stamp_ms: int, duration_ms: int) -> int:
        """Time of a frame of audio in ms. ``duration_ms`` is its length, 0 where it is not known."""
        return _place(self.audio, self.video, stamp_ms, duration_ms)


def _place(line: Line, other: Line, stamp_ms: int, interval_ms: int | None) -> int:
    together = None
    if other.last_ms is not None and abs(stamp_ms - other.stamp_ms) < TOGETHER_MS:
        together = max(0, other.last_ms + stamp_ms - other.stamp_ms)
    if line.last_ms is None:
        return line.begin(stamp_ms, together if together is not None else other.last_ms or 0)
    leapt = not line.regular(stamp_ms) and stamp_ms != line.stamp_ms
    if leapt and together is not None and 0 < together - line.last_ms <= STEP_MAX_MS:
        line.leaps += 1
        return line.begin(stamp_ms, together)
    return line.follow(stamp_ms, interval_ms)
