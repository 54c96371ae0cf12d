"""Geometry and rules of an area or route: what may be entered, and why not (2019 §8.32–§8.38, tables 46–56).

Places are WGS-84 in 1e-6 degrees, lengths in metres, speeds in km/h, times in seconds. Geometry by kind:

    circle     {"lat_e6", "lon_e6", "radius_m"}
    rectangle  {"north_e6", "west_e6", "south_e6", "east_e6"}
    polygon    {"points": [[lat_e6, lon_e6], …]}
    route      {"points": [{"lat_e6", "lon_e6", "width_m", "too_long_s", "too_short_s", "max_speed", "duration_s",
                            "night_speed"}, …]}; a point's section runs to the next, what is null does not hold
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from luwei.registry.area import CIRCLE, POLYGON, RECTANGLE, ROUTE
from luwei.registry.errors import RegistryError

POINTS_MAX = 200
"""Of a polygon or route: the count of 2011 is one byte, and a terminal's memory is small."""
RADIUS_MAX_M = 1_000_000
CLAUSES = {CIRCLE: "§8.32", RECTANGLE: "§8.34", POLYGON: "§8.36", ROUTE: "§8.38"}
ALARMS = ("enter_driver", "enter_platform", "leave_driver", "leave_platform")
"""区域属性 bits 2 to 5."""
AREA_FLAGS = ("doors_closed", "radio_off", "detail")
"""区域属性 bits 8, 14 and 15, from 2013 on; routes have none of them."""
SPEEDS = {"max_speed": (1, 300), "duration_s": (0, 255), "night_speed": (1, 300)}
SECTION = {"too_long_s": (1, 65_535), "too_short_s": (0, 65_535)} | SPEEDS
_DAILY = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d")
_ONCE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d")


def check_geometry(kind: str, given: Any) -> dict[str, Any]:
    """The geometry as it is kept. Raises RegistryError naming the field (``geometry.…``) and the clause."""
    if not isinstance(given, Mapping):
        raise _wrong(kind, "", "must be an object", given)
    check: Callable[[Mapping[str, Any]], dict[str, Any]] = {
        CIRCLE: _circle, RECTANGLE: _rectangle, POLYGON: _polygon, ROUTE: _route,
    }[kind]  # fmt: skip
    return check(given)


def check_rules(kind: str, given: Any) -> dict[str, Any]:
    """The rules as they are kept, every one of them. Raises RegistryError naming the field (``rules.…``)."""
    given = given if given is not None else {}
    flags = ALARMS if kind == ROUTE else (*ALARMS, *AREA_FLAGS)
    known = {*flags, "start", "end"} | (set() if kind == ROUTE else set(SPEEDS))
    if not isinstance(given, Mapping) or set(given) - known:
        raise _rule(
            kind, next(iter(set(given) - known), "") if isinstance(given, Mapping) else "", "is no rule here", ""
        )
    rules: dict[str, Any] = {}
    for name in flags:
        value = given.get(name, False)
        if not isinstance(value, bool):
            raise _rule(kind, name, "must be true or false", value)
        rules[name] = value
    rules |= _times(kind, given)
    if kind != ROUTE:
        rules |= _speeds(lambda name, rule, value: _rule(kind, name, rule, value), given, SPEEDS)
    return rules


def outline(kind: str, geometry: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Points (lat_e6, lon_e6) that the shape is spanned by."""
    if kind == CIRCLE:
        return [(geometry["lat_e6"], geometry["lon_e6"])]
    if kind == RECTANGLE:
        return [(geometry["north_e6"], geometry["west_e6"]), (geometry["south_e6"], geometry["east_e6"])]
    if kind == POLYGON:
        return [(lat, lon) for lat, lon in geometry["points"]]
    return [(point["lat_e6"], point["lon_e6"]) for point in geometry["points"]]


def _wrong(kind: str, name: str, rule: str, value: object) -> RegistryError:
    return RegistryError(f"geometry.{name}" if name else "geometry", f"{rule} ({CLAUSES[kind]})", value)


def _rule(kind: str, name: str, rule: str, value: object) -> RegistryError:
    return RegistryError(f"rules.{name}" if name else "rules", f"{rule} ({CLAUSES[kind]})", value)


def _whole(error: Callable[[str, object], RegistryError], value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise error(f"must be a whole number from {low} to {high}", value)
    return value


def _named(kind: str, given: Mapping[str, Any], names: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    if extra := set(given) - set(names):
        raise _wrong(kind, min(extra), "is no part of this shape", "")
    return {
        name: _whole(lambda rule, value, name=name: _wrong(kind, name, rule, value), given.get(name), low, high)  # type: ignore[misc]
        for name, (low, high) in names.items()
    }


_LAT, _LON = (-90_000_000, 90_000_000), (-180_000_000, 180_000_000)


def _circle(given: Mapping[str, Any]) -> dict[str, Any]:
    return _named(CIRCLE, given, {"lat_e6": _LAT, "lon_e6": _LON, "radius_m": (1, RADIUS_MAX_M)})


def _rectangle(given: Mapping[str, Any]) -> dict[str, Any]:
    shape = _named(RECTANGLE, given, {"north_e6": _LAT, "west_e6": _LON, "south_e6": _LAT, "east_e6": _LON})
    if shape["north_e6"] <= shape["south_e6"]:
        raise _wrong(RECTANGLE, "south_e6", "must lie south of the upper left corner", shape["south_e6"])
    if shape["east_e6"] <= shape["west_e6"]:
        raise _wrong(RECTANGLE, "east_e6", "must lie east of the upper left corner", shape["east_e6"])
    _one_hemisphere(RECTANGLE, outline(RECTANGLE, shape))
    return shape


def _points(kind: str, given: Mapping[str, Any], least: int) -> list[Any]:
    points = given.get("points")
    if set(given) != {"points"} or not isinstance(points, list) or not least <= len(points) <= POINTS_MAX:
        raise _wrong(kind, "points", f"must be a list of {least} to {POINTS_MAX} points", points)
    return points


def _polygon(given: Mapping[str, Any]) -> dict[str, Any]:
    points: list[list[int]] = []
    for number, point in enumerate(_points(POLYGON, given, 3)):
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise _wrong(POLYGON, f"points[{number}]", "must be [lat_e6, lon_e6]", point)
        points.append([
            _whole(lambda rule, value, n=number: _wrong(POLYGON, f"points[{n}]", rule, value), value, *span)  # type: ignore[misc]
            for value, span in zip(point, (_LAT, _LON), strict=True)
        ])  # fmt: skip
    corners = [(lat, lon) for lat, lon in points]
    _one_hemisphere(POLYGON, corners)
    if crossing := _crossing(corners):
        raise _wrong(POLYGON, f"points[{crossing[1]}]", f"edges {crossing[0]} and {crossing[1]} cross", "")
    return {"points": points}


def _route(given: Mapping[str, Any]) -> dict[str, Any]:
    points: list[dict[str, Any]] = []
    for number, point in enumerate(_points(ROUTE, given, 2)):

        def error(name: str, rule: str, value: object, number: int = number) -> RegistryError:
            return _wrong(ROUTE, f"points[{number}].{name}" if name else f"points[{number}]", rule, value)

        if not isinstance(point, Mapping):
            raise error("", "must be an object", point)
        if extra := set(point) - {"lat_e6", "lon_e6", "width_m", *SECTION}:
            raise error(min(extra), "is no part of a turning point", "")
        made: dict[str, Any] = {
            name: _whole(lambda rule, value, n=name: error(n, rule, value), point.get(name), *span)  # type: ignore[misc]
            for name, span in {"lat_e6": _LAT, "lon_e6": _LON, "width_m": (1, 255)}.items()
        }
        made |= _speeds(error, point, SECTION)
        if (made["too_long_s"] is None) != (made["too_short_s"] is None):
            raise error("too_short_s", "must be given together with too_long_s", made["too_short_s"])
        if made["too_long_s"] is not None and made["too_short_s"] >= made["too_long_s"]:
            raise error("too_short_s", "must be less than too_long_s", made["too_short_s"])
        points.append(made)
    _one_hemisphere(ROUTE, outline(ROUTE, {"points": points}))
    return {"points": points}


def _speeds(
    error: Callable[[str, str, object], RegistryError], given: Mapping[str, Any], spans: Mapping[str, tuple[int, int]]
) -> dict[str, int | None]:
    values: dict[str, int | None] = {}
    for name, (low, high) in spans.items():
        value = given.get(name)
        values[name] = None if value is None else _whole(lambda rule, v, n=name: error(n, rule, v), value, low, high)  # type: ignore[misc]
    if values["max_speed"] is None:
        for name in ("duration_s", "night_speed"):
            if values[name] is not None:
                raise error(name, "holds only with max_speed", values[name])
    elif values["duration_s"] is None:
        values["duration_s"] = 0
    return values


def _times(kind: str, given: Mapping[str, Any]) -> dict[str, str | None]:
    start, end = given.get("start"), given.get("end")
    if start is None and end is None:
        return {"start": None, "end": None}
    for form in (_DAILY, _ONCE):
        if isinstance(start, str) and isinstance(end, str) and form.fullmatch(start) and form.fullmatch(end):
            if form is _ONCE and end <= start:
                raise _rule(kind, "end", "must be later than start", end)
            return {"start": start, "end": end}
    raise _rule(
        kind,
        "start",
        "start and end must both be times of day (08:30:00) or both instants (2026-01-31 08:30:00)",
        start,
    )


def _one_hemisphere(kind: str, points: list[tuple[int, int]]) -> None:
    # the hemisphere is one bit of the whole area
    for axis in (0, 1):
        if len({point[axis] < 0 for point in points}) > 1:
            raise _wrong(kind, "", "must lie in one hemisphere", "")


def _crossing(corners: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Numbers of two edges that cross, or None; neighbours share a corner and do not count."""

    def side(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return (turn > 0) - (turn < 0)

    count = len(corners)
    for one in range(count):
        a, b = corners[one], corners[(one + 1) % count]
        for other in range(one + 2, count - (one == 0)):
            c, d = corners[other], corners[(other + 1) % count]
            if side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0:
                return one, other
    return None
