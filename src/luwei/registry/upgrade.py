"""Upgrade orders 升级任务: new firmware for a selection of terminals, in stages, each proven before the next begins."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

RUNNING, PAUSED, STOPPED, DONE = "running", "paused", "stopped", "done"
"""States of an order; a stopped one never goes on."""

BY_URL, BY_PACKET = "url", "packet"
"""Ways: 0x8105 word 1 with a URL, or 0x8108 with the file itself."""

WAITING, CHECKING, READY, SENDING, SENT, CONFIRMING, OVER = (
    "waiting", "checking", "ready", "sending", "sent", "confirming", "over",
)  # fmt: skip
STEPS = (WAITING, CHECKING, READY, SENDING, SENT, CONFIRMING, OVER)
"""Steps of a vehicle: its stage has not begun; 0x8107 under way; may be sent (once it is parked); upgrade command under
way; accepted or lost on the way, proof is awaited; 0x8107 under way once more; over."""

SUCCESS, FAILED, SKIPPED, UNREACHED, WITHDRAWN = "success", "failed", "skipped", "unreached", "cancelled"
RESULTS = (SUCCESS, FAILED, SKIPPED, UNREACHED, WITHDRAWN)
"""How a vehicle ends: proven; failed or silent after the command; had the version already; never got the command;
taken back before it got it."""


class Firmware(Base):
    """A file for 0x8108, kept whole; its hashes are shown beside it."""

    __tablename__ = "firmware"
    __table_args__ = (UniqueConstraint("sha256", "model", "version"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    upgrade_type: Mapped[int] = mapped_column(Integer)
    """0 terminal, 12 card reader, 52 positioning module (2019 §8.19), 0x64–0x67 peripherals."""
    manufacturer: Mapped[str] = mapped_column(String(5))
    model: Mapped[str] = mapped_column(String(30))
    """终端型号 that it is for; no other terminal is sent it."""
    version: Mapped[str] = mapped_column(String(30))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    sm3: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    retired_at: Mapped[int | None] = mapped_column(BigInteger)


class UpgradeOrder(Base):
    """One order. ``cause`` says why it is paused or stopped where no person did it."""

    __tablename__ = "upgrade_order"
    __table_args__ = (Index("ix_upgrade_order_state", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    way: Mapped[str] = mapped_column(String(10))
    firmware_id: Mapped[int | None] = mapped_column(ForeignKey("firmware.id"))
    target: Mapped[str] = mapped_column(Text)
    """JSON: the values of the command ``upgrade`` (URL and what goes with it), or empty."""
    upgrade_type: Mapped[int] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(String(30))
    version: Mapped[str] = mapped_column(String(30))
    only_parked: Mapped[bool] = mapped_column(Boolean)
    confirm_stages: Mapped[bool] = mapped_column(Boolean)
    """A person lets each further stage begin."""
    reason: Mapped[str] = mapped_column(String(500))
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(30), default="")
    stage: Mapped[int] = mapped_column(Integer)
    """Number of the stage under way, from 1."""
    total: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[int] = mapped_column(Integer)
    """Vehicles of the selection without a terminal, or with one of another model."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class UpgradeStage(Base):
    """One stage of an order: up to which share of the vehicles, and what it asks before the next may begin."""

    __tablename__ = "upgrade_stage"

    order_id: Mapped[int] = mapped_column(ForeignKey("upgrade_order.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    percent: Mapped[int] = mapped_column(Integer)
    """Of all vehicles of the order, those of the earlier stages included."""
    accept_percent: Mapped[int] = mapped_column(Integer)
    """Least share of successes among those that got the command."""
    wait_s: Mapped[int] = mapped_column(Integer)
    """From the start of the stage for reaching a terminal, from the command for its result."""
    stop_failures: Mapped[int] = mapped_column(Integer)
    """So many failures stop the whole order at once."""
    vehicles: Mapped[int] = mapped_column(Integer)
    check_batch: Mapped[int | None] = mapped_column(Integer)
    """Batch of its 0x8107 before the upgrade, of its upgrade commands, and of its 0x8107 afterwards."""
    send_batch: Mapped[int | None] = mapped_column(Integer)
    ask_batch: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class UpgradeVehicle(Base):
    """One vehicle of an order."""

    __tablename__ = "upgrade_vehicle"
    __table_args__ = (
        Index("ix_upgrade_vehicle_order_id_stage_step", "order_id", "stage", "step"),
        Index("ix_upgrade_vehicle_step", "step"),
        Index("ix_upgrade_vehicle_vehicle_id", "vehicle_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("upgrade_order.id"))
    stage: Mapped[int] = mapped_column(Integer)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    terminal_id: Mapped[int] = mapped_column(ForeignKey("terminal.id"))
    phone: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(12))
    command_id: Mapped[int | None] = mapped_column(Integer)
    result: Mapped[str] = mapped_column(String(10), default="")
    cause: Mapped[str] = mapped_column(String(30), default="")
    progress: Mapped[str] = mapped_column(String(40), default="")
    """Last 0x1FC4: ``state percent``."""
    version_before: Mapped[str] = mapped_column(String(60), default="")
    version_after: Mapped[str] = mapped_column(String(60), default="")
    proof: Mapped[str] = mapped_column(String(20), default="")
    """What speaks for success so far: ``0108``, ``version``, or both joined by ``+``."""
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    ask_at: Mapped[int | None] = mapped_column(BigInteger)
    """When its version is to be asked for: it came back after the command."""
    asks: Mapped[int] = mapped_column(Integer, default=0)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
