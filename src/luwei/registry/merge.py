"""Merge 合并: two records found to be one. The loser goes, its id stays known and leads to the survivor."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class Merge(Base):
    """The tombstone of a record, with all that is needed to undo the merge."""

    __tablename__ = "merge"
    __table_args__ = (
        Index("ix_merge_noun_loser_id", "noun", "loser_id"),
        Index("ix_merge_noun_survivor_id", "noun", "survivor_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    noun: Mapped[str] = mapped_column(String(20))
    loser_id: Mapped[int] = mapped_column(Integer)
    survivor_id: Mapped[int] = mapped_column(Integer)
    loser: Mapped[str] = mapped_column(Text)
    """JSON: every column of the loser as it was."""
    survivor: Mapped[str] = mapped_column(Text)
    """JSON: the fields of the survivor that the merge changed, as they were."""
    moved: Mapped[str] = mapped_column(Text)
    """JSON: {"table.column": [row ids that pointed to the loser]}."""
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    undone_at: Mapped[int | None] = mapped_column(BigInteger)
