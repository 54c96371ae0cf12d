"""Who is at the wheel: the reports of drivers' cards (0x0702) on their way into the history, as spans of the registry.

The ingest hands over every report when it takes it from the bus, however late it came, and again after a restart where
it may not have been stored: the place that it keeps over its own death is this room's too. A card changes what was
told of its truck since then, so the truck's other cards of that time are read from the history and all of it is written
down again.
What was stored but not yet written down when a process died is found by the look back of the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from prometheus_client import Counter
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import OperationalError

from luwei import facts
from luwei.history.store import HistoryError
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import time_value
from luwei.protocol.jt808.messages.driver import DriverCard, DriverIdentity, EarlyDriver
from luwei.registry.base import now_ms
from luwei.registry.binding import WHEEL, Binding
from luwei.registry.engine import read, write
from luwei.registry.vehicle import Vehicle
from luwei.registry.wheel import UNKNOWN, Card, write_down

log = structlog.get_logger()

POLL_S = 15.0
SWEEP_S = 3_600.0
SWEEP_MS = 3 * 86_400_000
"""So far before the newest that was written down a start looks back."""
MOST = 200_000
"""Reports read together."""
VEHICLES_AT_ONCE = 2_000
EARLY_MS, LATE_MS = 600_000, 7 * 86_400_000
"""A terminal's own time further from the receipt than that is no time."""
CHINA_MS = 8 * 3_600_000

_spans = Counter("luwei_wheel_spans_total", "Times at the wheel that were written down")

Query = Callable[..., pa.Table]
Cards = dict[int, set[Card]]
"""Cards by vehicle; the same one that came twice is one."""


class WheelWatch:
    """The only writer of who was at the wheel; lives in one process."""

    def __init__(self, engine: Engine, query: Query, keep_days: int) -> None:
        """``query`` runs a query of the history; spans older than ``keep_days`` are forgotten with its facts."""
        self._engine = engine
        self._query = query
        self._keep_ms = keep_days * 86_400_000
        self._fresh: Cards = {}
        self._looked_back = False
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

    def observe(self, kind: str, rows: pa.RecordBatch) -> None:
        """Take note of what the ingest takes (``luwei.history.ingest.Observer``); bears a repetition."""
        if kind != facts.MESSAGE:
            return
        wanted = pc.and_(
            pc.and_(pc.equal(rows["message_id"], DriverIdentity.id), pc.equal(rows["direction"], 0)),
            pc.not_equal(rows["vehicle_id"], 0),
        )
        _join(self._fresh, _cards(rows.filter(wanted)))

    async def _run(self) -> None:
        while True:
            fresh, self._fresh = self._fresh, {}
            try:
                await asyncio.to_thread(self.turn, now_ms(), fresh)
                self._trouble = ""
            except (HistoryError, OperationalError) as error:
                self._put_back(fresh)
                self._trouble = f"a store is away: {error}"[:300]
                log.warning("drivers' cards wait for a store", error=str(error)[:300])
            except Exception as error:
                self._put_back(fresh)
                self._trouble = f"{type(error).__name__}: {error}"[:300]
                log.exception("drivers' cards not read")
            await asyncio.sleep(POLL_S)

    def _put_back(self, fresh: Cards) -> None:
        _join(self._fresh, ((vehicle, card) for vehicle, cards in fresh.items() for card in cards))

    def turn(self, now: int, fresh: Cards | None = None) -> None:
        """Write down what is new; once what is in the history already, and each hour who was known since. Blocks;
        raises HistoryError, OperationalError."""
        if not self._looked_back:
            self._look_back(now)
            self._looked_back = True
        self._write_fresh(fresh or {})
        if now - self._swept_at > SWEEP_S * 1000:
            self._sweep(now)
            self._swept_at = now

    def _write_fresh(self, fresh: Cards) -> None:
        """Each truck from its first new card on, with what the history has: the new ones may not be in it yet."""
        first = {vehicle: min(card.at for card in cards) for vehicle, cards in fresh.items()}
        # alike ones together: a card that came days late makes no other truck's days be read
        vehicles = sorted(first, key=lambda vehicle: (-first[vehicle], vehicle))
        for place in range(0, len(vehicles), VEHICLES_AT_ONCE):
            part = vehicles[place : place + VEHICLES_AT_ONCE]
            told = {vehicle: set(fresh[vehicle]) for vehicle in part}
            for cards in self._read(min(first[vehicle] for vehicle in part), sorted(part)):
                for vehicle, each in cards.items():
                    told[vehicle].update(card for card in each if card.at >= first[vehicle])
            self._write(told)

    def _look_back(self, now: int) -> None:
        """What was stored before this process began: from where the last one stopped, at first all there is."""
        with read(self._engine) as connection:
            newest = connection.scalar(select(func.max(Binding.from_at)).where(Binding.what == WHEEL)) or 0
            most = connection.scalar(select(func.max(Vehicle.id))) or 0
        since = max(now - self._keep_ms, min(now, newest) - SWEEP_MS)
        for low in range(0, most + 1, VEHICLES_AT_ONCE):
            for cards in self._read(since, [], low, low + VEHICLES_AT_ONCE):
                self._write(cards)

    def _sweep(self, now: int) -> None:
        """Forget what is over for long, and look again whose the cards are that nobody had."""
        unknown = select(Binding.subject_id).where(
            Binding.what == WHEEL, Binding.object_id == UNKNOWN, Binding.to_at > now - SWEEP_MS
        )
        with write(self._engine) as connection:
            connection.execute(delete(Binding).where(Binding.what == WHEEL, Binding.to_at < now - self._keep_ms))
            vehicles = sorted(connection.scalars(unknown.distinct()))
        for place in range(0, len(vehicles), VEHICLES_AT_ONCE):
            for cards in self._read(now - SWEEP_MS, vehicles[place : place + VEHICLES_AT_ONCE]):
                self._write(cards)

    def _read(self, since: int, vehicles: list[int], low: int = 0, high: int = 2**32 - 1) -> Iterator[Cards]:
        """Cards by vehicle that were put in or pulled out since then, by the terminal's own time; of so many vehicles
        together that nothing is cut off."""
        start = since - EARLY_MS
        table = self._query("driver_cards", start=start, low=low, high=high, vehicles=vehicles, most=MOST)
        if table.num_rows >= MOST and len(vehicles) > 1:
            half = len(vehicles) // 2
            yield from self._read(since, vehicles[:half])
            yield from self._read(since, vehicles[half:])
        elif table.num_rows >= MOST and not vehicles and high - low > 1:
            middle = (low + high) // 2
            yield from self._read(since, [], low, middle)
            yield from self._read(since, [], middle, high)
        else:
            found: Cards = {}
            _join(found, ((vehicle, card) for vehicle, card in _cards(table) if card.at >= since))
            yield found

    def _write(self, cards: Cards) -> None:
        keys = sorted(cards)
        for place in range(0, len(keys), VEHICLES_AT_ONCE):
            part = {key: sorted(cards[key], key=_order) for key in keys[place : place + VEHICLES_AT_ONCE]}
            with write(self._engine) as connection:
                _spans.inc(write_down(connection, part))


def _join(found: Cards, cards: Iterable[tuple[int, Card]]) -> None:
    for vehicle, card in cards:
        found.setdefault(vehicle, set()).add(card)


def _order(card: Card) -> tuple[int, bool, str, str]:
    """The same whenever the same cards are read again."""
    return card.at, card.inside, card.certificate, card.identity


def _received(table: pa.Table | pa.RecordBatch) -> list[int]:
    found: list[int] = table["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_pylist()
    return found


def _cards(table: pa.Table | pa.RecordBatch) -> Iterable[tuple[int, Card]]:
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
