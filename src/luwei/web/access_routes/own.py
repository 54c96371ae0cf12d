"""What a person does for the own account: sessions, one-time codes, tokens, and who viewed the own trucks."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from sqlalchemy import Engine

from luwei.access import SignedIn, api_token, audit_log, rights, sign_in_rules, totp, web_session
from luwei.access.api_token import TokenRight, TokenView
from luwei.access.audit_log import LookView
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.web.access_routes.users import Sessions, Tokens
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Instant = Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)]


class TotpAnswer(msgspec.Struct):
    """``required``: the role wants one-time codes; ``recovery_left``: unused recovery codes."""

    enrolled: bool
    confirmed_at: int | None
    required: bool
    recovery_left: int


class Enrolment(msgspec.Struct):
    """What the person's app needs; ``svg`` is the QR picture of ``uri``."""

    secret: str
    uri: str
    svg: str


class Code(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time code."""

    code: Annotated[str, msgspec.Meta(max_length=40)]


class RecoveryCodes(msgspec.Struct):
    """Told once."""

    recovery_codes: list[str]


class WantedRight(msgspec.Struct, forbid_unknown_fields=True):
    """One right a token shall have."""

    kind: Annotated[str, msgspec.Meta(max_length=20)]
    act: Annotated[str, msgspec.Meta(max_length=20)]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token for a program: some of one's own rights, for some days."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    days: int
    rights: Annotated[list[WantedRight], msgspec.Meta(max_length=500)]


class MadeToken(msgspec.Struct):
    """The token, told once."""

    token: str
    item: TokenView


class Looks(msgspec.Struct):
    """Looks of others at one's own trucks."""

    as_of: int
    total: int
    items: list[LookView]


def _person(door: Door) -> SignedIn:
    """A token manages no account: neither the sessions nor the codes nor other tokens of its owner."""
    if door.user.token_id:
        raise Refused(403, "", "reauthenticate", "a token cannot act for its owner's account")
    return door.user


@get("/api/me/sessions", tags=["access"])
async def own_sessions(services: NamedDependency[Services], door: NamedDependency[Door]) -> Sessions:
    """Where one is signed in."""
    user = _person(door)
    return Sessions(await asyncio.to_thread(web_session.sessions, services.engine, user.user_id, user.session_id))


@delete("/api/me/sessions", tags=["access"])
async def end_other_sessions(services: NamedDependency[Services], door: NamedDependency[Door]) -> None:
    """Sign out everywhere else."""
    user, actor = _person(door), door.actor()
    await asyncio.to_thread(web_session.end_sessions, services.engine, user.user_id, actor, None, user.session_id)


@delete("/api/me/sessions/{session_id:int}", tags=["access"])
async def end_own_session(services: NamedDependency[Services], door: NamedDependency[Door], session_id: Key) -> None:
    """End one of one's own sessions."""
    user = _person(door)
    await asyncio.to_thread(web_session.end_sessions, services.engine, user.user_id, door.actor(), session_id)


def _totp(engine: Engine, user: SignedIn) -> TotpAnswer:
    state = totp.state(engine, user.user_id)
    with read(engine) as connection:
        role = rights.book(engine, connection).roles[user.role]
    return TotpAnswer(state.enrolled, state.confirmed_at, role.require_totp, state.recovery_left)


@get("/api/me/totp", tags=["access"])
async def totp_state(services: NamedDependency[Services], door: NamedDependency[Door]) -> TotpAnswer:
    """Whether one-time codes are in force for one's account."""
    return await asyncio.to_thread(_totp, services.engine, _person(door))


@post("/api/me/totp", tags=["access"], status_code=200)
async def totp_begin(services: NamedDependency[Services], door: NamedDependency[Door]) -> Enrolment:
    """A fresh secret for an app; in force once a code of it has come to ``confirm``."""
    user = _person(door)
    if not user.must_enrol_totp:
        door.risky()
    made = await asyncio.to_thread(totp.begin, services.engine, user.user_id, user.username)
    return Enrolment(made.secret, made.uri, made.svg)


@post("/api/me/totp/confirm", tags=["access"], status_code=200)
async def totp_confirm(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Code]
) -> RecoveryCodes:
    """Put the secret in force; answers with the recovery codes, told once."""
    user = _person(door)
    _guessing(services, door)
    codes = await asyncio.to_thread(totp.confirm, services.engine, user.user_id, data.code, door.actor())
    services.throttle.proof_forgiven(user.user_id)
    return RecoveryCodes(codes)


@post("/api/me/totp/recovery", tags=["access"], status_code=200)
async def totp_recovery(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Code]
) -> RecoveryCodes:
    """New recovery codes for a valid code; the former ones end."""
    user = await _with_code(services, door, data.code)
    return RecoveryCodes(await asyncio.to_thread(totp.renew_recovery, services.engine, user.user_id, door.actor()))


@post("/api/me/totp/remove", tags=["access"], status_code=204)
async def totp_remove(services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Code]) -> None:
    """Take one-time codes away from one's account with a valid code."""
    door.risky()
    user = await _with_code(services, door, data.code)
    await asyncio.to_thread(totp.remove, services.engine, user.user_id, door.actor())


def _guessing(services: Services, door: Door) -> None:
    """An attempt that counts as a failure until it succeeds. Raises Refused (429) where it comes too soon."""
    if (wait := services.throttle.begin_proof(door.user.user_id)) > 0:
        raise Refused(429, "code", "too_many_attempts", f"too many attempts; wait {wait:.0f} s")


async def _with_code(services: Services, door: Door, code: str) -> SignedIn:
    user = _person(door)
    _guessing(services, door)
    if await asyncio.to_thread(totp.take, services.engine, user.user_id, code) is None:
        raise Refused(400, "code", "wrong_code", "the one-time code is wrong or was used already")
    services.throttle.proved(user.user_id)
    return user


@get("/api/me/tokens", tags=["access"])
async def own_tokens(services: NamedDependency[Services], door: NamedDependency[Door]) -> Tokens:
    """One's own tokens that still open something."""
    return Tokens(await asyncio.to_thread(api_token.tokens, services.engine, _person(door).user_id))


@post("/api/me/tokens", tags=["access"])
async def create_token(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewToken]
) -> MadeToken:
    """A token with some of one's own rights; the secret is told here and never again."""
    user = _person(door)
    door.risky()
    wanted = [TokenRight(right.kind, right.act) for right in data.rights]

    def made() -> MadeToken:
        days_max = sign_in_rules.rules(services.engine).token_days_max
        return MadeToken(*api_token.create(services.engine, user, data.name, data.days, wanted, days_max, door.actor()))

    return await asyncio.to_thread(made)


@delete("/api/me/tokens/{token_id:int}", tags=["access"])
async def revoke_token(services: NamedDependency[Services], door: NamedDependency[Door], token_id: Key) -> None:
    """End one of one's own tokens."""
    user = _person(door)
    await asyncio.to_thread(api_token.revoke, services.engine, user.user_id, token_id, door.actor())


@get("/api/me/viewers", tags=["access"])
async def viewers(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle: FromQuery[int | None] = None,
    start: Instant = None,
    end: Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> Looks:
    """Who viewed me: looks of other organisations at the trucks of an operator or driver, when and what for."""
    place, user = door.allow("read", "audit"), door.user
    mine = place if place.operators is not None or place.vehicles is not None else user.jurisdiction
    found = await asyncio.to_thread(
        audit_log.looks, services.engine, mine, user.organisation_id, vehicle, start, end, page, size
    )
    return Looks(now_ms(), found.total, found.items)


route_handlers: list[ControllerRouterHandler] = [
    own_sessions, end_other_sessions, end_own_session, totp_state, totp_begin, totp_confirm, totp_recovery, totp_remove,
    own_tokens, create_token, revoke_token, viewers,
]  # fmt: skip
