"""Alarms become cases: merged, graded, routed, timed, once. Expected values by hand from supervision §7.1 and §7.2."""

from __future__ import annotations

from case_world import HOUR, MINUTE, SECOND, SIGN, T0, World
from sqlalchemy import insert, text

from luwei.cases import policies
from luwei.registry.case_work import CasePolicy
from luwei.registry.engine import write

DAY = 86_400_000


TABLE = [
    ("6502", 1, 82, 2, 10 * MINUTE, 4 * HOUR),  # hand-held phone: 较重
    ("6503", 1, 60, 1, 30 * MINUTE, 24 * HOUR),  # smoking: 一般
    ("6501", 1, 60, 2, 10 * MINUTE, 4 * HOUR),  # fatigue level 1
    ("6501", 2, 60, 3, 3 * MINUTE, 2 * HOUR),  # fatigue level 2: 严重
    ("808:00", 0, 0, 3, 3 * MINUTE, 2 * HOUR),  # emergency
    ("808:01", 0, 107, 1, 30 * MINUTE, 24 * HOUR),  # 18.9 % over 90 km/h
    ("808:01", 0, 108, 2, 10 * MINUTE, 4 * HOUR),  # 20 %
    ("808:01", 0, 134, 2, 10 * MINUTE, 4 * HOUR),  # 48.9 %
    ("808:01", 0, 135, 3, 3 * MINUTE, 2 * HOUR),  # 50 %
    ("1078:02", 0, 0, 2, 10 * MINUTE, 72 * HOUR),  # device fault A
]
"""Type, device level, km/h, and by hand: grade, limit to the first action, limit to the close."""


def test_a_case_gets_the_grade_and_the_clocks_of_the_table(world: World) -> None:
    for number, (kind, level, speed_kmh, grade, first, close) in enumerate(TABLE):
        at = T0 + number * HOUR
        world.take(world.alarm(kind, at, level=level, speed_dkmh=speed_kmh * 10))
        case = world.cases()[number]
        assert (case.grade, case.first_action_due_at, case.close_due_at) == (grade, at + first, at + close), kind
        assert (case.state, case.stage, case.due_at, case.count, case.warnings) == ("open", 0, at + first, 1, 1)


def test_what_stays_in_the_cab_is_counted_and_becomes_no_case(world: World) -> None:
    kinds = ("6401", "6402", "6403", "6404", "6431", "6510", "6703")
    world.take(*(world.alarm(kind, T0) for kind in kinds))
    assert world.cases() == []
    counted = world.rows("SELECT type, raw, warnings, alarms, g1 + g2 + g3 FROM case_day ORDER BY type")
    assert counted == [(kind, 1, 1, 0, 0) for kind in kinds]


def test_a_case_is_routed_by_the_issuing_authority_the_operator_and_the_monitor(world: World) -> None:
    world.take(world.alarm("6502", T0))
    case = world.case()
    assert (case.city, case.county, case.operator_id, case.monitor_id) == (
        440100, 440111, world.operator, world.monitor,
    )  # fmt: skip
    assert (case.plate, case.phone, case.number) == ("粤AD8814", "13800000001", "GZ-1120-00001-26")


def test_numbers_run_by_city_and_day(world: World) -> None:
    world.take(world.alarm("6502", T0), world.alarm("6503", T0), world.alarm("6502", T0, vehicle_id=world.second))
    world.take(world.alarm("6504", T0 + DAY))
    assert [case.number for case in world.cases()] == [
        "GZ-1120-00001-26", "GZ-1120-00002-26", "SZ-1120-00001-26", "GZ-1121-00001-26",
    ]  # fmt: skip


def test_alarms_within_a_minute_are_one_pre_warning(world: World) -> None:
    world.take(world.alarm("6502", T0), world.alarm("6502", T0 + 60 * SECOND, level=2, speed_dkmh=900))
    world.take(world.alarm("6502", T0 + 120 * SECOND))
    case = world.case()
    assert (case.count, case.warnings, case.level, case.started_at, case.last_at) == (3, 1, 2, T0, T0 + 2 * MINUTE)
    assert world.rows("SELECT raw, warnings, alarms, g2 FROM case_day") == [(3, 1, 1, 1)]


def test_the_third_within_half_an_hour_raises_the_grade(world: World) -> None:
    for minutes in (0, 14, 29):
        world.take(world.alarm("6503", T0 + minutes * MINUTE))
    case = world.case()
    assert (case.first_grade, case.grade, case.repeated, case.warnings) == (1, 2, True, 3)
    # ten minutes from the third alarm would be T0 + 39 min; the first clock already ends at T0 + 30 min
    assert case.first_action_due_at == T0 + 30 * MINUTE
    assert case.close_due_at == T0 + 29 * MINUTE + 4 * HOUR
    assert world.steps() == ["opened", "merged", "merged", "raised"]


def test_the_third_after_half_an_hour_does_not(world: World) -> None:
    for minutes in (0, 14, 30):
        world.take(world.alarm("6503", T0 + minutes * MINUTE))
    assert world.case().grade == 1


def test_two_of_level_two_within_ten_minutes_raise_the_grade(world: World) -> None:
    world.take(world.alarm("6502", T0, level=2), world.alarm("6502", T0 + 9 * MINUTE, level=2))
    case = world.case()
    assert (case.first_grade, case.grade, case.escalation) == (2, 3, 3)  # G3: county and city are told at once
    assert case.first_action_due_at == T0 + 10 * MINUTE


def test_in_cab_alarms_that_repeat_become_a_case_with_all_of_them(world: World) -> None:
    for minutes in (0, 5, 10):
        world.take(world.alarm("6401", T0 + minutes * MINUTE))
    case = world.case()
    assert (case.grade, case.repeated, case.count, case.warnings) == (1, True, 3, 3)
    assert (case.started_at, case.first_action_due_at) == (T0, T0 + 40 * MINUTE)
    assert world.rows("SELECT count(*) FROM case_alarm WHERE case_id = :c", c=case.id) == [(3,)]
    assert world.rows("SELECT raw, warnings, alarms, g1 FROM case_day") == [(3, 3, 1, 1)]


def test_an_alarm_that_comes_again_changes_nothing(world: World) -> None:
    alarm = world.alarm("6502", T0)
    again = world.take(alarm, alarm)
    assert (again.fresh, again.repeated) == (1, 1)
    before = (world.cases(), world.steps(), world.rows("SELECT * FROM case_day"))
    repeated = world.take(alarm)
    assert (repeated.fresh, repeated.repeated) == (0, 1)
    assert before == (world.cases(), world.steps(), world.rows("SELECT * FROM case_day"))


def test_the_end_of_a_lasting_alarm_belongs_to_its_start(world: World) -> None:
    start = world.alarm("808:01", T0, phase=1, speed_dkmh=1000)
    end = world.alarm("808:01", T0 + 5 * MINUTE, phase=2, alarm=start.alarm)
    world.take(start)
    world.take(end)
    world.take(end)
    assert world.case().count == 1
    assert world.rows("SELECT phase, ended_at FROM case_alarm") == [(1, T0 + 5 * MINUTE)]
    # what begins within a minute of the end is the same pre-warning
    world.take(world.alarm("808:01", T0 + 6 * MINUTE, speed_dkmh=1000))
    assert (world.case().count, world.case().warnings) == (2, 1)


def test_an_end_without_its_start_is_an_alarm_that_is_over(world: World) -> None:
    world.take(world.alarm("808:02", T0, phase=2))
    assert world.rows("SELECT phase, ended_at FROM case_alarm") == [(2, T0)]
    assert world.case().count == 1


def test_late_alarms_start_their_clocks_with_the_receipt_and_belong_to_the_owner_of_their_time(world: World) -> None:
    received = T0 + 3 * HOUR
    world.take(world.alarm("6502", T0, received_at=received, backfill=True))
    case = world.case()
    assert (case.started_at, case.first_action_due_at) == (T0, received + 10 * MINUTE)
    assert world.rows("SELECT kind FROM case_timer WHERE kind = 'remind'") == []


def test_a_further_pre_warning_joins_the_case_nobody_has_judged(world: World) -> None:
    world.take(world.alarm("6502", T0))
    world.take(world.alarm("6502", T0 + 25 * MINUTE))
    assert (world.case().warnings, world.case().grade) == (2, 2)
    world.take(world.alarm("6502", T0 + 56 * MINUTE))  # 31 min later: policy joins within 30
    assert len(world.cases()) == 2


def test_files_are_asked_for_in_the_transaction_of_the_case(world: World) -> None:
    taken = world.take(world.alarm("6502", T0, identification=SIGN, files=3))
    assert taken.asked == 1
    assert world.case().evidence_state == "asked"
    assert world.rows("SELECT phone, files, event, state FROM evidence_request") == [("13800000001", 3, "6502", "open")]
    assert world.steps() == ["opened", "asked_files"]
    # a second alarm of the same pre-warning brings nothing better
    other = SIGN[:14] + b"\x03\x00"
    assert world.take(world.alarm("6502", T0 + 10 * SECOND, identification=other, files=3)).asked == 0


def test_files_of_a_lighter_type_wait_until_the_truck_stands(world: World) -> None:
    world.take(world.alarm("6503", T0, identification=SIGN, files=3))
    assert world.case().evidence_state == "parked"
    assert world.rows("SELECT kind, due_at FROM case_timer WHERE kind = 'files'") == [("files", T0)]
    assert world.rows("SELECT * FROM evidence_request") == []


def test_the_quota_of_a_sim_is_not_exceeded(world: World) -> None:
    from luwei.evidence.requests import Expectation, expect
    from luwei.registry.engine import write

    with write(world.engine) as connection:
        for number in range(200):
            sign = SIGN[:13] + number.to_bytes(1, "big") + SIGN[14:]
            expect(connection, Expectation("13800000001", 1, 1, sign, "6502", T0), T0 - 1000)
    world.take(world.alarm("6502", T0, identification=b"\x42" + SIGN[1:], files=3))
    assert world.case().evidence_state == "quota"
    assert world.steps()[-1] == "files_quota"
    # the next month has its own quota: 2026-12-01 00:00 in China
    december = 1_796_054_400_000
    world.take(world.alarm("650C", december + MINUTE, dialect="yuebiao", identification=b"\x43" + SIGN[1:], files=3))
    assert world.cases()[-1].evidence_state == "asked"


def test_the_same_batch_in_any_cut_gives_the_same_cases(world: World) -> None:
    kinds = ("6502", "6401", "808:01", "6503")
    alarms = [
        world.alarm(kinds[n % 4], T0 + n * 37 * SECOND, vehicle_id=world.first if n % 3 else world.second, level=n % 3)
        for n in range(60)
    ]
    for start in range(0, 60, 7):
        world.take(*alarms[start : start + 7])
    rows = [(c.type, c.grade, c.count, c.warnings, c.started_at, c.last_at) for c in world.cases()]
    world.take(*alarms)
    assert rows == [(c.type, c.grade, c.count, c.warnings, c.started_at, c.last_at) for c in world.cases()]
    assert world.rows("SELECT sum(raw) FROM case_day") == [(60,)]


def test_no_policy_holds_before_its_time_for_a_clock_that_is_ahead(world: World) -> None:
    policies.ensure(world.engine)
    with write(world.engine) as connection:
        document = connection.execute(text("SELECT document FROM case_policy")).scalar_one()
        row = {"valid_from": T0 + MINUTE, "document": document, "note": "", "user_id": None, "created_at": T0}
        connection.execute(insert(CasePolicy), row)
    world.take(world.alarm("6502", T0 + 2 * MINUTE, received_at=T0), at=T0)
    assert world.case().policy == 1
