"""What becomes an alarm and what does not: the rules of JT/T 808 §8.9.2, 1078 §4.16 and the active-safety items."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from alarm_oracle import Oracle
from alarm_rows import NOON_MS, batch, item, row, sign, told, tyres, video
from captured_frames import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei import facts
from luwei.alarms.extraction import Extraction
from luwei.alarms.safety_item import read
from luwei.alarms.standing import Standing
from luwei.protocol.jt808.frame import decode_frame
from luwei.protocol.jt808.items import Item
from luwei.protocol.safety.alarm_items import SafetyAlarm

T = NOON_MS
SECOND = 1_000


class Chain:
    """An extraction that is given rows and says what it made of them."""

    def __init__(self) -> None:
        self.extraction = Extraction(Standing(), 400)
        self.number = 0

    def give(self, *rows: dict[str, Any]) -> pa.RecordBatch | None:
        self.number += 1
        return self.extraction.derive(batch(list(rows), self.number))

    def tell(self, *rows: dict[str, Any]) -> list[tuple[int, str, int, int]]:
        return [(phase, type_, at, start) for _, phase, type_, at, start, _ in told(self.give(*rows))]


@pytest.fixture
def chain() -> Chain:
    return Chain()


# -- bits of 808 -------------------------------------------------------------------------------------------------------


def test_8_9_2_a_condition_begins_once_and_ends_when_its_bit_falls(chain: Chain) -> None:
    assert chain.tell(row(1, T)) == []
    assert chain.tell(row(1, T + SECOND, alarm=0b10)) == [(1, "808:01", T + SECOND, T + SECOND)]
    assert chain.tell(row(1, T + 2 * SECOND, alarm=0b10)) == []
    assert chain.tell(row(1, T + 3 * SECOND, alarm=0b110)) == [(1, "808:02", T + 3 * SECOND, T + 3 * SECOND)]
    assert chain.tell(row(1, T + 4 * SECOND)) == [
        (2, "808:01", T + 4 * SECOND, T + SECOND),
        (2, "808:02", T + 4 * SECOND, T + 3 * SECOND),
    ]


def test_8_9_2_a_run_of_reports_with_the_emergency_bit_is_one_alarm_until_the_answer_clears_it(chain: Chain) -> None:
    reports = [row(1, T + n * SECOND, alarm=1, serial=n) for n in range(20)]
    first = chain.give(*reports)
    assert told(first) == [(1, 1, "808:00", T, T, False)]
    end = chain.give(row(1, T + 30 * SECOND, serial=30))
    assert first is not None and end is not None
    assert end["alarm"].to_pylist() == first["alarm"].to_pylist()


def test_start_and_end_share_a_key_that_any_repetition_gives_again(chain: Chain) -> None:
    again = Chain()
    keys = [given_.give(row(1, T, alarm=1))["alarm"].to_pylist() for given_ in (chain, again)]  # type: ignore[index]
    assert keys[0] == keys[1]
    assert 0 < keys[0][0] < 2**63


def test_11_3_28_an_emergency_bit_that_is_never_cleared_makes_no_second_alarm(chain: Chain) -> None:
    assert len(chain.tell(row(1, T, alarm=1))) == 1
    assert chain.tell(row(1, T + 86_400 * SECOND, alarm=1)) == []


def test_a_repeated_report_and_one_out_of_order_make_no_alarm(chain: Chain) -> None:
    chain.tell(row(1, T, alarm=0, serial=5))
    assert len(chain.tell(row(1, T, alarm=2, serial=6))) == 1
    assert chain.tell(row(1, T, alarm=0, serial=5)) == []  # the frame again, because its answer was late
    assert chain.tell(row(1, T - 5 * SECOND, alarm=4, serial=4)) == []
    assert chain.tell(row(1, T + SECOND, alarm=2, serial=7)) == []


def test_reports_out_of_order_within_one_batch_do_not_turn_the_clock_back(chain: Chain) -> None:
    chain.tell(row(1, T + 10 * SECOND, serial=1), row(1, T + 5 * SECOND, serial=2))
    assert chain.tell(row(1, T + 7 * SECOND, alarm=2, serial=3)) == []
    assert len(chain.tell(row(1, T + 11 * SECOND, alarm=2, serial=4))) == 1


def test_a_clock_that_was_set_back_holds_alarms_up_for_a_minute_only(chain: Chain) -> None:
    chain.tell(row(1, T))
    back = T - 3_600 * SECOND
    assert chain.tell(row(1, back, alarm=2, received_at=T + 30 * SECOND)) == []
    assert chain.tell(row(1, back + SECOND, alarm=2, received_at=T + 61 * SECOND)) == [
        (1, "808:01", back + SECOND, back + SECOND)
    ]


def test_a_report_whose_time_cannot_be_believed_does_not_stop_the_clock(chain: Chain) -> None:
    chain.tell(row(1, T))
    untrue = row(1, T + 50 * SECOND, alarm=2, flags=facts.FLAG_TIME_UNREADABLE)
    assert [phase for phase, *_ in chain.tell(untrue)] == [1]
    assert [phase for phase, *_ in chain.tell(row(1, T + 5 * SECOND))] == [2]


def test_an_alarm_of_the_same_second_as_the_report_before_it_counts(chain: Chain) -> None:
    assert len(chain.tell(row(1, T, serial=65_535), row(1, T, alarm=1, serial=0))) == 1


def test_the_report_s_own_items_tell_more_of_a_condition(chain: Chain) -> None:
    found = chain.give(row(1, T, alarm=0b10, items=b"\x01\x04\0\0\0\7\x11\x05\x01\0\0\0\x09"))
    assert found is not None and found["item"].to_pylist() == [b"\x11\x05\x01\0\0\0\x09"]


# -- backfill ----------------------------------------------------------------------------------------------------------


def late(at: int, **other: Any) -> dict[str, Any]:
    return row(1, at, origin=facts.ORIGIN_BACKFILL, received_at=T + 900 * SECOND, **other)


def test_backfilled_reports_yield_their_alarms_and_leave_the_present_alone(chain: Chain) -> None:
    chain.tell(row(1, T + 800 * SECOND, alarm=0b100))
    found = chain.give(*(late(T + n * SECOND, alarm=0b10 if 3 <= n < 6 else 0) for n in range(10)))
    assert told(found) == [
        (1, 1, "808:01", T + 3 * SECOND, T + 3 * SECOND, True),
        (1, 2, "808:01", T + 6 * SECOND, T + 3 * SECOND, True),
    ]
    assert chain.tell(row(1, T + 801 * SECOND, alarm=0b100)) == []


def test_backfill_sent_twice_makes_each_alarm_once(chain: Chain) -> None:
    reports = [late(T + n * SECOND, alarm=0b10 if 3 <= n < 6 else 0) for n in range(10)]
    assert len(chain.tell(*reports)) == 2
    assert chain.tell(*reports) == []


def test_backfill_from_within_a_live_alarm_makes_no_second_one(chain: Chain) -> None:
    chain.tell(row(1, T, alarm=0b10))
    assert chain.tell(*(late(T + n * SECOND, alarm=0b10) for n in range(1, 5))) == []
    assert chain.tell(row(1, T + 20 * SECOND)) == [(2, "808:01", T + 20 * SECOND, T)]
    assert chain.tell(*(late(T + n * SECOND, alarm=0b10) for n in range(6, 9))) == []


# -- video of 1078 -----------------------------------------------------------------------------------------------------


def test_4_16_a_video_alarm_begins_at_0_to_1_ends_at_1_to_0_and_keeps_its_channels(chain: Chain) -> None:
    lost = b"\x15\x04\x00\x00\x00\x05"
    found = chain.give(row(1, T, video_alarm=1, items=video(1) + lost))
    assert told(found) == [(1, 1, "1078:00", T, T, False)]
    assert found is not None and found["item"].to_pylist() == [video(1) + lost]
    assert chain.tell(row(1, T + SECOND, video_alarm=1)) == []
    assert chain.tell(row(1, T + 2 * SECOND, video_alarm=0)) == [(2, "1078:00", T + 2 * SECOND, T)]


def test_reports_without_item_0x14_end_a_video_alarm_only_when_they_stay_silent(chain: Chain) -> None:
    chain.tell(row(1, T, video_alarm=1))
    assert chain.tell(row(1, T + SECOND)) == []
    assert chain.tell(row(1, T + 2 * SECOND, video_alarm=1)) == []
    assert chain.tell(*(row(1, T + n * SECOND) for n in range(3, 63))) == []
    assert chain.tell(row(1, T + 63 * SECOND)) == [(2, "1078:00", T + 3 * SECOND, T)]


def test_4_5_a_fault_of_yuebiao_lasts_until_its_value_is_nought(chain: Chain) -> None:
    fault, well = b"\xf1\x04\0\0\1\0", b"\xf1\x04\0\0\0\0"
    found = chain.give(row(1, T, items=fault), row(2, T, items=fault, edition=2013))
    assert told(found) == [(1, 1, "F100", T, T, False)]
    assert found is not None and found["item"].to_pylist() == [fault]
    assert chain.tell(row(1, T + SECOND, items=fault)) == []
    assert chain.tell(row(1, T + 2 * SECOND, items=well)) == [(2, "F100", T + 2 * SECOND, T)]


# -- items of active safety --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "dialect"), [(16, "subiao"), (40, "yuebiao"), (39, "sign_39"), (38, "sign_38"), (32, "")]
)
@pytest.mark.parametrize(("kind", "type_"), [(0x64, "6401"), (0x65, "6501"), (0x67, "6701"), (0x70, "7001")])
def test_2_1_items_of_every_dialect_are_alarms(chain: Chain, size: int, dialect: str, kind: int, type_: str) -> None:
    raw = item(kind, 1, T - SECOND, alarm_id=9, size=size, sequence=4)
    found = chain.give(row(1, T, items=b"\x01\x04\0\0\0\1" + raw))
    assert found is not None
    (one,) = found.to_pylist()
    assert (one["type"], one["dialect"], one["phase"]) == (type_, dialect, 0)
    assert one["identification"] == sign(T - SECOND, size, 4)
    assert (one["sequence"], one["files"]) == ((4, 3) if dialect else (0, 0))
    assert (one["lat_e6"], one["lon_e6"], one["altitude_m"], one["speed_dkmh"]) == (22_543_099, 114_057_868, 35, 600)
    assert (one["level"], one["item"], one["terminal_id"]) == (2 if kind in (0x64, 0x65) else 0, raw, 1001)
    assert told(found)[0][3:5] == (T - SECOND, T - SECOND)


def test_3_start_and_end_are_paired_by_the_alarm_id_else_with_the_latest_open_one(chain: Chain) -> None:
    starts = [item(0x65, 1, T + n * SECOND, alarm_id=n, flag=1) for n in (1, 2, 3)]
    assert [phase for phase, *_ in chain.tell(row(1, T + 4 * SECOND, items=b"".join(starts)))] == [1, 1, 1]
    assert chain.tell(row(1, T + 9 * SECOND, items=item(0x65, 1, T + 8 * SECOND, alarm_id=2, flag=2))) == [
        (2, "6501", T + 8 * SECOND, T + 2 * SECOND)
    ]
    assert chain.tell(row(1, T + 10 * SECOND, items=item(0x65, 1, T + 9 * SECOND, alarm_id=77, flag=2))) == [
        (2, "6501", T + 9 * SECOND, T + 3 * SECOND)
    ]


def test_an_end_whose_start_never_came_stands_alone(chain: Chain) -> None:
    assert chain.tell(row(1, T, items=item(0x64, 2, T, alarm_id=5, flag=2))) == [(2, "6402", T, T)]


def test_the_same_item_in_a_repeated_report_is_one_alarm(chain: Chain) -> None:
    raw = item(0x64, 1, T)
    assert len(chain.tell(row(1, T, items=raw), row(1, T, items=raw))) == 1
    assert chain.tell(late(T, items=raw)) == []
    assert len(chain.tell(row(2, T, items=raw))) == 1


def test_the_hemisphere_is_the_report_s_and_no_place_of_its_own_is_the_report_s_place(chain: Chain) -> None:
    south = chain.give(row(1, T, status=0b1111, items=item(0x67, 1, T)))
    nowhere = item(0x67, 1, T).replace(bytes.fromhex("0157fafb06cc628c"), bytes(8))
    there = chain.give(row(2, T, items=nowhere))
    assert south is not None and there is not None
    assert (south["lat_e6"][0].as_py(), south["lon_e6"][0].as_py()) == (-22_543_099, -114_057_868)
    assert (there["lat_e6"][0].as_py(), there["lon_e6"][0].as_py()) == (23_129_100, 113_264_400)


def test_an_item_s_time_that_is_no_date_or_lies_in_the_future_is_the_report_s(chain: Chain) -> None:
    broken = item(0x64, 1, T).replace(item(0x64, 1, T)[25:31], b"\xff" * 6)
    future = item(0x64, 1, T + 3_600 * SECOND)
    assert [at for _, _, at, _ in chain.tell(row(1, T, items=broken), row(2, T, items=future))] == [T, T]


def test_4_3_tyres_alarm_by_kind_and_a_periodic_report_is_none(chain: Chain) -> None:
    assert chain.tell(row(1, T, items=tyres(T, [1, 1, 1, 1]))) == []
    assert chain.tell(row(1, T, items=tyres(T, [0b100, 0b1, 0b1100], alarm_id=2, flag=1))) == [
        (1, "6602", T, T),
        (1, "6603", T, T),
    ]
    assert chain.tell(row(1, T + SECOND, items=tyres(T + SECOND, [], alarm_id=2, flag=2))) == [
        (2, "6602", T + SECOND, T),
        (2, "6603", T + SECOND, T),
    ]


def test_an_unknown_type_keeps_its_number_and_an_item_that_is_too_short_is_no_alarm(chain: Chain) -> None:
    found = chain.tell(row(1, T, items=item(0x64, 0x31, T) + b"\x64\x05\0\0\0\0\0"))
    assert [type_ for _, type_, _, _ in found] == ["6431"]


def test_bytes_that_look_like_an_item_inside_another_are_none(chain: Chain) -> None:
    assert chain.tell(row(1, T, items=b"\xe5\x4a" + item(0x64, 1, T)[:74].ljust(74, b"\0"))) == []


@pytest.mark.parametrize("record", lines("jt808_active_safety.jsonl", lambda r: r["expect"]["message_id"] == "0x0200"))
def test_captured_items_become_the_alarms_that_they_say(chain: Chain, record: dict[str, Any]) -> None:
    frame = bytes.fromhex(record["hex"])
    body = decode_frame(frame)
    assert body is not None
    items = body_of(frame)[28:]
    expected = []
    for alarm in record["expect"]["body"]["active_safety"]:
        if "undecoded" in alarm or alarm["id"] == "0x66":
            continue
        sign_ = alarm["alarm_sign"]
        expected.append(
            (
                f"{alarm['id'][2:]}{alarm['type']:02X}",
                {1: 1, 2: 2}.get(alarm["flag_status"], 0),
                alarm.get("level", 0),
                alarm["dialect"], sign_["seq"], sign_["attachment_count"], alarm["altitude"],
            )
        )  # fmt: skip
    found = chain.give(row(1, T, items=items))
    names = ("type", "phase", "level", "dialect", "sequence", "files", "altitude_m")
    got = [tuple(one[name] for name in names) for one in (found.to_pylist() if found else [])]
    assert [one for one in got if one in expected] == expected


def body_of(frame: bytes) -> bytes:
    plain = frame[1:-1].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    return plain[17:-1] if plain[2] & 0x40 else plain[12:-1]


# -- against the declarations and the oracle ---------------------------------------------------------------------------


@given(kind=st.sampled_from([0x64, 0x65, 0x67, 0x70]), size=st.sampled_from([16, 38, 39, 40]), seed=st.randoms())
@settings(max_examples=60, deadline=None)
def test_an_item_reads_as_its_declaration_does(kind: int, size: int, seed: random.Random) -> None:
    value = bytes(seed.randrange(256) for _ in range({0x67: 25}.get(kind, 31) + size))
    declared, found = Item(kind, value).value, read(kind, value)
    assert isinstance(declared, SafetyAlarm) and found is not None
    shown = declared.to_json()
    assert (found.alarm_id, found.flag, found.dialect) == (declared.alarm_id, declared.flag_status, declared.dialect)
    assert found.types == (f"{kind:02X}{shown['type']:02X}",)
    assert (found.level, found.speed_kmh, found.altitude_m) == (
        shown.get("level", 0),
        shown["speed"],
        shown["altitude"],
    )
    assert (found.lat_e6, found.lon_e6) == (shown["latitude"], shown["longitude"])
    signed = shown["alarm_sign"]
    assert (found.sequence, found.files) == (signed["seq"], signed["attachment_count"])
    assert found.identification == value[-size:]


def random_rows(chance: random.Random, clock: dict[int, int], serials: dict[int, int]) -> list[dict[str, Any]]:
    """Reports of five trucks; in most batches they say little that is new, as real ones do."""
    rows: list[dict[str, Any]] = []
    quiet = chance.random() < 0.6
    clock[0] += chance.choice((100, 1_000, 20_000, 70_000, 700_000))
    for _ in range(chance.choice((1, 3, 12, 120))):
        vehicle = chance.randrange(1, 6)
        clock[0] += chance.choice((0, 0, 1, 10))
        serials[vehicle] = (serials.get(vehicle, 65_500) + 1) % 65_536
        step = chance.choice((0, 1000, 1000, 5000, 30_000))
        at = clock[vehicle] = clock.get(vehicle, T) + step
        if chance.random() < 0.2:
            at -= chance.choice((0, 1000, 90_000))
        one = row(
            vehicle,
            at,
            received_at=T + clock[0],
            alarm=chance.choice((0, 0, 1, 2, 3)),
            video_alarm=chance.choice((None, 0, 1, 3)),
            serial=serials[vehicle],
            flags=chance.choice((0,) * 9 + (facts.FLAG_TIME_FUTURE,)),
            origin=chance.choice((0, 0, 0, 1, 2)),
        )
        if quiet and rows and chance.random() < 0.9:
            told_before = next((r for r in reversed(rows) if r["vehicle_id"] == vehicle), one)
            one["alarm"], one["video_alarm"] = told_before["alarm"], None if chance.random() < 0.8 else 1
        rows.append(one)
        if chance.random() < 0.1:
            rows.append(chance.choice(rows))
    return rows


@pytest.mark.parametrize("seed", range(24))
def test_random_reports_give_what_the_oracle_gives(seed: int) -> None:
    chance = random.Random(seed)
    chain, oracle = Chain(), Oracle()
    clock, serials = {0: 0}, dict[int, int]()
    for _ in range(30):
        rows = random_rows(chance, clock, serials)
        assert sorted(told(chain.give(*rows))) == sorted(oracle.derive(rows))


@given(st.lists(st.tuples(st.integers(0, 4_000_100), st.binary(max_size=400)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_whatever_items_say_nothing_is_raised_and_rows_are_bounded(reports: list[tuple[int, bytes]]) -> None:
    chain = Chain()
    found = chain.give(*(row(vehicle, T, items=items) for vehicle, items in reports))
    size = sum(len(items) for _, items in reports)
    assert found is None or (found.schema == facts.ALARM_EVENT and found.num_rows <= 15 * size // 27 + 1)


@given(st.lists(st.sampled_from([0x64, 0x65, 0x66, 0x67, 0x70, 0xF1, 0x14, 0x00, 0x2F, 0x47]), max_size=500))
@settings(max_examples=50, deadline=None)
def test_items_made_of_tempting_bytes_are_bounded_too(items: list[int]) -> None:
    found = Chain().give(row(1, T, items=bytes(items)), row(2, T, items=b""), row(3, T, items=bytes(items)))
    assert found is None or found.num_rows <= 15 * (2 * len(items) // 27 + 1)
