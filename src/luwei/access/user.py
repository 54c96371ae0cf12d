"""User 用户: an account of the console, and the passwords it had before."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms


class User(Base):
    """One person. Never deleted, only disabled: audit entries and work keep pointing here."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("oidc_subject"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    """In lower case."""
    display_name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(20))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    """Whose person it is: what limits the account is the organisation's jurisdiction. None for drivers."""
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"))
    """A driver's own truck, and the driver's own row."""
    driver_id: Mapped[int | None] = mapped_column(ForeignKey("driver.id"))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    """``sub`` at the identity provider (OpenID Connect Core §2)."""
    password_hash: Mapped[str] = mapped_column(String(200))
    """argon2id, with its parameters and salt."""
    password_set_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    must_change_password: Mapped[bool] = mapped_column()
    one_time_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the present password was handed out as a one-time one; None: it is the person's own."""
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)


class FormerPassword(Base):
    """A hash the user may not return to yet."""

    __tablename__ = "former_password"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[int] = mapped_column(BigInteger)
