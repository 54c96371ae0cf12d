"""At the wheel 在岗: who drove a truck and when, by the driver's cards that terminals report (JT/T 808-2019 §8.47).

Spans of ``binding`` with the sort WHEEL: a card that was put in holds until it is pulled out, another one is put in, or
CARD_MS have passed, since removals get lost. A driver sees what was recorded in his own spans and, of the truck that
his account names, what was recorded while nobody's card was in it: many trucks have no reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, false, insert, or_, select, update

from luwei.registry import gone
from luwei.registry.binding import TRUCK, WHEEL, Binding
from luwei.registry.driver import Driver
from luwei.registry.engine import reserve_ids
from luwei.registry.scope import Wheel

CARD_MS = 24 * 3_600_000
"""A card that nobody pulled out says nothing of who drives a day later."""
FOREVER = 1 << 62
UNKNOWN = 0
"""The driver of a card that names nobody of the registry, or that could not be read."""

Parts = list[tuple[int, int]]
"""[from, to) in UTC ms, in order, apart from each other."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card was put in (``inside``) or pulled out at an instant (UTC ms); whose it is, as it says itself."""

    at: int
    inside: bool
    certificate: str = ""
    """从业资格证编码."""
    identity: str = ""
    """Number of the identity card; only terminals of 2011 and 2019 report it."""


def write_down(connection: Connection, cards: Mapping[int, Sequence[Card]]) -> int:
    """Make the spans of these vehicles, from the first of their ``cards`` on, say what the cards say; how many spans
    are new.

    ``cards``: everything that is known of each vehicle since that instant, in any order. Doing it again changes
    nothing.
    """
    known = _drivers(connection, [card for each in cards.values() for card in each])
    starts = {vehicle: min(card.at for card in each) for vehicle, each in cards.items() if each}
    columns = (Binding.subject_id, Binding.object_id, Binding.from_at, Binding.to_at)
    these = select(*columns).where(Binding.what == WHEEL, Binding.subject_id.in_(sorted(starts)))
    stored: dict[int, list[tuple[int, int, int]]] = {}
    since = min(starts.values(), default=0)
    for vehicle, driver, low, high in connection.execute(these.where(Binding.to_at > since)):
        if high is not None and high > starts[vehicle]:
            stored.setdefault(vehicle, []).append((driver, low, high))
    rows = []
    for vehicle, start in starts.items():
        each = _spans(cards[vehicle], known)
        if sorted(stored.get(vehicle, [])) == sorted(each):
            continue
        theirs = (Binding.what == WHEEL, Binding.subject_id == vehicle)
        connection.execute(delete(Binding).where(*theirs, Binding.from_at >= start))
        connection.execute(update(Binding).where(*theirs, Binding.to_at > start).values(to_at=start))
        rows += [
            {"what": WHEEL, "subject_id": vehicle, "object_id": driver, "from_at": low, "to_at": high,
             "counts_from": low}
            for driver, low, high in each
        ]  # fmt: skip
    for row, key in zip(rows, reserve_ids(connection, "binding", len(rows)), strict=True):
        row["id"] = key
    if rows:
        connection.execute(insert(Binding), rows)
    return len(rows)


def _spans(cards: Sequence[Card], known: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Driver, from, to of each time that a card was inside. Of reports of one instant the removal counts first."""
    found: list[tuple[int, int, int]] = []
    ordered = sorted(cards, key=lambda card: (card.at, card.inside))
    for card, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = card.at + CARD_MS if following is None else min(following.at, card.at + CARD_MS)
        if not card.inside or end <= card.at:
            continue
        driver = known.get(card.certificate) or known.get(card.identity) or UNKNOWN
        if found and found[-1][0] == driver and found[-1][2] == card.at:
            found[-1] = driver, found[-1][1], end
        else:
            found.append((driver, card.at, end))
    return found


def _drivers(connection: Connection, cards: Iterable[Card]) -> dict[str, int]:
    """Driver by the number of the qualification certificate or of the identity card."""
    numbers = sorted({number for card in cards for number in (card.certificate, card.identity) if number})
    found: dict[str, int] = {}
    for start in range(0, len(numbers), 2_000):
        part = numbers[start : start + 2_000]
        for column in (Driver.identity_number, Driver.qualification_number):
            rows = connection.execute(select(column, Driver.id).where(column.in_(part)))
            found.update((number, key) for number, key in rows if number is not None)
    return found


def wheel_of(
    connection: Connection, user_id: int, vehicle_id: int | None, driver_id: int | None, since: int, now: int
) -> Wheel:
    """What an account of a driver may look back at. ``since``: when the account was made; before the first change of
    its truck nobody wrote down when that truck became his."""
    drivers = frozenset(() if driver_id is None else gone.known_as(connection, "driver", driver_id))
    columns = (Binding.object_id, Binding.from_at, Binding.to_at)
    named = select(*columns).where(Binding.what == TRUCK, Binding.subject_id == user_id)
    trucks = [
        (gone.survivor_of(connection, "vehicle", row.object_id) or row.object_id, row.from_at, row.to_at or FOREVER)
        for row in connection.execute(named.order_by(Binding.from_at))
    ]
    if not trucks and vehicle_id is not None:
        trucks = [(vehicle_id, since, FOREVER)]
    holds = (Binding.what == WHEEL, Binding.from_at <= now, Binding.to_at > now)
    mine = select(Binding.subject_id).where(*holds, Binding.object_id.in_(sorted(drivers)))
    driving = set(connection.scalars(mine)) if drivers else set()
    driving = {gone.survivor_of(connection, "vehicle", key) or key for key in driving}
    if vehicle_id is not None and vehicle_id not in driving:
        taken = exists().where(*holds, Binding.subject_id == vehicle_id)
        if not connection.scalar(select(taken)):
            driving.add(vehicle_id)
    return Wheel(drivers, tuple(trucks), frozenset(driving))


def drove(wheel: Wheel, vehicle: Any, at: Any) -> ColumnElement[bool]:
    """Condition on rows that name a vehicle and an instant (SQL expressions; UTC ms): the driver was at the wheel."""
    holds = (Binding.what == WHEEL, Binding.subject_id == vehicle, Binding.from_at <= at, Binding.to_at > at)
    found: list[ColumnElement[bool]] = []
    if wheel.drivers:
        found.append(exists().where(*holds, Binding.object_id.in_(sorted(wheel.drivers))))
    if wheel.trucks:
        his = [and_(vehicle == key, at >= low, at < high) for key, low, high in wheel.trucks]
        found.append(and_(or_(*his), ~exists().where(*holds)))
    return or_(*found) if found else false()


def parts(
    connection: Connection, wheel: Wheel, start: int, end: int, vehicles: Sequence[int] | None = None
) -> dict[int, Parts]:
    """By vehicle, the parts of [start, end) (UTC ms) in which the driver was at its wheel; ``vehicles``: only these."""
    wanted = None if vehicles is None else set(vehicles)
    trucks = [each for each in wheel.trucks if wanted is None or each[0] in wanted]
    mine = [Binding.object_id.in_(sorted(wheel.drivers))]
    if wanted is not None:
        mine.append(Binding.subject_id.in_(sorted(wanted)))
    his = Binding.subject_id.in_(sorted({each[0] for each in trucks}))
    columns = (Binding.subject_id, Binding.object_id, Binding.from_at, Binding.to_at)
    holds = (Binding.what == WHEEL, Binding.from_at < end, Binding.to_at > start)
    rows = list(connection.execute(select(*columns).where(*holds, or_(and_(*mine), his)).order_by(Binding.from_at)))
    found: dict[int, Parts] = {}
    for vehicle, low, high in trucks:
        free = [(max(low, start), min(high, end))]
        for row in rows:
            if row.subject_id == vehicle:
                free = [piece for each in free for piece in _without(each, (row.from_at, row.to_at))]
        found.setdefault(vehicle, []).extend(each for each in free if each[0] < each[1])
    for row in rows:
        if row.object_id in wheel.drivers:
            found.setdefault(row.subject_id, []).append((max(row.from_at, start), min(row.to_at, end)))
    return {vehicle: _joined(each) for vehicle, each in found.items()}


def _without(part: tuple[int, int], taken: tuple[int, int]) -> Parts:
    low, high = part
    left = [(low, min(high, taken[0])), (max(low, taken[1]), high)]
    return [each for each in left if each[0] < each[1]]


def _joined(found: Parts) -> Parts:
    joined: Parts = []
    for low, high in sorted(found):
        if joined and low <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return joined
