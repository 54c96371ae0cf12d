"""Viewing copies of clips, made when somebody looks and kept for as long as a player may ask for another range.

A copy belongs to one viewer, one file and one purpose, since it bears them. It lies in the folder of what is not
complete, which no backup takes along, and is made anew after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from luwei.evidence.confined import Confined, Ended, TooLong
from luwei.evidence.store import EvidenceStore

KEEP_S = 900.0
KEPT_BYTES_MAX = 1 << 30
PATIENCE_S = 150.0
"""A part of a recording in HD takes more than a minute on a busy machine."""
WAITING_MAX = 32
"""Copies asked for and not made yet; who asks beyond that tries again."""
WAITING_OF_ONE = 4
"""Of one viewer: copies are made one after the other, and others wait behind his."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose copy of what: ``key`` is that of the store."""

    key: str
    media_type: str
    viewer: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is there."""

    path: Path
    size: int
    made_at: float
    ends_ms: int | None = None
    """How long it is, where the original goes on behind it: it has ``clip_copy.FRAMES_MAX`` pictures at most."""


class Crowded(Exception):
    """Too many copies are being made, or too many for this viewer."""


class Unplayable(Exception):
    """The original cannot be decoded; says why."""


class ClipCopies:
    """Makes copies one after the other in a confined process and keeps the latest."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self._folder = store.incoming / "copies"
        self._process = Confined("luwei.evidence.clip_copy", PATIENCE_S)
        self._kept: OrderedDict[Wish, Copy] = OrderedDict()
        self._making: dict[Wish, asyncio.Task[Copy]] = {}

    async def start(self) -> None:
        """Throw away what an earlier process left."""
        await asyncio.to_thread(self._sweep)

    async def stop(self) -> None:
        """End the process and every copy under way."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._process.stop()

    async def get(self, wish: Wish, moment: str) -> Copy:
        """The copy, made now with ``moment`` on it where there is none. Raises Crowded, Unplayable, OSError."""
        self._forget()
        if (kept := self._kept.get(wish)) is not None:
            return kept
        task = self._making.get(wish)
        if task is None:
            theirs = sum(each.viewer == wish.viewer for each in self._making)
            if len(self._making) >= WAITING_MAX or theirs >= WAITING_OF_ONE:
                raise Crowded
            task = self._making[wish] = asyncio.create_task(self._make(wish, moment), name="viewing copy")
            task.add_done_callback(lambda _: self._making.pop(wish, None))
        # One viewer who goes away does not take the copy from another request for the same.
        return await asyncio.shield(task)

    async def _make(self, wish: Wish, moment: str) -> Copy:
        out = self._folder / f"{secrets.token_hex(16)}.mp4"
        original, fetched = self._store.local_path(wish.key), None
        try:
            if original is None:
                original = fetched = out.with_suffix(".original")
                await asyncio.to_thread(_fetch, self._store, wish.key, fetched)
            elif not await asyncio.to_thread(original.exists):
                raise FileNotFoundError(wish.key)
            answer = await self._process.ask(
                {
                    "path": str(original), "media_type": wish.media_type, "out": str(out), "viewer": wish.viewer,
                    "moment": moment, "purpose": wish.purpose,
                }
            )  # fmt: skip
        except (TooLong, Ended) as error:
            answer = {"cause": str(error)}
        finally:
            if fetched is not None:
                fetched.unlink(missing_ok=True)
        if "cause" in answer:
            out.unlink(missing_ok=True)
            raise Unplayable(str(answer["cause"]))
        copy = self._kept[wish] = Copy(
            out, out.stat().st_size, time.monotonic(), int(answer["ms"]) if answer["cut"] else None
        )
        return copy

    def _forget(self) -> None:
        """Drop copies that are old, or the oldest where they take too much room."""
        limit = time.monotonic() - KEEP_S
        room = sum(copy.size for copy in self._kept.values())
        while self._kept:
            wish, copy = next(iter(self._kept.items()))
            if copy.made_at > limit and room <= KEPT_BYTES_MAX:
                return
            del self._kept[wish]
            room -= copy.size
            copy.path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.iterdir():
            with contextlib.suppress(OSError):
                left.unlink()


def _fetch(store: EvidenceStore, key: str, path: Path) -> None:
    with path.open("wb") as file:
        for piece in store.open_range(key):
            file.write(piece)
