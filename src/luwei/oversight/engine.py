"""The oversight engine in the core: limits of orders, questions at their times, flags, proposals, packages.

The registry is the truth: what is due stands in its rows, so a core that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.oversight import orders, policies
from luwei.registry.base import now_ms

log = structlog.get_logger()

CLOCK_S = 1.0
AWAY_S = 2.0

_overdue = Counter("luwei_oversight_overdue_total", "Limits of supervision orders that passed")


class OversightEngine:
    """Owner of everything in oversight that happens by itself; lives in one process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: dict[str, str] = {}

    async def start(self) -> None:
        """Enter the shipped policy where there is none, and begin to keep the clocks."""
        await asyncio.to_thread(policies.ensure, self._engine)
        self._tasks = [asyncio.create_task(self._every(CLOCK_S, self._strike), name="oversight clocks")]

    async def stop(self) -> None:
        """Do nothing more; what is due waits in the registry."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def health(self) -> dict[str, Any]:
        """State for /health."""
        trouble = "; ".join(each for each in self._trouble.values() if each)
        return {"ok": not trouble, "error": trouble}

    async def _every(self, rest_s: float, work: Callable[[], Any]) -> None:
        name = work.__name__
        while True:
            try:
                await work()
                self._trouble[name] = ""
            except OperationalError as error:
                self._trouble[name] = "registry away"
                log.warning("registry away, oversight waits", error=str(error)[:300])
                await asyncio.sleep(AWAY_S)
            except Exception as error:
                self._trouble[name] = f"{type(error).__name__}: {error}"[:300]
                log.exception("oversight failed", work=name)
                await asyncio.sleep(AWAY_S)
            await asyncio.sleep(rest_s)

    async def _strike(self) -> None:
        while True:
            struck = await asyncio.to_thread(orders.strike, self._engine, now_ms())
            _overdue.inc(struck)
            if struck < orders.AT_ONCE:
                return
