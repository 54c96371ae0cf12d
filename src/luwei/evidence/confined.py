"""A process of our own for work on what a stranger sent: asked by lines of JSON, killed when it takes too long.

Decoders of pictures and clips are large programs written in C. They run apart, in little memory and with few rights
(each program confines itself, see ``confine``), so that a file that breaks one costs nothing but that file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Any

from luwei.bus.lifeline import PARENT, die_with_parent

START_S = 20.0
ANSWER_MAX = 64 << 10


class TooLong(Exception):
    """The work took longer than it may; the process was ended."""


class Ended(Exception):
    """The work ended the process."""


class Confined:
    """One process, started when first needed and again after a job that was too much for it. One job at a time."""

    def __init__(self, module: str, patience_s: float) -> None:
        """``module`` is run with ``python -m`` and calls ``serve``."""
        self._module = module
        self._patience_s = patience_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer to ``job``. Raises TooLong, Ended, and OSError where no process can be started."""
        async with self._turn:
            process = self._process or await self._start()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                async with asyncio.timeout(self._patience_s):
                    line = await process.stdout.readline()
                answer: dict[str, Any] = json.loads(line)
                return answer
            except TimeoutError:
                await self.stop()
                raise TooLong(f"took longer than {self._patience_s:g} s") from None
            except (ValueError, ConnectionError):
                await self.stop()
                raise Ended("ended the decoder") from None
            except asyncio.CancelledError:
                # Its answer would be taken for that of the next job.
                await self.stop()
                raise

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            limit=ANSWER_MAX, env=os.environ | {PARENT: str(os.getpid())},
        )  # fmt: skip
        # The first line says that the libraries are loaded; that time is no job's.
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                ready = await process.stdout.readline()
        except TimeoutError:
            ready = b""
        if not ready:
            await self.stop()
            raise OSError(f"{self._module} does not start")
        return process

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def confine(memory: int, file_bytes: int) -> None:
    """Take rights from this process: at most ``memory`` bytes of address space, files of at most ``file_bytes``."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)


def serve(load: Callable[[], None], work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The program's loop until the parent closes the pipe: ``load`` the libraries and confine, then answer jobs."""
    die_with_parent()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What a library prints must not come between the answers.
    os.dup2(2, 1)
    load()
    out.write("{}\n")
    out.flush()
    for line in sys.stdin:
        out.write(json.dumps(work(json.loads(line)), ensure_ascii=False) + "\n")
        out.flush()
