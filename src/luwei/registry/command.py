"""Command 下发指令: what was sent to a terminal, by whom, why, and what came back. Every command belongs to a batch."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

RUNNING, PAUSED, BATCH_CANCELLED = "running", "paused", "cancelled"
"""States of a batch; it is done when none of its commands is open."""

QUEUED, SENT, ANSWERED, FAILED, EXPIRED, CANCELLED = "queued", "sent", "answered", "failed", "expired", "cancelled"
STATES = (QUEUED, SENT, ANSWERED, FAILED, EXPIRED, CANCELLED)
"""States of a command; the first two are open."""


class CommandBatch(Base):
    """One act of a person: the same command to one truck or to a selection."""

    __tablename__ = "command_batch"
    __table_args__ = (Index("ix_command_batch_state", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    parameters: Mapped[str] = mapped_column(Text)
    """JSON object, as checked."""
    reason: Mapped[str] = mapped_column(String(500))
    user_id: Mapped[int | None] = mapped_column(Integer)
    """No foreign key, as in the audit log: what was done outlives the account."""
    username: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    total: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[int] = mapped_column(Integer)
    """Vehicles of the selection that have no terminal."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class Command(Base):
    """One command to one terminal."""

    __tablename__ = "command"
    __table_args__ = (
        Index("ix_command_batch_id_state", "batch_id", "state"),
        Index("ix_command_vehicle_id_id", "vehicle_id", "id"),
        Index("ix_command_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("command_batch.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    phone: Mapped[str] = mapped_column(String(20))
    """终端手机号 when the command was given."""
    state: Mapped[str] = mapped_column(String(10), default=QUEUED)
    result: Mapped[str] = mapped_column(String(20), default="")
    """Why it is in this state: success, failure, message_error, unsupported (0x0001), no_answer, offline …"""
    answer: Mapped[str | None] = mapped_column(Text)
    """JSON: the answer field by field, and its bytes."""
    edition: Mapped[int | None] = mapped_column(Integer)
    serial: Mapped[int | None] = mapped_column(Integer)
    """流水号 of the message as it went out, which later messages call it by (0x1206, 0x9207)."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    gateway: Mapped[str] = mapped_column(String(20), default="")
    boot: Mapped[int | None] = mapped_column(BigInteger)
    """Of the gateway that carries it: another boot has forgotten it."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the gateway will have given it up at the latest."""
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
