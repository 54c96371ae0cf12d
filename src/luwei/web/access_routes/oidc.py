"""Signing in through the identity provider that is set: out to it, and back.

The session's cookie is SameSite=Strict, so it does not come along when the provider sends the browser back; the
attempt has a short-lived Lax cookie of its own for that. The last step is a redirect to the console, whose own requests
then carry the session.
"""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler
from sqlalchemy import select, update

from luwei.access import login
from luwei.access.login import AddressRefused, Login, LoginRefused
from luwei.access.oidc import ATTEMPT_S, OidcError, Provider
from luwei.access.user import User
from luwei.registry.audit import REFUSED, Actor, record
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page, signed_in_cookie

ATTEMPT_COOKIE = "luwei_oidc"
_TARGET = re.compile(r"/[A-Za-z0-9/_-]*")


def provider_of(services: Services) -> Provider:
    """The provider of the settings; one object a process. Raises Refused (404) where none is set."""
    settings = services.settings
    if not settings.oidc_issuer:
        raise Refused(404, "", "not_found", "no identity provider is set")
    if services.provider is None:
        services.provider = Provider(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret,
            f"{settings.public_url}/api/oidc/callback",
        )
    return services.provider


def _attempt_cookie(services: Services, value: str, seconds: int) -> Cookie:
    return Cookie(
        key=ATTEMPT_COOKIE, value=value, path="/api/oidc", max_age=seconds, httponly=True, samesite="lax",
        secure=services.settings.secure_cookie,
    )  # fmt: skip


def _failed(rule: str) -> Response[Any]:
    return Redirect(f"/login?error={quote(rule, safe='')}", status_code=302)


@get("/api/oidc/start", tags=["access"], status_code=302)
async def oidc_start(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    target: Annotated[str, QueryParameter(name="next", max_length=100)] = "/",
    link: FromQuery[bool] = False,
) -> Response[Any]:
    """Send the browser to the provider. With ``link`` the signed-in person becomes known there by its account."""
    provider = provider_of(services)
    holder = 0
    if link:
        door = await open_door(request, services)
        door.risky()
        holder = door.user_id
    kept = target if _TARGET.fullmatch(target) and not target.startswith("//") else "/"
    try:
        address, attempt = await asyncio.to_thread(provider.begin, kept, holder)
    except OidcError as error:
        return _failed(error.rule)
    answer = Redirect(address, status_code=302)
    answer.set_cookie(_attempt_cookie(services, attempt.binding, ATTEMPT_S))
    return answer


@get("/api/oidc/callback", tags=["access"], status_code=302)
async def oidc_callback(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    stated: Annotated[str, QueryParameter(name="state", max_length=200)] = "",
    code: Annotated[str, QueryParameter(name="code", max_length=2_000)] = "",
    issuer: Annotated[str, QueryParameter(name="iss", max_length=500)] = "",
    error: Annotated[str, QueryParameter(name="error", max_length=100)] = "",
) -> Response[Any]:
    """Where the provider sends the browser back to; ends at the console, signed in or with a reason why not."""
    provider = provider_of(services)
    if error or not code:
        return _failed("oidc_denied")
    address = request.client.host if request.client else ""
    binding = request.cookies.get(ATTEMPT_COOKIE, "")
    try:
        subject, attempt = await asyncio.to_thread(provider.finish, stated, code, binding, issuer)
    except OidcError as failure:
        # Only a browser that began here has the right cookie, so no good answer waits for the wrong ones beside it.
        if services.throttle.refused_at("identity", address) > 0:
            return _failed("too_many_attempts")
        await asyncio.to_thread(_refused, services, address, failure.rule)
        return _failed(failure.rule)
    if attempt.link:
        rule = await asyncio.to_thread(_link, services, attempt.link, subject, address)
        return _failed(rule) if rule else Redirect("/me?linked=1", status_code=302)
    agent = request.headers.get("user-agent", "")
    try:
        made = await asyncio.to_thread(_enter, services, subject, address, agent)
    except AddressRefused:
        return _failed("address_not_allowed")
    except LoginRefused:
        return _failed("oidc_unknown")
    answer = Redirect(attempt.target, status_code=302)
    answer.set_cookie(await signed_in_cookie(services, made))
    answer.set_cookie(_attempt_cookie(services, "", 0))
    return answer


def _enter(services: Services, subject: str, address: str, agent: str) -> Login:
    with read(services.engine) as connection:
        row = connection.execute(
            select(User.id, User.username).where(User.oidc_subject == subject, User.disabled_at.is_(None))
        ).one_or_none()
    if row is None:
        _refused(services, address, "oidc_unknown")
        raise LoginRefused
    return login.enter(services.engine, row.id, row.username, address, agent, "oidc")


def _link(services: Services, user_id: int, subject: str, address: str) -> str:
    """Empty where it is done, else the rule."""
    try:
        with named_conflicts(), write(services.engine) as connection:
            connection.execute(update(User).where(User.id == user_id).values(oidc_subject=subject))
            name = connection.scalar(select(User.username).where(User.id == user_id)) or ""
            record(connection, Actor(user_id, name, address), "user.link", user_id)
    except Conflict:
        return "oidc_taken"
    return ""


def _refused(services: Services, address: str, cause: str) -> None:
    with write(services.engine) as connection:
        record(connection, Actor(None, "", address), "login.refused", detail={"cause": cause}, result=REFUSED)


class Identity(msgspec.Struct):
    """``name`` of the identity provider, empty where none is set; ``linked``: one is known there."""

    name: str
    linked: bool


class Leaving(msgspec.Struct):
    """Where the browser must go now."""

    address: str


@get("/api/me/identity", tags=["access"])
async def my_identity(services: NamedDependency[Services], door: NamedDependency[Door]) -> Identity:
    """Whether one signs in through the provider too."""
    subject = await asyncio.to_thread(_subject_of, services, door.user_id)
    return Identity(services.settings.oidc_name if services.settings.oidc_issuer else "", subject is not None)


@post("/api/me/identity", tags=["access"], guards=[own_page], status_code=200)
async def link_identity(services: NamedDependency[Services], door: NamedDependency[Door]) -> Response[Leaving]:
    """Begin to link one's account with who one is at the provider. A risky act: whoever is linked can sign in."""
    provider = provider_of(services)
    door.risky()
    try:
        address, attempt = await asyncio.to_thread(provider.begin, "/me", door.user_id)
    except OidcError as error:
        raise Refused(503, "", error.rule, "the identity provider does not answer; try again") from None
    return Response(Leaving(address), cookies=[_attempt_cookie(services, attempt.binding, ATTEMPT_S)])


@delete("/api/me/identity", tags=["access"], guards=[own_page], status_code=204)
async def unlink_identity(services: NamedDependency[Services], door: NamedDependency[Door]) -> None:
    """Sign in by password alone from now on. A risky act; refused (409) where no password of one's own is set."""
    door.risky()

    def forget() -> None:
        with write(services.engine) as connection:
            if connection.scalar(select(User.must_change_password).where(User.id == door.user_id)):
                raise Refused(409, "password", "must be set first", "without a password nobody could sign in here")
            connection.execute(update(User).where(User.id == door.user_id).values(oidc_subject=None))
            record(connection, door.actor(), "user.unlink", door.user_id)

    await asyncio.to_thread(forget)


def _subject_of(services: Services, user_id: int) -> str | None:
    with read(services.engine) as connection:
        return connection.scalar(select(User.oidc_subject).where(User.id == user_id))


route_handlers: list[ControllerRouterHandler] = [
    oidc_start, oidc_callback, my_identity, link_identity, unlink_identity,
]  # fmt: skip
