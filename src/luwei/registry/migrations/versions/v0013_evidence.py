"""Evidence: files, what was asked for, what was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "evidence_file",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("upload", sa.String(64)),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("request_id", sa.Integer),
        sa.Column("unexpected", sa.Boolean, nullable=False),
        sa.Column("channel", sa.Integer),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("identification", sa.String(80), nullable=False),
        sa.Column("alarm_no", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("announced_bytes", sa.BigInteger),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sm3", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(60), nullable=False),
        sa.Column("readable", sa.Boolean),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("received_at", sa.BigInteger),
        sa.Column("lat_e6", sa.Integer),
        sa.Column("lon_e6", sa.Integer),
        sa.Column("store_key", sa.String(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_file"),
        sa.UniqueConstraint("upload", name="uq_evidence_file_upload"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ["vehicle_id", "received_at"],
        ["received_at"],
        ["phone", "created_at"],
        ["request_id"],
        ["store_key"],
        ["state"],
    ):
        op.create_index(f"ix_evidence_file_{'_'.join(columns)}", "evidence_file", columns)
    op.create_table(
        "evidence_request",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("identification", sa.String(80), nullable=False),
        sa.Column("dialect", sa.String(10), nullable=False),
        sa.Column("alarm_no", sa.String(32), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("alarm_at", sa.BigInteger, nullable=False),
        sa.Column("lat_e6", sa.Integer),
        sa.Column("lon_e6", sa.Integer),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(200), nullable=False),
        sa.Column("asks", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("answer", sa.String(20), nullable=False),
        sa.Column("announced_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_request"),
        sa.UniqueConstraint("alarm_no", name="uq_evidence_request_alarm_no"),
        sa.UniqueConstraint("phone", "identification", name="uq_evidence_request_phone_identification"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evidence_request_state_next_at", "evidence_request", ["state", "next_at"])
    op.create_table(
        "evidence_refusal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(30), nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_refusal"),
        sa.UniqueConstraint("day", "reason", "phone", "address", name="uq_evidence_refusal_day_reason_phone_address"),
        sqlite_autoincrement=True,
    )
