"""One playback as the core sees it: a range of a channel's recordings, the way it is played, and where it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from luwei.media.orders import PLAYBACK
from luwei.video import upstream
from luwei.video.upstream import Upstream

PLAY, PAUSE, END, FAST, BACK, DRAG, KEYS = range(7)
"""Controls of 0x9202 (1078 §4.9)."""
SPEEDS: Mapping[int, int] = {1: 1, 2: 2, 4: 3, 8: 4, 16: 5}
"""Code of a speed in 0x9201 and 0x9202."""
NEAR_MS = 3_600_000
"""Timestamps less than this outside of the range are times; others count from anywhere (reference §6.6, 3)."""

FINISHED, REPLACED, LEFT, NO_RECORDING, PAUSED_LONG = "finished", "replaced", "left", "no_recording", "paused_long"
"""Why a playback ends, besides the reasons of live pictures: all was played, its viewer began another one or went, the
terminal has nothing of that time, it was paused too long."""


class Wanted(NamedTuple):
    """What somebody wants to see: ``stream`` and ``storage`` as in 0x9201, times in UTC ms."""

    channel: int
    from_at: int
    to_at: int
    stream: int = 0
    storage: int = 0
    speed: int = 1


@dataclass(slots=True, eq=False)
class Playing(Upstream):
    """A playback with its one viewer, who steers."""

    kind: str = PLAYBACK
    from_at: int = 0
    to_at: int = 0
    """UTC ms, whole seconds."""
    stream_type: int = 0
    storage_type: int = 0
    """As in 0x9201: 0 any, 1 main, 2 sub or disaster recovery."""
    mode: int = PLAY
    """PLAY, FAST, BACK or KEYS."""
    speed: int = 1
    paused: bool = False
    paused_at: int = 0
    """UTC ms."""
    keys: int = 0
    """Key pictures that were told of: the first one, and the first after each change."""
    anchor_at: int = 0
    """Place at which this way of playing began."""
    anchor_stamp: int | None = None
    anchor_s: float = 0.0
    failed: str = ""
    """The steering that the terminal refused last."""
    steering: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def wanted(self) -> str:
        """The stream was chosen with the recording."""
        return self.quality

    def anchor(self, at: int) -> None:
        """Playing goes on from ``at``."""
        self.anchor_at, self.anchor_stamp, self.anchor_s = at, None, time.monotonic()
        self.changed()

    def say(self, state: str, reason: str = "", detail: str = "") -> None:
        """As for live pictures, but what is paused does not stall."""
        if self.paused and state == upstream.STALLED:
            return
        Upstream.say(self, state, reason, detail)

    def key_came(self) -> None:
        """A new time line begins with a key picture."""
        self.keys += 1
        self.anchor_s = time.monotonic()
        self.changed()

    @property
    def stamped(self) -> bool:
        """Whether the terminal's timestamps are the times of the recording."""
        report = self.report
        stamp = report.newest_stamp_ms if report is not None else 0
        return self.from_at - NEAR_MS <= stamp <= self.to_at + NEAR_MS

    @property
    def position(self) -> int:
        """Time of the newest picture in the recording, UTC ms; made up from the clock where timestamps do not tell."""
        report = self.report
        if report is None or not report.key_at:
            return self.anchor_at
        if self.stamped:
            return report.newest_stamp_ms
        if self.mode == PLAY and not self.paused:
            if self.anchor_stamp is None:
                self.anchor_stamp = report.newest_stamp_ms
            at = self.anchor_at + report.newest_stamp_ms - self.anchor_stamp
        elif self.paused:
            at = self.anchor_at
        else:
            speed = -self.speed if self.mode == BACK else self.speed
            at = self.anchor_at + round((time.monotonic() - self.anchor_s) * 1000) * speed
        return min(max(at, self.from_at), self.to_at)

    def playback(self) -> dict[str, Any]:
        """How it is played, for the messages of the socket."""
        return {
            "from_at": self.from_at,
            "to_at": self.to_at,
            "position": self.position,
            "exact": self.stamped,
            "mode": {PLAY: "play", FAST: "fast", BACK: "back", KEYS: "keys"}[self.mode],
            "speed": self.speed,
            "paused": self.paused,
            "failed": self.failed,
        }

    def message(self, at: int) -> dict[str, Any]:
        return Upstream.message(self, at) | {"playback": self.playback()}

    def stats(self, at: int) -> Mapping[str, Any] | None:
        figures = Upstream.stats(self, at)
        return None if figures is None else dict(figures) | {"playback": self.playback()}
