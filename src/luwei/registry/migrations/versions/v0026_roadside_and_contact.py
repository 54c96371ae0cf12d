"""Roadside checks with their files, and when a truck's data first arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "roadside_check",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("plate", sa.String(20), nullable=False),
        sa.Column("plate_color", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("place", sa.String(100), nullable=False),
        sa.Column("lat_e6", sa.Integer),
        sa.Column("lon_e6", sa.Integer),
        sa.Column("told", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roadside_check")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_roadside_check_at", "roadside_check", ["at"])
    for column in ("user_id", "organisation_id", "vehicle_id"):
        op.create_index(f"ix_roadside_check_{column}_at", "roadside_check", [column, "at"])
    op.create_table(
        "roadside_finding",
        sa.Column("check_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("finding", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("check_id", "finding", name=op.f("pk_roadside_finding")),
        sa.ForeignKeyConstraint(
            ["check_id"], ["roadside_check.id"], name=op.f("fk_roadside_finding_check_id_roadside_check")
        ),
    )
    op.create_index("ix_roadside_finding_finding", "roadside_finding", ["finding"])
    op.add_column("supervision_file", sa.Column("check_id", sa.Integer))
    op.create_index("ix_supervision_file_check_id", "supervision_file", ["check_id"])
    op.create_table(
        "vehicle_contact",
        sa.Column("vehicle_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("silent_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("vehicle_id", name=op.f("pk_vehicle_contact")),
    )
    op.create_index("ix_vehicle_contact_first_at", "vehicle_contact", ["first_at"])
    op.create_index("ix_vehicle_contact_silent_at", "vehicle_contact", ["silent_at"])
