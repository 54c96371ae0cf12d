"""Parts of recordings into the evidence store: put together as a standard MP4 in a process apart, hashed, entered.

What is on the disk is what counts: a part that a crash broke off is stored up to its last whole fragment. Everything
may be done twice.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Engine

from luwei.evidence.confined import Confined, Ended, TooLong
from luwei.evidence.store import EvidenceStore, Stored
from luwei.video import record_rows as rows
from luwei.video.record_file import cut_torn, paths
from luwei.video.record_rows import Part

log = structlog.get_logger()

PATIENCE_S = 120.0
TRIES = 2
"""A process that dies or takes too long may have been in the way of something else; a part is stored raw only once."""
RETRY_S = 5.0

_sealed = Counter("luwei_video_record_files_total", "Parts of recordings stored as evidence", ["how"])
_octets = Counter("luwei_video_recorded_bytes_total", "Bytes of recordings stored as evidence")


class PartSealer:
    """Stores parts one after the other."""

    def __init__(self, engine: Engine, store: EvidenceStore, folder: Path) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._process = Confined("luwei.evidence.remux", PATIENCE_S)
        self._queue: asyncio.Queue[Part] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.octets = 0
        """Of all recordings in the store."""
        self.trouble = ""
        """Why nothing can be stored now; empty while it can."""

    async def start(self) -> None:
        """Begin to store."""
        self.octets = await asyncio.to_thread(rows.octets, self._engine)
        self._task = asyncio.create_task(self._run(), name="sealing recordings")

    async def stop(self) -> None:
        """Stop at once; the next start goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._process.stop()

    @property
    def backlog(self) -> int:
        """Parts that wait."""
        return self._queue.qsize()

    def put(self, part: Part) -> None:
        """Store a part that is written no more."""
        self._queue.put_nowait(part)

    async def _run(self) -> None:
        while True:
            part = await self._queue.get()
            try:
                await self._seal(part)
                self.trouble = ""
            except Exception as error:
                self.trouble = f"{type(error).__name__}: {error}"[:300]
                log.warning("a recording is not stored yet", record=part.record_id, error=self.trouble)
                self._queue.put_nowait(part)
                await asyncio.sleep(RETRY_S)

    async def _seal(self, part: Part) -> None:
        video, sound = paths(self._folder, part.record_id, part.number)
        seen = await asyncio.to_thread(cut_torn, video)
        heard = await asyncio.to_thread(cut_torn, sound)
        if not seen.samples:
            await asyncio.to_thread(rows.empty, self._engine, part.id, "nothing of it was on the disk")
        else:
            out = video.with_suffix(".mp4")
            found = await self._put_together(video, sound if heard.samples else None, out)
            raw = str(found.get("cause", ""))
            if raw:
                log.error("a recording is stored as it was written", record=part.record_id, error=raw)
                await asyncio.to_thread(_remove, out)
                found = {"pictures": seen.samples, "duration_ms": 0, "sound": False}
            stored = await asyncio.to_thread(self._keep, video if raw else out, part.store_key)
            await asyncio.to_thread(rows.stored, self._engine, part.id, stored, found, raw)
            self.octets += stored.size
            _sealed.labels("raw" if raw else "mp4").inc()
            _octets.inc(stored.size)
        await asyncio.to_thread(_remove, video, sound)

    async def _put_together(self, video: Path, sound: Path | None, out: Path) -> dict[str, Any]:
        job = {"video": str(video), "sound": str(sound) if sound is not None else None, "out": str(out)}
        answer: dict[str, Any] = {}
        for _ in range(TRIES):
            await asyncio.to_thread(_remove, out)
            try:
                return await self._process.ask(job)
            except (TooLong, Ended) as error:
                answer = {"cause": str(error)}
        return answer

    def _keep(self, path: Path, key: str) -> Stored:
        """The original, which an earlier run may have stored before it could say so."""
        try:
            self._store.size(key)
        except FileNotFoundError:
            return self._store.adopt(path, key)
        path.unlink(missing_ok=True)
        return self._store.adopt(path, key)


def _remove(*files: Path) -> None:
    for path in files:
        path.unlink(missing_ok=True)
