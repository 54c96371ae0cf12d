"""Web session 登录会话: what a browser's cookie, or a program's token, stands for.

The cookie's token is random and known to the browser only; the database keeps its SHA-256, so a stolen copy of the
registry opens no session. A login always makes a new one: a token that came with the request is never taken over.
When sessions end is a rule (``luwei.access.sign_in_rules``); shipped are 12 hours after the last request and 7 days
after login.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    String,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from luwei.access import api_token, sign_in_rules
from luwei.access.api_token import ApiToken
from luwei.access.identity import SignedIn
from luwei.access.present import signed_in
from luwei.access.revision import touch
from luwei.access.rights import book
from luwei.access.sign_in_rules import SignInRules
from luwei.registry.audit import Actor, record
from luwei.registry.base import Base, now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound

IDLE_MS = SignInRules().idle_minutes * 60_000
LIFETIME_MS = SignInRules().lifetime_hours * 3_600_000
TOUCH_MS = 5 * 60_000
"""``seen_at`` is written at most this often, so that reading pages does not write."""
METHODS = ("password", "totp", "oidc")
OIDC = "oidc"
Cause = Literal["signed_out", "password_changed", "account_changed"]
"""Why somebody ended a session of another browser."""
REMEMBERED = 10_000
"""Ended sessions whose browsers are told why; what is forgotten, as by a restart, has just ended."""

_ended: WeakKeyDictionary[Engine, OrderedDict[str, Cause]] = WeakKeyDictionary()


class WebSession(Base):
    """One login of one browser."""

    __tablename__ = "web_session"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    opened_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    proved_at: Mapped[int] = mapped_column(BigInteger)
    """When the person last proved who it is."""
    method: Mapped[str] = mapped_column(String(10))
    """One of METHODS."""
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(200))


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it."""

    id: int
    opened_at: int
    seen_at: int
    proved_at: int
    address: str
    user_agent: str
    method: str
    current: bool


def open_session(connection: Connection, user_id: int, address: str, user_agent: str, method: str = "password") -> str:
    """A new session; returns its token (43 URL-safe characters). Sessions past their end are swept on the way."""
    now = now_ms()
    rules = sign_in_rules.load(connection)
    over = or_(
        WebSession.seen_at < now - rules.idle_minutes * 60_000,
        WebSession.opened_at < now - rules.lifetime_hours * 3_600_000,
    )
    connection.execute(delete(WebSession).where(over))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(WebSession).values(
            token_hash=_hash(token),
            user_id=user_id,
            opened_at=now,
            seen_at=now,
            proved_at=now,
            method=method,
            address=_printable(address, 64),
            user_agent=_printable(user_agent, 200),
        )
    )
    return token


def find_session(engine: Engine, token: str, now: int | None = None, address: str | None = None) -> SignedIn | None:
    """The user behind ``token``; None when it is unknown or over, or its user may not be here (disabled, organisation
    closed, role bound to other addresses). ``now`` in UTC ms."""
    if not token or len(token) > 100 or not token.isascii():
        return None
    now = now_ms() if now is None else now
    with read(engine) as connection:
        row = connection.execute(
            select(
                WebSession.id,
                WebSession.user_id,
                WebSession.opened_at,
                WebSession.seen_at,
                WebSession.proved_at,
                WebSession.method,
            ).where(WebSession.token_hash == _hash(token))
        ).one_or_none()
        if row is None:
            return None
        rules = book(engine, connection).rules
        if now >= row.seen_at + rules.idle_minutes * 60_000 or now >= row.opened_at + rules.lifetime_hours * 3_600_000:
            return None
        told = {"session_id": row.id, "proved_at": row.proved_at}
        user = signed_in(engine, connection, row.user_id, now, address, by_password=row.method != OIDC, **told)
    if user is not None and now >= row.seen_at + TOUCH_MS:
        with write(engine) as connection:
            connection.execute(update(WebSession).where(WebSession.id == row.id).values(seen_at=now))
    return user


def find_token(engine: Engine, token: str, address: str, now: int | None = None) -> SignedIn | None:
    """The user behind an API token, bound to its rights; None where it opens nothing."""
    if not api_token.looks_like_one(token):
        return None
    now = now_ms() if now is None else now
    with read(engine) as connection:
        row = connection.execute(
            select(ApiToken.id, ApiToken.user_id, ApiToken.rights, ApiToken.last_used_at).where(
                ApiToken.token_hash == api_token.hash_of(token),
                ApiToken.revoked_at.is_(None),
                ApiToken.expires_at > now,
            )
        ).one_or_none()
        if row is None:
            return None
        limits = frozenset((act, kind) for act, kind in json.loads(row.rights))
        user = signed_in(engine, connection, row.user_id, now, address, token_id=row.id, limits=limits)
    if user is not None and now >= (row.last_used_at or 0) + TOUCH_MS:
        with write(engine) as connection:
            used = {"last_used_at": now, "last_address": _printable(address, 64)}
            connection.execute(update(ApiToken).where(ApiToken.id == row.id).values(**used))
    return user


def sessions(engine: Engine, user_id: int, current: int = 0) -> list[SessionView]:
    """The open sessions of a user, the last used first."""
    columns = (
        WebSession.id, WebSession.opened_at, WebSession.seen_at, WebSession.proved_at, WebSession.address,
        WebSession.user_agent, WebSession.method,
    )  # fmt: skip
    now = now_ms()
    with read(engine) as connection:
        rules = book(engine, connection).rules
        rows = connection.execute(
            select(*columns)
            .where(
                WebSession.user_id == user_id,
                WebSession.seen_at > now - rules.idle_minutes * 60_000,
                WebSession.opened_at > now - rules.lifetime_hours * 3_600_000,
            )
            .order_by(WebSession.seen_at.desc(), WebSession.id.desc())
        ).all()
    return [SessionView(*row, row.id == current) for row in rows]


def end_sessions(engine: Engine, user_id: int, actor: Actor, session_id: int | None = None, keep: int = 0) -> None:
    """Sign out from afar: one session, or all but ``keep``. Raises NotFound where the user has no such session."""
    with write(engine) as connection:
        chosen = [WebSession.user_id == user_id, WebSession.id != keep]
        if session_id is not None:
            chosen.append(WebSession.id == session_id)
        ended = _end(connection, "signed_out", *chosen)
        if session_id is not None and not ended:
            raise NotFound("id", "there is no such session", session_id)
        touch(connection)
        record(connection, actor, "login.signed_out", user_id, {"sessions": ended})


def prove(connection: Connection, session_id: int) -> int:
    """The person proved who it is; returns when (UTC ms)."""
    now = now_ms()
    connection.execute(update(WebSession).where(WebSession.id == session_id).values(proved_at=now))
    return now


def close_session(connection: Connection, session_id: int) -> None:
    """End one session; an unknown one is already ended."""
    connection.execute(delete(WebSession).where(WebSession.id == session_id))
    touch(connection)


def close_sessions(connection: Connection, user_id: int, why: Cause, keep: int = 0) -> None:
    """End every session of a user but ``keep``: after a change of password, or when the user is disabled."""
    _end(connection, why, WebSession.user_id == user_id, WebSession.id != keep)
    touch(connection)


def why_ended(engine: Engine, token: str) -> Cause | None:
    """Why the session of ``token`` was ended from elsewhere; None where it was not, or long ago."""
    return _ended.get(engine, OrderedDict[str, Cause]()).get(_hash(token[:100]))


def _end(connection: Connection, why: Cause, *chosen: ColumnElement[bool]) -> int:
    """Delete sessions and keep in mind why; how many there were."""
    ended = list(connection.scalars(delete(WebSession).where(*chosen).returning(WebSession.token_hash)))
    known = _ended.setdefault(connection.engine, OrderedDict())
    known.update(dict.fromkeys(ended, why))
    while len(known) > REMEMBERED:
        known.popitem(last=False)
    return len(ended)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _printable(text: str, length: int) -> str:
    return "".join(char for char in text if char.isprintable())[:length]
