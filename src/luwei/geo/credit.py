"""The attribution that must stand on every map drawn from this data (terms: NOTICE)."""

from __future__ import annotations

ATTRIBUTION = "© OpenMapTiles © OpenStreetMap contributors · 行政区划 天地图"
"""Roads and places: ODbL 1.0; boundaries: Tianditu (天地图)."""
