"""Audit log 审计日志: who did what, when, from where. Rows are only ever added; the database refuses anything else.

Kept beside the data it speaks of, so that a change and its entry are one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Index, Integer, String, Text, insert
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

DETAIL_LENGTH = 8_000


class AuditEntry(Base):
    """One act. ``user_id`` is no foreign key: an entry outlives what it names."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_noun_noun_id", "noun", "noun_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    """As typed, for a failed login; empty for the system itself."""
    address: Mapped[str] = mapped_column(String(64))
    act: Mapped[str] = mapped_column(String(40))
    """Noun and verb, such as ``vehicle.change`` or ``login.refused``."""
    noun: Mapped[str] = mapped_column(String(20))
    noun_id: Mapped[int | None] = mapped_column(Integer)
    detail: Mapped[str] = mapped_column(Text)
    """JSON object; for a change ``{"field": [before, after]}``."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit log names it."""

    user_id: int | None
    username: str
    address: str = ""


SYSTEM = Actor(None, "", "")
"""Luwei itself, or a person at the command line of the host."""


def record(
    connection: Connection, actor: Actor, act: str, noun_id: int | None = None, detail: Mapping[str, Any] | None = None
) -> None:
    """Add one entry in the caller's transaction. ``act`` is ``noun.verb``; ``detail`` is cut to DETAIL_LENGTH."""
    record_many(connection, actor, act, [(noun_id, detail or {})])


def record_many(
    connection: Connection, actor: Actor, act: str, entries: Sequence[tuple[int | None, Mapping[str, Any]]]
) -> None:
    """Add an entry for each (noun id, detail): an import that changes thousands of rows says so for each."""
    if not entries:
        return
    at, noun = now_ms(), act.partition(".")[0]
    fixed = {
        "at": at,
        "user_id": actor.user_id,
        "username": _printable(actor.username, 64),
        "address": _printable(actor.address, 64),
        "act": act,
        "noun": noun,
    }
    connection.execute(
        insert(AuditEntry), [fixed | {"noun_id": key, "detail": _json(detail)} for key, detail in entries]
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """``{"field": [before, after]}`` of the fields of ``after`` that differ."""
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def _json(detail: Mapping[str, Any]) -> str:
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), default=str)
    if len(text) > DETAIL_LENGTH:
        text = json.dumps({"cut": text[: DETAIL_LENGTH - 100]}, ensure_ascii=False)
    # A lone surrogate cannot be stored; a 0x00 is already escaped by JSON.
    return text.encode("utf-8", "replace").decode()


def _printable(text: str, length: int) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[:length]
