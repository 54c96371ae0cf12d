"""Driver 驾驶员: the monitored person. Most of what stands here is personal data (``luwei.registry.personal``)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

LICENCE_CLASSES = ("A1", "A2", "A3", "B1", "B2", "C1", "C2", "C6")
"""准驾车型 (公安部令第162号, annex 1); a heavy truck needs A2 or B2."""

QUALIFICATIONS = {
    "freight": "道路货物运输驾驶员",
    "dangerous_goods": "道路危险货物运输驾驶员",
    "passenger": "道路旅客运输驾驶员",
    "other": "其他",
}
"""从业资格类别."""


class Driver(Base):
    """One person who drives; ``operator_id`` is today's employer, ``binding`` knows the former ones."""

    __tablename__ = "driver"
    __table_args__ = (
        Index("ix_driver_city_county_name", "city", "county", "name"),
        Index("ix_driver_operator_id_name", "operator_id", "name"),
        Index("ix_driver_name", "name"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    identity_number: Mapped[str | None] = mapped_column(String(18), unique=True)
    """公民身份号码 (GB 11643)."""
    phone: Mapped[str | None] = mapped_column(String(20))
    licence_class: Mapped[str | None] = mapped_column(String(2))
    """准驾车型."""
    licence_number: Mapped[str | None] = mapped_column(String(18))
    """驾驶证号; the identity number for nearly everybody."""
    licence_valid_to: Mapped[date | None] = mapped_column()
    qualification_number: Mapped[str | None] = mapped_column(String(20), unique=True)
    """从业资格证号, as the driver's IC card carries it too (JT/T 808-2019 §8.30, 0x0702: 20 bytes)."""
    qualification_kind: Mapped[str | None] = mapped_column(String(16))
    qualification_issuer: Mapped[str | None] = mapped_column(String(60))
    qualification_valid_from: Mapped[date | None] = mapped_column()
    qualification_valid_to: Mapped[date | None] = mapped_column()
    ic_card_number: Mapped[str | None] = mapped_column(String(40))
    """道路运输证 IC 卡号."""
    ic_card_issuer: Mapped[str | None] = mapped_column(String(60))
    """发卡机构."""
    ic_card_valid_to: Mapped[date | None] = mapped_column()
    photo: Mapped[str | None] = mapped_column(String(80))
    """Reference of the picture in the evidence store."""
    city: Mapped[int | None] = mapped_column(Integer)
    """Adcode of the city whose authority issued the 从业资格证: the jurisdiction key."""
    county: Mapped[int | None] = mapped_column(Integer)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
