"""From locations to alarms: conditions that began or ended, and items of active safety, of a whole batch at once."""

from __future__ import annotations

from collections import Counter as Tally

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from prometheus_client import Counter

from luwei import facts
from luwei.alarms import safety_item
from luwei.alarms.backfill import backfilled
from luwei.alarms.conditions import live
from luwei.alarms.item_scan import FAULT_LENGTH, FAULTS, HEAD, SAFETY, step
from luwei.alarms.key import alarm_key, item_key
from luwei.alarms.reports import Found, Place, Reports, batch_of
from luwei.alarms.safety_item import SafetyItem
from luwei.alarms.standing import BEGUN_KEYS_MAX, BEGUN_MAX, BEGUN_MS, MAX_VEHICLES, Begun, Standing, keep
from luwei.protocol.jt808.batch.location import STATUS_SOUTH, STATUS_WEST

FUTURE_MS = 600_000
"""An item's time so far after receipt is not believed, as that of a location."""
DAY_MS = 86_400_000
SPEED_MAX_KMH = 250
FAULT_EDITION = 2019
"""粤标, which gives 0xF1 and 0xF2 their meaning, stands on 808-2019; before it they are the vendor's own."""

_alarms = Counter("luwei_alarms_total", "Alarms derived from locations, by source and phase", ["source", "phase"])
_repeated = Counter("luwei_alarms_repeated_total", "Alarm items that came again")
_unreadable = Counter("luwei_alarms_unreadable_items_total", "Alarm items too short for their fixed part", ["item"])
_beyond = Counter("luwei_alarms_beyond_total", "Locations of vehicles with an impossible id")
TYRE_TYPES = tuple(f"66{bit:02X}" for bit in range(1, 16))
_PHASES = ("point", "start", "end")


class Extraction:
    """Derives alarms batch by batch, in the order of the stream; ``days``: the history's time-to-live."""

    def __init__(self, standing: Standing, days: int) -> None:
        self.standing = standing
        self._oldest_ms = days * DAY_MS

    def derive(self, batch: pa.RecordBatch) -> pa.RecordBatch | None:
        """The alarms in ``batch`` (``facts.LOCATION``) as ``facts.ALARM_EVENT``, None where there are none.

        Raises nothing whatever the terminals sent: only the items' bytes and numbers are theirs.
        """
        if not batch.num_rows:
            return None
        reports = Reports(batch)
        highest = int(reports.vehicle.max())
        if highest >= MAX_VEHICLES:
            inside = reports.vehicle < MAX_VEHICLES
            _beyond.inc(int(np.count_nonzero(~inside)))
            return self.derive(batch.filter(pa.array(inside)))
        self.standing.reserve(highest + 1)
        found: list[Found] = []
        faults, items = _scan(reports)
        if reports.backfill.any():
            live_rows, late_rows = (~reports.backfill).nonzero()[0], reports.backfill.nonzero()[0]
        else:
            live_rows, late_rows = np.arange(len(reports)), np.empty(0, np.int64)
        if len(live_rows):
            live(self.standing, reports, live_rows, faults, found)
        if len(late_rows):
            backfilled(self.standing, reports, late_rows, faults, found)
        if items:
            self._items(reports, items, found)
        if not found:
            return None
        for (source, phase), count in Tally((one.source, one.phase) for one in found).items():
            _alarms.labels(source, _PHASES[phase]).inc(count)
        return batch_of(reports, found)

    def _items(self, reports: Reports, items: list[tuple[int, bytes]], found: list[Found]) -> None:
        read = []
        for row, raw in items:
            item = safety_item.read(raw[0], raw[HEAD:])
            if item is None:
                _unreadable.labels(f"0x{raw[0]:02X}").inc()
            else:
                read.append((row, raw, item))
        times = safety_item.times_ms([item.time for _, _, item in read])
        lines = [row for row, _, _ in read]
        columns = [reports.column(name)[lines].tolist() for name in ("status", "lat_e6", "lon_e6", "speed_dkmh")]
        for (row, raw, item), time, status, lat, lon, speed in zip(read, times, *columns, strict=True):
            vehicle, received = int(reports.vehicle[row]), int(reports.received[row])
            if self.standing.seen(item_key(vehicle, raw)):
                _repeated.inc()
                continue
            at = time if time is not None and self._believed(time, received) else int(reports.at[row])
            place = _place(item, status, lat, lon, speed)
            for phase, type_, key, started in self._phases(vehicle, item, at, bool(reports.backfill[row])):
                found.append(
                    Found(
                        row, phase, key, at, started, safety_item.SOURCES[item.item], type_, raw, item.level,
                        item.identification, item.files, item.sequence, item.dialect, place,
                    )
                )  # fmt: skip

    def _believed(self, time: int, received: int) -> bool:
        return received - self._oldest_ms < time <= received + FUTURE_MS

    def _phases(self, vehicle: int, item: SafetyItem, at: int, late: bool) -> list[tuple[int, str, int, int]]:
        """Phase, type, key and start of each alarm that the item speaks of."""
        if item.flag == facts.PHASE_END:
            return self._ends(vehicle, item, at, late)
        phase = facts.PHASE_START if item.flag == facts.PHASE_START else facts.PHASE_POINT
        found = []
        for type_ in item.types:
            key = alarm_key(vehicle, type_, at, item.alarm_id, item.identification)
            found.append((phase, type_, key, at))
            if phase == facts.PHASE_START:
                begun = self.standing.begun.get((vehicle, type_, late), [])
                keep(self.standing.begun, (vehicle, type_, late), begun, BEGUN_KEYS_MAX)
                begun.append(Begun(item.alarm_id, key, at))
                del begun[:-BEGUN_MAX]
        return found

    def _ends(self, vehicle: int, item: SafetyItem, at: int, late: bool) -> list[tuple[int, str, int, int]]:
        types = item.types
        if item.item == safety_item.TYRE_ITEM and not types:
            # The end of a tyre alarm need not repeat what is over.
            types = tuple(type_ for type_ in TYRE_TYPES if self._has_begun(vehicle, type_, item.alarm_id, late))
        found = []
        for type_ in types:
            begun_at = self._paired(vehicle, type_, item.alarm_id, at, late)
            if begun_at is None:
                key = alarm_key(vehicle, type_, at, item.alarm_id, item.identification)
                found.append((facts.PHASE_END, type_, key, at))
            else:
                found.append((facts.PHASE_END, type_, begun_at.key, begun_at.started_ms))
        return found

    def _has_begun(self, vehicle: int, type_: str, alarm_id: int, late: bool) -> bool:
        return any(one.alarm_id == alarm_id for one in self.standing.begun.get((vehicle, type_, late), ()))

    def _paired(self, vehicle: int, type_: str, alarm_id: int, at: int, late: bool) -> Begun | None:
        """The start that this end belongs to, which is over now: of the same 报警ID where there is one (also from the
        other side of an outage), else the latest open one (reference §3)."""
        begun = self.standing.begun
        for where in ((vehicle, type_, late), (vehicle, type_, not late)):
            opened = begun.get(where, [])
            opened[:] = [one for one in opened if one.started_ms > at - BEGUN_MS]
            same = [one for one in opened if one.alarm_id == alarm_id and one.started_ms <= at]
            if not same and where[2] == late:
                same = [one for one in opened if one.started_ms <= at]
                other = begun.get((vehicle, type_, not late), [])
                if any(one.alarm_id == alarm_id and one.started_ms <= at for one in other):
                    continue
            if same:
                opened.remove(same[-1])
                if not opened:
                    begun.pop(where, None)
                return same[-1]
            if not opened:
                begun.pop(where, None)
        return None


def _scan(reports: Reports) -> tuple[npt.NDArray[np.int8], list[tuple[int, bytes]]]:
    """Bits of 0xF1 and 0xF2 of each report (-1: neither), and the alarm items as (row, id + length + value)."""
    faults = np.full(len(reports), -1, np.int8)
    found: list[tuple[int, bytes]] = []
    rows = reports.items.candidates()
    if not rows:
        return faults, found
    editions = reports.column("edition")
    for row in rows:
        items = reports.items.row(row)
        for item, start, stop in step(items):
            if item in SAFETY:
                found.append((row, items[start - HEAD : stop]))
            elif item in FAULTS and stop - start == FAULT_LENGTH and editions[row] >= FAULT_EDITION:
                bit = 1 << FAULTS.index(item) if any(items[start:stop]) else 0
                faults[row] = max(int(faults[row]), 0) | bit
    return faults, found


def _place(item: SafetyItem, status: int, lat: int, lon: int, speed: int) -> Place:
    """The item's own place and speed, the report's where it has none; the hemisphere is the report's (reference §3)."""
    altitude = item.altitude_m - 65_536 if item.altitude_m > 32_767 else item.altitude_m
    own_speed = item.speed_kmh * 10 if item.speed_kmh <= SPEED_MAX_KMH else speed
    if (item.lat_e6 == 0 and item.lon_e6 == 0) or item.lat_e6 > 90_000_000 or item.lon_e6 > 180_000_000:
        return Place(lat, lon, altitude, own_speed)
    south, west = status & STATUS_SOUTH, status & STATUS_WEST
    return Place(-item.lat_e6 if south else item.lat_e6, -item.lon_e6 if west else item.lon_e6, altitude, own_speed)
