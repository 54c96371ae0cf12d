"""Login, logout, who am I, change of password; and the guard that keeps foreign pages from acting in a person's name.

The cookie is HttpOnly and SameSite=Strict. On top of that every act must carry ``X-Luwei: 1``, which another origin
cannot set without a preflight that is never answered, or the ``Origin`` of this host.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from luwei.access import SignedIn, login, users
from luwei.access.throttle import Throttle
from luwei.access.web_session import LIFETIME_MS
from luwei.registry.errors import RegistryError
from luwei.web.door import COOKIE, Door
from luwei.web.errors import Refused, refusal_body
from luwei.web.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """What a person types."""

    username: str
    password: str


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """The present password and the one to come."""

    old: str
    new: str


class Account(msgspec.Struct):
    """The person who is logged in; ``city``, ``county`` and ``operator_id`` are limits, null where there is none."""

    username: str
    display_name: str
    role: str
    city: int | None
    county: int | None
    operator_id: int | None
    must_change_password: bool


class Me(msgspec.Struct):
    """``{"user": …}``."""

    user: Account


def own_page(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: a request that may change something must come from a page of this host. Raises Refused (403)."""
    if not isinstance(connection, Request) or connection.method in SAFE_METHODS:
        return
    if connection.headers.get("x-luwei") == "1":
        return
    origin = connection.headers.get("origin", "")
    if origin and urlsplit(origin).netloc == connection.headers.get("host"):
        return
    raise Refused(403, "X-Luwei", "must be 1", "the request does not come from a page of this host")


def _me(user: SignedIn) -> Me:
    return Me(Account(**{name: getattr(user, name) for name in Account.__struct_fields__}))


def _cookie(services: Services, value: str, seconds: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        path="/",
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=services.settings.secure_cookie,
    )


def _throttle(state: State) -> Throttle:
    """One for the application; made at the first login."""
    if "throttle" not in state:
        state["throttle"] = Throttle()
    throttle: Throttle = state["throttle"]
    return throttle


@post("/api/login", status_code=200, tags=["access"], guards=[own_page])
async def log_in(
    request: Request[Any, Any, State], services: NamedDependency[Services], data: JSONBody[Credentials]
) -> Response[Any]:
    """Log in; sets the session cookie. 401 for a wrong name or password, 429 with Retry-After after failures."""
    if len(data.username) > 100 or len(data.password) > 1_000:
        raise Refused(400, "username", "is too long")
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    try:
        made = await asyncio.to_thread(
            login.authenticate,
            services.engine,
            _throttle(request.app.state),
            data.username,
            data.password,
            address,
            agent,
        )
    except login.LoginRefused:
        raise Refused(401, "password", "wrong_credentials", "user name or password is wrong") from None
    except login.LoginTooSoon as early:
        body = refusal_body("password", "too_many_attempts", f"too many attempts; wait {early.retry_after} s")
        body["error"]["retry_after"] = early.retry_after
        return Response(body, status_code=429, headers={"Retry-After": str(early.retry_after)})
    return Response(_me(made.user), cookies=[_cookie(services, made.token, LIFETIME_MS // 1000)])


@post("/api/logout", status_code=204, tags=["access"], guards=[own_page])
async def log_out(services: NamedDependency[Services], door: NamedDependency[Door]) -> Response[None]:
    """End this session."""
    await asyncio.to_thread(login.log_out, services.engine, door.user, door.address)
    return Response(None, status_code=204, cookies=[_cookie(services, "", 0)])


@get("/api/me", tags=["access"])
async def me(door: NamedDependency[Door]) -> Me:
    """Who is logged in."""
    return _me(door.user)


@post("/api/password", status_code=204, tags=["access"], guards=[own_page])
async def change_password(
    request: Request[Any, Any, State],
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    data: JSONBody[PasswordChange],
) -> None:
    """Change one's own password: at least 10 characters, not the user name, none of the last three.

    Ends the other sessions. Wrong attempts at the present password slow the next ones down as a login does.
    """
    throttle, user = _throttle(request.app.state), door.user
    if (wait := throttle.wait_s(user.username, door.address)) > 0:
        raise Refused(429, "old", "too_many_attempts", f"too many attempts; wait {wait:.0f} s")
    if len(data.old) > 1_000 or len(data.new) > 1_000:
        raise Refused(400, "new", "is too long")
    actor = user.actor(door.address)
    try:
        await asyncio.to_thread(
            users.change_password, services.engine, user.user_id, data.old, data.new, actor, user.session_id
        )
    except RegistryError as error:
        if error.field == "old":
            throttle.failed(user.username, door.address)
        raise Refused(400, "old" if error.field == "old" else "new", error.rule) from None


route_handlers: list[ControllerRouterHandler] = [log_in, log_out, me, change_password]
