"""From when a binding counts, and organisations of one name: sole traders are called after persons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """The first span of each sort counts backwards without end; a name is unique in its place, not in the province."""
    # Fails closed: a span that nobody gave a beginning counts for nobody.
    op.add_column("binding", sa.Column("counts_from", sa.BigInteger, nullable=False, server_default=str(1 << 62)))
    op.execute(
        "UPDATE binding SET counts_from = CASE WHEN EXISTS (SELECT 1 FROM binding AS other"
        " WHERE other.what = binding.what AND other.subject_id = binding.subject_id"
        " AND other.from_at < binding.from_at) THEN from_at ELSE 0 END"
    )
    op.create_index(
        "ix_binding_to_at", "binding", ["to_at"],
        sqlite_where=sa.text("to_at IS NOT NULL"), postgresql_where=sa.text("to_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_binding_counts_from", "binding", ["counts_from"],
        sqlite_where=sa.text("counts_from > 0"), postgresql_where=sa.text("counts_from > 0"),
    )  # fmt: skip
    last = _last_id("organisation")
    with op.batch_alter_table("organisation", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("uq_organisation_name", type_="unique")
    _keep_last_id("organisation", last)
    places = "COALESCE(city, 0), COALESCE(county, 0), COALESCE(parent_id, 0), COALESCE(credit_code, '')"
    op.execute(f"CREATE UNIQUE INDEX uq_organisation_name ON organisation (name, {places})")


def _last_id(table: str) -> int:
    """SQLite counts ids by table; a batch migration makes a new table, which would count from its rows."""
    if op.get_bind().dialect.name != "sqlite":
        return 0
    statement = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return op.get_bind().execute(statement, {"name": table}).scalar() or 0


def _keep_last_id(table: str, last: int) -> None:
    """Go on with the ids after the last one that was given."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.get_bind().execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table})
    op.get_bind().execute(
        sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), {"name": table, "seq": last}
    )
