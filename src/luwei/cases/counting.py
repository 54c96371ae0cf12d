"""Counts of the queue for many screens: one scope and choice is asked of the registry once a second at most."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Engine

from luwei.cases import reading
from luwei.cases.reading import CaseFilter, Summary
from luwei.registry.scope import Scope

FRESH_S = 1.0
MOST = 512


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = -FRESH_S
    summary: Summary | None = None


class Counts:
    """Not thread-safe: the event loop is its only user."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()

    async def of(self, scope: Scope, chosen: CaseFilter) -> Summary:
        """What is open, at most FRESH_S old; ``mine`` is counted anew."""
        key = (scope.limits, scope.wheel, scope.narrow, chosen.city, chosen.county, chosen.operator)
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        async with kept.lock:
            if kept.summary is None or time.monotonic() - kept.at > FRESH_S:
                kept.summary = await asyncio.to_thread(reading.summary, self._engine, scope, chosen)
                kept.at = time.monotonic()
        if scope.aggregate:
            return kept.summary
        mine = await asyncio.to_thread(reading.mine, self._engine, scope, chosen.me)
        return replace(kept.summary, mine=mine)
