"""Downloads 终端录像下载: recordings that a terminal is asked to send by FTP (0x9206), from the order to the evidence.

Two processes write here. The core decides what is asked, paused and given up; the server that receives the files says
what came (``received_bytes``, ``sessions``, ``breaks``, ``fault``, ``started_at``, ``last_byte_at``, and the files) and
carries out the end (``ending``). Neither writes the other's columns, so a restart of one does not stop the other.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

QUEUED, ASKED, UPLOADING, PAUSED = "queued", "asked", "uploading", "paused"
DONE, REFUSED, FAILED, EXPIRED, CANCELLED = "done", "refused", "failed", "expired", "cancelled"
OPEN_STATES = (QUEUED, ASKED, UPLOADING, PAUSED)
ENDED_STATES = (DONE, REFUSED, FAILED, EXPIRED, CANCELLED)
"""Final: no download leaves them."""

TOO_LARGE, TOO_MANY_FILES, DISK = "too_large", "too_many_files", "disk"
"""Faults that the receiving server finds."""


class Download(Base):
    """One order. Sizes in octets, instants in UTC ms."""

    __tablename__ = "video_download"
    __table_args__ = (
        UniqueConstraint("account"),
        Index("ix_video_download_state", "state"),
        Index("ix_video_download_vehicle_id_id", "vehicle_id", "id"),
        Index("ix_video_download_case_id", "case_id"),
        Index("ix_video_download_user_id_id", "user_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    phone: Mapped[str] = mapped_column(String(20))
    """终端手机号 when the order was given."""
    channel: Mapped[int] = mapped_column(Integer)
    from_at: Mapped[int] = mapped_column(BigInteger)
    to_at: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[int] = mapped_column(Integer)
    """As 0x9206 has it: 0 sound and pictures, 1 sound, 2 pictures, 3 pictures or both."""
    stream: Mapped[int] = mapped_column(Integer)
    """0 any, 1 main, 2 sub."""
    storage: Mapped[int] = mapped_column(Integer)
    """0 any, 1 main, 2 disaster recovery."""
    networks: Mapped[int] = mapped_column(Integer)
    """任务执行条件: bit 0 WiFi, 1 LAN, 2 mobile."""
    purpose: Mapped[str] = mapped_column(String(100))
    case_id: Mapped[int | None] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(60))
    """User name and folder on the FTP server, of this order alone; its password follows from a key."""
    announced_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """By the terminal's list; None: not known."""
    limit_bytes: Mapped[int] = mapped_column(BigInteger)

    state: Mapped[str] = mapped_column(String(10), default=QUEUED)
    reason: Mapped[str] = mapped_column(String(20), default="")
    answer: Mapped[str] = mapped_column(String(20), default="")
    """What the terminal said last to 0x9206 or 0x9207."""
    ending: Mapped[str] = mapped_column(String(10), default="")
    """The final state that is to be reached; empty: none yet. Whole files are kept first, but for ``cancelled``."""
    batch_id: Mapped[int | None] = mapped_column(Integer)
    """The command that carries the last 0x9206."""
    serial: Mapped[int | None] = mapped_column(Integer)
    """流水号 of the last 0x9206, as 0x1206 and 0x9207 name it."""
    tries: Mapped[int] = mapped_column(Integer, default=0)
    idle_tries: Mapped[int] = mapped_column(Integer, default=0)
    """0x9206 in a row after which nothing came."""
    asked_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the last 0x9206 went out."""
    next_at: Mapped[int | None] = mapped_column(BigInteger)
    """Not asked before."""
    told_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the last 0x1206 of this order came that was acted on."""

    received_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sessions: Mapped[int] = mapped_column(Integer, default=0)
    """FTP connections that are open."""
    breaks: Mapped[int] = mapped_column(Integer, default=0)
    fault: Mapped[str] = mapped_column(String(20), default="")
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    last_byte_at: Mapped[int | None] = mapped_column(BigInteger)

    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class DownloadFile(Base):
    """A file of a download."""

    __tablename__ = "video_download_file"
    __table_args__ = (UniqueConstraint("download_id", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    download_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    """As the terminal named it, which is what it is called in the order's folder meanwhile."""
    octets: Mapped[int] = mapped_column(BigInteger, default=0)
    complete: Mapped[bool] = mapped_column(Boolean, default=False)
    """The terminal ended it by itself."""
    store_key: Mapped[str] = mapped_column(String(100), default="")
    """Where it shall lie in the evidence store; set before it is put there."""
    evidence_id: Mapped[int | None] = mapped_column(Integer)
