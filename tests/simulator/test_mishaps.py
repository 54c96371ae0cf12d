"""Collisions and rollovers of simulated trucks: alarm bits 29 and 30, and pictures that terminals take unasked."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from truckside import NOON

from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.messages import media
from luwei.protocol.jt808.messages.location import Location
from luwei.simulator.driving import DRIVING, WRECKED, Drive
from luwei.simulator.fleet import trucks
from luwei.simulator.mishaps import MISHAPS, Sensors
from luwei.simulator.terminal import ONLINE, Terminal
from luwei.simulator.truth import Truth

FLEET = trucks(200, seed=5)
COLLISION, LEANS = 1 << 29, 1 << 30
"""JT/T 808-2019 table 24: 碰撞侧翻报警, 侧翻预警."""


def on_the_road(edition: int) -> Terminal:
    """A truck that drives at more than 40 km/h outside of tunnels, its line up."""
    for truck in FLEET:
        drive = Drive(truck, 1, NOON, awake=True)
        if truck.edition == edition and drive.mode == DRIVING and drive.speed_mps > 12 and not drive.in_tunnel:
            terminal = Terminal(drive, Truth(None))
            terminal.phase = ONLINE
            return terminal
    raise AssertionError("no truck drives")


def told(terminal: Terminal, now_s: float) -> list[Frame]:
    """What the terminal says until ``now_s``, in steps of half a second, put together where it came in parts."""
    assembler, found, at_s = Assembler(), [], terminal.drive.now_s
    while at_s < now_s:
        at_s = min(at_s + 0.5, now_s)
        found += [assembler.add(decode_frame(raw, strict=True), at_s) for raw in terminal.due(at_s)]
        terminal.pending.clear()  # the platform has answered
    return [frame for frame in found if frame is not None]


def reports(frames: list[Frame], edition: int) -> list[Location]:
    return [Location.decode(each.body, edition) for each in frames if each.header.message_id == 0x0200]


@pytest.mark.parametrize("edition", [2013, 2019])
def test_a_collision_is_told_at_once_and_the_truck_stands_until_it_is_towed(edition: int) -> None:
    terminal = on_the_road(edition)
    terminal.instruments.sensors.begin("collision")
    terminal.next_report_s = NOON
    frames = told(terminal, NOON + 200)
    first, *later = reports(frames, edition)
    assert first.alarm & COLLISION and first.speed > 300  # the receiver's speed at the blow, 0.1 km/h
    assert terminal.drive.mode == WRECKED
    assert later and all(each.alarm & COLLISION and each.speed == 0 for each in later)
    terminal.drive.advance(NOON + 2 * 3600)
    assert terminal.drive.mode != WRECKED
    assert not terminal.instruments.take(watched=True).alarm & COLLISION


def test_a_rollover_warns_before_it_comes_true() -> None:
    terminal = on_the_road(2019)
    terminal.instruments.sensors.begin("rollover")
    terminal.next_report_s = NOON
    first, second, *_ = reports(told(terminal, NOON + 8), 2019)
    assert first.alarm & LEANS and not first.alarm & COLLISION
    assert second.alarm & COLLISION and not second.alarm & LEANS
    older = on_the_road(2013)  # which has a warning of it and nothing more
    older.instruments.sensors.begin("rollover")
    older.next_report_s = NOON
    assert all(each.alarm & LEANS and not each.alarm & COLLISION for each in reports(told(older, NOON + 8), 2013))
    assert older.drive.mode == WRECKED


def test_a_truck_that_leans_and_comes_through_goes_on() -> None:
    terminal = on_the_road(2019)
    terminal.instruments.sensors.begin("leaning")
    terminal.next_report_s = NOON
    found = reports(told(terminal, NOON + 20), 2019)
    assert found[0].alarm & LEANS and not found[-1].alarm & LEANS
    assert terminal.drive.mode == DRIVING and not any(each.alarm & COLLISION for each in found)


@pytest.mark.parametrize(("name", "event"), [("collision", 3), ("", 2)], ids=["collision", "button"])
def test_pictures_of_road_and_cabin_go_up_by_themselves(name: str, event: int) -> None:
    """0x0800 event codes: 2 the alarm button, 3 collision and rollover (JT/T 808-2019 §8.50)."""
    terminal = on_the_road(2019)
    if name:
        terminal.instruments.sensors.begin(name)
    else:
        terminal.instruments.call_for_help()
    terminal.next_report_s = NOON
    frames = told(terminal, NOON + 30)
    sent = [media.MediaUpload.decode(each.body, 2019) for each in frames if each.header.message_id == 0x0801]
    assert sorted(each.channel for each in sent) == [1, 1, 2, 2]
    assert {each.event for each in sent} == {event}
    for each in sent:
        with Image.open(io.BytesIO(each.data)) as picture:
            picture.load()
        assert each.location is not None and each.location.alarm & (COLLISION if name else 1)


def test_both_are_rare_and_none_of_them_is_known_in_2011() -> None:
    """A fleet of 300 has a few hours of driving between two crashes, not minutes."""
    assert sum(each.per_hour for each in MISHAPS.values() if each.crashes) * 300 < 0.2
    drive = on_the_road(2019).drive
    sensors = Sensors(drive, 2011)
    for n in range(5000):
        drive.advance(NOON + 30 * n)
        assert sensors.bits(2011, watched=True) == 0
