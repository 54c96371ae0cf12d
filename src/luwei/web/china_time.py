"""China Standard Time at the edge of the system: days of a person's calendar, and instants written for people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from luwei.web.errors import Refused

CHINA = timezone(timedelta(hours=8))
DAY_MS = 86_400_000


def today(now_ms: int) -> date:
    """The calendar day in China at ``now_ms``."""
    return datetime.fromtimestamp(now_ms / 1000, CHINA).date()


def span_of(day: date) -> tuple[int, int]:
    """First and one past the last UTC millisecond of a day in China."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp() * 1000)
    return start, start + DAY_MS


def day_of(text: str | None, now_ms: int) -> date:
    """The day YYYY-MM-DD, today when None. Raises Refused."""
    if text is None:
        return today(now_ms)
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise Refused(400, "day", "must be a date like 2026-11-20") from None
    if not 2000 <= day.year <= 2100:
        raise Refused(400, "day", "must lie between 2000 and 2100")
    return day


def written(ms: int) -> str:
    """An instant for people in China: ISO 8601 with its offset, to the second unless it has a fraction."""
    return datetime.fromtimestamp(ms / 1000, CHINA).isoformat(timespec="milliseconds" if ms % 1000 else "seconds")


def written_utc(ms: int) -> str:
    """An instant as xsd:dateTime in UTC, as GPX wants it."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")
