"""The road graph as a compact table: fewer nodes, fewer points, the same roads.

In this order: loops at one node are left out; of two edges between the same nodes that run side by side (the two
carriageways of one road, which the source's 70 m grid cannot keep apart) the shorter stays; nodes where just two
edges of one class meet are dissolved; bends are simplified. Lengths stay those of the source's lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from lines import Points, distance_to_line, length_m, sample, simplify

SIDE_BY_SIDE_M = 250
"""Two edges between the same nodes are one road when they are nowhere farther apart; 3 cells of the source's grid."""
ON_EXPRESSWAY_M = 250
ALONG_M = 1_500
"""Running so far within ON_EXPRESSWAY_M of a numbered line is more than crossing it."""
BEND_M = 30
"""Simplification tolerance; under half a cell of the source's grid."""
UNIT = 100_000
"""Coordinates are whole numbers of 1e-5 degrees."""


@dataclass(slots=True)
class Edge:
    a: int
    b: int
    kind: int
    length_m: float
    line: Points
    """From a to b, both included."""
    ref: int = -1

    def turned(self) -> Edge:
        return Edge(self.b, self.a, self.kind, self.length_m, self.line[::-1], self.ref)


def read(graph: dict[str, Any]) -> list[Edge]:
    """Edges of gd_road_graph.json without loops."""
    nodes = np.array(graph["nodes"])
    edges = []
    for a, b, kind, length, via in graph["edges"]:
        if a != b:
            line = np.vstack([nodes[a], np.array(via).reshape(-1, 2), nodes[b]])
            edges.append(Edge(a, b, kind, max(float(length), length_m(line)), line))
    return edges


def numbers(features: list[dict[str, Any]]) -> tuple[list[list[str]], list[tuple[int, Points]]]:
    """Expressway numbers with names, and the lines that carry them; "G4;G94" becomes "G4/G94"."""
    table: list[list[str]] = []
    lines = []
    for feature in features:
        properties = feature["properties"]
        name = next(iter(re.findall(r"\S+", properties.get("name") or "")), "")
        entry = [properties["ref"].replace(";", "/"), name]
        known = [row[0] for row in table]
        if entry[0] not in known:
            table.append(entry)
        elif not table[known.index(entry[0])][1]:
            table[known.index(entry[0])][1] = name
        lines.append(([row[0] for row in table].index(entry[0]), np.array(feature["geometry"]["coordinates"])))
    return table, lines


def number_edges(edges: list[Edge], lines: list[tuple[int, Points]]) -> None:
    """Give each motorway edge the number of the line it runs along.

    Between two junctions a road has one number, so part of an edge is enough, if it is too long for a mere crossing.
    """
    boxes = [(line.min(0) - 0.005, line.max(0) + 0.005) for _, line in lines]
    for edge in edges:
        if edge.kind != 0:
            continue
        low, high = edge.line.min(0), edge.line.max(0)
        points = sample(edge.line, 300)
        best = min(0.8, ALONG_M / edge.length_m)
        for (ref, line), (west_south, east_north) in zip(lines, boxes, strict=True):
            if (low > east_north).any() or (high < west_south).any():
                continue
            share = float((distance_to_line(points, line) < ON_EXPRESSWAY_M).mean())
            if share > best:
                best, edge.ref = share, ref


def join_carriageways(edges: list[Edge]) -> list[Edge]:
    """Leave out each edge that runs beside a shorter one between the same nodes."""
    between: dict[tuple[int, int], list[Edge]] = defaultdict(list)
    for edge in edges:
        oriented = edge if edge.a < edge.b else edge.turned()
        between[oriented.a, oriented.b].append(oriented)
    kept: list[Edge] = []
    for group in between.values():
        chosen: list[Edge] = []
        for edge in sorted(group, key=lambda e: (e.kind, e.length_m)):
            points = sample(edge.line, 200)
            if all(distance_to_line(points, other.line).max() > SIDE_BY_SIDE_M for other in chosen):
                chosen.append(edge)
        kept += chosen
    return kept


def dissolve(edges: list[Edge]) -> list[Edge]:
    """Join two edges of one class where nothing else meets."""
    alive = dict(enumerate(edges))
    at: dict[int, set[int]] = defaultdict(set)
    for i, edge in alive.items():
        at[edge.a].add(i)
        at[edge.b].add(i)
    for node in list(at):
        if len(at[node]) != 2:
            continue
        i, j = at[node]
        first, second = alive[i], alive[j]
        if first.kind != second.kind:
            continue
        first = first if first.b == node else first.turned()
        second = second if second.a == node else second.turned()
        if first.a == second.b:
            continue  # would become a loop
        line = np.vstack([first.line, second.line[1:]])
        alive[i] = Edge(first.a, second.b, first.kind, first.length_m + second.length_m, line)
        del alive[j]
        at[second.b].discard(j)
        at[second.b].add(i)
        del at[node]
    return list(alive.values())


def connected(edges: list[Edge]) -> list[Edge]:
    """The edges of the largest connected part."""
    near: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        near[edge.a].append(edge.b)
        near[edge.b].append(edge.a)
    seen: set[int] = set()
    largest: set[int] = set()
    for start in near:
        if start in seen:
            continue
        part, stack = {start}, [start]
        while stack:
            for other in near[stack.pop()]:
                if other not in part:
                    part.add(other)
                    stack.append(other)
        seen |= part
        largest = max(largest, part, key=len)
    return [edge for edge in edges if edge.a in largest]


def differences(points: list[tuple[int, int]], origin: tuple[int, int]) -> list[int]:
    """Each point as its difference to the one before it, flat."""
    flat = []
    for point in points:
        flat += [point[0] - origin[0], point[1] - origin[1]]
        origin = point
    return flat


def build(graph: dict[str, Any], expressways: dict[str, Any]) -> dict[str, Any]:
    """The table of roads.json (format: src/luwei/geo/README.md) from the two source files."""
    table, lines = numbers(expressways["features"])
    edges = connected(join_carriageways(read(graph)))
    for _ in range(3):  # dissolving brings further edges side by side
        edges = join_carriageways(dissolve(edges))
    number_edges(edges, lines)
    grid = {n: (round(x * UNIT), round(y * UNIT)) for n, (x, y) in enumerate(graph["nodes"])}
    used = {node for edge in edges for node in (edge.a, edge.b)}
    # Bands of longitude, walked up and down in turn, keep the differences small.
    band = {n: grid[n][0] // 10_000 for n in used}
    order = sorted(used, key=lambda n: (band[n], grid[n][1] * (1 if band[n] % 2 else -1), grid[n][0]))
    index = {node: i for i, node in enumerate(order)}
    rows: list[list[Any]] = []
    for edge in edges:
        edge = edge if index[edge.a] < index[edge.b] else edge.turned()
        kept = simplify(edge.line, BEND_M)[1:-1]
        via = [(round(x * UNIT), round(y * UNIT)) for x, y in edge.line[kept].tolist()]
        ref = edge.ref if edge.ref >= 0 else None
        length = int(np.ceil(edge.length_m))
        rows.append([index[edge.a], index[edge.b], edge.kind, length, ref, differences(via, grid[edge.a])])
    rows.sort(key=lambda row: row[:4])
    return {
        "credit": "© OpenMapTiles © OpenStreetMap contributors, ODbL 1.0",
        "classes": graph["classes"],
        "refs": table,
        "nodes": differences([grid[n] for n in order], (0, 0)),
        "edges": rows,
    }
