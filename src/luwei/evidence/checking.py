"""Checks of stored files: each picture and clip is decoded once, in the examiner's process, and the row says what came
of it. A file that cannot be decoded is kept all the same: it is what the terminal sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter as Total
from sqlalchemy import Connection, Engine, select, update

from luwei.evidence.confined import Confined, Ended, TooLong
from luwei.evidence.content import CLIPS, PICTURES
from luwei.evidence.group_commit import GroupCommit
from luwei.evidence.store import EvidenceStore
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.evidence import COMPLETE, EvidenceFile

log = structlog.get_logger()

PATIENCE_S = 20.0
SEARCH_S = 15.0
"""Files that came another way than by the attachment server are looked for so often."""
BACK_MS = 7 * 86_400_000
OVERLAP_MS = 600_000
AT_ONCE = 200
TRIES = 20
"""Looks at a file that could not be read, before that is what is known of it: five minutes."""

_checked = Total("luwei_evidence_checked_total", "Files decoded", ["outcome"])


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A stored file that was not looked at yet."""

    id: int
    key: str
    media_type: str
    received_at: int


class Examiner:
    """Has files opened in a process apart, started when first needed and again when a file was too much for it."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._process = Confined("luwei.evidence.examine", patience_s)

    async def examine(self, path: Path, media_type: str) -> dict[str, Any]:
        """As ``examine.examine``; a file that takes too long or kills the process is not readable. Raises OSError
        where no process can be started."""
        try:
            return await self._process.ask({"path": str(path), "media_type": media_type})
        except (TooLong, Ended) as error:
            return {"readable": False, "cause": str(error)}

    async def stop(self) -> None:
        """End the process."""
        await self._process.stop()


class Checker:
    """Has every stored picture and clip examined, whichever way it came; ``wake`` says that there is a new one."""

    def __init__(self, engine: Engine, store: EvidenceStore, commit: GroupCommit, examiner: Examiner) -> None:
        self._engine = engine
        self._store = store
        self._commit = commit
        self._examiner = examiner
        self._since_ms = now_ms() - BACK_MS
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._tries: Counter[int] = Counter()

    def start(self) -> None:
        """Begin to check."""
        self._task = asyncio.create_task(self._run(), name="checks")

    async def stop(self) -> None:
        """Stop at once; what is not checked is found at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._examiner.stop()

    def wake(self) -> None:
        """A file was stored."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                found = await asyncio.to_thread(unchecked, self._engine, self._since_ms, AT_ONCE)
                for file in found:
                    await self._check(file)
                if found:
                    self._since_ms = max(self._since_ms, found[0].received_at - OVERLAP_MS)
                if len(found) == AT_ONCE and not self._tries:
                    continue
            except Exception:
                log.exception("checking evidence failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEARCH_S):
                    await self._wake.wait()
            self._wake.clear()

    async def _check(self, file: Unchecked) -> None:
        path = self._store.local_path(file.key)
        fetched = None
        try:
            if path is None:
                path = fetched = self._store.incoming / f"{file.id}.check"
                await asyncio.to_thread(_fetch, self._store, file.key, fetched)
            found = await self._examiner.examine(path, file.media_type)
        except OSError as error:
            log.warning("evidence cannot be checked", file=file.id, error=str(error)[:200])
            self._tries[file.id] += 1
            if self._tries[file.id] < TRIES and not isinstance(error, FileNotFoundError):
                return  # a store that is away, or a machine that starts no process, says nothing of the file
            found = {"cause": "could not be read from the store"}
        finally:
            if fetched is not None:
                fetched.unlink(missing_ok=True)
        self._tries.pop(file.id, None)
        outcome = "failed" if "readable" not in found else "readable" if found["readable"] else "unreadable"
        _checked.labels(outcome).inc()
        await self._commit.run(lambda connection: enter_check(connection, file.id, found))


def unchecked(engine: Engine, since_ms: int, limit: int) -> list[Unchecked]:
    """Stored pictures and clips that nobody looked at, the oldest first."""
    with read(engine) as connection:
        rows = connection.execute(
            select(EvidenceFile.id, EvidenceFile.store_key, EvidenceFile.media_type, EvidenceFile.received_at)
            .where(
                EvidenceFile.received_at > since_ms,
                EvidenceFile.state == COMPLETE,
                EvidenceFile.readable.is_(None),
                EvidenceFile.check.in_(("", "{}")),
                EvidenceFile.media_type.in_(sorted(PICTURES | CLIPS)),
            )
            .order_by(EvidenceFile.received_at)
            .limit(limit)
        ).all()
    return [Unchecked(row.id, row.store_key, row.media_type, row.received_at) for row in rows]


def enter_check(connection: Connection, file: int, found: dict[str, Any]) -> None:
    """Write down what was found of a file."""
    details = {name: value for name, value in found.items() if name != "readable"}
    connection.execute(
        update(EvidenceFile)
        .where(EvidenceFile.id == file)
        .values(readable=found.get("readable"), check=json.dumps(details, ensure_ascii=False))
    )


def _fetch(store: EvidenceStore, key: str, path: Path) -> None:
    with path.open("wb") as file:
        for piece in store.open_range(key):
            file.write(piece)
