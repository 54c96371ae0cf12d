"""Recordings 录像取证 of live streams in the registry: what a person, or a rule of the handling policy, had recorded.

The bytes become files of the evidence store; these rows say who had them recorded, why, from which stream, from when to
when, and what lacks. They outlive the trucks and people that they name, so keys to those are plain numbers.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base

WAITING, RECORDING, STORING, DONE, FAILED, REFUSED = "waiting", "recording", "storing", "done", "failed", "refused"
RECORD_STATES = (WAITING, RECORDING, STORING, DONE, FAILED, REFUSED)
"""Waiting: no picture came yet; storing: over, and its last parts are on their way into the store; done: all that was
recorded lies there; failed: nothing was recorded; refused: a rule's recording that never began."""

OPEN, KEPT, RAW, LOST = "open", "done", "raw", "lost"
PART_STATES = (OPEN, STORING, KEPT, RAW, LOST)
"""Open: being written; done: in the store as a standard MP4; raw: in the store as it was written, since it could not be
put together; lost: nothing of it was on the disk."""

UNTOLD, BEGUN, TOLD = 0, 1, 2
"""How much of a recording stands in the story of its case; all of it where there is none."""


class VideoRecord(Base):
    """One recording of one channel. Instants in UTC milliseconds."""

    __tablename__ = "video_record"
    __table_args__ = (
        Index("ix_video_record_state", "state"),
        Index("ix_video_record_vehicle_id_asked_at", "vehicle_id", "asked_at"),
        Index("ix_video_record_asked_at", "asked_at"),
        Index("ix_video_record_case_id", "case_id"),
        Index("ix_video_record_told", "told"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(20), default="")
    """Why it is over, or was refused; empty while it goes on."""
    detail: Mapped[str] = mapped_column(String(200), default="")
    vehicle_id: Mapped[int] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    """Key of the registry's terminal."""
    phone: Mapped[str] = mapped_column(String(20))
    channel: Mapped[int] = mapped_column(Integer)
    stream: Mapped[str] = mapped_column(String(4))
    """main or sub, as it was asked for."""
    purpose: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[int | None] = mapped_column(Integer)
    """Null: by a rule."""
    username: Mapped[str] = mapped_column(String(64), default="")
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    scope: Mapped[str] = mapped_column(String(200), default="")
    """Of the right in use, in words of ``Scope.text``."""
    grounds: Mapped[str] = mapped_column(String(500), default="")
    """The recorded reason of the grant in use."""
    policy: Mapped[int | None] = mapped_column(Integer)
    """Version of the handling policy whose rule asked for it."""
    case_id: Mapped[int | None] = mapped_column(Integer)
    seconds: Mapped[int] = mapped_column(Integer)
    """Length that was asked for."""
    asked_at: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the first picture was here."""
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    pictures: Mapped[int] = mapped_column(Integer, default=0)
    octets: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of the stored parts."""
    gaps: Mapped[str] = mapped_column(Text, default="[]")
    """JSON: [from, to, cause] of each stretch without pictures between the first and the last one."""
    interrupted: Mapped[bool] = mapped_column(Boolean, default=False)
    """The core was away while it went on."""
    told: Mapped[int] = mapped_column(Integer, default=UNTOLD)
    """How much of it stands in the story of its case."""


class VideoRecordPart(Base):
    """A stretch of a recording that became, or shall become, one file of the evidence store."""

    __tablename__ = "video_record_part"
    __table_args__ = (
        UniqueConstraint("record_id", "number"),
        Index("ix_video_record_part_state", "state"),
        Index("ix_video_record_part_file_id", "file_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    record_id: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    """From 1."""
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(10), default="")
    """Why it ended: end, length, changed, lost, restart."""
    detail: Mapped[str] = mapped_column(String(200), default="")
    store_key: Mapped[str] = mapped_column(String(100))
    """Where it shall lie: the store takes it once, however often a crash has it tried."""
    started_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    codec: Mapped[str] = mapped_column(String(10))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    sound: Mapped[bool] = mapped_column(Boolean, default=False)
    pictures: Mapped[int] = mapped_column(Integer, default=0)
    octets: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_ms: Mapped[int] = mapped_column(Integer, default=0)
    packets_lost: Mapped[int] = mapped_column(Integer, default=0)
    """Of the terminal's stream while it was recorded, as the media node counted them."""
    file_id: Mapped[int | None] = mapped_column(Integer)
    """The ``EvidenceFile``."""
