"""Audit log 审计日志: who did or looked at what, when, from where, why, with what result.

Rows are only ever added; the database refuses anything else. Each row carries the SM3 digest (GB/T 32905-2016) of the
row before it and of its own content, so that a later change, removal or exchange of rows breaks the chain
(``luwei.registry.audit_chain`` verifies it).

Entries are kept beside the data they speak of: a change and its entry are one transaction. Several processes write, so
the chain needs one order. It is made by the database and not by a process of its own: the entries of a transaction
wait until its other work is done, then the head of the chain is read and continued. SQLite has one writer at a time
anyway; PostgreSQL takes an advisory lock, which is the last lock of its transaction and so can be in no deadlock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Index, Integer, String, Text, insert, select, text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms
from luwei.registry.engine import at_the_end

DETAIL_LENGTH = 8_000
REASON_LENGTH = 500
CHAIN_LOCK = 0x6C757861
"""Key of the PostgreSQL advisory lock that lets one transaction at a time continue the chain."""
GENESIS = "0" * 64
"""What stands before the first entry."""

DONE, REFUSED, FAILED = "done", "refused", "failed"
RESULTS = (DONE, REFUSED, FAILED)


class AuditEntry(Base):
    """One act or look. Nothing here is a foreign key: an entry outlives what it names."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_noun_noun_id", "noun", "noun_id"),
        Index("ix_audit_entry_vehicle_id_at", "vehicle_id", "at"),
        Index("ix_audit_entry_user_id_at", "user_id", "at"),
        Index("ix_audit_entry_organisation_id_at", "organisation_id", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    """As typed, for a failed login; empty for the system itself."""
    address: Mapped[str] = mapped_column(String(64))
    act: Mapped[str] = mapped_column(String(40))
    """Noun and verb, such as ``vehicle.change``, ``login.refused`` or ``track.look``."""
    noun: Mapped[str] = mapped_column(String(20))
    noun_id: Mapped[int | None] = mapped_column(Integer)
    detail: Mapped[str] = mapped_column(Text)
    """JSON object; for a change ``{"field": [before, after]}``."""
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Of the user, at that time."""
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    """The one vehicle that was looked at or acted on."""
    scope: Mapped[str] = mapped_column(String(200), server_default="")
    """The part of the province the act was allowed in, in words of ``Scope.text``."""
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), server_default="")
    """Purpose and case number where the law or a rule wants one."""
    result: Mapped[str] = mapped_column(String(10), server_default=DONE)
    """One of RESULTS."""
    hash: Mapped[str] = mapped_column(String(64), server_default="")
    """SM3 of the chain up to and with this entry, in hex."""


CHAINED = (
    "id", "at", "user_id", "username", "address", "act", "noun", "noun_id", "detail", "organisation_id", "vehicle_id",
    "scope", "reason", "result",
)  # fmt: skip
"""What the digest covers, in this order."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit log names it; ``scope`` and ``reason`` are those of the right in use."""

    user_id: int | None
    username: str
    address: str = ""
    organisation_id: int | None = None
    scope: str = ""
    reason: str = ""


SYSTEM = Actor(None, "", "")
"""Luwei itself, or a person at the command line of the host."""


def record(
    connection: Connection,
    actor: Actor,
    act: str,
    noun_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
    *,
    vehicle_id: int | None = None,
    reason: str = "",
    result: str = DONE,
) -> None:
    """Add one entry in the caller's transaction. ``act`` is ``noun.verb``; ``detail`` is cut to DETAIL_LENGTH.

    ``vehicle_id`` is taken from ``noun_id`` for acts on vehicles; ``reason`` from the actor where none is given.
    """
    entries = [(noun_id, detail or {})]
    record_many(connection, actor, act, entries, vehicle_id=vehicle_id, reason=reason, result=result)


def record_many(
    connection: Connection,
    actor: Actor,
    act: str,
    entries: Sequence[tuple[int | None, Mapping[str, Any]]],
    *,
    vehicle_id: int | None = None,
    reason: str = "",
    result: str = DONE,
) -> None:
    """Add an entry for each (noun id, detail): an import that changes thousands of rows says so for each."""
    if not entries:
        return
    noun = act.partition(".")[0]
    fixed = {
        "at": now_ms(),
        "user_id": actor.user_id,
        "username": _printable(actor.username, 64),
        "address": _printable(actor.address, 64),
        "act": act,
        "noun": noun,
        "organisation_id": actor.organisation_id,
        "scope": _printable(actor.scope, 200),
        "reason": _printable(reason or actor.reason, REASON_LENGTH),
        "result": result,
    }
    rows = [
        fixed
        | {
            "noun_id": key,
            "detail": _json(detail),
            "vehicle_id": key if vehicle_id is None and noun == "vehicle" else vehicle_id,
        }
        for key, detail in entries
    ]
    at_the_end(connection, "audit", _append, rows)


def digest(previous: str, row: Mapping[str, Any]) -> str:
    """The link of ``row`` (all of CHAINED) after an entry whose link is ``previous``: 64 hex digits."""
    content = json.dumps([row[name] for name in CHAINED], ensure_ascii=False, separators=(",", ":"))
    return hashlib.new("sm3", f"{previous}{content}".encode("utf-8", "surrogatepass")).hexdigest()


def head(connection: Connection) -> tuple[int, str]:
    """Id and link of the last entry; (0, GENESIS) where there is none."""
    newest = select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return (0, GENESIS) if row is None else (row.id, row.hash)


def _append(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    key, link = head(connection)
    for row in rows:
        key += 1
        row["id"] = key
        row["hash"] = link = digest(link, row)
    connection.execute(insert(AuditEntry), rows)


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
