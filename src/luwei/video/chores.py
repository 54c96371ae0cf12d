"""Work that nobody waits for; what goes wrong in it is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog

log = structlog.get_logger()


class Chores:
    """Those under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, work: Awaitable[object]) -> None:
        """Do it beside everything else."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                log.warning("video desk", error=f"{type(error).__name__}: {error}"[:300])

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Leave them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
