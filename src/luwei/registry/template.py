"""Parameter templates 参数模板: the approved set of terminal parameters of a class of vehicles, and what became of it.

A template keeps its versions for ever; a version never changes but for its approval. A push is one act (of a person, or
of the platform at a terminal's first connection) with one result a vehicle; what each terminal has is kept beside it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

RUNNING, PAUSED, CANCELLED, DONE = "running", "paused", "cancelled", "done"
"""States of a push."""

PUSH, VERIFY = "push", "verify"
"""Acts: set and read back, or read back only."""

PERSON, CONNECT = "person", "connect"
"""Who began a push: a person, or the terminal's first connection."""

SET, READ, READ_ALL, ENDED = "set", "read", "read_all", "ended"
"""Steps of a vehicle: 0x8103 under way; 0x8106 under way; 0x8104 under way, where there is no 0x8106; over."""

EQUAL, DIFFERENT, REFUSED, NO_ANSWER, OFFLINE, WITHDRAWN = (
    "equal", "different", "refused", "no_answer", "offline", "cancelled",
)  # fmt: skip
RESULTS = (EQUAL, DIFFERENT, REFUSED, NO_ANSWER, OFFLINE, WITHDRAWN)
"""How a vehicle ends."""


class ParameterTemplate(Base):
    """A template and the terminals it is for; what is left out (empty, None) is any."""

    __tablename__ = "parameter_template"
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    vehicle_class: Mapped[str] = mapped_column(String(30))
    dialect: Mapped[str] = mapped_column(String(10), default="")
    """``subiao`` or ``yuebiao``: whose blocks of active safety it holds; empty where it holds none."""
    model: Mapped[str] = mapped_column(String(30), default="")
    edition: Mapped[int | None] = mapped_column(Integer)
    on_connect_at: Mapped[int | None] = mapped_column(BigInteger)
    """Since when terminals that connect for the first time get it by themselves; None: they do not."""
    retired_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)


class TemplateVersion(Base):
    """One version. Approved from ``approved_at`` on, in force from ``effective_from`` until a later one is."""

    __tablename__ = "template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("parameter_template.id"))
    number: Mapped[int] = mapped_column(Integer)
    parameters: Mapped[str] = mapped_column(Text)
    """JSON: ``[{"id", "value"}]`` as ``luwei.commands.templates.values`` checks it."""
    note: Mapped[str] = mapped_column(String(500), default="")
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    approved_by: Mapped[str] = mapped_column(String(64), default="")
    approved_at: Mapped[int | None] = mapped_column(BigInteger)
    effective_from: Mapped[int | None] = mapped_column(BigInteger)


class TemplatePush(Base):
    """One act on a selection of vehicles."""

    __tablename__ = "template_push"
    __table_args__ = (
        Index("ix_template_push_state", "state"),
        Index("ix_template_push_version_id", "version_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    act: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500), default="")
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    total: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[int] = mapped_column(Integer)
    """Vehicles of the selection without a terminal, or that the template is not for."""
    set_batch: Mapped[int | None] = mapped_column(Integer)
    read_batch: Mapped[int | None] = mapped_column(Integer)
    read_all_batch: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class TemplateResult(Base):
    """One vehicle of a push. ``command_id`` is the command of its step."""

    __tablename__ = "template_result"
    __table_args__ = (
        Index("ix_template_result_push_id_result", "push_id", "result"),
        Index("ix_template_result_step", "step"),
        Index("ix_template_result_vehicle_id", "vehicle_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    push_id: Mapped[int] = mapped_column(ForeignKey("template_push.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"))
    terminal_id: Mapped[int] = mapped_column(ForeignKey("terminal.id"))
    phone: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(10))
    command_id: Mapped[int | None] = mapped_column(Integer)
    result: Mapped[str] = mapped_column(String(10), default="")
    cause: Mapped[str] = mapped_column(String(20), default="")
    """Result of the command that ended it, such as ``unsupported`` or ``no_answer``."""
    differences: Mapped[str | None] = mapped_column(Text)
    """JSON: a list of ``luwei.commands.templates.compare.Difference``."""
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class TerminalTemplate(Base):
    """What one terminal has: the version it was last given or asked about, and the last one it was seen to hold."""

    __tablename__ = "terminal_template"
    __table_args__ = (Index("ix_terminal_template_version_id_result", "version_id", "result"),)

    terminal_id: Mapped[int] = mapped_column(ForeignKey("terminal.id"), primary_key=True, autoincrement=False)
    version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    push_id: Mapped[int] = mapped_column(ForeignKey("template_push.id"))
    result: Mapped[str] = mapped_column(String(10))
    differences: Mapped[int] = mapped_column(Integer, default=0)
    """Number of fields that differ."""
    tries: Mapped[int] = mapped_column(Integer, default=1)
    """Attempts of this version so far."""
    checked_at: Mapped[int] = mapped_column(BigInteger)
    verified_version_id: Mapped[int | None] = mapped_column(ForeignKey("template_version.id"))
    verified_at: Mapped[int | None] = mapped_column(BigInteger)
    """When it last read back equal to ``verified_version_id``."""
