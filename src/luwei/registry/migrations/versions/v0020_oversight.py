"""Oversight of handling: supervision orders, post checks, sealed packages, effects of appeals, flags, proposals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Create the tables."""
    _orders()
    _checks()
    _packages()
    _rules()


def _orders() -> None:
    op.create_table(
        "supervision_order",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reply", sa.String(10), nullable=False),
        sa.Column("policy", sa.Integer, nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("case_id", sa.Integer),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("alarm_at", sa.BigInteger),
        sa.Column("target_id", sa.Integer, nullable=False),
        sa.Column("operator_id", sa.Integer),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("issuer_id", sa.Integer, nullable=False),
        sa.Column("issuer_organisation_id", sa.Integer),
        sa.Column("contact", sa.String(40), nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("email", sa.String(100), nullable=False),
        sa.Column("proposal_id", sa.Integer),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("strike_at", sa.BigInteger),
        sa.Column("extended", sa.Boolean, nullable=False),
        sa.Column("returns", sa.Integer, nullable=False),
        sa.Column("overdue", sa.Boolean, nullable=False),
        sa.Column("escalation", sa.Integer, nullable=False),
        sa.Column("in_charge", sa.String(10), nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_order")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_supervision_order_case_id", "supervision_order", ["case_id"])
    op.create_index("ix_supervision_order_city_id", "supervision_order", ["city", "id"])
    op.create_index("ix_supervision_order_county_id", "supervision_order", ["county", "id"])
    op.create_index("ix_supervision_order_state_due_at", "supervision_order", ["state", "due_at"])
    op.create_index("ix_supervision_order_strike_at", "supervision_order", ["strike_at"])
    op.create_index("ix_supervision_order_target_id_id", "supervision_order", ["target_id", "id"])
    op.create_table(
        "supervision_step",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("order_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_step")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_supervision_step_order_id_id", "supervision_step", ["order_id", "id"])


def _checks() -> None:
    op.create_table(
        "check_question",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("text", sa.String(300), nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("answers", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_question")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_check_question_organisation_id", "check_question", ["organisation_id"])
    op.create_table(
        "post_check",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("text", sa.String(300), nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("answers", sa.Text, nullable=False),
        sa.Column("targets", sa.String(20), nullable=False),
        sa.Column("limit_s", sa.Integer, nullable=False),
        sa.Column("from_at", sa.BigInteger),
        sa.Column("to_at", sa.BigInteger),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_check")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_post_check_organisation_id", "post_check", ["organisation_id"])
    op.create_table(
        "post_check_asked",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("check_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer, nullable=False),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("strike_at", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("user_id", sa.Integer),
        sa.Column("answer", sa.String(200), nullable=False),
        sa.Column("result", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_check_asked")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_post_check_asked_asked_at", "post_check_asked", ["asked_at"])
    op.create_index("ix_post_check_asked_check_id", "post_check_asked", ["check_id"])
    op.create_index("ix_post_check_asked_organisation_id_asked_at", "post_check_asked", ["organisation_id", "asked_at"])
    op.create_index("ix_post_check_asked_state_strike_at", "post_check_asked", ["state", "strike_at"])


def _packages() -> None:
    op.create_table(
        "seal_approval",
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("handled_at", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "user_id", "handled_at", name=op.f("pk_seal_approval")),
    )
    op.create_table(
        "sealed_package",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(100), nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("failure", sa.String(300), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealed_package")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sealed_package_case_id", "sealed_package", ["case_id"])
    op.create_index("ix_sealed_package_state", "sealed_package", ["state"])


def _rules() -> None:
    op.create_table(
        "oversight_policy",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oversight_policy")),
        sa.UniqueConstraint("valid_from", name=op.f("uq_oversight_policy_valid_from")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "oversight_mark",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_oversight_mark")),
    )
    op.create_table(
        "appeal_effect",
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("appeal_id", sa.Integer, nullable=False),
        sa.Column("before", sa.String(10), nullable=False),
        sa.Column("after", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_appeal_effect")),
    )
    op.create_table(
        "case_device",
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("vendor_id", sa.Integer, nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("firmware", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_device")),
    )
    op.create_index("ix_case_device_model_firmware", "case_device", ["model", "firmware"])
    op.create_table(
        "sham_flag",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("policy", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("dismissed_by", sa.Integer),
        sa.Column("dismissed_at", sa.BigInteger),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sham_flag")),
        sa.UniqueConstraint("key", name=op.f("uq_sham_flag_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sham_flag_state_last_at", "sham_flag", ["state", "last_at"])
    op.create_index("ix_sham_flag_user_id_kind", "sham_flag", ["user_id", "kind"])
    op.create_table(
        "sham_case",
        sa.Column("flag_id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("flag_id", "case_id", name=op.f("pk_sham_case")),
    )
    op.create_table(
        "supervision_proposal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("target_id", sa.Integer, nullable=False),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.Column("cases", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("order_id", sa.Integer),
        sa.Column("decided_by", sa.Integer),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_proposal")),
        sa.UniqueConstraint("key", name=op.f("uq_supervision_proposal_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_supervision_proposal_state_at", "supervision_proposal", ["state", "at"])
