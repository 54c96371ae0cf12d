"""Login 登录 and logout: from a user name and a password to a session, every attempt in the audit log."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import Engine, select

from luwei.access import password as passwords
from luwei.access.identity import SignedIn
from luwei.access.throttle import Throttle
from luwei.access.user import User
from luwei.access.web_session import close_session, find_session, open_session
from luwei.registry.audit import Actor, record
from luwei.registry.engine import read, write


class LoginRefused(Exception):
    """Wrong name or password, or a disabled account; which of them is not told."""


class LoginTooSoon(Exception):
    """After failures the next attempt must wait ``retry_after`` seconds (≥ 1)."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"wait {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Login:
    """A new session: the token for the cookie, and whose it is."""

    token: str
    user: SignedIn


def authenticate(
    engine: Engine, throttle: Throttle, username: str, password: str, address: str, user_agent: str = ""
) -> Login:
    """Log in. Blocks for the hash (some 50 ms). Raises LoginRefused or LoginTooSoon.

    Attempts that come too soon are not looked at and not logged: the log must not be a way to fill the disk.
    """
    name = username.strip().lower()[:64]
    if (wait := throttle.wait_s(name, address)) > 0:
        raise LoginTooSoon(max(1, math.ceil(wait)))
    # Counted before the hash is computed: of many attempts at once only the free ones are let through.
    throttle.failed(name, address)
    with read(engine) as connection:
        row = connection.execute(
            select(User.id, User.password_hash, User.disabled_at).where(User.username == _storable(name))
        ).one_or_none()
    right = passwords.verify(row.password_hash if row else None, password)
    if row is None or not right or row.disabled_at is not None:
        with write(engine) as connection:
            cause = "unknown" if row is None else "password" if not right else "disabled"
            record(connection, Actor(row.id if row else None, name, address), "login.refused", detail={"cause": cause})
        raise LoginRefused
    with write(engine) as connection:
        token = open_session(connection, row.id, address, user_agent)
        record(connection, Actor(row.id, name, address), "login.accepted", row.id)
    throttle.succeeded(name, address)
    user = find_session(engine, token)
    if user is None:
        raise LoginRefused
    return Login(token, user)


def log_out(engine: Engine, user: SignedIn, address: str) -> None:
    """End the session that ``user`` came with."""
    with write(engine) as connection:
        close_session(connection, user.session_id)
        record(connection, user.actor(address), "login.ended", user.user_id)


def _storable(name: str) -> str:
    # PostgreSQL takes neither 0x00 nor lone surrogates, not even to compare; no user name has them.
    return "".join(char for char in name if char.isprintable())
