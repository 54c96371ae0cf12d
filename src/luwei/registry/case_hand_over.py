"""Hand-over 交接班 of cases between people or shifts of one organisation."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base


class CaseHandOver(Base):
    """One act of handing over, of one case or of many. Instants in UTC ms."""

    __tablename__ = "case_hand_over"
    __table_args__ = (
        Index("ix_case_hand_over_organisation_id_id", "organisation_id", "id"),
        Index("ix_case_hand_over_taken_at_to_user_id", "taken_at", "to_user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(Integer)
    """Who gave."""
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Of who gave; the receiver is of the same."""
    to_user_id: Mapped[int | None] = mapped_column(Integer)
    """Null: the next shift."""
    note: Mapped[str] = mapped_column(String(500))
    cases: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[int | None] = mapped_column(BigInteger)
    taken_by: Mapped[int | None] = mapped_column(Integer)


class HandedCase(Base):
    """A case of a hand-over."""

    __tablename__ = "case_handed"
    __table_args__ = (Index("ix_case_handed_case_id", "case_id"),)

    hand_over_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
