"""Physics of the simulated trucks, hour by hour in seconds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from luwei.geo import road_graph
from luwei.simulator.driving import DRIVING, LOADING, OVERSPEED_MARGIN_KMH, RESTING, SLEEPING, Drive
from luwei.simulator.fleet import trucks
from luwei.simulator.reports import FIXED, OVERSPEED, Instruments
from luwei.simulator.routes import metres_between, route, towns

NOON = datetime(2025, 6, 2, 4, 0, tzinfo=UTC).timestamp()  # 12:00 in China
NIGHT = datetime(2025, 6, 2, 17, 30, tzinfo=UTC).timestamp()  # 1:30 in China


def fleet(count: int, at_s: float, awake: bool = False) -> list[Drive]:
    return [Drive(truck, 1, at_s, awake) for truck in trucks(count, seed=1)]


def test_most_trucks_are_on_their_way_at_noon_and_spread_over_the_province() -> None:
    drives = fleet(300, NOON)
    assert sum(drive.moving for drive in drives) > 0.75 * len(drives)
    places = np.array([drive.place() for drive in drives])
    assert np.ptp(places[:, 0]) > 5 and np.ptp(places[:, 1]) > 3  # degrees; the province spans 7.5 by 5
    cells = {(round(lon * 2), round(lat * 2)) for lon, lat in places}
    assert len(cells) > 40


def test_at_night_many_sleep_unless_awake() -> None:
    assert sum(drive.mode == SLEEPING for drive in fleet(200, NIGHT)) > 80
    awake = fleet(200, NIGHT, awake=True)
    assert sum(drive.mode == SLEEPING for drive in awake) == 0
    assert sum(drive.moving for drive in awake) > 150


def test_the_same_seed_and_hour_give_the_same_start() -> None:
    assert [d.place() for d in fleet(20, NOON)] == [d.place() for d in fleet(20, NOON)]


def test_four_hours_on_the_road_obey_the_rules() -> None:
    """Speed, acceleration, mileage and place agree at every report."""
    drives = fleet(60, NOON)
    modes: Counter[str] = Counter()
    speeding = 0
    for step in range(1, 4 * 180):
        now = NOON + 20 * step
        for drive in drives:
            way, before, place, speed = drive.route, drive.odometer_m, drive.place(), drive.speed_mps
            drive.advance(now)
            modes[drive.mode] += 1
            excess_kmh = drive.speed_mps * 3.6 - drive.limit_kmh
            assert excess_kmh < OVERSPEED_MARGIN_KMH or drive.speeding
            speeding += drive.speeding
            assert drive.speed_mps * 3.6 < 115
            driven = drive.odometer_m - before
            assert 0 <= driven <= 20 * 115 / 3.6
            assert drive.speed_mps <= speed + 0.35 * 20 + 0.01
            if drive.route is way:
                straight = metres_between(*place, *drive.place())
                assert straight <= driven + 1
    assert {DRIVING, LOADING, RESTING} <= set(modes)
    assert modes[DRIVING] > 0.6 * modes.total()
    assert 0 < speeding < 0.05 * modes.total()


def test_mileage_is_the_way_between_fine_steps() -> None:
    drive = next(d for d in fleet(50, NOON) if d.moving and d.route.length_m - d.at_m > 40_000)
    start, way, drawn = drive.odometer_m, drive.route, 0.0
    for second in range(1, 900):
        before = drive.place()
        drive.advance(NOON + second)
        drawn += metres_between(*before, *drive.place())
    assert drive.route is way
    # Roads are a little longer than their simplified lines.
    assert drawn <= drive.odometer_m - start + 1
    assert drawn == pytest.approx(drive.odometer_m - start, rel=0.03)


def test_places_lie_on_roads() -> None:
    graph = road_graph()
    lon, lat = graph.point_lon_e6 / 1e6, graph.point_lat_e6 / 1e6
    drives = fleet(40, NOON)
    for drive in drives:
        drive.advance(NOON + 600)
        x, y = drive.place()
        scale = np.cos(np.radians(y))
        px, py = (lon - x) * scale, lat - y
        dx, dy = np.diff(px), np.diff(py)
        share = np.clip(-(px[:-1] * dx + py[:-1] * dy) / np.maximum(dx**2 + dy**2, 1e-18), 0, 1)
        # Between the last point of an edge and the first of the next there is no road.
        within = np.ones(len(dx), bool)
        within[graph.first[1:-1] - 1] = False
        distance = np.hypot(px[:-1] + share * dx, py[:-1] + share * dy)[within] * 111_195
        assert distance.min() < 2


def test_a_route_starts_and_ends_at_its_towns_and_brakes_for_its_end() -> None:
    graph, (first, *_, last) = road_graph(), towns()
    way = route(first.node, last.node)
    assert way is not None
    assert way.place(0) == pytest.approx((graph.node_lon_e6[first.node] / 1e6, graph.node_lat_e6[first.node] / 1e6))
    assert way.place(way.length_m) == pytest.approx(
        (graph.node_lon_e6[last.node] / 1e6, graph.node_lat_e6[last.node] / 1e6)
    )
    assert way.top_mps[-1] == 0
    braking = (np.array(way.top_mps[:-1]) ** 2 - np.array(way.top_mps[1:]) ** 2) / 2 / np.diff(way.at_m)
    assert braking.max() < 0.75


def test_a_driver_rests_at_least_twenty_minutes() -> None:
    drives = fleet(40, NOON)
    since: dict[int, float] = {}
    rests = []
    for step in range(1, 5 * 60):
        now = NOON + 60 * step
        for number, drive in enumerate(drives):
            drive.advance(now)
            if drive.mode == RESTING:
                since.setdefault(number, now)
            elif number in since:
                rests.append(now - since.pop(number))
    resting_at_start = sum(1 for d in fleet(40, NOON) if d.mode == RESTING)
    assert len(rests) > resting_at_start
    assert sorted(rests)[resting_at_start] >= 1_140


def test_reports_say_what_the_truck_does() -> None:
    drives = fleet(80, NOON)
    gauges = [Instruments(drive) for drive in drives]
    unfixed = 0
    for step in range(1, 180):
        for drive, instruments in zip(drives, gauges, strict=True):
            drive.advance(NOON + 20 * step)
            report = instruments.take()
            items = dict(report.items)
            assert {0x01, 0x02, 0x03, 0x25, 0x30, 0x31} <= set(items)
            assert int.from_bytes(items[0x01], "big") == int(drive.odometer_m / 100)
            assert bool(report.alarm & OVERSPEED) == drive.speeding
            assert 0 <= report.direction_deg < 360
            if report.status & FIXED:
                assert report.speed_dkmh == round(drive.speed_mps * 36)
                lon, lat = drive.place()
                assert metres_between(lon, lat, report.lon_e6 / 1e6, report.lat_e6 / 1e6) < 25
            else:
                unfixed += 1
                assert drive.in_tunnel and items[0x31] == b"\0"
    assert unfixed > 0


def test_the_odometer_goes_on_after_a_restart() -> None:
    truck = trucks(1, seed=1)[0]
    first = Drive(truck, 1, NOON)
    first.advance(NOON + 3 * 3600)
    assert Drive(truck, 1, NOON + 48 * 3600).odometer_m > first.odometer_m
