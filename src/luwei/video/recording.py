"""One recording under way: a viewer of the stream of its own, whose fragments go to the disk as they come.

It keeps the stream open though no person looks. A part ends where the stream's configuration changes or its line was
lost, and after a length; the next one begins with a key picture. What stops a part from being written (a registry that
is away, a slow disk) costs pictures, which are noted as a gap, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from luwei.media.orders import AUDIO_TRACK, BINARY
from luwei.registry.base import now_ms
from luwei.video import record_rows as rows
from luwei.video import upstream
from luwei.video.limits import QuotaExceeded
from luwei.video.record_file import RecordFile, span_of
from luwei.video.record_rows import Gap, Part, Wanted
from luwei.video.tickets import Place, Ticket
from luwei.video.upstream import Upstream, Viewing
from luwei.video.view_line import LineBroken, Lines, ViewLine

log = structlog.get_logger()

FORMATS = ["fmp4-h264", "fmp4-h265"]
NO_PICTURE_S = 60.0
FLUSH_S, SYNC_S = 0.2, 1.0
CLOCK_S = 0.2
WAITING_MAX = 8 << 20
"""Bytes that may wait for the disk."""
GAP_MS = 2_000
PART_BYTES = 256 << 20
RETRY_S = 1.0
BREAK_S = 0.1
"""After a line to a node that ended: the next one tells whether the node is there."""

STOPPED, LIMIT, FORBIDDEN, ENDED, NO_PICTURE, UNSUPPORTED = (
    "stopped", "limit", "forbidden", "ended", "no_picture", "unsupported",
)  # fmt: skip
DISK_FULL, RECORD_DISK, INTERRUPTED, FAILED = "disk_full", "record_disk", "interrupted", "failed"
END, LENGTH, CHANGED, LOST, RESTART = "end", "length", "changed", "lost", "restart"
"""Why a part ends."""

T = TypeVar("T")


class Desk(Protocol):
    """What a recording needs of the video desk."""

    async def open(
        self, vehicle_id: int, phone: str, channel: int, quality: str, purpose: str, actor: Any, user_id: int,
        peer: str = "",
    ) -> Ticket: ...  # fmt: skip

    def redeem(self, ticket: str, viewing_id: str, user_id: int) -> Viewing: ...

    def leave(self, viewing: Viewing) -> None: ...

    async def place(self, viewing: Viewing, formats: list[str], audio: bool) -> Place | None: ...

    async def open_line(self, viewing: Viewing, place: Place) -> ViewLine: ...

    lines: Lines

    async def pay_for(self, stream: Upstream) -> None: ...


class Host(Protocol):
    """What a recording needs of its recorder."""

    folder: Path
    part_s: float

    def full(self) -> str: ...

    def seal(self, part: Part) -> None: ...


class Recording:
    """Runs until it is over; ``end`` ends it. A cancelled one is taken up by the next start of the core."""

    def __init__(self, engine: Engine, desk: Desk, host: Host, wanted: Wanted, peer: str = "", since: int = 0) -> None:
        """``since``: the last picture before the core was away (UTC ms); 0 for a new one."""
        self.wanted = wanted
        self.pictures = self.octets = 0
        """Since this run began, for people to see."""
        self.gaps: list[Gap] = list(wanted.gaps)
        self.reason = self.detail = ""
        self._engine = engine
        self._desk = desk
        self._host = host
        self._peer = peer
        self._began = now_ms()
        self._over = asyncio.Event()
        self._viewing: Viewing | None = None
        self._writing, self._taking = asyncio.Lock(), asyncio.Lock()
        self._file: RecordFile | None = None
        self._part: Part | None = None
        self._video = bytearray()
        self._sound = bytearray()
        self._opened: dict[str, Any] = {}
        self._video_init = self._sound_init = b""
        self._fresh = self._sounding = self._split = False
        """The next fragment begins a part; this part has sound; sound of another coding came."""
        self._last_at, self._gap = since, "restart" if since else ""
        self._lost_before = self._part_octets = 0

    def end(self, reason: str, detail: str = "") -> None:
        """Record no more; the first reason counts."""
        if not self._over.is_set():
            self.reason, self.detail = reason, detail
            self._over.set()

    async def run(self) -> None:
        """Raises nothing but CancelledError; it is over when this returns."""
        tasks: list[asyncio.Task[None]] = []
        refused = False
        try:
            viewing = self._viewing = await self._patiently(self._join)
            works = (self._relay(viewing), self._flush_often(), self._keep_time(viewing.upstream))
            tasks = [asyncio.create_task(self._guarded(work), name=f"record {self.wanted.id}") for work in works]
            await self._over.wait()
            await self._taking.acquire()  # what is in hand is recorded, and nothing after it
        except QuotaExceeded as exceeded:
            refused = self.wanted.started_at is None
            self.end(str(exceeded))
        except asyncio.CancelledError:
            await self._let_go(tasks)
            raise
        except Exception as error:
            log.exception("recording cannot begin", record=self.wanted.id)
            self.end(FAILED, f"{type(error).__name__}: {error}"[:200])
        await self._let_go(tasks)
        await self._close_part(END)
        now = now_ms()
        if self.wanted.started_at and self._last_at and now - self._last_at > GAP_MS:
            self.gaps.append(Gap(self._last_at, now, self._gap or "no_data"))
        await self._insist(
            lambda: rows.over(self._engine, self.wanted, self.reason, self.detail, now, self.gaps, refused)
        )

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except OSError as error:
            self.end(DISK_FULL, str(error)[:200])
        except Exception as error:
            log.exception("recording failed", record=self.wanted.id)
            self.end(FAILED, f"{type(error).__name__}: {error}"[:200])

    async def _let_go(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._viewing is not None:
            self._desk.leave(self._viewing)
        with contextlib.suppress(OSError):
            await self._flush()
            if self._file is not None:
                await asyncio.to_thread(self._file.close)

    async def _join(self) -> Viewing:
        wanted = self.wanted
        ticket = await self._desk.open(
            wanted.vehicle_id, wanted.phone, wanted.channel, wanted.stream, wanted.purpose, wanted.actor, 0, self._peer
        )
        ticket.viewing.records = True
        return self._desk.redeem(ticket.value, ticket.viewing.id, 0)

    # From the node

    async def _relay(self, viewing: Viewing) -> None:
        stream = viewing.upstream
        while (place := await self._desk.place(viewing, FORMATS, True)) is not None:
            try:
                line = await self._desk.open_line(viewing, place)
            except (OSError, TimeoutError):
                pass  # another node takes it
            else:
                await self._from_node(line)
                await asyncio.sleep(BREAK_S)
            self._gap = self._gap or ("slow" if viewing.slow else "line")
            viewing.slow = False
        self.end(ENDED, stream.reason)

    async def _from_node(self, line: ViewLine) -> None:
        """Until it breaks, or the node has said its last word."""
        try:
            while True:
                kind, payload = await line.read()
                if kind == BINARY:
                    await self._take(payload[:1], payload[1:])
                elif self._text(msgspec.json.decode(payload)):
                    return
        except LineBroken:
            return
        finally:
            self._desk.lines.close(line)

    def _text(self, message: dict[str, Any]) -> bool:
        """Whether it was the node's last word."""
        kind = message.get("kind")
        if kind == "open" and message.get("track") == "video":
            self._opened = message
        elif kind == "skipped":
            self._gap = "slow"
        elif kind == "unsupported":
            self.end(UNSUPPORTED, str(message.get("codec", "")))
        return bool(kind == "ended")

    async def _take(self, track: bytes, data: bytes) -> None:
        async with self._taking:
            await self._sort_in(track, data)

    async def _sort_in(self, track: bytes, data: bytes) -> None:
        begins = data[4:8] == b"ftyp"
        if track == AUDIO_TRACK:
            self._hear(data, begins)
        elif begins:
            if data == self._video_init:
                # the same pictures on a new time line: the terminal came back
                self._gap = self._gap or "line"
            self._video_init, self._fresh = data, True
        else:
            await self._see(data)
        if len(self._video) + len(self._sound) > WAITING_MAX:
            await self._flush()

    def _hear(self, data: bytes, begins: bool) -> None:
        if begins:
            if self._sounding and data != self._sound_init:
                self._split = True
            self._sound_init = data
        elif self._part is not None and self._sound_init and not self._split:
            if not self._sounding:
                self._sounding = True
                self._sound += self._sound_init
            self._sound += data

    async def _see(self, data: bytes) -> None:
        span = span_of(data)
        if span is None or self._over.is_set():
            return
        now = now_ms()
        if self._part is None or self._fresh:
            if not span.key:
                return
            await self._begin_part(now - (span.end - span.start), CHANGED if not self._gap else LOST)
        elif span.key and self._long(now):
            await self._begin_part(now, CHANGED if self._split else LENGTH)
        self._note_gap(now)
        self._last_at = now
        self._video += data
        self.pictures += span.samples
        self.octets += len(data)
        self._part_octets += len(data)

    def _long(self, now: int) -> bool:
        part = self._part
        assert part is not None
        return self._split or now - part.started_at >= self._host.part_s * 1000 or self._part_octets >= PART_BYTES

    def _note_gap(self, now: int) -> None:
        cause, self._gap = self._gap, ""
        if self._last_at and (cause or now - self._last_at > GAP_MS):
            self.gaps.append(Gap(self._last_at, now, cause or "no_data"))

    # To the disk

    async def _begin_part(self, at: int, cause: str) -> None:
        await self._close_part(cause)
        opened = self._opened
        codec, size = str(opened.get("codec", "")), (int(opened.get("width", 0)), int(opened.get("height", 0)))
        part = await self._insist(lambda: rows.open_part(self._engine, self.wanted.id, at, codec, *size))
        if self.wanted.started_at is None:
            self.wanted.started_at = now_ms()
            started = self.wanted.started_at
            await self._insist(lambda: rows.begun(self._engine, self.wanted.id, started))
        async with self._writing:
            self._part = part
            self._file = RecordFile(self._host.folder, part.record_id, part.number)
            self._video, self._sound = bytearray(self._video_init), bytearray()
            self._fresh = self._sounding = self._split = False
            self._lost_before = self._lost()
            self._part_octets = 0

    async def _close_part(self, cause: str) -> None:
        part = self._part
        if part is None:
            return
        await self._flush()
        async with self._writing:
            if self._file is not None:
                await asyncio.to_thread(self._file.close)
            self._file = None
        lost, at = max(0, self._lost() - self._lost_before), self._last_at or now_ms()
        await self._insist(lambda: rows.close_part(self._engine, part.id, at, cause, lost))
        # only now: where this was broken off, the recording's end does it again
        self._part = None
        self._host.seal(part)

    def _lost(self) -> int:
        report = self._viewing.upstream.report if self._viewing is not None else None
        return report.lost if report is not None else 0

    async def _flush_often(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SYNC_S
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush()
            if loop.time() >= due:
                due = loop.time() + SYNC_S
                async with self._writing:
                    if self._file is not None:
                        await asyncio.to_thread(self._file.sync)

    async def _flush(self) -> None:
        async with self._writing:
            if self._file is None or not (self._video or self._sound):
                return
            pictures, sound = bytes(self._video), bytes(self._sound)
            self._video.clear()
            self._sound.clear()
            await _whole(asyncio.to_thread(self._file.write, pictures, sound))

    async def _insist(self, work: Callable[[], T]) -> T:
        """Do it in a thread, to its end, until the registry is there."""
        return await self._patiently(lambda: _whole(asyncio.to_thread(work)))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until the registry is there."""
        while True:
            try:
                return await work()
            except OperationalError as error:
                log.warning("registry away, a recording waits", record=self.wanted.id, error=str(error)[:200])
                await asyncio.sleep(RETRY_S)

    # Time

    async def _keep_time(self, stream: Upstream) -> None:
        while not self._over.is_set():
            await self._desk.pay_for(stream)
            now, started = now_ms(), self.wanted.started_at
            if started is None and now - self._began > NO_PICTURE_S * 1000:
                self.end(NO_PICTURE, stream.reason or upstream.NO_DATA)
            elif started is not None and now >= started + self.wanted.seconds * 1000:
                self.end(LIMIT)
            elif full := self._host.full():
                self.end(full)
            await asyncio.sleep(CLOCK_S)


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end also where this is cancelled: what was taken out of memory must reach the disk, in its order."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
