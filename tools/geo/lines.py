"""Plane geometry on lines in degrees: simplification, lengths, distances. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (n, 2): longitude and latitude in degrees."""

EARTH_M = 6_371_008.8
"""Mean radius of the Earth (IUGG), as in the source's lengths."""
METRES_PER_DEGREE = EARTH_M * np.pi / 180


def to_metres(points: Points, lat_deg: float) -> Points:
    """Degrees to metres on a plane that is true along the parallel ``lat_deg``; good within a province."""
    metres: Points = points * np.array([METRES_PER_DEGREE * np.cos(np.radians(lat_deg)), METRES_PER_DEGREE])
    return metres


def length_m(points: Points) -> float:
    """Great-circle length of a line."""
    if len(points) < 2:
        return 0.0
    lon, lat = np.radians(points).T
    half = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
    return float(np.sum(2 * EARTH_M * np.arcsin(np.sqrt(half))))


def distance_to_line(points: Points, line: Points) -> NDArray[np.float64]:
    """Shortest distance in metres of each point to a line; shape (n,)."""
    lat = float(line[:, 1].mean())
    p, q = to_metres(points, lat), to_metres(line, lat)
    if len(q) == 1:
        return np.asarray(np.hypot(*(p - q[0]).T))
    start, step = q[:-1], np.diff(q, axis=0)
    square = np.maximum((step**2).sum(1), 1e-9)
    along = np.clip(((p[:, None] - start) * step).sum(2) / square, 0, 1)
    nearest = start + along[:, :, None] * step
    return np.asarray(np.sqrt(((p[:, None] - nearest) ** 2).sum(2)).min(1))


def simplify(points: Points, tolerance_m: float) -> NDArray[np.int64]:
    """Indices kept by Douglas-Peucker; the first and the last always are.

    A closed line (first point = last point) is cut at the point farthest from its start, so that a ring keeps area.
    """
    count = len(points)
    if count <= 2:
        return np.arange(count)
    keep = np.zeros(count, bool)
    keep[[0, -1]] = True
    metres = to_metres(points, float(points[:, 1].mean()))
    stack = [(0, count - 1)]
    if (points[0] == points[-1]).all():
        far = int(np.argmax(((metres - metres[0]) ** 2).sum(1)))
        keep[far] = True
        stack = [(0, far), (far, count - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        step = metres[last] - metres[first]
        offset = metres[first + 1 : last] - metres[first]
        along = np.clip(offset @ step / max(float(step @ step), 1e-9), 0, 1)
        away = np.hypot(*(offset - along[:, None] * step).T)
        worst = int(np.argmax(away))
        if away[worst] > tolerance_m:
            middle = first + 1 + worst
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return np.flatnonzero(keep)


def sample(points: Points, every_m: float) -> Points:
    """Points along a line, its ends included, at most ``every_m`` apart."""
    metres = to_metres(points, float(points[:, 1].mean()))
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(metres, axis=0).T))])
    count = max(2, int(np.ceil(at[-1] / every_m)) + 1)
    where = np.linspace(0, at[-1], count)
    return np.column_stack([np.interp(where, at, points[:, 0]), np.interp(where, at, points[:, 1])])
