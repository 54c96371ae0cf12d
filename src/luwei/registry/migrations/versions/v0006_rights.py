"""Users belong to organisations; rights, grants, one-time codes, tokens as data; the audit log becomes a chain."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from luwei.registry import jurisdiction

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Carry the limits of accounts over to their organisations, and chain the entries that are there."""
    _users()
    _sessions()
    _rights()
    _grants()
    _proofs()
    _audit()


# -- users -------------------------------------------------------------------------------------------------------------


def _users() -> None:
    connection = op.get_bind()
    last = _last_id("user_account")
    with op.batch_alter_table("user_account", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("organisation_id", sa.Integer))
        batch.add_column(sa.Column("vehicle_id", sa.Integer))
        batch.add_column(sa.Column("driver_id", sa.Integer))
        batch.add_column(sa.Column("oidc_subject", sa.String(255)))
        batch.add_column(sa.Column("password_set_at", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE user_account SET password_set_at = updated_at, organisation_id = operator_id")
    # Once a company's limit is its own organisation, the narrower of county and city names the authority.
    rows = connection.execute(
        sa.text("SELECT id, COALESCE(county, city) FROM user_account WHERE operator_id IS NULL")
    ).all()
    keys: dict[int, int] = {}
    for key, area in rows:
        values = {"key": key, "organisation": _authority(connection, keys, area or jurisdiction.PROVINCE_CODE)}
        connection.execute(sa.text("UPDATE user_account SET organisation_id = :organisation WHERE id = :key"), values)
    with op.batch_alter_table("user_account", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("fk_user_account_operator_id_organisation", type_="foreignkey")
        for name in ("city", "county", "operator_id"):
            batch.drop_column(name)
        batch.alter_column("password_set_at", server_default=None)
        batch.create_unique_constraint("uq_user_account_oidc_subject", ["oidc_subject"])
        for name, table in (("organisation_id", "organisation"), ("vehicle_id", "vehicle"), ("driver_id", "driver")):
            batch.create_foreign_key(f"fk_user_account_{name}_{table}", table, [name], ["id"])
    op.create_index("ix_user_account_organisation_id", "user_account", ["organisation_id"])
    if last:
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'user_account'"))
        connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('user_account', :s)"), {"s": last})


def _authority(connection: sa.Connection, keys: dict[int, int], area: int) -> int:
    """Id of the organisation that governs ``area``, made with those above it where it is not there yet."""
    if area not in keys:
        found = connection.execute(sa.text("SELECT id FROM organisation WHERE area = :area"), {"area": area}).scalar()
        keys[area] = found if found is not None else _found(connection, keys, area)
    return keys[area]


def _found(connection: sa.Connection, keys: dict[int, int], area: int) -> int:
    known = {row[0]: row for row in jurisdiction.authorities()}
    city = jurisdiction.city_of(area)
    _, kind, name, short, above = known.get(area) or (
        area, "county", f"{area} 交通运输主管部门", str(area), city or jurisdiction.PROVINCE_CODE,
    )  # fmt: skip
    table = sa.table(
        "organisation",
        *(sa.column(each) for each in ("kind", "parent_id", "name", "short_name", "area", "city", "county",
                                       "created_at", "updated_at", "id")),
    )  # fmt: skip
    values = {
        "kind": kind, "name": name, "short_name": short, "area": area,
        "parent_id": _authority(connection, keys, above) if above else None,
        "city": area if kind == "city" else city if kind == "county" else None,
        "county": area if kind == "county" else None, "created_at": 0, "updated_at": 0,
    }  # fmt: skip
    return int(connection.execute(sa.insert(table).values(values).returning(table.c.id)).scalar_one())


def _last_id(table: str) -> int:
    """SQLite counts ids by table; a batch migration makes a new table, which would count from its rows."""
    if op.get_bind().dialect.name != "sqlite":
        return 0
    statement = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return op.get_bind().execute(statement, {"name": table}).scalar() or 0


def _sessions() -> None:
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(sa.Column("proved_at", sa.BigInteger, nullable=False, server_default="0"))
        batch.add_column(sa.Column("method", sa.String(10), nullable=False, server_default="password"))
    op.execute("UPDATE web_session SET proved_at = opened_at")
    with op.batch_alter_table("web_session") as batch:
        batch.alter_column("proved_at", server_default=None)
        batch.alter_column("method", server_default=None)


# -- tables ------------------------------------------------------------------------------------------------------------


def _rights() -> None:
    op.create_table(
        "role",
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("like", sa.String(20), nullable=False),
        sa.Column("zh", sa.String(40), nullable=False),
        sa.Column("en", sa.String(40), nullable=False),
        sa.Column("require_totp", sa.Boolean),
        sa.Column("address_ranges", sa.Text),
        sa.Column("approval", sa.Boolean),
        sa.Column("grant_minutes_max", sa.Integer),
        sa.Column("landing", sa.String(40)),
        sa.PrimaryKeyConstraint("code", name="pk_role"),
    )
    op.create_table(
        "role_right",
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("manner", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("role", "kind", "act", name="pk_role_right"),
    )
    op.create_table(
        "rights_version",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rights_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "access_state",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_state"),
    )
    op.execute("INSERT INTO access_state (id, revision) VALUES (1, 1)")
    op.create_table(
        "access_setting",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_access_setting"),
    )


def _grants() -> None:
    op.create_table(
        "access_grant",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Integer),
        sa.Column("row", sa.String(20), nullable=False),
        sa.Column("purpose", sa.String(300), nullable=False),
        sa.Column("case_number", sa.String(60), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("requested_at", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decided_by", sa.Integer),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("from_at", sa.BigInteger),
        sa.Column("to_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_access_grant"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_access_grant_user_id_user_account"),
        sa.ForeignKeyConstraint(["decided_by"], ["user_account.id"], name="fk_access_grant_decided_by_user_account"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_grant_user_id_to_at", "access_grant", ["user_id", "to_at"])
    op.create_index("ix_access_grant_state_requested_at", "access_grant", ["state", "requested_at"])
    op.create_table(
        "access_grant_subject",
        sa.Column("grant_id", sa.Integer, nullable=False),
        sa.Column("subject_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("grant_id", "subject_id", name="pk_access_grant_subject"),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["access_grant.id"], name="fk_access_grant_subject_grant_id_access_grant", ondelete="CASCADE"
        ),
    )


def _proofs() -> None:
    op.create_table(
        "user_totp",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_totp"),
        _of_user("user_totp"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        _of_user("recovery_code"),
    )
    op.create_index("ix_recovery_code_user_id", "recovery_code", ["user_id"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("rights", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("last_address", sa.String(64), nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
        _of_user("api_token"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_token_user_id", "api_token", ["user_id"])


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_user_id_user_account"
    return sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=name, ondelete="CASCADE")


# -- audit -------------------------------------------------------------------------------------------------------------

_CHAINED = (
    "id", "at", "user_id", "username", "address", "act", "noun", "noun_id", "detail", "organisation_id", "vehicle_id",
    "scope", "reason", "result",
)  # fmt: skip


def _audit() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    triggers = (
        ("audit_entry_refuses_update", "audit_entry_refuses_delete") if sqlite else ("audit_entry_refuses_change",)
    )
    for name in triggers:
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else " ON audit_entry"))
    for column in (
        sa.Column("organisation_id", sa.Integer),
        sa.Column("vehicle_id", sa.Integer),
        sa.Column("scope", sa.String(200), nullable=False, server_default=""),
        sa.Column("reason", sa.String(500), nullable=False, server_default=""),
        sa.Column("result", sa.String(10), nullable=False, server_default="done"),
        sa.Column("hash", sa.String(64), nullable=False, server_default=""),
    ):
        op.add_column("audit_entry", column)
    op.execute("UPDATE audit_entry SET vehicle_id = noun_id WHERE noun = 'vehicle'")
    op.execute("UPDATE audit_entry SET result = 'refused' WHERE act = 'login.refused'")
    _chain(connection)
    for first in ("vehicle_id", "user_id", "organisation_id"):
        op.create_index(f"ix_audit_entry_{first}_at", "audit_entry", [first, "at"])
    if sqlite:
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entry_refuses_{event.lower()} BEFORE {event} ON audit_entry"
                " BEGIN SELECT RAISE(ABORT, 'audit entries are only added'); END"
            )
        # REPLACE removes a row without asking the trigger above.
        op.execute(
            "CREATE TRIGGER audit_entry_only_appends BEFORE INSERT ON audit_entry"
            " WHEN NEW.id <= (SELECT COALESCE(MAX(id), 0) FROM audit_entry) AND NEW.id > 0"
            " BEGIN SELECT RAISE(ABORT, 'audit entries are only added'); END"
        )
    else:
        op.execute(
            "CREATE TRIGGER audit_entry_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_only_grows()"
        )


def _chain(connection: sa.Connection) -> None:
    """Link the entries of former versions, in the order of their ids."""
    link, last = "0" * 64, 0
    page = sa.text(f"SELECT {', '.join(_CHAINED)} FROM audit_entry WHERE id > :last ORDER BY id LIMIT 5000")  # noqa: S608
    while rows := connection.execute(page, {"last": last}).mappings().all():
        links: list[dict[str, Any]] = []
        for row in rows:
            content = json.dumps([row[name] for name in _CHAINED], ensure_ascii=False, separators=(",", ":"))
            link = hashlib.new("sm3", f"{link}{content}".encode("utf-8", "surrogatepass")).hexdigest()
            links.append({"key": row["id"], "link": link})
        connection.execute(sa.text("UPDATE audit_entry SET hash = :link WHERE id = :key"), links)
        last = rows[-1]["id"]
