"""Drivers, SIM cards, models, equipment: rules, scope, search, history — on both databases."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from luwei.registry import changes, drivers, equipments, models, noun, organisations, plate, sims, terminals, vehicles
from luwei.registry.audit import Actor
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fields import day
from luwei.registry.personal import PERSONAL
from luwei.registry.reach import MODELS
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vin import check_digit

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU = 440300, 440100
# GB 11643-1999 annex A works both examples out by hand: check characters X and 8.
IDENTITY, OTHER_IDENTITY = "11010519491231002X", "440524188001010014"


def driver(engine: Engine, scope: Scope = WHOLE, **values: Any) -> int:
    return noun.create(engine, drivers.NOUN, {"name": "张三"} | values, OFFICER, scope)


def test_the_identity_number_of_the_standards_example_is_taken() -> None:
    assert drivers.identity_number(" 11010519491231002x ") == IDENTITY


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",
        "11010519491331002X",
        "1101051949123100",
        "",
        "1101051949123100２X",
        OTHER_IDENTITY,
        None,
        5,
    ],
)
def test_a_wrong_identity_number_is_refused_and_not_repeated(text: Any) -> None:
    # The second example of the standard is of a person born in 1880: the check character is right, the age is not.
    with pytest.raises(RegistryError) as caught:
        drivers.identity_number(text)
    assert caught.value.field == "identity_number" and caught.value.value == ""


@given(st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_of_an_identity_number_is_always_noticed(place: int, char: str) -> None:
    wrong = IDENTITY[:place] + char + IDENTITY[place + 1 :]
    if wrong != IDENTITY:
        with pytest.raises(RegistryError):
            drivers.identity_number(wrong)


@given(st.text(max_size=25))
def test_no_text_breaks_a_check_otherwise(text: str) -> None:
    for check in (drivers.identity_number, drivers.phone, sims.iccid, sims.msisdn, day("x")):
        with contextlib.suppress(RegistryError):
            check(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", date(2026, 1, 31)), ("20260131", date(2026, 1, 31)), ("2026年1月31日", date(2026, 1, 31)),
        ("2026/1/31", date(2026, 1, 31)), ("2026-01-31T00:00:00", date(2026, 1, 31)), ("2026-02-29", None),
        ("31.01.2026", None), ("", None), ("1049-01-01", None),
    ],
)  # fmt: skip
def test_a_day_is_read_as_certificates_write_it(text: str, expected: date | None) -> None:
    if expected is None:
        with pytest.raises(RegistryError):
            day("x")(text)
    else:
        assert day("x")(text) == expected


@pytest.mark.parametrize(
    ("text", "color", "field"),
    [
        ("粤B1234挂", 1, "plate_color"), ("粤B1234警", 2, "plate_color"), ("粤B1234学", 1, "plate_color"),
        ("粤ZAB12港", 2, "plate_color"), ("粤BAB12港", 3, "plate"), ("粤ZAB123", 3, "plate"),
        ("粤BD12345", 93, "plate_color"), ("粤B12345D", 94, "plate_color"),
    ],
)  # fmt: skip
def test_a_plate_of_the_wrong_colour_is_refused(text: str, color: int, field: str) -> None:
    with pytest.raises(RegistryError) as caught:
        plate.check(text, color)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "color"),
    [("粤B1234警", 4), ("粤B1234学", 2), ("粤ZAB12澳", 3), ("粤BD12345", 94), ("粤B12345D", 5), ("粤B1234挂", 2)],
)
def test_a_plate_of_its_own_colour_is_taken(text: str, color: int) -> None:
    assert plate.check(text, color) == text


def test_a_vin_without_check_digit_needs_a_confirmation_of_its_own(engine: Engine) -> None:
    # A European tractor: Z fills the ninth place, the check digit of ISO 3779 annex would be another.
    european = "YS2R4X20Z05399401"
    assert check_digit(european) != "Z"
    with pytest.raises(RegistryError, match="vin_confirmed"):
        vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "vin": european}, OFFICER, WHOLE)
    given = {"plate": "粤B12345", "plate_color": 2, "vin": european, "vin_confirmed": True}
    key = vehicles.create(engine, given, OFFICER, WHOLE)
    vehicles.change(engine, key, {"owner": "某某运输公司", "vin": european}, OFFICER, WHOLE)
    with pytest.raises(RegistryError, match="check digit"):
        vehicles.change(engine, key, {"vin": "YS2R4X20Z05399402"}, OFFICER, WHOLE)
    vehicles.change(engine, key, {"vin": "1M8GDM9AXKP042788", "vin_confirmed": True}, OFFICER, WHOLE)
    told = changes.page(engine, "vehicle", key, WHOLE).items[0].fields
    assert {(each.field, each.before, each.after) for each in told} == {
        ("vin", european, "1M8GDM9AXKP042788"), ("vin_confirmed", True, False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"vehicle_class": "general_freight_12t", "gross_mass_kg": 11_999}, "gross_mass_kg"),
        ({"vehicle_class": "general_freight", "gross_mass_kg": 12_000}, "gross_mass_kg"),
        ({"gross_mass_kg": 499}, "gross_mass_kg"), ({"gross_mass_kg": True}, "gross_mass_kg"),
        ({"transport_certificate": "粤交运管<b>"}, "transport_certificate"),
        ({"certificate_valid_from": "2026-02-01", "certificate_valid_to": "2026-01-31"}, "certificate_valid_to"),
        ({"owner": "x" * 101}, "owner"), ({"vin_confirmed": 1}, "vin_confirmed"), ({"insurer_id": 77}, "insurer_id"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_vehicle_is_named(engine: Engine, given: dict[str, Any], field: str) -> None:
    with pytest.raises(RegistryError) as caught:
        vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2} | given, OFFICER, WHOLE)
    assert caught.value.field == field


def test_the_holder_of_a_taken_certificate_is_told_inside_the_scope_only(engine: Engine) -> None:
    given = {
        "plate": "粤B12345",
        "plate_color": 2,
        "city": SHENZHEN,
        "transport_certificate": "粤交运管深字440300000001号",
    }
    first = vehicles.create(engine, given, OFFICER, WHOLE)
    again = given | {"plate": "粤B54321"}
    with pytest.raises(Conflict) as caught:
        vehicles.create(engine, again, OFFICER, WHOLE)
    assert caught.value.clash == {"noun": "vehicle", "id": first, "label": "粤B12345（黄）"}
    with pytest.raises(Conflict, match="exists elsewhere") as caught:
        vehicles.create(engine, again | {"city": GUANGZHOU}, OFFICER, Scope(cities=frozenset({GUANGZHOU})))
    assert caught.value.clash is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"), ({"licence_class": "D"}, "licence_class"), ({"phone": "12 34"}, "phone"),
        ({"qualification_kind": "x"}, "qualification_kind"), ({"operator_id": 5}, "operator_id"),
        ({"qualification_valid_from": "2026-02-01", "qualification_valid_to": "2026-01-31"}, "qualification_valid_to"),
        ({"photo": "a b"}, "photo"), ({"county": 1}, "county"), ({"surname": "x"}, "surname"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_driver_is_named(engine: Engine, values: dict[str, Any], field: str) -> None:
    with pytest.raises(RegistryError) as caught:
        driver(engine, **values)
    assert caught.value.field == field


def test_drivers_are_found_by_fragment_but_not_by_fragments_of_identity_numbers(engine: Engine) -> None:
    key = driver(engine, identity_number=IDENTITY, phone="13800138000", qualification_number="4403000000012345678")
    driver(engine, name="李四")
    for q, total in (
        ("张", 1),
        ("0013", 1),
        ("12345678", 1),
        (IDENTITY.lower(), 1),
        ("19491231", 0),
        ("李", 1),
        ("%", 0),
    ):
        assert drivers.page(engine, WHOLE, q).total == total, q
    assert noun.one(engine, drivers.NOUN, key, WHOLE).identity_number == IDENTITY
    with pytest.raises(Conflict) as caught:
        driver(engine, identity_number=IDENTITY)
    assert caught.value.field == "identity_number" and caught.value.clash == {
        "noun": "driver", "id": key, "label": f"#{key}",
    }  # fmt: skip


def test_a_scope_hides_and_protects_drivers_and_cards_outside(engine: Engine) -> None:
    mine = Scope(cities=frozenset({SHENZHEN}))
    inside, outside = driver(engine, city=SHENZHEN), driver(engine, city=GUANGZHOU)
    trucks = [vehicles.create(engine, {"plate": f"粤B1234{i}", "plate_color": 2, "city": city}, OFFICER, WHOLE)
              for i, city in enumerate((SHENZHEN, GUANGZHOU))]  # fmt: skip
    devices = [
        terminals.create(engine, {"phone": str(i), "vehicle_id": key}, OFFICER, WHOLE) for i, key in enumerate(trucks)
    ]
    cards = [noun.create(engine, sims.NOUN, {"iccid": f"8986000000000000000{i}", "terminal_id": key}, OFFICER, WHOLE)
             for i, key in enumerate(devices)]  # fmt: skip
    noun.create(engine, sims.NOUN, {"iccid": "89860000000000000009"}, OFFICER, WHOLE)
    assert [view.id for view in drivers.page(engine, mine).items] == [inside]
    assert [view.id for view in sims.page(engine, mine).items] == [cards[0]]
    for act in (
        lambda: noun.one(engine, drivers.NOUN, outside, mine),
        lambda: noun.change(engine, drivers.NOUN, outside, {"city": SHENZHEN}, OFFICER, mine),
        lambda: noun.one(engine, sims.NOUN, cards[1], mine),
        lambda: noun.change(engine, sims.NOUN, cards[1], {"carrier": "mobile"}, OFFICER, mine),
        lambda: equipments.one(engine, devices[1], mine),
        lambda: equipments.replace(engine, devices[1], {"channels": []}, OFFICER, mine),
        lambda: changes.page(engine, "driver", outside, mine),
        lambda: changes.page(engine, "sim", cards[1], mine),
        lambda: changes.page(engine, "terminal", devices[1], mine),
    ):
        with pytest.raises(NotFound):
            act()
    for act in (
        lambda: driver(engine, mine, city=GUANGZHOU),
        lambda: noun.change(engine, drivers.NOUN, inside, {"city": GUANGZHOU}, OFFICER, mine),
        lambda: noun.create(engine, sims.NOUN, {"iccid": "89860000000000000008"}, OFFICER, mine),
        lambda: noun.change(engine, sims.NOUN, cards[0], {"terminal_id": devices[1]}, OFFICER, mine),
        lambda: noun.create(engine, models.NOUN, {"name": "M"}, OFFICER, mine),
    ):
        with pytest.raises(RegistryError):
            act()


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("89860112345678901234", True), ("8986 0319 8876 5432 10AB", True), ("8944500102198304826", True),
        ("8944500102198304827", False), ("1234567890123456789", False), ("89", False),
    ],
)  # fmt: skip
def test_an_iccid_of_nineteen_digits_keeps_its_check_digit(text: str, taken: bool) -> None:
    # 8944500102198304826 is the worked Luhn example commonly printed for ITU-T E.118: its digits sum to 70.
    if taken:
        assert sims.iccid(text) == text.replace(" ", "")
    else:
        with pytest.raises(RegistryError):
            sims.iccid(text)


def test_a_cards_number_is_kept_without_the_country() -> None:
    assert sims.msisdn("+86 138-0013-8000") == "13800138000"
    assert sims.msisdn("1440123456789") == "1440123456789"
    assert sims.msisdn("861440123456789") == "1440123456789"


def test_models_are_unique_by_maker_name_and_firmware(engine: Engine) -> None:
    vendor = organisations.create(engine, {"name": "某设备公司", "kind": "vendor"}, OFFICER, WHOLE)
    given = {"name": "LW-1", "firmware": "1.0", "manufacturer_id": "44030", "vendor_id": vendor, "catalogued": True}
    key = noun.create(engine, models.NOUN, given | {"catalogued_on": "2021-03-01"}, OFFICER, WHOLE)
    with pytest.raises(Conflict) as caught:
        noun.create(engine, models.NOUN, given, OFFICER, WHOLE)
    assert caught.value.clash == {"noun": "terminal_model", "id": key, "label": "LW-1 1.0"}
    noun.create(engine, models.NOUN, given | {"firmware": "1.1", "catalogued": False}, OFFICER, WHOLE)
    assert [models.page(engine, WHOLE, "LW", vendor, mark).total for mark in (None, True, False)] == [2, 1, 1]
    with pytest.raises(RegistryError) as wrong:
        noun.change(engine, models.NOUN, key, {"catalogued": False}, OFFICER, WHOLE)
    assert wrong.value.field == "catalogued_on"
    device = terminals.create(engine, {"phone": "1", "model_id": key, "vendor_id": vendor}, OFFICER, WHOLE)
    view = terminals.one(engine, device, WHOLE)
    assert view.model_id == key and view.vendor is not None and view.vendor.name == "某设备公司"


def test_the_equipment_of_a_terminal_is_replaced_as_a_whole_and_told(engine: Engine) -> None:
    key = terminals.create(engine, {"phone": "1"}, OFFICER, WHOLE)
    front = {"logical": 2, "physical": 1, "kind": "video", "position": "front"}
    inside = {"logical": 1, "kind": "av", "position": "driver", "ptz": True}
    store = {"kind": "storage", "maker": "某", "capacity_gb": 512}
    equipments.replace(engine, key, {"channels": [front, inside], "peripherals": [store]}, OFFICER, WHOLE)
    equipments.replace(engine, key, {"channels": [inside]}, OFFICER, WHOLE)
    found = equipments.one(engine, key, WHOLE)
    assert [(each.logical, each.ptz) for each in found.channels] == [(1, True)]
    assert [each.capacity_gb for each in found.peripherals] == [512]
    newest = changes.page(engine, "terminal", key, WHOLE).items[0]
    assert newest.act == "terminal.equip" and newest.username == "officer"
    assert newest.fields[0].before == ["1/- av driver ptz", "2/1 video front"]
    for wrong, field in (
        ({"channels": [front, front]}, "channels.1.logical"), ({"channels": [{}]}, "channels.0.logical"),
        ({"channels": [front | {"position": "roof"}]}, "channels.0.position"), ({"channels": [front] * 40}, "channels"),
        ({"peripherals": [{"kind": "storage", "colour": 1}]}, "peripherals.0.colour"),
    ):  # fmt: skip
        with pytest.raises(RegistryError) as caught:
            equipments.replace(engine, key, wrong, OFFICER, WHOLE)
        assert caught.value.field == field
    assert len(equipments.one(engine, key, WHOLE).channels) == 1


def test_the_history_tells_who_changed_which_field_from_what_to_what(engine: Engine) -> None:
    key = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "city": SHENZHEN}, OFFICER, WHOLE)
    for mass in (25_000, 31_000):
        vehicles.change(engine, key, {"gross_mass_kg": mass}, Actor(8, "clerk", "10.0.0.2"), WHOLE)
    vehicles.change(engine, key, {"owner": "某某"}, OFFICER, WHOLE)
    page = changes.page(engine, "vehicle", key, WHOLE, number=1, size=2)
    assert page.total == 4 and [each.act for each in page.items] == ["vehicle.change"] * 2
    mass_only = changes.page(engine, "vehicle", key, WHOLE, "gross_mass_kg")
    assert [(each.username, each.fields[0].before, each.fields[0].after) for each in mass_only.items] == [
        ("clerk", 25_000, 31_000), ("clerk", None, 25_000),
    ]  # fmt: skip
    created = changes.page(engine, "vehicle", key, WHOLE, number=4, size=1).items[0]
    assert ("plate", None, "粤B12345") in [(each.field, each.before, each.after) for each in created.fields]


def test_every_personal_field_is_a_column() -> None:
    for name, columns in PERSONAL.items():
        assert set(columns) <= set(MODELS[name].__table__.columns.keys()), name
