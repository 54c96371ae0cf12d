"""Collisions and rollovers 碰撞侧翻: rare, and the gravest that a terminal tells by itself.

The sensors set alarm bits 29 and 30 of 0x0200, which stay until the cause is gone (JT/T 808-2013 and -2019 table 24).
2013 knows a collision warning (29) and a rollover warning (30), 2019 one alarm for both (29) and the rollover warning
(30), which comes seconds before where the truck leans over in a bend. A truck that crashed stands until it is towed.
The terminal takes pictures of road and cabin, at the blow and after it, and sends them unasked (0x0800, 0x0801 with
事件项编码 3), as it does with 2 when the driver presses the alarm button.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from luwei.simulator.driving import WRECKED, Drive

COLLISION_OR_ROLLOVER, ROLLOVER_WARNING = 1 << 29, 1 << 30
SINCE = 2013
"""The bits of 2011 end before these."""
BUTTON_EVENT, CRASH_EVENT = 2, 3
"""事件项编码 of the pictures that an alarm takes."""
PICTURES: tuple[tuple[float, int], ...] = ((0.0, 2), (0.0, 1), (2.0, 2), (2.0, 1))
"""Seconds after the alarm, and channel: the road (2) and the driver (1)."""
STANDS_S = (1800.0, 5400.0)
"""Until the truck is towed away and another goes on with its load."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """One kind. ``leans_s``: how long the rollover warning lasts before it ends well or not."""

    name: str
    per_hour: float
    leans_s: tuple[float, float] = (0, 0)
    crashes: bool = True
    bits_2013: int = COLLISION_OR_ROLLOVER
    """Of the wreck; terminals of 2019 have bit 29 for both."""


_ALL = (
    Mishap("leaning", 0.004, (4, 9), crashes=False),
    Mishap("collision", 0.0004),
    Mishap("rollover", 0.0001, (2, 4), bits_2013=ROLLOVER_WARNING),
)
MISHAPS: Mapping[str, Mishap] = {each.name: each for each in _ALL}
ABOVE_KMH = 20.0


class Sensors:
    """What the acceleration and tilt sensors of one terminal tell."""

    __slots__ = ("_drive", "_known", "_last_s", "_leans_until_s", "_mishap", "_rng", "crashed", "wakes_s")

    def __init__(self, drive: Drive, edition: int) -> None:
        self._drive = drive
        self._known = edition >= SINCE
        self._rng = Random(f"mishaps {drive.truck.vin} {int(drive.now_s // 3600)}")
        self._mishap: Mishap | None = None
        self._last_s: float | None = None
        self._leans_until_s = 0.0
        self.crashed = False
        """It happened since the last report; who takes the pictures takes it back."""
        self.wakes_s: float | None = None
        """When the next report is due because of it; None: with the others."""

    def begin(self, name: str) -> None:
        """Have ``name`` happen now. Raises KeyError for what is not in the table."""
        self._mishap = MISHAPS[name]
        self._leans_until_s = self._drive.now_s + self._rng.uniform(*self._mishap.leans_s)
        self.wakes_s = self._drive.now_s

    def bits(self, edition: int, watched: bool) -> int:
        """Alarm bits of the present moment; ``watched``: the sensors look, not only the memory."""
        if watched:
            self._look()
        mishap = self._mishap
        if mishap is None:
            return 0
        if self._drive.mode == WRECKED:
            return COLLISION_OR_ROLLOVER if edition >= 2019 else mishap.bits_2013
        return ROLLOVER_WARNING

    def _look(self) -> None:
        drive, now_s = self._drive, self._drive.now_s
        passed_s = 0.0 if self._last_s is None else min(max(now_s - self._last_s, 0.0), 120.0)
        self._last_s, self.wakes_s = now_s, None
        if self._mishap is None:
            self._draw(passed_s)
        mishap = self._mishap
        if mishap is None:
            return
        if self.crashed or drive.mode == WRECKED:
            return
        if now_s < self._leans_until_s:
            self.wakes_s = self._leans_until_s
        elif mishap.crashes and drive.moving:
            drive.crash(self._rng.uniform(*STANDS_S))
            self.crashed = True
        else:
            self._mishap = None

    def _draw(self, passed_s: float) -> None:
        drive = self._drive
        if not self._known or not drive.moving or drive.speed_mps * 3.6 < ABOVE_KMH:
            return
        for mishap in _ALL:
            if self._rng.random() < mishap.per_hour * passed_s / 3600:
                self.begin(mishap.name)
                return
