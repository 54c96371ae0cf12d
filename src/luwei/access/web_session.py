"""Web session 登录会话: what a browser's cookie stands for.

The token is random and known to the browser only; the database keeps its SHA-256, so a stolen copy of the registry
opens no session. A session ends 12 hours after the last request and 7 days after login at the latest.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import BigInteger, Connection, Engine, ForeignKey, Integer, String, delete, insert, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from luwei.access.identity import SignedIn
from luwei.access.user import User
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import read, write

IDLE_MS = 12 * 3_600_000
LIFETIME_MS = 7 * 24 * 3_600_000
TOUCH_MS = 5 * 60_000
"""``seen_at`` is written at most this often, so that reading pages does not write."""


class WebSession(Base):
    """One login of one browser."""

    __tablename__ = "web_session"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    opened_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(200))


def open_session(connection: Connection, user_id: int, address: str, user_agent: str) -> str:
    """A new session; returns its token (43 URL-safe characters). Sessions past their end are swept on the way."""
    now = now_ms()
    over = or_(WebSession.seen_at < now - IDLE_MS, WebSession.opened_at < now - LIFETIME_MS)
    connection.execute(delete(WebSession).where(over))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(WebSession).values(
            token_hash=_hash(token),
            user_id=user_id,
            opened_at=now,
            seen_at=now,
            address=_printable(address, 64),
            user_agent=_printable(user_agent, 200),
        )
    )
    return token


def find_session(engine: Engine, token: str, now: int | None = None) -> SignedIn | None:
    """The user behind ``token``; None when it is unknown, over, or its user is disabled. ``now`` in UTC ms."""
    if not token or len(token) > 100 or not token.isascii():
        return None
    now = now_ms() if now is None else now
    with read(engine) as connection:
        row = connection.execute(
            select(
                WebSession.id, WebSession.opened_at, WebSession.seen_at,
                User.id, User.username, User.display_name, User.role, User.city, User.county, User.operator_id,
                User.must_change_password,
            )
            .join(User, User.id == WebSession.user_id)
            .where(WebSession.token_hash == _hash(token), User.disabled_at.is_(None))
        ).one_or_none()  # fmt: skip
    if row is None:
        return None
    session_id, opened_at, seen_at = row[:3]
    if now >= seen_at + IDLE_MS or now >= opened_at + LIFETIME_MS:
        return None
    if now >= seen_at + TOUCH_MS:
        with write(engine) as connection:
            connection.execute(update(WebSession).where(WebSession.id == session_id).values(seen_at=now))
    return SignedIn(*row[3:], session_id)


def close_session(connection: Connection, session_id: int) -> None:
    """End one session; an unknown one is already ended."""
    connection.execute(delete(WebSession).where(WebSession.id == session_id))


def close_sessions(connection: Connection, user_id: int, keep: int = 0) -> None:
    """End every session of a user but ``keep``: after a change of password, or when the user is disabled."""
    connection.execute(delete(WebSession).where(WebSession.user_id == user_id, WebSession.id != keep))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _printable(text: str, length: int) -> str:
    return "".join(char for char in text if char.isprintable())[:length]
