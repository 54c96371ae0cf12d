"""Who is behind a request."""

from __future__ import annotations

from dataclasses import dataclass

from luwei.registry.audit import Actor


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a valid session. ``city``, ``county`` and ``operator_id`` limit what is seen; None is no limit."""

    user_id: int
    username: str
    display_name: str
    role: str
    city: int | None
    county: int | None
    operator_id: int | None
    must_change_password: bool
    session_id: int = 0

    def actor(self, address: str) -> Actor:
        """As the audit log names this user acting from ``address``."""
        return Actor(self.user_id, self.username, address)
