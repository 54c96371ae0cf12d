"""Multimedia data, and areas and routes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "multimedia",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source", sa.BigInteger, nullable=False),
        sa.Column("file_id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("multimedia_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("speed_dkmh", sa.Integer),
        sa.Column("alarm", sa.BigInteger),
        sa.Column("status", sa.BigInteger),
        sa.Column("problem", sa.String(20), nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_multimedia"),
        sa.UniqueConstraint("source", name="uq_multimedia_source"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_multimedia_vehicle_id_received_at", "multimedia", ["vehicle_id", "received_at"])
    op.create_index("ix_multimedia_file_id", "multimedia", ["file_id"])
    op.create_table(
        "area",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("city", sa.Integer),
        sa.Column("geometry", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_area"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_area_kind_city", "area", ["kind", "city"])
