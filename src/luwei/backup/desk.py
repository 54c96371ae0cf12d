"""Backups on request: the running core alone has the history open, so it makes them, and says how far it is.

The request comes over the bus (``core.backup``), which like every subject of it is open to the processes of Luwei only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine

from luwei.backup.manifest import BackupError
from luwei.backup.run import back_up
from luwei.bus import Bus, BusAway
from luwei.evidence.store import EvidenceStore
from luwei.history.store import History

log = structlog.get_logger()

SUBJECT = "core.backup"
ASK_S = 5.0
LOOK_S = 0.5


class BackupDesk:
    """One backup at a time, made in a thread of the core."""

    def __init__(self, engine: Engine, history: History, store: EvidenceStore, data: Path) -> None:
        self._stores = (engine, history, store, data)
        self._state: dict[str, Any] = {"state": "none"}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def serve(self, bus: Bus) -> None:
        """Answer requests from now on."""
        await bus.serve(SUBJECT, self.answer)

    async def answer(self, _subject: str, payload: bytes) -> bytes:
        """``{"begin": "/folder"}`` begins one, ``{}`` asks; the answer is the state of the last one."""
        try:
            asked = json.loads(payload or b"{}")
            if isinstance(asked, dict) and "begin" in asked:
                self._begin(Path(str(asked["begin"])))
        except (json.JSONDecodeError, BackupError) as error:
            return json.dumps({"state": "refused", "error": str(error)}).encode()
        return json.dumps(self._state).encode()

    async def stop(self) -> None:
        """End the backup that runs and wait for it: it holds the stores open."""
        self._stopping = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, folder: Path) -> None:
        if self._task is not None and not self._task.done():
            raise BackupError(f"a backup into {self._state['folder']} is running")
        if not folder.is_absolute():
            raise BackupError(f"{folder}: must be an absolute path")
        self._state = {"state": "running", "folder": str(folder), "stage": "history", "done": 0}
        self._task = asyncio.create_task(self._run(folder), name="backup")

    async def _run(self, folder: Path) -> None:
        def progress(stage: str, done: int) -> None:
            if self._stopping:
                raise BackupError("the core is stopping")
            self._state |= {"stage": stage, "done": done}

        try:
            manifest = await asyncio.to_thread(back_up, folder, *self._stores, progress)
        except Exception as error:
            log.exception("backup failed", folder=str(folder))
            self._state |= {"state": "failed", "error": str(error)[:500]}
        else:
            self._state |= {
                "state": "done", "files": len(manifest.files), "bytes": manifest.size, "rows": manifest.history,
                "evidence": manifest.evidence,
            }  # fmt: skip


async def ask(bus_url: str, folder: Path, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Have the running core make a backup into ``folder``; its last state. ``told`` hears every state on the way.

    Raises BackupError when no core answers or it refuses.
    """
    bus = await Bus.connect(bus_url, "backup")
    try:
        state = await _request(bus, {"begin": str(folder)})
        while state["state"] == "running":
            told(state)
            await asyncio.sleep(LOOK_S)
            state = await _request(bus, {})
        if state["state"] != "done":
            raise BackupError(str(state.get("error", state)))
        return state
    finally:
        await bus.close()


async def _request(bus: Bus, asked: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + ASK_S
    while True:
        try:
            answer: dict[str, Any] = json.loads(await bus.request(SUBJECT, json.dumps(asked).encode(), ASK_S))
        except BusAway as error:
            # The line may not be up yet.
            if time.monotonic() > deadline:
                raise BackupError(f"the running core does not answer on the bus: {error}") from None
            await asyncio.sleep(LOOK_S)
        else:
            return answer
