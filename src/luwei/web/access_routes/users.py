"""Accounts over HTTP: list, one, create, change, disable, reset; their sessions and tokens."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import UNSET, UnsetType

from luwei.access import Scope, api_token, rights, users, web_session
from luwei.access.api_token import TokenView
from luwei.access.users import UserFilter, UserView
from luwei.access.web_session import SessionView
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.web.door import Door
from luwei.web.services import Services

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class UserRow(msgspec.Struct):
    """An account with the name of its role. Times in UTC ms."""

    id: int
    username: str
    display_name: str
    role: str
    role_zh: str
    organisation: users.OrganisationBrief | None
    vehicle_id: int | None
    driver_id: int | None
    oidc_subject: str | None
    must_change_password: bool
    one_time_until: int | None
    totp: bool
    disabled_at: int | None
    created_at: int
    last_seen_at: int | None


class UserPage(msgspec.Struct):
    """``total`` accounts match at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[UserRow]


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A new account; who may have which role depends on the organisation's kind."""

    username: Annotated[str, msgspec.Meta(max_length=100)]
    display_name: Annotated[str, msgspec.Meta(max_length=100)]
    role: Annotated[str, msgspec.Meta(max_length=40)]
    organisation_id: int | None = None
    vehicle_id: int | None = None
    driver_id: int | None = None
    oidc_subject: str | None = None


class UserBody(msgspec.Struct, forbid_unknown_fields=True):
    """Fields to change; what is left out stays as it is."""

    display_name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    organisation_id: int | UnsetType | None = UNSET
    vehicle_id: int | UnsetType | None = UNSET
    driver_id: int | UnsetType | None = UNSET
    oidc_subject: str | UnsetType | None = UNSET


class Created(msgspec.Struct):
    """The account, and its one-time password, told once."""

    user: UserRow
    password: str


class OneTime(msgspec.Struct):
    """A one-time password, told once, and until when it opens the account (UTC ms)."""

    password: str
    until: int | None


class Sessions(msgspec.Struct):
    """Open sessions of one account."""

    items: list[SessionView]


class Tokens(msgspec.Struct):
    """Living tokens of one account."""

    items: list[TokenView]


def _rows(services: Services, found: list[UserView]) -> list[UserRow]:
    with read(services.engine) as connection:
        roles = rights.book(services.engine, connection).roles
    rows = []
    for view in found:
        fields = {name: getattr(view, name) for name in UserRow.__struct_fields__ if name != "role_zh"}
        role = roles.get(view.role)
        rows.append(UserRow(role_zh=role.zh if role is not None else view.role, **fields))
    return rows


def _one(services: Services, key: int, scope: Scope) -> UserRow:
    return _rows(services, [users.one(services.engine, key, scope)])[0]


@get("/api/users", tags=["access"])
async def list_users(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    q: Annotated[str, QueryParameter(name="q", max_length=60)] = "",
    role: Annotated[str, QueryParameter(name="role", max_length=20)] = "",
    organisation: FromQuery[int | None] = None,
    phase: Annotated[Literal["active", "disabled"] | None, QueryParameter(name="state")] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> UserPage:
    """Accounts of the own organisation and of those it supervises; ``q``: fragment of user or display name."""
    scope = door.allow("read", "user")
    chosen = UserFilter(q, role, organisation, None if phase is None else phase == "disabled")

    def found() -> UserPage:
        rows = users.page(services.engine, scope, chosen, page, size)
        return UserPage(now_ms(), rows.total, _rows(services, rows.items))

    return await asyncio.to_thread(found)


@get("/api/users/{user_id:int}", tags=["access"])
async def get_user(services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key) -> UserRow:
    """One account."""
    return await asyncio.to_thread(_one, services, user_id, door.allow("read", "user"))


@post("/api/users", tags=["access"])
async def create_user(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewUser]
) -> Created:
    """A new account with a one-time password. 400 where the role goes beyond the own rights or jurisdiction."""
    scope = door.allow("write", "user")
    door.risky()

    def made() -> Created:
        secret = users.create_user(
            services.engine, data.username, data.display_name, role=data.role, actor=door.actor(scope),
            organisation_id=data.organisation_id, vehicle_id=data.vehicle_id, driver_id=data.driver_id,
            oidc_subject=data.oidc_subject, by=door.user,
        )  # fmt: skip
        return Created(_rows(services, [users.named(services.engine, data.username, scope)])[0], secret)

    return await asyncio.to_thread(made)


@patch("/api/users/{user_id:int}", tags=["access"])
async def change_user(
    services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key, data: JSONBody[UserBody]
) -> UserRow:
    """Change the fields that are sent; a new role or organisation ends the account's sessions."""
    scope = door.allow("write", "user")
    door.risky()
    sent = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}

    def changed() -> UserRow:
        users.change_user(services.engine, user_id, sent, door.user, scope, door.actor(scope))
        return _one(services, user_id, scope)

    return await asyncio.to_thread(changed)


@post("/api/users/{user_id:int}/{act:str}", tags=["access"], status_code=200)
async def act_on_user(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    user_id: Key,
    act: FromPath[Literal["disable", "enable", "reset-totp", "reset-password"]],
) -> UserRow | OneTime:
    """``disable`` and ``enable``; ``reset-totp`` for a lost phone; ``reset-password`` answers with a one-time one."""
    scope = door.allow("write", "user")
    door.risky()

    def done() -> UserRow | OneTime:
        name = users.one(services.engine, user_id, scope).username
        given: tuple[Any, ...] = (services.engine, name, door.actor(scope), door.user, scope)
        if act == "reset-password":
            secret = users.reset_password(*given)
            return OneTime(secret, users.one(services.engine, user_id, scope).one_time_until)
        {"disable": users.disable_user, "enable": users.enable_user, "reset-totp": users.reset_totp}[act](*given)
        return _one(services, user_id, scope)

    return await asyncio.to_thread(done)


@get("/api/users/{user_id:int}/sessions", tags=["access"])
async def user_sessions(services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key) -> Sessions:
    """Where an account is signed in."""
    scope = door.allow("read", "user")
    await asyncio.to_thread(users.one, services.engine, user_id, scope)
    return Sessions(await asyncio.to_thread(web_session.sessions, services.engine, user_id, door.user.session_id))


@delete("/api/users/{user_id:int}/sessions", tags=["access"])
async def end_user_sessions(services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key) -> None:
    """Sign an account out everywhere."""
    await _end(services, door, user_id, None)


@delete("/api/users/{user_id:int}/sessions/{session_id:int}", tags=["access"])
async def end_user_session(
    services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key, session_id: Key
) -> None:
    """End one session of an account."""
    await _end(services, door, user_id, session_id)


async def _end(services: Services, door: Door, user_id: int, session_id: int | None) -> None:
    scope = door.allow("write", "user")
    await asyncio.to_thread(users.one, services.engine, user_id, scope)
    await asyncio.to_thread(web_session.end_sessions, services.engine, user_id, door.actor(scope), session_id)


@get("/api/users/{user_id:int}/tokens", tags=["access"])
async def user_tokens(services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key) -> Tokens:
    """Living tokens of an account."""
    scope = door.allow("read", "user")
    await asyncio.to_thread(users.one, services.engine, user_id, scope)
    return Tokens(await asyncio.to_thread(api_token.tokens, services.engine, user_id))


@delete("/api/users/{user_id:int}/tokens/{token_id:int}", tags=["access"])
async def revoke_user_token(
    services: NamedDependency[Services], door: NamedDependency[Door], user_id: Key, token_id: Key
) -> None:
    """End a token of an account."""
    scope = door.allow("write", "user")
    await asyncio.to_thread(users.one, services.engine, user_id, scope)
    await asyncio.to_thread(api_token.revoke, services.engine, user_id, token_id, door.actor(scope))


route_handlers: list[ControllerRouterHandler] = [
    list_users, get_user, create_user, change_user, act_on_user, user_sessions, end_user_sessions, end_user_session,
    user_tokens, revoke_user_token,
]  # fmt: skip
