"""How simulated terminals speak: by model, always the same, and as their profile says, or not."""

from __future__ import annotations

from collections import Counter

import pytest

from luwei.profiles import Identity, load
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.registration import Registration
from luwei.protocol.safety.alarm_items import DsmAlarm, SafetyAlarm
from luwei.protocol.safety.dialects import dialect_named
from luwei.simulator import wire
from luwei.simulator.dialects import CHOICES, MODELS, NAMES, PLAIN
from luwei.simulator.driving import Drive
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.reports import Instruments
from luwei.simulator.safety import SafetyAlarms

NOON_S = 1_795_233_600.0  # 2026-11-21 12:00 in China


@pytest.fixture(scope="module")
def mixed() -> list[Truck]:
    return trucks(400, profiles="mixed")


def report_of(truck: Truck) -> Location:
    report = Instruments(Drive(truck, 0, NOON_S, awake=True)).take()
    body = wire.location(report, truck.edition) + truck.speech.tail
    return Location.decode(body, truck.edition)


def test_the_trucks_are_the_same_whatever_their_terminals_speak(mixed: list[Truck]) -> None:
    plain = trucks(400)
    for one, other in zip(plain, mixed, strict=True):
        assert (one.phone, one.plate, one.vin, one.model, one.edition) == (
            other.phone, other.plate, other.vin, other.model, other.edition,
        )  # fmt: skip
        assert one.speech == PLAIN[one.edition]
    assert mixed == trucks(400, profiles="mixed")


def test_every_dialect_and_every_firmware_is_on_the_road(mixed: list[Truck]) -> None:
    spoken = Counter(truck.speech.name for truck in mixed)
    assert spoken.keys() == set(NAMES) and min(spoken.values()) >= 20
    wanted = {(model, way.firmware) for (model, _), ways in MODELS.items() for way in ways}
    assert wanted <= {(truck.model, truck.speech.firmware) for truck in mixed}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_gives_its_dialect_to_the_terminals_of_its_edition(name: str) -> None:
    for truck in trucks(60, profiles=name):
        assert truck.speech.edition == truck.edition
        if name in ("guangdong", "jiangsu", "own"):
            fitting = {"guangdong": 2019, "jiangsu": 2013, "own": 2013}[name]
            assert (truck.speech.name == name) == (truck.edition == fitting)


def test_a_terminal_with_a_profile_of_its_own_sends_what_the_profile_expects(mixed: list[Truck]) -> None:
    catalogue = load()
    for truck in mixed[:150]:
        profile = catalogue.current.get(truck.speech.name)
        if profile is None or truck.speech.tail:
            continue
        found = report_of(truck)
        assert found.problems == ()
        assert all(profile.expects_item(item.id, len(item.raw)) for item in found.items.items)


def test_the_vendor_with_ways_of_its_own_departs_from_the_standard_it_is_matched_to(mixed: list[Truck]) -> None:
    own = [truck for truck in mixed if truck.speech.name == "own"]
    profile = load().match(Identity(edition=2013, province=44, model=own[0].model)).profile
    assert profile.name == "standard-2013"
    for truck in own[:12]:
        items = [item for item in report_of(truck).items.items if not profile.expects_item(item.id, len(item.raw))]
        assert [item.id for item in items] == [0xEB]
        body = wire.registration(truck)
        assert Registration.decode(body, 2013).plate == truck.plate
        assert body.endswith(truck.plate.encode(truck.speech.charset))
    late = next(truck for truck in own if truck.speech.zone_h == 0)
    assert report_of(late).time == "2026-11-21 04:00:00"


@pytest.mark.parametrize("dialect", ["subiao", "yuebiao"])
@pytest.mark.parametrize("event", [(0x65, 0x01), (0x65, 0x02), (0x65, 0x03), (0x64, 0x02)])
def test_alarm_items_have_the_layout_of_their_dialect(dialect: str, event: tuple[int, int]) -> None:
    known = dialect_named(dialect)
    assert known is not None
    alarms = SafetyAlarms(dialect, "T000001")
    found = [alarms.item(event, "2026-11-21 12:00:00", 60, 22_500_000, 113_000_000, 20) for _ in range(2)]
    for number, (item, raw) in enumerate(found):
        assert len(raw) == 31 + known.sign and item == event[0]
        (value,) = [i.value for i in Location.decode(bytes(28) + bytes((item, len(raw))) + raw, 2019).items.items]
        assert isinstance(value, SafetyAlarm) and value.dialect == dialect
        assert (value.alarm_id, value.type, value.level) == (number, event[1], 2)  # type: ignore[attr-defined]
        assert value.alarm_sign.seq == number  # type: ignore[attr-defined]
        if isinstance(value, DsmAlarm):
            assert 0 <= value.fatigue_degree <= 9


def test_a_cruising_truck_holds_its_speed_only_roughly() -> None:
    truck = trucks(1)[0]
    drive = Drive(truck, 0, NOON_S, awake=True)
    swings = []
    for second in range(600):
        drive.now_s = NOON_S + second
        swings.append(drive._unevenness())
    assert 0.01 < max(swings) <= 0.025 and -0.025 <= min(swings) < -0.01
    assert abs(sum(swings) / len(swings)) < 0.005
