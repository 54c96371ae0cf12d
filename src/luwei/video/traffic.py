"""What video costs a SIM: written down from the nodes' reports, summed for quotas. Every function blocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, delete, func, insert, select, update

from luwei.media.orders import Traffic
from luwei.registry.engine import read, write
from luwei.registry.traffic import DAY_MS as DAY_MS
from luwei.registry.traffic import add
from luwei.registry.traffic import day_of as day_of
from luwei.registry.video import VideoMeter, VideoTraffic

WARNINGS = (90, 70)
METER_MS = 7 * DAY_MS
"""Reports of processes that ended so long ago cannot be repeated."""


@dataclass(frozen=True, slots=True)
class Used:
    """Traffic of one SIM in a month; ``limit`` 0: none."""

    octets: int
    limit: int

    @property
    def warning(self) -> int | None:
        """70 or 90: the share that is passed."""
        if not self.limit:
            return None
        return next((share for share in WARNINGS if self.octets * 100 >= self.limit * share), None)

    @property
    def exhausted(self) -> bool:
        return bool(self.limit) and self.octets >= self.limit


@dataclass(frozen=True, slots=True)
class DayTraffic:
    day: int
    channel: int
    purpose: str
    octets: int
    milliseconds: int


def month_of(at_ms: int) -> tuple[int, int]:
    """First day of the month in China, and of the next one."""
    first = (datetime.fromtimestamp(0, UTC) + timedelta(days=day_of(at_ms))).date().replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    epoch = date(1970, 1, 1)
    return (first - epoch).days, (following - epoch).days


def enter(engine: Engine, report: Traffic) -> bool:
    """Add a report of a node; whether it was new. A report that was entered before changes nothing."""
    day = day_of(report.at)
    with write(engine) as connection:
        last = connection.scalar(select(VideoMeter.number).where(VideoMeter.boot == report.boot))
        if last is not None and last >= report.number:
            return False
        mark = {"number": report.number, "at": report.at}
        if last is None:
            connection.execute(delete(VideoMeter).where(VideoMeter.at < report.at - METER_MS))
            connection.execute(insert(VideoMeter).values(boot=report.boot, **mark))
        else:
            connection.execute(update(VideoMeter).where(VideoMeter.boot == report.boot).values(**mark))
        for phone, channel, purpose, octets, milliseconds in report.rows:
            add(connection, phone, day, channel, purpose, octets, milliseconds)
    return True


def used(engine: Engine, phone: str, at_ms: int) -> int:
    """Octets of a SIM in the month of ``at_ms``."""
    first, following = month_of(at_ms)
    with read(engine) as connection:
        return int(
            connection.scalar(
                select(func.coalesce(func.sum(VideoTraffic.octets), 0)).where(
                    VideoTraffic.phone == phone, VideoTraffic.day >= first, VideoTraffic.day < following
                )
            )
            or 0
        )


def used_by_all(engine: Engine, at_ms: int) -> int:
    """Octets of all SIMs in the month of ``at_ms``."""
    first, following = month_of(at_ms)
    with read(engine) as connection:
        total = select(func.coalesce(func.sum(VideoTraffic.octets), 0)).where(
            VideoTraffic.day >= first, VideoTraffic.day < following
        )
        return int(connection.scalar(total) or 0)


def days(engine: Engine, phone: str, first: int, following: int) -> list[DayTraffic]:
    """Day by day, channel by channel, the newest first."""
    with read(engine) as connection:
        rows = connection.execute(
            select(
                VideoTraffic.day, VideoTraffic.channel, VideoTraffic.purpose, VideoTraffic.octets,
                VideoTraffic.milliseconds,
            )
            .where(VideoTraffic.phone == phone, VideoTraffic.day >= first, VideoTraffic.day < following)
            .order_by(VideoTraffic.day.desc(), VideoTraffic.channel, VideoTraffic.purpose)
        ).all()  # fmt: skip
    return [DayTraffic(*row) for row in rows]
