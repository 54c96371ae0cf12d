"""The judgement of a track (supervision reference §5), with figures worked out by hand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from luwei.facts import FLAG_NOT_FIXED, FLAG_TIME_UNREADABLE, ORIGIN_BACKFILL
from luwei.history.track import MARK_DRIFT, MARK_UNQUALIFIED, haversine, judge

T0 = 1_795_100_000_000
DEGREE_M = 111_195.08  # one degree of a meridian on a sphere of 6,371,008.8 m: 2 * pi * R / 360


def columns(points: list[tuple[float, float, float]], **changes: dict[int, Any]) -> dict[str, Any]:
    """Points as (seconds, metres north, km/h), with single values changed by row."""
    n = len(points)
    result = {
        "at": np.array([T0 + round(s * 1000) for s, _, _ in points], np.int64),
        "lat_e6": np.array([23_000_000 + round(m / DEGREE_M * 1e6) for _, m, _ in points], np.int32),
        "lon_e6": np.full(n, 113_000_000, np.int32),
        "speed_dkmh": np.array([round(v * 10) for _, _, v in points], np.uint16),
        "altitude_m": np.zeros(n, np.int16),
        "direction_deg": np.zeros(n, np.uint16),
        "origin": np.zeros(n, np.uint8),
        "flags": np.zeros(n, np.uint8),
        "serial": np.arange(n, dtype=np.uint16),
    }
    for name, values in changes.items():
        for row, value in values.items():
            result[name][row] = value
    return result


def drive(seconds: int, kmh: float, step: int = 10, start_s: float = 0, start_m: float = 0) -> list[Any]:
    return [(start_s + s, start_m + s * kmh / 3.6, kmh) for s in range(0, seconds + 1, step)]


def test_a_degree_of_a_meridian_has_its_length() -> None:
    zero, one = np.array([23.0]), np.array([24.0])
    assert haversine(zero, zero, one, zero)[0] == pytest.approx(DEGREE_M, abs=0.5)


def test_a_steady_drive_is_complete() -> None:
    track = judge(columns(drive(600, 72)))
    assert track.distance_m == pytest.approx(12_000, abs=10)  # 20 m/s for 600 s
    assert track.complete_m == track.distance_m
    assert (track.driving_s, track.stopped_s, track.gaps, track.stops) == (600, 0, [], [])
    assert track.completeness == 1.0
    assert track.max_speed_dkmh == 720


def test_moving_more_than_two_kilometres_in_more_than_five_minutes_of_silence_is_a_break_and_never_joined() -> None:
    points = drive(300, 72) + drive(300, 72, start_s=610, start_m=6_000 + 6_200)
    track = judge(columns(points))
    assert len(track.gaps) == 1
    gap = track.gaps[0]
    assert (gap.from_at, gap.to_at, gap.from_index) == (T0 + 300_000, T0 + 610_000, 30)
    assert gap.metres == pytest.approx(6_200, abs=5)
    assert track.gap_m == pytest.approx(6_200, abs=5)
    assert track.complete_m == pytest.approx(12_000, abs=10)
    assert track.distance_m == pytest.approx(18_200, abs=15)
    assert track.driving_s == 600
    assert track.gap_s == 310


@pytest.mark.parametrize(("silence_s", "metres"), [(300, 6_000), (3_600, 1_990)])
def test_exactly_five_minutes_or_less_than_two_kilometres_is_no_break(silence_s: int, metres: int) -> None:
    track = judge(columns([(0, 0, 60), (silence_s, metres, 60)]))
    assert track.gaps == []


def test_parking_with_the_ignition_off_is_a_stop_and_no_break() -> None:
    points = [*drive(300, 60), (310, 5_010, 0), (320, 5_010, 0), (20_000, 5_030, 0)]
    points += drive(300, 60, start_s=20_010, start_m=5_100)
    track = judge(columns(points))
    assert track.gaps == []
    assert len(track.stops) == 1
    stop = track.stops[0]
    assert (stop.from_at, stop.to_at, stop.points) == (T0 + 310_000, T0 + 20_000_000, 3)
    assert track.stopped_s == 19_690


def test_a_red_light_is_no_stop() -> None:
    points = [*drive(100, 60), *[(100 + s, 1_700, 0) for s in range(10, 181, 10)], *drive(100, 60, 10, 290, 1_800)]
    assert judge(columns(points)).stops == []


def test_the_wander_of_a_standing_receiver_is_no_distance() -> None:
    points = [(s, (s // 10 % 2) * 30.0, 0.0) for s in range(0, 3_600, 10)]
    track = judge(columns(points))
    assert track.distance_m == 0
    assert track.completeness is None
    assert track.stops[0].points == 360


def test_a_report_each_second_still_has_its_distance() -> None:
    assert judge(columns(drive(100, 36, step=1))).distance_m == pytest.approx(1_000, abs=10)


def test_backfilled_points_take_their_place_in_time_and_close_the_gap() -> None:
    points = drive(1_200, 72)
    tail = points[20:80]
    mixed = points[:20] + points[80:] + tail
    origin = dict.fromkeys(range(len(mixed) - len(tail), len(mixed)), ORIGIN_BACKFILL)
    track = judge(columns(mixed, origin=origin))
    assert track.gaps == []
    assert track.backfilled == 60
    assert track.distance_m == pytest.approx(24_000, abs=20)
    assert np.diff(columns(mixed)["at"][track.rows]).min() > 0


def test_a_point_that_came_live_and_again_from_memory_counts_once_as_the_live_one() -> None:
    points = drive(100, 72)
    track = judge(columns([*points, points[5]], origin={11: ORIGIN_BACKFILL}))
    assert (track.points, track.duplicates, track.backfilled) == (11, 1, 0)


def test_points_without_a_fix_or_a_readable_time_are_kept_out_of_the_distance() -> None:
    """Reference jt808 §11.3 (14) to (16)."""
    points = drive(100, 72)
    flags = {3: FLAG_NOT_FIXED, 5: FLAG_TIME_UNREADABLE}
    track = judge(columns(points, flags=flags, lat_e6={3: 39_900_000}))
    assert track.points == 9
    assert track.not_fixed == 2
    assert track.distance_m == pytest.approx(2_000, abs=3)


def test_an_unqualified_record_is_marked_and_not_measured() -> None:
    track = judge(columns(drive(100, 72), speed_dkmh={4: 1_601}, altitude_m={6: 6_501}))
    assert track.unqualified == 2
    assert [bool(f & MARK_UNQUALIFIED) for f in track.flags[[4, 5, 6]]] == [True, False, True]


def test_a_jump_that_returns_is_drift() -> None:
    track = judge(columns(drive(100, 72), lon_e6={5: 113_050_000}))
    assert track.drift == 1
    assert track.flags[5] == MARK_DRIFT
    assert track.distance_m == pytest.approx(2_000, abs=3)


def test_two_points_away_are_both_drift() -> None:
    track = judge(columns(drive(100, 72), lon_e6={5: 113_050_000, 6: 113_050_000}))
    assert [int(i) for i in np.flatnonzero(track.flags)] == [5, 6]


def test_a_tunnel_exit_after_a_silence_is_no_drift() -> None:
    points = drive(100, 72) + drive(100, 72, start_s=170, start_m=2_000 + 3_500)  # 50 m/s over 70 s
    assert judge(columns(points)).drift == 0


def test_an_empty_or_single_point_track_is_judged_too() -> None:
    for points in ([], [(0, 0, 50)]):
        track = judge(columns(points))
        assert (track.points, track.distance_m, track.driving_s) == (len(points), 0, 0)


def test_two_hundred_thousand_points_are_judged_in_well_under_a_second() -> None:
    data = columns(drive(400_000, 72, step=2))
    data["lat_e6"] = np.full(len(data["at"]), 23_000_000, np.int32)
    data["lon_e6"] = (113_000_000 + np.arange(len(data["at"])) % 10_000 * 390).astype(np.int32)
    before = time.process_time()
    judge(data)
    assert time.process_time() - before < 1.0
