"""Working days 工作日 in China: Monday to Friday but for days off, and weekends that are worked (policy's calendar)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from luwei.cases.policy import Policy

CHINA = timedelta(hours=8)


def is_workday(day: date, policy: Policy) -> bool:
    """Whether people work on this day."""
    name = day.isoformat()
    return name in policy.workdays or (day.weekday() < 5 and name not in policy.holidays)


def after(at_ms: int, days: int, policy: Policy) -> int:
    """The end (UTC ms, excluded) of the ``days``-th working day after the day of ``at_ms`` in China."""
    day = (datetime.fromtimestamp(at_ms / 1000, UTC) + CHINA).date()
    left = days
    while left:
        day += timedelta(days=1)
        left -= is_workday(day, policy)
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - CHINA
    return int(end.timestamp() * 1000)
