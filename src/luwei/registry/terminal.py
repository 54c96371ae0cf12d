"""Terminal 终端: the device in the truck, known by its phone, let in by its authentication code 鉴权码."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms
from luwei.registry.vehicle import SOURCE_CONSOLE

EDITIONS = (2011, 2013, 2019)


class Terminal(Base):
    """One device. A vehicle has at most one terminal at a time: the second one of two shards meets the constraint."""

    __tablename__ = "terminal"
    __table_args__ = (
        Index("ix_terminal_terminal_id", "terminal_id"),
        Index("ix_terminal_vendor_id", "vendor_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    phone: Mapped[str] = mapped_column(String(20), unique=True)
    """终端手机号, canonical: leading zeros stripped, ``0`` when all are zero."""
    terminal_id: Mapped[str] = mapped_column(String(30), default="")
    manufacturer_id: Mapped[str] = mapped_column(String(11), default="")
    model: Mapped[str] = mapped_column(String(30), default="")
    edition: Mapped[int] = mapped_column(Integer, default=2019)
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"), unique=True)
    vendor_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    """Who supplied it and answers for it (中标单位)."""
    model_id: Mapped[int | None] = mapped_column(ForeignKey("terminal_model.id"))
    """The catalogue's entry; ``model`` is what the device calls itself."""
    code: Mapped[str | None] = mapped_column(String(32))
    """鉴权码 in clear: it must be given again to a device that lost its flash (reference §5.1)."""
    registered_at: Mapped[int | None] = mapped_column(BigInteger)
    unregister_pending_at: Mapped[int | None] = mapped_column(BigInteger)
    """When 0x0003 came; devices send it before every reconnect, so nothing is deleted (reference §11.2, 12)."""
    source: Mapped[str] = mapped_column(String(10), default=SOURCE_CONSOLE)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
