"""What hangs on a case 报警处置单: clocks, commands, requests for files, looks, appeals; and counts and numbers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class CaseTimer(Base):
    """Something to be done about a case at an instant; gone when it is done."""

    __tablename__ = "case_timer"
    __table_args__ = (
        Index("ix_case_timer_due_at", "due_at"),
        Index("ix_case_timer_case_id", "case_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(12))
    """first_action, close, snooze, remind, check, files."""
    due_at: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[str] = mapped_column(String(200), default="")
    """JSON object."""


class CaseEvidence(Base):
    """A request for the files of one alarm of a case (``evidence_request``)."""

    __tablename__ = "case_evidence"
    __table_args__ = (Index("ix_case_evidence_request_id", "request_id"),)

    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    alarm: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    """As ``alarm_case.evidence_state``, of this request alone."""


class CaseLook(Base):
    """Who saw the case (``file_id`` 0) or a file of it, first when."""

    __tablename__ = "case_look"

    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    file_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)


class CaseCommand(Base):
    """A command that was given for a case."""

    __tablename__ = "case_command"
    __table_args__ = (
        Index("ix_case_command_case_id", "case_id"),
        Index("ix_case_command_noted", "noted"),
    )

    command_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    case_id: Mapped[int] = mapped_column(Integer)
    vehicle_id: Mapped[int] = mapped_column(Integer)
    purpose: Mapped[str] = mapped_column(String(10))
    """tts, call, stop."""
    text: Mapped[str] = mapped_column(String(200), default="")
    user_id: Mapped[int | None] = mapped_column(Integer)
    """Null: by policy."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    noted: Mapped[bool] = mapped_column(Boolean, default=False)
    """What became of it stands in the story."""


class CaseAppeal(Base):
    """Appeal 申诉 of an operator or driver against a verdict."""

    __tablename__ = "case_appeal"
    __table_args__ = (
        Index("ix_case_appeal_case_id", "case_id"),
        Index("ix_case_appeal_state_due_at", "state", "due_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int] = mapped_column(Integer)
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    by_role: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(1000))
    requested_at: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[int] = mapped_column(BigInteger)
    """Until when it must be decided."""
    state: Mapped[str] = mapped_column(String(10), default="open")
    """open, upheld, rejected."""
    state_before: Mapped[str] = mapped_column(String(10))
    """Of the case: where it returns to."""
    reviewer_id: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[int | None] = mapped_column(BigInteger)
    decision: Mapped[str] = mapped_column(String(1000), default="")


class CaseDay(Base):
    """How many alarms became how much work: one row a day, owners and type. The funnel is a sum of these."""

    __tablename__ = "case_day"
    __table_args__ = (
        UniqueConstraint(
            "day", "type", "city", "county", "operator_id", "monitor_id", "insurer_id", "vendor_id",
            name="uq_case_day_key",
        ),
        Index("ix_case_day_operator_id_day", "operator_id", "day"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[int] = mapped_column(Integer)
    """Days since 1970-01-01 in China Standard Time, of the alarm."""
    type: Mapped[str] = mapped_column(String(10))
    city: Mapped[int] = mapped_column(Integer)
    """0: none, as in all these columns: a key may hold no null."""
    county: Mapped[int] = mapped_column(Integer)
    operator_id: Mapped[int] = mapped_column(Integer)
    monitor_id: Mapped[int] = mapped_column(Integer)
    insurer_id: Mapped[int] = mapped_column(Integer)
    vendor_id: Mapped[int] = mapped_column(Integer)
    raw: Mapped[int] = mapped_column(BigInteger)
    """Alarms as they came."""
    warnings: Mapped[int] = mapped_column(BigInteger)
    """Pre-warnings 预警: merged ones."""
    alarms: Mapped[int] = mapped_column(BigInteger)
    """Pre-warnings graded G1 or higher."""
    g1: Mapped[int] = mapped_column(BigInteger)
    """Cases by the grade they were opened with."""
    g2: Mapped[int] = mapped_column(BigInteger)
    g3: Mapped[int] = mapped_column(BigInteger)


class CaseNumber(Base):
    """The last running number of a city and day."""

    __tablename__ = "case_number"

    city: Mapped[str] = mapped_column(String(2), primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class CasePolicy(Base):
    """One version of the handling policy; version 0 is the shipped one and stands in no row."""

    __tablename__ = "case_policy"
    __table_args__ = (UniqueConstraint("valid_from"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    """The version."""
    valid_from: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Text)
    """JSON, as it was given and checked."""
    note: Mapped[str] = mapped_column(String(500))
    user_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)


class CaseWhatIf(Base):
    """A draft policy run over past days against the versions in force then."""

    __tablename__ = "case_what_if"
    __table_args__ = (
        Index("ix_case_what_if_user_id_id", "user_id", "id"),
        Index("ix_case_what_if_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer)
    document: Mapped[str] = mapped_column(Text)
    from_day: Mapped[int] = mapped_column(Integer)
    to_day: Mapped[int] = mapped_column(Integer)
    """The last day, included."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, running, done, failed, cancelled."""
    done: Mapped[int] = mapped_column(Integer, default=0)
    """Thousandths."""
    failure: Mapped[str] = mapped_column(String(300), default="")
    result: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class CaseFile(Base):
    """A file of evidence that somebody had fetched for a case, beside the files of its alarms."""

    __tablename__ = "case_file"
    __table_args__ = (Index("ix_case_file_file_id", "file_id"),)

    case_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    file_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
