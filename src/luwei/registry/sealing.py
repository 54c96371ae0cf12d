"""Sealed packages 封存证据包 of cases: who reviewed, what was packed (reference supervision §7.3, §7.6)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

WAITING, RUNNING, DONE, REFUSED, FAILED, EXPIRED = "waiting", "running", "done", "refused", "failed", "expired"
STATES = (WAITING, RUNNING, DONE, REFUSED, FAILED, EXPIRED)
"""Refused: an original is not what it was; failed: it could not be packed; expired: the file is gone, the row stays."""


class SealApproval(Base):
    """One person's review of a case as it was handled at ``handled_at``: rework makes it void."""

    __tablename__ = "seal_approval"

    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    handled_at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(500))


class SealedPackage(Base):
    """One package, from order to download."""

    __tablename__ = "sealed_package"
    __table_args__ = (
        Index("ix_sealed_package_case_id", "case_id"),
        Index("ix_sealed_package_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer)
    vehicle_id: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int] = mapped_column(Integer)
    purpose: Mapped[str] = mapped_column(String(100))
    files: Mapped[str] = mapped_column(Text)
    """JSON list of the evidence files it holds, fixed when it was ordered."""
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    done: Mapped[int] = mapped_column(Integer, default=0)
    """Thousandths."""
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    name: Mapped[str] = mapped_column(String(40), default="")
    """Of the file in the folder of packages: random, not to be guessed."""
    failure: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
