"""Organisation 机构: every body that has a part in the programme, from the province to a sole trader, as one tree.

The rows of kind ``operator``, ``sole_trader`` and ``fleet`` are the operators 道路运输经营者 that vehicles belong to.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

PROVINCE, CITY, COUNTY = "province", "city", "county"
OPERATOR, SOLE_TRADER, FLEET = "operator", "sole_trader", "fleet"
INSURER, VENDOR, MONITOR = "insurer", "vendor", "monitor"

KINDS = {
    PROVINCE: "省级主管部门",
    CITY: "市级主管部门",
    COUNTY: "县（区、镇街）主管部门",
    "regulator": "保险监管部门",
    "emergency": "应急管理部门",
    "police": "公安交管部门",
    INSURER: "保险机构",
    VENDOR: "中标单位/服务商",
    MONITOR: "第三方监控机构",
    OPERATOR: "道路运输企业",
    SOLE_TRADER: "个体户",
    FLEET: "车队",
}
"""Codes of ``kind`` and the words of the programme (reference supervision §2.1)."""

OPERATING = (OPERATOR, SOLE_TRADER, FLEET)
"""Kinds that may run vehicles and employ drivers."""

AUTHORITIES = (PROVINCE, CITY, COUNTY)
"""Kinds that stand for an area; ``Organisation.area`` says which."""


class Organisation(Base):
    """One body. Ids are never used twice: bindings and audit entries of former years keep pointing at them."""

    __tablename__ = "organisation"
    __table_args__ = (
        Index("ix_organisation_kind_name", "kind", "name"),
        Index(
            "uq_organisation_name", "name", text("COALESCE(city, 0)"), text("COALESCE(county, 0)"),
            text("COALESCE(parent_id, 0)"), text("COALESCE(credit_code, '')"), unique=True,
        ),
        Index("ix_organisation_city_county", "city", "county"),
        Index("ix_organisation_parent_id", "parent_id"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    """One of KINDS."""
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(100))
    """Unique in its place and below its parent: sole traders are called after persons, fleets by numbers."""
    short_name: Mapped[str | None] = mapped_column(String(40))
    credit_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    """统一社会信用代码 (GB 32100)."""
    licence_number: Mapped[str | None] = mapped_column(String(40))
    """道路运输经营许可证号, of operators."""
    area: Mapped[int | None] = mapped_column(Integer, unique=True)
    """Adcode (GB/T 2260; nine digits for a town) that an authority governs; null for every other kind."""
    city: Mapped[int | None] = mapped_column(Integer)
    """Adcode of the city that supervises it, or in which an authority lies."""
    county: Mapped[int | None] = mapped_column(Integer)
    contact: Mapped[str | None] = mapped_column(String(40))
    contact_phone: Mapped[str | None] = mapped_column(String(20))
    valid_from: Mapped[date | None] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()
    """Last day; null: no end known."""
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    """Since when nothing new may be bound to it and its people may not sign in; what was bound stays readable."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
