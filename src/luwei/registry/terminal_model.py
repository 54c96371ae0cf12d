"""Model 型号: what a vendor builds, in one firmware, and whether it stands in the catalogue 中标设备目录."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class TerminalModel(Base):
    """One model and firmware. ``manufacturer_id`` and ``name`` are what 0x0100 carries."""

    __tablename__ = "terminal_model"
    __table_args__ = (
        UniqueConstraint("manufacturer_id", "name", "firmware"),
        Index("ix_terminal_model_vendor_id", "vendor_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    vendor_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    manufacturer_id: Mapped[str] = mapped_column(String(11), default="")
    """制造商ID (JT/T 808-2019 table 7)."""
    name: Mapped[str] = mapped_column(String(30))
    firmware: Mapped[str] = mapped_column(String(40), default="")
    """Empty: any."""
    catalogued: Mapped[bool] = mapped_column(default=False)
    catalogue_number: Mapped[str | None] = mapped_column(String(40))
    catalogued_on: Mapped[date | None] = mapped_column()
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
