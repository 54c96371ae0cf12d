"""Operators become organisations with their ids; bindings over time, drivers, models, SIM cards, equipment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Carry the operators over, point everything at them anew, and open a span for every binding there is."""
    _organisation()
    _driver()
    _terminal_model()
    _vehicle()
    _terminal()
    _sim()
    _equipment()
    _binding()


def _stamps() -> list[sa.Column[int]]:
    return [
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    ]


def _organisation() -> None:
    connection = op.get_bind()
    # The next id must not be one that was given before, even if its row is gone.
    if connection.dialect.name == "sqlite":
        last = connection.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'operator'")).scalar() or 0
    else:
        last = connection.execute(sa.text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM operator_id_seq"))
        last = last.scalar_one()
    op.create_table(
        "organisation",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("parent_id", sa.Integer),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("short_name", sa.String(40)),
        sa.Column("credit_code", sa.String(18)),
        sa.Column("licence_number", sa.String(40)),
        sa.Column("area", sa.Integer),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("contact", sa.String(40)),
        sa.Column("contact_phone", sa.String(20)),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("disabled_at", sa.BigInteger),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
        sa.UniqueConstraint("name", name="uq_organisation_name"),
        sa.UniqueConstraint("credit_code", name="uq_organisation_credit_code"),
        sa.UniqueConstraint("area", name="uq_organisation_area"),
        sa.ForeignKeyConstraint(["parent_id"], ["organisation.id"], name="fk_organisation_parent_id_organisation"),
        sqlite_autoincrement=True,
    )
    names = "id, name, credit_code, licence_number, city, county, contact, contact_phone, created_at, updated_at"
    op.execute(f"INSERT INTO organisation (kind, {names}) SELECT 'operator', {names} FROM operator")  # noqa: S608
    if connection.dialect.name == "sqlite":
        _keep_last_id("organisation", last)
    else:
        statement = sa.text("SELECT setval(pg_get_serial_sequence('organisation', 'id'), :last, :called)")
        connection.execute(statement, {"last": max(last, 1), "called": last > 0})
    op.create_index("ix_organisation_kind_name", "organisation", ["kind", "name"])
    op.create_index("ix_organisation_city_county", "organisation", ["city", "county"])
    op.create_index("ix_organisation_parent_id", "organisation", ["parent_id"])
    last = _last_id("user_account")
    with op.batch_alter_table("user_account", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("fk_user_account_operator_id_operator", type_="foreignkey")
        batch.create_foreign_key("fk_user_account_operator_id_organisation", "organisation", ["operator_id"], ["id"])
    _keep_last_id("user_account", last)


def _vehicle() -> None:
    last = _last_id("vehicle")
    with op.batch_alter_table("vehicle", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("fk_vehicle_operator_id_operator", type_="foreignkey")
        batch.create_foreign_key("fk_vehicle_operator_id_organisation", "organisation", ["operator_id"], ["id"])
        batch.add_column(sa.Column("vin_confirmed", sa.Boolean, nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("transport_certificate", sa.String(30)))
        batch.add_column(sa.Column("certificate_valid_from", sa.Date))
        batch.add_column(sa.Column("certificate_valid_to", sa.Date))
        batch.add_column(sa.Column("gross_mass_kg", sa.Integer))
        batch.add_column(sa.Column("owner", sa.String(100)))
        batch.add_column(sa.Column("monitor_id", sa.Integer))
        batch.add_column(sa.Column("insurer_id", sa.Integer))
        batch.create_unique_constraint("uq_vehicle_transport_certificate", ["transport_certificate"])
        batch.create_foreign_key("fk_vehicle_monitor_id_organisation", "organisation", ["monitor_id"], ["id"])
        batch.create_foreign_key("fk_vehicle_insurer_id_organisation", "organisation", ["insurer_id"], ["id"])
    _keep_last_id("vehicle", last)
    op.drop_table("operator")
    for name in ("monitor_id", "insurer_id"):
        op.create_index(f"ix_vehicle_{name}_plate", "vehicle", [name, "plate"], postgresql_include=["id"])


def _terminal() -> None:
    last = _last_id("terminal")
    with op.batch_alter_table("terminal", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("vendor_id", sa.Integer))
        batch.add_column(sa.Column("model_id", sa.Integer))
        batch.create_foreign_key("fk_terminal_vendor_id_organisation", "organisation", ["vendor_id"], ["id"])
        batch.create_foreign_key("fk_terminal_model_id_terminal_model", "terminal_model", ["model_id"], ["id"])
    _keep_last_id("terminal", last)
    op.create_index("ix_terminal_vendor_id", "terminal", ["vendor_id"])


def _last_id(table: str) -> int:
    """SQLite counts ids by table; a batch migration makes a new table, which would count from its rows."""
    if op.get_bind().dialect.name != "sqlite":
        return 0
    statement = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return op.get_bind().execute(statement, {"name": table}).scalar() or 0


def _keep_last_id(table: str, last: int) -> None:
    if last:
        op.get_bind().execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table})
        insert = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)")
        op.get_bind().execute(insert, {"name": table, "seq": last})


def _terminal_model() -> None:
    op.create_table(
        "terminal_model",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("vendor_id", sa.Integer),
        sa.Column("manufacturer_id", sa.String(11), nullable=False),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("firmware", sa.String(40), nullable=False),
        sa.Column("catalogued", sa.Boolean, nullable=False),
        sa.Column("catalogue_number", sa.String(40)),
        sa.Column("catalogued_on", sa.Date),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_model"),
        sa.UniqueConstraint(
            "manufacturer_id", "name", "firmware", name="uq_terminal_model_manufacturer_id_name_firmware"
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["organisation.id"], name="fk_terminal_model_vendor_id_organisation"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_terminal_model_vendor_id", "terminal_model", ["vendor_id"])


def _driver() -> None:
    op.create_table(
        "driver",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("identity_number", sa.String(18)),
        sa.Column("phone", sa.String(20)),
        sa.Column("licence_class", sa.String(2)),
        sa.Column("licence_number", sa.String(18)),
        sa.Column("licence_valid_to", sa.Date),
        sa.Column("qualification_number", sa.String(20)),
        sa.Column("qualification_kind", sa.String(16)),
        sa.Column("qualification_issuer", sa.String(60)),
        sa.Column("qualification_valid_from", sa.Date),
        sa.Column("qualification_valid_to", sa.Date),
        sa.Column("ic_card_number", sa.String(40)),
        sa.Column("ic_card_issuer", sa.String(60)),
        sa.Column("ic_card_valid_to", sa.Date),
        sa.Column("photo", sa.String(80)),
        sa.Column("city", sa.Integer),
        sa.Column("county", sa.Integer),
        sa.Column("operator_id", sa.Integer),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="pk_driver"),
        sa.UniqueConstraint("identity_number", name="uq_driver_identity_number"),
        sa.UniqueConstraint("qualification_number", name="uq_driver_qualification_number"),
        sa.ForeignKeyConstraint(["operator_id"], ["organisation.id"], name="fk_driver_operator_id_organisation"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_driver_city_county_name", "driver", ["city", "county", "name"])
    op.create_index("ix_driver_operator_id_name", "driver", ["operator_id", "name"])
    op.create_index("ix_driver_name", "driver", ["name"])


def _sim() -> None:
    op.create_table(
        "sim",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("iccid", sa.String(20), nullable=False),
        sa.Column("msisdn", sa.String(15)),
        sa.Column("carrier", sa.String(10)),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="pk_sim"),
        sa.UniqueConstraint("iccid", name="uq_sim_iccid"),
        sa.UniqueConstraint("msisdn", name="uq_sim_msisdn"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_sim_terminal_id_terminal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sim_terminal_id", "sim", ["terminal_id"])


def _equipment() -> None:
    op.create_table(
        "terminal_channel",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("logical", sa.Integer, nullable=False),
        sa.Column("physical", sa.Integer),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("position", sa.String(20), nullable=False),
        sa.Column("ptz", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_channel"),
        sa.UniqueConstraint("terminal_id", "logical", name="uq_terminal_channel_terminal_id_logical"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_terminal_channel_terminal_id_terminal"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "terminal_peripheral",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("maker", sa.String(40), nullable=False),
        sa.Column("model", sa.String(40), nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("capacity_gb", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_peripheral"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_terminal_peripheral_terminal_id_terminal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_terminal_peripheral_terminal_id", "terminal_peripheral", ["terminal_id"])


def _binding() -> None:
    op.create_table(
        "binding",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("subject_id", sa.Integer, nullable=False),
        sa.Column("object_id", sa.Integer, nullable=False),
        sa.Column("from_at", sa.BigInteger, nullable=False),
        sa.Column("to_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_binding"),
        sqlite_autoincrement=True,
    )
    # What holds today has held since its row is known: the former version kept no former ones.
    for statement in (
        "SELECT 'operator', id, operator_id, created_at FROM vehicle WHERE operator_id IS NOT NULL",
        "SELECT 'area', id, COALESCE(county, city), created_at FROM vehicle WHERE COALESCE(county, city) IS NOT NULL",
        "SELECT 'terminal', vehicle_id, id, created_at FROM terminal WHERE vehicle_id IS NOT NULL",
    ):
        op.execute(f"INSERT INTO binding (what, subject_id, object_id, from_at) {statement}")
    op.create_index("ix_binding_what_subject_id_from_at", "binding", ["what", "subject_id", "from_at"])
    op.create_index("ix_binding_what_object_id_from_at", "binding", ["what", "object_id", "from_at"])
    op.create_index(
        "uq_binding_open", "binding", ["what", "subject_id"], unique=True,
        sqlite_where=sa.text("to_at IS NULL"), postgresql_where=sa.text("to_at IS NULL"),
    )  # fmt: skip
