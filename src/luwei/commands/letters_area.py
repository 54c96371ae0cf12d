"""Areas and routes of the registry as the messages of each edition, and back (2019 §8.32–§8.41).

``snapshot`` is what a command keeps of an area: ``{"id", "name", "kind", "geometry", "rules", "version"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages import areas
from luwei.protocol.message import Message, Record
from luwei.registry.area import AREA_KINDS, CIRCLE, POLYGON, RECTANGLE, ROUTE
from luwei.registry.area_shape import outline

DAILY = "2000-00-00 "
"""A date of zeros: every day (2019 §8.32)."""
_BITS = {
    "enter_driver": 2, "enter_platform": 3, "leave_driver": 4, "leave_platform": 5, "doors_closed": 8, "radio_off": 14,
    "detail": 15,
}  # fmt: skip
_SINCE_2013 = ("doors_closed", "radio_off", "detail")
_TIMED, _LIMITED, _SOUTH, _WEST = 0, 1, 6, 7
_SECTION_TIMED, _SECTION_LIMITED, _SECTION_SOUTH, _SECTION_WEST = 0, 1, 2, 3
KIND_OF = {number: kind for kind, number in AREA_KINDS.items()}
DELETE: Mapping[int, type[Message]] = {
    1: areas.DeleteCircles, 2: areas.DeleteRectangles, 3: areas.DeletePolygons, 4: areas.DeleteRoutes,
}  # fmt: skip
SEVERAL = frozenset({CIRCLE, RECTANGLE})
"""Kinds of which one message takes several."""


def push(values: Mapping[str, Any], edition: int) -> Message:
    """0x8600, 0x8602, 0x8604 or 0x8606 for the areas of one command, which are of one kind."""
    chosen = values["areas"]
    kind = chosen[0]["kind"]
    if kind not in SEVERAL:
        (one,) = chosen
        return _polygon(one, edition) if kind == POLYGON else _route(one, edition)
    setting = values["setting"]
    if kind == CIRCLE:
        return areas.SetCircles(setting=setting, areas=tuple(_circle(each, edition) for each in chosen))
    return areas.SetRectangles(setting=setting, areas=tuple(_rectangle(each, edition) for each in chosen))


def delete(values: Mapping[str, Any], _: int) -> Message:
    return DELETE[values["type"]](ids=tuple(values.get("ids", ())))


def query(values: Mapping[str, Any], _: int) -> Message:
    return areas.QueryAreas(type=values["type"], ids=tuple(values.get("ids", ())))


def _attribute(area: Mapping[str, Any], edition: int) -> int:
    rules = area["rules"]
    if edition < 2013 and any(rules.get(name) for name in _SINCE_2013):
        raise ProtocolError("edition", "2011 has no rule about doors, radio or detailed positions")
    bits = sum(1 << bit for name, bit in _BITS.items() if rules.get(name))
    bits |= (rules["start"] is not None) << _TIMED
    if area["kind"] == ROUTE:
        return bits  # its hemispheres and speeds are those of its sections
    lat, lon = outline(area["kind"], area["geometry"])[0]
    return bits | (rules["max_speed"] is not None) << _LIMITED | (lat < 0) << _SOUTH | (lon < 0) << _WEST


def _head(area: Mapping[str, Any], edition: int) -> dict[str, Any]:
    rules = area["rules"]
    daily = rules["start"] is not None and len(rules["start"]) == 8
    times = {name: f"{DAILY}{rules[key]}" if daily else rules[key] for name, key in _TIMES.items()}
    head = {"attribute": _attribute(area, edition), "name": area["name"] if edition == 2019 else None, **times}
    if area["kind"] == ROUTE:
        return head | {"route_id": area["id"]}
    return head | {"area_id": area["id"]} | _limit(rules, edition)


_TIMES = {"start_time": "start", "end_time": "end"}


def _limit(rules: Mapping[str, Any], edition: int) -> dict[str, Any]:
    night = rules["night_speed"] if rules["night_speed"] is not None else rules["max_speed"]
    return {
        "max_speed": rules["max_speed"],
        "overspeed_duration": rules["duration_s"],
        "night_max_speed": night if edition == 2019 else None,
    }


def _circle(area: Mapping[str, Any], edition: int) -> areas.CircleArea:
    shape = area["geometry"]
    return areas.CircleArea(
        **_head(area, edition), latitude=abs(shape["lat_e6"]), longitude=abs(shape["lon_e6"]), radius=shape["radius_m"]
    )


def _rectangle(area: Mapping[str, Any], edition: int) -> areas.RectangleArea:
    shape = area["geometry"]
    return areas.RectangleArea(
        **_head(area, edition), top_latitude=abs(shape["north_e6"]), left_longitude=abs(shape["west_e6"]),
        bottom_latitude=abs(shape["south_e6"]), right_longitude=abs(shape["east_e6"]),
    )  # fmt: skip


def _polygon(area: Mapping[str, Any], edition: int) -> areas.SetPolygon:
    corners = tuple(
        areas.Vertex(latitude=abs(lat), longitude=abs(lon)) for lat, lon in outline(POLYGON, area["geometry"])
    )
    return areas.SetPolygon(**_head(area, edition), vertices=corners)


def _route(area: Mapping[str, Any], edition: int) -> areas.SetRoute:
    points = tuple(_point(number, each, edition) for number, each in enumerate(area["geometry"]["points"], 1))
    return areas.SetRoute(**_head(area, edition), points=points)


def _point(number: int, point: Mapping[str, Any], edition: int) -> areas.TurningPoint:
    timed = point["too_long_s"] is not None
    attribute = timed << _SECTION_TIMED | (point["max_speed"] is not None) << _SECTION_LIMITED
    attribute |= (point["lat_e6"] < 0) << _SECTION_SOUTH | (point["lon_e6"] < 0) << _SECTION_WEST
    early = edition < 2013
    return areas.TurningPoint(
        point_id=None if early else number, section_id=number, latitude=abs(point["lat_e6"]),
        longitude=abs(point["lon_e6"]), width=point["width_m"], attribute=attribute,
        driving_time=point["too_long_s"] if early else None, too_long=None if early else point["too_long_s"],
        too_short=None if early else point["too_short_s"], **_limit(point, edition),
    )  # fmt: skip


# Back from the wire


def read_back(kind: str, record: Record) -> dict[str, Any] | None:
    """A record of 0x0608 as a snapshot (``version`` 0); None for a layout that holds no area of this kind."""
    if kind == CIRCLE and isinstance(record, areas.CircleArea):
        lat, lon = _signed(record.attribute, record.latitude, record.longitude)
        return _snapshot(record, kind, {"lat_e6": lat, "lon_e6": lon, "radius_m": record.radius})
    if kind == RECTANGLE and isinstance(record, areas.RectangleArea):
        north, west = _signed(record.attribute, record.top_latitude, record.left_longitude)
        south, east = _signed(record.attribute, record.bottom_latitude, record.right_longitude)
        return _snapshot(record, kind, {"north_e6": north, "west_e6": west, "south_e6": south, "east_e6": east})
    if kind == POLYGON and isinstance(record, areas.SetPolygon):
        points = [list(_signed(record.attribute, each.latitude, each.longitude)) for each in record.vertices]
        return _snapshot(record, kind, {"points": points})
    if kind == ROUTE and isinstance(record, areas.SetRoute):
        return _snapshot(record, kind, {"points": [_point_back(each) for each in record.points]})
    return None


def _signed(attribute: int, latitude: int, longitude: int, south: int = _SOUTH, west: int = _WEST) -> tuple[int, int]:
    return (-latitude if attribute >> south & 1 else latitude), (-longitude if attribute >> west & 1 else longitude)


def _point_back(point: areas.TurningPoint) -> dict[str, Any]:
    lat, lon = _signed(point.attribute, point.latitude, point.longitude, _SECTION_SOUTH, _SECTION_WEST)
    return {"lat_e6": lat, "lon_e6": lon, "width_m": point.width, "too_long_s": point.too_long,
            "too_short_s": point.too_short} | _limit_back(point)  # fmt: skip


def _limit_back(record: Any) -> dict[str, Any]:
    return {
        "max_speed": record.max_speed,
        "duration_s": record.overspeed_duration,
        "night_speed": record.night_max_speed,
    }


def _snapshot(record: Any, kind: str, geometry: dict[str, Any]) -> dict[str, Any]:
    attribute, start = record.attribute, record.start_time
    daily = start is not None and start[2:10] == DAILY[2:10]
    rules: dict[str, Any] = {
        name: bool(attribute >> bit & 1) for name, bit in _BITS.items() if kind != ROUTE or name not in _SINCE_2013
    }
    rules["start"] = start[11:] if daily else start
    rules["end"] = record.end_time[11:] if daily else record.end_time
    if kind != ROUTE:
        rules |= _limit_back(record)
    key = record.route_id if kind == ROUTE else record.area_id
    return {"id": key, "name": record.name or "", "kind": kind, "geometry": geometry, "rules": rules, "version": 0}


def as_sent(area: Mapping[str, Any], edition: int) -> dict[str, Any]:
    """A snapshot as a terminal of ``edition`` has it: through its own message and back."""
    message = push({"setting": 1, "areas": [area]}, edition)
    record = message.areas[0] if isinstance(message, areas.SetCircles | areas.SetRectangles) else message
    back = read_back(area["kind"], record)
    assert back is not None
    return back
