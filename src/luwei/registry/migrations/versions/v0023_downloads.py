"""Downloads of terminal recordings by FTP; files fetched for a case; the serial of a sent command."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Create the tables, add the column."""
    op.add_column("command", sa.Column("serial", sa.Integer))
    op.create_table(
        "video_download",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("vehicle_id", sa.Integer, nullable=False),
        sa.Column("terminal_id", sa.Integer),
        sa.Column("phone", sa.String(20), nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("from_at", sa.BigInteger, nullable=False),
        sa.Column("to_at", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.Integer, nullable=False),
        sa.Column("stream", sa.Integer, nullable=False),
        sa.Column("storage", sa.Integer, nullable=False),
        sa.Column("networks", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(100), nullable=False),
        sa.Column("case_id", sa.Integer),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("account", sa.String(60), nullable=False),
        sa.Column("announced_bytes", sa.BigInteger),
        sa.Column("limit_bytes", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("answer", sa.String(20), nullable=False),
        sa.Column("ending", sa.String(10), nullable=False),
        sa.Column("batch_id", sa.Integer),
        sa.Column("serial", sa.Integer),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("idle_tries", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("received_bytes", sa.BigInteger, nullable=False),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("breaks", sa.Integer, nullable=False),
        sa.Column("fault", sa.String(20), nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("last_byte_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_download")),
        sa.UniqueConstraint("account", name=op.f("uq_video_download_account")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_video_download_state", "video_download", ["state"])
    op.create_index("ix_video_download_vehicle_id_id", "video_download", ["vehicle_id", "id"])
    op.create_index("ix_video_download_case_id", "video_download", ["case_id"])
    op.create_index("ix_video_download_user_id_id", "video_download", ["user_id", "id"])
    op.create_table(
        "video_download_file",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("download_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("store_key", sa.String(100), nullable=False),
        sa.Column("evidence_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_download_file")),
        sa.UniqueConstraint("download_id", "name", name=op.f("uq_video_download_file_download_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.Integer, nullable=False),
        sa.Column("file_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.PrimaryKeyConstraint("case_id", "file_id", name=op.f("pk_case_file")),
    )
    op.create_index("ix_case_file_file_id", "case_file", ["file_id"])
