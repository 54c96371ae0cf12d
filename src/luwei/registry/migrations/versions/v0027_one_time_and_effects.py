"""When a one-time password was handed out, so that it can end unused; and one effect an appeal, not one a case, for a
case that is handled again may be appealed against again."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the column, set the key anew. One-time passwords that wait to be used have their whole life from now on."""
    op.add_column("user_account", sa.Column("one_time_at", sa.BigInteger))
    account = sa.table("user_account", sa.column("one_time_at"), sa.column("must_change_password", sa.Boolean))
    op.execute(account.update().where(account.c.must_change_password).values(one_time_at=int(time.time() * 1000)))
    op.execute("CREATE TABLE appeal_effect_before AS SELECT case_id, appeal_id, before, after, at FROM appeal_effect")
    op.drop_table("appeal_effect")
    op.create_table(
        "appeal_effect",
        sa.Column("appeal_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("before", sa.String(10), nullable=False),
        sa.Column("after", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("appeal_id", name=op.f("pk_appeal_effect")),
    )
    op.create_index("ix_appeal_effect_case_id", "appeal_effect", ["case_id"])
    op.execute(
        "INSERT INTO appeal_effect(appeal_id, case_id, before, after, at)"
        " SELECT appeal_id, case_id, before, after, at FROM appeal_effect_before"
    )
    op.drop_table("appeal_effect_before")
