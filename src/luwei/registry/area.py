"""Area 区域与路线: a circle, rectangle, polygon or route that trucks are told to watch (2019 §8.32–§8.38).

The row's id is the id on the wire (区域ID, 路线ID), so it is never given twice: a deleted row stays and is marked.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

CIRCLE, RECTANGLE, POLYGON, ROUTE = "circle", "rectangle", "polygon", "route"
AREA_KINDS = {CIRCLE: 1, RECTANGLE: 2, POLYGON: 3, ROUTE: 4}
"""Kind and its number in 0x8608."""


class Area(Base):
    """One area or route; every change counts ``version`` up."""

    __tablename__ = "area"
    __table_args__ = (Index("ix_area_kind_city", "kind", "city"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str] = mapped_column(String(10))
    city: Mapped[int | None] = mapped_column(Integer)
    """Adcode of the city whose officers keep it; None: the whole province's."""
    geometry: Mapped[str] = mapped_column(Text)
    """JSON object, WGS-84 in 1e-6 degrees: ``luwei.registry.area_shape``."""
    rules: Mapped[str] = mapped_column(Text)
    """JSON object: alarms, times, speeds."""
    note: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)
