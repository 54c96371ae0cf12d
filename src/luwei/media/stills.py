"""Stills 快照: JPEGs of key pictures, made by the developer's process (``luwei.media.developing``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable

import structlog

from luwei.bus.lifeline import PARENT
from luwei.media.developing import ANSWER, H264_CODE, H265_CODE, REQUEST
from luwei.media.output import byte_stream
from luwei.protocol.jt1078.nal import H264
from luwei.protocol.jt1078.video import Picture

log = structlog.get_logger()

PATIENCE_S = 5.0
START_S = 20.0
WAITING_MAX = 16
"""Pictures that wait to be developed; more are refused."""
JPEG_MAX = 8 << 20


class Stills:
    """The developer, started when first needed and again whenever a picture was too much for it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, picture: Picture, done: Callable[[bytes], None]) -> None:
        """Give ``done`` the JPEG, or nothing."""

        async def work() -> None:
            done(await self.develop(picture))

        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def develop(self, picture: Picture) -> bytes:
        """The JPEG of a key picture; nothing where it cannot be decoded or too many wait."""
        if self._waiting >= WAITING_MAX:
            return b""
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(picture)
        except OSError as error:
            log.warning("no stills", error=str(error)[:200])
            return b""
        finally:
            self._waiting -= 1

    async def _ask(self, picture: Picture) -> bytes:
        data = byte_stream(picture)
        codec = H264_CODE if picture.configuration.codec == H264 else H265_CODE
        patience = PATIENCE_S if self._process is not None else START_S
        process = self._process or await self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(patience):
                process.stdin.write(REQUEST.pack(codec, len(data)) + data)
                await process.stdin.drain()
                (size,) = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
                return await process.stdout.readexactly(size) if size <= JPEG_MAX else b""
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            await self.stop()
            return b""
        except asyncio.CancelledError:
            # its picture would be taken for that of the next stream
            await self.stop()
            raise

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "luwei.media.developing",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | {PARENT: str(os.getpid())},
        )  # fmt: skip
        return self._process

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
