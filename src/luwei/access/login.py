"""Login 登录 and logout: from a user name, a password and where it is wanted a one-time code to a session, with every
attempt in the audit log."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import Engine, select

from luwei.access import password as passwords
from luwei.access import sign_in_rules, totp
from luwei.access.identity import SignedIn
from luwei.access.sign_in_rules import SignInRules
from luwei.access.throttle import Throttle
from luwei.access.totp import Totp
from luwei.access.user import User
from luwei.access.web_session import close_session, find_session, open_session, prove
from luwei.registry.audit import REFUSED, Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write


class LoginRefused(Exception):
    """Wrong name or password, or an account that may not sign in; which of them is not told."""


class CodeWanted(Exception):
    """The password is right, the account has one-time codes: ``wrong`` is False where none was given."""

    def __init__(self, wrong: bool) -> None:
        super().__init__("wrong code" if wrong else "code wanted")
        self.wrong = wrong


class OneTimeOver(Exception):
    """The password is right, but it is a one-time one that was not used in time: another must be handed out."""


class AddressRefused(Exception):
    """The password is right, but the role may not be used from this address."""


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
    engine: Engine,
    throttle: Throttle,
    username: str,
    password: str,
    address: str,
    user_agent: str = "",
    code: str = "",
) -> Login:
    """Log in. Blocks for the hash (some 50 ms). Raises LoginRefused, OneTimeOver, CodeWanted, AddressRefused or
    LoginTooSoon.

    Attempts that come too soon are not looked at and not logged: the log must not be a way to fill the disk. A wrong
    code counts as a failure just as a wrong password does, or it could be guessed with a stolen password.
    """
    # The same letters are the same person for the throttle as for the registry, whatever else stands between them.
    name = _storable(username).strip().lower()[:64]
    if (wait := throttle.begin(name, address)) > 0:
        raise LoginTooSoon(max(1, math.ceil(wait)))
    with read(engine) as connection:
        row = connection.execute(
            select(User.id, User.password_hash, User.disabled_at, User.one_time_at, Totp.confirmed_at)
            .outerjoin(Totp, Totp.user_id == User.id)
            .where(User.username == name)
        ).one_or_none()
        rules = sign_in_rules.load(connection)
    right = passwords.verify(row.password_hash if row else None, password)
    if row is None or not right or row.disabled_at is not None:
        cause = "unknown" if row is None else "password" if not right else "disabled"
        _refused(engine, Actor(row.id if row else None, name, address), cause)
        raise LoginRefused
    _in_time(engine, rules, row.one_time_at, Actor(row.id, name, address))
    method = "password"
    if row.confirmed_at is not None:
        if not code:
            throttle.forgive(name, address)
            raise CodeWanted(wrong=False)
        if totp.take(engine, row.id, code) is None:
            _refused(engine, Actor(row.id, name, address), "code")
            raise CodeWanted(wrong=True)
        method = "totp"
    made = enter(engine, row.id, name, address, user_agent, method)
    throttle.succeeded(name, address)
    return made


def enter(engine: Engine, user_id: int, username: str, address: str, user_agent: str, method: str) -> Login:
    """A session for a user whose identity is proved. Raises AddressRefused, or LoginRefused for a closed account."""
    with write(engine) as connection:
        token = open_session(connection, user_id, address, user_agent, method)
    user = find_session(engine, token, address=address)
    if user is None:
        known = find_session(engine, token)
        with write(engine) as connection:
            if known is not None:
                close_session(connection, known.session_id)
            cause = "address" if known is not None else "closed"
            record(
                connection,
                Actor(user_id, username, address),
                "login.refused",
                user_id,
                {"cause": cause},
                result=REFUSED,
            )
        raise AddressRefused if known is not None else LoginRefused
    with write(engine) as connection:
        detail = {} if method == "password" else {"method": method}
        record(connection, user.actor(address), "login.accepted", user_id, detail)
    return Login(token, user)


def reauthenticate(engine: Engine, throttle: Throttle, user: SignedIn, password: str, code: str, address: str) -> int:
    """Prove again who one is, for risky acts; returns until when it holds (UTC ms). Raises as ``authenticate``."""
    if (wait := throttle.begin_proof(user.user_id)) > 0:
        raise LoginTooSoon(max(1, math.ceil(wait)))
    with read(engine) as connection:
        row = connection.execute(select(User.password_hash, User.one_time_at).where(User.id == user.user_id)).one()
        rules = sign_in_rules.load(connection)
    if not passwords.verify(row.password_hash, password):
        _refused(engine, user.actor(address), "password")
        raise LoginRefused
    _in_time(engine, rules, row.one_time_at, user.actor(address))
    if user.totp and (not code or totp.take(engine, user.user_id, code) is None):
        if code:
            _refused(engine, user.actor(address), "code")
        raise CodeWanted(wrong=bool(code))
    with write(engine) as connection:
        proved = prove(connection, user.session_id)
        record(connection, user.actor(address), "login.proved", user.user_id)
    throttle.proved(user.user_id)
    return proved + user.proof_ms


def log_out(engine: Engine, user: SignedIn, address: str) -> None:
    """End the session that ``user`` came with."""
    with write(engine) as connection:
        close_session(connection, user.session_id)
        record(connection, user.actor(address), "login.ended", user.user_id)


def _in_time(engine: Engine, rules: SignInRules, one_time_at: int | None, actor: Actor) -> None:
    """Raises OneTimeOver for a one-time password past its end; the attempt stays counted as a failure."""
    end = rules.one_time_end(one_time_at)
    if end is not None and now_ms() >= end:
        _refused(engine, actor, "one_time")
        raise OneTimeOver


def _refused(engine: Engine, actor: Actor, cause: str) -> None:
    with write(engine) as connection:
        record(connection, actor, "login.refused", detail={"cause": cause}, result=REFUSED)


def _storable(name: str) -> str:
    # PostgreSQL takes neither 0x00 nor lone surrogates, not even to compare; no user name has them.
    return "".join(char for char in name if char.isprintable())
