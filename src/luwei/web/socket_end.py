"""How the sockets of pictures and of talks end."""

from __future__ import annotations

SESSION_ENDED, FORBIDDEN, TICKET, ENDED, SLOW = 4401, 4403, 4408, 4410, 1013
"""Close codes."""


class SocketEnded(Exception):
    """A socket is to be closed: code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
