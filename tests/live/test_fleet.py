"""The present of the fleet, with expected values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from luwei import facts
from luwei.live.fleet import (
    BIT_ALARM,
    BIT_NO_FIX,
    LIVE_OFFLINE_S,
    MAX_VEHICLES,
    MOVING,
    NO_PLACE,
    OFFLINE,
    STATE_MASK,
    STOPPED,
    Fleet,
    mercator,
)

NOW = 1_795_156_325_000


def locations(*rows: dict[str, Any]) -> pa.RecordBatch:
    """Location rows; whatever is not given is an ordinary fixed report of this moment."""
    plain: dict[str, Any] = {
        "vehicle_id": 1, "terminal_id": 1, "at": NOW, "device_at": NOW, "received_at": NOW, "lat_e6": 23_129_110,
        "lon_e6": 113_264_385, "altitude_m": 12, "speed_dkmh": 600, "direction_deg": 90, "alarm": 0, "status": 3,
        "mileage_hm": 1000, "fuel_dl": None, "recorder_speed_dkmh": None, "video_alarm": None,
        "vehicle_signals": None, "radio_signal": None, "satellites": None, "items": b"", "origin": 0, "flags": 0,
        "edition": 2019, "serial": 0, "batch": 0,
    }  # fmt: skip
    for row in rows:
        if "at" in row and "received_at" not in row:
            row["received_at"] = max(row["at"], NOW)
    return facts.rows_to_batch(facts.FIX, [plain | row for row in rows])


def fleet_of(*ids: int) -> Fleet:
    fleet = Fleet()
    fleet.set_registry(list(ids), [440100] * len(ids), [440106] * len(ids), [0] * len(ids))
    return fleet


def test_a_report_becomes_the_present_of_its_vehicle() -> None:
    fleet = fleet_of(7)
    ids = fleet.apply(locations({"vehicle_id": 7, "alarm": 2}), NOW)
    assert ids.tolist() == [7]
    present = fleet.present(7)
    assert present is not None
    assert (present.state, present.at, present.received_at) == ("moving", NOW, NOW)
    assert (present.lat_e6, present.lon_e6, present.speed_dkmh, present.direction_deg) == (
        23_129_110, 113_264_385, 600, 90,
    )  # fmt: skip
    assert (present.alarm, present.fixed) == (2, True)
    assert fleet.wire[7] == MOVING | BIT_ALARM


def test_of_several_rows_in_a_batch_the_newest_counts_and_of_equal_ones_the_later() -> None:
    fleet = fleet_of(1, 2)
    fleet.apply(
        locations(
            {"vehicle_id": 1, "at": NOW, "speed_dkmh": 300},
            {"vehicle_id": 2, "at": NOW - 10_000, "speed_dkmh": 111},
            {"vehicle_id": 1, "at": NOW - 20_000, "speed_dkmh": 500},
            {"vehicle_id": 2, "at": NOW - 10_000, "speed_dkmh": 222},
        ),
        NOW,
    )
    assert fleet.speed_dkmh[[1, 2]].tolist() == [300, 222]


def test_backfill_never_moves_the_present_backwards_but_proves_the_truck_online() -> None:
    fleet = fleet_of(1)
    fleet.apply(locations({"at": NOW, "received_at": NOW, "lat_e6": 23_000_000}), NOW)
    later = NOW + 200_000
    fleet.apply(
        locations({"at": NOW - 60_000, "received_at": later, "lat_e6": 22_000_000, "origin": facts.ORIGIN_BACKFILL}),
        later,
    )
    assert fleet.lat_e6[1] == 23_000_000
    assert fleet.received_ms[1] == later


def test_a_terminal_whose_clock_was_set_back_moves_on_after_a_minute() -> None:
    fleet = fleet_of(1)
    fleet.apply(locations({"at": NOW, "received_at": NOW, "lat_e6": 23_000_000}), NOW)
    hour = 3_600_000
    fleet.apply(locations({"at": NOW - hour, "received_at": NOW + 30_000, "lat_e6": 23_100_000}), NOW)
    assert fleet.lat_e6[1] == 23_000_000  # may be an old report sent late
    fleet.apply(locations({"at": NOW - hour + 30_000, "received_at": NOW + 60_000, "lat_e6": 23_200_000}), NOW)
    assert fleet.lat_e6[1] == 23_200_000


def test_three_kilometres_an_hour_is_moving_and_less_is_stopped() -> None:
    fleet = fleet_of(1, 2)
    fleet.apply(locations({"vehicle_id": 1, "speed_dkmh": 30}, {"vehicle_id": 2, "speed_dkmh": 29}), NOW)
    assert (fleet.wire[[1, 2]] & STATE_MASK).tolist() == [MOVING, STOPPED]


def test_five_minutes_of_silence_make_a_truck_offline_and_take_its_alarm_from_the_screen() -> None:
    fleet = fleet_of(1)
    fleet.apply(locations({"alarm": 1}), NOW)
    fleet.tick(NOW)
    assert fleet.tick(NOW + LIVE_OFFLINE_S * 1000 - 1).tolist() == []
    assert fleet.tick(NOW + LIVE_OFFLINE_S * 1000).tolist() == [1]
    assert fleet.wire[1] == OFFLINE
    assert fleet.tick(NOW + LIVE_OFFLINE_S * 1000 + 1000).tolist() == []


def test_without_a_fix_a_truck_keeps_its_last_place() -> None:
    """Reference jt808 §11.3 (14) and (15)."""
    fleet = fleet_of(1)
    fleet.apply(locations({"lat_e6": 23_000_000, "lon_e6": 113_000_000}), NOW)
    fleet.apply(
        locations({"at": NOW + 1, "lat_e6": 39_900_000, "lon_e6": 116_400_000, "flags": facts.FLAG_NOT_FIXED}), NOW
    )
    assert (fleet.lat_e6[1], fleet.lon_e6[1]) == (23_000_000, 113_000_000)
    assert fleet.wire[1] & BIT_NO_FIX


def test_zero_and_impossible_places_are_never_shown() -> None:
    fleet = fleet_of(1, 2)
    fleet.apply(
        locations(
            {"vehicle_id": 1, "lat_e6": 0, "lon_e6": 0, "flags": facts.FLAG_NOT_FIXED},
            {"vehicle_id": 2, "lat_e6": 99_000_000, "flags": facts.FLAG_PLACE_IMPOSSIBLE},
        ),
        NOW,
    )
    assert fleet.lon_e6[[1, 2]].tolist() == [NO_PLACE, NO_PLACE]
    present = fleet.present(1)
    assert present is not None and present.lat_e6 is None


def test_an_item_that_is_absent_keeps_the_last_mileage() -> None:
    fleet = fleet_of(1)
    fleet.apply(locations({"mileage_hm": 5000}), NOW)
    fleet.apply(locations({"at": NOW + 1, "mileage_hm": None}), NOW)
    assert fleet.mileage_hm[1] == 5000


def test_what_changed_is_known_by_its_second() -> None:
    fleet = fleet_of(1, 2)
    fleet.tick(NOW)
    closed = fleet.second - 1
    assert fleet.changed_since(closed).tolist() == []
    fleet.apply(locations({"vehicle_id": 2}), NOW)
    assert fleet.tick(NOW).tolist() == [2]
    assert fleet.changed_since(closed).tolist() == [2]


def test_a_vehicle_taken_out_of_the_registry_counts_as_changed() -> None:
    fleet = fleet_of(1, 2)
    fleet.tick(NOW)
    fleet.set_registry([1], [440100], [440106], [0])
    assert fleet.tick(NOW).tolist() == [2]
    assert not fleet.known[2]


def test_arrays_grow_and_keep_what_they_hold() -> None:
    fleet = Fleet(2)
    fleet.apply(locations({"vehicle_id": 1}), NOW)
    fleet.apply(locations({"vehicle_id": 100_000}), NOW)
    assert fleet.lat_e6[1] == fleet.lat_e6[100_000] == 23_129_110
    assert fleet.lon_e6[50_000] == NO_PLACE


def test_an_absurd_vehicle_id_is_counted_and_costs_no_memory() -> None:
    fleet = Fleet()
    ids = fleet.apply(locations({"vehicle_id": MAX_VEHICLES}, {"vehicle_id": 3}), NOW)
    assert ids.tolist() == [3]
    assert fleet.beyond == 1
    assert fleet.capacity == 1024


def test_mercator_puts_null_island_in_the_middle_and_greenwich_north_at_the_top() -> None:
    x, y = mercator(np.array([0, 85_051_129, -85_051_129]), np.array([0, -180_000_000, 179_999_999]))
    assert x.tolist()[:2] == [2**31, 0]
    assert y.tolist()[0] == 2**31
    assert y.tolist()[1] < 100 and y.tolist()[2] > 2**32 - 100


def test_11_3_28_an_alarm_that_the_device_never_clears_ends_on_the_screen_after_half_an_hour() -> None:
    fleet = fleet_of(1)
    emergency, overspeed = 1 << 0, 1 << 1
    at = NOW
    for minute in range(31):
        at = NOW + minute * 60_000
        fleet.apply(locations({"alarm": emergency, "at": at, "received_at": at}), at)
        assert bool(fleet.wire[1] & BIT_ALARM) == (minute < 30)
    fleet.apply(locations({"alarm": emergency | overspeed, "at": at + 1, "received_at": at + 1}), at + 1)
    assert fleet.wire[1] & BIT_ALARM  # a bit that lasts as long as its condition is believed
    fleet.apply(locations({"alarm": 0, "at": at + 2, "received_at": at + 2}), at + 2)
    fleet.apply(locations({"alarm": emergency, "at": at + 3, "received_at": at + 3}), at + 3)
    assert fleet.wire[1] & BIT_ALARM  # pressed again
