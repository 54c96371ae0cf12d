"""The profile of each terminal, what it said of itself, and every change of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "terminal_profile",
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("profile", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("manufacturer_id", sa.String(11), nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("firmware", sa.String(60), nullable=False),
        sa.Column("province", sa.Integer, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("dialect", sa.String(20), nullable=False),
        sa.Column("silent_at", sa.BigInteger),
        sa.Column("decided_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("terminal_id", name="pk_terminal_profile"),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name="fk_terminal_profile_terminal_id_terminal", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_terminal_profile_model_firmware", "terminal_profile", ["model", "firmware"])
    op.create_table(
        "terminal_profile_change",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("profile", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        sa.Column("firmware", sa.String(60), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_profile_change"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_terminal_profile_change_terminal_id_at", "terminal_profile_change", ["terminal_id", "at"])


def downgrade() -> None:
    """Drop the two tables."""
    op.drop_table("terminal_profile_change")
    op.drop_table("terminal_profile")
