"""Cases: handling of alarms, with everything that hangs on them; two indexes by which they follow evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the tables and the two indexes."""
    _cases()
    _work()
    _counts()
    op.create_index("ix_evidence_file_updated_at", "evidence_file", ["updated_at"])
    op.create_index("ix_evidence_request_ended_at", "evidence_request", ["ended_at"])


def _cases() -> None:
    op.create_table(
        "alarm_case",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("number", sa.String(24), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("first_grade", sa.Integer, nullable=False),
        sa.Column("repeated", sa.Boolean, nullable=False),
        sa.Column("policy", sa.Integer, nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("dialect", sa.String(10), nullable=False),
        sa.Column("fault", sa.Boolean, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("plate", sa.String(20), nullable=False),
        sa.Column("plate_color", sa.Integer, nullable=False),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("operator_id", sa.Integer),
        sa.Column("monitor_id", sa.Integer),
        sa.Column("insurer_id", sa.Integer),
        sa.Column("vendor_id", sa.Integer),
        sa.Column("lat_e6", sa.Integer),
        sa.Column("lon_e6", sa.Integer),
        sa.Column("speed_dkmh", sa.Integer, nullable=False),
        sa.Column("limit_kmh", sa.Integer),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("warnings", sa.Integer, nullable=False),
        sa.Column("first_action_due_at", sa.BigInteger, nullable=False),
        sa.Column("first_action_at", sa.BigInteger),
        sa.Column("close_due_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("sort_at", sa.BigInteger, nullable=False),
        sa.Column("overdue", sa.Integer, nullable=False),
        sa.Column("escalation", sa.Integer, nullable=False),
        sa.Column("snoozed_until", sa.BigInteger),
        sa.Column("snoozes", sa.Integer, nullable=False),
        sa.Column("evidence_state", sa.String(10), nullable=False),
        sa.Column("evidence_files", sa.Integer, nullable=False),
        sa.Column("evidence_complete", sa.Integer, nullable=False),
        sa.Column("evidence_thumb", sa.Integer),
        sa.Column("assignee_id", sa.Integer),
        sa.Column("reminder", sa.String(10), nullable=False),
        sa.Column("check_at", sa.BigInteger),
        sa.Column("check_after_s", sa.Integer),
        sa.Column("check_result", sa.String(10), nullable=False),
        sa.Column("first_viewed_at", sa.BigInteger),
        sa.Column("first_viewed_by", sa.Integer),
        sa.Column("handler_id", sa.Integer),
        sa.Column("handled_at", sa.BigInteger),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("actions", sa.String(40), nullable=False),
        sa.Column("driver_reply", sa.String(200), nullable=False),
        sa.Column("correction", sa.String(10), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("verified_at", sa.BigInteger),
        sa.Column("verified_by", sa.Integer),
        sa.Column("evidence_audited", sa.Boolean, nullable=False),
        sa.Column("returns", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("closed_by", sa.Integer),
        sa.Column("appeal", sa.String(10), nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_case"),
        sa.UniqueConstraint("number", name="uq_alarm_case_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarm_case_assignee_id_stage", "alarm_case", ["assignee_id", "stage"])
    op.create_index("ix_alarm_case_opened_at", "alarm_case", ["opened_at"])
    op.create_index(
        "ix_alarm_case_stage_city_sort_at", "alarm_case", ["stage", "city", "sort_at", "id", "grade", "overdue"]
    )
    op.create_index(
        "ix_alarm_case_stage_county_sort_at", "alarm_case", ["stage", "county", "sort_at", "id", "grade", "overdue"]
    )
    op.create_index("ix_alarm_case_stage_grade_sort_at", "alarm_case", ["stage", "grade", "sort_at", "id", "overdue"])
    op.create_index(
        "ix_alarm_case_stage_monitor_id_sort_at",
        "alarm_case",
        ["stage", "monitor_id", "sort_at", "id", "grade", "overdue"],
    )
    op.create_index(
        "ix_alarm_case_stage_operator_id_sort_at",
        "alarm_case",
        ["stage", "operator_id", "sort_at", "id", "grade", "overdue"],
    )
    op.create_index("ix_alarm_case_stage_sort_at", "alarm_case", ["stage", "sort_at", "id", "grade", "overdue"])
    op.create_index("ix_alarm_case_stage_type_sort_at", "alarm_case", ["stage", "type", "sort_at", "id"])
    op.create_index("ix_alarm_case_stage_vehicle_id_sort_at", "alarm_case", ["stage", "vehicle_id", "sort_at", "id"])
    op.create_index("ix_alarm_case_vehicle_id_type_last_at", "alarm_case", ["vehicle_id", "type", "last_at"])
    op.create_table(
        "pre_warning",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pre_warning"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pre_warning_case_id", "pre_warning", ["case_id"])
    op.create_index(
        "ix_pre_warning_created_at",
        "pre_warning",
        ["created_at"],
        sqlite_where=sa.text("case_id IS NULL"),
        postgresql_where=sa.text("case_id IS NULL"),
    )
    op.create_index("ix_pre_warning_vehicle_id_last_at", "pre_warning", ["vehicle_id", "last_at"])
    op.create_table(
        "case_alarm",
        sa.Column("alarm", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("warning_id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("speed_dkmh", sa.Integer, nullable=False),
        sa.Column("lat_e6", sa.Integer, nullable=False),
        sa.Column("lon_e6", sa.Integer, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("identification", sa.String(80), nullable=False),
        sa.Column("dialect", sa.String(10), nullable=False),
        sa.Column("backfill", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("alarm", name="pk_case_alarm"),
    )
    op.create_index("ix_case_alarm_case_id_at", "case_alarm", ["case_id", "at"])
    op.create_index(
        "ix_case_alarm_taken_at",
        "case_alarm",
        ["taken_at"],
        sqlite_where=sa.text("case_id IS NULL"),
        postgresql_where=sa.text("case_id IS NULL"),
    )
    op.create_index("ix_case_alarm_warning_id", "case_alarm", ["warning_id"])
    op.create_table(
        "case_step",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_step"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_step_case_id_id", "case_step", ["case_id", "id"])


def _work() -> None:
    op.create_table(
        "case_timer",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_timer"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_timer_case_id", "case_timer", ["case_id"])
    op.create_index("ix_case_timer_due_at", "case_timer", ["due_at"])
    op.create_table(
        "case_evidence",
        sa.Column("case_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("request_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("alarm", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "request_id", name="pk_case_evidence"),
    )
    op.create_index("ix_case_evidence_request_id", "case_evidence", ["request_id"])
    op.create_table(
        "case_look",
        sa.Column("case_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("file_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "user_id", "file_id", name="pk_case_look"),
    )
    op.create_table(
        "case_command",
        sa.Column("command_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("noted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("command_id", name="pk_case_command"),
    )
    op.create_index("ix_case_command_case_id", "case_command", ["case_id"])
    op.create_index("ix_case_command_noted", "case_command", ["noted"])
    op.create_table(
        "case_appeal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("by_role", sa.String(20), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("requested_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("state_before", sa.String(10), nullable=False),
        sa.Column("reviewer_id", sa.Integer),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decision", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_appeal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_appeal_case_id", "case_appeal", ["case_id"])
    op.create_index("ix_case_appeal_state_due_at", "case_appeal", ["state", "due_at"])


def _counts() -> None:
    op.create_table(
        "case_day",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("city", sa.Integer, nullable=False),
        sa.Column("county", sa.Integer, nullable=False),
        sa.Column("operator_id", sa.Integer, nullable=False),
        sa.Column("monitor_id", sa.Integer, nullable=False),
        sa.Column("insurer_id", sa.Integer, nullable=False),
        sa.Column("vendor_id", sa.Integer, nullable=False),
        sa.Column("raw", sa.BigInteger, nullable=False),
        sa.Column("warnings", sa.BigInteger, nullable=False),
        sa.Column("alarms", sa.BigInteger, nullable=False),
        sa.Column("g1", sa.BigInteger, nullable=False),
        sa.Column("g2", sa.BigInteger, nullable=False),
        sa.Column("g3", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_day"),
        sa.UniqueConstraint(
            "day",
            "type",
            "city",
            "county",
            "operator_id",
            "monitor_id",
            "insurer_id",
            "vendor_id",
            name="uq_case_day_key",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_day_operator_id_day", "case_day", ["operator_id", "day"])
    op.create_table(
        "case_number",
        sa.Column("city", sa.String(2), nullable=False),
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("city", "day", name="pk_case_number"),
    )
    op.create_table(
        "case_policy",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_case_policy"),
        sa.UniqueConstraint("valid_from", name="uq_case_policy_valid_from"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "case_what_if",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("from_day", sa.Integer, nullable=False),
        sa.Column("to_day", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("failure", sa.String(300), nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_case_what_if"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_what_if_state", "case_what_if", ["state"])
    op.create_index("ix_case_what_if_user_id_id", "case_what_if", ["user_id", "id"])
