"""Hand-over of cases between shifts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "case_hand_over",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("to_user_id", sa.Integer),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("cases", sa.Integer, nullable=False),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("taken_by", sa.Integer),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_hand_over")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_case_hand_over_organisation_id_id", "case_hand_over", ["organisation_id", "id"])
    op.create_index("ix_case_hand_over_taken_at_to_user_id", "case_hand_over", ["taken_at", "to_user_id"])
    op.create_table(
        "case_handed",
        sa.Column("hand_over_id", sa.Integer, nullable=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("hand_over_id", "case_id", name=op.f("pk_case_handed")),
    )
    op.create_index("ix_case_handed_case_id", "case_handed", ["case_id"])
