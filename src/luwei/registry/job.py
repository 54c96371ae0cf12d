"""Job 后台任务: an import that goes on while its person does something else, and what became of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

WAITING, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = (
    "waiting", "running", "done", "failed", "cancelled", "interrupted",
)  # fmt: skip
OPEN = (WAITING, RUNNING)
"""An open job whose process is gone becomes ``interrupted``: nothing of it was written."""


class Job(Base):
    """One import. ``done`` is written in the transaction of its rows, so the two cannot disagree."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_user_id_id", "user_id", "id"),
        Index("ix_job_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    noun: Mapped[str] = mapped_column(String(20))
    """Of the import: vehicles, drivers …"""
    state: Mapped[str] = mapped_column(String(12), default=WAITING)
    dry_run: Mapped[bool] = mapped_column()
    file: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[int] = mapped_column(Integer, default=0)
    updated: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    failure: Mapped[str] = mapped_column(String(300), default="")
    """Why the file as a whole was refused."""
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class JobError(Base):
    """One wrong cell of a job's file."""

    __tablename__ = "job_error"
    __table_args__ = (Index("ix_job_error_job_id_id", "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"))
    row: Mapped[int] = mapped_column(Integer)
    column: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(300))
    value: Mapped[str] = mapped_column(String(80))
