"""Files of supervision orders 督办附件: what an authority sends with an order, an organisation with its answer; and
pictures of roadside checks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class SupervisionFile(Base):
    """One file; its bytes lie in the evidence store. Without an order or check it waits for the act it was uploaded
    for."""

    __tablename__ = "supervision_file"
    __table_args__ = (
        UniqueConstraint("store_key"),
        Index("ix_supervision_file_order_id_id", "order_id", "id"),
        Index("ix_supervision_file_user_id_order_id", "user_id", "order_id"),
        Index("ix_supervision_file_check_id", "check_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[int | None] = mapped_column(Integer)
    step_id: Mapped[int | None] = mapped_column(Integer)
    """The step of the story that it came with."""
    check_id: Mapped[int | None] = mapped_column(Integer)
    """The roadside check that it is of."""
    user_id: Mapped[int] = mapped_column(Integer)
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Whose file it is."""
    name: Mapped[str] = mapped_column(String(120))
    """As the person named it, with the ending that its content has. Never a path."""
    media_type: Mapped[str] = mapped_column(String(100))
    """By its content."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sm3: Mapped[str] = mapped_column(String(64))
    store_key: Mapped[str] = mapped_column(String(100))
    """Where it lies in the store, or shall lie."""
    stored: Mapped[bool] = mapped_column(Boolean, default=False)
    """It lies there; until then it is staged."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
