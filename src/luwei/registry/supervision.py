"""Supervision order 督办: an authority asks an organisation to put something right in time, and its story.

Fields as JT/T 809 has them: source, level 0 紧急 / 1 一般, deadline, supervisor with phone and email (§7.4).
An order keeps whose area it was issued for: it does not move with the truck or the organisation.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

URGENT, GENERAL = 0, 1
LEVELS = (URGENT, GENERAL)
ISSUED, WORKING, ANSWERED, RETURNED, CLOSED = "open", "working", "answered", "returned", "closed"
STATES = (ISSUED, WORKING, ANSWERED, RETURNED, CLOSED)
OWED = (ISSUED, WORKING, RETURNED)
"""States in which the organisation owes an answer, so the limit runs."""
REPLIES = ("working", "done", "none", "later")
"""处理中, 已处理完毕, 不作处理, 将来处理 (JT/T 809)."""
SOURCES = ("device", "enterprise", "government", "other")
"""车载终端, 企业平台, 政府平台, 其他 (JT/T 809)."""
HEIGHTS = ("county", "city", "province")
"""Who is in charge of an order, the lowest first."""


class SupervisionOrder(Base):
    """One order. Instants in UTC ms."""

    __tablename__ = "supervision_order"
    __table_args__ = (
        Index("ix_supervision_order_state_due_at", "state", "due_at"),
        Index("ix_supervision_order_strike_at", "strike_at"),
        Index("ix_supervision_order_target_id_id", "target_id", "id"),
        Index("ix_supervision_order_city_id", "city", "id"),
        Index("ix_supervision_order_county_id", "county", "id"),
        Index("ix_supervision_order_case_id", "case_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Counts the acts; who acts names the one that was shown."""
    level: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default=ISSUED)
    reply: Mapped[str] = mapped_column(String(10), default="")
    """The last of REPLIES; empty: none yet."""
    policy: Mapped[int] = mapped_column(Integer)
    """Version of the oversight policy whose limits hold."""
    title: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(String(1000))
    case_id: Mapped[int | None] = mapped_column(Integer)
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(10), default="")
    """Of the alarm, where the order came of a case."""
    alarm_at: Mapped[int | None] = mapped_column(BigInteger)
    target_id: Mapped[int] = mapped_column(Integer)
    """The organisation that must answer."""
    operator_id: Mapped[int | None] = mapped_column(Integer)
    """Whose truck it is about."""
    city: Mapped[int | None] = mapped_column(Integer)
    county: Mapped[int | None] = mapped_column(Integer)
    issuer_id: Mapped[int] = mapped_column(Integer)
    issuer_organisation_id: Mapped[int | None] = mapped_column(Integer)
    contact: Mapped[str] = mapped_column(String(40), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    email: Mapped[str] = mapped_column(String(100), default="")
    proposal_id: Mapped[int | None] = mapped_column(Integer)
    issued_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    due_at: Mapped[int] = mapped_column(BigInteger)
    strike_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the next limit passes; null while nothing runs."""
    extended: Mapped[bool] = mapped_column(Boolean, default=False)
    returns: Mapped[int] = mapped_column(Integer, default=0)
    overdue: Mapped[bool] = mapped_column(Boolean, default=False)
    """A limit of it has passed once."""
    escalation: Mapped[int] = mapped_column(Integer, default=0)
    """How many levels it went up by itself."""
    in_charge: Mapped[str] = mapped_column(String(10))
    """One of HEIGHTS."""
    closed_at: Mapped[int | None] = mapped_column(BigInteger)


class SupervisionStep(Base):
    """One step of an order's story. Only ever added."""

    __tablename__ = "supervision_step"
    __table_args__ = (Index("ix_supervision_step_order_id_id", "order_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
    act: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(Integer)
    """Null: by itself."""
    detail: Mapped[str] = mapped_column(Text)
    """JSON object."""
