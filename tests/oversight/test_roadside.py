"""The answer to a plate at the roadside, judged item by item, and what officers record; on both registries."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from case_world import HOUR, MINUTE, T0, World
from offices import CITY, COUNTY, person
from sqlalchemy import insert, text

from luwei.facts import FLAG_NOT_FIXED, FLAG_PLACE_IMPOSSIBLE, FLAG_TIME_FUTURE
from luwei.oversight.roadside import checks, judging, looking
from luwei.oversight.roadside.checks import CheckFilter, NewCheck
from luwei.oversight.roadside.judging import Item, Registered, Report, Silence
from luwei.registry import models, noun, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.engine import write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.supervision import SupervisionOrder

TRUCK = Registered(
    "semi_trailer_tractor", None, "440111000001", date(2027, 1, 1), 1, 5, "M2", True, "GD-07", (1, 2, 8, 9)
)  # fmt: skip
REPORT = Report(T0, T0, 0, 0, 0, 0, 0, 0, 23_180_000, 113_260_000)
TODAY = date(2026, 11, 20)


def told(item: Item) -> tuple[str, str, str]:
    return item.code, item.verdict, item.reason


def test_the_register_decides_on_class_certificate_terminal_and_model() -> None:
    assert [told(item) for item in judging.of_registry(TRUCK, TODAY)] == [
        ("scope", "ok", "in_notice"), ("certificate", "ok", "valid"), ("terminal", "ok", "bound"),
        ("model", "ok", "catalogued"),
    ]  # fmt: skip
    last_day = replace(TRUCK, valid_to=TODAY)
    assert judging.of_registry(last_day, TODAY)[1].verdict == "ok", "valid to the end of its last day"
    bad = replace(TRUCK, valid_to=date(2026, 11, 19), catalogued=False)
    assert [each.verdict for each in judging.of_registry(bad, TODAY)] == ["ok", "bad", "ok", "bad"]
    bare = replace(TRUCK, certificate=None, valid_to=None, catalogued=None)
    assert [each.verdict for each in judging.of_registry(bare, TODAY)] == ["ok", "unknown", "ok", "unknown"]


@pytest.mark.parametrize(
    ("kind", "mass", "scope", "terminal"),
    [
        ("general_freight_12t", 25_000, ("ok", "in_notice"), ("bad", "none")),
        ("slag_truck", 31_000, ("ok", "not_in_notice"), ("ok", "not_needed")),
        ("general_freight", 11_999, ("ok", "not_in_notice"), ("ok", "not_needed")),
        # registered as light, and heavy by its mass: the register contradicts itself
        ("general_freight", 12_000, ("unknown", "mass_conflict"), ("unknown", "none_unclear")),
        ("other", None, ("unknown", "class_unknown"), ("unknown", "none_unclear")),
    ],
)
def test_only_a_truck_of_the_notice_must_have_a_terminal(
    kind: str, mass: int | None, scope: tuple[str, str], terminal: tuple[str, str]
) -> None:
    truck = replace(TRUCK, vehicle_class=kind, gross_mass_kg=mass, terminal_id=None)
    first, _, last = judging.of_registry(truck, TODAY)
    assert (told(first)[1:], told(last)[1:]) == (scope, terminal)


def test_silence_is_judged_by_its_length() -> None:
    assert told(judging.of_link(None, T0)) == ("online", "bad", "never")
    lengths = (5 * MINUTE, 5 * MINUTE + 1, 120 * MINUTE, 120 * MINUTE + 1)
    assert [judging.of_link(T0 - each, T0).verdict for each in lengths] == ["ok", "unknown", "unknown", "bad"]


def test_a_location_counts_by_its_time_and_validity() -> None:
    flagged = [
        (0, T0, "ok", "fixed"), (FLAG_NOT_FIXED, T0, "unknown", "not_fixed"),
        (FLAG_TIME_FUTURE | FLAG_NOT_FIXED, T0, "bad", "time_future"),
        (FLAG_PLACE_IMPOSSIBLE, T0, "bad", "impossible"), (0, T0 + 2 * HOUR + 1, "unknown", "fixed"),
    ]  # fmt: skip
    for flags, now, verdict, reason in flagged:
        assert told(judging.of_position(replace(REPORT, flags=flags), now))[1:] == (verdict, reason)
    assert judging.of_position(None, T0).verdict == "unknown"


def test_the_terminal_judges_itself_by_its_standing_bits() -> None:
    def by_code(report: Report | None, channels: Any = (1, 2), now: int = T0) -> dict[str, Item]:
        return {each.code: each for each in judging.of_device(report, channels, now)}

    assert {each.verdict for each in by_code(REPORT).values()} == {"ok"}
    # JT/T 808-2019 table 25: antenna cut is bit 5, main power lost bit 8; JT/T 1078 table 14: occluded is bit 1
    faulty = by_code(replace(REPORT, alarm=1 << 5 | 1 << 8, video=1 << 1, covered=0b10, stores=0b1))
    assert {code: each.verdict for code, each in faulty.items()} == {
        "gnss": "bad", "power": "bad", "camera": "bad", "storage": "bad", "other": "ok", "channels": "bad",
    }  # fmt: skip
    assert faulty["gnss"].figures["bits"] == ["808:5"] and faulty["camera"].figures["bits"] == ["1078:1"]
    assert (faulty["channels"].figures["covered"], faulty["storage"].figures["units"]) == ([2], [0])
    silent = by_code(replace(REPORT, video=None, lost=None, covered=None, stores=None))
    unknown = {code for code, each in silent.items() if each.verdict == "unknown"}
    assert unknown == {"camera", "storage", "channels"}, "what a terminal never tells is not known to be well"
    assert by_code(REPORT, None)["channels"].reason == "not_announced"
    stale = by_code(REPORT, now=T0 + 2 * HOUR + 1)
    assert {each.reason for each in stale.values()} == {"stale"}
    still_bad = by_code(replace(REPORT, alarm=1 << 4), now=T0 + 48 * HOUR)["gnss"]
    assert (still_bad.verdict, still_bad.figures["at"]) == ("bad", T0), "and the answer says of when it is"
    assert {each.reason for each in by_code(None).values()} == {"no_report"}


def test_to_stand_switched_off_is_no_offence_and_to_be_moved_meanwhile_is() -> None:
    stood, moved, unplaced = (Silence(T0 - 26 * HOUR, T0, metres) for metres in (4_999.0, 5_000.0, None))
    assert told(judging.of_silences([stood], True, 5_000))[1:] == ("ok", "stood")
    worst = judging.of_silences([stood, moved], True, 5_000)
    assert (worst.verdict, worst.figures["hours"], worst.figures["km"]) == ("bad", 26, 5)
    assert judging.of_silences([stood, unplaced], True, 5_000).verdict == "unknown"
    assert judging.of_silences([], False, 5_000).verdict == "unknown"


def test_the_whole_is_worth_a_check_by_one_heavy_item_alone() -> None:
    fine = [*judging.of_registry(TRUCK, TODAY), judging.of_link(T0, T0)]
    departs = judging.of_deviations([{"count": 3, "clause": "§4", "zh": "甲", "en": "a"}], True)
    assert (judging.verdict(fine), judging.verdict([*fine, departs])) == ("ok", "ok")
    late = judging.of_orders({"open": 1, "overdue": 1})
    assert judging.verdict([*fine, departs, late]) == "bad"
    assert judging.verdict([*fine[:-1], judging.of_link(T0 - HOUR, T0)]) == "unknown"


def test_work_on_a_truck_is_told_within_the_scopes(world: World) -> None:
    world.take(world.alarm("6501", T0, level=2))
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET grade = 3, overdue = 1"))
        given = {
            "level": 1, "source": "other", "policy": 1, "title": "遮挡", "text": "请整改", "issuer_id": 1,
            "due_at": T0, "in_charge": "county", "issued_at": T0, "vehicle_id": world.first, "overdue": True,
            "target_id": world.operator, "city": 440100, "county": 440111, "operator_id": world.operator,
        }  # fmt: skip
        connection.execute(insert(SupervisionOrder), [given | {"state": each} for each in ("open", "closed")])
    found = looking.work(world.engine, world.first, T0 - HOUR, COUNTY, COUNTY, None)
    assert found.cases == {"open": 1, "severe": 1, "overdue": 1} and found.orders == {"open": 1, "overdue": 1}
    assert found.grades == {"g1": 0, "g2": 0, "g3": 1}
    abroad = Scope(cities=frozenset({440300}))
    other = looking.work(world.engine, world.first, T0 - HOUR, abroad, abroad, None)
    assert (other.cases, other.orders) == ({"open": 0, "severe": 0, "overdue": 0}, {"open": 0, "overdue": 0})
    assert looking.work(world.engine, world.first, T0, None, None, None) == looking.Work(None, None, None)
    assert looking.inside(world.engine, COUNTY, world.first) and not looking.inside(world.engine, abroad, world.first)


def test_a_plate_gives_the_truck_with_its_catalogued_model(world: World) -> None:
    listed = {"name": "M2", "manufacturer_id": "GD", "catalogued": True, "catalogue_number": "GD-2021-07"}
    model = noun.create(world.engine, models.NOUN, listed, SYSTEM, WHOLE)
    with write(world.engine) as connection:
        connection.execute(text("UPDATE terminal SET model_id = :m"), {"m": model})
    found = looking.known(world.engine, WHOLE, "粤AD8814", 2, T0)
    assert found is not None and found.view.id == world.first
    assert (found.registered.catalogued, found.registered.catalogue_number) == (True, "GD-2021-07")
    assert found.bound_at is not None and found.offline_hours == 24
    assert looking.known(world.engine, WHOLE, "粤AD8814", 1, T0) is None
    assert looking.colours(world.engine, WHOLE, "粤AD8814") == [2]
    abroad = Scope(cities=frozenset({440300}))
    assert looking.known(world.engine, abroad, "粤AD8814", 2, T0) is None
    assert looking.colours(world.engine, abroad, "粤AD8814") == []


WANTED = NewCheck("粤A·D8814", 2, ("shielded", "camera_fault"), "探头贴膜", "G15 陈江", 22_900_000, 114_300_000,
                  {"online": "bad"})  # fmt: skip


def test_a_check_is_seen_by_its_office_and_by_whose_truck_it_was(world: World) -> None:
    inspector, colleague = person(world, "路检", 0), person(world, "同事", 0)
    key = checks.enter(world.engine, WHOLE, WANTED, inspector, T0)
    own, monitor = Scope(operators=frozenset({world.operator})), Scope(monitors=frozenset({world.monitor}))
    abroad = Scope(cities=frozenset({440300}))

    def sees(scope: Scope, actor: Any) -> bool:
        found = checks.page(world.engine, scope, actor.user_id, actor.organisation_id, CheckFilter(), 1, 50)
        return [each.id for each in found.items] == [key]

    stranger = person(world, "旁人", 0)
    assert all(sees(scope, colleague) for scope in (own, monitor, CITY, COUNTY, WHOLE))
    assert sees(abroad, inspector) and not sees(abroad, stranger)
    view = checks.one(world.engine, CITY, colleague.user_id or 0, None, key)
    assert (view.plate, view.findings, view.told) == ("粤AD8814", ["shielded", "camera_fault"], {"online": "bad"})
    with pytest.raises(NotFound):
        checks.one(world.engine, abroad, stranger.user_id or 0, None, key)
    # who buys the truck later learns nothing of it, who had it still does
    vehicles.change(world.engine, world.first, {"operator_id": None, "city": 440300, "county": None}, SYSTEM, WHOLE)
    assert sees(own, colleague) and sees(CITY, colleague) and not sees(abroad, stranger)
    entry = world.rows("SELECT act, vehicle_id, detail FROM audit_entry WHERE noun = 'roadside_check'")
    assert [(row.act, row.vehicle_id) for row in entry] == [("roadside_check.enter", world.first)]
    assert json.loads(entry[0].detail)["findings"] == ["camera_fault", "shielded"]


def test_counts_are_those_of_the_lists(world: World) -> None:
    inspector, other = person(world, "甲", 0), person(world, "乙", 0)
    for at, actor, findings in (
        (T0, inspector, ("found",)), (T0 + HOUR, inspector, ("shielded", "terminal_dead")),
        (T0 + 30 * HOUR, other, ("shielded",)),
    ):  # fmt: skip
        checks.enter(world.engine, WHOLE, replace(WANTED, findings=findings), actor, at)
    for chosen in (CheckFilter(), CheckFilter(mine=True), CheckFilter(start=T0, end=T0 + 24 * HOUR)):
        whose = (world.engine, WHOLE, inspector.user_id or 0, None)
        counted = checks.counts(*whose, chosen)
        assert checks.page(*whose, chosen, 1, 1).total == counted.checks
        for finding, number in counted.findings.items():
            assert checks.page(*whose, replace(chosen, finding=finding), 1, 1).total == number
    whole = checks.counts(world.engine, WHOLE, inspector.user_id or 0, None, CheckFilter())
    assert (whole.checks, whole.wrong, whole.findings["shielded"]) == (3, 2, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"plate": "AD8814"}, "plate"),
        ({"plate_color": 7}, "plate_color"),
        ({"findings": ()}, "findings"),
        ({"findings": ("found", "other")}, "findings"),
        ({"findings": ("other", "other")}, "findings"),
        ({"findings": ("fine",)}, "findings"),
        ({"lon_e6": None}, "lon_e6"),
    ],
)
def test_what_cannot_be_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(RegistryError) as refused:
        checks.require(replace(WANTED, **change))
    assert refused.value.field == field


def test_only_who_reaches_the_province_records_a_plate_that_nobody_registered(world: World) -> None:
    officer, strange = person(world, "路检", 0), replace(WANTED, plate="粤A99999")
    key = checks.enter(world.engine, WHOLE, strange, officer, T0)
    assert checks.one(world.engine, WHOLE, officer.user_id or 0, None, key).vehicle_id is None
    for plate in ("粤A99999", "粤AD8814"):  # not there, and not theirs: one answer
        with pytest.raises(NotFound) as refused:
            abroad = Scope(cities=frozenset({440300}))
            checks.enter(world.engine, abroad, replace(WANTED, plate=plate), officer, T0)
        assert refused.value.field == "plate"
