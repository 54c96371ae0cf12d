"""What stands now: the conditions of every truck that its last report left set, and when each began.

Arrays by vehicle id for what every report is compared with (27 bytes a truck), dictionaries for the few trucks with an
open alarm. ``restored`` makes it from the history, so that a core that starts again goes on where the last one was.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei.alarms.key import item_key
from luwei.alarms.lasting import BITS_1078, FAULTS, NUMBER_OF

K = TypeVar("K")
V = TypeVar("V")

MAX_VEHICLES = 4_000_000
"""Ids are dense small numbers of the registry; a row with a larger one yields no alarm and is counted."""
ENDED_MAX = 100_000
RECENT_MAX = 1 << 17
BEGUN_MAX = 16
"""Open alarms of one type that one truck's items may have; the oldest goes first."""
BEGUN_KEYS_MAX = 200_000
BEGUN_MS = 3_600_000
"""A start of an item whose end has not come for so long is paired with nothing any more."""
TRACK_MS = 600_000
"""Backfilled rows that come so long after the last ones belong to another outage."""

_ARRAYS: tuple[tuple[str, str, int], ...] = (
    ("at_ms", "i8", 0),
    ("taken_ms", "i8", 0),
    ("serial", "i4", -1),
    ("alarm", "u4", 0),
    ("video", "u4", 0),
    ("fault", "u1", 0),
)


class Open(NamedTuple):
    """A condition and the times between which it is known to have held; ``ended_ms`` None: it holds."""

    key: int
    started_ms: int
    ended_ms: int | None

    def covers(self, at: int) -> bool:
        """Whether it held at that time."""
        return self.started_ms <= at and (self.ended_ms is None or at <= self.ended_ms)


class Begun(NamedTuple):
    """An alarm of an item that began and has not ended."""

    alarm_id: int
    key: int
    started_ms: int


@dataclass(slots=True)
class Track:
    """What the backfilled rows of one truck have said last."""

    at_ms: int
    received_ms: int
    word: int = 0
    """Bit ``number`` is set where that condition holds (``luwei.alarms.lasting``)."""


@dataclass(slots=True)
class Standing:
    """The state of all trucks; used from one thread."""

    at_ms: npt.NDArray[np.int64] = field(init=False)
    """The terminal's time of the last report that counted."""
    taken_ms: npt.NDArray[np.int64] = field(init=False)
    """Receipt of it."""
    serial: npt.NDArray[np.int32] = field(init=False)
    """Serial number of it, -1 unknown."""
    alarm: npt.NDArray[np.uint32] = field(init=False)
    video: npt.NDArray[np.uint32] = field(init=False)
    fault: npt.NDArray[np.uint8] = field(init=False)
    open: dict[int, Open] = field(default_factory=dict)
    """By ``slot``: what holds by the live reports."""
    ended: OrderedDict[int, Open] = field(default_factory=OrderedDict)
    """By ``slot``: the last that ended, so that backfilled rows from within it make no second one."""
    absent: dict[int, int] = field(default_factory=dict)
    """Vehicle · 2 (+ 1 for faults) → since when its reports say nothing of a condition that is set."""
    begun: OrderedDict[tuple[int, str, bool], list[Begun]] = field(default_factory=OrderedDict)
    """By vehicle, type and whether backfilled: alarms of items that began, oldest first."""
    tracks: OrderedDict[int, Track] = field(default_factory=OrderedDict)
    """By vehicle: its backfill under way."""
    filled: OrderedDict[int, Open] = field(default_factory=OrderedDict)
    """By ``slot``: the last alarm that backfilled rows gave."""
    recent: OrderedDict[int, None] = field(default_factory=OrderedDict)
    """Items seen lately: a repeated report makes no new alarm."""

    def __post_init__(self) -> None:
        for name, kind, start in _ARRAYS:
            setattr(self, name, np.full(1024, start, dtype=kind))

    def reserve(self, size: int) -> None:
        """Make room for the vehicle ids below ``size`` ≤ ``MAX_VEHICLES``."""
        if size <= len(self.alarm):
            return
        capacity = min(max(size, len(self.alarm) * 2), MAX_VEHICLES)
        for name, kind, start in _ARRAYS:
            old = getattr(self, name)
            new = np.full(capacity, start, dtype=kind)
            new[: len(old)] = old
            setattr(self, name, new)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(int(getattr(self, name).nbytes) for name, _, _ in _ARRAYS)

    def seen(self, key: int) -> bool:
        """Whether that item came before; from now on it has."""
        if key in self.recent:
            return True
        self.recent[key] = None
        if len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)
        return False

    def begin(self, slot: int, key: int, started_ms: int) -> None:
        """A condition holds from now on."""
        self.open[slot] = Open(key, started_ms, None)

    def end(self, slot: int, at: int) -> Open | None:
        """A condition holds no more; what it was, None where its beginning is unknown."""
        found = self.open.pop(slot, None)
        if found is not None:
            keep(self.ended, slot, Open(found.key, found.started_ms, at), ENDED_MAX)
        return found

    def covered(self, slot: int, at: int) -> bool:
        """Whether the live reports say that the condition held at that time."""
        now, before = self.open.get(slot), self.ended.get(slot)
        return (now is not None and now.covers(at)) or (before is not None and before.covers(at))


def slot(vehicle_id: int, number: int) -> int:
    """One condition of one vehicle."""
    return vehicle_id << 7 | number


def keep(where: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Set an entry as the newest and drop the oldest beyond ``most``."""
    where[key] = value
    where.move_to_end(key)
    if len(where) > most:
        where.popitem(last=False)


def restored(last: pa.Table, lasting: pa.Table, recent: pa.Table) -> Standing:
    """The state that the history shows: rows of the queries ``alarm_last``, ``alarm_open`` and ``alarm_recent``."""
    standing = Standing()
    vehicle = last["vehicle_id"].to_numpy().astype(np.int64)
    inside = vehicle < MAX_VEHICLES
    vehicle = vehicle[inside]
    if len(vehicle):
        standing.reserve(int(vehicle.max()) + 1)
        standing.at_ms[vehicle] = last["at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()[inside]
        received = last["received_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
        standing.taken_ms[vehicle] = received.to_numpy()[inside]
    for row in lasting.to_pylist():
        _stand(standing, row)
    for row in recent.to_pylist():
        standing.seen(item_key(row["vehicle_id"], row["item"]))
    return standing


def _stand(standing: Standing, row: dict[str, Any]) -> None:
    vehicle, started, at = row["vehicle_id"], _ms(row["started_at"]), _ms(row["at"])
    if vehicle >= MAX_VEHICLES:
        return
    ends = at if row["phase"] == 2 else None
    number = NUMBER_OF.get(row["type"])
    if number is None:
        if ends is None:
            begun = standing.begun.setdefault((vehicle, row["type"], row["backfill"]), [])
            begun.append(Begun(row["alarm_id"], row["alarm"], started))
            begun.sort(key=lambda one: one.started_ms)
        return
    opened = Open(row["alarm"], started, ends)
    where = slot(vehicle, number)
    if row["backfill"]:
        if ends is None:
            track = standing.tracks.setdefault(vehicle, Track(0, 0))
            track.at_ms = max(track.at_ms, at)
            track.received_ms = max(track.received_ms, _ms(row["received_at"]))
            track.word |= 1 << number
        keep(standing.filled, where, opened, ENDED_MAX)
    elif ends is not None:
        keep(standing.ended, where, opened, ENDED_MAX)
    else:
        standing.open[where] = opened
        standing.reserve(vehicle + 1)
        if number >= FAULTS:
            standing.fault[vehicle] |= np.uint8(1 << (number - FAULTS))
        elif number >= BITS_1078:
            standing.video[vehicle] |= np.uint32(1 << (number - BITS_1078))
        else:
            standing.alarm[vehicle] |= np.uint32(1 << number)


def _ms(moment: Any) -> int:
    seconds: float = moment.timestamp()
    return round(seconds * 1000)
