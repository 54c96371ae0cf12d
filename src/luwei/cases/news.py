"""Which cases changed: told by the engine and by whoever acts, heard by every open screen of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

MOST = 5_000
"""Changed cases that one screen is told of together; beyond it reads the list again."""


class Listener:
    """One screen's ear: what changed since it last asked."""

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.many = False
        self.event = asyncio.Event()

    def take(self) -> tuple[set[int], bool]:
        """What changed, and whether it was too much to name."""
        ids, many = self.ids, self.many
        self.ids, self.many = set(), False
        self.event.clear()
        return ids, many


class News:
    """Not thread-safe: the event loop is its only user."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def listen(self) -> Listener:
        """A new ear; give it back with ``leave``."""
        made = Listener()
        self._listeners.add(made)
        return made

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def changed(self, ids: Iterable[int]) -> None:
        """These cases are not what they were."""
        told = set(ids)
        if not told:
            return
        for listener in self._listeners:
            if listener.many or len(listener.ids) + len(told) > MOST:
                listener.many = True
                listener.ids.clear()
            else:
                listener.ids |= told
            listener.event.set()
