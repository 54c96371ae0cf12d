"""What watching over the handling keeps: its policy, what appeals changed, devices of cases, flags and proposals."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Index, Integer, String, Text, UniqueConstraint, and_
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms
from luwei.registry.case import AlarmCase

OPEN, DISMISSED, ORDERED = "open", "dismissed", "ordered"


class OversightPolicy(Base):
    """One version of limits and thresholds; version 0 is the shipped one and stands in no row."""

    __tablename__ = "oversight_policy"
    __table_args__ = (UniqueConstraint("valid_from"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    valid_from: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Text)
    """JSON, as it was given and checked."""
    note: Mapped[str] = mapped_column(String(500))
    user_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)


class OversightMark(Base):
    """How far a round has read."""

    __tablename__ = "oversight_mark"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class AppealEffect(Base):
    """What an upheld appeal made of a verdict. The verdict as it was given stays in the case: both are shown. It holds
    for the verdict that was appealed against (``in_force``): a case that is handled again has another."""

    __tablename__ = "appeal_effect"
    __table_args__ = (Index("ix_appeal_effect_case_id", "case_id"),)

    appeal_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    case_id: Mapped[int] = mapped_column(Integer)
    before: Mapped[str] = mapped_column(String(10))
    after: Mapped[str] = mapped_column(String(10))
    at: Mapped[int] = mapped_column(BigInteger)


def in_force() -> ColumnElement[bool]:
    """Joins a case with the effect of its appeal, where its present verdict is the one that was appealed against. At
    most one: an appeal is decided before the case can be handled again."""
    return and_(AppealEffect.case_id == AlarmCase.id, AppealEffect.at >= AlarmCase.handled_at)


class CaseDevice(Base):
    """Model and firmware of the device that raised a case, as they were then."""

    __tablename__ = "case_device"
    __table_args__ = (Index("ix_case_device_model_firmware", "model", "firmware"),)

    case_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    vendor_id: Mapped[int] = mapped_column(Integer)
    """0: none."""
    model: Mapped[str] = mapped_column(String(30))
    firmware: Mapped[str] = mapped_column(String(60))


class ShamFlag(Base):
    """Something in a person's handling that looks like sham 虚假处理. A lead: a supervisor looks at its rows."""

    __tablename__ = "sham_flag"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_sham_flag_state_last_at", "state", "last_at"),
        Index("ix_sham_flag_user_id_kind", "user_id", "kind"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    """same_text, many, too_fast, unseen."""
    user_id: Mapped[int] = mapped_column(Integer)
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Of the person, when it was found."""
    city: Mapped[int | None] = mapped_column(Integer)
    county: Mapped[int | None] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(String(1000), default="")
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(Integer)
    policy: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    dismissed_by: Mapped[int | None] = mapped_column(Integer)
    dismissed_at: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(500), default="")


class ShamCase(Base):
    """A case behind a flag; ``ms``: from the first look to the verdict, null where that is not the point."""

    __tablename__ = "sham_case"

    flag_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    ms: Mapped[int | None] = mapped_column(BigInteger)


class SupervisionProposal(Base):
    """A supervision order that the rules propose to an officer. Nothing but an officer makes an order of it."""

    __tablename__ = "supervision_proposal"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_supervision_proposal_state_at", "state", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    level: Mapped[int] = mapped_column(Integer)
    target_id: Mapped[int] = mapped_column(Integer)
    city: Mapped[int | None] = mapped_column(Integer)
    county: Mapped[int | None] = mapped_column(Integer)
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    numbers: Mapped[str] = mapped_column(Text)
    """JSON object: what was counted, and the threshold."""
    cases: Mapped[str] = mapped_column(Text)
    """JSON list of the cases behind it."""
    at: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    order_id: Mapped[int | None] = mapped_column(Integer)
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(500), default="")
