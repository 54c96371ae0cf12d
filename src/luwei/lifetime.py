"""How long the parts of a process work: from their start until the stack they stand on ends, the last one first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import structlog

log = structlog.get_logger()


class Part(Protocol):
    """What a part of the core offers that works from its start to its stop."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


P = TypeVar("P", bound=Part)


async def started(stack: contextlib.AsyncExitStack, part: P) -> P:
    """``part``, started; it stops when ``stack`` ends."""
    await part.start()
    stack.push_async_callback(part.stop)
    return part


def keep_reading(
    stack: contextlib.AsyncExitStack, run: Callable[[asyncio.Event], Coroutine[Any, Any, None]], name: str
) -> None:
    """Let a reader of the bus work; when ``stack`` ends it may finish what it holds."""
    stop = asyncio.Event()
    stack.push_async_callback(_end, asyncio.create_task(run(stop), name=name), stop)


def keep_running(stack: contextlib.AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
    """Let ``work`` go on until ``stack`` ends, which cancels it."""
    stack.push_async_callback(_cancel, asyncio.create_task(work, name=name))


async def _end(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    try:
        async with asyncio.timeout(30):
            await task
    except TimeoutError:
        log.error("a reader of the bus did not stop in time; the bus keeps what was not stored", name=task.get_name())
    except Exception:
        log.exception("a reader of the bus ended with an error", name=task.get_name())


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
