"""Bindings over time: every writer opens and closes spans; a location of March belongs to the operator of March."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from luwei.registry import binding_views, bindings, drivers, noun, organisations, sims, terminals, vehicles
from luwei.registry.admission import Admission, RegistrationRequest
from luwei.registry.audit import Actor
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.imports import import_file
from luwei.registry.scope import WHOLE, Scope

OFFICER = Actor(7, "officer", "10.0.0.1")
SHENZHEN, GUANGZHOU = 440300, 440100

TODAY = (
    ("operator", "SELECT id, operator_id FROM vehicle WHERE operator_id IS NOT NULL"),
    ("monitor", "SELECT id, monitor_id FROM vehicle WHERE monitor_id IS NOT NULL"),
    ("insurer", "SELECT id, insurer_id FROM vehicle WHERE insurer_id IS NOT NULL"),
    ("area", "SELECT id, COALESCE(county, city) FROM vehicle WHERE COALESCE(county, city) IS NOT NULL"),
    ("terminal", "SELECT vehicle_id, id FROM terminal WHERE vehicle_id IS NOT NULL"),
    ("vendor", "SELECT id, vendor_id FROM terminal WHERE vendor_id IS NOT NULL"),
    ("sim", "SELECT id, terminal_id FROM sim WHERE terminal_id IS NOT NULL"),
    ("employer", "SELECT id, operator_id FROM driver WHERE operator_id IS NOT NULL"),
)


def assert_spans_agree_with_today(engine: Engine) -> None:
    """The open spans say what the columns say, and no two spans of a subject overlap."""
    with read(engine) as connection:
        for what, today in TODAY:
            asked = text("SELECT subject_id, object_id FROM binding WHERE what = :what AND to_at IS NULL")
            stands = {tuple(row) for row in connection.execute(asked, {"what": what})}
            assert stands == {tuple(row) for row in connection.execute(text(today))}, what
        overlap = text(
            "SELECT count(*) FROM binding a JOIN binding b ON a.what = b.what AND a.id < b.id"
            " AND (a.subject_id = b.subject_id OR (a.what = 'terminal' AND a.object_id = b.object_id))"
            " AND (b.to_at IS NULL OR a.from_at < b.to_at) AND (a.to_at IS NULL OR b.from_at < a.to_at)"
        )
        assert connection.execute(overlap).scalar() == 0


def company(engine: Engine, name: str, kind: str = "operator", **values: Any) -> int:
    return organisations.create(engine, {"name": name, "kind": kind} | values, OFFICER, WHOLE)


def truck(engine: Engine, plate: str = "粤B12345", **values: Any) -> int:
    return vehicles.create(engine, {"plate": plate, "plate_color": 2} | values, OFFICER, WHOLE)


def later(engine: Engine) -> int:
    """An instant after everything written so far and before everything written from now on."""
    time.sleep(0.003)
    at = int(time.time() * 1000)
    time.sleep(0.003)
    return at


def test_a_location_belongs_to_the_operator_of_its_time(engine: Engine) -> None:
    first, second = company(engine, "甲"), company(engine, "乙")
    key = truck(engine, operator_id=first, city=SHENZHEN)
    march = later(engine)
    vehicles.change(engine, key, {"operator_id": second, "city": GUANGZHOU}, OFFICER, WHOLE)
    april = later(engine)
    vehicles.change(engine, key, {"operator_id": None}, OFFICER, WHOLE)
    may = later(engine)
    with read(engine) as connection:
        asked = [bindings.owner_at(connection, "operator", key, at) for at in (0, march, april, may)]
        assert asked == [None, first, second, None]
        assert bindings.owner_at(connection, "area", key, march) == SHENZHEN
        assert bindings.owner_at(connection, "area", key, may) == GUANGZHOU
        found = bindings.spans(connection, [key, 999], "operator", march, may)
        assert [span.object_id for span in found] == [first, second] and found[0].to_at == found[1].from_at
        assert [span.object_id for span in bindings.spans(connection, [key], "operator", april)] == [second]
        assert [span.subject_id for span in bindings.subjects_of(connection, "operator", first, 0, march)] == [key]
        assert bindings.subjects_of(connection, "operator", first, april) == []
    assert_spans_agree_with_today(engine)


def test_terminals_that_change_places_leave_a_gapless_trail(engine: Engine) -> None:
    one, two = truck(engine, "粤B00001"), truck(engine, "粤B00002")
    first = terminals.create(engine, {"phone": "1", "vehicle_id": one}, OFFICER, WHOLE)
    second = terminals.create(engine, {"phone": "2", "vehicle_id": two}, OFFICER, WHOLE)
    before = later(engine)
    rows = "终端手机号,车牌号,车牌颜色\n1,粤B00009,黄\n".encode()
    truck(engine, "粤B00009")
    assert import_file(engine, "terminals", "a.csv", rows).updated == 1
    terminals.change(engine, second, {"vehicle_id": one}, OFFICER, WHOLE)
    assert_spans_agree_with_today(engine)
    with read(engine) as connection:
        assert [bindings.owner_at(connection, "terminal", one, at) for at in (before, later(engine))] == [first, second]
    trail = [(each.what, each.subject.label) for each in binding_views.of(engine, "terminal", second, WHOLE)]
    assert trail == [("terminal", "粤B00001（黄）"), ("terminal", "粤B00002（黄）")]


def test_a_registration_opens_and_closes_spans_too(engine: Engine) -> None:
    known = Admission(engine, "open")
    ask = RegistrationRequest("138", 44, 300, "M", "X", "T1", 2, "粤B12345", 2019)
    known.register([ask])
    assert_spans_agree_with_today(engine)
    known.unregister(["138"])
    known.register([RegistrationRequest("139", 44, 300, "M", "X", "T2", 2, "粤B12345", 2019)])
    assert_spans_agree_with_today(engine)
    with read(engine) as connection:
        assert [span.to_at is None for span in bindings.spans(connection, [1], "terminal")] in ([False, True], [True])
        told = text("SELECT act, username FROM audit_entry WHERE noun = 'terminal' ORDER BY id")
        assert connection.execute(told).all()[0] == ("terminal.create", "0x0100")


def test_a_former_span_is_entered_where_it_overlaps_nothing(engine: Engine) -> None:
    first, second, insurer = company(engine, "甲"), company(engine, "乙"), company(engine, "丙", "insurer")
    key = truck(engine, operator_id=first)

    def enter(from_at: int, to_at: int, target: int = second, what: str = "operator", scope: Scope = WHOLE) -> None:
        given = {"what": what, "object_id": target, "from_at": from_at, "to_at": to_at}
        binding_views.enter(engine, "vehicle", key, given, OFFICER, scope)

    enter(1_000, 2_000)
    enter(2_000, 3_000, first)
    for from_at, to_at in ((500, 1_001), (1_500, 1_600), (2_999, 4_000), (0, 10**12)):
        with pytest.raises(Conflict):
            enter(from_at, to_at)
    for from_at, to_at, target, field in (
        (5_000, 5_000, second, "to_at"), (5_000, 10**14, second, "to_at"), (5_000, 6_000, insurer, "object_id"),
        (-1, 5, second, "to_at"),
    ):  # fmt: skip
        with pytest.raises(RegistryError) as caught:
            enter(from_at, to_at, target)
        assert caught.value.field == field
    with pytest.raises(RegistryError, match="one of"):
        enter(5_000, 6_000, what="vendor")
    with pytest.raises(NotFound):
        enter(5_000, 6_000, scope=Scope(cities=frozenset({GUANGZHOU})))
    with read(engine) as connection:
        assert bindings.owner_at(connection, "operator", key, 1_500) == second
    assert_spans_agree_with_today(engine)


def test_cards_drivers_and_vendors_are_bound_over_time(engine: Engine) -> None:
    vendor, employer = company(engine, "某设备公司", "vendor"), company(engine, "甲")
    device = terminals.create(engine, {"phone": "1", "vendor_id": vendor}, OFFICER, WHOLE)
    card = noun.create(engine, sims.NOUN, {"iccid": "89860000000000000001", "terminal_id": device}, OFFICER, WHOLE)
    person = noun.create(engine, drivers.NOUN, {"name": "张三", "operator_id": employer}, OFFICER, WHOLE)
    noun.change(engine, drivers.NOUN, person, {"operator_id": None}, OFFICER, WHOLE)
    noun.change(engine, sims.NOUN, card, {"terminal_id": None}, OFFICER, WHOLE)
    terminals.change(engine, device, {"vendor_id": None}, OFFICER, WHOLE)
    assert_spans_agree_with_today(engine)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 3), st.one_of(st.none(), st.integers(1, 4)), st.integers(0, 6)), max_size=12))
def test_whatever_the_order_of_changes_the_spans_of_a_subject_never_overlap(
    engine: Engine, steps: list[tuple[int, int | None, int]]
) -> None:
    with write(engine) as connection:
        connection.execute(text("DELETE FROM binding"))
        now: dict[int, int | None] = {}
        at = 1_000
        for subject, target, pause in steps:
            at += pause
            bindings.settle(connection, "operator", {subject: target}, at)
            now[subject] = target
        found = bindings.spans(connection, [1, 2, 3], "operator")
        for subject in (1, 2, 3):
            own = [span for span in found if span.subject_id == subject]
            assert [span.object_id for span in own if span.to_at is None] == [t for t in [now.get(subject)] if t]
            assert all(span.to_at is None or span.to_at > span.from_at for span in own)
            assert all(a.to_at is not None and a.to_at <= b.from_at for a, b in pairwise(own))
