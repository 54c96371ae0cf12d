"""Login throttling: each failure makes the next attempt wait longer, per user name and per address.

Kept in memory of the one process that serves the web, bounded; a restart forgets it, which costs an attacker more
than it gives. A user name alone is never locked for good: the longest wait is five minutes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

LONGEST_S = 300.0
FREE_PER_USER, FREE_PER_ADDRESS = 4, 20
"""Failures without a wait; behind one address many people may sit."""
FORGET_S = 3_600.0
CAPACITY = 50_000


class Throttle:
    """Thread-safe. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free_per_user, self._longest_s = FREE_PER_USER, LONGEST_S
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait_s(self, username: str, address: str) -> float:
        """Seconds until the next attempt is looked at; 0 when it may come now."""
        with self._lock:
            return self._wait(username, address, self._clock())

    def begin(self, username: str, address: str) -> float:
        """Count an attempt as refused until ``succeeded`` says otherwise, and answer 0; where it comes too soon count
        nothing, and answer the seconds to wait. In one step: of many attempts at once only the free ones are let
        through."""
        now = self._clock()
        with self._lock:
            wait = self._wait(username, address, now)
            if not wait:
                self._count(now, ("user", username), ("address", address))
            return wait

    def failed(self, username: str, address: str) -> None:
        """Count a failure."""
        with self._lock:
            self._count(self._clock(), ("user", username), ("address", address))

    def failed_at(self, address: str) -> None:
        """Count a failure that names nobody: a token that opens nothing."""
        with self._lock:
            self._count(self._clock(), ("address", address))

    def forgive(self, username: str, address: str) -> None:
        """Take back the last count: the attempt was neither a failure nor a success (a code is still wanted)."""
        with self._lock:
            for key in (("user", username), ("address", address)):
                count, last = self._failures.get(key, (0, 0.0))
                if count:
                    self._failures[key] = (count - 1, last)

    def set_limits(self, free_per_user: int, longest_s: float) -> None:
        """Rules that an administrator changed."""
        self._free_per_user, self._longest_s = free_per_user, longest_s

    def succeeded(self, username: str, address: str) -> None:
        """Forget the user's failures and take back this attempt at the address.

        The address keeps its other failures, or one good account would cover guessing at others.
        """
        with self._lock:
            self._failures.pop(("user", username), None)
            count, last = self._failures.get(("address", address), (0, 0.0))
            if count:
                self._failures["address", address] = (count - 1, last)

    def _wait(self, username: str, address: str, now: float) -> float:
        return max(
            self._left(("user", username), self._free_per_user, now),
            self._left(("address", address), FREE_PER_ADDRESS, now),
        )

    def _count(self, now: float, *keys: tuple[str, str]) -> None:
        for key in keys:
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - last > FORGET_S else count + 1, now)
        while len(self._failures) > CAPACITY:
            self._failures.popitem(last=False)

    def _left(self, key: tuple[str, str], free: int, now: float) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < free:
            return 0.0
        delay: float = min(self._longest_s, 2.0 ** min(count - free, 20))
        return max(0.0, last + delay - now)
