"""The recorder in the core: recordings of live streams, begun by people and rules, bounded, taken up after a restart.

Rules belong to the handling policy of cases: the case engine enters their recordings in the registry, with the case,
and the recorder begins what it finds there. Who began a recording must be allowed to for as long as it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.evidence.store import EvidenceStore
from luwei.registry.base import now_ms
from luwei.registry.video_record import OPEN
from luwei.settings import Settings
from luwei.video import record_rows as rows
from luwei.video import standing
from luwei.video.part_sealing import PartSealer
from luwei.video.record_file import paths
from luwei.video.record_rows import Part, Wanted
from luwei.video.recording import (
    DISK_FULL,
    FORBIDDEN,
    INTERRUPTED,
    RECORD_DISK,
    RESTART,
    STOPPED,
    Desk,
    Recording,
)

log = structlog.get_logger()

TURN_S = 1.0
RIGHT_S = 0.5
LATE_MS = 60_000
"""A rule's recording that could not begin within so long shows something else."""
FREE_MIN = 1 << 30
"""Bytes that recordings leave free on the disk."""
DISK_S = 5.0
FOLDER = "records"
USER_RECORDS, RECORDS, OFFLINE, LATE = "user_records", "records", "offline", "late"

_running = Gauge("luwei_video_records_running", "Recordings under way")
_refused = Counter("luwei_video_records_refused_total", "Recordings refused", ["reason"])
_over = Counter("luwei_video_records_ended_total", "Recordings that ended", ["reason"])


class NoRoom(RuntimeError):
    """A limit is reached; the message is its name: ``user_records``, ``records``, ``record_disk``, ``disk_full``."""


class AlreadyRecording(RuntimeError):
    """This person records the channel already."""


class Recorder:
    """All recordings of the installation; lives in one process."""

    def __init__(
        self, engine: Engine, desk: Desk, store: EvidenceStore, settings: Settings, present: Callable[[int], bool]
    ) -> None:
        """``present``: whether a truck reports now."""
        self.folder = store.incoming / FOLDER
        self.part_s = float(settings.video_record_part_s)
        self.limit_octets = settings.video_record_gib << 30
        self.limit = settings.video_records
        self.limit_per_user = settings.video_records_per_user
        self.limit_s = settings.video_record_s
        self.running: dict[int, Recording] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._engine = engine
        self._desk = desk
        self._present = present
        self._sealer = PartSealer(engine, store, self.folder)
        self._wake = asyncio.Event()
        self._entering = asyncio.Lock()
        self._works: list[asyncio.Task[None]] = []
        self._disk_full = False

    async def start(self) -> None:
        """Take up what an earlier core left: its parts are stored, its recordings go on."""
        await asyncio.to_thread(partial(self.folder.mkdir, parents=True, exist_ok=True))
        self._look_at_disk()
        await self._sealer.start()
        await self._take_up()
        works = ((self._begin_due(), "due recordings"), (self._watch_rights(), "rights to record"))
        self._works = [asyncio.create_task(work, name=name) for work, name in works]

    async def stop(self) -> None:
        """Let go of the files; the next start goes on."""
        tasks = [*self._works, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sealer.stop()

    def health(self) -> dict[str, Any]:
        """For /health: ``ok`` while recordings can be stored."""
        return {
            "ok": not (self._sealer.trouble or self._disk_full),
            "running": len(self.running),
            "storing": self._sealer.backlog,
            "octets": self.octets,
            "limit_octets": self.limit_octets,
            "trouble": self._sealer.trouble or (DISK_FULL if self._disk_full else ""),
        }

    # What people ask for

    async def record(self, wanted: Wanted, peer: str = "") -> int:
        """Begin a person's recording; its id. Raises NoRoom, AlreadyRecording."""
        async with self._entering:  # who asks twice at once has not begun when he is looked for
            own = [each.wanted for each in self.running.values() if each.wanted.user_id == wanted.user_id]
            if any((each.vehicle_id, each.channel) == (wanted.vehicle_id, wanted.channel) for each in own):
                raise AlreadyRecording("this channel")
            if len(own) >= self.limit_per_user:
                self._refuse(USER_RECORDS)
            if reason := self.no_room():
                self._refuse(reason)
            wanted.id = await asyncio.to_thread(rows.enter, self._engine, wanted)
            self._run(wanted, peer)
        return wanted.id

    def no_room(self) -> str:
        """Why no further recording can begin; empty where one can."""
        return RECORDS if len(self.running) >= self.limit else self.full()

    def _refuse(self, reason: str) -> None:
        _refused.labels(reason).inc()
        raise NoRoom(reason)

    def end(self, record_id: int, reason: str = STOPPED) -> None:
        """End a recording; one that is over stays as it is."""
        recording = self.running.get(record_id)
        if recording is not None:
            recording.end(reason)

    async def ended(self, record_id: int, timeout_s: float) -> None:
        """Wait until a recording that was ended is written down as over."""
        task = self._tasks.get(record_id)
        if task is not None:
            await asyncio.wait([task], timeout=timeout_s)

    def wake(self) -> None:
        """A rule entered a recording: look at once."""
        self._wake.set()

    # What a recording needs

    @property
    def octets(self) -> int:
        """Of all recordings, those under way included."""
        return self._sealer.octets + sum(each.octets for each in self.running.values())

    def full(self) -> str:
        """Why nothing more may be written; empty while it may."""
        if self._disk_full:
            return DISK_FULL
        return RECORD_DISK if self.limit_octets and self.octets >= self.limit_octets else ""

    def seal(self, part: Part) -> None:
        """A part is whole."""
        self._sealer.put(part)

    # The work

    def _run(self, wanted: Wanted, peer: str = "", since: int = 0) -> None:
        recording = Recording(self._engine, self._desk, self, wanted, peer, since)
        self.running[wanted.id] = recording
        _running.set(len(self.running))
        task = self._tasks[wanted.id] = asyncio.create_task(recording.run(), name=f"record {wanted.id}")
        task.add_done_callback(partial(self._done, wanted.id))

    def _done(self, record_id: int, task: asyncio.Task[None]) -> None:
        recording = self.running.pop(record_id)
        del self._tasks[record_id]
        _running.set(len(self.running))
        if task.cancelled():
            return
        _over.labels(recording.reason).inc()
        if (error := task.exception()) is not None:
            log.error("recording ended badly", record=record_id, exc_info=error)

    async def _take_up(self) -> None:
        """Parts first, so that what was written is stored whatever becomes of the rest."""
        last: dict[int, int] = {}
        for part in await asyncio.to_thread(rows.unstored, self._engine):
            if part.state == OPEN:
                at = await asyncio.to_thread(self._written_at, part)
                await asyncio.to_thread(rows.close_part, self._engine, part.id, at, RESTART)
                last[part.record_id] = at
            self._sealer.put(part)
        now = now_ms()
        for wanted in await asyncio.to_thread(rows.waiting, self._engine):
            if wanted.user_id is None and wanted.started_at is None:
                continue  # a rule's that never began is begun, or refused, like all of them
            since = last.get(wanted.id, 0)
            await asyncio.to_thread(rows.taken_up, self._engine, wanted.id, wanted.gaps)
            if now >= (wanted.started_at or wanted.asked_at) + wanted.seconds * 1000:
                await asyncio.to_thread(
                    rows.over, self._engine, wanted, INTERRUPTED, "", since or now, wanted.gaps
                )  # fmt: skip
                continue
            self._run(wanted, since=since)

    def _written_at(self, part: Part) -> int:
        """When the last of a part was written."""
        with contextlib.suppress(FileNotFoundError):
            return paths(self.folder, part.record_id, part.number)[0].stat().st_mtime_ns // 1_000_000
        return part.started_at

    async def _begin_due(self) -> None:
        """Recordings that rules entered."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            if loop.time() - looked > DISK_S:
                looked = loop.time()
                self._look_at_disk()
            try:
                for wanted in await asyncio.to_thread(rows.waiting, self._engine):
                    if wanted.id not in self.running and wanted.user_id is None:
                        await self._begin(wanted)
            except OperationalError as error:
                log.warning("registry away, recordings wait", error=str(error)[:200])
            except Exception:
                log.exception("recordings of rules failed")

    async def _begin(self, wanted: Wanted) -> None:
        now = now_ms()
        reason = LATE if now - wanted.asked_at > LATE_MS else self.no_room()
        if not reason and not self._present(wanted.vehicle_id):
            reason = OFFLINE
        if reason:
            _refused.labels(reason).inc()
            await asyncio.to_thread(rows.over, self._engine, wanted, reason, "", now, [], True)
        else:
            self._run(wanted)

    async def _watch_rights(self) -> None:
        while True:
            await asyncio.sleep(RIGHT_S)
            mine = [each for each in self.running.values() if each.wanted.user_id is not None]
            if not mine:
                continue
            asked = {(each.wanted.user_id or 0, each.wanted.vehicle_id) for each in mine}
            try:
                gone = await asyncio.to_thread(standing.forbidden, self._engine, asked)
            except OperationalError as error:
                log.warning("registry away, rights to record are not known", error=str(error)[:200])
                continue
            except Exception:
                log.exception("rights to record could not be asked")
                continue
            for each in mine:
                if (each.wanted.user_id or 0, each.wanted.vehicle_id) in gone:
                    each.end(FORBIDDEN)

    def _look_at_disk(self) -> None:
        with contextlib.suppress(OSError):
            state = os.statvfs(self.folder)
            self._disk_full = state.f_bavail * state.f_frsize < FREE_MIN
