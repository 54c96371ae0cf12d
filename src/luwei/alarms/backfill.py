"""Conditions of backfilled reports 盲区补报 (0x0704 type 1): alarms of the time without a line, in their own order.

They never touch what the live reports say. Each truck's backfill is a track of its own, in order of the terminal's
time; a condition that the live reports or an earlier backfill know to have held at that time makes no second alarm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luwei import facts
from luwei.alarms.item_scan import details
from luwei.alarms.key import alarm_key
from luwei.alarms.lasting import BITS_1078, DETAILS, FAULTS, SOURCES, TYPES, numbers
from luwei.alarms.reports import Found, Reports
from luwei.alarms.standing import ENDED_MAX, TRACK_MS, Open, Standing, Track, keep, slot

Index = npt.NDArray[np.int64]

TRACKS_MAX = 100_000
_VIDEO = ((1 << 32) - 1) << BITS_1078
_FAULT = 3 << FAULTS


def backfilled(
    standing: Standing, reports: Reports, rows: Index, faults: npt.NDArray[np.int8], out: list[Found]
) -> None:
    """Take the backfilled ``rows`` and append what began or ended in them to ``out``."""
    vehicle, alarm, video, fault = reports.vehicle[rows], reports.alarm[rows], reports.video[rows], faults[rows]
    busy = (alarm != 0) | (video != 0) | (fault > 0)
    vehicles = set(vehicle[busy].tolist())
    if standing.tracks:
        vehicles |= {key for key in set(vehicle.tolist()) if key in standing.tracks}
    if not vehicles:
        return
    chosen = rows[np.isin(vehicle, list(vehicles))]
    told = reports.video_told
    # Sorting is stable: of equal times the first that came stays the first.
    chosen = chosen[np.lexsort((reports.at[chosen], reports.vehicle[chosen]))]
    columns = np.stack(
        [
            reports.vehicle[chosen], reports.alarm[chosen].astype(np.int64), reports.video[chosen].astype(np.int64),
            np.ones(len(chosen), np.int64) if told is None else told[chosen].astype(np.int64),
            faults[chosen].astype(np.int64),
        ]
    )  # fmt: skip
    changed = np.ones(len(chosen), np.bool_)
    changed[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    last = np.ones(len(chosen), np.bool_)
    last[:-1] = columns[0, 1:] != columns[0, :-1]
    kept = (changed | last).nonzero()[0]
    chosen, columns = chosen[kept], columns[:, kept]
    for row, at, received, one in zip(
        chosen.tolist(), reports.at[chosen].tolist(), reports.received[chosen].tolist(), columns.T.tolist(), strict=True
    ):
        number, flags, videos, video_told, faulty = one
        track = _track(standing, number, at, received)
        word = flags
        word |= videos << BITS_1078 if video_told else track.word & _VIDEO
        word |= faulty << FAULTS if faulty >= 0 else track.word & _FAULT
        if word != track.word:
            _change(standing, reports, row, number, at, track.word, word, out)
            track.word = word
        track.at_ms, track.received_ms = at, max(track.received_ms, received)


def _track(standing: Standing, vehicle: int, at: int, received: int) -> Track:
    """The vehicle's track, a new one where this report does not continue it."""
    track = standing.tracks.get(vehicle)
    if track is not None and at >= track.at_ms and received - track.received_ms <= TRACK_MS:
        return track
    if track is not None and received - track.received_ms > TRACK_MS:
        for number in numbers(track.word, 0):
            where = slot(vehicle, number)
            known = standing.filled.get(where)
            if known is not None and known.ended_ms is None:
                # Its end fell into the time of which nothing is known.
                standing.filled[where] = known._replace(ended_ms=track.at_ms)
    track = Track(at, received)
    keep(standing.tracks, vehicle, track, TRACKS_MAX)
    return track


def _change(
    standing: Standing, reports: Reports, row: int, vehicle: int, at: int, before: int, now: int, out: list[Found]
) -> None:
    for number in numbers(before & ~now, 0):
        where = slot(vehicle, number)
        known = standing.filled.get(where)
        if known is not None and known.ended_ms is None and known.started_ms <= at:
            keep(standing.filled, where, known._replace(ended_ms=at), ENDED_MAX)
            out.append(_found(reports, row, number, facts.PHASE_END, known.key, at, known.started_ms))
    for number in numbers(now & ~before, 0):
        where = slot(vehicle, number)
        known = standing.filled.get(where)
        if standing.covered(where, at) or (known is not None and known.covers(at)):
            continue
        key = alarm_key(vehicle, TYPES[number], at)
        keep(standing.filled, where, Open(key, at, None), ENDED_MAX)
        out.append(_found(reports, row, number, facts.PHASE_START, key, at, at))


def _found(reports: Reports, row: int, number: int, phase: int, key: int, at: int, started: int) -> Found:
    item = details(reports.items.row(row), DETAILS[number])
    return Found(row, phase, key, at, started, SOURCES[number], TYPES[number], item)
