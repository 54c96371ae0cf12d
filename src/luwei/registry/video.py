"""Video 视频 in the registry: what each terminal's streams brought, day by day. A SIM's data plan is paid by an
insurer, so it is metered here (reference supervision §9.2). And who talked with whom 通话记录."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base


class VideoTraffic(Base):
    """Bytes of one phone, channel and purpose on one day of China."""

    __tablename__ = "video_traffic"
    __table_args__ = (Index("ix_video_traffic_day", "day"),)

    phone: Mapped[str] = mapped_column(String(20), primary_key=True)
    """终端手机号, canonical."""
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Days since 1970-01-01 in China."""
    channel: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    purpose: Mapped[str] = mapped_column(String(20), primary_key=True)
    """``live``, ``playback``, ``talk``, ``listen``, ``broadcast``."""
    octets: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[int] = mapped_column(BigInteger)
    """Time during which the terminal streamed."""


class VideoMeter(Base):
    """The last report of traffic of each media process that is written down: a repetition counts nothing."""

    __tablename__ = "video_meter"

    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)


class VideoTalk(Base):
    """One truck's part of a talk, from the moment its terminal was asked. What has no end was open when the core ended:
    the next one tells the terminal to stop."""

    __tablename__ = "video_talk"
    __table_args__ = (
        Index("ix_video_talk_vehicle_id_started_at", "vehicle_id", "started_at"),
        Index("ix_video_talk_ended_at", "ended_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    talk: Mapped[str] = mapped_column(String(40))
    """Common to all trucks of a broadcast."""
    kind: Mapped[str] = mapped_column(String(10))
    """``talk``, ``listen``, ``broadcast``."""
    vehicle_id: Mapped[int] = mapped_column(Integer)
    phone: Mapped[str] = mapped_column(String(20))
    channel: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(40))
    purpose: Mapped[str] = mapped_column(String(500))
    started_at: Mapped[int] = mapped_column(BigInteger)
    live_at: Mapped[int | None] = mapped_column(BigInteger)
    """When sound first went."""
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    ended: Mapped[str] = mapped_column(String(40))
    """Why it ended."""
    sent_ms: Mapped[int] = mapped_column(Integer)
    heard_ms: Mapped[int] = mapped_column(Integer)
