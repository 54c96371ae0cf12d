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
