"""Whether the driver corrected 纠正 what the alarm was about, from the truck's own data (reference supervision §7.2).

Three answers: corrected, not, unknown. Without data of the time after the reminder the answer is unknown, and unknown
never counts as corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

CORRECTED, NOT, UNKNOWN = "corrected", "not", "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest report of a truck: its own time, the platform's, speed, whether it had a fix, whether the alarm's bit
    was set in it (None: the type is no bit)."""

    at: int
    received_at: int
    speed_dkmh: int
    fixed: bool
    bit: bool | None = None


def judge(check: str, since: int, seen: Seen | None, limit_kmh: int | None, again: bool, lasting: bool) -> str:
    """``since``: the reminder (UTC ms); ``again``: the type came again since; ``lasting``: its end has not come.

    A repetition is known to be none even where nothing else is heard; silence alone proves nothing.
    """
    if again:
        return NOT
    if seen is None or seen.at < since or seen.received_at < since:
        return UNKNOWN
    if seen.bit:
        return NOT
    if check == "speed":
        if not seen.fixed or limit_kmh is None:
            return UNKNOWN
        return CORRECTED if seen.speed_dkmh <= limit_kmh * 10 else NOT
    if check == "absent":
        return NOT if lasting and seen.bit is None else CORRECTED
    return UNKNOWN
