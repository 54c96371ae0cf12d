"""Cities and counties, as the area picker shows them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from luwei import geo
from luwei.live.summary import Counts
from luwei.live.view import Selection
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.services import Services

SMALLEST = 5
"""An aggregate says nothing of fewer vehicles."""


class CountyEntry(msgspec.Struct):
    """``label``: longitude and latitude in degrees."""

    adcode: int
    name: str
    name_en: str
    label: tuple[float, float]


class CityEntry(msgspec.Struct):
    """``plate`` is the usual prefix of the city's licence plates."""

    adcode: int
    name: str
    name_en: str
    plate: str
    label: tuple[float, float]
    counties: list[CountyEntry]


class AreaCounts(msgspec.Struct):
    """Vehicles of one city or county (0: none given) by live state; ``alarm`` counts online ones."""

    adcode: int
    counts: Counts


class AreaCountsAnswer(msgspec.Struct):
    """``as_of`` in UTC ms."""

    as_of: int
    items: list[AreaCounts]


@get("/api/areas/counts", tags=["areas"])
async def area_counts(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    city: Annotated[int | None, QueryParameter(name="city", ge=0, le=999_999)] = None,
    operator: Annotated[int | None, QueryParameter(name="operator", ge=0, le=2**31 - 1)] = None,
) -> AreaCountsAnswer:
    """Live counts of every city, or of the counties of ``city``, in one answer; as of the last full second."""
    scope = _counting(door)
    found = services.feed.counts_by_area(Selection(city, None, operator, "all", scope))
    if scope.aggregate:
        found = folded(found)
    return AreaCountsAnswer(services.feed.as_of, [AreaCounts(area, counts) for area, counts in found.items()])


def _counting(door: Door) -> Scope:
    """Who sees places may count them; who sees vehicles as aggregates gets the counts and nothing below them."""
    if door.may("read", "position"):
        return door.allow("read", "position")
    scope = door.allow("read", "vehicle", aggregates=True)
    return scope if scope.aggregate else door.allow("read", "position")


def folded(counts: dict[int, Counts]) -> dict[int, Counts]:
    """Counts in which no area is so small that its state is that of a truck somebody knows: areas of fewer than
    SMALLEST vehicles are put together under 0, with the next smallest until SMALLEST are together, or the small ones
    could be had by subtraction. What stays smaller is left out."""
    kept = dict(sorted(counts.items(), key=lambda item: (item[1].total, item[0])))
    rest = [kept.pop(area) for area, each in list(kept.items()) if area == 0 or each.total < SMALLEST]
    while rest and kept and sum(each.total for each in rest) < SMALLEST:
        rest.append(kept.pop(next(iter(kept))))
    if sum(each.total for each in rest) >= SMALLEST:
        columns = zip(*(msgspec.structs.astuple(each) for each in rest), strict=True)
        kept[0] = Counts(*(sum(column) for column in columns))
    return dict(sorted(kept.items()))


@get("/api/areas", tags=["areas"])
async def areas(door: NamedDependency[Door]) -> list[CityEntry]:
    """The 21 cities with their counties, all of them: a map names its neighbours too."""
    return [
        CityEntry(
            city.adcode,
            city.name,
            city.name_en,
            city.plate,
            city.label,
            [CountyEntry(c.adcode, c.name, c.name_en, c.label) for c in city.counties],
        )
        for city in geo.areas()
    ]
