"""Parameter templates and what became of them; firmware and staged upgrade orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the tables of both."""
    op.create_table(
        "parameter_template",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("vehicle_class", sa.String(30), nullable=False),
        sa.Column("dialect", sa.String(10), nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("edition", sa.Integer),
        sa.Column("on_connect_at", sa.BigInteger),
        sa.Column("retired_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parameter_template"),
        sa.UniqueConstraint("name", name="uq_parameter_template_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "template_version",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("template_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.String(64), nullable=False),
        sa.Column("approved_at", sa.BigInteger),
        sa.Column("effective_from", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_template_version"),
        sa.ForeignKeyConstraint(
            ["template_id"], ["parameter_template.id"], name="fk_template_version_template_id_parameter_template"
        ),
        sa.UniqueConstraint("template_id", "number", name="uq_template_version_template_id_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "template_push",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("act", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("set_batch", sa.Integer),
        sa.Column("read_batch", sa.Integer),
        sa.Column("read_all_batch", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_template_push"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["template_version.id"], name="fk_template_push_version_id_template_version"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_template_push_state", "template_push", ["state"])
    op.create_index("ix_template_push_version_id", "template_push", ["version_id"])
    op.create_table(
        "template_result",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("push_id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("step", sa.String(10), nullable=False),
        sa.Column("command_id", sa.Integer),
        sa.Column("result", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("differences", sa.Text),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_template_result"),
        sa.ForeignKeyConstraint(["push_id"], ["template_push.id"], name="fk_template_result_push_id_template_push"),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name="fk_template_result_vehicle_id_vehicle"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_template_result_terminal_id_terminal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_template_result_push_id_result", "template_result", ["push_id", "result"])
    op.create_index("ix_template_result_step", "template_result", ["step"])
    op.create_index("ix_template_result_vehicle_id", "template_result", ["vehicle_id"])
    op.create_table(
        "terminal_template",
        sa.Column("terminal_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("push_id", sa.Integer, nullable=False),
        sa.Column("result", sa.String(10), nullable=False),
        sa.Column("differences", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("checked_at", sa.BigInteger, nullable=False),
        sa.Column("verified_version_id", sa.Integer),
        sa.Column("verified_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("terminal_id", name="pk_terminal_template"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_terminal_template_terminal_id_terminal"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["template_version.id"], name="fk_terminal_template_version_id_template_version"
        ),
        sa.ForeignKeyConstraint(["push_id"], ["template_push.id"], name="fk_terminal_template_push_id_template_push"),
        sa.ForeignKeyConstraint(
            ["verified_version_id"],
            ["template_version.id"],
            name="fk_terminal_template_verified_version_id_template_version",
        ),
    )
    op.create_index("ix_terminal_template_version_id_result", "terminal_template", ["version_id", "result"])
    op.create_table(
        "firmware",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("upgrade_type", sa.Integer, nullable=False),
        sa.Column("manufacturer", sa.String(5), nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("version", sa.String(30), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sm3", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_firmware"),
        sa.UniqueConstraint("sha256", "model", "version", name="uq_firmware_sha256_model_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "upgrade_order",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("way", sa.String(10), nullable=False),
        sa.Column("firmware_id", sa.Integer),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("upgrade_type", sa.Integer, nullable=False),
        sa.Column("model", sa.String(30), nullable=False),
        sa.Column("version", sa.String(30), nullable=False),
        sa.Column("only_parked", sa.Boolean, nullable=False),
        sa.Column("confirm_stages", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(30), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_upgrade_order"),
        sa.ForeignKeyConstraint(["firmware_id"], ["firmware.id"], name="fk_upgrade_order_firmware_id_firmware"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_upgrade_order_state", "upgrade_order", ["state"])
    op.create_table(
        "upgrade_stage",
        sa.Column("order_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("accept_percent", sa.Integer, nullable=False),
        sa.Column("wait_s", sa.Integer, nullable=False),
        sa.Column("stop_failures", sa.Integer, nullable=False),
        sa.Column("vehicles", sa.Integer, nullable=False),
        sa.Column("check_batch", sa.Integer),
        sa.Column("send_batch", sa.Integer),
        sa.Column("ask_batch", sa.Integer),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("order_id", "number", name="pk_upgrade_stage"),
        sa.ForeignKeyConstraint(["order_id"], ["upgrade_order.id"], name="fk_upgrade_stage_order_id_upgrade_order"),
    )
    op.create_table(
        "upgrade_vehicle",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("order_id", sa.Integer, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer, nullable=False),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("step", sa.String(12), nullable=False),
        sa.Column("command_id", sa.Integer),
        sa.Column("result", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(30), nullable=False),
        sa.Column("progress", sa.String(40), nullable=False),
        sa.Column("version_before", sa.String(60), nullable=False),
        sa.Column("version_after", sa.String(60), nullable=False),
        sa.Column("proof", sa.String(20), nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("ask_at", sa.BigInteger),
        sa.Column("asks", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_upgrade_vehicle"),
        sa.ForeignKeyConstraint(["order_id"], ["upgrade_order.id"], name="fk_upgrade_vehicle_order_id_upgrade_order"),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name="fk_upgrade_vehicle_vehicle_id_vehicle"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_upgrade_vehicle_terminal_id_terminal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_upgrade_vehicle_order_id_stage_step", "upgrade_vehicle", ["order_id", "stage", "step"])
    op.create_index("ix_upgrade_vehicle_step", "upgrade_vehicle", ["step"])
    op.create_index("ix_upgrade_vehicle_vehicle_id", "upgrade_vehicle", ["vehicle_id"])
