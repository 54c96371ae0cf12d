"""Views, screens and frames against a brute-force oracle."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.live import frames
from luwei.live.fleet import BIT_ALARM, MOVING, NO_PLACE, OFFLINE, STATE_MASK, STOPPED, Fleet, mercator
from luwei.live.screen import Screen
from luwei.live.summary import Pace, count, count_by_area
from luwei.live.view import Cells, Selection, Vehicles, Window, grid, view
from luwei.registry.scope import Scope

NOW = 1_795_156_325_000
GUANGDONG = Window(109_600_000, 20_200_000, 117_300_000, 25_600_000, 7.0)


def filled(n: int, seed: int) -> Fleet:
    """A fleet of n - 1 vehicles with random places, states and owners; some unknown, some never placed."""
    rng = np.random.default_rng(seed)
    fleet = Fleet(n)
    fleet.size = n
    fleet.known[:n] = rng.random(n) < 0.95
    fleet.lon_e6[:n] = rng.integers(109_600_000, 117_300_000, n)
    fleet.lat_e6[:n] = rng.integers(20_200_000, 25_600_000, n)
    fleet.lon_e6[:n][rng.random(n) < 0.05] = NO_PLACE
    placed = fleet.lon_e6[:n] != NO_PLACE
    x, y = mercator(fleet.lat_e6[:n], np.where(placed, fleet.lon_e6[:n], 0))
    fleet.mercator_x[:n], fleet.mercator_y[:n] = x, y
    fleet.wire[:n] = rng.integers(0, 3, n) | (rng.random(n) < 0.1) * BIT_ALARM
    fleet.city[:n] = rng.choice([440100, 440300, 441900], n)
    fleet.county[:n] = fleet.city[:n] + rng.integers(1, 4, n)
    fleet.operator_id[:n] = rng.integers(0, 5, n)
    fleet.insurer_id[:n], fleet.monitor_id[:n], fleet.vendor_id[:n] = rng.integers(0, 5, (3, n))
    fleet.received_ms[:n] = NOW - rng.integers(0, 1000, n) * 1000
    fleet.speed_dkmh[:n] = rng.integers(0, 1200, n)
    fleet.direction_deg[:n] = rng.integers(0, 360, n)
    return fleet


def matches(fleet: Fleet, i: int, window: Window | None, chosen: Selection) -> bool:
    """The oracle: one vehicle at a time, in plain words."""
    state = fleet.wire[i] & STATE_MASK
    return bool(
        fleet.known[i]
        and (
            window is None
            or (
                fleet.lon_e6[i] != NO_PLACE
                and window.west_e6 <= fleet.lon_e6[i] <= window.east_e6
                and window.south_e6 <= fleet.lat_e6[i] <= window.north_e6
            )
        )
        and (chosen.city is None or fleet.city[i] == chosen.city)
        and (chosen.county is None or fleet.county[i] == chosen.county)
        and (chosen.operator is None or fleet.operator_id[i] == chosen.operator)
        and all(
            allowed is None or int(column[i]) in allowed
            for column, allowed in (
                (fleet.city, chosen.scope.cities),
                (fleet.county, chosen.scope.counties),
                (fleet.operator_id, chosen.scope.operators),
                (fleet.insurer_id, chosen.scope.insurers),
                (fleet.monitor_id, chosen.scope.monitors),
                (fleet.vendor_id, chosen.scope.vendors),
            )
        )
        and (chosen.scope.vehicles is None or i in chosen.scope.vehicles)
        and {
            "all": True,
            "online": state != OFFLINE,
            "moving": state == MOVING,
            "stopped": state == STOPPED,
            "offline": state == OFFLINE,
            "alarm": bool(fleet.wire[i] & BIT_ALARM),
        }[chosen.state]
    )


selections = st.builds(
    Selection,
    city=st.sampled_from([None, None, 440100, 440300, 999999]),
    county=st.sampled_from([None, None, 440101, 441902]),
    operator=st.sampled_from([None, None, 0, 3]),
    state=st.sampled_from(["all", "online", "moving", "stopped", "offline", "alarm"]),
    scope=st.builds(
        Scope,
        cities=st.sampled_from([None, None, frozenset[int](), frozenset({440100, 441900})]),
        counties=st.sampled_from([None, None, None, frozenset({440101, 440102})]),
        operators=st.sampled_from([None, None, None, frozenset({1, 2, 3})]),
        insurers=st.sampled_from([None, None, None, frozenset({1, 2})]),
        monitors=st.sampled_from([None, None, None, frozenset({3})]),
        vendors=st.sampled_from([None, None, None, frozenset({1, 4})]),
        vehicles=st.sampled_from([None, None, None, frozenset({5, 7, 399, 100_000}), frozenset[int]()]),
    ),
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    west = draw(st.integers(109_000_000, 117_000_000))
    south = draw(st.integers(20_000_000, 25_000_000))
    return Window(
        west,
        south,
        west + draw(st.integers(0, 8_000_000)),
        south + draw(st.integers(0, 6_000_000)),
        draw(st.floats(0, 24, allow_nan=False)),
    )


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 3), windows(), selections)
def test_a_view_holds_exactly_what_one_by_one_comparison_finds(seed: int, window: Window, chosen: Selection) -> None:
    fleet = filled(400, seed)
    expected = [i for i in range(fleet.size) if matches(fleet, i, window, chosen)]
    found = view(fleet, window, chosen)
    assert found.in_view == len(expected)
    if isinstance(found, Vehicles):
        assert window.zoom >= 10
        assert found.ids.tolist() == expected
        return
    assert window.zoom < 10
    cells: dict[tuple[int, int], list[int]] = {}
    across = 2 ** (max(int(window.zoom) + 3, 3))
    for i in expected:
        lat = math.radians(fleet.lat_e6[i] * 1e-6)
        x = int((fleet.lon_e6[i] * 1e-6 + 180) / 360 * across)
        y = int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * across)
        cells.setdefault((y, x), []).append(i)
    members = [cells[key] for key in sorted(cells)]
    assert found.count.tolist() == [len(m) for m in members]
    assert found.online.tolist() == [sum(int(fleet.wire[i] & STATE_MASK != OFFLINE) for i in m) for m in members]
    assert found.alarm.tolist() == [sum(int(fleet.wire[i] & BIT_ALARM != 0) for i in m) for m in members]
    assert found.lon_e6.tolist() == pytest.approx([sum(map(int, fleet.lon_e6[m])) / len(m) for m in members], abs=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3), selections)
def test_a_summary_counts_what_one_by_one_comparison_finds(seed: int, chosen: Selection) -> None:
    fleet = filled(300, seed)
    ids = [i for i in range(fleet.size) if matches(fleet, i, None, chosen.any_state())]
    states = [int(fleet.wire[i] & STATE_MASK) for i in ids]
    counts = count(fleet, chosen)
    assert (counts.total, counts.moving, counts.stopped) == (len(ids), states.count(MOVING), states.count(STOPPED))
    assert counts.online + counts.offline == counts.total
    assert counts.alarm == sum(bool(fleet.wire[i] & BIT_ALARM) for i in ids)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), selections)
def test_counts_by_area_are_the_summaries_of_the_areas(seed: int, chosen: Selection) -> None:
    fleet = filled(300, seed)
    for area, counts in count_by_area(fleet, chosen).items():
        ids = [i for i in range(fleet.size) if matches(fleet, i, None, chosen.any_state())]
        ids = [i for i in ids if (fleet.city if chosen.city is None else fleet.county)[i] == area]
        states = [int(fleet.wire[i] & STATE_MASK) for i in ids]
        assert (counts.total, counts.moving, counts.offline) == (
            len(ids), states.count(MOVING), states.count(OFFLINE),
        )  # fmt: skip
        assert counts.alarm == sum(bool(fleet.wire[i] & BIT_ALARM) for i in ids)


def read(frame: bytes) -> tuple[int, int, dict[str, Any]]:
    """Kind, sequence and columns of a frame, read as the contract lays them out."""
    n, kind, base, seq = struct.unpack_from("<4I", frame)
    assert kind >> 8 == 1
    layout = (
        [("lon", "<i4"), ("lat", "<i4"), ("count", "<u4"), ("online", "<u4"), ("alarm", "<u4")]
        if kind & 0xFF == 3
        else [("lon", "<i4"), ("lat", "<i4"), ("id", "<u4"), ("age", "<u2"), ("speed", "u1"), ("heading", "u1"),
              ("status", "u1")]
    )  # fmt: skip
    columns: dict[str, Any] = {"base": base}
    offset = 16
    for name, code in layout:
        columns[name] = np.frombuffer(frame, code, n, offset).tolist()
        offset += n * np.dtype(code).itemsize
    assert offset == len(frame)
    return kind & 0xFF, seq, columns


def test_a_frame_has_the_bytes_of_the_contract() -> None:
    fleet = Fleet()
    fleet.size = 6
    fleet.lon_e6[5], fleet.lat_e6[5] = 113_264_385, -1
    fleet.received_ms[5], fleet.speed_dkmh[5], fleet.direction_deg[5] = NOW - 12_000, 645, 271
    fleet.wire[5] = MOVING | BIT_ALARM
    frame = frames.vehicles(fleet, np.array([5]), NOW, 9)
    assert frame == (
        struct.pack("<4I", 1, 1 | 1 << 8, NOW // 1000, 9)
        + struct.pack("<iiI", 113_264_385, -1, 5)
        + struct.pack("<HBBB", 12, 65, 135, 6)
    )


def test_ages_and_headings_outside_their_range_are_told_as_such() -> None:
    fleet = Fleet()
    fleet.size = 3
    fleet.received_ms[1], fleet.direction_deg[1] = NOW - 70_000_000, 0xFFFF
    fleet.received_ms[2] = NOW + 5_000  # the gateway's clock is ahead
    _, _, columns = read(frames.vehicles(fleet, np.array([1, 2]), NOW, 0))
    assert columns["age"] == [65_535, 0]
    assert columns["heading"][0] == 255


STREET = Window(113_000_000, 23_000_000, 113_500_000, 23_500_000, 12.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), selections, st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_screen_that_applies_its_deltas_shows_the_view_whichever_seconds_it_misses(
    seed: int, chosen: Selection, reads: list[bool]
) -> None:
    rng = np.random.default_rng(seed)
    fleet = filled(300, seed)
    fleet.lon_e6[:300] = rng.integers(112_900_000, 113_600_000, 300)
    fleet.lat_e6[:300] = rng.integers(22_900_000, 23_600_000, 300)
    screen = Screen(fleet)
    screen.look(STREET, chosen)
    drawn: dict[int, tuple[int, int]] = {}
    for reading in [True, *reads, True]:
        moved = rng.choice(300, 40, replace=False)
        fleet.lon_e6[moved] += rng.integers(-200_000, 200_000, 40).astype(np.int32)
        fleet.wire[moved] = rng.integers(0, 3, 40)
        fleet.known[moved[:2]] ^= True
        fleet.changed[moved] = fleet.second
        fleet.tick(0)
        if not reading:
            continue
        message = screen.message(NOW)
        if message is None:
            continue
        kind, _, columns = read(message)
        if kind == frames.VEHICLES:
            drawn.clear()
        for i, lon, lat, status in zip(columns["id"], columns["lon"], columns["lat"], columns["status"], strict=True):
            if status & frames.LEFT_VIEW:
                del drawn[i]
            else:
                drawn[i] = (lon, lat)
    expected = {
        i: (int(fleet.lon_e6[i]), int(fleet.lat_e6[i])) for i in range(300) if matches(fleet, i, STREET, chosen)
    }
    assert drawn == expected
    assert screen.in_view == len(expected)


def test_a_screen_hears_nothing_when_nothing_changed() -> None:
    fleet = filled(50, 1)
    screen = Screen(fleet)
    assert screen.message(NOW) is None  # no view yet
    screen.look(GUANGDONG, Selection())
    assert screen.message(NOW) is not None
    fleet.tick(0)
    assert screen.message(NOW) is None


def test_more_vehicles_than_the_cap_become_cells_and_fewer_become_vehicles_again() -> None:
    fleet = Fleet(30_001)
    fleet.set_registry(np.arange(1, 30_001), np.full(30_000, 440100), np.zeros(30_000), np.zeros(30_000))
    fleet.lon_e6[1:30_001], fleet.lat_e6[1:30_001] = 113_100_000, 23_100_000
    screen = Screen(fleet)
    screen.look(STREET, Selection())
    message = screen.message(NOW)
    assert message is not None
    kind, _, columns = read(message)
    assert (kind, columns["count"], screen.in_view) == (3, [30_000], 30_000)
    fleet.lon_e6[101:30_001] = 100_000_000
    fleet.changed[101:30_001] = fleet.second
    fleet.tick(0)
    message = screen.message(NOW)
    assert message is not None
    assert read(message)[0] == 1
    assert screen.in_view == 100
    fleet.lon_e6[101:30_001] = 113_200_000
    fleet.changed[101:30_001] = fleet.second
    fleet.tick(0)
    message = screen.message(NOW)
    assert message is not None
    kind, _, columns = read(message)
    assert (kind, sum(columns["count"])) == (3, 30_000)


def test_a_whole_world_of_trucks_still_gives_a_bounded_number_of_cells() -> None:
    rng = np.random.default_rng(3)
    fleet = Fleet(60_000)
    fleet.size = 60_000
    fleet.known[:] = True
    fleet.lon_e6[:] = rng.integers(-180_000_000, 180_000_000, 60_000)
    fleet.lat_e6[:] = rng.integers(-80_000_000, 80_000_000, 60_000)
    fleet.mercator_x[:], fleet.mercator_y[:] = mercator(fleet.lat_e6, fleet.lon_e6)
    found = view(fleet, Window(-180_000_000, -90_000_000, 180_000_000, 90_000_000, 23.0), Selection())
    assert isinstance(found, Cells)
    assert len(found.count) <= 20_000
    assert found.in_view == 60_000
    assert len(grid(fleet, np.empty(0, np.int64), 5).count) == 0


def test_delay_is_the_median_of_the_last_seconds_and_unknown_when_nothing_came() -> None:
    pace = Pace()
    pace.tick()
    assert pace.delay_ms is None
    pace.arrived(np.array([1_000, 1_400, 1_900]), 2_000)
    pace.tick()
    assert pace.delay_ms == 600
    assert pace.per_s == 1.5  # 3 in 2 s
