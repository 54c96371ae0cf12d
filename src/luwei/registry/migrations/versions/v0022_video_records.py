"""Recordings of live streams: what was recorded for whom and why, and its parts, each a file of the evidence store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "video_record",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("stream", sa.String(4), nullable=False),
        sa.Column("purpose", sa.String(100), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("grounds", sa.String(500), nullable=False),
        sa.Column("policy", sa.Integer),
        sa.Column("case_id", sa.Integer),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_record")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_video_record_state", "video_record", ["state"])
    op.create_index("ix_video_record_vehicle_id_asked_at", "video_record", ["vehicle_id", "asked_at"])
    op.create_index("ix_video_record_asked_at", "video_record", ["asked_at"])
    op.create_index("ix_video_record_case_id", "video_record", ["case_id"])
    op.create_index("ix_video_record_told", "video_record", ["told"])
    op.create_table(
        "video_record_part",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("store_key", sa.String(100), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("codec", sa.String(10), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("sound", sa.Boolean, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("packets_lost", sa.Integer, nullable=False),
        sa.Column("file_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_record_part")),
        sa.UniqueConstraint("record_id", "number", name=op.f("uq_video_record_part_record_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_video_record_part_state", "video_record_part", ["state"])
    op.create_index("ix_video_record_part_file_id", "video_record_part", ["file_id"])
