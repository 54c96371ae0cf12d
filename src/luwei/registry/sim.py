"""SIM card 流量卡 of a terminal: who carries its traffic, until when."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

CARRIERS = {"mobile": "中国移动", "unicom": "中国联通", "telecom": "中国电信", "broadnet": "中国广电"}


class Sim(Base):
    """One card. A terminal may hold several; ``binding`` knows where a card was before."""

    __tablename__ = "sim"
    __table_args__ = (Index("ix_sim_terminal_id", "terminal_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    iccid: Mapped[str] = mapped_column(String(20), unique=True)
    """集成电路卡识别码 (ITU-T E.118)."""
    msisdn: Mapped[str | None] = mapped_column(String(15), unique=True)
    """The card's own number (ITU-T E.164, without 86 for the mainland); it may differ from the 终端手机号."""
    carrier: Mapped[str | None] = mapped_column(String(10))
    terminal_id: Mapped[int | None] = mapped_column(ForeignKey("terminal.id"))
    valid_from: Mapped[date | None] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
