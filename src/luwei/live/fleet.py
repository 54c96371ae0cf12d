"""The latest state of every truck, one array a property, indexed by vehicle id.

Vehicle ids are dense small integers of the registry, so an id is an index and no look-up is needed. A batch of
locations is applied at once: the newest row of each vehicle wins. Whatever changed carries the number of the second
in which it changed (``changed``), so that a screen asks "what since second N" and never holds a queue.

Not thread-safe: the event loop of the core process is its only user.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei.facts import FLAG_NOT_FIXED, FLAG_PLACE_IMPOSSIBLE, ORIGIN_BACKFILL
from luwei.protocol.fields import LATEST
from luwei.protocol.jt808.bits import ALARM
from luwei.registry.scope import Ids, Scope

LIVE_OFFLINE_S = 300
"""A truck that sent no location for so long is offline (reference supervision §3, 在线率: 5 min)."""
MOVING_DKMH = 30
"""From 3 km/h on a truck counts as moving; below it the speed of a standing receiver is noise."""
STALE_PRESENT_S = 60
"""A live report older than the present by its own clock is taken after all when nothing newer has come for so long:
the terminal's clock was set back. Else such a truck would stand still on the map until its clock caught up."""
REACHES = 256
"""Scopes whose vehicles are kept; at 500,000 vehicles half a megabyte each."""
MAX_VEHICLES = 4_000_000
"""A row with a larger id is not applied but counted (``beyond``): it would only grow the arrays."""

OFFLINE, STOPPED, MOVING = 0, 1, 2
STATE_MASK, BIT_ALARM, BIT_NO_FIX = 0b11, 1 << 2, 1 << 3
CLASS_A = sum(1 << bit.bit for bit in ALARM.bits if bit.clears == "A" and bit.since <= LATEST <= bit.until)
"""Alarm bits that stay until the platform's answer (JT/T 808-2019 table 25)."""
ALARM_TIMER_S = 1800
"""A bit of class A that stays set for so long is no present alarm any more; the reports keep it."""
NO_PLACE = -(2**31)
"""Longitude of a vehicle that has never been anywhere; outside every view."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_PROPERTIES: tuple[tuple[str, str, int], ...] = (
    ("at_ms", "i8", 0),  # the terminal's time of the present row
    ("received_ms", "i8", 0),  # last receipt of anything, also of backfilled rows; 0 never
    ("taken_ms", "i8", 0),  # receipt of the present row
    ("lat_e6", "i4", 0),
    ("lon_e6", "i4", NO_PLACE),
    ("mercator_x", "u4", 0),  # web Mercator, the world as 2**32 units
    ("mercator_y", "u4", 0),
    ("altitude_m", "i2", 0),
    ("speed_dkmh", "u2", 0),
    ("direction_deg", "u2", 0xFFFF),
    ("alarm", "u4", 0),
    ("alarm_since_ms", "i8", 0),  # receipt of the report with which a bit of class A last rose
    ("video_alarm", "u4", 0),
    ("status", "u4", 0),
    ("flags", "u1", 0),
    ("mileage_hm", "u4", 0),
    ("wire", "u1", 0),  # state in bits 0-1, alarm, no fix: what a screen gets
    ("changed", "i8", 0),  # number of the second of the last visible change
    ("city", "i4", 0),
    ("county", "i4", 0),
    ("operator_id", "i4", 0),
    ("monitor_id", "i4", 0),
    ("insurer_id", "i4", 0),
    ("vendor_id", "i4", 0),
    ("known", "?", 0),  # in the registry
)


@dataclass(frozen=True, slots=True)
class Present:
    """What is known of one vehicle now; times in UTC milliseconds, ``lat_e6`` is None before the first fix."""

    state: str
    at: int
    received_at: int
    lat_e6: int | None
    lon_e6: int | None
    speed_dkmh: int
    direction_deg: int | None
    alarm: int
    fixed: bool


class Fleet:
    """Arrays of the present, one element a vehicle; grows by doubling."""

    at_ms: Ints
    received_ms: Ints
    taken_ms: Ints
    lat_e6: npt.NDArray[np.int32]
    lon_e6: npt.NDArray[np.int32]
    mercator_x: npt.NDArray[np.uint32]
    mercator_y: npt.NDArray[np.uint32]
    altitude_m: npt.NDArray[np.int16]
    speed_dkmh: npt.NDArray[np.uint16]
    direction_deg: npt.NDArray[np.uint16]
    alarm: npt.NDArray[np.uint32]
    alarm_since_ms: npt.NDArray[np.int64]
    video_alarm: npt.NDArray[np.uint32]
    status: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]
    mileage_hm: npt.NDArray[np.uint32]
    wire: npt.NDArray[np.uint8]
    changed: Ints
    city: npt.NDArray[np.int32]
    county: npt.NDArray[np.int32]
    operator_id: npt.NDArray[np.int32]
    monitor_id: npt.NDArray[np.int32]
    insurer_id: npt.NDArray[np.int32]
    vendor_id: npt.NDArray[np.int32]
    known: Mask

    def __init__(self, capacity: int = 1024) -> None:
        self.size = 0
        """One more than the largest vehicle id seen."""
        self.second = 1
        """Number of the second that is being filled; ``tick`` closes it."""
        self.registry_revision = 0
        self.beyond = 0
        self._reaches: OrderedDict[tuple[Ids, ...], tuple[int, int, Mask]] = OrderedDict()
        for name, kind, start in _PROPERTIES:
            setattr(self, name, np.full(max(capacity, 1), start, dtype=kind))

    @property
    def capacity(self) -> int:
        """Elements each array has room for."""
        return len(self.wire)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays in bytes."""
        return sum(int(getattr(self, name).nbytes) for name, _, _ in _PROPERTIES)

    def reserve(self, size: int) -> None:
        """Make room for the ids below ``size``."""
        if size > self.capacity:
            capacity = min(max(size, self.capacity * 2), MAX_VEHICLES)
            for name, kind, start in _PROPERTIES:
                old = getattr(self, name)
                new = np.full(capacity, start, dtype=kind)
                new[: len(old)] = old
                setattr(self, name, new)
        self.size = max(self.size, size)

    # -- locations -------------------------------------------------------------------------------------------------

    def apply(self, batch: pa.RecordBatch | pa.Table, now_ms: int) -> npt.NDArray[np.int64]:
        """Take the locations of ``batch`` (``facts.LOCATION``); ``now_ms`` decides who is online.

        Returns the ids of the vehicles whose present changed. Of several rows of a vehicle the newest ``at`` counts,
        of equal ones the later row. Rows older than the present change nothing but the time of receipt.
        """
        if batch.num_rows == 0:
            return np.empty(0, np.int64)
        vehicle = _column(batch, "vehicle_id", np.int64)
        at, received = _times(batch, "at"), _times(batch, "received_at")
        if int(vehicle.max()) >= MAX_VEHICLES:
            good = np.flatnonzero(vehicle < MAX_VEHICLES)
            self.beyond += len(vehicle) - len(good)
            if len(good) == 0:
                return np.empty(0, np.int64)
        else:
            good = None
        if good is not None:
            batch, vehicle, at, received = batch.take(pa.array(good)), vehicle[good], at[good], received[good]
        self.reserve(int(vehicle.max()) + 1)

        order = np.lexsort((at, vehicle))
        sorted_vehicle = vehicle[order]
        first = np.flatnonzero(np.r_[True, sorted_vehicle[1:] != sorted_vehicle[:-1]])
        last = np.r_[first[1:], len(order)] - 1
        ids, rows = sorted_vehicle[first], order[last]
        newest_receipt = np.maximum.reduceat(received[order], first)
        heard = newest_receipt > self.received_ms[ids]
        self.received_ms[ids[heard]] = newest_receipt[heard]

        live = _column(batch, "origin", np.uint8)[rows] != ORIGIN_BACKFILL
        take = (at[rows] >= self.at_ms[ids]) | (live & (received[rows] - self.taken_ms[ids] >= STALE_PRESENT_S * 1000))
        self._take(batch, ids[take], rows[take], at, received)
        self._settle(ids, now_ms)
        self.changed[ids] = self.second
        return ids

    def _take(self, batch: Any, ids: Ints, rows: Ints, at: Ints, received: Ints) -> None:
        self.at_ms[ids] = at[rows]
        self.taken_ms[ids] = received[rows]
        risen = _column(batch, "alarm", np.uint32)[rows] & ~self.alarm[ids] & np.uint32(CLASS_A) != 0
        self.alarm_since_ms[ids] = np.where(risen, received[rows], self.alarm_since_ms[ids])
        for name in ("altitude_m", "speed_dkmh", "direction_deg", "alarm", "status"):
            target = getattr(self, name)
            target[ids] = _column(batch, name, target.dtype)[rows]
        self.video_alarm[ids] = _column(batch, "video_alarm", np.uint32)[rows]
        mileage = _column(batch, "mileage_hm", np.uint32)[rows]
        self.mileage_hm[ids] = np.where(mileage > 0, mileage, self.mileage_hm[ids])
        flags = _column(batch, "flags", np.uint8)[rows]
        self.flags[ids] = flags

        # Reference jt808 §11.3 (14, 15): without a fix a place is the last known one or nonsense. It may show where a
        # truck was first seen, but it never moves a truck.
        lat, lon = _column(batch, "lat_e6", np.int32)[rows], _column(batch, "lon_e6", np.int32)[rows]
        fixed = flags & FLAG_NOT_FIXED == 0
        somewhere = (lat != 0) | (lon != 0)
        place = (flags & FLAG_PLACE_IMPOSSIBLE == 0) & (fixed | ((self.lon_e6[ids] == NO_PLACE) & somewhere))
        placed = ids[place]
        self.lat_e6[placed], self.lon_e6[placed] = lat[place], lon[place]
        self.mercator_x[placed], self.mercator_y[placed] = mercator(lat[place], lon[place])

    def _settle(self, ids: Ints, now_ms: int) -> None:
        """State, alarm and fix bits of ``ids`` as of ``now_ms``."""
        online = self.received_ms[ids] > now_ms - LIVE_OFFLINE_S * 1000
        wire = np.where(self.speed_dkmh[ids] >= MOVING_DKMH, MOVING, STOPPED).astype(np.uint8)
        # some devices never clear what the platform's answer should clear (reference jt808 §11.3, 28)
        over = self.alarm_since_ms[ids] <= now_ms - ALARM_TIMER_S * 1000
        alarm = np.where(over, self.alarm[ids] & ~np.uint32(CLASS_A), self.alarm[ids])
        wire |= np.where((alarm | self.video_alarm[ids]) != 0, np.uint8(BIT_ALARM), np.uint8(0))
        wire[~online] = OFFLINE
        lost = self.flags[ids] & np.uint8(FLAG_NOT_FIXED | FLAG_PLACE_IMPOSSIBLE) != 0
        wire |= np.where(lost, np.uint8(BIT_NO_FIX), np.uint8(0))
        self.wire[ids] = wire

    def tick(self, now_ms: int) -> npt.NDArray[np.int64]:
        """Close the second: trucks gone silent become offline; returns the ids changed in it."""
        size = self.size
        silent = np.flatnonzero(
            (self.wire[:size] & STATE_MASK != OFFLINE) & (self.received_ms[:size] <= now_ms - LIVE_OFFLINE_S * 1000)
        )
        if len(silent):
            self._settle(silent, now_ms)
            self.changed[silent] = self.second
        result = np.flatnonzero(self.changed[:size] == self.second)
        self.second += 1
        return result

    def changed_since(self, second: int) -> npt.NDArray[np.int64]:
        """Ids of the vehicles changed after the end of ``second``."""
        return np.flatnonzero(self.changed[: self.size] > second)

    # -- registry --------------------------------------------------------------------------------------------------

    def set_registry(
        self,
        ids: npt.ArrayLike,
        city: npt.ArrayLike,
        county: npt.ArrayLike,
        operator_id: npt.ArrayLike,
        monitor_id: npt.ArrayLike = 0,
        insurer_id: npt.ArrayLike = 0,
        vendor_id: npt.ArrayLike = 0,
    ) -> None:
        """Replace what the registry says: all vehicles that exist, with area codes and the organisations they are
        bound to (0: none)."""
        vehicle = np.asarray(ids, np.int64)
        inside = (vehicle >= 0) & (vehicle < MAX_VEHICLES)
        vehicle = vehicle[inside]
        if len(vehicle):
            self.reserve(int(vehicle.max()) + 1)
        size = self.size
        differs = np.zeros(size, np.bool_)
        for name, values in (
            ("city", city), ("county", county), ("operator_id", operator_id), ("monitor_id", monitor_id),
            ("insurer_id", insurer_id), ("vendor_id", vendor_id),
        ):  # fmt: skip
            column = np.zeros(size, np.int32)
            column[vehicle] = np.broadcast_to(np.asarray(values, np.int32), inside.shape)[inside]
            current = getattr(self, name)
            differs |= current[:size] != column
            current[:size] = column
        known = np.zeros(size, np.bool_)
        known[vehicle] = True
        differs |= self.known[:size] != known
        self.known[:size] = known
        if differs.any():
            self.changed[:size][differs] = self.second
            self.registry_revision += 1

    def reach(self, scope: Scope) -> Mask:
        """True for each vehicle below ``size`` that ``scope`` covers. Kept until the registry changes: a screen asks
        each second, and of half a million vehicles."""
        key = scope.limits
        known = self._reaches.get(key)
        if known is None or known[:2] != (self.registry_revision, self.size):
            known = self._reaches[key] = self.registry_revision, self.size, self._covered(scope)
            while len(self._reaches) > REACHES:
                self._reaches.popitem(last=False)
        self._reaches.move_to_end(key)
        return known[2]

    def sees(self, scope: Scope, vehicle_id: int) -> bool:
        """Whether ``scope`` covers one vehicle."""
        if scope.whole:
            return True
        mask = self.reach(scope)
        return 0 <= vehicle_id < len(mask) and bool(mask[vehicle_id])

    def _covered(self, scope: Scope) -> Mask:
        size = self.size
        result: Mask = self.known[:size].copy()
        if scope.drivers is not None and scope.vehicles is None:
            result[:] = False
        for column, allowed in (
            (self.city, scope.cities), (self.county, scope.counties), (self.operator_id, scope.operators),
            (self.insurer_id, scope.insurers), (self.monitor_id, scope.monitors), (self.vendor_id, scope.vendors),
        ):  # fmt: skip
            if allowed is not None:
                result &= np.isin(column[:size], list(allowed)) if allowed else False
        if scope.vehicles is not None:
            named = np.zeros(size, np.bool_)
            named[[key for key in scope.vehicles if 0 <= key < size]] = True
            result &= named
        return result

    def alarm_bit(self, vehicle_id: int, kind: str) -> bool | None:
        """Whether the newest report has the bit of a type of alarm (``808:01``, ``1078:00``); None for other types."""
        source, _, number = kind.partition(":")
        word = {"808": self.alarm, "1078": self.video_alarm}.get(source)
        return None if word is None else bool(int(word[vehicle_id]) >> int(number) & 1)

    def present(self, vehicle_id: int) -> Present | None:
        """The present of one vehicle; None when nothing was ever received from it."""
        if not 0 <= vehicle_id < self.size or self.received_ms[vehicle_id] == 0:
            return None
        placed = self.lon_e6[vehicle_id] != NO_PLACE
        direction = int(self.direction_deg[vehicle_id])
        wire = int(self.wire[vehicle_id])
        return Present(
            state=("offline", "stopped", "moving")[wire & STATE_MASK],
            at=int(self.at_ms[vehicle_id]),
            received_at=int(self.received_ms[vehicle_id]),
            lat_e6=int(self.lat_e6[vehicle_id]) if placed else None,
            lon_e6=int(self.lon_e6[vehicle_id]) if placed else None,
            speed_dkmh=int(self.speed_dkmh[vehicle_id]),
            direction_deg=direction if direction < 360 else None,
            alarm=int(self.alarm[vehicle_id]),
            fixed=wire & BIT_NO_FIX == 0,
        )


def mercator(lat_e6: npt.NDArray[Any], lon_e6: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint32], ...]:
    """Web Mercator x and y of places in 1e-6 degrees, the world's edge being 2**32 units; y grows southward."""
    world = 2.0**32
    x = (lon_e6 * 1e-6 + 180.0) * (world / 360.0)
    sine = np.sin(np.radians(np.clip(lat_e6 * 1e-6, -85.05112878, 85.05112878)))
    y = world * (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi))
    top = world - 1
    return np.clip(x, 0, top).astype(np.uint32), np.clip(y, 0, top).astype(np.uint32)


def _column(batch: Any, name: str, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """A column as NumPy array of ``kind``; nulls read 0."""
    column = batch.column(name)
    if column.null_count:
        column = column.fill_null(0)
    array: npt.NDArray[Any] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(False)
    return array.astype(kind, copy=False)


def _times(batch: Any, name: str) -> Ints:
    """A timestamp column as UTC milliseconds."""
    return _column(batch, name, "datetime64[ms]").astype(np.int64, copy=False)
