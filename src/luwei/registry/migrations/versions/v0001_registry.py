"""Operators, vehicles, terminals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the three tables and the indexes of the vehicle list."""
    op.create_table(
        "operator",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("credit_code", sa.String(18)),
        sa.Column("licence_number", sa.String(40)),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("contact", sa.String(40)),
        sa.Column("contact_phone", sa.String(20)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operator"),
        sa.UniqueConstraint("name", name="uq_operator_name"),
        sa.UniqueConstraint("credit_code", name="uq_operator_credit_code"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operator_city_county", "operator", ["city", "county"])
    op.create_table(
        "vehicle",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("plate", sa.String(20), nullable=False),
        sa.Column("plate_color", sa.Integer, nullable=False),
        sa.Column("vin", sa.String(17)),
        sa.Column("vehicle_class", sa.String(30), nullable=False),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("operator_id", sa.Integer),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vehicle"),
        sa.UniqueConstraint("plate", "plate_color", name="uq_vehicle_plate_plate_color", postgresql_include=["id"]),
        sa.UniqueConstraint("vin", name="uq_vehicle_vin"),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_vehicle_operator_id_operator"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vehicle_city_county_plate", "vehicle", ["city", "county", "plate"], postgresql_include=["id"])
    op.create_index("ix_vehicle_operator_id_plate", "vehicle", ["operator_id", "plate"], postgresql_include=["id"])
    op.create_table(
        "terminal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("terminal_id", sa.String(30), nullable=False),
        sa.Column("manufacturer_id", sa.String(11), nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("code", sa.String(32)),
        sa.Column("registered_at", sa.BigInteger),
        sa.Column("unregister_pending_at", sa.BigInteger),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terminal"),
        sa.UniqueConstraint("phone", name="uq_terminal_phone"),
        sa.UniqueConstraint("vehicle_id", name="uq_terminal_vehicle_id"),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name="fk_terminal_vehicle_id_vehicle"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_terminal_terminal_id", "terminal", ["terminal_id"])


def downgrade() -> None:
    """Drop the three tables."""
    op.drop_table("terminal")
    op.drop_table("vehicle")
    op.drop_table("operator")
