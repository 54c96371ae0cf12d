"""Which trucks came under a scope or left it since an instant, and when they lay within it."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from luwei.registry import organisations, ownership, vehicles
from luwei.registry.audit import Actor
from luwei.registry.scope import Scope

OFFICER = Actor(7, "officer", "10.0.0.1")
WHOLE = Scope()
SHENZHEN, GUANGZHOU, NANSHAN, DONGGUAN = 440300, 440100, 440305, 441900


def truck(engine: Engine, plate: str, **values: int | None) -> int:
    return vehicles.create(engine, {"plate": plate, "plate_color": 2} | values, OFFICER, WHOLE)


def later() -> int:
    """An instant after everything written so far and before everything written from now on."""
    time.sleep(0.003)
    at = int(time.time() * 1000)
    time.sleep(0.003)
    return at


def test_trucks_that_changed_hands_are_told_with_their_times_and_others_are_not(engine: Engine) -> None:
    mine, other = (organisations.create(engine, {"name": name}, OFFICER, WHOLE) for name in "甲乙")
    stays = truck(engine, "粤B00001", operator_id=mine)
    leaves = truck(engine, "粤B00002", operator_id=mine)
    comes = truck(engine, "粤B00003", operator_id=other)
    strange = truck(engine, "粤B00004", operator_id=other)
    start = later()
    vehicles.change(engine, leaves, {"operator_id": other}, OFFICER, WHOLE)
    vehicles.change(engine, comes, {"operator_id": mine}, OFFICER, WHOLE)
    vehicles.change(engine, strange, {"operator_id": None}, OFFICER, WHOLE)
    first = truck(engine, "粤B00005", operator_id=mine)
    scope = Scope(operators=frozenset({mine}))
    found = ownership.changed(engine, scope, start, 10)
    assert found is not None and set(found) == {leaves, comes}
    assert stays not in found and first not in found  # a first owner had it always
    ((low, left),), ((came, _),) = found[leaves], found[comes]
    assert low == start < left and came > start
    for key in found:
        assert found[key] == ownership.spans(engine, scope, key, start, ownership.FOREVER)
    assert ownership.changed(engine, scope, later(), 10) == {}
    assert ownership.changed(engine, scope, start, 1) is None
    assert ownership.changed(engine, WHOLE, start, 10) == {}


def test_a_city_holds_its_counties_and_towns(engine: Engine) -> None:
    moves = truck(engine, "粤B00001", city=SHENZHEN, county=NANSHAN)
    town = truck(engine, "粤S00001", city=DONGGUAN, county=441900003)
    start = later()
    vehicles.change(engine, moves, {"city": GUANGZHOU, "county": None}, OFFICER, WHOLE)
    vehicles.change(engine, town, {"city": GUANGZHOU, "county": None}, OFFICER, WHOLE)
    for city, due in ((SHENZHEN, {moves}), (DONGGUAN, {town}), (GUANGZHOU, {moves, town})):
        found = ownership.changed(engine, Scope(cities=frozenset({city})), start, 10)
        assert found is not None and set(found) == due, city
