"""Cities and counties (市、县) of Guangdong and the files that draw them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILES = ("boundaries.json", "places.json", "roads.json")

Label = tuple[float, float]
"""Longitude and latitude in degrees, WGS-84."""


@dataclass(frozen=True, slots=True)
class County:
    """A county, district or county-level city (县、区、县级市).

    Dongguan and Zhongshan have none; they appear as one county each, with the adcode of the city.
    """

    adcode: int
    name: str
    name_en: str
    city: int
    label: Label


@dataclass(frozen=True, slots=True)
class City:
    """A prefecture-level city (地级市). ``plate`` is the usual prefix of its licence plates, such as 粤B."""

    adcode: int
    name: str
    short: str
    name_en: str
    plate: str
    label: Label
    counties: tuple[County, ...]


def path(name: str) -> Path:
    """The file ``name``, one of FILES, as it is served to the browser. Raises KeyError for any other name."""
    if name not in FILES:
        raise KeyError(f"map file {name!r}: must be one of {', '.join(FILES)}")
    return Path(__file__).with_name(name)


@cache
def areas() -> tuple[City, ...]:
    """The 21 cities with their counties, by adcode."""
    features = [f["properties"] for f in json.loads(path("boundaries.json").read_text(encoding="utf-8"))["features"]]
    counties = [
        County(p["adcode"], p["name"], p["name_en"], p["city"], (p["label"][0], p["label"][1]))
        for p in features
        if p["level"] == "county"
    ]
    cities = [
        City(
            p["adcode"],
            p["name"],
            p["short"],
            p["name_en"],
            p["plate"],
            (p["label"][0], p["label"][1]),
            tuple(sorted((c for c in counties if c.city == p["adcode"]), key=lambda c: c.adcode)),
        )
        for p in features
        if p["level"] == "city"
    ]
    return tuple(sorted(cities, key=lambda c: c.adcode))
