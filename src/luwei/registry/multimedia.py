"""Multimedia 多媒体数据: what a 0x0801 says of the picture or recording it brought; the file is an evidence file."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base

IMAGE, SOUND, FILM = 0, 1, 2
"""多媒体类型 of 0x0801."""


class Multimedia(Base):
    """One 0x0801. It outlives the vehicle that it names, so keys are plain numbers, as in ``EvidenceFile``."""

    __tablename__ = "multimedia"
    __table_args__ = (
        UniqueConstraint("source"),
        Index("ix_multimedia_vehicle_id_received_at", "vehicle_id", "received_at"),
        Index("ix_multimedia_file_id", "file_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[int] = mapped_column(BigInteger)
    """Number of the file on the bus: the same one is entered once."""
    file_id: Mapped[int] = mapped_column(Integer)
    """The ``EvidenceFile``: bytes, hashes, type, time and place."""
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    received_at: Mapped[int] = mapped_column(BigInteger)
    edition: Mapped[int] = mapped_column(Integer)
    multimedia_id: Mapped[int] = mapped_column(BigInteger)
    """The terminal's own; it may begin again with 1 after a restart."""
    kind: Mapped[int] = mapped_column(Integer)
    format: Mapped[int] = mapped_column(Integer)
    event: Mapped[int] = mapped_column(Integer)
    channel: Mapped[int] = mapped_column(Integer)
    speed_dkmh: Mapped[int | None] = mapped_column(Integer)
    alarm: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[int | None] = mapped_column(BigInteger)
    """Speed, alarm and status bits of the location in it; None in 2011, which sends none."""
    problem: Mapped[str] = mapped_column(String(20))
    """Empty, or why the file cannot be shown."""
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
