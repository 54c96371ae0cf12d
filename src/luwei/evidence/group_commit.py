"""Rows entered in groups: what waits is written in one transaction, so that hundreds of uploads share one commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from luwei.registry.engine import write

log = structlog.get_logger()

T = TypeVar("T")
Work = Callable[[Connection], T]

GROUP = 200
RETRY_S = 1.0


class GroupCommit:
    """Runs pieces of work against the registry; each has its own savepoint, so that one that fails spoils no other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "rows")
        self.away = False
        """Whether the registry does not answer; work waits until it does."""

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="evidence rows")

    async def stop(self) -> None:
        """Write what waits, at most once more, then no more; work that is left is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._waiting and not self.away:
            with contextlib.suppress(OperationalError):
                await self._commit(self._waiting)
        for _, future in self._waiting:
            future.cancel()
        self._thread.shutdown(wait=False)

    async def run(self, work: Work[T]) -> T:
        """Do ``work`` in a transaction; returns once it is committed. Raises what ``work`` raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = self._waiting[:GROUP]
                try:
                    await self._commit(group)
                except OperationalError as error:
                    if not self.away:
                        log.warning("registry away, evidence waits", error=str(error)[:300])
                    self.away = True
                    await asyncio.sleep(RETRY_S)
                    continue
                except Exception:
                    # no work's own failing, which has a savepoint: a line to the registry that broke in another way
                    log.exception("evidence rows cannot be written")
                    self.away = True
                    await asyncio.sleep(RETRY_S)
                    continue
                self.away = False

    async def _commit(self, group: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        """Do the group in one transaction and say so to who waits. Raises OperationalError: nothing was done."""
        loop = asyncio.get_running_loop()
        # A thread of its own: files that are forced to the disk must not keep the answers to others waiting.
        results = await asyncio.shield(loop.run_in_executor(self._thread, self._transact, [work for work, _ in group]))
        del self._waiting[: len(group)]
        for (_, future), (result, error) in zip(group, results, strict=True):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _transact(self, group: list[Work[Any]]) -> list[tuple[Any, Exception | None]]:
        results: list[tuple[Any, Exception | None]] = []
        with write(self._engine) as connection:
            for work in group:
                try:
                    with connection.begin_nested():
                        results.append((work(connection), None))
                except OperationalError:
                    raise
                except Exception as error:
                    results.append((None, error))
        return results
