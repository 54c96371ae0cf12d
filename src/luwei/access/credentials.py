"""Passwords of accounts: the change of one's own, and the keeping of former ones."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, insert, select, update

from luwei.access import password as passwords
from luwei.access import sign_in_rules
from luwei.access.user import FormerPassword, User
from luwei.access.web_session import OIDC, WebSession, close_sessions
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError


def change_password(engine: Engine, user_id: int, old: str, new: str, actor: Actor, keep_session: int = 0) -> None:
    """The user's own change; other sessions end, ``keep_session`` stays.

    Raises RegistryError: field ``old`` when it is wrong or a one-time password that ended unused, ``password`` when the
    new one breaks a rule or was one of the last ones.
    """
    with read(engine) as connection:
        rules = sign_in_rules.load(connection)
        row = connection.execute(
            select(User.username, User.password_hash, User.one_time_at).where(User.id == user_id)
        ).one()
        # A session that a one-time password opened shows that it was used in time; the provider's says nothing of it.
        method = connection.scalar(select(WebSession.method).where(WebSession.id == keep_session))
        former = list(
            connection.scalars(
                select(FormerPassword.password_hash)
                .where(FormerPassword.user_id == user_id)
                .order_by(FormerPassword.id.desc())
                .limit(rules.password_former - 1)
            )
        )
    if not passwords.verify(row.password_hash, old):
        raise RegistryError("old", "is not the present password")
    end = rules.one_time_end(row.one_time_at)
    if end is not None and now_ms() >= end and method in (None, OIDC):
        raise RegistryError("old", "is a one-time password whose time is over")
    passwords.check(new, row.username, rules.password_min_length)
    if any(passwords.verify(each, new) for each in (row.password_hash, *former)):
        raise RegistryError("password", f"must not be one of the last {rules.password_former}")
    fresh = passwords.hashed(new)
    with write(engine) as connection:
        store_password(connection, user_id, row.password_hash, fresh, must_change=False)
        close_sessions(connection, user_id, "password_changed", keep=keep_session)
        record(connection, actor, "user.change_password", user_id)


def store_password(connection: Connection, user_id: int, old_hash: str, new_hash: str, must_change: bool) -> None:
    """Set a password's hash; the former one may not return until some others were used (a sign-in rule).
    ``must_change``: it is a one-time password, whose life begins now."""
    kept_at_most = max(sign_in_rules.load(connection).password_former, 1)
    connection.execute(insert(FormerPassword).values(user_id=user_id, password_hash=old_hash, set_at=now_ms()))
    recent = select(FormerPassword.id).where(FormerPassword.user_id == user_id).order_by(FormerPassword.id.desc())
    kept = list(connection.scalars(recent.limit(kept_at_most)))
    connection.execute(delete(FormerPassword).where(FormerPassword.user_id == user_id, FormerPassword.id.not_in(kept)))
    connection.execute(
        update(User)
        .where(User.id == user_id)
        .values(
            password_hash=new_hash,
            password_set_at=now_ms(),
            must_change_password=must_change,
            one_time_at=now_ms() if must_change else None,
        )
    )
