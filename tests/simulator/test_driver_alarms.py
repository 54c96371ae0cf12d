"""Alarms of simulated trucks: kinds and rates, start and end, and drivers who listen, do not, or fall silent."""

from __future__ import annotations

import io
from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import av
import pytest
from truckside import FLEET, NOON, Truckside

from luwei.protocol.fields import Scope
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.text import TextMessage
from luwei.protocol.safety.alarm_items import BSD, TYRES
from luwei.protocol.safety.dialects import dialect_named
from luwei.simulator import wire
from luwei.simulator.alarm_files import files_of
from luwei.simulator.attachments import BREAKS, PROPER, WAYS
from luwei.simulator.driver import END, GONE_S, IGNORES, OBEYS, POINT, REACTS_S, START, VANISHES, Alarm, Driver
from luwei.simulator.driving import DRIVING, Drive
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.happenings import HAPPENINGS, OPENING, known_to
from luwei.simulator.media_faults import STEADY
from luwei.simulator.reactions import HASTE, hear, open_with_alarms
from luwei.simulator.reports import EMERGENCY, OVERSPEED, OVERSPEED_WARNING
from luwei.simulator.safety import SafetyAlarms
from luwei.simulator.scene import read_code
from luwei.simulator.service import terminals
from luwei.simulator.terminal import ONLINE, Terminal
from luwei.simulator.truth import Truth

MIXED = trucks(300, profiles="mixed")
TOLD = [truck for truck in MIXED if truck.speech.safety]
G0 = frozenset({"6401", "6402", "6403", "6404", "6407", "6412", "6701", "6702", "6703"})
"""Supervision reference §7.2: in the cab only."""
G3 = frozenset({"6501"})


def _driver(truck: Truck, flags: bool = False, temper: str = OBEYS, seed: str = "x") -> Driver:
    driver = Driver(truck, Random(seed), flags)
    driver.temper, driver.care = temper, 1.0
    return driver


def _hours(driver: Driver, hours: float) -> list[Alarm]:
    """What is told in so much driving at 70 km/h, a report each 15 s."""
    return [alarm for n in range(int(hours * 240)) for alarm in driver.seen(NOON + 15 * n, 70.0, True)]


def test_most_is_for_the_cab_alone_and_little_needs_a_person() -> None:
    """§7.1: the many G0 and G1 must not bury the few G2 and G3. Counted by occurrence, 600 hours of driving."""
    truck = next(truck for truck in TOLD if truck.speech.safety == "yuebiao")
    seen: Counter[str] = Counter()
    for number in range(60):
        occurrences = {(a.happening.name, a.number): a.happening for a in _hours(_driver(truck, seed=str(number)), 10)}
        seen.update(f"{kind.item:02x}{kind.type:02x}" for kind in occurrences.values())
    total = sum(seen.values())
    cab = sum(count for kind, count in seen.items() if kind in G0)
    worst = sum(count for kind, count in seen.items() if kind in G3)
    assert 0.55 < cab / total < 0.85
    assert 0 < worst / total < 0.02
    assert 1 < total / 600 < 6  # an hour of driving has a handful
    assert {"6402", "6403", "6503", "6504", "6502", "6703"} <= seen.keys()


def test_no_camera_sees_what_its_dialect_does_not_know() -> None:
    jiangsu = {kind.name for kind in known_to("subiao")}
    assert "phone" in jiangsu
    assert not jiangsu & {"belt", "hands_off", "playing_phone", "solid_line", "lens_blocked"}


def test_who_stands_has_no_alarms_of_driving() -> None:
    driver = _driver(TOLD[0])
    assert [a for n in range(2000) for a in driver.seen(NOON + 30 * n, 0.0, False)] == []


def test_what_lasts_is_told_again_until_it_ends_or_by_start_and_end() -> None:
    again = _driver(TOLD[0])
    again.begin("phone", NOON)
    told = [(n, a) for n in range(0, 400, 5) for a in again.seen(NOON + n, 0.0, True) if a.happening.name == "phone"]
    assert len(told) >= 2
    assert {alarm.flag for _, alarm in told} == {POINT}
    assert all(b - a >= 45 for (a, _), (b, _) in pairwise(told))
    flagged = _driver(TOLD[0], flags=True)
    flagged.begin("phone", NOON)
    told = [(n, a) for n in range(0, 400, 5) for a in flagged.seen(NOON + n, 0.0, True) if a.happening.name == "phone"]
    assert [alarm.flag for _, alarm in told] == [START, END]
    assert 40 <= told[1][0] - told[0][0] <= 245
    assert len({alarm.number for _, alarm in told}) == 1


def _say(side: Truckside, text: str = "请立即停车休息") -> None:
    if side.truck.edition == 2019:
        side.say(TextMessage(flag=1, text_type=1, text=text))
    else:
        side.say(TextMessage(flag=8, text=text))


def _side(temper: str, happening: str = "phone") -> Truckside:
    side = Truckside(TOLD[0])
    side.terminal.phase = ONLINE
    driver = side.terminal.instruments.driver
    driver.temper = temper
    driver.begin(happening, NOON)
    assert driver.seen(NOON, 60.0, True)
    return side


def _repeats(side: Truckside, until_s: float, name: str = "phone") -> list[float]:
    """Seconds after noon at which the alarm is told once more."""
    found = []
    for n in range(1, int(until_s)):
        side.terminal.commands.due(NOON + n)
        found += [
            float(n)
            for alarm in side.terminal.instruments.driver.seen(NOON + n, 60.0, True)
            if alarm.happening.name == name
        ]
    return found


def test_a_driver_who_obeys_leaves_off() -> None:
    side = _side(OBEYS)
    side.terminal.instruments.driver._doing[0].until_s = NOON + 900
    _say(side)
    assert all(at_s <= REACTS_S[1] for at_s in _repeats(side, 400))


def test_a_driver_who_ignores_it_goes_on() -> None:
    side = _side(IGNORES)
    side.terminal.instruments.driver._doing[0].until_s = NOON + 900
    _say(side)
    assert len(_repeats(side, 400)) >= 6  # each 45 s


def test_from_one_who_vanishes_nothing_is_heard_for_minutes() -> None:
    side = _side(VANISHES)
    _say(side)
    side.terminal.due(NOON + 10)
    assert side.terminal.close_wanted
    assert GONE_S[0] <= side.terminal.blocked_until_s - (NOON + 10) <= GONE_S[1]


def test_a_word_without_a_cause_changes_nothing() -> None:
    side = Truckside(TOLD[0])
    side.terminal.instruments.driver.temper = VANISHES
    _say(side, "早上好")
    side.terminal.due(NOON + 10)
    assert not side.terminal.close_wanted


def test_an_overspeed_ends_when_the_driver_obeys() -> None:
    truck = next(truck for truck in FLEET if _cruising(truck))
    for temper, ends in ((OBEYS, True), (IGNORES, False)):
        side = Truckside(truck)
        drive, driver = side.terminal.drive, side.terminal.instruments.driver
        side.terminal.phase = ONLINE
        driver.temper = temper
        drive.hurry(NOON + 1000, HASTE)
        at_s = NOON
        while not drive.speeding and at_s < NOON + 300:
            at_s += 5
            drive.advance(at_s)
        report = side.terminal.instruments.take()
        assert report.alarm & OVERSPEED
        hear(side.terminal, at_s)
        for n in range(60):
            side.terminal.commands.due(at_s + n)
            drive.advance(at_s + n)
        assert drive.speeding != ends
        if ends:
            assert not side.terminal.instruments.take().alarm & (OVERSPEED | OVERSPEED_WARNING)


def _cruising(truck: Truck) -> bool:
    """Whether it drives a straight way for the next minutes, where a hurry shows."""
    drive = Drive(truck, 1, NOON, awake=True)
    if drive.mode != DRIVING:
        return False
    drive.hurry(NOON + 1000, HASTE)
    excess = []
    for n in range(0, 400, 5):
        drive.advance(NOON + n)
        excess.append(drive.speeding)
    return all(excess[20:])


def test_the_tired_one_who_obeys_stops_to_rest() -> None:
    side = next(s for s in (Truckside(t) for t in TOLD) if s.terminal.drive.speed_mps > 15)
    side.terminal.phase = ONLINE
    driver, drive = side.terminal.instruments.driver, side.terminal.drive
    driver.temper = OBEYS
    driver.begin("fatigue", NOON)
    driver.seen(NOON, 60.0, True)
    _say(side)
    for n in range(200):
        side.terminal.commands.due(NOON + n)
        drive.advance(NOON + n)
    assert not drive.moving


def test_all_tempers_are_on_the_road_and_none_of_the_first_vanishes() -> None:
    tempers = Counter(Driver(truck, Random(1), False).temper for truck in MIXED[STEADY:])
    assert tempers[OBEYS] > tempers[IGNORES] > tempers[VANISHES] > 10
    assert VANISHES not in {Driver(truck, Random(1), False).temper for truck in MIXED[:STEADY]}


@pytest.mark.parametrize(
    ("dialect", "item", "length"), [("subiao", 0x66, 51), ("yuebiao", 0x66, 75), ("subiao", 0x67, 41),
                                    ("yuebiao", 0x67, 65)],
)  # fmt: skip
def test_tyre_and_blind_spot_alarms_have_the_layout_of_their_dialect(dialect: str, item: int, length: int) -> None:
    """Reference §4.3, §4.4: 41 + 10 n and 65 + 10 n octets, 41 and 65."""
    known = dialect_named(dialect)
    assert known is not None
    alarms = SafetyAlarms(dialect, "T000001")
    kind = 1 << 2 if item == 0x66 else 3
    _, raw = alarms.item((item, kind), "2025-06-02 12:00:00", 60, 22_500_000, 113_000_000, 20)
    assert len(raw) == length
    table: Any = next(table for table in (TYRES if item == 0x66 else BSD) if table.dialect == dialect)
    decoded, stop = table.read(raw, 0, len(raw), Scope(2019))
    assert stop == length
    assert (decoded.speed, decoded.latitude, decoded.time) == (60, 22_500_000, "2025-06-02 12:00:00")
    if item == 0x66:
        (wheel,) = decoded.events
        assert wheel.event_type == 4
        assert 500 < wheel.pressure < 700 < 1000  # kPa, too low
        assert decoded.alarm_sign.attachment_count == 0
    else:
        assert decoded.type == 3
        assert decoded.alarm_sign.attachment_count == 3


def test_start_and_end_share_the_alarm_id_and_an_end_has_no_files() -> None:
    alarms = SafetyAlarms("yuebiao", "T000001")
    found = []
    for flag, number in ((START, 7), (POINT, 8), (END, 7)):
        _, raw = alarms.item((0x65, 2), "2025-06-02 12:00:00", 60, 1, 1, 1, flag, number)
        location = Location.decode(bytes(28) + bytes((0x65, len(raw))) + raw, 2019)
        found.append(location.items.items[0].value)
    assert [alarm.flag_status for alarm in found] == [1, 0, 2]
    assert [alarm.alarm_id for alarm in found] == [0, 1, 0]
    assert [alarm.alarm_sign.attachment_count for alarm in found] == [5, 5, 0]
    assert len(alarms.raised) == 2


@pytest.mark.parametrize("safety", ["yuebiao", "subiao"])
def test_the_clip_of_an_alarm_is_its_own(safety: str) -> None:
    """Real H.264 with plate, time and kind in the picture: another truck's differs, and the clock runs through it."""
    one, other = [truck for truck in TOLD if truck.speech.safety == safety][:2]
    clips = []
    for truck in (one, other):
        alarms = SafetyAlarms(safety, truck.terminal_id)
        alarms.item((0x65, 1), "2025-06-02 12:00:00", 60, 22_500_000, 113_000_000, 20)
        (alarm,) = alarms.raised.values()
        clips.append(next(file for file in files_of(alarm, truck, "N1") if file.type == 2))
    assert clips[0].data != clips[1].data
    with av.open(io.BytesIO(clips[0].data), format="mp4" if safety == "yuebiao" else "h264") as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    codes = [read_code(picture) for picture in (pictures[0], pictures[-1])]
    noon = int(NOON * 100) % 2**32
    assert [code.centiseconds - noon for code in codes if code] == [-300, 293]  # 3 s before to 3 s behind, less 1/15 s


def test_a_demonstration_begins_with_alarms_of_every_grade() -> None:
    made = terminals(MIXED[:160], Truth(None), NOON, awake=True)
    begun = open_with_alarms(made, NOON)
    assert Counter(name for _, name in begun) == Counter(OPENING)
    assert len({phone for phone, _ in begun}) == len(OPENING)
    by_phone = {terminal.truck.phone: terminal for terminal in made}
    wanted = {"phone": OBEYS, "playing_phone": IGNORES, "not_ahead": VANISHES}
    for phone, name in begun:
        terminal = by_phone[phone]
        terminal.phase = ONLINE
        assert terminal.commands.due(NOON + 5) == []
        assert terminal.instruments.driver.seen(NOON + 5, 60.0, True) == []
        terminal.commands.due(NOON + 24)
        assert terminal.next_report_s == NOON + 24  # at once
        assert terminal.instruments.driver.temper != VANISHES or terminal.truck.number >= STEADY
        assert terminal.instruments.driver.temper == wanted.get(name, terminal.instruments.driver.temper)
        if name in HAPPENINGS:
            assert HAPPENINGS[name].item in _items(terminal)
        elif name == "emergency":
            assert terminal.instruments.take(watched=True).alarm & EMERGENCY


def _items(terminal: Terminal) -> set[int]:
    body = wire.location(terminal.instruments.take(watched=True), terminal.truck.edition)
    return {item.id for item in Location.decode(body, terminal.truck.edition).items.items}


def test_only_reports_carry_alarms_and_each_once() -> None:
    side = Truckside(TOLD[0])
    side.terminal.instruments.driver.begin("lane_departure", NOON)
    instruments = side.terminal.instruments
    assert 0x64 not in {item for item, _ in instruments.take().items}
    assert 0x64 in {item for item, _ in instruments.take(watched=True).items}
    assert 0x64 not in {item for item, _ in instruments.take(watched=True).items}


def test_the_first_trucks_upload_properly_or_with_a_break_and_the_others_in_every_way() -> None:
    first = {Truckside(TOLD[0]).terminal.commands.equipment.attachments.choose(bytes([n])) for n in range(30)}
    assert first <= {PROPER, BREAKS}
    attachments = Truckside(next(t for t in TOLD if t.number >= STEADY)).terminal.commands.equipment.attachments
    ways = {n: attachments.choose(n.to_bytes(2)) for n in range(3000)}
    assert set(ways.values()) == set(WAYS)
    assert all(attachments.choose(n.to_bytes(2)) == ways[n] for n in range(2960, 3000))  # who lost them has lost them
