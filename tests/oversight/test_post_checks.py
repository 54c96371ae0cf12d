"""Post checks: who is asked when, what counts as an answer, rates (reference supervision §4, §7.4)."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from case_world import HOUR, MINUTE, T0, World
from offices import CITY, person

from luwei.oversight import check_views, checks
from luwei.oversight.checks import Question, Window
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope

ASKED = Question("现在值班的监控员应每几小时交接班一次？", ("8 小时", "12 小时", "24 小时"), ("8 小时",))


def rows(world: World) -> list[Any]:
    return world.rows("SELECT * FROM post_check_asked ORDER BY id")


def test_who_answers_right_in_ten_minutes_counts_and_nobody_else(world: World) -> None:
    officer, one, two = person(world, "officer", 0), person(world, "one"), person(world, "two")
    key, count = checks.ask(world.engine, CITY, ASKED, "operators", None, None, None, officer, T0)
    (row,) = rows(world)
    assert (count, row.organisation_id, row.state, row.due_at) == (1, world.operator, "asked", T0 + 10 * MINUTE)
    assert [each.id for each in check_views.mine(world.engine, world.operator)] == [row.id]
    stranger = person(world, "stranger", world.monitor)
    with pytest.raises(NotFound):
        checks.answer(world.engine, row.id, "8 小时", stranger, T0 + MINUTE)
    with pytest.raises(RegistryError, match="one of the options"):
        checks.answer(world.engine, row.id, "八小时", one, T0 + MINUTE)
    assert checks.answer(world.engine, row.id, "8 小时", one, T0 + 10 * MINUTE - 1) == "right"
    with pytest.raises(Conflict, match="has answered"):
        checks.answer(world.engine, row.id, "8 小时", two, T0 + MINUTE)
    # a second is answered wrong, a third in the very moment the limit passes, a fourth not at all, a fifth still may be
    for said, at in (("12 小时", MINUTE), ("8 小时", 10 * MINUTE), (None, 0)):
        checks.ask(world.engine, CITY, ASKED, "operator", world.operator, None, None, officer, T0)
        last = rows(world)[-1].id
        if said:
            checks.answer(world.engine, last, said, one, T0 + at)
    checks.strike(world.engine, T0 + 10 * MINUTE)
    checks.ask(world.engine, CITY, ASKED, "operator", world.operator, None, None, officer, T0 + HOUR)
    assert [each.result for each in rows(world)] == ["right", "wrong", "late", "none", ""]
    (rate,) = check_views.rates(world.engine, CITY, "2026-11")
    assert (rate.sent, rate.right, rate.wrong, rate.late, rate.none, rate.rate) == (5, 1, 1, 1, 1, 25.0)
    assert check_views.rates(world.engine, CITY, "2026-12") == []
    assert check_views.rates(world.engine, Scope(cities=frozenset({440300})), "2026-11") == []
    (own,) = check_views.rates(world.engine, Scope(operators=frozenset({world.operator})), "2026-11")
    assert own == rate
    assert check_views.rates(world.engine, WHOLE, "2026-11", CITY) == [rate]
    assert check_views.rates(world.engine, WHOLE, "2026-11", Scope(cities=frozenset({445300}))) == []
    view, asked = check_views.one(world.engine, None, key)
    assert (view.sent, view.right, asked.items[0].by and asked.items[0].by.name) == (1, 1, "one")
    assert asked.total == 1 and check_views.one(world.engine, None, key, 2, 1)[1].items == []
    with pytest.raises(RegistryError, match="size"):
        check_views.one(world.engine, None, key, 1, 50_000)
    # who comes late after all is late, not absent
    assert checks.answer(world.engine, rows(world)[3].id, "8 小时", two, T0 + HOUR) == "late"


def test_random_times_lie_in_the_hours_of_the_night_and_survive_a_restart(world: World) -> None:
    """22:00–06:00 in China over three days; T0 is 14:26 there."""
    officer = person(world, "officer", 0)
    window = Window(T0, T0 + 72 * HOUR, 22 * 60, 6 * 60, 5)
    key, count = checks.ask(
        world.engine, CITY, ASKED, "operators", None, None, window, officer, T0, random.Random(7)
    )  # fmt: skip
    times = [row.strike_at for row in rows(world)]
    assert count == len(times) == 5
    for at in times:
        hour = (datetime.fromtimestamp(at / 1000, UTC).hour + 8) % 24
        assert T0 <= at < T0 + 72 * HOUR and (hour >= 22 or hour < 6)
    assert check_views.mine(world.engine, world.operator) == [] == check_views.one(world.engine, None, key)[1].items
    assert checks.strike(world.engine, min(times) - 1) == 0
    # nothing ran for a while: what came due is asked when it can be read, with its whole limit
    assert checks.strike(world.engine, min(times) + HOUR) >= 1
    first = min(rows(world), key=lambda row: row.strike_at if row.state == "asked" else 1 << 60)
    assert first.due_at == min(times) + HOUR + 10 * MINUTE
    waiting = sum(row.state == "waiting" for row in rows(world))
    assert checks.cancel(world.engine, CITY, key, officer) == waiting > 0
    assert {row.state for row in rows(world)} == {"asked", "cancelled"}


def test_hours_that_run_over_midnight_are_cut_to_the_window() -> None:
    """From 23:00 on the 20th to 01:00 on the 22nd in China, 22:00–06:00: two whole hours less than the three nights."""
    day = (T0 + 8 * HOUR) // (24 * HOUR) * 24 * HOUR - 8 * HOUR
    spans = checks.spans_of(Window(day + 23 * HOUR, day + 49 * HOUR, 22 * 60, 6 * 60))
    assert [(start - day, end - day) for start, end in spans] == [
        (23 * HOUR, 30 * HOUR), (46 * HOUR, 49 * HOUR),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "question"),
    [
        ("text", Question("?", (), ("1",))),
        ("options", Question("现在是谁值班？", ("甲",), ("甲",))),
        ("answers", Question("现在是谁值班？", ("甲", "乙"), ("丙",))),
        ("answers", Question("现在是谁值班？", ("甲", "乙"), ("甲", "乙"))),
        ("answers", Question("现在是谁值班？", (), ())),
    ],
)
def test_a_question_must_be_one(field: str, question: Question) -> None:
    with pytest.raises(RegistryError) as refused:
        checks.checked(question)
    assert refused.value.field.split(".")[0] == field


def test_nobody_is_asked_outside_the_area_and_only_authorities_ask(world: World) -> None:
    officer = person(world, "officer", 0)
    for scope, targets, target in (
        (Scope(cities=frozenset({440300})), "operator", world.operator),
        (Scope(cities=frozenset({440300})), "operators", None),
        (Scope(operators=frozenset({world.operator})), "operator", world.operator),
        (Scope(aggregate=True), "operator", world.operator),
    ):
        with pytest.raises(RegistryError):
            checks.ask(world.engine, scope, ASKED, targets, target, None, None, officer)
    checks.ask(world.engine, WHOLE, ASKED, "monitors", None, None, None, officer)
    assert [row.organisation_id for row in rows(world)] == [world.monitor]


def test_a_question_that_nobody_answered_in_time_may_be_answered_late_for_a_day(world: World) -> None:
    officer, monitor = person(world, "officer", 0), person(world, "monitor")
    checks.ask(world.engine, CITY, ASKED, "operator", world.operator, 600, None, officer, T0)
    checks.strike(world.engine, T0 + 600_000)
    assert check_views.mine(world.engine, world.operator) == []
    (late,) = check_views.mine(world.engine, world.operator, T0)
    assert late.late and checks.answer(world.engine, late.id, "8 小时", monitor, T0 + HOUR) == "late"
    assert check_views.mine(world.engine, world.operator, T0) == []


def test_the_reach_of_a_check_is_told_before_it_is_sent(world: World) -> None:
    assert checks.reach(world.engine, CITY, "operators", None) == 1
    assert checks.reach(world.engine, CITY, "operator", world.operator) == 1
    with pytest.raises(RegistryError, match="of your own jurisdiction"):
        checks.reach(world.engine, CITY, "operator", 99)


def test_nobody_is_silent_while_nothing_was_running(world: World) -> None:
    """Asked at 0 with ten minutes; the core was away from minute 4 to minute 20: six of the ten are left then."""
    officer, monitor = person(world, "officer", 0), person(world, "monitor")
    checks.ask(world.engine, CITY, ASKED, "operator", world.operator, 600, None, officer, T0)
    assert [checks.keep_clock(world.engine, T0 + minute * MINUTE) for minute in range(5)] == [0] * 5
    assert checks.keep_clock(world.engine, T0 + 20 * MINUTE) == 1
    checks.strike(world.engine, T0 + 20 * MINUTE)
    (one,) = check_views.mine(world.engine, world.operator)
    assert one.due_at == T0 + 26 * MINUTE
    assert checks.answer(world.engine, one.id, "8 小时", monitor, T0 + 25 * MINUTE) == "right"
    assert checks.keep_clock(world.engine, T0 + 60 * MINUTE) == 0, "what is over stays as it is"
