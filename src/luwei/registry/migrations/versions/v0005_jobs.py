"""Imports in the background with their errors, and the tombstones of merged records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "job",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("noun", sa.String(20), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("file", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("failure", sa.String(300), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_user_id_id", "job", ["user_id", "id"])
    op.create_index("ix_job_state", "job", ["state"])
    op.create_table(
        "job_error",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("column", sa.String(60), nullable=False),
        sa.Column("rule", sa.String(300), nullable=False),
        sa.Column("value", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_error"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_error_job_id_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_error_job_id_id", "job_error", ["job_id", "id"])
    op.create_table(
        "merge",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("noun", sa.String(20), nullable=False),
        sa.Column("loser_id", sa.Integer, nullable=False),
        sa.Column("survivor_id", sa.Integer, nullable=False),
        sa.Column("loser", sa.Text, nullable=False),
        sa.Column("survivor", sa.Text, nullable=False),
        sa.Column("moved", sa.Text, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("undone_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_merge"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_merge_noun_loser_id", "merge", ["noun", "loser_id"])
    op.create_index("ix_merge_noun_survivor_id", "merge", ["noun", "survivor_id"])
