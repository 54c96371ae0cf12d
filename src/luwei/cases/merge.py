"""Merging and grading, without any store: alarms of one truck and type become pre-warnings, and each gets its grade.

An alarm joins the pre-warning whose span, widened by the policy's window on both sides, holds its time; the nearest of
several; else it opens a new one. A pre-warning has the highest grade of its alarms, and one more where enough of them
came within the times of the policy's repetition rules (reference supervision §7.1).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from luwei.cases.policy import Policy


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as the facts have it (``facts.ALARM_EVENT``). Instants in UTC ms, places in 1e-6 degrees."""

    alarm: int
    phase: int
    """0 a point in time, 1 the start, 2 the end of a lasting one."""
    vehicle_id: int
    terminal_id: int
    at: int
    received_at: int
    type: str
    level: int = 0
    dialect: str = ""
    speed_dkmh: int = 0
    lat_e6: int = 0
    lon_e6: int = 0
    files: int = 0
    identification: bytes = b""
    backfill: bool = False


@dataclass(slots=True)
class Warning:
    """A pre-warning 预警 while it is worked on; ``id`` 0: not stored yet."""

    vehicle_id: int
    type: str
    first_at: int
    last_at: int
    count: int = 0
    level: int = 0
    grade: int = 0
    repeated: bool = False
    """Repetition gave it its grade."""
    case_id: int | None = None
    asked: int = -1
    id: int = 0
    stored: bool = False
    """The registry has it already."""
    graded: bool = False
    """It had a grade above G0 before."""
    changed: bool = False
    by: Alarm | None = None
    """The alarm that gave it its grade now."""
    alarms: list[Alarm] = field(default_factory=list)
    """Those that were taken now."""


class Runs:
    """Pre-warnings by truck and type, each list in the order of its beginnings."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, str], list[Warning]] = {}

    def enter(self, warning: Warning) -> None:
        """A pre-warning that is known already."""
        run = self._runs.setdefault((warning.vehicle_id, warning.type), [])
        run.insert(bisect_right(run, warning.first_at, key=_first), warning)

    def take(self, alarm: Alarm, policy: Policy, limit_kmh: int) -> Warning:
        """The pre-warning that the alarm is part of now, graded anew."""
        found = self._near(alarm, policy.window_s * 1000)
        if found is None:
            found = Warning(alarm.vehicle_id, alarm.type, alarm.at, alarm.at)
            self.enter(found)
        elif alarm.at < found.first_at:
            run = self._runs[alarm.vehicle_id, alarm.type]
            run.remove(found)
            found.first_at = alarm.at
            self.enter(found)
        found.last_at = max(found.last_at, alarm.at)
        found.count += 1
        found.level = max(found.level, alarm.level)
        found.changed = True
        found.alarms.append(alarm)
        grade = policy.grade_of(alarm.type, alarm.dialect, alarm.level, alarm.speed_dkmh, limit_kmh)
        if policy.type_rule(alarm.type, alarm.dialect).repeat and grade < 3 and self._repeated(found, policy):
            if grade + 1 > found.grade:
                found.repeated = True
            grade += 1
        if grade > found.grade:
            found.grade, found.by = grade, alarm
        return found

    def stretch(self, vehicle_id: int, kind: str, started_at: int, ended_at: int, window_ms: int) -> bool:
        """The alarm that began at ``started_at`` lasted until ``ended_at``; whether its pre-warning is known."""
        for each in self._runs.get((vehicle_id, kind), ()):
            if each.first_at - window_ms <= started_at <= each.last_at + window_ms:
                each.last_at = max(each.last_at, ended_at)
                return True
        return False

    def before(self, warning: Warning, within_ms: int) -> list[Warning]:
        """Pre-warnings of the same truck and type that began at most so long before, the oldest first."""
        run = self._runs[warning.vehicle_id, warning.type]
        since = warning.first_at - within_ms
        return [each for each in run if since < each.first_at <= warning.first_at and each is not warning]

    def all(self) -> list[Warning]:
        """Every pre-warning there is."""
        return [each for run in self._runs.values() for each in run]

    def forget(self, before_at: int) -> list[Warning]:
        """Take out what ended before ``before_at``; gives it back."""
        gone: list[Warning] = []
        for key, run in list(self._runs.items()):
            kept = [each for each in run if each.last_at >= before_at]
            if len(kept) < len(run):
                gone += [each for each in run if each.last_at < before_at]
                if kept:
                    self._runs[key] = kept
                else:
                    del self._runs[key]
        return gone

    def _near(self, alarm: Alarm, window_ms: int) -> Warning | None:
        best: Warning | None = None
        distance = window_ms + 1
        for each in self._runs.get((alarm.vehicle_id, alarm.type), ()):
            away = max(each.first_at - alarm.at, alarm.at - each.last_at, 0)
            if away < distance:
                best, distance = each, away
        return best

    def _repeated(self, warning: Warning, policy: Policy) -> bool:
        for rule in policy.repeat:
            if warning.level < rule.level:
                continue
            others = sum(each.level >= rule.level for each in self.before(warning, rule.within_s * 1000))
            if others + 1 >= rule.count:
                return True
        return False


def _first(warning: Warning) -> int:
    return warning.first_at
