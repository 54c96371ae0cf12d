"""What arrives under one account of the FTP server, counted as it comes. The keeper looks at it from its own thread."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luwei.registry.base import now_ms
from luwei.registry.download import TOO_LARGE

FILES_MAX = 64
"""Files of one order."""
RESENT_MAX = 4
"""An order may bring this many times its bound, since what broke off is sent again."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An order whose account may be used: ``download`` is its id, ``limit`` in bytes."""

    download: int
    user: str
    phone: str
    channel: int
    limit: int
    complete: frozenset[str] = frozenset()
    """Names of files that arrived whole on earlier connections."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What came since the last count. ``files``: octets and whether it is whole, by name."""

    download: int
    user: str
    phone: str
    channel: int
    files: dict[str, tuple[int, bool]]
    sessions: int
    breaks: int
    fault: str
    traffic: int
    milliseconds: int
    first_at: int | None
    last_at: int | None


@dataclass(slots=True, eq=False)
class Inbox:
    """The folder of one order and the sessions that write into it."""

    order: Admitted
    home: Path
    sessions: set[Any] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    fault: str = ""
    _turns: Counter[str] = field(default_factory=Counter)
    _breaks: int = 0
    _traffic: int = 0
    _sent: int = 0
    _first_at: int | None = None
    _last_at: int | None = None
    _counted_at: int = 0
    _changed: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sizes(self) -> dict[str, int]:
        """Octets of each file that is here."""
        try:
            with os.scandir(self.home) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False)}
        except FileNotFoundError:
            return {}

    def room(self, name: str, offset: int) -> int:
        """Octets that may still come when ``name`` is written from ``offset`` on."""
        others = sum(size for other, size in self.sizes().items() if other != name)
        return self.order.limit - others - offset

    def began(self, name: str) -> None:
        """A file is being written: it is not whole any more."""
        with self._lock:
            self.complete.discard(name)
            self._turns[name] += 1
            self._changed = True

    def turn(self, name: str) -> int:
        """How often ``name`` was begun: what ends later counts for the turn that it belongs to."""
        with self._lock:
            return self._turns[name]

    def took(self, octets: int) -> None:
        """Bytes came."""
        at = now_ms()
        with self._lock:
            self._traffic += octets
            self._sent += octets
            self._first_at, self._last_at = self._first_at or at, at
            self._changed = True
        if self._sent > RESENT_MAX * self.order.limit:
            self.fail(TOO_LARGE)

    def ended(self, name: str, turn: int) -> None:
        """The terminal has ended a file by itself, and it is on the disk; where it was not begun again meanwhile, it is
        whole."""
        with self._lock:
            if turn == self._turns[name]:
                self.complete.add(name)
            self._last_at = now_ms()
            self._changed = True

    def broke(self) -> None:
        """A transfer broke off."""
        with self._lock:
            self._breaks += 1
            self._changed = True

    def joined(self, session: Any) -> None:
        """A terminal logged in."""
        with self._lock:
            self.sessions.add(session)
            self._changed = True

    def left(self, session: Any) -> None:
        """A session is over."""
        with self._lock:
            self.sessions.discard(session)
            self._changed = True

    def fail(self, fault: str) -> None:
        """The order cannot be carried out; the first fault counts."""
        with self._lock:
            self.fault = self.fault or fault
            self._changed = True

    def count(self) -> Counted | None:
        """What changed since the last call; None: nothing."""
        with self._lock:
            if not self._changed:
                return None
            at = now_ms()
            since = min(at - self._counted_at, 5_000) if self._counted_at else 0
            files = {name: (size, name in self.complete) for name, size in self.sizes().items()}
            found = Counted(
                self.order.download, self.order.user, self.order.phone, self.order.channel, files, len(self.sessions),
                self._breaks, self.fault, self._traffic, since if self._traffic else 0, self._first_at, self._last_at,
            )  # fmt: skip
            self._breaks = self._traffic = 0
            self._counted_at, self._changed = at, False
            return found

    def take_back(self, counted: Counted) -> None:
        """``counted`` could not be written down."""
        with self._lock:
            self._breaks += counted.breaks
            self._traffic += counted.traffic
            self._changed = True
