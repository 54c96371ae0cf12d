"""Plates by vehicle id, kept for a minute: a thousand screens ask for the same few trucks each second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from sqlalchemy import Engine

from luwei.registry.fleet import fleet_rows

KEPT_S = 60.0
KEPT_MAX = 20_000


class Plates:
    """Plate and colour of the vehicles asked for lately."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[int, tuple[str, int]] = {}
        self._read_at = 0.0

    async def of(self, vehicles: Iterable[int]) -> dict[int, tuple[str, int]]:
        """Those of ``vehicles`` that are in the registry, and others."""
        now = time.monotonic()
        if now - self._read_at > KEPT_S or len(self._known) > KEPT_MAX:
            self._known, self._read_at = {}, now
        missing = sorted({key for key in vehicles if key not in self._known})
        if missing:
            rows = await asyncio.to_thread(fleet_rows, self._engine, missing)
            found = zip(rows.plate, rows.plate_color.tolist(), strict=True)
            self._known |= dict(zip(rows.id.tolist(), found, strict=True))
        return self._known
