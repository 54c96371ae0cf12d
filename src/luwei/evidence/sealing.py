"""Sealing: a file whose bytes are all staged is hashed and put into the store, away from the event loop.

The terminal need not wait for it: its bytes were forced to the disk and noted in the registry before it was told. What
a crash interrupts, the next start goes on with; a store that is away is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge

from luwei.evidence import rows
from luwei.evidence.group_commit import GroupCommit
from luwei.evidence.rows import Arrived
from luwei.evidence.store import EvidenceStore, Stored

log = structlog.get_logger()

WORKERS = 2
RETRY_S = 5.0

_sealed = Counter("luwei_evidence_files_total", "Files hashed and put into the store")
_sealed_bytes = Counter("luwei_evidence_stored_bytes_total", "Bytes of the files put into the store")
_backlog = Gauge("luwei_evidence_sealing_backlog", "Files that are complete and not in the store yet")


class Sealer:
    """Puts files into the store; ``done`` is awaited with each one's id, key and what is stored."""

    def __init__(
        self, store: EvidenceStore, commit: GroupCommit, done: Callable[[int, Stored], Awaitable[None]]
    ) -> None:
        self._store = store
        self._commit = commit
        self._done = done
        self._queue: asyncio.Queue[Arrived] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._under_way = 0
        self._threads = ThreadPoolExecutor(WORKERS, "sealing", _stand_back)
        self.trouble = ""
        """Why the store does not take files now; empty when it does."""

    @property
    def backlog(self) -> int:
        """Files that wait or are being stored."""
        return self._queue.qsize() + self._under_way

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._work(), name=f"sealing {n}") for n in range(WORKERS)]

    async def stop(self, timeout_s: float) -> None:
        """Finish what is here, if that takes no longer than ``timeout_s``; the next start finds the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._queue.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def put(self, file: Arrived) -> None:
        """Seal ``file`` soon."""
        self._queue.put_nowait(file)
        _backlog.set(self.backlog)

    async def _work(self) -> None:
        while True:
            file = await self._queue.get()
            self._under_way += 1
            try:
                if not await self._seal(file):
                    # behind the others: one file that cannot be stored must not keep them waiting
                    self._queue.put_nowait(file)
                    await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("sealing failed", file=file.id)
            finally:
                self._under_way -= 1
                self._queue.task_done()
                _backlog.set(self.backlog)

    async def _seal(self, file: Arrived) -> bool:
        """Whether it is done with: stored, or known to be gone."""
        path = self._store.incoming / f"{file.upload}.part"
        try:
            loop = asyncio.get_running_loop()
            stored = await loop.run_in_executor(self._threads, self._store.adopt, path, file.key)
        except FileNotFoundError:
            log.error("staged file missing", file=file.id, upload=file.upload)
            await self._commit.run(lambda connection: rows.vanished(connection, file.id))
            return True
        except OSError as error:
            self.trouble = str(error)[:300]
            log.warning("evidence store does not take files", error=self.trouble, file=file.id)
            return False
        self.trouble = ""
        if stored.size != file.size:
            log.error("stored file has another size", file=file.id, size=stored.size, expected=file.size)
        await self._commit.run(lambda connection: rows.sealed(connection, file.id, stored))
        _remove_map(path)
        _sealed.inc()
        _sealed_bytes.inc(stored.size)
        await self._done(file.id, stored)
        return True


def _stand_back() -> None:
    """Give this thread the lowest priority: SM3 costs more than all else, and arriving bytes come first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _remove_map(path: Path) -> None:
    path.with_suffix(".map").unlink(missing_ok=True)
