"""An import in a process of its own, for a caller whose interpreter must stay free. Small, so that it starts soon."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from luwei.registry.audit import Actor
from luwei.registry.engine import open_engine
from luwei.registry.imports.report import Report
from luwei.registry.imports.run import import_file
from luwei.registry.scope import Scope


def _work(url: str, noun: str, name: str, content: bytes, dry_run: bool, actor: Actor, scope: Scope) -> Report:
    engine = open_engine(url)
    try:
        return import_file(engine, noun, name, content, dry_run, actor, scope)
    finally:
        engine.dispose()


async def import_apart(
    url: str, noun: str, name: str, content: bytes, dry_run: bool, actor: Actor, scope: Scope
) -> Report:
    """``import_file`` on the registry at ``url`` in a child process that ends with it. Raises as it does, and
    concurrent.futures.process.BrokenProcessPool when the child was killed (nothing is written then)."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, _work, url, noun, name, content, dry_run, actor, scope)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
