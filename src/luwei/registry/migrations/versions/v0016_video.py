"""Video: traffic of terminals' streams by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "video_traffic",
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("channel", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("milliseconds", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("phone", "day", "channel", "purpose", name="pk_video_traffic"),
    )
    op.create_index("ix_video_traffic_day", "video_traffic", ["day"])
    op.create_table(
        "video_meter",
        sa.Column("boot", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("boot", name="pk_video_meter"),
    )
