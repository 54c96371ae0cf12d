"""The profile of a terminal 终端档案: which one is in force, since when, why, and every one that was before.

Beside it stands what the terminal said of itself (0x0100, 0x0102, 0x0107) and what its bytes showed: a profile is
matched from that, and matched again when it changes, unless a person has chosen one.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base


class TerminalProfile(Base):
    """What is in force for one terminal."""

    __tablename__ = "terminal_profile"
    __table_args__ = (Index("ix_terminal_profile_model_firmware", "model", "firmware"),)

    terminal_id: Mapped[int] = mapped_column(
        ForeignKey("terminal.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    profile: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer)
    by_hand: Mapped[bool] = mapped_column(Boolean)
    why: Mapped[str] = mapped_column(Text)
    """JSON list of [criterion, rule, value]: the criteria that fitted."""
    manufacturer_id: Mapped[str] = mapped_column(String(11))
    model: Mapped[str] = mapped_column(String(30))
    firmware: Mapped[str] = mapped_column(String(60))
    """软件版本号 of 0x0102 (2019) or 终端固件版本号 of 0x0107; empty until one of them came."""
    province: Mapped[int] = mapped_column(Integer)
    edition: Mapped[int] = mapped_column(Integer)
    dialect: Mapped[str] = mapped_column(String(20))
    """Dialect of active safety that its alarm items showed; empty until one came."""
    silent_at: Mapped[int | None] = mapped_column(BigInteger)
    """Since when it answers no command while it goes on reporting: perhaps a slave-server client (reference §5.3)."""
    decided_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)


class TerminalProfileChange(Base):
    """One profile that came into force. ``terminal_id`` is no foreign key: a change outlives the terminal."""

    __tablename__ = "terminal_profile_change"
    __table_args__ = (
        Index("ix_terminal_profile_change_terminal_id_at", "terminal_id", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    terminal_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
    profile: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer)
    by_hand: Mapped[bool] = mapped_column(Boolean)
    firmware: Mapped[str] = mapped_column(String(60))
    why: Mapped[str] = mapped_column(Text)
    username: Mapped[str] = mapped_column(String(64))
    """Who chose it; empty where it was matched."""
