"""First and last contact of trucks: follows what the live state heard, and writes when that says something new.

A truck costs a write when it is heard first, when it has been silent for a day, and when it comes back. The registry is
the truth; after a restart the follower reads it and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog
from prometheus_client import Counter
from sqlalchemy import Engine, bindparam, insert, select, update
from sqlalchemy.exc import OperationalError

from luwei.history.store import HistoryError
from luwei.registry.base import now_ms
from luwei.registry.contact import VehicleContact
from luwei.registry.engine import read, write

log = structlog.get_logger()

Query = Callable[..., pa.Table]
Ints = npt.NDArray[np.int64]

DAY_MS = 86_400_000
EVERY_S = 30.0
AT_ONCE = 2_000
UNKNOWN, HEARD = -1, 0
"""Of a truck that the registry has no row of; of one that was heard within a day. Above: when it was heard last."""

_written = Counter("luwei_installation_contacts_total", "Contacts of trucks written down", ["sort"])


class ContactFollower:
    """Owner of ``vehicle_contact``; lives in the core. ``heard`` gives the receipt of each truck's last location by its
    id (UTC ms, 0 never), ``query`` asks the history."""

    def __init__(self, engine: Engine, heard: Callable[[], Ints], query: Query) -> None:
        self._engine = engine
        self._heard = heard
        self._query = query
        self._known: Ints | None = None
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""

    async def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="contacts")

    async def stop(self) -> None:
        """Do nothing more; the next start reads the registry."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def health(self) -> dict[str, Any]:
        """State for /health."""
        return {"ok": not self._trouble, "error": self._trouble}

    async def _run(self) -> None:
        while True:
            try:
                # a copy: the event loop goes on changing the arrays
                await asyncio.to_thread(self.follow, self._heard().copy(), now_ms())
                self._trouble = ""
            except (OperationalError, HistoryError) as error:
                self._known = None
                self._trouble = "registry or history away"
                log.warning("contacts wait", error=str(error)[:300])
            except Exception as error:
                self._known = None
                self._trouble = f"{type(error).__name__}: {error}"[:300]
                log.exception("contacts failed")
            await asyncio.sleep(EVERY_S)

    def follow(self, heard: Ints, now: int) -> int:
        """Write what is new as of ``now``; how many trucks. Blocks. Raises HistoryError."""
        known = self._read(len(heard))
        limit = now - DAY_MS
        fresh = np.flatnonzero((heard > 0) & (known == UNKNOWN))
        gone = np.flatnonzero((known == HEARD) & (heard > 0) & (heard <= limit))
        back = np.flatnonzero((known > HEARD) & (heard > limit))
        for start in range(0, len(fresh), AT_ONCE):
            self._enter(fresh[start : start + AT_ONCE].tolist(), heard, limit)
        self._mark(gone, heard[gone])
        self._mark(back, np.zeros(len(back), np.int64))
        for sort, keys in (("first", fresh), ("silent", gone), ("back", back)):
            _written.labels(sort).inc(len(keys))
        return len(fresh) + len(gone) + len(back)

    def _read(self, size: int) -> Ints:
        if self._known is None:
            with read(self._engine) as connection:
                rows = connection.execute(select(VehicleContact.vehicle_id, VehicleContact.silent_at)).all()
            known = np.full(max(size, max((row[0] for row in rows), default=0) + 1), UNKNOWN, np.int64)
            for key, silent_at in rows:
                known[key] = silent_at or HEARD
            self._known = known
        if len(self._known) < size:
            self._known = np.concatenate((self._known, np.full(size - len(self._known), UNKNOWN, np.int64)))
        return self._known[:size]

    def _enter(self, keys: Sequence[int], heard: Ints, limit: int) -> None:
        """First contacts: when, says the history; where it has forgotten, what the live state knows."""
        found = self._query("first_received", vehicles=list(keys)).to_pylist()
        first = {row["vehicle_id"]: row["first_at"] for row in found}
        with write(self._engine) as connection:
            mine = select(VehicleContact.vehicle_id).where(VehicleContact.vehicle_id.in_(keys))
            there = set(connection.scalars(mine))  # a merge may have brought a row
            rows = [
                {
                    "vehicle_id": key, "first_at": min(first.get(key, int(heard[key])), int(heard[key])),
                    "silent_at": int(heard[key]) if heard[key] <= limit else None,
                }
                for key in keys
                if key not in there
            ]  # fmt: skip
            if rows:
                connection.execute(insert(VehicleContact), rows)
        assert self._known is not None
        for key in keys:
            self._known[key] = int(heard[key]) if heard[key] <= limit else HEARD

    def _mark(self, keys: Ints, silent: Ints) -> None:
        """``silent`` 0: heard again."""
        statement = (
            update(VehicleContact)
            .where(VehicleContact.vehicle_id == bindparam("key"))
            .values(silent_at=bindparam("silent"))
        )
        pairs = [
            {"key": key, "silent": at or None} for key, at in zip(keys.tolist(), silent.tolist(), strict=True)
        ]  # fmt: skip
        for start in range(0, len(pairs), AT_ONCE):
            with write(self._engine) as connection:
                connection.execute(statement, pairs[start : start + AT_ONCE])
        assert self._known is not None
        self._known[keys] = silent
