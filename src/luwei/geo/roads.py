"""The road graph of Guangdong as NumPy arrays.

Every edge may be driven both ways: the source dropped one-way flags at its scale.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from luwei.geo.areas import path

MICRODEGREES = 10
"""The file counts in 1e-5 degrees, the arrays in 1e-6."""

CLASSES = ("motorway", "trunk", "primary")


@dataclass(frozen=True)
class RoadGraph:
    """n nodes and m edges; the points of edge e are ``point_*[first[e]:first[e + 1]]``, from its node a to its b."""

    node_lon_e6: NDArray[np.int32]
    """Shape (n,)."""
    node_lat_e6: NDArray[np.int32]
    a: NDArray[np.int32]
    """Shape (m,): index of the node where the edge starts."""
    b: NDArray[np.int32]
    kind: NDArray[np.uint8]
    """Index into CLASSES."""
    length_m: NDArray[np.int32]
    ref: NDArray[np.int16]
    """Index into ``refs``, -1 where no number is known."""
    first: NDArray[np.int32]
    """Shape (m + 1,)."""
    point_lon_e6: NDArray[np.int32]
    point_lat_e6: NDArray[np.int32]
    refs: tuple[tuple[str, str], ...]
    """Number and name of expressways, such as ("G15", "沈海高速"); the name may be empty."""

    def points(self, edge: int) -> NDArray[np.int32]:
        """Longitude and latitude of an edge's points from a to b, in 1e-6 degrees; shape (k, 2)."""
        part = slice(self.first[edge], self.first[edge + 1])
        return np.column_stack([self.point_lon_e6[part], self.point_lat_e6[part]])

    @cached_property
    def neighbours(self) -> list[list[tuple[int, int]]]:
        """For each node its (edge, other node) pairs."""
        result: list[list[tuple[int, int]]] = [[] for _ in self.node_lon_e6]
        for edge, (a, b) in enumerate(zip(self.a.tolist(), self.b.tolist(), strict=True)):
            result[a].append((edge, b))
            result[b].append((edge, a))
        return result

    def nearest_node(self, lon: float, lat: float) -> int:
        """Index of the node closest to a place in degrees."""
        east = (self.node_lon_e6 - lon * 1e6) * np.cos(np.radians(lat))
        return int(np.argmin(east**2 + (self.node_lat_e6 - lat * 1e6) ** 2))


@cache
def road_graph() -> RoadGraph:
    """Read roads.json (once a process)."""
    table = json.loads(path("roads.json").read_text(encoding="utf-8"))
    nodes = np.cumsum(np.array(table["nodes"], np.int32).reshape(-1, 2), axis=0, dtype=np.int32) * MICRODEGREES
    rows = table["edges"]
    a, b, kind, length = (np.array([row[i] for row in rows], np.int32) for i in range(4))
    lines = []
    for row in rows:
        steps = np.array(row[5], np.int32).reshape(-1, 2) * MICRODEGREES
        lines.append(np.vstack([nodes[row[0]], nodes[row[0]] + np.cumsum(steps, axis=0), nodes[row[1]]]))
    first = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int32)
    points = np.vstack(lines).astype(np.int32)
    return RoadGraph(
        node_lon_e6=nodes[:, 0].copy(),
        node_lat_e6=nodes[:, 1].copy(),
        a=a,
        b=b,
        kind=kind.astype(np.uint8),
        length_m=length,
        ref=np.array([-1 if row[4] is None else row[4] for row in rows], np.int16),
        first=first,
        point_lon_e6=points[:, 0].copy(),
        point_lat_e6=points[:, 1].copy(),
        refs=tuple((number, name) for number, name in table["refs"]),
    )
