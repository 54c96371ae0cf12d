"""Recordings on their way to an FTP server: 0x9206, 0x9207 and, at the end, 0x1206 (reference §4.10-4.12, §6.7).

The files are made and sent on threads of their own; a connection that breaks is taken up again where the server has
stopped (SIZE, REST). Without leave for the mobile network a truck waits until it comes to a depot with WiFi.
"""

from __future__ import annotations

import asyncio
import ftplib
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import video
from luwei.simulator import film_file, wire
from luwei.simulator.device_clock import device_time
from luwei.simulator.playback import wanted_of
from luwei.simulator.recordings import Recording

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.terminal import Terminal
    from luwei.simulator.video_unit import VideoUnit

log = structlog.get_logger()

BLOCK = 32_768
RATE = 1_500_000
"""Octets a second of a mobile line."""
TRIES = 6
AGAIN_S = (1.0, 5.0)
TIMEOUT_S = 20.0
DEPOT_S = (20.0, 120.0)
"""How long it takes to where there is WiFi."""
MOBILE = 1 << 2
KEPT = 50
AT_ONCE = 2
"""Tasks of one terminal that run; others wait."""
PAUSE, GO_ON, CANCEL = range(3)
WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED = "waiting", "running", "paused", "done", "failed", "cancelled"


@dataclass(slots=True)
class Task:
    """One 0x9206. ``serial`` is what 0x9207 and 0x1206 call it by."""

    serial: int
    order: video.UploadFiles
    pieces: list[Recording]
    state: str = WAITING
    sent: int = 0
    """Octets that went over the line, those of broken tries among them."""
    names: list[str] = field(default_factory=list)
    """Files that are complete on the server."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    hold: threading.Event = field(default_factory=threading.Event)
    """Set: the thread that sends shall leave off."""
    film: tuple[str, bytes] = ("", b"")
    """Name and content of the file that is being sent."""
    breaks: int = 0
    """How often the line is going to break."""


class _HeldError(Exception):
    """The thread left off because it was told to."""


class FileUploads:
    """The upload tasks of one terminal."""

    def __init__(self, terminal: Terminal, unit: VideoUnit) -> None:
        self._terminal, self._unit = terminal, unit
        self._rng = Random(f"uploads {terminal.truck.vin}")
        self.tasks: dict[int, Task] = {}
        """By serial of their order, the newest last."""
        self.rate = RATE
        """Octets a second; 0: as fast as it goes."""
        self.depot_s = DEPOT_S
        self._new: list[Task] = []
        self._slots: asyncio.Semaphore | None = None
        self.table: dict[int, Callable[[Frame, float], list[Body]]] = {0x9206: self._order, 0x9207: self._control}

    def taken(self) -> list[Coroutine[Any, Any, None]]:
        """Tasks since the last call, to be run."""
        new, self._new = self._new, []
        return [self._carry(task) for task in new]

    def _general(self, frame: Frame, result: int = wire.RESULT_OK) -> list[Body]:
        header, edition = frame.header, self._terminal.truck.edition
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, edition))]

    def _order(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.UploadFiles.decode(frame.body, frame.header.edition)
        try:
            pieces = self._unit.playback.recordings.found(wanted_of(order), now_s)
        except ValueError:
            return self._general(frame, wire.RESULT_WRONG)
        if pieces and not order.storage_type:
            pieces = [piece for piece in pieces if piece.storage == pieces[0].storage]
        serial = frame.header.serial
        known = self.tasks.get(serial)
        if known is not None and known.state in (WAITING, RUNNING, PAUSED):
            return self._general(frame)  # the same order once more
        task = Task(serial, order, pieces, breaks=2 if self._unit.fault.breaks_uploads else 0)
        self.tasks[serial] = task
        while len(self.tasks) > KEPT:
            del self.tasks[next(iter(self.tasks))]
        self._new.append(task)
        return self._general(frame)

    def _control(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.UploadControl.decode(frame.body, frame.header.edition)
        task = self.tasks.get(order.reply_serial)
        if task is None or task.state not in (WAITING, RUNNING, PAUSED):
            return self._general(frame, wire.RESULT_FAILED)
        if order.control > CANCEL:
            return self._general(frame, wire.RESULT_WRONG)
        task.state = {PAUSE: PAUSED, GO_ON: WAITING, CANCEL: CANCELLED}[order.control]
        (task.hold.clear if order.control == GO_ON else task.hold.set)()
        task.changed.set()
        return self._general(frame)

    async def _carry(self, task: Task) -> None:
        """From the order to the end of the last file."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(AT_ONCE)
        try:
            if task.order.conditions and not task.order.conditions & MOBILE:
                await self._rest(task, self._rng.uniform(*self.depot_s))
            async with self._slots:
                await self._upload(task)
        finally:
            task.hold.set()  # a thread that still sends stops with the simulation
        log.debug("upload ended", phone=self._terminal.truck.phone, serial=task.serial, state=task.state)
        if task.state in (DONE, FAILED) and self._unit.fault.tells_end:
            self._tell(task)

    async def _rest(self, task: Task, seconds: float) -> None:
        """Wait, or until an order about the task comes."""
        try:
            async with asyncio.timeout(seconds):
                while task.state != CANCELLED:
                    task.changed.clear()
                    await task.changed.wait()
        except TimeoutError:
            pass

    async def _upload(self, task: Task) -> None:
        for tried in range(TRIES):
            if task.state == PAUSED:
                while task.state == PAUSED:
                    task.changed.clear()
                    await task.changed.wait()
            if task.state == CANCELLED:
                return
            task.state = RUNNING if task.pieces else FAILED
            if task.state == FAILED:
                return
            try:
                await asyncio.to_thread(self._send, task)
            except _HeldError:
                continue
            except (ftplib.error_perm, ValueError) as error:
                log.debug("upload refused", phone=self._terminal.truck.phone, error=str(error))
                task.state = FAILED
                return
            except (OSError, EOFError, ftplib.Error) as error:
                log.debug("upload broken", phone=self._terminal.truck.phone, error=str(error), tried=tried)
                await self._rest(task, self._rng.uniform(*AGAIN_S))
                continue
            task.state, task.film = DONE, ("", b"")
            return
        task.state = FAILED if task.state == RUNNING else task.state

    def _send(self, task: Task) -> None:
        """All files that are not complete, over one connection; called on a thread of its own."""
        order = task.order
        ftp = ftplib.FTP(timeout=TIMEOUT_S)  # noqa: S321  the standard knows nothing else
        try:
            ftp.connect(order.server.strip(), order.port)
            ftp.login(order.user, order.password)
            if order.path.strip("/"):
                ftp.cwd(order.path)
            ftp.voidcmd("TYPE I")
            for piece in task.pieces:
                name = self._name(piece)
                if name not in task.names:
                    if task.film[0] != name:
                        task.film = (name, self._film(task, piece))
                    self._store(ftp, task, *task.film)
                    task.names.append(name)
            ftp.quit()
        finally:
            ftp.close()

    def _film(self, task: Task, piece: Recording) -> bytes:
        wanted = wanted_of(task.order)
        end_s = wanted.end_s if wanted.end_s is not None else float("inf")
        codec = self._unit.fault.codec or self._unit.gear.codec
        return film_file.film(self._terminal.truck.plate, piece, wanted.start_s or 0.0, end_s, codec)

    def _name(self, piece: Recording) -> str:
        times = "_".join(device_time(at_s).replace("-", "").replace(":", "").replace(" ", "")
                         for at_s in (piece.start_s, piece.end_s))  # fmt: skip
        return f"{self._terminal.truck.phone}_{piece.channel:02}_{times}.mp4"

    def _store(self, ftp: ftplib.FTP, task: Task, name: str, data: bytes) -> None:
        try:
            at = min(ftp.size(name) or 0, len(data))
        except ftplib.error_perm:
            at = 0  # the server has no such file
        connection = ftp.transfercmd(f"STOR {name}", at or None)
        try:
            start, begun_s = at, time.monotonic()
            while at < len(data):
                late_s = (at - start) / self.rate - (time.monotonic() - begun_s) if self.rate else 0.0
                if task.hold.wait(late_s) if late_s > 0 else task.hold.is_set():
                    raise _HeldError
                if task.breaks and at and self._rng.random() < 0.3:
                    task.breaks -= 1
                    raise ConnectionResetError("breaks off")
                connection.sendall(data[at : at + BLOCK])
                task.sent += min(BLOCK, len(data) - at)
                at += BLOCK
        except (OSError, _HeldError):
            # a plain close would tell the server that the file ends here
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
        finally:
            connection.close()
        ftp.voidresp()

    def _tell(self, task: Task) -> None:
        """0x1206, as soon as the 808 link is there."""
        edition = self._terminal.truck.edition
        done = video.UploadFinished(reply_serial=task.serial, result=0 if task.state == DONE else 1)
        self._terminal.commands.say_later(0.0, (done.id, done.encode(edition)))
