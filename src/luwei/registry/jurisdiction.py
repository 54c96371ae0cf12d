"""Jurisdiction 管辖: the adcodes (GB/T 2260) of Guangdong's 21 cities and their counties, as ``luwei.geo`` has them.

The key is the authority that issued the 道路运输证, never the plate letter and never where the truck is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from luwei import geo
from luwei.registry.errors import RegistryError
from luwei.registry.fields import Checked

PROVINCE = 44
PROVINCE_CODE = 440000

WITHOUT_COUNTIES = frozenset({441900, 442000})
"""Dongguan and Zhongshan: their second level is the town, whose code has nine digits; the city's own stands for all."""


@cache
def cities() -> dict[int, str]:
    """Names of the 21 cities by adcode."""
    return {city.adcode: city.name for city in geo.areas()}


@cache
def counties() -> dict[int, int]:
    """City of every county, by the county's adcode."""
    return {county.adcode: city.adcode for city in geo.areas() for county in city.counties}


def city_of(county: int) -> int | None:
    """The city of a county or of a town of Dongguan or Zhongshan; None for any other code."""
    if county in counties():
        return counties()[county]
    town_of = county // 1000
    return town_of if town_of in WITHOUT_COUNTIES and county % 1000 else None


@cache
def authorities() -> tuple[tuple[int, str, str, str, int], ...]:
    """(adcode, kind, name, short name, adcode above) of every authority that the map knows, those above first."""
    province = (PROVINCE_CODE, "province", "广东省交通运输厅", "广东省", 0)
    found = [province]
    for city in geo.areas():
        found.append((city.adcode, "city", f"{city.name}交通运输局", city.name, PROVINCE_CODE))
        for county in city.counties:
            if county.adcode != city.adcode:
                name = f"{city.name}{county.name}交通运输主管部门"
                found.append((county.adcode, "county", name, county.name, city.adcode))
    return tuple(sorted(found, key=lambda row: (("province", "city", "county").index(row[1]), row[0])))


def level_of(area: int) -> str | None:
    """``province``, ``city`` or ``county`` (also a town of Dongguan or Zhongshan); None for any other code."""
    if area == PROVINCE_CODE:
        return "province"
    if area in cities():
        return "city"
    return "county" if city_of(area) is not None else None


def check_governed(value: int) -> int:
    """The adcode of the province, a city, a county or a town. Raises RegistryError for any other."""
    if isinstance(value, bool) or not isinstance(value, int) or level_of(value) is None:
        raise RegistryError("area", "must be the adcode of the province, a city, a county or a town", value)
    return value


def check_city(value: int) -> int:
    """The adcode itself. Raises RegistryError when it is none of the 21 cities."""
    if value not in cities():
        raise RegistryError("city", "must be the adcode of one of the 21 cities of Guangdong, such as 440100", value)
    return value


def check_county(value: int, city: int | None) -> int:
    """The adcode itself. Raises RegistryError when it is no county of Guangdong, or none of ``city``."""
    parent = city_of(value)
    if parent is None:
        raise RegistryError("county", "must be the adcode of a county of Guangdong, such as 440305", value)
    if city is not None and parent != city:
        raise RegistryError("county", f"must lie in the city {city} ({cities().get(city, '?')})", value)
    return value


def check_area(checked: Checked, given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Check ``county`` of the given fields together with ``city``, which has been checked already, or with the stored
    one. A county alone brings its city along; a new city alone must still hold the stored county."""
    if "city" not in given and "county" not in given:
        return
    city = checked.values.get("city", before.get("city"))
    county = given["county"] if "county" in given else before.get("county")
    if county is None or county == "":
        checked.values["county"] = None
    elif not isinstance(county, int) or isinstance(county, bool):
        checked.errors.append(RegistryError("county", "must be the adcode of a county of Guangdong", county))
    else:
        checked.attempt("county", lambda: check_county(county, city))
        if city is None:
            checked.values["city"] = city_of(county)


def split_registration_area(province: int, city: int) -> tuple[int | None, int | None]:
    """(city, county) of the two area fields of 0x0100 (JT/T 808-2019 table 7); None for what is not in Guangdong."""
    code = province * 10_000 + city
    parent = code // 100 * 100
    if province != PROVINCE or parent not in cities():
        return None, None
    return parent, code if code != parent and code in counties() else None
