"""Case 报警处置单: a graded alarm as work, the alarms merged into it, and its whole story.

Facts stay in the history; these rows say what people must do about them (docs/architecture.md, "Facts and work are
kept apart"). A case keeps whose truck it was when it was opened: it does not move when the truck changes hands.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

OPEN, SNOOZED, RETURNED, CLAIMED, HANDLED, VERIFIED, APPEALED, CLOSED = (
    "open", "snoozed", "returned", "claimed", "handled", "verified", "appealed", "closed",
)  # fmt: skip
TODO, DOING, VERIFY, DONE = 0, 1, 2, 3
STAGES = ("todo", "doing", "verify", "done")
"""Names of the stages 待处置、处理中、待核验、已结, by number."""
STAGE_OF = {
    OPEN: TODO, SNOOZED: TODO, RETURNED: TODO, CLAIMED: DOING, HANDLED: VERIFY, VERIFIED: VERIFY, APPEALED: VERIFY,
    CLOSED: DONE,
}  # fmt: skip
"""Stage of every state."""

NO_FILES, PARKED, QUOTA, ASKED, WAITING, PARTIAL, COMPLETE, LATE, LOST = (
    "none", "parked", "quota", "asked", "waiting", "partial", "complete", "late", "lost",
)  # fmt: skip
"""Evidence of a case: none was asked for; is asked for when the truck stands; not asked, the SIM's quota is used up;
asked; announced; some are here; all; not complete though it is time; nobody waits any more."""

OVERDUE_FIRST, OVERDUE_CLOSE = 1, 2
"""Which limit has passed."""


class AlarmCase(Base):
    """One case. Instants in UTC ms, places in 1e-6 degrees, speeds in 0.1 km/h."""

    __tablename__ = "alarm_case"
    __table_args__ = (
        UniqueConstraint("number"),
        # Each ends with grade and overdue: counting the open work then reads the index alone.
        Index("ix_alarm_case_stage_sort_at", "stage", "sort_at", "id", "grade", "overdue"),
        Index("ix_alarm_case_stage_grade_sort_at", "stage", "grade", "sort_at", "id", "overdue"),
        Index("ix_alarm_case_stage_city_sort_at", "stage", "city", "sort_at", "id", "grade", "overdue"),
        Index("ix_alarm_case_stage_county_sort_at", "stage", "county", "sort_at", "id", "grade", "overdue"),
        Index("ix_alarm_case_stage_operator_id_sort_at", "stage", "operator_id", "sort_at", "id", "grade", "overdue"),
        Index("ix_alarm_case_stage_monitor_id_sort_at", "stage", "monitor_id", "sort_at", "id", "grade", "overdue"),
        Index("ix_alarm_case_stage_type_sort_at", "stage", "type", "sort_at", "id"),
        Index("ix_alarm_case_stage_vehicle_id_sort_at", "stage", "vehicle_id", "sort_at", "id"),
        Index("ix_alarm_case_vehicle_id_type_last_at", "vehicle_id", "type", "last_at"),
        Index("ix_alarm_case_assignee_id_stage", "assignee_id", "stage"),
        Index("ix_alarm_case_opened_at", "opened_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[str] = mapped_column(String(24))
    """As people say it: city, day, running number, year (GZ-1120-08814-26)."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Counts what a person must know before acting; who acts names the one that was shown."""
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    stage: Mapped[int] = mapped_column(Integer, default=TODO)
    grade: Mapped[int] = mapped_column(Integer)
    first_grade: Mapped[int] = mapped_column(Integer)
    repeated: Mapped[bool] = mapped_column(Boolean, default=False)
    """Its grade was raised by repetition."""
    policy: Mapped[int] = mapped_column(Integer)
    """Version of the policy it is handled by."""
    type: Mapped[str] = mapped_column(String(10))
    dialect: Mapped[str] = mapped_column(String(10), default="")
    fault: Mapped[bool] = mapped_column(Boolean, default=False)
    level: Mapped[int] = mapped_column(Integer, default=0)
    """Highest level of the device."""
    vehicle_id: Mapped[int] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    phone: Mapped[str] = mapped_column(String(20), default="")
    plate: Mapped[str] = mapped_column(String(20), default="")
    plate_color: Mapped[int] = mapped_column(Integer, default=0)
    city: Mapped[int | None] = mapped_column(Integer)
    county: Mapped[int | None] = mapped_column(Integer)
    operator_id: Mapped[int | None] = mapped_column(Integer)
    monitor_id: Mapped[int | None] = mapped_column(Integer)
    insurer_id: Mapped[int | None] = mapped_column(Integer)
    vendor_id: Mapped[int | None] = mapped_column(Integer)
    lat_e6: Mapped[int | None] = mapped_column(Integer)
    lon_e6: Mapped[int | None] = mapped_column(Integer)
    speed_dkmh: Mapped[int] = mapped_column(Integer, default=0)
    limit_kmh: Mapped[int | None] = mapped_column(Integer)
    """What overspeed was measured against; null for other types."""
    started_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    opened_at: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(Integer, default=0)
    """Alarms merged into it."""
    warnings: Mapped[int] = mapped_column(Integer, default=0)
    """Pre-warnings merged into it."""
    first_action_due_at: Mapped[int] = mapped_column(BigInteger)
    first_action_at: Mapped[int | None] = mapped_column(BigInteger)
    close_due_at: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    """The limit that runs; null once closed."""
    sort_at: Mapped[int] = mapped_column(BigInteger)
    """Order in its stage: ``due_at``; of closed ones the negative time of the close."""
    overdue: Mapped[int] = mapped_column(Integer, default=0)
    """0 none, OVERDUE_FIRST, OVERDUE_CLOSE: what passed without having been done."""
    escalation: Mapped[int] = mapped_column(Integer, default=0)
    """Number of the highest that was told (``luwei.cases.policy.TARGETS``); 0 nobody."""
    snoozed_until: Mapped[int | None] = mapped_column(BigInteger)
    snoozes: Mapped[int] = mapped_column(Integer, default=0)
    evidence_state: Mapped[str] = mapped_column(String(10), default=NO_FILES)
    evidence_files: Mapped[int] = mapped_column(Integer, default=0)
    evidence_complete: Mapped[int] = mapped_column(Integer, default=0)
    evidence_thumb: Mapped[int | None] = mapped_column(Integer)
    """A picture of it that is here."""
    assignee_id: Mapped[int | None] = mapped_column(Integer)
    reminder: Mapped[str] = mapped_column(String(10), default="none")
    """none, sent, delivered, failed: the last text that was spoken in the cab."""
    check_at: Mapped[int | None] = mapped_column(BigInteger)
    check_after_s: Mapped[int | None] = mapped_column(Integer)
    check_result: Mapped[str] = mapped_column(String(10), default="")
    """Of the last automatic check of the correction: corrected, not, unknown."""
    first_viewed_at: Mapped[int | None] = mapped_column(BigInteger)
    first_viewed_by: Mapped[int | None] = mapped_column(Integer)
    handler_id: Mapped[int | None] = mapped_column(Integer)
    handled_at: Mapped[int | None] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(String(10), default="")
    reason: Mapped[str] = mapped_column(String(40), default="")
    actions: Mapped[str] = mapped_column(String(40), default="")
    """tts, call, stop, ignore, joined by commas."""
    driver_reply: Mapped[str] = mapped_column(String(200), default="")
    correction: Mapped[str] = mapped_column(String(10), default="")
    text: Mapped[str] = mapped_column(String(1000), default="")
    verified_at: Mapped[int | None] = mapped_column(BigInteger)
    verified_by: Mapped[int | None] = mapped_column(Integer)
    evidence_audited: Mapped[bool] = mapped_column(Boolean, default=False)
    returns: Mapped[int] = mapped_column(Integer, default=0)
    closed_at: Mapped[int | None] = mapped_column(BigInteger)
    closed_by: Mapped[int | None] = mapped_column(Integer)
    appeal: Mapped[str] = mapped_column(String(10), default="")
    """Empty, open, upheld, rejected."""
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)


class PreWarning(Base):
    """Pre-warning 预警: alarms of one truck and type that follow each other within the policy's window. Those without a
    case are kept for some days, so that what comes late still finds them."""

    __tablename__ = "pre_warning"
    __table_args__ = (
        Index("ix_pre_warning_vehicle_id_last_at", "vehicle_id", "last_at"),
        Index("ix_pre_warning_case_id", "case_id"),
        Index(
            "ix_pre_warning_created_at", "created_at",
            sqlite_where=text("case_id IS NULL"), postgresql_where=text("case_id IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(10))
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(Integer)
    level: Mapped[int] = mapped_column(Integer)
    grade: Mapped[int] = mapped_column(Integer)
    """With what repetition added."""
    asked: Mapped[int] = mapped_column(Integer, default=-1)
    """Level of the alarm whose files were asked for; -1: none were."""
    case_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger)


class CaseAlarm(Base):
    """One alarm that was taken, by its key: taken twice is taken once."""

    __tablename__ = "case_alarm"
    __table_args__ = (
        Index("ix_case_alarm_warning_id", "warning_id"),
        Index("ix_case_alarm_case_id_at", "case_id", "at"),
        Index(
            "ix_case_alarm_taken_at", "taken_at",
            sqlite_where=text("case_id IS NULL"), postgresql_where=text("case_id IS NULL"),
        ),
    )  # fmt: skip

    alarm: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Key of the fact (below 2**63)."""
    warning_id: Mapped[int] = mapped_column(Integer)
    case_id: Mapped[int | None] = mapped_column(Integer)
    vehicle_id: Mapped[int] = mapped_column(Integer)
    terminal_id: Mapped[int] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(10))
    at: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[int] = mapped_column(BigInteger)
    taken_at: Mapped[int] = mapped_column(BigInteger)
    phase: Mapped[int] = mapped_column(Integer)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    """Of a lasting alarm; null: it lasts, or has no end (phase 0)."""
    level: Mapped[int] = mapped_column(Integer)
    speed_dkmh: Mapped[int] = mapped_column(Integer)
    lat_e6: Mapped[int] = mapped_column(Integer)
    lon_e6: Mapped[int] = mapped_column(Integer)
    files: Mapped[int] = mapped_column(Integer)
    identification: Mapped[str] = mapped_column(String(80))
    dialect: Mapped[str] = mapped_column(String(10))
    backfill: Mapped[bool] = mapped_column(Boolean)


class CaseStep(Base):
    """One step of a case's story, automatic or human. Only ever added."""

    __tablename__ = "case_step"
    __table_args__ = (Index("ix_case_step_case_id_id", "case_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    case_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
    act: Mapped[str] = mapped_column(String(20))
    """One of ``luwei.cases.steps.WORDS``."""
    user_id: Mapped[int | None] = mapped_column(Integer)
    """Null: by itself."""
    detail: Mapped[str] = mapped_column(Text)
    """JSON object."""
