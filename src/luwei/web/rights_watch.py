"""When an open socket must ask again whether it may stay open: within two seconds of whatever ends a right.

A login that ends, a right or role that changes, a grant that is taken back: all count up one number of the registry
(``luwei.access.revision``), which one question a second reads for all sockets together. A grant that runs out and a
vehicle that moves to another jurisdiction are noticed by the clock and by the live arrays.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine

from luwei.access import SignedIn
from luwei.access.revision import revision
from luwei.live.feed import now_ms
from luwei.live.fleet import Fleet

WATCH_S = 1.0
CHECK_S = 10.0
"""At the latest after so long a socket asks again: a session's end by the clock changes no number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What counts changes, at an instant: the number of the registry, and that of the live arrays."""

    rights: int
    trucks: int


@dataclass(slots=True)
class RightsWatch:
    """One for all sockets of the process."""

    engine: Engine
    fleet: Fleet
    _known: int = -1
    _read_s: float = -1e9
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self) -> int:
        """The number, at most WATCH_S / 2 old."""
        async with self._reading:
            if time.monotonic() - self._read_s > WATCH_S / 2:
                self._known = await asyncio.to_thread(revision, self.engine)
                self._read_s = time.monotonic()
            return self._known

    async def mark(self) -> Mark:
        """To be taken before rights are asked for: what ends between the question and the wait would else be missed."""
        return Mark(await self.current(), self.fleet.registry_revision)

    async def changed(self, user: SignedIn, since: Mark) -> None:
        """Wait until the rights of ``user`` may have changed ``since``; at most CHECK_S."""
        ends = min((grant.to_at for grant in user.grants), default=1 << 62)
        deadline = time.monotonic() + CHECK_S
        while time.monotonic() < deadline:
            await asyncio.sleep(min(WATCH_S, max(0.0, (ends - now_ms()) / 1000) + 0.01))
            if await self.mark() != since or now_ms() >= ends:
                return
