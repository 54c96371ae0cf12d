"""Who is behind a request, and what is known of that person's authority at this moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from luwei.access.defaults import DEFAULTS, Rights
from luwei.registry.audit import Actor
from luwei.registry.scope import Scope


@dataclass(frozen=True, slots=True)
class Granted:
    """A request on a recorded reason that was allowed: ``row`` of the rights table, the ids of vehicles (of drivers
    for the row ``driver``), and its end in UTC ms."""

    id: int
    row: str
    subjects: frozenset[int]
    to_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a valid session or token. ``city``, ``county`` and ``operator_id`` say whose people these are; what
    limits them is ``place``, the jurisdiction of their organisation."""

    user_id: int
    username: str
    display_name: str
    role: str
    city: int | None
    county: int | None
    operator_id: int | None
    must_change_password: bool
    session_id: int = 0
    organisation_id: int | None = None
    organisation_kind: str = ""
    organisation_name: str = ""
    place: Scope | None = None
    """None: made of city, county and operator."""
    rights: Rights | None = field(default=None, compare=False, repr=False)
    """None: those the role was shipped with."""
    grants: tuple[Granted, ...] = ()
    must_enrol_totp: bool = False
    totp: bool = False
    proved_at: int = 0
    """When the person last proved who it is (UTC ms): at the login, or for a risky act since."""
    proof_ms: int = 0
    """For so long after it risky acts need no new proof."""
    password_expires_at: int | None = None
    token_id: int = 0
    """Of the API token that the request came with; 0: a browser's session."""
    limits: frozenset[tuple[str, str]] | None = None
    """(act, kind) that a token is bound to."""

    @property
    def jurisdiction(self) -> Scope:
        """What ``own`` means for this person."""
        if self.place is not None:
            return self.place
        city, county, operator = (
            None if each is None else frozenset({each}) for each in (self.city, self.county, self.operator_id)
        )
        return Scope(city, county, operator)

    @property
    def cells(self) -> Rights:
        """The rights of the role."""
        return self.rights if self.rights is not None else DEFAULTS.get(self.role, _NO_RIGHTS)

    def proved(self, now: int | None = None) -> bool:
        """Whether a risky act may be done without a new proof."""
        return (
            not self.token_id and (time.time_ns() // 1_000_000 if now is None else now) < self.proved_at + self.proof_ms
        )

    def actor(self, address: str, scope: Scope | None = None) -> Actor:
        """As the audit log names this user acting from ``address`` within ``scope``."""
        used = scope if scope is not None else self.jurisdiction
        return Actor(self.user_id, self.username, address, self.organisation_id, used.text, used.reason)


_NO_RIGHTS: Rights = Rights({})
