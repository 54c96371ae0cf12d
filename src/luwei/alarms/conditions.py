"""Conditions of live reports: which began and which ended since each truck's last report.

Most reports say what the one before said, in order: those are told apart with NumPy and only move the clock. What
differs, or comes out of order, goes truck by truck in order of arrival:

* a report older than the last that counted changes nothing, nor does a repeated one (same time, older serial number);
  but after 60 s without a newer one it counts after all, for then the terminal's clock was set back;
* a report whose own time cannot be believed counts, but does not move the clock;
* a bit that is set begins an alarm, a bit that is cleared ends it, whether the terminal clears it with the condition or
  after the platform's answer (JT/T 808-2019 table 25);
* a report without item 0x14, 0xF1 or 0xF2 says nothing of them: they end when reports have been silent for 60 s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from luwei import facts
from luwei.alarms.item_scan import details
from luwei.alarms.key import alarm_key
from luwei.alarms.lasting import BITS_808, BITS_1078, DETAILS, FAULTS, SOURCES, TYPES, numbers
from luwei.alarms.reports import UNTRUE_TIME, Found, Reports
from luwei.alarms.standing import Standing, slot

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

STALE_MS = 60_000
ABSENT_MS = 60_000
_HALF = 0x8000


def live(standing: Standing, reports: Reports, rows: Index, faults: npt.NDArray[np.int8], out: list[Found]) -> None:
    """Take the live ``rows`` (ascending) into ``standing`` and append what began or ended to ``out``.

    ``faults`` has for each row of ``reports`` the bits of 0xF1 and 0xF2, -1 where it has neither item.
    """
    whole = len(rows) == len(reports)

    def of(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return column if whole else column[rows]

    vehicle, at, serial, received = of(reports.vehicle), of(reports.at), of(reports.serial), of(reports.received)
    fault = of(faults)
    before = standing.at_ms[vehicle]
    odd: Mask = of(reports.alarm) != standing.alarm[vehicle]
    odd |= of(reports.video) != standing.video[vehicle]
    odd |= np.maximum(fault, 0) != standing.fault[vehicle]
    odd |= of(reports.flags) & UNTRUE_TIME != 0
    odd |= at < before
    last = standing.serial[vehicle]
    odd |= (at == before) & (last >= 0) & ((serial - last) & 0xFFFF >= _HALF)
    if standing.absent:
        odd |= np.isin(vehicle, [key >> 1 for key in standing.absent])
    odd |= _disordered(vehicle, at, serial)
    if odd.any():
        slow = np.isin(vehicle, np.unique(vehicle[odd])) if len(vehicle) < 64 else _of_vehicles(vehicle, odd)
        plain = ~slow
        vehicle, at, received, serial = vehicle[plain], at[plain], received[plain], serial[plain]
    # Of several rows of a vehicle the last assigned stays, and they are in order.
    standing.at_ms[vehicle] = at
    standing.taken_ms[vehicle] = received
    standing.serial[vehicle] = serial
    if odd.any():
        _one_by_one(standing, reports, rows[slow], faults, out)


def _disordered(vehicle: Index, at: Index, serial: npt.NDArray[np.int32]) -> Mask:
    """Rows of vehicles that have several here, which are not in the order of their times."""
    odd = np.zeros(len(vehicle), np.bool_)
    order = np.argsort(vehicle, kind="stable")
    sorted_vehicle = vehicle[order]
    same = sorted_vehicle[1:] == sorted_vehicle[:-1]
    if same.any():
        one, two = order[:-1], order[1:]
        back = same & ((at[two] < at[one]) | ((at[two] == at[one]) & ((serial[two] - serial[one]) & 0xFFFF >= _HALF)))
        odd[two[back]] = True
    return odd


def _of_vehicles(vehicle: Index, odd: Mask) -> Mask:
    """All rows of the vehicles that have an odd one."""
    marked = np.zeros(int(vehicle.max()) + 1, np.bool_)
    marked[vehicle[odd]] = True
    found: Mask = marked[vehicle]
    return found


def _one_by_one(
    standing: Standing, reports: Reports, rows: Index, faults: npt.NDArray[np.int8], out: list[Found]
) -> None:
    """Rows in order of arrival, whose vehicles may have several."""
    told = reports.video_told
    ids, place = np.unique(reports.vehicle[rows], return_inverse=True)
    ats, takens, serials = standing.at_ms[ids].tolist(), standing.taken_ms[ids].tolist(), standing.serial[ids].tolist()
    alarms, videos, broken = standing.alarm[ids].tolist(), standing.video[ids].tolist(), standing.fault[ids].tolist()
    columns = zip(
        rows.tolist(), place.tolist(), reports.vehicle[rows].tolist(), reports.at[rows].tolist(),
        reports.received[rows].tolist(), reports.serial[rows].tolist(), reports.flags[rows].tolist(),
        reports.alarm[rows].tolist(), reports.video[rows].tolist(),
        [True] * len(rows) if told is None else told[rows].tolist(), faults[rows].tolist(), strict=True,
    )  # fmt: skip
    for row, n, vehicle, at, received, serial, flags, alarm, video, video_told, fault in columns:
        if not flags & UNTRUE_TIME:
            last = serials[n]
            stale = at < ats[n] or (at == ats[n] and last >= 0 and (serial - last) & 0xFFFF >= _HALF)
            if stale and received - takens[n] < STALE_MS:
                continue
            ats[n], serials[n] = at, serial
        takens[n] = received
        one = _Row(standing, reports, row, vehicle, at, out)
        if alarm != alarms[n]:
            one.change(alarms[n], alarm, BITS_808)
            alarms[n] = alarm
        if videos[n] or video_told:
            videos[n] = one.told(vehicle << 1, videos[n], video, video_told, BITS_1078)
        if broken[n] or fault >= 0:
            broken[n] = one.told(vehicle << 1 | 1, broken[n], fault, fault >= 0, FAULTS)
    standing.at_ms[ids], standing.taken_ms[ids], standing.serial[ids] = ats, takens, serials
    standing.alarm[ids], standing.video[ids], standing.fault[ids] = alarms, videos, broken


class _Row:
    """One report that counts."""

    __slots__ = ("_at", "_out", "_reports", "_row", "_standing", "_vehicle")

    def __init__(self, standing: Standing, reports: Reports, row: int, vehicle: int, at: int, out: list[Found]) -> None:
        self._standing, self._reports, self._row = standing, reports, row
        self._vehicle, self._at, self._out = vehicle, at, out

    def told(self, key: int, before: int, now: int, is_told: bool, first: int) -> int:
        """Bits that a report may leave out: change to ``now`` where it tells them; what holds from then on."""
        absent = self._standing.absent
        if is_told:
            absent.pop(key, None)
            if now != before:
                self.change(before, now, first)
            return now
        since = absent.setdefault(key, self._at)
        if self._at - since < ABSENT_MS:
            return before
        del absent[key]
        self.change(before, 0, first, since)
        return 0

    def change(self, before: int, now: int, first: int, at: int | None = None) -> None:
        """Begin what is set in ``now`` and was not in ``before``, end the reverse."""
        at = self._at if at is None else at
        for number in numbers(before & ~now, first):
            ended = self._standing.end(slot(self._vehicle, number), at)
            self._add(number, facts.PHASE_END, ended.key if ended else None, at, ended.started_ms if ended else at)
        for number in numbers(now & ~before, first):
            key = alarm_key(self._vehicle, TYPES[number], at)
            self._standing.begin(slot(self._vehicle, number), key, at)
            self._add(number, facts.PHASE_START, key, at, at)

    def _add(self, number: int, phase: int, key: int | None, at: int, started: int) -> None:
        key = alarm_key(self._vehicle, TYPES[number], started) if key is None else key
        more = DETAILS[number]
        item = details(self._reports.items.row(self._row), more) if more else b""
        self._out.append(Found(self._row, phase, key, at, started, SOURCES[number], TYPES[number], item))
