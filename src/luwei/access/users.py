"""The accounts: create, list, change, disable, reset and change passwords. Each act is one transaction with its entry.

Who creates or changes an account hands out rights: never more than the own ones, never outside the own jurisdiction,
and never so that nobody could administer the rights any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, or_, select, update

from luwei.access import password as passwords
from luwei.access import rights, sign_in_rules, totp
from luwei.access.credentials import change_password, store_password
from luwei.access.identity import SignedIn
from luwei.access.totp import Totp
from luwei.access.user import User
from luwei.access.web_session import WebSession, close_sessions
from luwei.registry import bindings, fields, jurisdiction, organisations
from luwei.registry.audit import SYSTEM, Actor, changes, record
from luwei.registry.base import now_ms
from luwei.registry.binding import TRUCK, Binding
from luwei.registry.conflict import named_conflicts
from luwei.registry.driver import Driver
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.organisation import Organisation
from luwei.registry.page import Page, check_page, check_query, contains
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle import Vehicle

DEMO_USERNAME, DEMO_PASSWORD = "demo", "luwei-demo"

__all__ = [
    "UserFilter", "UserView", "change_password", "change_user", "create_user", "disable_user", "enable_user",
    "ensure_demo_users", "list_users", "named", "one", "page", "reset_password", "reset_totp",
]  # fmt: skip

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True)
class OrganisationBrief:
    """Whose person an account is."""

    id: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class UserView:
    """An account as a list shows it; never its hash."""

    id: int
    username: str
    display_name: str
    role: str
    organisation: OrganisationBrief | None
    vehicle_id: int | None
    driver_id: int | None
    oidc_subject: str | None
    must_change_password: bool
    one_time_until: int | None
    """Until when the one-time password that nobody changed yet opens the account; None: the password is one's own."""
    totp: bool
    disabled_at: int | None
    created_at: int
    last_seen_at: int | None


@dataclass(frozen=True, slots=True)
class UserFilter:
    """What a person chose; None and empty are any."""

    q: str = ""
    role: str = ""
    organisation: int | None = None
    disabled: bool | None = None


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
    *,
    organisation_id: int | None = None,
    vehicle_id: int | None = None,
    driver_id: int | None = None,
    oidc_subject: str | None = None,
    by: SignedIn | None = None,
) -> str:
    """A new account; returns its password: the given one, or a one-time password that must be changed at first login.

    The account belongs to ``organisation_id``, or to the operator, or to the authority of ``county``, ``city`` or else
    of the province. ``by``: who creates it, None for Luwei itself. Raises RegistryError (a ValueError) naming the field
    and rule, Conflict when the name is taken.
    """
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):
        raise RegistryError("username", "must be 2 to 64 letters, digits, dots, dashes or underscores", username)
    shown = fields.text("display_name", 64)(display_name)
    if city is not None:
        jurisdiction.check_city(city)
    if county is not None:
        jurisdiction.check_county(county, city)
    if password is not None:
        passwords.check(password, name, sign_in_rules.rules(engine).password_min_length)
    secret = passwords.one_time_password() if password is None else password
    fresh = passwords.hashed(secret)
    whose = (organisation_id, operator_id, vehicle_id, driver_id)
    by_area = by is None and all(each is None for each in whose)
    if by_area:
        organisations.ensure_authorities(engine)
    with named_conflicts(), write(engine) as connection:
        if organisation_id is None:
            organisation_id = operator_id
        if by_area:
            area = county or city or jurisdiction.PROVINCE_CODE
            organisation_id = connection.scalar(select(Organisation.id).where(Organisation.area == area))
        row = {
            "username": name, "display_name": shown, "role": role, "organisation_id": organisation_id,
            "vehicle_id": vehicle_id, "driver_id": driver_id, "oidc_subject": _subject(oidc_subject),
        }  # fmt: skip
        _check_place(connection, row, by)
        key: int = connection.execute(
            insert(User).returning(User.id),
            row
            | {
                "password_hash": fresh,
                "must_change_password": password is None,
                "one_time_at": now_ms() if password is None else None,
            },
        ).scalar_one()
        if vehicle_id is not None:
            bindings.settle(connection, TRUCK, {key: vehicle_id})
        record(connection, actor, "user.create", key, row | {"must_change_password": password is None})
    return secret


def change_user(engine: Engine, key: int, given: Mapping[str, Any], by: SignedIn, scope: Scope, actor: Actor) -> None:
    """Change name, role, organisation, truck, driver or identity-provider subject. A new role or organisation ends the
    account's sessions. Raises NotFound outside the scope, RegistryError, Conflict."""
    with named_conflicts(), write(engine) as connection:
        before = _row(connection, key, scope)
        row = dict(before)
        for name, value in given.items():
            if name not in _CHANGEABLE:
                raise RegistryError(name, "is not a field that can be set", value)
            row[name] = _CHANGEABLE[name](value)
        differs = changes(before, {name: row[name] for name in _CHANGEABLE})
        if not differs:
            return
        _require_below(connection, before["role"], by)
        _check_place(connection, row, by)
        connection.execute(
            update(User).where(User.id == key).values(**{name: row[name] for name in differs}, updated_at=now_ms())
        )
        if {"role", "organisation_id", "vehicle_id", "driver_id"} & differs.keys():
            close_sessions(connection, key, "account_changed")
        if "vehicle_id" in differs:
            _move_truck(connection, key, before["vehicle_id"], row["vehicle_id"])
        rights.require_an_administrator(connection)
        record(connection, actor, "user.change", key, differs)


def _move_truck(connection: Connection, key: int, before: int | None, after: int | None) -> None:
    """Since when which truck was a driver's own (``luwei.registry.wheel``)."""
    known = select(Binding.id).where(Binding.what == TRUCK, Binding.subject_id == key).limit(1)
    if before is not None and connection.scalar(known) is None:
        made = connection.execute(select(User.created_at).where(User.id == key)).scalar_one()
        bindings.settle(connection, TRUCK, {key: before}, made)
    bindings.settle(connection, TRUCK, {key: after})


def _subject(value: Any) -> str | None:
    checked: str | None = fields.optional(fields.text("oidc_subject", 255))(value)
    return checked


_CHANGEABLE: dict[str, Any] = {
    "display_name": fields.text("display_name", 64),
    "role": fields.text("role", 20),
    "organisation_id": fields.optional(fields.key("organisation_id")),
    "vehicle_id": fields.optional(fields.key("vehicle_id")),
    "driver_id": fields.optional(fields.key("driver_id")),
    "oidc_subject": _subject,
}


def _check_place(connection: Connection, row: Mapping[str, Any], by: SignedIn | None) -> None:
    """Role, organisation, truck and driver must exist and fit each other, and lie within what ``by`` may hand out."""
    found = rights.load(connection)
    role = found.roles.get(row["role"])
    if role is None:
        raise RegistryError("role", f"must be one of {', '.join(found.roles)}", row["role"])
    place = by.jurisdiction if by is not None else WHOLE
    organisation = row["organisation_id"]
    if organisation is not None:
        kind = connection.scalar(select(Organisation.kind).where(Organisation.id == organisation, *place.of_staff()))
        if kind is None:
            raise RegistryError("organisation_id", "there is no such organisation in your jurisdiction", organisation)
        if role.organisation_kinds and kind not in role.organisation_kinds:
            raise RegistryError("role", f"is for people of: {', '.join(role.organisation_kinds)}", row["role"])
    elif role.organisation_kinds:
        raise RegistryError("organisation_id", "must be given")
    elif not place.whole:
        raise RegistryError("organisation_id", "must be given: the driver's employer")
    for name, model, limits in (
        ("vehicle_id", Vehicle, place.of_vehicles()), ("driver_id", Driver, place.of_drivers()),
    ):  # fmt: skip
        key = row[name]
        if key is not None and connection.scalar(select(model.id).where(model.id == key, *limits)) is None:
            raise RegistryError(name, "there is no such row in your jurisdiction", key)
    if by is not None:
        rights.require_no_more(by, found.rights[row["role"]])


def _require_below(connection: Connection, role: str, by: SignedIn) -> None:
    """Who changes an account must have all its rights, or could take over one that has more."""
    held = rights.load(connection).rights.get(role)
    if held is not None:
        rights.require_no_more(by, held)


def page(
    engine: Engine, scope: Scope, chosen: UserFilter | None = None, number: int = 1, size: int = 50
) -> Page[UserView]:
    """Accounts of the scope, by name."""
    offset, limit = check_page(number, size)
    chosen = chosen or UserFilter()
    conditions = _visible(scope)
    if text := check_query(chosen.q):
        conditions.append(or_(contains(engine, User.username, text.lower()), contains(engine, User.display_name, text)))
    if chosen.role:
        conditions.append(User.role == chosen.role)
    if chosen.organisation is not None:
        conditions.append(User.organisation_id == chosen.organisation)
    if chosen.disabled is not None:
        conditions.append(User.disabled_at.is_not(None) if chosen.disabled else User.disabled_at.is_(None))
    with read(engine) as connection:
        rules = sign_in_rules.load(connection)
        total = connection.execute(
            select(func.count()).select_from(User).outerjoin(Organisation, Organisation.id == User.organisation_id)
            .where(*conditions)
        ).scalar_one()  # fmt: skip
        statement = _VIEW.where(*conditions).order_by(User.username).offset(offset).limit(limit)
        return Page(total, [_view(row, rules) for row in connection.execute(statement)])


def one(engine: Engine, key: int, scope: Scope) -> UserView:
    """The account. Raises NotFound when there is none in the scope."""
    with read(engine) as connection:
        rules = sign_in_rules.load(connection)
        row = connection.execute(_VIEW.where(User.id == key, *_visible(scope))).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such user", key)
    return _view(row, rules)


def named(engine: Engine, username: str, scope: Scope) -> UserView:
    """The account of this name. Raises NotFound when there is none in the scope."""
    with read(engine) as connection:
        key = connection.scalar(select(User.id).where(User.username == username.strip().lower()))
    return one(engine, key or 0, scope)


def list_users(engine: Engine) -> list[UserView]:
    """Every account, by name."""
    with read(engine) as connection:
        rules = sign_in_rules.load(connection)
        return [_view(row, rules) for row in connection.execute(_VIEW.order_by(User.username))]


def _visible(scope: Scope) -> list[ColumnElement[bool]]:
    return [] if scope.whole else [User.organisation_id.is_not(None), *scope.of_staff()]


_LAST_SEEN = select(func.max(WebSession.seen_at)).where(WebSession.user_id == User.id).correlate(User).scalar_subquery()
_VIEW = (
    select(
        User.id, User.username, User.display_name, User.role, User.vehicle_id, User.driver_id, User.oidc_subject,
        User.must_change_password, User.one_time_at, User.disabled_at, User.created_at,
        Organisation.id.label("organisation_id"), Organisation.kind, Organisation.name, Totp.confirmed_at,
        _LAST_SEEN.label("last_seen_at"),
    )
    .outerjoin(Organisation, Organisation.id == User.organisation_id)
    .outerjoin(Totp, Totp.user_id == User.id)
)  # fmt: skip


def _view(row: Any, rules: sign_in_rules.SignInRules) -> UserView:
    brief = None
    if row.organisation_id is not None:
        brief = OrganisationBrief(row.organisation_id, row.kind, row.name)
    return UserView(
        row.id, row.username, row.display_name, row.role, brief, row.vehicle_id, row.driver_id, row.oidc_subject,
        row.must_change_password, rules.one_time_end(row.one_time_at), row.confirmed_at is not None, row.disabled_at,
        row.created_at, row.last_seen_at,
    )  # fmt: skip


def _row(connection: Connection, key: int, scope: Scope) -> dict[str, Any]:
    columns = [getattr(User, name) for name in _CHANGEABLE]
    statement = select(*columns).outerjoin(Organisation, Organisation.id == User.organisation_id)
    found = connection.execute(statement.where(User.id == key, *_visible(scope))).one_or_none()
    if found is None:
        raise NotFound("id", "there is no such user", key)
    return dict(zip(_CHANGEABLE, found, strict=True))


# -- acts on one account -----------------------------------------------------------------------------------------------


def disable_user(
    engine: Engine, username: str, actor: Actor = SYSTEM, by: SignedIn | None = None, scope: Scope = WHOLE
) -> None:
    """Shut an account and end its sessions at once. Raises NotFound, or RegistryError for the last administrator."""
    with write(engine) as connection:
        key, _ = _find(connection, username, by, scope)
        connection.execute(update(User).where(User.id == key).values(disabled_at=now_ms()))
        if by is not None:
            rights.require_an_administrator(connection)
        close_sessions(connection, key, "account_changed")
        record(connection, actor, "user.disable", key)


def enable_user(
    engine: Engine, username: str, actor: Actor = SYSTEM, by: SignedIn | None = None, scope: Scope = WHOLE
) -> None:
    """Open a disabled account again. Raises NotFound."""
    with write(engine) as connection:
        key, _ = _find(connection, username, by, scope)
        connection.execute(update(User).where(User.id == key).values(disabled_at=None))
        record(connection, actor, "user.enable", key)


def reset_password(
    engine: Engine, username: str, actor: Actor = SYSTEM, by: SignedIn | None = None, scope: Scope = WHOLE
) -> str:
    """A one-time password that must be changed at the next login; ends the user's sessions. Raises NotFound."""
    secret = passwords.one_time_password()
    fresh = passwords.hashed(secret)
    with write(engine) as connection:
        key, stored = _find(connection, username, by, scope)
        store_password(connection, key, stored, fresh, must_change=True)
        close_sessions(connection, key, "password_changed")
        record(connection, actor, "user.reset_password", key)
    return secret


def reset_totp(engine: Engine, username: str, actor: Actor, by: SignedIn, scope: Scope) -> None:
    """Take one-time codes away from an account whose phone is lost. Raises NotFound."""
    with read(engine) as connection:
        key, _ = _find(connection, username, by, scope)
    totp.remove(engine, key, actor)


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
                store_password(connection, key, stored, fresh, must_change=False)
            connection.execute(update(User).where(User.id == key).values(disabled_at=None))
    return DEMO_USERNAME, DEMO_PASSWORD


def _find(connection: Connection, username: str, by: SignedIn | None = None, scope: Scope = WHOLE) -> tuple[int, str]:
    statement = select(User.id, User.password_hash, User.role).outerjoin(
        Organisation, Organisation.id == User.organisation_id
    )
    found = connection.execute(statement.where(User.username == username.lower(), *_visible(scope))).one_or_none()
    if found is None:
        raise NotFound("username", "there is no such user", username)
    if by is not None:
        _require_below(connection, found.role, by)
    return found.id, found.password_hash
