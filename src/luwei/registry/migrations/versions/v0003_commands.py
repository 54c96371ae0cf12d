"""Commands to terminals and the batches they were given in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "command_batch",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_command_batch"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_command_batch_state", "command_batch", ["state"])
    op.create_table(
        "command",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("edition", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("gateway", sa.String(20), nullable=False),
        sa.Column("boot", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_command"),
        sa.ForeignKeyConstraint(["batch_id"], ["command_batch.id"], name="fk_command_batch_id_command_batch"),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name="fk_command_vehicle_id_vehicle"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_command_batch_id_state", "command", ["batch_id", "state"])
    op.create_index("ix_command_vehicle_id_id", "command", ["vehicle_id", "id"])
    op.create_index("ix_command_state", "command", ["state"])
