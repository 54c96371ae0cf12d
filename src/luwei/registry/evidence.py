"""Evidence 证据 in the registry: files that terminals sent, what was asked of them, what was refused.

The bytes lie in the evidence store (``luwei.evidence.store``); a row says whose they are, where they lie and what they
must be. Rows outlive the terminals and requests they name, so keys to those are plain numbers.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

ATTACHMENT, MULTIMEDIA, FTP, UPLOAD, RECORD = "attachment", "0x0801", "ftp", "upload", "record"
ORIGINS = (ATTACHMENT, MULTIMEDIA, FTP, UPLOAD, RECORD)
"""How a file came: 报警附件 (0x1210), 多媒体数据上传 (0x0801), 文件上传 by FTP (0x9206), by a person, 录像取证 of a
live stream."""

PICTURE, AUDIO, VIDEO, TEXT, OTHER = "picture", "audio", "video", "text", "other"
KINDS = (PICTURE, AUDIO, VIDEO, TEXT, OTHER)

ANNOUNCED, PARTIAL, COMPLETE, LATE, LOST = "announced", "partial", "complete", "late", "lost"
FILE_STATES = (ANNOUNCED, PARTIAL, COMPLETE, LATE, LOST)
"""Announced: no byte is here; partial: some; complete: all, stored and hashed; late: not complete though it is time;
lost: nobody waits for it any more. Only complete is final: a lost file that comes after all becomes complete."""

OPEN, ENDED, GIVEN_UP = "open", "ended", "given_up"
REQUEST_STATES = (OPEN, ENDED, GIVEN_UP)


class EvidenceFile(Base):
    """One file of a terminal. Sizes in bytes, instants in UTC milliseconds, places in 1e-6 degrees."""

    __tablename__ = "evidence_file"
    __table_args__ = (
        UniqueConstraint("upload"),
        Index("ix_evidence_file_vehicle_id_received_at", "vehicle_id", "received_at"),
        Index("ix_evidence_file_received_at", "received_at"),
        Index("ix_evidence_file_phone_created_at", "phone", "created_at"),
        Index("ix_evidence_file_request_id", "request_id"),
        Index("ix_evidence_file_store_key", "store_key"),
        Index("ix_evidence_file_state", "state"),
        Index("ix_evidence_file_updated_at", "updated_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    upload: Mapped[str | None] = mapped_column(String(64))
    """Tells an upload again after a broken connection: digest of phone, identification and name; None: came whole."""
    kind: Mapped[str] = mapped_column(String(10))
    """What the terminal says it is (one of KINDS); ``media_type`` says what it is."""
    origin: Mapped[str] = mapped_column(String(10))
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    """Key of the registry's terminal."""
    phone: Mapped[str] = mapped_column(String(20), default="")
    request_id: Mapped[int | None] = mapped_column(Integer)
    """The ``EvidenceRequest`` that it answers."""
    unexpected: Mapped[bool] = mapped_column(Boolean, default=False)
    """Nobody had asked for it."""
    channel: Mapped[int | None] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(String(20), default="")
    """Item and type of the alarm in hex (``6401``), or the event code 事件项编码 of 0x0801."""
    identification: Mapped[str] = mapped_column(String(80), default="")
    """报警标识号 as it came, in hex."""
    alarm_no: Mapped[str] = mapped_column(String(32), default="")
    name: Mapped[str] = mapped_column(String(255), default="")
    """As the terminal named it. Never a path."""
    announced_bytes: Mapped[int | None] = mapped_column(BigInteger)
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    sm3: Mapped[str] = mapped_column(String(64), default="")
    media_type: Mapped[str] = mapped_column(String(60), default="")
    """By its first bytes; empty until they are here."""
    readable: Mapped[bool | None] = mapped_column(Boolean)
    """Whether it could be decoded; None: not tried, or nothing to decode."""
    check: Mapped[str] = mapped_column(Text, default="")
    """JSON object: what decoding found (width, height, duration_ms, frames), or why it failed."""
    taken_at: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the last byte was here."""
    lat_e6: Mapped[int | None] = mapped_column(Integer)
    lon_e6: Mapped[int | None] = mapped_column(Integer)
    store_key: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(200), default="")
    """Why it is in this state."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)


class EvidenceRequest(Base):
    """Files of one alarm that are asked for with 0x9208 报警附件上传指令, again and again until they are here."""

    __tablename__ = "evidence_request"
    __table_args__ = (
        UniqueConstraint("alarm_no"),
        UniqueConstraint("phone", "identification"),
        Index("ix_evidence_request_state_next_at", "state", "next_at"),
        Index("ix_evidence_request_ended_at", "ended_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    phone: Mapped[str] = mapped_column(String(20))
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    identification: Mapped[str] = mapped_column(String(80))
    """报警标识号 as the alarm brought it, in hex: it goes back byte for byte."""
    dialect: Mapped[str] = mapped_column(String(10))
    alarm_no: Mapped[str] = mapped_column(String(32))
    """报警编号, ours: 28 letters and digits, not to be guessed."""
    event: Mapped[str] = mapped_column(String(20), default="")
    files: Mapped[int] = mapped_column(Integer, default=0)
    """附件数量 of the identification; 0x1210 may announce more."""
    alarm_at: Mapped[int] = mapped_column(BigInteger)
    lat_e6: Mapped[int | None] = mapped_column(Integer)
    lon_e6: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    cause: Mapped[str] = mapped_column(String(200), default="")
    asks: Mapped[int] = mapped_column(Integer, default=0)
    asked_at: Mapped[int | None] = mapped_column(BigInteger)
    next_at: Mapped[int | None] = mapped_column(BigInteger)
    """When to ask again; None: never."""
    answer: Mapped[str] = mapped_column(String(20), default="")
    """What became of the last 0x9208: success, failure, unsupported, no_answer, offline …"""
    announced_at: Mapped[int | None] = mapped_column(BigInteger)
    """When 0x1210 came first."""
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class EvidenceRefusal(Base):
    """What the attachment server did not take: how often a day, from whom, why."""

    __tablename__ = "evidence_refusal"
    __table_args__ = (UniqueConstraint("day", "reason", "phone", "address"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[int] = mapped_column(Integer)
    """Days since 1970-01-01 in China Standard Time."""
    reason: Mapped[str] = mapped_column(String(30))
    phone: Mapped[str] = mapped_column(String(20), default="")
    """As the header says it; empty where none was read."""
    address: Mapped[str] = mapped_column(String(45), default="")
    count: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[str] = mapped_column(String(200), default="")
    """Of the last one."""
