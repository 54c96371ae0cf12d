"""Files that come with supervision orders and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0025"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "supervision_file",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("order_id", sa.Integer),
        sa.Column("step_id", sa.Integer),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sm3", sa.String(64), nullable=False),
        sa.Column("store_key", sa.String(100), nullable=False),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_file")),
        sa.UniqueConstraint("store_key", name=op.f("uq_supervision_file_store_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_supervision_file_order_id_id", "supervision_file", ["order_id", "id"])
    op.create_index("ix_supervision_file_user_id_order_id", "supervision_file", ["user_id", "order_id"])
