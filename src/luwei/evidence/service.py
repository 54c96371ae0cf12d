"""``luwei evidence serve``: the attachment server 附件服务器, one process with a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
import uvloop
from prometheus_client import Counter as Total
from prometheus_client import Gauge
from sqlalchemy import Engine

from luwei import telemetry
from luwei.bus import Bus
from luwei.evidence import admission, rows
from luwei.evidence.admission import Admitted, Announcement, Policy, Refused
from luwei.evidence.checking import Checker, Examiner
from luwei.evidence.file_server import FileServer
from luwei.evidence.group_commit import GroupCommit
from luwei.evidence.refusals import Refusals, write_refusals
from luwei.evidence.rows import Arrived
from luwei.evidence.sealing import Sealer
from luwei.evidence.session import Session
from luwei.evidence.store import EvidenceStore, Stored, new_key
from luwei.evidence.uploads import Upload, Uploads
from luwei.registry.base import now_ms
from luwei.registry.engine import migrate, open_engine
from luwei.settings import Settings

log = structlog.get_logger()

MIB = 1 << 20
FREE_MIN = 1 << 30
"""Bytes the disk must have left for a new upload to be taken."""
FLUSH_S, SWEEP_S, TIDY_S = 5, 60, 600
KEEP_LOST_MS = 30 * 24 * 3_600_000
"""A part of a file that never came whole lies on the disk for so long after the file was given up."""
TIDY_MOST = 500
LOST_AFTER_MS = 24 * 3_600_000
"""A late file of no open request is lost after so long."""
STOP_S = 3.0
SYNC_THREADS = 8
"""Files forced to the disk at once: the kernel joins them into fewer writes."""
DAY_S = 86_400
STORED_SUBJECT = "evidence.stored"
"""Says on the bus that a file is in the store: {"file", "size", "media_type"}."""

_connections = Gauge("luwei_evidence_connections", "Open connections of the attachment server")
_uploads = Gauge("luwei_evidence_uploads", "Files that some connection brings now")
_bytes = Total("luwei_evidence_bytes_total", "Bytes received")
_noted = Total("luwei_evidence_noted_total", "What was taken though odd", ["reason"])


class AttachmentServer:
    """The parts of one process, wired; ``start`` opens the port, ``run`` serves until ``stop`` is called."""

    def __init__(self, settings: Settings, engine: Engine, store: EvidenceStore, bus: Bus | None = None) -> None:
        self.settings = settings
        self.store = store
        self.commit = GroupCommit(engine)
        self.uploads = Uploads(store.incoming, self._parted)
        self.sealer = Sealer(store, self.commit, self._stored)
        self.checker = Checker(engine, store, self.commit, Examiner())
        self.refusals = Refusals()
        self.port = 0
        self.policy = Policy(
            accept_unexpected=settings.evidence_unexpected == "accept",
            largest=settings.evidence_file_mib * MIB,
            files_per_alarm=settings.evidence_files_per_alarm,
            day_bytes=settings.evidence_day_mib * MIB,
        )
        self._engine = engine
        self._bus = bus
        self._sessions: set[Session] = set()
        self._addresses: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._sent_day = 0
        self._server: asyncio.Server | None = None
        self._stopping = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._full = False
        self._taken = 0
        self._disk = ThreadPoolExecutor(SYNC_THREADS, "disk")

    async def start(self) -> None:
        """Take up what an earlier run left, then open the port. Raises OSError."""
        self.commit.start()
        for file in await asyncio.to_thread(rows.waiting_for_store, self._engine):
            self.sealer.put(file)
        self.sealer.start()
        self.checker.start()
        self._look_at_disk()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self), self.settings.host, self.settings.evidence_port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("attachment server listens", host=self.settings.host, port=self.port)

    def stop(self) -> None:
        """Have ``run`` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until ``stop``, then close the connections, note how far each upload came, and finish."""
        second = 0
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stopping.wait()
            second += 1
            try:
                await self._second(second)
            except Exception:
                log.exception("housekeeping failed")
        await self._end()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.close()
        deadline = time.monotonic() + 1
        while self._sessions and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.uploads.close()
        await self.sealer.stop(STOP_S)
        await self.checker.stop()
        if self._background:
            await asyncio.wait(self._background, timeout=1)
        try:
            # a registry that goes away now must not keep the rest from its end
            async with asyncio.timeout(STOP_S):
                await self._flush_refusals()
        except Exception:
            log.exception("the last refusals are not written down")
        await self.commit.stop()
        self._disk.shutdown(wait=False, cancel_futures=True)
        log.info("attachment server stopped", staged=self.sealer.backlog)

    # What a session asks for

    def opened(self, session: Session) -> bool:
        """Whether a new connection may stay."""
        self._sessions.add(session)
        self._addresses[session.address] += 1
        _connections.set(len(self._sessions))
        limit = self.settings.evidence_connections_per_address
        if self._addresses[session.address] > limit:
            self.refuse(session, "connections_address", f"more than {limit}")
            return False
        return not self._stopping.is_set()

    def closed(self, session: Session) -> None:
        """A connection is gone."""
        self._sessions.discard(session)
        self._addresses[session.address] -= 1
        if not self._addresses[session.address]:
            del self._addresses[session.address]
        _connections.set(len(self._sessions))
        _uploads.set(len(self.uploads))

    async def announce(self, session: Session, said: Announcement) -> Admitted | Refused:
        """Decide on a 0x1210; returns once what was admitted is in the registry."""
        if self._full:
            return Refused("disk_full", f"less than {FREE_MIN} bytes are left")
        limit = self.settings.evidence_connections_per_terminal
        if sum(1 for other in self._sessions if other.phone == said.phone) >= limit + (session.phone == said.phone):
            return Refused("connections_terminal", f"more than {limit}")
        answer = await self.commit.run(lambda connection: admission.admit(connection, said, self.policy))
        _uploads.set(len(self.uploads))
        return answer

    async def resize(self, upload: Upload, size: int) -> Refused | None:
        """Note another size than was announced, or say why it may not be."""
        return await self.commit.run(
            lambda connection: admission.resize(connection, upload.id, size, now_ms(), self.policy)
        )

    async def finish(self, upload: Upload) -> None:
        """All bytes are here: force them to the disk and note it. Raises OSError."""
        if upload.finishing is None:
            upload.finishing = asyncio.ensure_future(self._finish(upload))
            upload.finishing.add_done_callback(partial(self._finished, upload))
        await asyncio.shield(upload.finishing)

    async def _finish(self, upload: Upload) -> None:
        staged = self.uploads.staged(upload)
        size = staged.size
        await asyncio.get_running_loop().run_in_executor(self._disk, staged.force)
        if size != upload.size or not staged.whole:
            return  # announced anew meanwhile
        key = await self.commit.run(
            lambda connection: rows.arrived(connection, upload.id, new_key(), size, upload.kind)
        )
        self.uploads.settle(upload)
        self.sealer.put(Arrived(upload.id, upload.key, key, size))

    def _finished(self, upload: Upload, outcome: asyncio.Future[None]) -> None:
        if not outcome.cancelled() and (error := outcome.exception()) is not None:
            log.error("upload could not be finished", file=upload.id, error=str(error))
        self.uploads.finished(upload)

    def refuse(self, session: Session, reason: str, detail: str = "") -> None:
        """Count what is not taken."""
        self.refusals.count(reason, session.phone, session.address, detail)
        log.info("refused", reason=reason, phone=session.phone, address=session.address, detail=detail[:200])

    def note(self, reason: str) -> None:
        """Count what is taken though odd."""
        _noted.labels(reason).inc()

    def took(self, session: Session, size: int) -> None:
        """Bytes came."""
        self._taken += size
        limit = self.settings.evidence_address_day_mib * MIB
        if limit:
            self._sent[session.address] += size
            if self._sent[session.address] > limit:
                self.refuse(session, "quota_address", f"more than {limit} bytes a day")
                session.close()

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return now_ms()

    # Housekeeping

    async def _second(self, second: int) -> None:
        _bytes.inc(self._taken)
        self._taken = 0
        limit = asyncio.get_running_loop().time() - self.settings.evidence_idle_s
        for session in list(self._sessions):
            if session.heard < limit and not session.waiting:
                self.refuse(session, "idle", f"{self.settings.evidence_idle_s} s without a byte")
                session.close()
        if int(time.time()) // DAY_S != self._sent_day:
            self._sent_day = int(time.time()) // DAY_S
            self._sent.clear()
        if second % FLUSH_S == 0:
            self._look_at_disk()
            await self._flush_refusals()
        if second % SWEEP_S == 1:
            at = now_ms()
            late, lost = at - self.settings.evidence_late_min * 60_000, at - LOST_AFTER_MS
            await self.commit.run(lambda connection: (rows.overdue(connection, late), rows.given_up(connection, lost)))
        if second % TIDY_S == 2:
            await self.tidy(now_ms())

    async def tidy(self, at: int) -> int:
        """Throw away what came of files that are lost since long; how many. Else the disk would fill with them."""
        found = await asyncio.to_thread(rows.leftovers, self._engine, at - KEEP_LOST_MS, TIDY_MOST)
        # on the loop: a connection that brings one of them after all cannot come in between
        gone = [each.id for each in found if self.uploads.throw_away(each.upload)]
        if gone:
            await self.commit.run(lambda connection: rows.thrown_away(connection, gone))
            log.info("parts of lost files thrown away", files=len(gone))
        return len(gone)

    async def _flush_refusals(self) -> None:
        if not self.refusals or self.commit.away:
            return
        taken = self.refusals.take()
        try:
            await self.commit.run(lambda connection: write_refusals(connection, taken))
        except Exception:
            self.refusals.restore(taken)
            raise

    def _look_at_disk(self) -> None:
        with contextlib.suppress(OSError):
            state = os.statvfs(self.store.incoming)
            self._full = state.f_bavail * state.f_frsize < FREE_MIN

    def _parted(self, upload: Upload) -> None:
        """The last connection of an unfinished upload ended."""
        received, size, kind = upload.received, upload.size, upload.kind
        self._later(self.commit.run(lambda connection: rows.progress(connection, upload.id, received, size, kind)))

    async def _stored(self, file: int, stored: Stored) -> None:
        self.checker.wake()
        if self._bus is not None:
            news = {"file": file, "size": stored.size, "media_type": stored.media_type}
            await self._bus.publish(STORED_SUBJECT, json.dumps(news).encode())

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def health(self) -> dict[str, Any]:
        """For /health: ``ok`` while uploads are taken and stored."""
        return {
            "ok": self._server is not None and not (self._full or self.commit.away or self.sealer.trouble),
            "process": "evidence",
            "port": self.port,
            "connections": len(self._sessions),
            "uploads": len(self.uploads),
            "sealing": self.sealer.backlog,
            "disk_full": self._full,
            "registry_away": self.commit.away,
            "store": self.sealer.trouble or "ok",
            "refused": dict(self.refusals.totals),
        }


def raise_descriptor_limit() -> None:
    """An upload holds three descriptors: take what the system grants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(settings: Settings) -> None:
    """Run the server until SIGTERM or SIGINT."""
    raise_descriptor_limit()
    engine = open_engine(settings.registry_url)
    await asyncio.to_thread(migrate, engine)
    store = EvidenceStore.open(settings.evidence, settings.data)
    bus = await Bus.connect(settings.bus_url, "evidence")
    server = AttachmentServer(settings, engine, store, bus)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.start()

    def wake() -> None:
        loop.call_soon_threadsafe(server.checker.wake)

    files = await asyncio.to_thread(FileServer, settings, engine, store, server.refusals, wake)
    await asyncio.to_thread(files.start)
    stop_telemetry = telemetry.serve(
        settings.host, settings.evidence_status_port, lambda: _with_files(server.health(), files.health())
    )
    try:
        await server.run()
    finally:
        stop_telemetry()
        await asyncio.to_thread(files.stop)
        await bus.drain()
        engine.dispose()


def _with_files(health: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
    return health | {"ok": health["ok"] and files["ok"], "ftp": files}


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when a port is taken and ValueError for a malformed URL."""
    telemetry.configure_logging("evidence")
    uvloop.run(serve(settings))
