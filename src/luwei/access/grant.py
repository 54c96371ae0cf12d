"""Grant 事由授权: reason-bound access. Who has no standing right states purpose and case number, for named vehicles,
one kind of data and a limited time; a second person approves where the role's setting wants it.

It ends by itself at ``to_at``, or earlier by the holder, a decider, or the end of the account.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, ForeignKey, Index, Integer, String, select
from sqlalchemy.orm import Mapped, mapped_column

from luwei.access.identity import Granted
from luwei.registry.base import Base

REQUESTED, ACTIVE, REFUSED, ENDED = "requested", "active", "refused", "ended"
EXPIRED = "expired"
"""Never stored: what an active grant past its end is shown as, and a request nobody decided on in time."""
REQUEST_LIFE_MS = 7 * 86_400_000


class AccessGrant(Base):
    """One request and what became of it."""

    __tablename__ = "access_grant"
    __table_args__ = (
        Index("ix_access_grant_user_id_to_at", "user_id", "to_at"),
        Index("ix_access_grant_state_requested_at", "state", "requested_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    row: Mapped[str] = mapped_column(String(20))
    """Row of the rights table (``luwei.access.kinds.REASON_ROWS``)."""
    purpose: Mapped[str] = mapped_column(String(300))
    case_number: Mapped[str] = mapped_column(String(60))
    minutes: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
    requested_at: Mapped[int] = mapped_column(BigInteger)
    decided_at: Mapped[int | None] = mapped_column(BigInteger)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    note: Mapped[str] = mapped_column(String(300), default="")
    from_at: Mapped[int | None] = mapped_column(BigInteger)
    to_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class GrantSubject(Base):
    """A vehicle (a driver for the row ``driver``) that a grant names."""

    __tablename__ = "access_grant_subject"

    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id", ondelete="CASCADE"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Integer, primary_key=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a grant names; ``plate`` of a driver is the masked name."""

    id: int
    plate: str
    plate_color: int


def held(connection: Connection, user_id: int, now: int) -> tuple[Granted, ...]:
    """The grants in force of a user."""
    rows = connection.execute(
        select(AccessGrant.id, AccessGrant.row, AccessGrant.to_at, AccessGrant.purpose, AccessGrant.case_number,
               GrantSubject.subject_id)
        .join(GrantSubject, GrantSubject.grant_id == AccessGrant.id)
        .where(AccessGrant.user_id == user_id, AccessGrant.to_at > now, AccessGrant.state == ACTIVE)
    ).all()  # fmt: skip
    subjects: dict[int, set[int]] = {}
    for row in rows:
        subjects.setdefault(row.id, set()).add(row.subject_id)
    firsts = {row.id: row for row in rows}
    return tuple(
        Granted(key, row.row, frozenset(subjects[key]), row.to_at, reason_of(row.purpose, row.case_number))
        for key, row in sorted(firsts.items())
    )


def reason_of(purpose: str, case_number: str) -> str:
    """Purpose and case number in one text, as the audit log keeps it."""
    return f"{purpose} [{case_number}]" if case_number else purpose
