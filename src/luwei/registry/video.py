"""Video 视频 in the registry: what each terminal's streams brought, day by day. A SIM's data plan is paid by an
insurer, so it is metered here (reference supervision §9.2)."""

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
    """``live``, ``playback``, ``talk``."""
    octets: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[int] = mapped_column(BigInteger)
    """Time during which the terminal streamed."""


class VideoMeter(Base):
    """The last report of traffic of each media process that is written down: a repetition counts nothing."""

    __tablename__ = "video_meter"

    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
