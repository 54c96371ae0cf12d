"""The accounts: create, list, disable, reset and change passwords. Each act is one transaction with its audit entry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select, update

from luwei.access import password as passwords
from luwei.access.authority import ROLES
from luwei.access.user import FormerPassword, User
from luwei.access.web_session import close_sessions
from luwei.registry import fields, jurisdiction
from luwei.registry.audit import SYSTEM, Actor, record
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError

DEMO_USERNAME, DEMO_PASSWORD = "demo", "luwei-demo"

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True)
class UserView:
    """An account as a list shows it; never its hash."""

    id: int
    username: str
    display_name: str
    role: str
    city: int | None
    county: int | None
    operator_id: int | None
    must_change_password: bool
    disabled_at: int | None


def create_user(
    engine: Engine,
    username: str,
    display_name: str,
    password: str | None = None,
    role: str = "administrator",
    city: int | None = None,
    county: int | None = None,
    operator_id: int | None = None,
    actor: Actor = SYSTEM,
) -> str:
    """A new account; returns its password: the given one, or a one-time password that must be changed at first login.

    ``city``, ``county`` (adcodes) and ``operator_id`` limit what the user sees. Raises RegistryError (a ValueError)
    naming the field and rule, Conflict when the name is taken.
    """
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):
        raise RegistryError("username", "must be 2 to 64 letters, digits, dots, dashes or underscores", username)
    shown = fields.text("display_name", 64)(display_name)
    fields.one_of("role", tuple(ROLES))(role)
    if city is not None:
        jurisdiction.check_city(city)
    if county is not None:
        city = jurisdiction.city_of(jurisdiction.check_county(county, city))
    secret = passwords.one_time_password() if password is None else passwords.check(password, name)
    row = {
        "username": name, "display_name": shown, "role": role, "city": city, "county": county,
        "operator_id": operator_id, "password_hash": passwords.hashed(secret),
        "must_change_password": password is None,
    }  # fmt: skip
    with named_conflicts(), write(engine) as connection:
        key: int = connection.execute(insert(User).returning(User.id), row).scalar_one()
        told = {field: value for field, value in row.items() if field != "password_hash"}
        record(connection, actor, "user.create", key, told)
    return secret


def list_users(engine: Engine) -> list[UserView]:
    """Every account, by name."""
    with read(engine) as connection:
        statement = select(
            User.id, User.username, User.display_name, User.role, User.city, User.county, User.operator_id,
            User.must_change_password, User.disabled_at,
        ).order_by(User.username)  # fmt: skip
        return [UserView(*row) for row in connection.execute(statement)]


def disable_user(engine: Engine, username: str, actor: Actor = SYSTEM) -> None:
    """Shut an account and end its sessions at once. Raises NotFound."""
    with write(engine) as connection:
        key, _ = _find(connection, username)
        connection.execute(update(User).where(User.id == key).values(disabled_at=now_ms()))
        close_sessions(connection, key)
        record(connection, actor, "user.disable", key)


def enable_user(engine: Engine, username: str, actor: Actor = SYSTEM) -> None:
    """Open a disabled account again. Raises NotFound."""
    with write(engine) as connection:
        key, _ = _find(connection, username)
        connection.execute(update(User).where(User.id == key).values(disabled_at=None))
        record(connection, actor, "user.enable", key)


def reset_password(engine: Engine, username: str, actor: Actor = SYSTEM) -> str:
    """A one-time password that must be changed at the next login; ends the user's sessions. Raises NotFound."""
    secret = passwords.one_time_password()
    fresh = passwords.hashed(secret)
    with write(engine) as connection:
        key, stored = _find(connection, username)
        _store(connection, key, stored, fresh, must_change=True)
        close_sessions(connection, key)
        record(connection, actor, "user.reset_password", key)
    return secret


def change_password(engine: Engine, user_id: int, old: str, new: str, actor: Actor, keep_session: int = 0) -> None:
    """The user's own change; other sessions end, ``keep_session`` stays.

    Raises RegistryError: field ``old`` when it is wrong, ``password`` when the new one breaks a rule or was one of
    the last three.
    """
    with read(engine) as connection:
        row = connection.execute(select(User.username, User.password_hash).where(User.id == user_id)).one()
        former = list(
            connection.scalars(
                select(FormerPassword.password_hash)
                .where(FormerPassword.user_id == user_id)
                .order_by(FormerPassword.id.desc())
                .limit(passwords.FORMER - 1)
            )
        )
    if not passwords.verify(row.password_hash, old):
        raise RegistryError("old", "is not the present password")
    passwords.check(new, row.username)
    if any(passwords.verify(each, new) for each in (row.password_hash, *former)):
        raise RegistryError("password", f"must not be one of the last {passwords.FORMER}")
    fresh = passwords.hashed(new)
    with write(engine) as connection:
        _store(connection, user_id, row.password_hash, fresh, must_change=False)
        close_sessions(connection, user_id, keep=keep_session)
        record(connection, actor, "user.change_password", user_id)


def ensure_demo_users(engine: Engine) -> tuple[str, str]:
    """For the demo only: the account ``demo`` with the password that is printed, whatever it was before.

    Returns (user name, password).
    """
    if all(user.username != DEMO_USERNAME for user in list_users(engine)):
        create_user(engine, DEMO_USERNAME, "演示", DEMO_PASSWORD)
    else:
        fresh = passwords.hashed(DEMO_PASSWORD)
        with write(engine) as connection:
            key, stored = _find(connection, DEMO_USERNAME)
            if not passwords.verify(stored, DEMO_PASSWORD):
                _store(connection, key, stored, fresh, must_change=False)
            connection.execute(update(User).where(User.id == key).values(disabled_at=None))
    return DEMO_USERNAME, DEMO_PASSWORD


def _find(connection: Connection, username: str) -> tuple[int, str]:
    row = connection.execute(select(User.id, User.password_hash).where(User.username == username.lower())).one_or_none()
    if row is None:
        raise NotFound("username", "there is no such user", username)
    return row.id, row.password_hash


def _store(connection: Connection, user_id: int, old_hash: str, new_hash: str, must_change: bool) -> None:
    connection.execute(insert(FormerPassword).values(user_id=user_id, password_hash=old_hash, set_at=now_ms()))
    recent = select(FormerPassword.id).where(FormerPassword.user_id == user_id).order_by(FormerPassword.id.desc())
    kept = list(connection.scalars(recent.limit(passwords.FORMER)))
    connection.execute(delete(FormerPassword).where(FormerPassword.user_id == user_id, FormerPassword.id.not_in(kept)))
    connection.execute(
        update(User).where(User.id == user_id).values(password_hash=new_hash, must_change_password=must_change)
    )
