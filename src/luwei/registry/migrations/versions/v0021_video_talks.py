"""Talks: who talked with, listened to or spoke to which truck, and for how long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "video_talk",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("talk", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("username", sa.String(60), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("purpose", sa.String(500), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("live_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ended", sa.String(40), nullable=False),
        sa.Column("sent_ms", sa.Integer, nullable=False),
        sa.Column("heard_ms", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_talk")),
    )
    op.create_index("ix_video_talk_vehicle_id_started_at", "video_talk", ["vehicle_id", "started_at"])
    op.create_index("ix_video_talk_ended_at", "video_talk", ["ended_at"])
