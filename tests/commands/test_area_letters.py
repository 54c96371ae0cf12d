"""Areas and routes of the registry on the wire: bytes by hand after 2019 tables 45 to 56, every edition, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luwei.commands.answers import view
from luwei.commands.kinds import KINDS
from luwei.commands.letters_area import as_sent, push
from luwei.gateway.orders import ANSWERED, Outcome
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages import areas
from luwei.registry.area_shape import check_geometry, check_rules


def area(kind: str, geometry: dict[str, Any], rules: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    made = {"id": 7, "name": "工地", "kind": kind, "version": 1}
    return made | {"geometry": check_geometry(kind, geometry), "rules": check_rules(kind, rules)} | more


CIRCLE = area(
    "circle",
    {"lat_e6": 22_540_000, "lon_e6": 114_050_000, "radius_m": 1500},
    {"enter_platform": True, "leave_platform": True, "max_speed": 60, "duration_s": 10, "night_speed": 48,
     "start": "08:30:00", "end": "18:00:00"},
)  # fmt: skip
ROUTE = area(
    "route",
    {
        "points": [
            {"lat_e6": 22_540_000, "lon_e6": 114_050_000, "width_m": 30, "too_long_s": 600, "too_short_s": 60,
             "max_speed": 80, "duration_s": 5},
            {"lat_e6": 22_540_001, "lon_e6": 114_050_001, "width_m": 40},
        ]
    },
    {"leave_driver": True},
)  # fmt: skip


def body(values: dict[str, Any], edition: int) -> bytes:
    return push({"setting": 1, "areas": [values]}, edition).encode(edition)


def test_a_circle_as_each_edition_writes_it() -> None:
    # attribute: bit 0 time, 1 speed, 3 entering, 5 leaving
    place = "00000007002b0157eee006cc43d0000005dc"
    times, limit = "000000083000000000180000", "003c0a"
    assert body(CIRCLE, 2011).hex() == "010101" + place + times + limit
    assert body(CIRCLE, 2013).hex() == "0101" + place + times + limit
    assert body(CIRCLE, 2019).hex() == "0101" + place + times + limit + "00300004b9a4b5d8"


def test_a_route_as_2013_and_2019_write_it() -> None:
    first = "00000001000000010157eee006cc43d01e030258003c005005"
    second = "00000002000000020157eee106cc43d12800"
    assert body(ROUTE, 2013).hex() == "0000000700100002" + first + second
    # 2019: the night speed, here that of the day, ends the first point; the name ends the route
    assert body(ROUTE, 2019).hex() == "0000000700100002" + first + "0050" + second + "0004b9a4b5d8"


def test_a_rectangle_and_a_polygon_on_the_other_side_of_the_world() -> None:
    square = area("rectangle", {"north_e6": -10, "west_e6": -30, "south_e6": -20, "east_e6": -5}, {"detail": True})
    assert body(square, 2013).hex() == "01010000000780c00000000a0000001e0000001400000005"
    corner = area("polygon", {"points": [[-1, 5], [-2, 6], [-3, 9]]})
    vertices = "000000010000000500000002000000060000000300000009"
    assert body(corner, 2013).hex() == "0000000700400003" + vertices
    assert body(corner, 2011).hex() == "000000070040000303" + vertices


def test_2011_has_no_rule_about_doors() -> None:
    with pytest.raises(ProtocolError, match="2011"):
        body(area("circle", {"lat_e6": 1, "lon_e6": 1, "radius_m": 1}, {"doors_closed": True}), 2011)


LAT, LON, SPEED = st.integers(0, 90_000_000), st.integers(0, 180_000_000), st.integers(1, 300)
LIMIT = st.just({}) | st.fixed_dictionaries(
    {"max_speed": SPEED, "duration_s": st.integers(0, 255), "night_speed": st.none() | SPEED}
)
CROSSING = st.fixed_dictionaries({n: st.booleans() for n in ("enter_driver", "enter_platform", "leave_driver")})
TIMES = st.sampled_from([
    {}, {"start": "22:00:00", "end": "05:00:00"}, {"start": "2026-01-01 00:00:00", "end": "2026-12-31 23:59:59"},
])  # fmt: skip
STOP = st.builds(
    lambda lat, lon, width, limit: {"lat_e6": lat, "lon_e6": lon, "width_m": width} | limit,
    LAT, LON, st.integers(1, 255), LIMIT,
)  # fmt: skip


@st.composite
def any_area(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["circle", "rectangle", "route"]))
    rules = draw(CROSSING) | draw(TIMES)
    if kind == "route":
        return area(kind, {"points": draw(st.lists(STOP, min_size=2, max_size=9))}, rules)
    if kind == "circle":
        shape = {"lat_e6": draw(LAT), "lon_e6": draw(LON), "radius_m": draw(st.integers(1, 10**6))}
    else:
        south, west = draw(st.integers(0, 89_000_000)), draw(st.integers(0, 179_000_000))
        shape = {"north_e6": south + draw(st.integers(1, 10**6)), "west_e6": west, "south_e6": south,
                 "east_e6": west + draw(st.integers(1, 10**6))}  # fmt: skip
    return area(kind, shape, rules | draw(LIMIT))


@given(sent=any_area())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_2019_reads_back_is_what_was_sent(sent: dict[str, Any]) -> None:
    back = as_sent(sent, 2019)
    for part in ("geometry", "rules"):
        assert {k: v for k, v in back[part].items() if k not in ("points", "night_speed")} == {
            k: v for k, v in sent[part].items() if k not in ("points", "night_speed")
        }
    message = push({"setting": 1, "areas": [sent]}, 2019)
    record = message.areas[0] if isinstance(message, areas.SetCircles | areas.SetRectangles) else message
    number = {"circle": 1, "rectangle": 2, "route": 4}[sent["kind"]]
    reply = areas.AreasReply(type=number, records=(record,)).encode(2019)
    shown = view(Outcome(1, ANSWERED, 0, 1, 2019, -1, 0x0608, reply))
    assert shown is not None and shown["areas"] == [back]


@given(body=st.binary(max_size=300), kind=st.integers(0, 5))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_answer_about_areas_can_be_shown(body: bytes, kind: int) -> None:
    count = len(body) % 4
    shown = view(Outcome(1, ANSWERED, 0, 1, 2019, -1, 0x0608, bytes([kind]) + count.to_bytes(4, "big") + body))
    assert shown is not None and shown["message_id"] == 0x0608


def test_several_polygons_do_not_fit_one_message() -> None:
    kind = KINDS["push_areas"]
    assert kind.resolve is not None
    assert kind.check({"areas": [3, 4]}) == {"areas": [3, 4], "setting": 1}
