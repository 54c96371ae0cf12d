"""Proposals of orders: what the rules find, and that only an officer orders (reference supervision §7.4, §7.6)."""

from __future__ import annotations

import json

import pytest
from case_world import HOUR, MINUTE, T0, World
from offices import CITY, person
from sqlalchemy import text

from luwei.oversight import orders, proposals
from luwei.oversight.orders import NewOrder
from luwei.registry.engine import write
from luwei.registry.errors import Conflict
from luwei.registry.scope import WHOLE

WEEK = 7 * 24 * HOUR


def test_the_last_whole_week_runs_from_monday_to_sunday_in_china() -> None:
    """T0 is Friday 20 November 2026, 14:26:13; the week before began on Monday the 9th."""
    midnight = T0 - (14 * HOUR + 26 * MINUTE + 13_000)
    assert proposals.week_before(T0) == (midnight - 11 * 24 * HOUR, midnight - 4 * 24 * HOUR)


def test_rules_propose_once_and_an_officer_orders_or_dismisses(world: World) -> None:
    """Ten cases of last week of which eight were handled in time: 80 % is below 90; three of one truck were true."""
    for n in range(10):
        world.take(world.alarm("6502", T0 - WEEK + n * 31 * MINUTE))
    keys = [case.id for case in world.cases()]
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET grade = 2, stage = 3, state = 'closed', overdue = 0"))
        for key in keys[:8]:
            given = {"k": key, "v": "true" if key in keys[:3] else "false"}
            statement = "UPDATE alarm_case SET handled_at = opened_at + 1000, verdict = :v WHERE id = :k"
            connection.execute(text(statement), given)
    assert len(keys) == 10 and proposals.find(world.engine, T0) == 2 and proposals.find(world.engine, T0) == 0
    rows = {each.kind: each for each in proposals.page(world.engine, CITY, "open", 1, 50).items}
    rate = rows["handled_rate"]
    assert rate.numbers == {"cases": 10, "handled": 8, "threshold_percent": 90} and rate.cases == keys[8:]
    assert rows["vehicle"].cases == keys[:3] and rows["vehicle"].vehicle.id == world.first
    assert world.rows("SELECT 1 FROM supervision_order") == [], "nothing is ordered by itself"
    officer = person(world, "officer", 0)
    wanted = NewOrder(1, "government", "处置率偏低", "请说明", target=world.operator, proposal=rate.id)
    number = orders.issue(world.engine, CITY, wanted, officer, T0)
    with pytest.raises(Conflict, match="ordered already"):
        orders.issue(world.engine, CITY, wanted, officer, T0)
    proposals.dismiss(world.engine, CITY, rows["vehicle"].id, "已约谈", officer)
    after = {each.kind: each for each in proposals.page(world.engine, CITY, "", 1, 50).items}
    assert (after["handled_rate"].state, after["handled_rate"].order) == ("ordered", number)
    assert after["vehicle"].state == "dismissed" and json.dumps(after["vehicle"].numbers)


def set_cases(world: World, keys: list[int], **values: object) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    with write(world.engine) as connection:
        for key in keys:
            connection.execute(text(f"UPDATE alarm_case SET {columns} WHERE id = :k"), values | {"k": key})


def test_a_limit_that_still_runs_is_no_omission_and_each_area_answers_for_its_own(world: World) -> None:
    """Ten cases of Baiyun, all handled in time but two whose limit runs; ten of Tianhe of which five are late: 50 %."""
    for n in range(20):
        world.take(world.alarm("6502", T0 - WEEK + n * 31 * MINUTE))
    keys = [case.id for case in world.cases()]
    at = T0 - WEEK + 24 * HOUR
    set_cases(world, keys, grade=2, stage=3, state="closed", overdue=0, verdict="false", close_due_at=at)
    set_cases(world, keys[:8] + keys[10:15], handled_at=at)
    set_cases(world, keys[8:10], close_due_at=T0 + 1, handled_at=None)
    set_cases(world, keys[15:], handled_at=at + 1)
    set_cases(world, keys[10:], county=440106)
    assert proposals.find(world.engine, T0) == 1
    (only,) = proposals.page(world.engine, CITY, "", 1, 50).items
    assert (only.county, only.numbers["cases"], only.numbers["handled"]) == (440106, 10, 5)
    assert only.cases == keys[15:]
    assert proposals.find(world.engine, T0 + 1) == 1, "now two of ten are late: 80 %"


def test_a_truck_is_proposed_again_for_further_cases_only(world: World) -> None:
    for n in range(5):
        world.take(world.alarm("6502", T0 - 29 * 24 * HOUR + n * 24 * HOUR))
    keys = [case.id for case in world.cases()]
    set_cases(world, keys, grade=2, stage=3, state="closed", overdue=0, verdict="true", handled_at=T0 - 2 * HOUR)
    set_cases(world, keys[4:], operator_id=world.operator + 1000)
    assert proposals.find(world.engine, T0) == 1
    assert [each.cases for each in proposals.page(world.engine, WHOLE, "", 1, 50).items] == [keys[:4]]
    for days in range(1, 5):
        assert proposals.find(world.engine, T0 + days * 24 * HOUR) == 0, "an old case that goes is no new one"
    for n in range(3):
        world.take(world.alarm("6502", T0 + n * HOUR))
    more = [case.id for case in world.cases()][5:]
    set_cases(world, more, grade=2, stage=3, state="closed", overdue=0, verdict="true", handled_at=T0)
    assert proposals.find(world.engine, T0 + 3 * HOUR) == 1
    assert proposals.page(world.engine, WHOLE, "", 1, 50).items[0].cases == more


def test_serious_cases_that_a_day_left_unhandled_are_proposed_together_once(world: World) -> None:
    """Reference §7.2: G2 past its limit, 督办 一般. T0 is 14:26:13 of the 20th; the day before ended at midnight."""
    midnight = T0 - (14 * HOUR + 26 * MINUTE + 13_000)
    for n in range(7):
        world.take(world.alarm("6502", T0 + n * 31 * MINUTE))
    keys = [case.id for case in world.cases()]
    set_cases(world, keys, grade=2, overdue=1, close_due_at=midnight - HOUR)
    set_cases(world, keys[:1], close_due_at=midnight)  # of today
    set_cases(world, keys[1:2], close_due_at=midnight - 24 * HOUR - 1)  # of the day before
    set_cases(world, keys[2:3], handled_at=midnight - 1)
    set_cases(world, keys[3:4], grade=1)
    set_cases(world, keys[4:5], close_due_at=midnight - 24 * HOUR)
    assert proposals.find(world.engine, T0) == 1 and proposals.find(world.engine, T0 + MINUTE) == 0
    (found,) = proposals.page(world.engine, CITY, "open", 1, 50).items
    assert (found.kind, found.level, found.cases) == ("overdue_day", 1, [keys[4], *keys[5:]])
    assert (found.numbers["cases"], found.numbers["day"]) == (3, midnight - 24 * HOUR)
    assert found.numbers["late_ms"] == T0 - (midnight - 24 * HOUR)
    assert proposals.find(world.engine, T0 + 24 * HOUR) == 1, "the one of today, a day later"


def test_no_overdue_case_waits_behind_those_that_were_proposed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "CASES_MOST", 1)
    for n in range(2):
        world.take(world.alarm("6502", T0 + n * 31 * MINUTE))
    set_cases(world, [1, 2], grade=3, overdue=1)
    found = [proposals.find(world.engine, T0 + HOUR) for _ in range(3)]
    assert found == [1, 1, 0]
