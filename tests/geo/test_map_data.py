"""The map data of the project: complete, small, and true to its sources' figures."""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from luwei.geo import ATTRIBUTION, RoadGraph, areas, path, road_graph
from luwei.geo.areas import FILES

COUNTIES_PER_CITY = {  # administrative divisions of Guangdong; Dongguan and Zhongshan have no county level
    "广州": 11, "韶关": 10, "深圳": 9, "珠海": 3, "汕头": 7, "佛山": 5, "江门": 7, "湛江": 9, "茂名": 5, "肇庆": 8,
    "惠州": 5, "梅州": 8, "汕尾": 4, "河源": 6, "阳江": 4, "清远": 8, "东莞": 1, "中山": 1,
    "潮州": 3, "揭阳": 5, "云浮": 5,
}  # fmt: skip
PLATES = {
    "广州": "A", "深圳": "B", "珠海": "C", "汕头": "D", "佛山": "E", "韶关": "F", "湛江": "G", "肇庆": "H", "江门": "J",
    "茂名": "K", "惠州": "L", "梅州": "M", "汕尾": "N", "河源": "P", "阳江": "Q", "清远": "R", "东莞": "S", "中山": "T",
    "潮州": "U", "揭阳": "V", "云浮": "W",
}  # fmt: skip


def features(name: str) -> list[dict[str, Any]]:
    return json.loads(path(name).read_text(encoding="utf-8"))["features"]


def polygons(feature: dict[str, Any]) -> list[Any]:
    geometry = feature["geometry"]
    return [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]


def inside(feature: dict[str, Any], lon: float, lat: float) -> bool:
    """Even-odd rule over all rings."""
    odd = False
    for polygon in polygons(feature):
        for ring in polygon:
            for (x1, y1), (x2, y2) in itertools.pairwise(ring):
                if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                    odd = not odd
    return odd


def borders(feature: dict[str, Any]) -> set[tuple[tuple[float, float], tuple[float, float]]]:
    return {
        (min(a, b), max(a, b))
        for polygon in polygons(feature)
        for ring in polygon
        for a, b in zip(map(tuple, ring[:-1]), map(tuple, ring[1:]), strict=True)
    }


def drive_m(graph: RoadGraph, start: int, cost_per_m: tuple[float, float, float]) -> dict[int, float]:
    """Length in metres of the cheapest way to every node."""
    cost, length = {start: 0.0}, {start: 0.0}
    queue, done = [(0.0, start)], set()
    while queue:
        so_far, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        for edge, other in graph.neighbours[node]:
            total = so_far + float(graph.length_m[edge]) * cost_per_m[graph.kind[edge]]
            if total < cost.get(other, float("inf")):
                cost[other], length[other] = total, length[node] + float(graph.length_m[edge])
                heapq.heappush(queue, (total, other))
    return length


def test_the_files_stay_within_their_sizes() -> None:
    size = {name: path(name).stat().st_size for name in FILES}
    assert size["roads.json"] + size["places.json"] < 600_000
    assert size["boundaries.json"] < 360_000


def test_only_the_three_files_can_be_asked_for() -> None:
    with pytest.raises(KeyError, match="must be one of"):
        path("../settings.py")


def test_every_city_has_its_counties_and_its_plate() -> None:
    assert {city.short: len(city.counties) for city in areas()} == COUNTIES_PER_CITY
    assert {city.short: city.plate.removeprefix("粤") for city in areas()} == PLATES
    assert sum(len(city.counties) for city in areas()) == 124
    assert all(city.name_en.isascii() and county.name_en.isascii() for city in areas() for county in city.counties)


def test_the_boundaries_hold_province_cities_and_counties() -> None:
    levels = Counter(f["properties"]["level"] for f in features("boundaries.json"))
    assert levels == {"province": 1, "city": 21, "county": 124}
    for feature in features("boundaries.json"):
        for polygon in polygons(feature):
            for ring in polygon:
                assert ring[0] == ring[-1] and len(ring) >= 4


def test_each_label_lies_in_its_area() -> None:
    outside = [
        f["properties"]["name"]
        for f in features("boundaries.json")
        if f["properties"]["level"] != "province" and not inside(f, *f["properties"]["label"])
    ]
    assert outside == []


def test_a_border_has_the_same_points_in_every_area_and_at_every_level() -> None:
    by_level: dict[str, Counter[Any]] = {"province": Counter(), "city": Counter(), "county": Counter()}
    for feature in features("boundaries.json"):
        by_level[feature["properties"]["level"]].update(borders(feature))
    assert set(by_level["city"]) <= set(by_level["county"])
    assert set(by_level["province"]) <= set(by_level["city"])
    for level in ("city", "county"):
        assert set(by_level[level].values()) == {1, 2}
        once = {border for border, count in by_level[level].items() if count == 1}
        assert once == set(by_level["province"])


def test_city_and_county_places_lie_in_their_city() -> None:
    shapes = {f["properties"]["adcode"]: f for f in features("boundaries.json") if f["properties"]["level"] == "city"}
    kinds: Counter[str] = Counter()
    for feature in features("places.json"):
        properties, (lon, lat) = feature["properties"], feature["geometry"]["coordinates"]
        kinds[properties["kind"]] += 1
        assert properties["name"] and properties["name_en"].isascii()
        if properties["kind"] in ("city", "county"):
            city = shapes[properties.get("city", properties["adcode"])]
            assert inside(city, lon, lat), properties["name"]
    assert kinds["city"] == 21 and kinds["county"] == 122


def test_the_road_graph_is_in_one_piece() -> None:
    graph = road_graph()
    assert len(drive_m(graph, 0, (1, 1, 1))) == len(graph.node_lon_e6)


def test_no_edge_is_shorter_than_its_drawn_line() -> None:
    graph = road_graph()
    drawn = np.zeros(len(graph.a))
    for edge in range(len(graph.a)):
        lon, lat = np.radians(graph.points(edge) / 1e6).T
        half = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
        drawn[edge] = np.sum(2 * 6_371_008.8 * np.arcsin(np.sqrt(half)))
        assert tuple(graph.points(edge)[0]) == (graph.node_lon_e6[graph.a[edge]], graph.node_lat_e6[graph.a[edge]])
        assert tuple(graph.points(edge)[-1]) == (graph.node_lon_e6[graph.b[edge]], graph.node_lat_e6[graph.b[edge]])
    assert (graph.length_m >= drawn - 3).all()  # 3 m: both ends are rounded to 1e-5 degree
    assert graph.length_m.sum() < 1.02 * drawn.sum()


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [  # figures of the source; its end points are not stated to the metre
        ((114.27, 22.58), (110.42, 21.17), 550),  # Yantian - Zhanjiang port
        ((113.5925, 24.8135), (113.60, 22.72), 301),  # Shaoguan - Nansha
        ((116.6776, 23.3561), (113.2594, 23.1303), 472),  # Shantou - Guangzhou
        ((114.07, 22.525), (113.62, 22.80), 81),  # Huanggang - Humen
    ],
)
def test_known_routes_are_as_long_as_in_the_source(
    start: tuple[float, float], end: tuple[float, float], km: float
) -> None:
    graph = road_graph()
    length = drive_m(graph, graph.nearest_node(*start), (1, 1.5, 2))[graph.nearest_node(*end)]
    assert length / 1000 == pytest.approx(km, rel=0.15)


def test_expressway_numbers_stand_only_on_motorways() -> None:
    graph = road_graph()
    numbered = graph.ref >= 0
    assert numbered.sum() > 20
    assert (graph.kind[numbered] == 0).all()
    assert ("G15", "沈海高速") in graph.refs


def test_the_attribution_names_both_sources() -> None:
    assert "OpenStreetMap" in ATTRIBUTION and "OpenMapTiles" in ATTRIBUTION and "天地图" in ATTRIBUTION
