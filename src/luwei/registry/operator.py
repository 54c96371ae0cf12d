"""Operator 道路运输企业/经营者: who runs vehicles and answers for their terminals."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class Operator(Base):
    """A company, sole trader 个体户 or fleet 车队."""

    __tablename__ = "operator"
    __table_args__ = (Index("ix_operator_city_county", "city", "county"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    credit_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    """统一社会信用代码 (GB 32100)."""
    licence_number: Mapped[str | None] = mapped_column(String(40))
    """道路运输经营许可证号."""
    city: Mapped[int | None] = mapped_column(Integer)
    """Adcode of the city that supervises it, GB/T 2260."""
    county: Mapped[int | None] = mapped_column(Integer)
    contact: Mapped[str | None] = mapped_column(String(40))
    contact_phone: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
