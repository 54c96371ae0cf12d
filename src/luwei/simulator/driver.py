"""Who drives a simulated truck: what he does wrong, and what a word of the platform changes.

Most leave off when they are told, some go on, and with some nothing more is heard for a while: the camera is covered,
the plug is pulled. So each outcome of a check, whether a reminder helped, is on the road. Of the first trucks of a
fleet nobody vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from luwei.simulator.happenings import CARE, DSM, HAPPENINGS, Happening, known_to
from luwei.simulator.media_faults import STEADY

if TYPE_CHECKING:
    from luwei.simulator.fleet import Truck

OBEYS, IGNORES, VANISHES = "obeys", "ignores", "vanishes"
_TEMPERS: tuple[tuple[str, float], ...] = ((OBEYS, 0.65), (IGNORES, 0.25), (VANISHES, 0.1))
REACTS_S = (4.0, 15.0)
"""From the word to the deed."""
GONE_S = (180.0, 420.0)
"""How long nothing is heard of who vanishes."""
CALM_S = 900.0
"""How long one who obeys gives no cause again."""
LATELY_S = 180.0
"""A word about what is longer ago is not taken to heart."""
POINT, START, END = 0, 1, 2
"""Flags of an alarm item."""


class Alarm(NamedTuple):
    """What a report has to tell. ``number``: the same for start and end of one."""

    happening: Happening
    flag: int
    number: int


class Doing:
    """Something that lasts."""

    __slots__ = ("happening", "next_s", "number", "until_s")

    def __init__(self, happening: Happening, until_s: float, number: int) -> None:
        self.happening, self.until_s, self.number = happening, until_s, number
        self.next_s = 0.0


class Driver:
    """``flags``: whether the terminal tells start and end of what lasts; else it tells it again and again."""

    __slots__ = (
        "_calm_until_s",
        "_dialect",
        "_doing",
        "_last_s",
        "_number",
        "_rng",
        "_told_s",
        "care",
        "flags",
        "temper",
    )

    def __init__(self, truck: Truck, rng: Random, flags: bool) -> None:
        drawn = Random(f"driver {truck.vin}")
        tempers = _TEMPERS[:2] if truck.number < STEADY else _TEMPERS
        self.temper: str = drawn.choices([name for name, _ in tempers], [share for _, share in tempers])[0]
        self.care: float = drawn.choices([factor for factor, _ in CARE], [share for _, share in CARE])[0]
        self.flags = flags
        self._dialect = truck.speech.safety
        self._rng = rng
        self._doing: Sequence[Doing] = ()
        self._last_s: float | None = None
        self._calm_until_s = 0.0
        self._number = 0
        self._told_s = 0.0

    @property
    def visible(self) -> str:
        """What can be seen of it in the cabin at present, a name of ``happenings``; empty: nothing."""
        return next((doing.happening.name for doing in self._doing if doing.happening.item == DSM), "")

    def begin(self, name: str, now_s: float) -> None:
        """Do ``name`` now. Raises KeyError for what is not in the table."""
        self._start(HAPPENINGS[name], now_s)

    def seen(self, now_s: float, speed_kmh: float, moving: bool) -> list[Alarm]:
        """What the cameras have to tell since the last report."""
        passed_s = 0.0 if self._last_s is None else min(max(now_s - self._last_s, 0.0), 120.0)
        self._last_s = now_s
        if moving and now_s >= self._calm_until_s:
            kinds, total = _rates(self._dialect)
            if self._rng.random() < total * self.care * passed_s / 3600:
                chosen = self._rng.choices(kinds, [kind.per_hour for kind in kinds])[0]
                if chosen.above_kmh <= speed_kmh < chosen.below_kmh:
                    self._start(chosen, now_s)
        return self._tell(now_s, moving) if self._doing else []

    def _start(self, happening: Happening, now_s: float) -> None:
        if any(doing.happening is happening for doing in self._doing):
            return
        self._number += 1
        lasts_s = self._rng.uniform(*happening.lasts_s)
        self._doing = [*self._doing, Doing(happening, now_s + lasts_s, self._number)]

    def _tell(self, now_s: float, moving: bool) -> list[Alarm]:
        alarms, left = [], []
        for doing in self._doing:
            kind, first = doing.happening, doing.next_s == 0.0
            lasts = kind.lasts_s[1] > 0
            over = not first and (now_s >= doing.until_s or (not moving and kind.driver))
            if first or (not over and not self.flags and now_s >= doing.next_s):
                alarms.append(Alarm(kind, START if lasts and self.flags else POINT, doing.number))
                doing.next_s = now_s + kind.again_s
                self._told_s = now_s
            elif over and self.flags and lasts:
                alarms.append(Alarm(kind, END, doing.number))
            if lasts and not over:
                left.append(doing)
        self._doing = left
        return alarms

    def concerned(self, now_s: float, speeding: bool) -> bool:
        """Whether a word at ``now_s`` means this driver."""
        return speeding or bool(self._doing) or (self._told_s > 0 and now_s - self._told_s < LATELY_S)

    def leave_off(self, now_s: float) -> bool:
        """Do as told from now on; whether that is to stop and rest."""
        tired = any(doing.happening.name == "fatigue" for doing in self._doing)
        for doing in self._doing:
            if doing.happening.driver:
                doing.until_s = now_s
        self._calm_until_s = now_s + CALM_S
        return tired


@cache
def _rates(dialect: str) -> tuple[tuple[Happening, ...], float]:
    kinds = known_to(dialect)
    return kinds, sum(kind.per_hour for kind in kinds)
