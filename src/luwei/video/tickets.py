"""Tickets for pictures: random, short-lived, bound to one person; each counts once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from luwei.registry.base import now_ms
from luwei.video.limits import refused
from luwei.video.traffic import Used
from luwei.video.upstream import Viewing

TICKET_MS = 30_000


class TicketRefused(PermissionError):
    """The ticket is unknown, used, too old or another user's."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a viewer gets for his request."""

    value: str
    viewing: Viewing
    until_ms: int
    used: Used


@dataclass(frozen=True, slots=True)
class Place:
    """Where a viewer's pictures are to be fetched, and the key that counts once."""

    node: str
    host: str
    port: int
    key: str


class Tickets:
    """Those that were given and not yet redeemed."""

    def __init__(self) -> None:
        self._open: dict[str, Viewing] = {}

    def give(self, viewing: Viewing, used: Used) -> Ticket:
        """A ticket for a viewing."""
        ticket = secrets.token_urlsafe(32)
        self._open[ticket] = viewing
        return Ticket(ticket, viewing, viewing.until_ms, used)

    def take(self, ticket: str, viewing_id: str, user_id: int) -> tuple[Viewing | None, str]:
        """The viewing of a ticket, which counts no more, and why it is refused (empty: it is good)."""
        viewing = self._open.pop(ticket, None)
        if viewing is None or viewing.until_ms < now_ms() or viewing.upstream.ended:
            refused.labels("ticket_expired").inc()
            return viewing, "unknown, used or too old"
        if viewing.user_id != user_id or viewing.id != viewing_id:
            refused.labels("ticket_other").inc()
            return viewing, "another user's"
        return viewing, ""

    def expired(self, now: int) -> Iterator[Viewing]:
        """Viewings whose ticket nobody redeemed in time; each is told once."""
        for ticket, viewing in list(self._open.items()):
            if viewing.until_ms < now:
                del self._open[ticket]
                yield viewing
