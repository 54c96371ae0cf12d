"""The oversight engine in the core: limits of orders, questions at their times, flags, proposals, packages.

The registry is the truth: what is due stands in its rows, so a core that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.evidence.store import EvidenceStore
from luwei.history.store import HistoryError
from luwei.oversight import checks, devices, offline, orders, packing, policies, proposals, sham, signing
from luwei.oversight.offline import Query
from luwei.oversight.order_files import FORGET_AT_ONCE, FORGET_MS, OrderFiles
from luwei.oversight.signing import SigningKey
from luwei.registry.base import now_ms
from luwei.registry.engine import read

log = structlog.get_logger()

CLOCK_S = 1.0
TELL_S = 15.0
PACK_S = 2.0
FOLLOW_S = 20.0
PROPOSE_S = 120.0
OFFLINE_S = 600.0
FORGET_S = 3_600.0
FORGET_TURNS = 50
DAY_MS = 86_400_000
AWAY_S = 2.0

_packages = Counter("luwei_oversight_packages_total", "Sealed packages that ended", ["state"])
_questions = Counter("luwei_oversight_questions_total", "Questions of post checks that were asked or ended")
_overdue = Counter("luwei_oversight_overdue_total", "Limits of supervision orders that passed")

_forgotten = Counter("luwei_oversight_uploads_removed_total", "Uploads for supervision orders that nothing named")


class OversightEngine:
    """Owner of everything in oversight that happens by itself; lives in one process."""

    def __init__(self, engine: Engine, store: EvidenceStore, data: Path, query: Query) -> None:
        """``store`` holds the originals; packages and the signing key lie in ``data/sealing``; ``query`` asks the
        history."""
        self._engine = engine
        self._store = store
        self._query = query
        self.folder = data / "sealing"
        self.files = OrderFiles(engine, store)
        self._key: SigningKey | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._told_at = -TELL_S
        self._trouble: dict[str, str] = {}

    async def start(self) -> None:
        """Enter the shipped policy where there is none, and begin to keep the clocks."""
        await asyncio.to_thread(policies.ensure, self._engine)
        works = (
            (CLOCK_S, self._strike),
            (PACK_S, self._pack),
            (FOLLOW_S, self._follow),
            (FORGET_S, self._forget),
            (PROPOSE_S, self._propose),
            (OFFLINE_S, self._offline),
        )
        self._tasks = [asyncio.create_task(self._every(rest, work), name=f"oversight {rest:g}") for rest, work in works]

    async def stop(self) -> None:
        """Do nothing more; what is due waits in the registry."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.files.stop()

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
                break
        if time.monotonic() - self._told_at > TELL_S:
            await asyncio.to_thread(checks.keep_clock, self._engine, now_ms())
            self._told_at = time.monotonic()
        while (asked := await asyncio.to_thread(checks.strike, self._engine, now_ms())) >= checks.AT_ONCE:
            _questions.inc(asked)
        _questions.inc(asked)

    def key(self) -> SigningKey:
        """The platform's key. Blocks when it is asked for first; raises OSError."""
        if self._key is None:
            self._key = signing.load(self.folder)
        return self._key

    async def _pack(self) -> None:
        while (package := await asyncio.to_thread(packing.waiting, self._engine)) is not None:
            key = await asyncio.to_thread(self.key)
            ended = await asyncio.to_thread(packing.pack, self._engine, self._store, key, self.folder, package)
            _packages.labels(ended).inc()
            log.info("sealed package ended", package=package, state=ended)

    async def _follow(self) -> None:
        while await asyncio.to_thread(devices.follow, self._engine) >= devices.AT_ONCE:
            pass
        while await asyncio.to_thread(sham.find, self._engine, now_ms()) >= sham.AT_ONCE:
            pass

    async def _forget(self) -> None:
        def forget() -> int:
            with read(self._engine) as connection:
                days = policies.at(connection, now_ms()).keep_days
            packing.forget(self._engine, self.folder, now_ms() - days * DAY_MS)
            gone = 0
            for _ in range(FORGET_TURNS):
                several = self.files.forget(now_ms() - FORGET_MS)
                gone += several
                _forgotten.inc(several)
                if several < FORGET_AT_ONCE:
                    break
            return gone

        gone = await asyncio.to_thread(forget)
        if gone:
            log.info("uploads that no order named were removed", files=gone)

    async def _propose(self) -> None:
        await asyncio.to_thread(proposals.find, self._engine, now_ms())

    async def _offline(self) -> None:
        try:
            await asyncio.to_thread(offline.find, self._engine, self._query, now_ms())
        except HistoryError as error:
            # its next round looks at what this one missed
            log.warning("history cannot tell who was offline", error=str(error)[:300])
