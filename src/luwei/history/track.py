"""What a track 轨迹 says: which points count, how far the truck went, where it stopped, where the track breaks.

Pure NumPy over the columns of one vehicle. The rules are those of the project's supervision reference, §5.1 (qualified
record, notes of JT/T 1077 / M160), §5.2 (drift) and §5.3 (break and completeness). A break is never joined: its length
counts into the total but not into the complete distance, and no line is drawn across it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from luwei.facts import (
    FLAG_NOT_FIXED,
    FLAG_PLACE_IMPOSSIBLE,
    FLAG_TIME_FUTURE,
    FLAG_TIME_PAST,
    FLAG_TIME_UNREADABLE,
    ORIGIN_BACKFILL,
)

EARTH_M = 6_371_008.8
"""Mean radius of WGS-84 (IUGG R1)."""
GAP_S = 300
"""A pair of points further apart in time than this, and in place than ``GAP_M``, is a break (§5.3)."""
GAP_M = 2_000.0
JITTER_M = 50.0
"""A standing truck's positions wander this much: such a step counts as no distance (§5.3)."""
STILL_DKMH = 30
"""Below 3 km/h a truck stands: the same bound as on the live map."""
STOP_S = 180
"""A standstill of at least this length is listed as a stop 停车; shorter ones are lights and queues."""
CRAWL_KMH = 10.0
"""Two standing points further apart than this speed allows do not belong to one stop."""

QUALIFIED_LON_E6 = (73_550_000, 135_083_333)
QUALIFIED_LAT_E6 = (3_850_000, 53_550_000)
QUALIFIED_SPEED_DKMH = 1_600
QUALIFIED_ALTITUDE_M = (-200, 6_500)
DRIFT_KMH = 160.0
DRIFT_M = 500.0
DRIFT_RETURNS_WITHIN = 3
DRIFT_AFTER_GAP_S = 60
"""The first point after a silence longer than this is no drift: tunnel exits (§5.2)."""

MARK_DRIFT = 1 << 6
MARK_UNQUALIFIED = 1 << 7
"""Bits added to the ``flags`` column of a raw track; the stored column uses bits 0 to 5 (``facts.FLAG_*``)."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NO_PLACE_OR_TIME = FLAG_NOT_FIXED | FLAG_PLACE_IMPOSSIBLE | FLAG_TIME_UNREADABLE | FLAG_TIME_FUTURE | FLAG_TIME_PAST


@dataclass(frozen=True, slots=True)
class Stop:
    """A standstill; the place is the median of its points. Times in UTC ms, ``points`` counts its positions."""

    from_at: int
    to_at: int
    lat_e6: int
    lon_e6: int
    points: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A break 轨迹断点: the truck moved ``metres`` (straight) while silent. ``from_index`` is the row before it."""

    from_at: int
    to_at: int
    metres: float
    from_index: int


@dataclass(frozen=True, slots=True)
class Track:
    """A judged track. ``rows`` are the input rows that count, in order of time; ``flags`` is one value an input row."""

    rows: Ints
    order: Ints
    flags: npt.NDArray[np.uint8]
    stops: list[Stop]
    gaps: list[Gap]
    points: int
    backfilled: int
    duplicates: int
    unqualified: int
    not_fixed: int
    drift: int
    distance_m: float
    complete_m: float
    gap_m: float
    driving_s: float
    stopped_s: float
    gap_s: float
    max_speed_dkmh: int

    @property
    def completeness(self) -> float | None:
        """轨迹完整率: complete over total distance; None where the truck did not move."""
        return self.complete_m / self.distance_m if self.distance_m > 0 else None


def haversine(lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
    """Great-circle distance in metres of places in degrees."""
    a, b = np.radians(lat_a), np.radians(lat_b)
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(lon_b - lon_a) / 2) ** 2
    result: Floats = 2 * EARTH_M * np.arcsin(np.minimum(np.sqrt(half), 1.0))
    return result


def judge(columns: dict[str, npt.NDArray[Any]]) -> Track:
    """Judge the rows of one vehicle, in any order.

    ``columns`` needs at (UTC ms), lat_e6, lon_e6, speed_dkmh, altitude_m, direction_deg, origin, flags, serial, each of
    the same length. Backfilled points take their place in time; a point that came twice (live and again from the
    terminal's memory: same time, same place) counts once, as the one that came first.
    """
    n = len(columns["at"])
    at = columns["at"].astype(np.int64)
    backfilled = columns["origin"] == ORIGIN_BACKFILL
    order = np.lexsort((np.arange(n), backfilled, at))
    lat, lon = columns["lat_e6"].astype(np.int64), columns["lon_e6"].astype(np.int64)
    flags = columns["flags"].astype(np.uint8)

    twin = np.zeros(n, np.bool_)
    if n > 1:
        a, b = order[:-1], order[1:]
        twin[b] = (at[a] == at[b]) & (lat[a] == lat[b]) & (lon[a] == lon[b])
    placed = flags & _NO_PLACE_OR_TIME == 0
    qualified = _qualified(columns, lat, lon)
    rows = order[(placed & qualified & ~twin)[order]]
    drifting = _drift(at[rows], lat[rows] * 1e-6, lon[rows] * 1e-6, columns["speed_dkmh"][rows].astype(np.int64))
    flags = flags | np.where(qualified, np.uint8(0), np.uint8(MARK_UNQUALIFIED))
    flags[rows[drifting]] |= MARK_DRIFT
    drift = int(drifting.sum())
    rows = rows[~drifting]

    t, speed = at[rows], columns["speed_dkmh"][rows].astype(np.int64)
    y, x = lat[rows] * 1e-6, lon[rows] * 1e-6
    seconds = np.diff(t) / 1000.0
    metres = haversine(y[:-1], x[:-1], y[1:], x[1:])
    gap = (seconds > GAP_S) & (metres > GAP_M)
    # §5.3 leaves out every step below 50 m. Taken literally, a terminal that reports each second would never move; so
    # a short step is jitter only where at least one of its ends stands.
    still = speed < STILL_DKMH
    jitter = (metres < JITTER_M) & (still[:-1] | still[1:])
    counted = np.where(jitter, 0.0, metres)
    stops, stopped_s = _stops(t, y, x, still, seconds, metres, gap)
    gap_s = float(seconds[gap].sum())
    return Track(
        rows=rows,
        order=order,
        flags=flags,
        stops=stops,
        gaps=[Gap(int(t[i]), int(t[i + 1]), round(float(metres[i]), 1), int(i)) for i in np.flatnonzero(gap).tolist()],
        points=len(rows),
        backfilled=int(backfilled[rows].sum()),
        duplicates=int(twin.sum()),
        unqualified=int((~qualified & ~twin).sum()),
        not_fixed=int((~placed & ~twin).sum()),
        drift=drift,
        distance_m=float(counted.sum()),
        complete_m=float(counted[~gap].sum()),
        gap_m=float(counted[gap].sum()),
        driving_s=float(seconds.sum()) - gap_s - stopped_s,
        stopped_s=stopped_s,
        gap_s=gap_s,
        max_speed_dkmh=int(speed.max()) if len(speed) else 0,
    )


def _qualified(columns: dict[str, npt.NDArray[Any]], lat: Ints, lon: Ints) -> Mask:
    """Records whose place, speed and altitude are possible (§5.1); direction is judged at the wire already."""
    altitude = columns["altitude_m"]
    result: Mask = (
        (lon >= QUALIFIED_LON_E6[0])
        & (lon <= QUALIFIED_LON_E6[1])
        & (lat >= QUALIFIED_LAT_E6[0])
        & (lat <= QUALIFIED_LAT_E6[1])
        & (columns["speed_dkmh"] <= QUALIFIED_SPEED_DKMH)
        & (altitude >= QUALIFIED_ALTITUDE_M[0])
        & (altitude <= QUALIFIED_ALTITUDE_M[1])
    )
    return result


def _drift(at: Ints, lat: Floats, lon: Floats, speed: Ints) -> Mask:
    """Points that jump out and whose track returns within three points, and jumps of a parked truck (§5.2).

    A jump is faster than 160 km/h and longer than 500 m. Every point from the jump to before the return drifts. Only
    rows that follow a jump are walked, so a clean track costs one vector pass.
    """
    n = len(at)
    drifting = np.zeros(n, np.bool_)
    if n < 2:
        return drifting
    seconds = np.diff(at) / 1000.0
    metres = haversine(lat[:-1], lon[:-1], lat[1:], lon[1:])
    jumps = (
        np.flatnonzero((metres > DRIFT_M) & (metres > DRIFT_KMH / 3.6 * seconds) & (seconds <= DRIFT_AFTER_GAP_S)) + 1
    )
    for i in jumps.tolist():
        if drifting[i] or drifting[i - 1]:
            continue
        for j in range(i + 1, min(i + DRIFT_RETURNS_WITHIN, n - 1) + 1):
            back_s = (at[j] - at[i - 1]) / 1000.0
            one = slice(i - 1, i)
            back_m = float(haversine(lat[one], lon[one], lat[j : j + 1], lon[j : j + 1])[0])
            if back_m <= max(DRIFT_M, DRIFT_KMH / 3.6 * back_s):
                drifting[i:j] = True
                break
        else:
            if speed[i - 1] == 0 and speed[i] == 0:
                drifting[i] = True
    return drifting


def _stops(
    t: Ints, lat: Floats, lon: Floats, still: Mask, seconds: Floats, metres: Floats, gap: Mask
) -> tuple[list[Stop], float]:
    """Runs of standing steps of at least ``STOP_S``.

    A step stands when both ends stand and lie near each other, or when the truck was silent for long and is still
    about where it was (ignition off): parked, not lost.
    """
    if len(seconds) == 0:
        return [], 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        implied = np.where(seconds > 0, metres / seconds * 3.6, np.where(metres > JITTER_M, np.inf, 0.0))
    standing = ~gap & (
        (still[:-1] & still[1:] & ((implied < CRAWL_KMH) | (metres < JITTER_M)))
        | ((seconds > GAP_S) & (implied < STILL_DKMH / 10))
    )
    edges = np.diff(np.r_[0, standing.astype(np.int8), 0])
    stops: list[Stop] = []
    total = 0.0
    for first, last in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        length = (t[last] - t[first]) / 1000.0
        if length < STOP_S:
            continue
        total += float(length)
        here = slice(first, last + 1)
        place = round(float(np.median(lat[here])) * 1e6), round(float(np.median(lon[here])) * 1e6)
        stops.append(Stop(int(t[first]), int(t[last]), *place, last - first + 1))
    return stops, total


def columns_of(table: pa.Table, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    """Columns of an Arrow table as NumPy arrays; timestamps as UTC milliseconds, nulls as 0."""
    result: dict[str, npt.NDArray[Any]] = {}
    for name in names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
        result[name] = column.fill_null(0).to_numpy() if column.null_count else column.to_numpy()
    return result
