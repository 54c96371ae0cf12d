"""Vehicles, terminals and operators: rules, conflicts, scope, list, search, audit — on both databases."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from luwei.registry import organisations, terminals, vehicle_list, vehicles
from luwei.registry.admission import Admission, RegistrationRequest
from luwei.registry.audit import Actor
from luwei.registry.engine import read
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fleet import fleet_rows
from luwei.registry.organisations import OrganisationFilter
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle_list import VehicleFilter

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU = 440300, 440100


def vehicle(engine: Engine, plate: str, scope: Scope = WHOLE, **values: Any) -> int:
    return vehicles.create(engine, {"plate": plate, "plate_color": 2} | values, OFFICER, scope)


def terminal(engine: Engine, phone: str, vehicle_id: int | None = None, **values: Any) -> int:
    return terminals.create(engine, {"phone": phone, "vehicle_id": vehicle_id} | values, OFFICER, WHOLE)


@pytest.fixture
def small(engine: Engine) -> Engine:
    """Ten trucks: ids 1 to 5 in Shenzhen, 6 to 10 in Guangzhou; 1 to 9 with terminals."""
    organisations.create(engine, {"name": "深圳市远隆物流有限公司", "city": SHENZHEN}, OFFICER, WHOLE)
    for i in range(1, 11):
        city, letter = (SHENZHEN, "B") if i <= 5 else (GUANGZHOU, "A")
        vehicle(engine, f"粤{letter}1234{i % 10}", city=city, operator_id=1 if i <= 3 else None)
        if i < 10:
            terminal(engine, f"1380013800{i}", i, terminal_id=f"LW0000{i}")
    return engine


def plates_of(found: list[vehicle_list.VehicleView]) -> list[str]:
    return [view.plate for view in found]


def test_a_change_is_recorded_with_before_and_after(engine: Engine) -> None:
    key = vehicle(engine, "粤B12345", city=SHENZHEN)
    vehicles.change(engine, key, {"city": GUANGZHOU, "vehicle_class": "other"}, OFFICER, WHOLE)
    vehicles.change(engine, key, {"city": GUANGZHOU}, OFFICER, WHOLE)
    with read(engine) as connection:
        rows = connection.execute(text("SELECT act, noun, noun_id, username, address, detail FROM audit_entry")).all()
    assert [row[0] for row in rows] == ["vehicle.create", "vehicle.change"]
    assert tuple(rows[1][1:5]) == ("vehicle", key, "officer", "10.0.0.1")
    assert json.loads(rows[1][5]) == {"city": [SHENZHEN, GUANGZHOU]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"plate": "粤B1234"}, "plate"), ({"plate_color": 77}, "plate_color"), ({"vin": "X"}, "vin"),
        ({"vehicle_class": "bicycle"}, "vehicle_class"), ({"city": 110000}, "city"), ({"county": 440106}, "county"),
        ({"county": "440305"}, "county"), ({"operator_id": 5}, "operator_id"), ({"operator_id": True}, "operator_id"),
        ({"id": 1}, "id"), ({"source": "x"}, "source"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_field_and_changes_nothing(engine: Engine, given: dict[str, Any], field: str) -> None:
    key = vehicle(engine, "粤B12345", city=SHENZHEN, county=440305)
    before = vehicle_list.one(engine, key, WHOLE)
    with pytest.raises(RegistryError) as caught:
        vehicles.change(engine, key, given, OFFICER, WHOLE)
    assert caught.value.field == field
    assert vehicle_list.one(engine, key, WHOLE) == before


def test_a_county_brings_its_city_and_a_new_city_must_hold_the_county(engine: Engine) -> None:
    key = vehicle(engine, "粤B12345", county=440305)
    assert vehicle_list.one(engine, key, WHOLE).city == SHENZHEN
    with pytest.raises(RegistryError, match="must lie in the city"):
        vehicles.change(engine, key, {"city": GUANGZHOU}, OFFICER, WHOLE)
    town = vehicle(engine, "粤S12345", city=441900, county=441900003)
    assert vehicle_list.one(engine, town, WHOLE).county == 441900003


def test_what_is_taken_is_a_conflict_that_names_the_field(engine: Engine) -> None:
    first = vehicle(engine, "粤B12345", vin="1M8GDM9AXKP042788")
    terminal(engine, "13800138000", first)
    for field, act in (
        ("plate", lambda: vehicle(engine, "粤B12345")),
        ("vin", lambda: vehicle(engine, "粤B54321", vin="1M8GDM9AXKP042788")),
        ("phone", lambda: terminal(engine, "013800138000")),
        ("vehicle_id", lambda: terminal(engine, "13800138001", first)),
    ):
        with pytest.raises(Conflict) as caught:
            act()
        assert caught.value.field == field
    assert vehicle(engine, "粤B12345", plate_color=1) != first


def test_another_device_under_a_phone_ends_its_code(engine: Engine) -> None:
    key = vehicle(engine, "粤B12345")
    device = terminal(engine, "13800138000", key, terminal_id="OLD")
    request = RegistrationRequest("13800138000", 44, 300, "", "", "OLD", 2, "粤B12345", 2019)
    known = Admission(engine, "known")
    assert known.register([request])[0].code == known.lookup(["13800138000"])["13800138000"].code
    terminals.change(engine, device, {"terminal_id": "NEW"}, OFFICER, WHOLE)
    assert known.lookup(["13800138000"])["13800138000"].code is None
    terminals.change(engine, device, {"vehicle_id": None}, OFFICER, WHOLE)
    assert known.lookup(["13800138000"]) == {}


def test_a_scope_hides_and_protects_what_lies_outside(small: Engine) -> None:
    mine = Scope(cities=frozenset({SHENZHEN}))
    assert vehicle_list.page(small, mine, VehicleFilter()).total == 5
    assert vehicle_list.page(small, mine, VehicleFilter(city=GUANGZHOU)).total == 0
    assert vehicle_list.search(small, "粤A12346", mine) == []
    assert terminals.page(small, mine).total == 5
    assert vehicle_list.page(small, Scope(operators=frozenset({1})), VehicleFilter()).total == 3
    assert vehicle_list.page(small, Scope(cities=frozenset()), VehicleFilter()).total == 0
    for act in (
        lambda: vehicle_list.one(small, 6, mine),
        lambda: vehicles.change(small, 6, {"city": SHENZHEN}, OFFICER, mine),
        lambda: terminals.one(small, 6, mine),
        lambda: terminals.change(small, 6, {"model": "X"}, OFFICER, mine),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(RegistryError, match="jurisdiction"):
        vehicles.change(small, 1, {"city": GUANGZHOU}, OFFICER, mine)
    with pytest.raises(RegistryError, match="jurisdiction"):
        vehicle(small, "粤A99999", mine, city=GUANGZHOU)
    with pytest.raises(RegistryError, match="jurisdiction"):
        terminals.create(small, {"phone": "1"}, OFFICER, mine)
    with pytest.raises(RegistryError, match="no such vehicle"):
        terminals.change(small, 1, {"vehicle_id": 10}, OFFICER, mine)


def test_the_list_is_sorted_and_paged(small: Engine) -> None:
    first = vehicle_list.page(small, WHOLE, VehicleFilter(), "-id", 1, 4)
    assert first.total == 10 and [view.id for view in first.items] == [10, 9, 8, 7]
    assert [view.id for view in vehicle_list.page(small, WHOLE, VehicleFilter(), "-id", 3, 4).items] == [2, 1]
    assert vehicle_list.page(small, WHOLE, VehicleFilter(), "id", 9, 4).items == []
    by_plate = plates_of(vehicle_list.page(small, WHOLE, VehicleFilter(), "plate").items)
    assert by_plate == sorted(by_plate)
    view = first.items[-1]
    assert view.terminal is not None and view.terminal.phone == "13800138007" and view.operator is None


def test_the_list_takes_live_ids_together_with_filters(small: Engine) -> None:
    among = np.array([2, 3, 7, 10])
    assert [v.id for v in vehicle_list.page(small, WHOLE, VehicleFilter(among=among), "id").items] == [2, 3, 7, 10]
    page = vehicle_list.page(small, WHOLE, VehicleFilter(city=SHENZHEN, among=among), "id", 2, 1)
    assert page.total == 2 and [view.id for view in page.items] == [3]
    assert vehicle_list.page(small, WHOLE, VehicleFilter(q="12347", among=among)).total == 1
    assert vehicle_list.page(small, WHOLE, VehicleFilter(among=np.array([], np.int64))).total == 0


def test_many_live_ids_give_the_same_as_few(small: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    among = np.array([1, 2, 5, 6, 9])
    few = [vehicle_list.page(small, scope, VehicleFilter(among=among), "-plate", 2, 2)
           for scope in (WHOLE, Scope(cities=frozenset({SHENZHEN})))]  # fmt: skip
    monkeypatch.setattr(vehicle_list, "FEW", 2)
    many = [vehicle_list.page(small, scope, VehicleFilter(among=among), "-plate", 2, 2)
            for scope in (WHOLE, Scope(cities=frozenset({SHENZHEN})))]  # fmt: skip
    assert few == many and few[0].total == 5


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("粤B12341", ["粤B12341"]), ("b·12341", ["粤B12341"]), ("12340", ["粤A12340"]), ("A1", 5), ("3", 10),
        ("13800138003", ["粤B12343"]), ("8003", ["粤B12343"]), ("lw00004", ["粤B12344"]), ("粤C", []), ("%", []),
        ("_", []), ("' OR 1=1 --", []), ("粤'; DROP TABLE vehicle; --", []),
    ],
)  # fmt: skip
def test_a_fragment_of_plate_phone_or_terminal_id_is_found(small: Engine, q: str, expected: list[str] | int) -> None:
    found = plates_of(vehicle_list.search(small, q, WHOLE))
    listed = vehicle_list.page(small, WHOLE, VehicleFilter(q=q))
    assert (found if isinstance(expected, list) else len(found)) == expected
    assert listed.total == len(found) and sorted(plates_of(listed.items)) == sorted(found)


def test_the_closest_match_comes_first_and_the_limit_holds(small: Engine) -> None:
    vehicle(small, "粤B41234")
    found = plates_of(vehicle_list.search(small, "1234", WHOLE, 3))
    assert found[0] == "粤B41234" and len(found) == 3


def test_a_narrow_scope_finds_its_own_among_many(small: Engine) -> None:
    assert len(vehicle_list.search(small, "1234", Scope(cities=frozenset({GUANGZHOU})), 1)) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda engine: vehicle_list.page(engine, WHOLE, VehicleFilter(), "plate; DROP"),
        lambda engine: vehicle_list.page(engine, WHOLE, VehicleFilter(), size=501),
        lambda engine: vehicle_list.page(engine, WHOLE, VehicleFilter(), number=0),
        lambda engine: vehicle_list.page(engine, WHOLE, VehicleFilter(q="x" * 41)),
        lambda engine: vehicle_list.search(engine, "a\0b", WHOLE),
        lambda engine: organisations.page(engine, WHOLE, OrganisationFilter("\x1b")),
        lambda engine: terminals.page(engine, WHOLE, size=0),
    ],
)
def test_an_unusable_question_is_refused(engine: Engine, act: Any) -> None:
    with pytest.raises(RegistryError):
        act(engine)


HOSTILE = [
    "'; DROP TABLE organisation; --",
    '"><script>alert(1)</script>',
    "{{7*7}}",
    "${jndi:ldap://x}",
    "\u202egnp",
    "%00",
    "甲'乙",
]


@pytest.mark.parametrize("sent", HOSTILE)
def test_hostile_text_is_kept_as_text_or_refused(engine: Engine, sent: str) -> None:
    try:
        key = organisations.create(engine, {"name": sent}, OFFICER, WHOLE)
    except RegistryError:
        assert not sent.isprintable()
    else:
        assert organisations.one(engine, key, WHOLE).name == sent
        assert [view.name for view in organisations.page(engine, WHOLE, OrganisationFilter(sent[:40])).items] == [sent]


def test_the_fleet_comes_as_columns(small: Engine) -> None:
    rows = fleet_rows(small)
    assert len(rows) == 10 and rows.id.tolist() == list(range(1, 11))
    assert rows.city.tolist() == [SHENZHEN] * 5 + [GUANGZHOU] * 5 and rows.operator_id.tolist() == [1] * 3 + [0] * 7
    assert rows.phone[0] == "13800138001" and rows.phone[9] == "" and rows.plate[9] == "粤A12340"
    assert fleet_rows(small, [3, 99, 1]).id.tolist() == [1, 3]
    assert len(fleet_rows(small, [])) == 0
