"""Login throttling: each failure makes the next attempt wait longer, per user name, per address, per session's owner.

Who has a way in already is never delayed by the guesses of others, for behind one address may sit a whole operator:

* A valid session or API token is not asked at all; wrong tokens slow down wrong tokens of their address alone.
* A name that signed in from an address is at home there: it waits for its own failures there, neither for those of
  other names at the address nor for those at its name from elsewhere.
* Proofs within a session are counted by its user, apart from the logins that anybody may try.

Kept in memory of the one process that serves the web, bounded; a restart forgets it, which costs an attacker more
than it gives. A user name alone is never locked for good: the longest wait is five minutes.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

LONGEST_S = 300.0
FREE_PER_USER, FREE_PER_ADDRESS = 4, 20
"""Failures without a wait; behind one address many people may sit."""
FORGET_S = 3_600.0
CAPACITY = 50_000

Key = tuple[str, ...]


class Throttle:
    """Thread-safe. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free_per_user, self._longest_s = FREE_PER_USER, LONGEST_S
        self._failures: OrderedDict[Key, tuple[int, float]] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, username: str, address: str) -> float:
        """Seconds until the next login is looked at; 0 when it may come now."""
        with self._lock:
            return self._wait(self._login(username, address), self._clock())

    def begin(self, username: str, address: str) -> float:
        """Count a login as refused until ``succeeded`` says otherwise, and answer 0; where it comes too soon count
        nothing, and answer the seconds to wait. In one step: of many attempts at once only the free ones are let
        through."""
        with self._lock:
            return self._begin(self._login(username, address))

    def failed(self, username: str, address: str) -> None:
        """Count a failed login."""
        with self._lock:
            self._count(self._clock(), self._login(username, address))

    def forgive(self, username: str, address: str) -> None:
        """Take back the last count: the attempt was neither a failure nor a success (a code is still wanted)."""
        with self._lock:
            self._take_back(self._login(username, address))

    def succeeded(self, username: str, address: str) -> None:
        """Forget the user's failures and take back this attempt at the address, where the name is at home from now on.

        The address keeps its other failures, or one good account would cover guessing at others.
        """
        with self._lock:
            keys = self._login(username, address)
            self._take_back(keys[1:])
            self._failures.pop(keys[0], None)
            home = (username, place_of(address))
            self._homes.pop(home, None)
            self._homes[home] = None
            while len(self._homes) > CAPACITY:
                self._homes.popitem(last=False)

    def begin_proof(self, user_id: int) -> float:
        """As ``begin``, for a proof of identity by who is signed in already."""
        with self._lock:
            return self._begin(_proof(user_id))

    def proof_forgiven(self, user_id: int) -> None:
        """As ``forgive``, within a session."""
        with self._lock:
            self._take_back(_proof(user_id))

    def proved(self, user_id: int) -> None:
        """The proof was right: forget the failures before it."""
        with self._lock:
            self._failures.pop(_proof(user_id)[0], None)

    def refused_at(self, what: str, address: str) -> float:
        """``what`` of this address that names nobody opened nothing, such as a wrong token: count it and answer 0, or
        count nothing and answer the seconds in which no other is to come. Counts of one ``what`` are its own."""
        with self._lock:
            return self._begin([(what, place_of(address))])

    def set_limits(self, free_per_user: int, longest_s: float) -> None:
        """Rules that an administrator changed."""
        self._free_per_user, self._longest_s = free_per_user, longest_s

    def _login(self, username: str, address: str) -> list[Key]:
        """What a login counts at: the name first."""
        place = place_of(address)
        if (username, place) in self._homes:
            return [("home", username, place)]
        return [("user", username), ("address", place)]

    def _begin(self, keys: list[Key]) -> float:
        now = self._clock()
        wait = self._wait(keys, now)
        if not wait:
            self._count(now, keys)
        return wait

    def _wait(self, keys: list[Key], now: float) -> float:
        return max(self._left(key, now) for key in keys)

    def _count(self, now: float, keys: list[Key]) -> None:
        for key in keys:
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - last > FORGET_S else count + 1, now)
        while len(self._failures) > CAPACITY:
            self._failures.popitem(last=False)

    def _take_back(self, keys: list[Key]) -> None:
        for key in keys:
            count, last = self._failures.get(key, (0, 0.0))
            if count:
                self._failures[key] = (count - 1, last)

    def _left(self, key: Key, now: float) -> float:
        free = self._free_per_user if key[0] in _OF_ONE else FREE_PER_ADDRESS
        count, last = self._failures.get(key, (0, 0.0))
        if count < free:
            return 0.0
        delay: float = min(self._longest_s, 2.0 ** min(count - free, 20))
        return max(0.0, last + delay - now)


_OF_ONE = frozenset({"user", "home", "proof"})
"""What counts the failures of one name."""


def _proof(user_id: int) -> list[Key]:
    return [("proof", str(user_id))]


def place_of(address: str) -> str:
    """The part of an address that one party cannot change at will: of IPv6 the /64 (RFC 6177), of IPv4 all."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))
