"""Contact 数据接入: when a truck's data first arrived, and since when none does.

The history keeps every location for months; this keeps what must not be forgotten with it. A row is written when a
truck is heard first, when it has been silent for a day, and when it comes back: never for a single location.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base


class VehicleContact(Base):
    """One truck that was heard at least once. Instants of receipt, UTC ms."""

    __tablename__ = "vehicle_contact"
    __table_args__ = (
        Index("ix_vehicle_contact_first_at", "first_at"),
        Index("ix_vehicle_contact_silent_at", "silent_at"),
    )

    vehicle_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_at: Mapped[int] = mapped_column(BigInteger)
    silent_at: Mapped[int | None] = mapped_column(BigInteger)
    """When it was heard last; null while that is less than a day ago."""
