"""Supervision orders: who orders whom, limits by level, rework, extension, the way up (reference supervision §7.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from case_world import HOUR, T0, World
from offices import CITY, COUNTY, PROVINCE, person

from luwei.oversight import order_views, orders, policies
from luwei.oversight.order_views import OrderFilter
from luwei.oversight.orders import NewOrder
from luwei.oversight.policy import parse, shipped_document
from luwei.registry import organisations
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope


def new(world: World, **values: Any) -> NewOrder:
    given: dict[str, Any] = {"level": 1, "source": "government", "title": "超时未处置", "text": "请立即处置并回复"}
    if "case" not in values:
        given["target"] = world.operator
    return NewOrder(**given | values)


def order(world: World, key: int) -> Any:
    (row,) = world.rows("SELECT * FROM supervision_order WHERE id = :k", k=key)
    return row


def story(world: World, key: int) -> list[str]:
    return [step.act for step in order_views.story(world.engine, key)]


@pytest.fixture
def officer(world: World) -> Actor:
    return person(world, "officer", 0)


@pytest.fixture
def company(world: World) -> tuple[Actor, Scope]:
    return person(world, "company"), Scope(operators=frozenset({world.operator}))


def test_an_urgent_order_has_two_hours_and_a_general_one_a_day(world: World, officer: Actor) -> None:
    urgent = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)
    general = orders.issue(world.engine, CITY, new(world, level=1), officer, T0)
    assert order(world, urgent).due_at == T0 + 2 * HOUR
    assert order(world, general).due_at == T0 + 24 * HOUR
    assert order_views.number_of(urgent, T0) == f"DB-20261120-{urgent:05d}"


def test_an_order_of_a_case_names_its_operator_and_stands_in_its_story(world: World, officer: Actor) -> None:
    world.take(world.alarm("6502", T0))
    key = orders.issue(world.engine, COUNTY, new(world, case=1), officer, T0)
    row = order(world, key)
    assert (row.target_id, row.case_id, row.vehicle_id, row.type) == (world.operator, 1, world.first, "6502")
    assert (row.city, row.county, row.in_charge) == (440100, 440111, "county")
    assert world.steps(1)[-1] == "supervised"
    watched = orders.issue(world.engine, COUNTY, new(world, case=1, target=world.monitor), officer, T0)
    assert order(world, watched).target_id == world.monitor
    entries = world.rows("SELECT act, vehicle_id FROM audit_entry WHERE noun = 'supervision_order'")
    assert [tuple(each) for each in entries] == [("supervision_order.issue", world.first)] * 2


def test_nobody_orders_outside_the_own_area_or_oneself(world: World, officer: Actor) -> None:
    world.take(world.alarm("6502", T0))
    elsewhere = Scope(cities=frozenset({440300}))
    with pytest.raises(RegistryError, match="jurisdiction"):
        orders.issue(world.engine, elsewhere, new(world), officer)
    with pytest.raises(NotFound):
        orders.issue(world.engine, elsewhere, new(world, case=1), officer)
    with pytest.raises(RegistryError, match="authority"):
        orders.issue(world.engine, Scope(operators=frozenset({world.operator})), new(world), officer)
    insurer = organisations.create(world.engine, {"kind": "insurer", "name": "某财险"}, SYSTEM, WHOLE)
    with pytest.raises(RegistryError, match="target"):
        orders.issue(world.engine, PROVINCE, new(world, target=insurer), officer)
    with pytest.raises(RegistryError, match="operator or the monitor"):
        orders.issue(world.engine, PROVINCE, new(world, case=1, target=insurer), officer)


@pytest.mark.parametrize("closed", [{"disabled": True}, {"valid_to": "2026-11-19"}, {"valid_from": "2026-11-21"}])
def test_nobody_is_ordered_from_whom_no_answer_can_come(world: World, officer: Actor, closed: dict[str, Any]) -> None:
    """T0 is the 20th of November 2026 in China."""
    world.take(world.alarm("6502", T0))
    orders.issue(world.engine, COUNTY, new(world, case=1), officer, T0)
    organisations.change(world.engine, world.operator, closed, SYSTEM, WHOLE)
    for wanted in (new(world), new(world, case=1)):
        with pytest.raises(RegistryError) as refused:
            orders.issue(world.engine, CITY, wanted, officer, T0)
        assert (refused.value.field, refused.value.rule) == ("target", "is closed: nobody there could answer")
    watched = orders.issue(world.engine, COUNTY, new(world, case=1, target=world.monitor), officer, T0)
    assert order(world, watched).target_id == world.monitor


def test_who_sees_counts_only_orders_operators_and_sees_the_own_orders(world: World) -> None:
    emergency = organisations.create(world.engine, {"kind": "emergency", "name": "应急厅"}, SYSTEM, WHOLE)
    officer, other = person(world, "emergency", emergency), person(world, "officer", 0)
    counts = Scope(aggregate=True)
    world.take(world.alarm("6502", T0))
    with pytest.raises(RegistryError, match="counts only"):
        orders.issue(world.engine, counts, new(world, case=1), officer)
    own = orders.issue(world.engine, counts, new(world), officer)
    orders.issue(world.engine, CITY, new(world), other)
    seen = order_views.page(world.engine, orders.visible(counts, emergency), OrderFilter(), 1, 50)
    assert [each.id for each in seen.items] == [own]


def test_only_the_organisation_that_was_ordered_answers(
    world: World, officer: Actor, company: tuple[Actor, Scope]
) -> None:  # fmt: skip
    key = orders.issue(world.engine, CITY, new(world), officer)
    with pytest.raises(RegistryError, match="organisation that was ordered"):
        orders.answer(world.engine, CITY, key, 1, "done", "已处理", officer)
    with pytest.raises(NotFound):
        orders.answer(world.engine, Scope(operators=frozenset({99})), key, 1, "done", "已处理", officer)
    actor, scope = company
    orders.answer(world.engine, scope, key, 1, "working", "正在处理", actor)
    assert (order(world, key).state, order(world, key).strike_at) == ("working", order(world, key).due_at)
    with pytest.raises(Conflict, match="changed meanwhile"):
        orders.answer(world.engine, scope, key, 1, "done", "已处理", actor)
    orders.answer(world.engine, scope, key, 2, "done", "已处理完毕", actor)
    assert (order(world, key).state, order(world, key).strike_at) == ("answered", None)
    with pytest.raises(Conflict, match="answered cannot be answered"):
        orders.answer(world.engine, scope, key, 3, "done", "已处理", actor)
    orders.close(world.engine, CITY, key, 3, "", officer)
    assert order(world, key).state == "closed"
    assert story(world, key) == ["issued", "answered", "answered", "closed"]


def test_an_answer_is_returned_at_most_twice_and_each_time_the_limit_is_new(
    world: World, officer: Actor, company: tuple[Actor, Scope]
) -> None:
    actor, scope = company
    key = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)
    for count in (1, 2):
        at = T0 + count * HOUR
        orders.answer(world.engine, scope, key, order(world, key).version, "none", "不作处理", actor, at)
        orders.give_back(world.engine, CITY, key, order(world, key).version, "理由不足", officer, at)
        assert (order(world, key).returns, order(world, key).due_at) == (count, at + 2 * HOUR)
    orders.answer(world.engine, scope, key, order(world, key).version, "done", "已处理", actor, T0 + 3 * HOUR)
    with pytest.raises(RegistryError, match="at most 2 times"):
        orders.give_back(world.engine, CITY, key, order(world, key).version, "仍不足", officer, T0 + 3 * HOUR)


def test_an_order_is_extended_once_before_its_limit(world: World, officer: Actor) -> None:
    key = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)
    with pytest.raises(RegistryError, match="until"):
        orders.extend(world.engine, CITY, key, 1, T0 + 2 * HOUR + 24 * HOUR + 1, "道路中断", officer, T0)
    with pytest.raises(RegistryError, match="reason"):
        orders.extend(world.engine, CITY, key, 1, T0 + 5 * HOUR, " ", officer, T0)
    orders.extend(world.engine, CITY, key, 1, T0 + 5 * HOUR, "道路中断", officer, T0)
    assert order(world, key).strike_at == T0 + 5 * HOUR
    with pytest.raises(RegistryError, match="once"):
        orders.extend(world.engine, CITY, key, 2, T0 + 6 * HOUR, "再次", officer, T0)
    late = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)
    with pytest.raises(RegistryError, match="went up"):
        orders.extend(world.engine, CITY, late, 1, T0 + 5 * HOUR, "道路中断", officer, T0 + 2 * HOUR)


def test_an_overdue_order_goes_up_level_by_level_and_the_lower_no_longer_reviews(
    world: World, officer: Actor, company: tuple[Actor, Scope]
) -> None:
    key = orders.issue(world.engine, COUNTY, new(world, level=0), officer, T0)
    assert orders.strike(world.engine, T0 + 2 * HOUR - 1) == 0
    assert orders.strike(world.engine, T0 + 2 * HOUR) == 1
    row = order(world, key)
    assert (row.in_charge, row.escalation, bool(row.overdue), row.strike_at) == ("city", 1, True, T0 + 4 * HOUR)
    actor, scope = company
    orders.answer(world.engine, scope, key, row.version, "done", "已处理", actor, T0 + 3 * HOUR)
    with pytest.raises(RegistryError, match="went up to the city"):
        orders.close(world.engine, COUNTY, key, order(world, key).version, "", officer)
    orders.give_back(world.engine, CITY, key, order(world, key).version, "不够", officer, T0 + 3 * HOUR)
    assert orders.strike(world.engine, T0 + 5 * HOUR) == 1
    assert order(world, key).in_charge == "province"
    assert story(world, key) == [
        "issued", "overdue", "escalated", "answered", "returned", "overdue", "escalated",
    ]  # fmt: skip


def test_what_passed_while_the_core_was_down_strikes_as_it_would_have(world: World, officer: Actor) -> None:
    """2 h to the city, 4 h to the province, 6 h overdue there: one look after 9 h finds all three."""
    key = orders.issue(world.engine, COUNTY, new(world, level=0), officer, T0)
    assert orders.strike(world.engine, T0 + 9 * HOUR) == 1
    row = order(world, key)
    assert (row.in_charge, row.escalation, row.strike_at) == ("province", 2, None)
    assert story(world, key) == ["issued", "overdue", "escalated", "overdue", "escalated", "overdue"]
    assert orders.strike(world.engine, T0 + 99 * HOUR) == 0


def test_lists_are_cut_to_the_scope_and_open_ones_come_by_their_limit(world: World, officer: Actor) -> None:
    slow = orders.issue(world.engine, CITY, new(world, level=1), officer, T0)
    quick = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)

    def seen(scope: Scope) -> list[int]:
        page = order_views.page(world.engine, orders.visible(scope, None), OrderFilter(), 1, 50)
        return [each.id for each in page.items]

    assert seen(CITY) == seen(COUNTY) == seen(WHOLE) == [quick, slow]
    assert seen(Scope(operators=frozenset({world.operator}))) == [quick, slow]
    assert seen(Scope(cities=frozenset({440300}))) == seen(Scope(operators=frozenset({99}))) == []
    assert seen(Scope(vehicles=frozenset({world.first}))) == seen(Scope(insurers=frozenset({1}))) == []


def test_a_policy_that_begins_later_does_not_touch_orders_that_stand(world: World, officer: Actor) -> None:
    policies.ensure(world.engine)
    before = orders.issue(world.engine, CITY, new(world, level=0), officer)
    shorter = json.loads(json.dumps(shipped_document()))
    shorter["orders"]["urgent_s"] = 3600
    begin = now_ms() + 1_000_000
    policies.add(world.engine, shorter, begin, "缩短", officer)
    after = orders.issue(world.engine, CITY, new(world, level=0), officer, begin)
    assert order(world, after).due_at == begin + HOUR
    due = order(world, before).due_at
    orders.strike(world.engine, due)
    assert order(world, before).strike_at == due + 2 * HOUR


@pytest.mark.parametrize(
    ("path", "value"),
    [("orders.urgent_s", 90_000), ("sham.many.more_than", 0), ("checks.limit_s", "600"), ("packages.keep_days", 0)],
)
def test_a_wrong_policy_is_refused_by_its_path(path: str, value: object) -> None:
    document = json.loads(json.dumps(shipped_document()))
    *above, last = path.split(".")
    table = document
    for name in above:
        table = table[name]
    table[last] = value
    with pytest.raises(RegistryError) as refused:
        parse(document)
    assert refused.value.field == path


def test_an_answer_after_the_limit_is_late_whether_or_not_the_clock_has_struck(
    world: World, officer: Actor, company: tuple[Actor, Scope]
) -> None:
    actor, scope = company
    key = orders.issue(world.engine, CITY, new(world, level=0), officer, T0)
    orders.answer(world.engine, scope, key, 1, "done", "已处理", actor, T0 + 2 * HOUR)
    row = order(world, key)
    assert (row.state, row.overdue, row.in_charge, row.strike_at) == ("answered", True, "province", None)
    assert story(world, key) == ["issued", "overdue", "escalated", "answered"]
    with pytest.raises(RegistryError, match="in_charge"):
        orders.close(world.engine, CITY, key, row.version, "", officer, T0 + 2 * HOUR)


def test_an_order_whose_receiver_ended_is_shown_and_closed_with_a_note(
    world: World, officer: Actor, company: tuple[Actor, Scope]
) -> None:
    forsaken, done, answered = (orders.issue(world.engine, CITY, new(world), officer) for _ in range(3))
    actor, scope = company
    for key in (done, answered):
        orders.answer(world.engine, scope, key, 1, "done", "已处理", actor)
    orders.close(world.engine, CITY, done, 2, "", officer)

    def shown() -> tuple[set[int], int, set[int]]:
        visible = orders.visible(CITY, None)
        page = order_views.page(world.engine, visible, OrderFilter(), 1, 50).items
        chosen = order_views.page(world.engine, visible, OrderFilter(forsaken=True), 1, 50).items
        number = order_views.counts(world.engine, visible, OrderFilter())[2]
        return {view.id for view in page if view.forsaken}, number, {view.id for view in chosen}

    assert shown() == (set(), 0, set())
    with pytest.raises(Conflict, match="open cannot be closed"):
        orders.close(world.engine, CITY, forsaken, 1, "不再需要", officer)
    organisations.change(world.engine, world.operator, {"disabled": True}, SYSTEM, WHOLE)
    assert shown() == ({forsaken, answered}, 2, {forsaken, answered})
    assert world.operator not in {each.id for each in order_views.targets(world.engine, CITY, "")}
    with pytest.raises(RegistryError, match="nobody there could answer"):
        orders.give_back(world.engine, CITY, answered, 2, "请补充", officer)
    with pytest.raises(RegistryError, match="note"):
        orders.close(world.engine, CITY, forsaken, 1, "", officer)
    orders.close(world.engine, CITY, forsaken, 1, "企业已注销", officer)
    orders.close(world.engine, CITY, answered, 2, "", officer)
    assert shown() == (set(), 0, set()) and story(world, forsaken) == ["issued", "closed"]
    (told,) = world.rows("SELECT detail FROM supervision_step WHERE order_id = :k AND act = 'closed'", k=forsaken)
    assert json.loads(told.detail) == {"note": "企业已注销", "forsaken": True}
