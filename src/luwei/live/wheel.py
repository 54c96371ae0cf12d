"""Who is at the wheel: the reports of drivers' cards (0x0702) out of the history into spans of the registry.

The history has every report exactly once, but a report may come late: the gateway or the ingest stood still, or the
terminal was out of reach. So the last minutes are read again and again, and some days each hour and at the start. What
is read again is written down again and says the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any

import pyarrow as pa
import structlog
from prometheus_client import Counter
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import OperationalError

from luwei.history.store import HistoryError
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import time_value
from luwei.protocol.jt808.messages.driver import DriverCard, DriverIdentity, EarlyDriver
from luwei.registry.base import now_ms
from luwei.registry.binding import WHEEL, Binding
from luwei.registry.engine import read, write
from luwei.registry.vehicle import Vehicle
from luwei.registry.wheel import Card, write_down

log = structlog.get_logger()

POLL_S = 15.0
AGAIN_MS = 600_000
"""So much of the last minutes is read at each turn."""
SWEEP_S = 3_600.0
SWEEP_MS = 3 * 86_400_000
AT_ONCE = 20_000
"""Vehicles of a sweep that are read together."""
VEHICLES_AT_ONCE = 2_000
EARLY_MS, LATE_MS = 600_000, 7 * 86_400_000
"""A terminal's own time further from the receipt than that is no time."""
CHINA_MS = 8 * 3_600_000

_spans = Counter("luwei_wheel_spans_total", "Times at the wheel that were written down")

Query = Callable[..., pa.Table]


class WheelWatch:
    """The only writer of who was at the wheel; lives in one process."""

    def __init__(self, engine: Engine, query: Query, keep_days: int) -> None:
        """``query`` runs a query of the history; spans older than ``keep_days`` are forgotten with its facts."""
        self._engine = engine
        self._query = query
        self._keep_ms = keep_days * 86_400_000
        self._seen: dict[tuple[int, int], int] = {}
        self._swept_at = 0
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run(), name="wheel")

    async def stop(self) -> None:
        """Do nothing more; what was not read yet is read at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def health(self) -> dict[str, Any]:
        """State for /health."""
        return {"ok": not self._trouble, "error": self._trouble}

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.turn, now_ms())
                self._trouble = ""
            except (HistoryError, OperationalError) as error:
                self._trouble = f"a store is away: {error}"[:300]
                log.warning("drivers' cards wait for a store", error=str(error)[:300])
            except Exception as error:
                self._trouble = f"{type(error).__name__}: {error}"[:300]
                log.exception("drivers' cards not read")
            await asyncio.sleep(POLL_S)

    def turn(self, now: int) -> None:
        """Read what is new, and each hour what may have come late. Blocks; raises HistoryError, OperationalError."""
        if now - self._swept_at > SWEEP_S * 1000:
            self._sweep(now)
            self._swept_at = now
        start = now - AGAIN_MS
        table = self._query("driver_cards", start=start, low=0, high=2**32 - 1, vehicles=[])
        fresh: dict[int, int] = {}
        for key, (vehicle, card) in zip(_keys(table), _cards(table), strict=True):
            if key not in self._seen:
                self._seen[key] = key[1]
                fresh[vehicle] = min(fresh.get(vehicle, card.at), card.at)
        self._seen = {key: at for key, at in self._seen.items() if at >= start}
        vehicles = sorted(fresh)
        for place in range(0, len(vehicles), VEHICLES_AT_ONCE):
            part = vehicles[place : place + VEHICLES_AT_ONCE]
            since = min(fresh[key] for key in part)
            self._write(self._read(since, 0, 2**32 - 1, part), {key: fresh[key] for key in part})

    def _sweep(self, now: int) -> None:
        with write(self._engine) as connection:
            connection.execute(delete(Binding).where(Binding.what == WHEEL, Binding.to_at < now - self._keep_ms))
            newest = connection.scalar(select(func.max(Binding.from_at)).where(Binding.what == WHEEL)) or 0
        with read(self._engine) as connection:
            most = connection.scalar(select(func.max(Vehicle.id))) or 0
        since = now - SWEEP_MS
        if not self._swept_at:
            # After a long stand-still from where it stopped; a first start reads everything there is.
            since = max(now - self._keep_ms, min(since, newest - SWEEP_MS))
        for low in range(0, most + 1, AT_ONCE):
            self._write(self._read(since, low, low + AT_ONCE, []), {})

    def _read(self, since: int, low: int, high: int, vehicles: list[int]) -> dict[int, list[Card]]:
        """Cards by vehicle that were put in or pulled out since then, by the terminal's own time."""
        table = self._query("driver_cards", start=since - EARLY_MS, low=low, high=high, vehicles=vehicles)
        found: dict[int, list[Card]] = {}
        for vehicle, card in _cards(table):
            if card.at >= since:
                found.setdefault(vehicle, []).append(card)
        return found

    def _write(self, cards: dict[int, list[Card]], since: dict[int, int]) -> None:
        told = {key: [card for card in each if card.at >= since.get(key, 0)] for key, each in cards.items()}
        keys = sorted(key for key, each in told.items() if each)
        for place in range(0, len(keys), VEHICLES_AT_ONCE):
            part = {key: told[key] for key in keys[place : place + VEHICLES_AT_ONCE]}
            with write(self._engine) as connection:
                _spans.inc(write_down(connection, part))


def _keys(table: pa.Table) -> list[tuple[int, int]]:
    return list(zip(table["vehicle_id"].to_pylist(), _received(table), strict=True))


def _received(table: pa.Table) -> list[int]:
    found: list[int] = table["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_pylist()
    return found


def _cards(table: pa.Table) -> Iterable[tuple[int, Card]]:
    columns = (table[name].to_pylist() for name in ("vehicle_id", "edition", "body"))
    for vehicle, edition, body, received in zip(*columns, _received(table), strict=True):
        yield vehicle, card_of(bytes(body), edition, received)


def card_of(body: bytes, edition: int, received_at: int) -> Card:
    """What one report says; times in UTC ms. One that cannot be read is a card that nobody knows."""
    try:
        said = DriverIdentity.decode(body, edition)
    except ProtocolError:
        return Card(received_at, True)
    if isinstance(said, EarlyDriver):
        return Card(received_at, True, said.certificate.strip(), said.id_card.strip())
    if not isinstance(said, DriverCard):
        return Card(received_at, True)
    told = time_value(said.time)
    at = received_at if told is None else int(told.replace(tzinfo=UTC).timestamp() * 1000) - CHINA_MS
    if not received_at - LATE_MS <= at <= received_at + EARLY_MS:
        at = received_at
    return Card(at, said.status != 2, (said.certificate or "").strip(), (said.id_card or "").strip())
