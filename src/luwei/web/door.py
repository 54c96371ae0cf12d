"""The door: whose request this is, and the scope in which it may act.

Every handler takes a ``Door`` and gets its scope from ``allow``; a request without a valid session cookie never
reaches one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency

from luwei.access import Forbidden, Scope, SignedIn, authorize, record
from luwei.access.web_session import find_session
from luwei.registry.engine import write
from luwei.web.errors import Refused
from luwei.web.services import Services

COOKIE = "luwei_session"

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

    def allow(self, act: str, kind: str) -> Scope:
        """The scope in which this person may ``read``, ``export``, ``write`` or ``act`` on it. Raises Refused (403)."""
        try:
            return authorize(self.user, act, kind)
        except Forbidden as forbidden:
            raise Refused(403, kind, forbidden.rule) from None

    def may(self, act: str, kind: str) -> bool:
        """Whether ``allow`` would."""
        try:
            authorize(self.user, act, kind)
        except Forbidden:
            return False
        return True

    def whole(self, kind: str) -> None:
        """For lists that cannot be narrowed to a jurisdiction: only who sees everything may read. Raises Refused."""
        if not self.allow("read", kind).whole:
            raise Refused(403, kind, "seen by users of the whole province only")

    async def note(self, act: str, noun_id: int | None, detail: Mapping[str, Any]) -> None:
        """Write one entry of the audit log: a copy of data leaves the system."""

        def entry() -> None:
            with write(self.services.engine) as connection:
                record(connection, self.user.actor(self.address), act, noun_id, detail)

        await asyncio.to_thread(entry)


async def open_door(connection: Connection, services: Services) -> Door:
    """The door of a request or socket. Raises Refused (401) without a valid session."""
    token = connection.cookies.get(COOKIE, "")
    user = await asyncio.to_thread(find_session, services.engine, token) if token else None
    if user is None:
        raise Refused(401, "", "login_required", "log in first")
    return Door(user, services, connection.client.host if connection.client else "")


async def provide_door(request: Connection, services: NamedDependency[Services]) -> Door:
    """Litestar dependency ``door``."""
    return await open_door(request, services)
