"""Areas and routes in the registry: what may be drawn, who may keep it, what is audited — on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from luwei.registry import areas
from luwei.registry.area import AREA_KINDS
from luwei.registry.area_shape import check_geometry, check_rules
from luwei.registry.audit import Actor, AuditEntry
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU, FUTIAN = 440300, 440100, 440304
CIRCLE = {"lat_e6": 22_540_000, "lon_e6": 114_050_000, "radius_m": 500}


def circle(engine: Engine, name: str, scope: Scope = WHOLE, **values: Any) -> int:
    return areas.create(engine, {"name": name, "kind": "circle", "geometry": CIRCLE} | values, OFFICER, scope)


def test_an_area_is_kept_changed_and_taken_away_and_each_act_is_audited(engine: Engine) -> None:
    key = circle(engine, "盐田港区", rules={"enter_platform": True, "max_speed": 40})
    (made,) = areas.named(engine, WHOLE, [key])
    assert (made.geometry, made.version, made.city) == (CIRCLE, 1, None)
    assert made.rules["enter_platform"] and not made.rules["leave_platform"]
    assert (made.rules["max_speed"], made.rules["duration_s"], made.rules["night_speed"]) == (40, 0, None)
    areas.change(engine, key, {"geometry": CIRCLE | {"radius_m": 800}}, OFFICER, WHOLE)
    areas.change(engine, key, {"name": "盐田港区"}, OFFICER, WHOLE)  # as it is: no new version
    (changed,) = areas.named(engine, WHOLE, [key])
    assert (changed.geometry["radius_m"], changed.version, changed.rules) == (800, 2, made.rules)
    areas.delete(engine, key, OFFICER, WHOLE)
    with pytest.raises(NotFound):
        areas.named(engine, WHOLE, [key])
    assert areas.page(engine, WHOLE).total == 0
    assert circle(engine, "另一个") > key  # a truck may still hold the old one under its id
    with read(engine) as connection:
        acts = connection.execute(select(AuditEntry.act, AuditEntry.noun_id).where(AuditEntry.noun == "area")).all()
    assert [tuple(act) for act in acts[:3]] == [("area.create", key), ("area.change", key), ("area.delete", key)]


def test_a_city_sees_the_provinces_areas_and_keeps_its_own(engine: Engine) -> None:
    shenzhen = Scope(cities=frozenset({SHENZHEN}))
    futian, operator = Scope(counties=frozenset({FUTIAN})), Scope(operators=frozenset({5}))
    whole, own = circle(engine, "全省"), circle(engine, "深圳", shenzhen, city=SHENZHEN)
    other = circle(engine, "广州", city=GUANGZHOU)
    for scope, seen in ((WHOLE, {whole, own, other}), (shenzhen, {whole, own}), (futian, {whole, own}),
                        (operator, {whole})):  # fmt: skip
        assert {item.id for item in areas.page(engine, scope).items} == seen
    with pytest.raises(NotFound):
        areas.change(engine, other, {"name": "x"}, OFFICER, shenzhen)
    for key, scope in ((whole, shenzhen), (whole, operator)):
        with pytest.raises(RegistryError, match="jurisdiction"):
            areas.delete(engine, key, OFFICER, scope)
    with pytest.raises(RegistryError, match="jurisdiction"):
        areas.change(engine, own, {"city": GUANGZHOU}, OFFICER, shenzhen)


def test_the_list_is_searched_by_name_and_kind(engine: Engine) -> None:
    key = circle(engine, "盐田港区")
    square = {"north_e6": 22_600_000, "west_e6": 114_000_000, "south_e6": 22_500_000, "east_e6": 114_100_000}
    areas.create(engine, {"name": "福田中心区", "kind": "rectangle", "geometry": square}, OFFICER, WHOLE)
    assert [item.id for item in areas.page(engine, WHOLE, q="田港").items] == [key]
    assert areas.page(engine, WHOLE, kind="rectangle").total == 1
    with pytest.raises(RegistryError, match="circle, rectangle, polygon, route"):
        areas.page(engine, WHOLE, kind="blob")


POINT = {"lat_e6": 22_540_000, "lon_e6": 114_050_000, "width_m": 30}
FAR = {"lat_e6": 22_550_000, "lon_e6": 114_060_000, "width_m": 30}
BOW = [[0, 0], [10, 10], [10, 0], [0, 10]]


@pytest.mark.parametrize(
    ("kind", "geometry", "rules", "field", "words"),
    [
        ("circle", CIRCLE | {"radius_m": 0}, {}, "geometry.radius_m", "1 to 1000000 (§8.32)"),
        ("circle", CIRCLE | {"lat_e6": 90_000_001}, {}, "geometry.lat_e6", "§8.32"),
        ("circle", CIRCLE | {"colour": 3}, {}, "geometry.colour", "no part"),
        ("circle", {"lat_e6": True, "lon_e6": 1, "radius_m": 1}, {}, "geometry.lat_e6", "whole number"),
        ("rectangle", {"north_e6": 5, "west_e6": 5, "south_e6": 6, "east_e6": 9}, {}, "geometry.south_e6", "south of"),
        ("rectangle", {"north_e6": 9, "west_e6": 9, "south_e6": 6, "east_e6": 9}, {}, "geometry.east_e6", "east of"),
        ("rectangle", {"north_e6": 9, "west_e6": -9, "south_e6": 6, "east_e6": 9}, {}, "geometry", "hemisphere"),
        ("polygon", {"points": [[0, 0], [1, 1]]}, {}, "geometry.points", "3 to 200 points (§8.36)"),
        ("polygon", {"points": [[0, 0]] * 201}, {}, "geometry.points", "3 to 200"),
        ("polygon", {"points": BOW}, {}, "geometry.points[2]", "edges 0 and 2 cross"),
        ("polygon", {"points": [[0, 0], [1, 1], [2]]}, {}, "geometry.points[2]", "[lat_e6, lon_e6]"),
        ("route", {"points": [POINT]}, {}, "geometry.points", "2 to 200 points (§8.38)"),
        ("route", {"points": [POINT, FAR | {"width_m": 256}]}, {}, "geometry.points[1].width_m", "1 to 255"),
        ("route", {"points": [POINT | {"too_long_s": 60}, FAR]}, {}, "geometry.points[0].too_short_s", "together"),
        ("route", {"points": [POINT | {"night_speed": 60}, FAR]}, {}, "geometry.points[0].night_speed", "max_speed"),
        ("route", {"points": [POINT, FAR]}, {"max_speed": 60}, "rules.max_speed", "no rule here (§8.38)"),
        ("circle", CIRCLE, {"start": "08:30:00"}, "rules.start", "both"),
        ("circle", CIRCLE, {"start": "08:30:00", "end": "2026-01-01 00:00:00"}, "rules.start", "both"),
        ("circle", CIRCLE, {"start": "2026-01-02 00:00:00", "end": "2026-01-01 00:00:00"}, "rules.end", "later"),
        ("circle", CIRCLE, {"duration_s": 9}, "rules.duration_s", "max_speed"),
        ("circle", CIRCLE, {"doors_closed": 1}, "rules.doors_closed", "true or false"),
    ],
)  # fmt: skip
def test_a_shape_or_rule_that_no_terminal_could_take_is_refused_naming_field_and_clause(
    kind: str, geometry: dict[str, Any], rules: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(RegistryError) as refused:
        check_geometry(kind, geometry)
        check_rules(kind, rules)
    assert refused.value.field == field
    assert words in refused.value.rule


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
        st.sampled_from(["points", "lat_e6", "lon_e6", "radius_m", "width_m", "start", "end", "max_speed", "x"]), inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(kind=st.sampled_from(sorted(AREA_KINDS)), geometry=JSON, rules=JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_is_an_area_or_a_named_refusal(kind: str, geometry: Any, rules: Any) -> None:
    for check, value in ((check_geometry, geometry), (check_rules, rules)):
        try:
            kept = check(kind, value)
        except RegistryError as error:
            assert error.field.startswith(("geometry", "rules"))
        else:
            assert check(kind, json.loads(json.dumps(kept))) == kept
