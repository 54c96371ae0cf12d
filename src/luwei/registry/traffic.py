"""What terminals bring of video, added up by day: one place for streams and for files. In the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from luwei.registry.video import VideoTraffic

CHINA_MS = 8 * 3_600_000
DAY_MS = 86_400_000


def day_of(at_ms: int) -> int:
    """Days since 1970-01-01 in China."""
    return (at_ms + CHINA_MS) // DAY_MS


def add(
    connection: Connection, phone: str, day: int, channel: int, purpose: str, octets: int, milliseconds: int
) -> None:
    """A phone brought so much more on a day."""
    added = connection.execute(
        update(VideoTraffic)
        .where(
            VideoTraffic.phone == phone, VideoTraffic.day == day, VideoTraffic.channel == channel,
            VideoTraffic.purpose == purpose,
        )
        .values(octets=VideoTraffic.octets + octets, milliseconds=VideoTraffic.milliseconds + milliseconds)
    ).rowcount  # fmt: skip
    if not added:
        values = {"phone": phone, "day": day, "channel": channel, "purpose": purpose}
        connection.execute(insert(VideoTraffic).values(**values, octets=octets, milliseconds=milliseconds))
