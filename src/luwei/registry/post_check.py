"""Post check 查岗: a question that a person on duty must read and answer in time (reference supervision §7.4)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

WAITING, ASKED, ENDED, CANCELLED = "waiting", "asked", "ended", "cancelled"
STATES = (WAITING, ASKED, ENDED, CANCELLED)
RIGHT, WRONG, LATE, NONE = "right", "wrong", "late", "none"
RESULTS = (RIGHT, WRONG, LATE, NONE)


class CheckQuestion(Base):
    """A question of the bank. A text that was asked is never changed: it is put aside and entered anew."""

    __tablename__ = "check_question"
    __table_args__ = (Index("ix_check_question_organisation_id", "organisation_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str] = mapped_column(String(300))
    options: Mapped[str] = mapped_column(Text)
    """JSON list of the answers to choose from; empty: the answer is written."""
    answers: Mapped[str] = mapped_column(Text)
    """JSON list of what counts as right."""
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Whose bank it is in."""
    user_id: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)


class PostCheck(Base):
    """One check: a question to one organisation or many, at once or at times of a window."""

    __tablename__ = "post_check"
    __table_args__ = (Index("ix_post_check_organisation_id", "organisation_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str] = mapped_column(String(300))
    options: Mapped[str] = mapped_column(Text)
    answers: Mapped[str] = mapped_column(Text)
    targets: Mapped[str] = mapped_column(String(20))
    """operator, operators, monitors."""
    limit_s: Mapped[int] = mapped_column(Integer)
    from_at: Mapped[int | None] = mapped_column(BigInteger)
    """Window of the random times; null: at once."""
    to_at: Mapped[int | None] = mapped_column(BigInteger)
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Whose officer asks."""
    user_id: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)


class PostCheckAsked(Base):
    """The question as one organisation gets it, once."""

    __tablename__ = "post_check_asked"
    __table_args__ = (
        Index("ix_post_check_asked_check_id", "check_id"),
        Index("ix_post_check_asked_state_strike_at", "state", "strike_at"),
        Index("ix_post_check_asked_organisation_id_asked_at", "organisation_id", "asked_at"),
        Index("ix_post_check_asked_asked_at", "asked_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    check_id: Mapped[int] = mapped_column(Integer)
    organisation_id: Mapped[int] = mapped_column(Integer)
    city: Mapped[int | None] = mapped_column(Integer)
    """Of the organisation when it was chosen."""
    county: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
    strike_at: Mapped[int] = mapped_column(BigInteger)
    """When it is asked; once asked, until when it must be answered."""
    asked_at: Mapped[int | None] = mapped_column(BigInteger)
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str] = mapped_column(String(200), default="")
    result: Mapped[str] = mapped_column(String(10), default="")
    """One of RESULTS; empty while it may still come."""
