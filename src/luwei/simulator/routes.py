"""Routes over the road graph: from town to town, by the shortest time, with the speeds that are possible on them.

One Dijkstra search from a town answers every route that starts there; searches and routes are kept.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache, lru_cache
from math import cos, radians
from random import Random

import numpy as np
from numpy.typing import NDArray

from luwei.geo import RoadGraph, path, road_graph

LIMIT_KMH = (90.0, 70.0, 60.0)
"""What a heavy truck may drive on a motorway, trunk and primary road in this simulation."""
TURN_KMH = 35.0
"""Possible speed where the road bends by more than 45 degrees."""
BRAKING_MPS2 = 0.7
METRES_PER_DEGREE = 6_371_008.8 * np.pi / 180


@dataclass(frozen=True, slots=True)
class Town:
    """A place that routes lead to. ``adcode`` is its city's or county's, ``city`` its city's."""

    adcode: int
    city: int
    name: str
    node: int


@cache
def towns() -> tuple[Town, ...]:
    """The 21 cities and 122 counties at their nearest junctions."""
    graph = road_graph()
    result = []
    for feature in json.loads(path("places.json").read_text(encoding="utf-8"))["features"]:
        properties = feature["properties"]
        if properties["kind"] in ("city", "county"):
            node = graph.nearest_node(*feature["geometry"]["coordinates"])
            adcode = properties["adcode"]
            result.append(Town(adcode, properties.get("city", adcode), properties["name"], node))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Tree:
    """Quickest ways from one junction: the edge that leads to each junction (-1: none), and driving seconds."""

    edge: NDArray[np.int32]
    seconds: NDArray[np.float64]


@lru_cache(maxsize=256)
def tree(start: int) -> Tree:
    """Quickest ways from junction ``start`` to all others."""
    graph = road_graph()
    cost = (graph.length_m / (np.array(LIMIT_KMH)[graph.kind] / 3.6)).tolist()
    count = len(graph.node_lon_e6)
    seconds, came = [float("inf")] * count, [-1] * count
    seconds[start] = 0.0
    queue = [(0.0, start)]
    while queue:
        so_far, node = heapq.heappop(queue)
        if so_far > seconds[node]:
            continue
        for edge, other in graph.neighbours[node]:
            total = so_far + cost[edge]
            if total < seconds[other]:
                seconds[other], came[other] = total, edge
                heapq.heappush(queue, (total, other))
    return Tree(np.array(came, np.int32), np.array(seconds))


@dataclass(frozen=True, slots=True)
class Route:
    """A way as a chain of k points; lists, because they are read one value at a time.

    Distances are along the road as the graph's lengths count them, a little more than the drawn line.
    """

    at_m: list[float]
    """Distance of each point from the start."""
    lon: list[float]
    lat: list[float]
    """Degrees."""
    limit_mps: list[float]
    """Limit on the way from point i to i + 1; k - 1 values."""
    bearing_deg: list[float]
    """Direction from point i to i + 1, north 0, clockwise; k - 1 values."""
    top_mps: list[float]
    """Highest speed at each point from which every bend ahead can be met by normal braking; 0 at the end."""
    tunnels: list[tuple[float, float]]
    """Stretches (from, to) in metres without sky and without radio, ascending."""

    @property
    def length_m(self) -> float:
        return self.at_m[-1]

    def segment(self, at_m: float) -> int:
        """Index of the point before ``at_m``."""
        return min(max(bisect_right(self.at_m, at_m) - 1, 0), len(self.at_m) - 2)

    def place(self, at_m: float) -> tuple[float, float]:
        """Longitude and latitude in degrees ``at_m`` metres from the start."""
        i = self.segment(at_m)
        length = self.at_m[i + 1] - self.at_m[i]
        share = min(max((at_m - self.at_m[i]) / length, 0.0), 1.0) if length > 0 else 0.0
        return (
            self.lon[i] + share * (self.lon[i + 1] - self.lon[i]),
            self.lat[i] + share * (self.lat[i + 1] - self.lat[i]),
        )

    def in_tunnel(self, at_m: float) -> bool:
        return any(start <= at_m < end for start, end in self.tunnels)


def tunnels_of(graph: RoadGraph, edge: int) -> list[tuple[float, float]]:
    """Tunnels of an edge from its node a, in metres. The source knows none: some are put into hilly motorways."""
    if graph.kind[edge] != 0 or graph.length_m[edge] < 5_000:
        return []
    lat = graph.node_lat_e6[graph.a[edge]] / 1e6
    rng = Random(f"tunnel {edge}")
    result, at = [], 0.0
    while (at := at + rng.uniform(4_000, 30_000)) < graph.length_m[edge] - 3_500:
        if lat > 23.4 or rng.random() < 0.25:
            end = at + rng.uniform(400, 3_000)
            result.append((at, end))
            at = end
    return result


@lru_cache(maxsize=4096)
def route(start: int, end: int) -> Route | None:
    """The quickest way between two junctions; None where they are the same or not connected."""
    graph, came = road_graph(), tree(start).edge
    edges: list[tuple[int, bool]] = []
    node = end
    while node != start:
        edge = int(came[node])
        if edge < 0:
            return None
        forward = int(graph.b[edge]) == node
        edges.append((edge, forward))
        node = int(graph.a[edge] if forward else graph.b[edge])
    return _chain(graph, edges[::-1]) if edges else None


def _chain(graph: RoadGraph, edges: list[tuple[int, bool]]) -> Route:
    points, steps, limits, tunnels = [], [], [], []
    travelled = 0.0
    for number, (edge, forward) in enumerate(edges):
        line = graph.points(edge) / 1e6
        line = line if forward else line[::-1]
        east_north = np.diff(line, axis=0) * METRES_PER_DEGREE
        east_north[:, 0] *= np.cos(np.radians(line[:-1, 1]))
        drawn = np.hypot(*east_north.T)
        length = float(graph.length_m[edge])
        points.append(line if number == 0 else line[1:])
        steps.append(drawn * (length / max(float(drawn.sum()), 1.0)))
        limits.append(np.full(len(drawn), LIMIT_KMH[graph.kind[edge]] / 3.6))
        for begin, end in tunnels_of(graph, edge):
            tunnels.append(
                (travelled + begin, travelled + end)
                if forward
                else (travelled + length - end, travelled + length - begin)
            )
        travelled += length
    line, step, limit = np.vstack(points), np.concatenate(steps), np.concatenate(limits)
    keep = np.concatenate([[True], step > 0.5])  # points that coincide have no direction
    line, step, limit = line[keep], step[keep[1:]], limit[keep[1:]]
    at = np.concatenate([[0.0], np.cumsum(step)])
    east = np.diff(line[:, 0]) * np.cos(np.radians(line[:-1, 1]))
    bearing = np.degrees(np.arctan2(east, np.diff(line[:, 1]))) % 360
    turn = np.abs((np.diff(bearing) + 180) % 360 - 180)
    top = np.minimum(np.concatenate([limit[:1], limit]), np.concatenate([limit, limit[-1:]]))
    top[1:-1] = np.where(turn > 45, np.minimum(top[1:-1], TURN_KMH / 3.6), top[1:-1])
    top[-1] = 0.0
    for i in range(len(top) - 2, -1, -1):
        top[i] = min(top[i], float(np.sqrt(top[i + 1] ** 2 + 2 * BRAKING_MPS2 * step[i])))
    return Route(
        at.tolist(),
        line[:, 0].tolist(),
        line[:, 1].tolist(),
        limit.tolist(),
        bearing.tolist(),
        top.tolist(),
        sorted(tunnels),
    )


def destination(start: Town, home: int, rng: Random) -> Town:
    """Where a truck goes next: big places more often, near ones more often, its home city often."""
    seconds = tree(start.node).seconds
    choices, weights = [], []
    for town in towns():
        drive_s = seconds[town.node]
        if 900 <= drive_s < 6 * 3600:
            weight = (3.0 if town.adcode == town.city else 1.0) * (4.0 if town.city == home else 1.0)
            choices.append(town)
            weights.append(weight / (1 + drive_s / 5400))
    return rng.choices(choices, weights)[0] if choices else rng.choice(towns())


def metres_between(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Straight distance between two near places in degrees."""
    east = (lon2 - lon1) * cos(radians((lat1 + lat2) / 2))
    return float(METRES_PER_DEGREE * (east**2 + (lat2 - lat1) ** 2) ** 0.5)
