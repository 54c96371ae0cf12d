"""The door: whose request this is, and the scope in which it may act.

Every handler takes a ``Door`` and gets its scope from ``allow``; a request without a valid session cookie never
reaches one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency

from luwei.access import Actor, Forbidden, Scope, SignedIn, authorize, may, record
from luwei.access.audit_log import EntryView
from luwei.access.web_session import find_session, find_token, why_ended
from luwei.registry.engine import write
from luwei.registry.masking import HIDING, masked
from luwei.registry.personal import PERSONAL
from luwei.web.errors import Refused
from luwei.web.services import Services

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COOKIE = "luwei_session"

T = TypeVar("T", bound="DataclassInstance")

Connection = ASGIConnection[Any, Any, Any, State]


@dataclass(frozen=True, slots=True)
class Door:
    """A signed-in person's request."""

    user: SignedIn
    services: Services
    address: str

    @property
    def user_id(self) -> int:
        return self.user.user_id

    def allow(self, act: str, kind: str, *, aggregates: bool = False) -> Scope:
        """The scope in which this person may ``read``, ``export``, ``write`` or ``act`` on it. Raises Refused (403).

        ``aggregates``: the answer holds counts alone. The rule of the refusal tells a program what is missing.
        """
        try:
            return authorize(self.user, act, kind, aggregates=aggregates)
        except Forbidden as forbidden:
            code = forbidden.code if forbidden.code != "forbidden" else forbidden.rule
            raise Refused(403, kind, code, forbidden.rule) from None

    def may(self, act: str, kind: str, *, aggregates: bool = False) -> bool:
        """Whether ``allow`` gives a scope."""
        return may(self.user, act, kind, aggregates=aggregates)

    def positions(self) -> Scope | None:
        """Where this person may see where trucks are; None: nowhere."""
        return self.allow("read", "position") if self.may("read", "position") else None

    def risky(self) -> None:
        """For acts that must not be done from a screen somebody left alone, nor by a token: the proof of identity must
        be fresh. Raises Refused (403)."""
        if not self.user.proved():
            raise Refused(403, "", "reauthenticate", "prove again who you are: POST /api/reauthenticate")

    def actor(self, scope: Scope | None = None) -> Actor:
        """As the audit log names this person, acting within ``scope``."""
        return self.user.actor(self.address, scope)

    def whole(self, kind: str) -> None:
        """For lists that cannot be narrowed to a jurisdiction: only who sees everything may read. Raises Refused."""
        if not self.allow("read", kind).whole:
            raise Refused(403, kind, "seen by users of the whole province only")

    async def note(
        self,
        act: str,
        noun_id: int | None,
        detail: Mapping[str, Any],
        *,
        vehicle_id: int | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Write one entry of the audit log: a copy of data leaves the system. ``vehicle_id``: the one truck it is of;
        ``scope``: what it was allowed in, with the reason of a grant."""

        def entry() -> None:
            with write(self.services.engine) as connection:
                record(connection, self.actor(scope), act, noun_id, detail, vehicle_id=vehicle_id)

        await asyncio.to_thread(entry)

    async def looked(
        self,
        act: str,
        vehicle_id: int | None = None,
        detail: Mapping[str, Any] | None = None,
        scope: Scope | None = None,
        noun_id: int | None = None,
    ) -> None:
        """Record a look at personal data or at where a named truck is, before the answer leaves; ``noun_id``: at what
        one record, where it is no truck.

        A screen that stays open asks again and again: what one person sees of one thing within LOOK_S is one look.
        """
        told = dict(detail or {})
        if self.services.looks.is_new((self.user_id, self.user.session_id, act, vehicle_id, noun_id, str(told))):
            await self.note(act, noun_id, told, vehicle_id=vehicle_id, scope=scope)

    def masked(self, noun: str, view: T, scope: Scope) -> T:
        """A record with its personal fields masked where ``scope`` shows no more than that two of them are the same
        person (``match_result``), or no personal data at all (``masked``)."""
        if scope.narrow not in HIDING:
            return view
        row = {name: getattr(view, name) for name in PERSONAL[noun]}
        return replace(view, **masked(noun, row))

    def masked_entry(self, entry: EntryView) -> EntryView:
        """An entry of the audit log with personal data masked, for who has no standing right to see it whole."""
        cell = self.user.cells.get(("read", entry.noun))
        standing = cell is not None and cell.narrow not in HIDING and cell.manner in ("full", "own")
        if entry.noun not in PERSONAL or standing:
            return entry
        return replace(entry, detail=masked(entry.noun, entry.detail))


async def open_door(connection: Connection, services: Services) -> Door:
    """The door of a request or socket. Raises Refused (401) without a valid session or API token.

    A request that names a token is answered as that token's, never by the cookie beside it.
    """
    address = connection.client.host if connection.client else ""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    user, why = None, None
    if scheme.lower() == "bearer":
        user = await asyncio.to_thread(_by_token, services, token.strip(), address)
    elif cookie := connection.cookies.get(COOKIE, ""):
        user = await asyncio.to_thread(find_session, services.engine, cookie, None, address)
        why = why_ended(services.engine, cookie) if user is None else None
    if user is None:
        raise Refused(401, "", why or "login_required", "log in first")
    return Door(user, services, address)


def _by_token(services: Services, token: str, address: str) -> SignedIn | None:
    """Wrong tokens are slowed down by their address, and a right one never: many programs may share an address, and a
    secret of 256 bits (``api_token.create``) is not found by guessing beside the wait."""
    user = find_token(services.engine, token, address)
    if user is None and (wait := services.throttle.refused_at("token", address)) > 0:
        raise Refused(429, "", "too_many_attempts", f"too many attempts; wait {wait:.0f} s")
    return user


async def provide_door(request: Connection, services: NamedDependency[Services]) -> Door:
    """Litestar dependency ``door``."""
    return await open_door(request, services)
