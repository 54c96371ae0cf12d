"""Tables of the rights: roles of an installation's own, settings of roles, cells that differ from the shipped ones."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base


class Role(Base):
    """A role somebody made, or the settings of a shipped one that somebody changed; null is the shipped value."""

    __tablename__ = "role"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    like: Mapped[str] = mapped_column(String(20))
    """Shipped role it was made from; for a shipped one itself."""
    zh: Mapped[str] = mapped_column(String(40))
    en: Mapped[str] = mapped_column(String(40))
    require_totp: Mapped[bool | None] = mapped_column()
    address_ranges: Mapped[str | None] = mapped_column(Text)
    """JSON list of CIDR ranges its people may come from; none: from anywhere."""
    approval: Mapped[bool | None] = mapped_column()
    grant_minutes_max: Mapped[int | None] = mapped_column(Integer)
    landing: Mapped[str | None] = mapped_column(String(40))


class RoleRight(Base):
    """A cell that somebody changed."""

    __tablename__ = "role_right"

    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    act: Mapped[str] = mapped_column(String(12), primary_key=True)
    manner: Mapped[str] = mapped_column(String(12))


class RightsVersion(Base):
    """One change of the rights; ``id`` is the version."""

    __tablename__ = "rights_version"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
    username: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500))
    changes: Mapped[str] = mapped_column(Text)
    """JSON list of {role, kind, act, before, after}; of a change of a role's settings {role, field, before, after}."""


class AccessState(Base):
    """One row: a number that grows with whatever may end or change a right, so that open sockets look again."""

    __tablename__ = "access_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)


class AccessSetting(Base):
    """A rule of signing in that somebody changed (``luwei.access.sign_in_rules``)."""

    __tablename__ = "access_setting"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(Integer)
