"""Login, logout, proof of identity, change of password; and the guard that keeps foreign pages from acting in a
person's name.

The cookie is HttpOnly and SameSite=Strict. On top of that every act must carry ``X-Luwei: 1``, which another origin
cannot set without a preflight that is never answered, or the ``Origin`` of this host. A request that names an API token
needs neither: a browser never adds one by itself.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from luwei.access import login, sign_in_rules, users
from luwei.access.login import AddressRefused, CodeWanted, Login, LoginRefused, LoginTooSoon, OneTimeOver
from luwei.registry.errors import RegistryError
from luwei.web.access_routes.account import Me, me_of
from luwei.web.door import COOKIE, Door
from luwei.web.errors import Refused, refusal_body
from luwei.web.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Secret = Annotated[str, msgspec.Meta(max_length=1_000)]
Code = Annotated[str, msgspec.Meta(max_length=100)]


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """What a person types; ``code``: the one-time or recovery code where the account has them."""

    username: Annotated[str, msgspec.Meta(max_length=100)]
    password: Secret
    code: Code = ""


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """The present password and the one to come."""

    old: Secret
    new: Secret


class Proof(msgspec.Struct, forbid_unknown_fields=True):
    """The present password, and a code where the account has them."""

    password: Secret
    code: Code = ""


class Proved(msgspec.Struct):
    """Until when risky acts need no new proof (UTC ms)."""

    proved_until: int


class OidcOffer(msgspec.Struct):
    """The button for the identity provider: its words, and the address it leads to."""

    name: str
    start: str


class Ways(msgspec.Struct):
    """How one may sign in here."""

    password: bool
    oidc: OidcOffer | None


def own_page(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: a request that may change something must come from a page of this host, or name a token. Raises Refused
    (403)."""
    if not isinstance(connection, Request) or connection.method in SAFE_METHODS:
        return
    if connection.headers.get("x-luwei") == "1":
        return
    if connection.headers.get("authorization", "").lower().startswith("bearer "):
        return
    origin = connection.headers.get("origin", "")
    if origin and urlsplit(origin).netloc == connection.headers.get("host"):
        return
    raise Refused(403, "X-Luwei", "must be 1", "the request does not come from a page of this host")


def session_cookie(services: Services, value: str, seconds: int) -> Cookie:
    """The cookie of a session; ``seconds`` 0 takes it away."""
    return Cookie(
        key=COOKIE,
        value=value,
        path="/",
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=services.settings.secure_cookie,
    )


async def signed_in_cookie(services: Services, made: Login) -> Cookie:
    """The cookie of a login; it lasts as long as the session may."""
    rules = await asyncio.to_thread(sign_in_rules.rules, services.engine)
    services.throttle.set_limits(rules.failures_free, rules.longest_wait_s)
    return session_cookie(services, made.token, rules.lifetime_hours * 3600)


def _too_soon(early: LoginTooSoon) -> Response[Any]:
    body = refusal_body("password", "too_many_attempts", f"too many attempts; wait {early.retry_after} s")
    body["error"]["retry_after"] = early.retry_after
    return Response(body, status_code=429, headers={"Retry-After": str(early.retry_after)})


def _refuse(error: Exception) -> NoReturn:
    match error:
        case CodeWanted(wrong=True):
            raise Refused(401, "code", "wrong_code", "the one-time code is wrong or was used already") from None
        case CodeWanted():
            raise Refused(401, "code", "totp_required", "the one-time code is wanted too") from None
        case OneTimeOver():
            rule = "the one-time password was not used in time; ask the administrator for another"
            raise Refused(401, "password", "one_time_password_over", rule) from None
        case AddressRefused():
            raise Refused(403, "", "address_not_allowed", "this account may not be used from this address") from None
    raise Refused(401, "password", "wrong_credentials", "user name or password is wrong") from None


@get("/api/sign-in", tags=["access"])
async def ways(services: NamedDependency[Services]) -> Ways:
    """How one may sign in; needs no login."""
    settings = services.settings
    return Ways(True, OidcOffer(settings.oidc_name, "/api/oidc/start") if settings.oidc_issuer else None)


@post("/api/login", status_code=200, tags=["access"], guards=[own_page])
async def log_in(
    request: Request[Any, Any, State], services: NamedDependency[Services], data: JSONBody[Credentials]
) -> Response[Any]:
    """Log in; sets the session cookie. 401 for a wrong name, password or code, 429 with Retry-After after failures."""
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    try:
        made = await asyncio.to_thread(
            login.authenticate,
            services.engine,
            services.throttle,
            data.username,
            data.password,
            address,
            agent,
            data.code,
        )
    except LoginTooSoon as early:
        return _too_soon(early)
    except (LoginRefused, OneTimeOver, CodeWanted, AddressRefused) as error:
        _refuse(error)
    told = await asyncio.to_thread(me_of, services.engine, made.user)
    return Response(told, cookies=[await signed_in_cookie(services, made)])


@post("/api/logout", status_code=204, tags=["access"], guards=[own_page])
async def log_out(services: NamedDependency[Services], door: NamedDependency[Door]) -> Response[None]:
    """End this session."""
    await asyncio.to_thread(login.log_out, services.engine, door.user, door.address)
    return Response(None, status_code=204, cookies=[session_cookie(services, "", 0)])


@get("/api/me", tags=["access"])
async def me(services: NamedDependency[Services], door: NamedDependency[Door]) -> Me:
    """Who is logged in, what the person may, and which pages of the console that opens."""
    return await asyncio.to_thread(me_of, services.engine, door.user)


@post("/api/reauthenticate", status_code=200, tags=["access"], guards=[own_page])
async def reauthenticate(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Proof]
) -> Response[Any]:
    """Prove again who one is, for risky acts in a long session. Refused as a login is."""
    if door.user.token_id:
        raise Refused(403, "", "reauthenticate", "a token cannot prove who its owner is")
    try:
        until = await asyncio.to_thread(
            login.reauthenticate, services.engine, services.throttle, door.user, data.password, data.code, door.address
        )
    except LoginTooSoon as early:
        return _too_soon(early)
    except (LoginRefused, OneTimeOver, CodeWanted) as error:
        _refuse(error)
    return Response(Proved(until))


@post("/api/password", status_code=204, tags=["access"], guards=[own_page])
async def change_password(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[PasswordChange]
) -> None:
    """Change one's own password: by the rules of length and reuse that are set, not the user name.

    Ends the other sessions. Wrong attempts at the present password slow the next ones down as a login does.
    """
    throttle, user = services.throttle, door.user
    if user.token_id:
        raise Refused(403, "", "reauthenticate", "a token cannot change its owner's password")
    if (wait := throttle.begin_proof(user.user_id)) > 0:
        raise Refused(429, "old", "too_many_attempts", f"too many attempts; wait {wait:.0f} s")
    try:
        await asyncio.to_thread(
            users.change_password, services.engine, user.user_id, data.old, data.new, door.actor(), user.session_id
        )
    except RegistryError as error:
        if error.field != "old":
            throttle.proof_forgiven(user.user_id)  # the present one was right
        raise Refused(400, "old" if error.field == "old" else "new", error.rule) from None
    throttle.proved(user.user_id)


route_handlers: list[ControllerRouterHandler] = [
    ways, log_in, log_out, me, reauthenticate, change_password,
]  # fmt: skip
