"""Acts of people: conflicts, rules of states, bulk close, appeal, working days."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from case_world import MINUTE, T0, World
from sqlalchemy import insert, text

from luwei.access.user import User
from luwei.cases import acts, appeals, bulk, reading, workdays
from luwei.cases.handling import Given
from luwei.cases.policy import parse, shipped_document
from luwei.registry.audit import Actor, record
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.scope import WHOLE, Scope

FULL = Given("true", "stopped_after_reminder", ("call",), "好的", "corrected", "已确认")


def person(world: World, name: str) -> Actor:
    values = {
        "username": name, "display_name": name, "role": "operator", "organisation_id": world.operator,
        "password_hash": "", "must_change_password": False,
    }  # fmt: skip
    with write(world.engine) as connection:
        key = connection.execute(insert(User).values(**values).returning(User.id)).scalar_one()
    return Actor(key, name, "", world.operator)


def opened(world: World, actor: Actor, case: int, *files: int) -> None:
    with write(world.engine) as connection:
        for file in files:
            record(connection, actor, "evidence.view", file, {})
    acts.view(world.engine, WHOLE, case, files, True, actor)


def picture(world: World, case: Any) -> int:
    """A picture under the identification of the case's alarm."""
    with write(world.engine) as connection:
        sign = f"{case.id:032x}"
        connection.execute(
            text("UPDATE case_alarm SET identification = :s WHERE case_id = :c"), {"s": sign, "c": case.id}
        )
        values = {
            "kind": "picture", "origin": "attachment", "vehicle_id": case.vehicle_id, "identification": sign,
            "state": "complete",
        }  # fmt: skip
        key: int = connection.execute(insert(EvidenceFile).returning(EvidenceFile.id), values).scalar_one()
    return key


def test_of_two_at_once_one_claims_and_the_other_is_told(world: World) -> None:
    world.take(world.alarm("6502", T0))
    people = [person(world, name) for name in ("lin", "chen")]
    together = threading.Barrier(2)
    results: list[object] = []

    def claim(actor: Actor) -> None:
        together.wait()
        try:
            acts.claim(world.engine, WHOLE, 1, 1, actor)
            results.append(actor.username)
        except Conflict as error:
            results.append(error)

    threads = [threading.Thread(target=claim, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [each for each in results if isinstance(each, str)]
    (error,) = [each for each in results if isinstance(each, Conflict)]
    assert error.field == "version" and winner in error.rule
    assert world.steps() == ["opened", "claimed"]


def test_a_case_outside_the_scope_is_not_there(world: World) -> None:
    world.take(world.alarm("6502", T0))
    actor = person(world, "lin")
    for scope in (Scope(cities=frozenset({440300})), Scope(drivers=frozenset({1})), Scope(narrow="device_faults")):
        with pytest.raises(NotFound):
            acts.claim(world.engine, scope, 1, 1, actor)
    for scope in (Scope(monitors=frozenset({world.monitor})), Scope(vehicles=frozenset({world.first}))):
        acts.view(world.engine, scope, 1, [], True, actor)


def test_evidence_counts_as_seen_only_when_it_was_served_to_this_person(world: World) -> None:
    world.take(world.alarm("6502", T0))
    lin, chen = person(world, "lin"), person(world, "chen")
    file = picture(world, world.case())
    opened(world, chen, 1, file)
    with pytest.raises(RegistryError, match=r"files\.0.*not opened by you"):
        acts.view(world.engine, WHOLE, 1, [file], True, lin)
    with pytest.raises(RegistryError, match=r"files\.0.*no file of this case"):
        acts.view(world.engine, WHOLE, 1, [file + 1], True, lin)
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET evidence_complete = 1"))
    acts.view(world.engine, WHOLE, 1, [], True, lin)
    with pytest.raises(RegistryError, match="evidence_viewed"):
        acts.judge(world.engine, WHOLE, 1, 1, FULL, lin)
    opened(world, lin, 1, file)
    acts.judge(world.engine, WHOLE, 1, 1, FULL, lin)


REFUSED = [
    (Given("true", "misrecognised", ("call",), "好", "corrected", "文字"), "reason"),  # of another verdict
    (Given("true", "accident", ("call",), "好", "corrected", "文字"), "reason"),  # of another type
    (Given("true", "parked", ("ignore", "call"), "好", "corrected", "文字"), "actions"),
    (Given("true", "parked", ("tts",), "好", "corrected", "文字"), "actions"),  # nothing was spoken
    (Given("true", "parked", ("horn",), "好", "corrected", "文字"), "actions"),
    (Given("true", "parked", ("call",), "好", "perhaps", "文字"), "correction"),
    (Given("true", "parked", ("call",), "好", "not", "字"), "text"),
    (Given("true", "parked", ("call",), "x" * 201, "not", "文字"), "driver_reply"),
]


def test_records_that_the_rules_refuse(world: World) -> None:
    world.take(world.alarm("6502", T0))
    lin = person(world, "lin")
    acts.view(world.engine, WHOLE, 1, [], True, lin)
    for given, field in REFUSED:
        with pytest.raises(RegistryError) as caught:
            acts.judge(world.engine, WHOLE, 1, 1, given, lin)
        assert caught.value.field == field
    assert world.case().state == "open"


def test_rework_comes_back_at_most_twice_and_never_from_the_handler(world: World) -> None:
    world.take(world.alarm("6503", T0))
    lin, chen = person(world, "lin"), person(world, "chen")
    acts.view(world.engine, WHOLE, 1, [], True, lin)
    for _ in range(2):
        acts.judge(world.engine, WHOLE, 1, world.case().version, FULL, lin)
        with pytest.raises(RegistryError, match="another person"):
            acts.give_back(world.engine, WHOLE, 1, world.case().version, "证据不足", lin)
        acts.give_back(world.engine, WHOLE, 1, world.case().version, "证据不足", chen)
        assert (world.case().state, world.case().stage, world.case().handled_at) == ("returned", 0, None)
    acts.judge(world.engine, WHOLE, 1, world.case().version, FULL, lin)
    with pytest.raises(RegistryError, match="at most 2 times"):
        acts.give_back(world.engine, WHOLE, 1, world.case().version, "证据不足", chen)
    # a light case is closed without a second person
    acts.close(world.engine, WHOLE, 1, world.case().version, lin)
    assert world.case().state == "closed"
    with pytest.raises(Conflict):
        acts.claim(world.engine, WHOLE, 1, world.case().version, lin)


def test_a_grave_case_cannot_wait_and_a_light_one_twice(world: World) -> None:
    world.take(world.alarm("808:00", T0), world.alarm("6503", T0))
    lin = person(world, "lin")
    from luwei.registry.base import now_ms

    until = now_ms() + 2 * MINUTE
    with pytest.raises(RegistryError, match="cannot wait"):
        acts.snooze(world.engine, WHOLE, 1, 1, until, "等待", lin)
    for version in (1, 3):
        acts.snooze(world.engine, WHOLE, 2, version, until, "等待", lin)
        acts.wake(world.engine, WHOLE, 2, version + 1, lin)
    with pytest.raises(RegistryError, match="at most 2"):
        acts.snooze(world.engine, WHOLE, 2, 5, until, "等待", lin)


def test_light_cases_of_one_type_are_closed_together_each_with_its_picture(world: World) -> None:
    for n in range(4):
        world.take(world.alarm("6503", T0, vehicle_id=world.first if n % 2 else world.second), at=T0)
        with write(world.engine) as connection:
            connection.execute(
                text("UPDATE alarm_case SET state = 'claimed', assignee_id = NULL WHERE id = :n"), {"n": n}
            )
        world.take(world.alarm("6503", T0 + (n + 1) * 3_600_000, vehicle_id=world.second))
    cases = [case for case in world.cases() if case.grade == 1][:4]
    lin = person(world, "lin")
    chosen = [(case.id, case.version) for case in cases]
    for case in cases[:3]:
        opened(world, lin, case.id, picture(world, case))
    acts.view(world.engine, WHOLE, cases[3].id, [], True, lin)
    with pytest.raises(RegistryError) as caught:
        bulk.close(world.engine, WHOLE, chosen, FULL, lin)
    assert caught.value.field == "cases.3.evidence_viewed"
    assert all(case.state != "closed" for case in world.cases())  # all or none
    opened(world, lin, cases[3].id, picture(world, cases[3]))
    assert bulk.close(world.engine, WHOLE, chosen, FULL, lin) == [key for key, _ in chosen]
    assert [case.state for case in world.cases() if case.id in dict(chosen)] == ["closed"] * 4
    assert world.rows("SELECT count(*) FROM audit_entry WHERE act = 'case.bulk_close'") == [(1,)]


def test_what_cannot_be_closed_together(world: World) -> None:
    world.take(world.alarm("6503", T0), world.alarm("6504", T0), world.alarm("6502", T0))
    lin = person(world, "lin")
    for case in world.cases():
        opened(world, lin, case.id, picture(world, case))
    for chosen, field in (
        ([(1, 1), (2, 1)], "cases.1.type"), ([(3, 1)], "cases.0.grade"), ([(1, 9)], "cases.0.version"),
        ([(n, 1) for n in range(1, 52)], "cases"), ([(1, 1), (1, 1)], "cases"), ([], "cases"),
    ):  # fmt: skip
        with pytest.raises(RegistryError) as caught:
            bulk.close(world.engine, WHOLE, chosen, FULL, lin)
        assert caught.value.field == field


def test_an_appeal_is_made_once_and_within_five_working_days(world: World) -> None:
    world.take(world.alarm("6503", T0), world.alarm("6504", T0))
    lin = person(world, "lin")
    acts.view(world.engine, WHOLE, 1, [], True, lin)
    acts.judge(world.engine, WHOLE, 1, 1, FULL, lin)
    with pytest.raises(RegistryError, match="text"):
        appeals.request(world.engine, WHOLE, 1, 2, "不服", "operator", lin)
    said = "驾驶员当时并未吸烟，请查看录像。"
    key = appeals.request(world.engine, WHOLE, 1, 2, said, "operator", lin)
    case = world.case_of(1)
    assert (case.state, case.stage, case.appeal) == ("appealed", 2, "open")
    with pytest.raises(RegistryError):
        appeals.request(world.engine, WHOLE, 1, 3, said, "operator", lin)
    assert world.rows("SELECT id, state_before FROM case_appeal") == [(key, "handled")]
    acts.view(world.engine, WHOLE, 2, [], True, lin)
    acts.judge(world.engine, WHOLE, 2, 1, FULL, lin)
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET handled_at = :at"), {"at": T0 - 40 * 86_400_000})
    with pytest.raises(RegistryError, match="within 5 working days"):
        appeals.request(world.engine, WHOLE, 2, 2, said, "operator", lin)


@pytest.mark.parametrize(
    ("at", "days", "end"),
    [
        ("2026-11-20T06:00", 5, "2026-11-27T16:00"),  # Friday; the fifth working day is the next Friday
        ("2026-11-20T17:00", 1, "2026-11-23T16:00"),  # already Saturday in China; Monday
        ("2026-09-30T02:00", 1, "2026-10-08T16:00"),  # National Day: 1 to 7 October are off
        ("2026-02-13T02:00", 1, "2026-02-14T16:00"),  # a Saturday that is worked
    ],
)
def test_working_days_are_those_of_china(at: str, days: int, end: str) -> None:
    moment = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    expected = int(datetime.fromisoformat(end).replace(tzinfo=UTC).timestamp() * 1000)
    assert workdays.after(moment, days, parse(shipped_document())) == expected


def test_a_common_part_of_a_plate_finds_the_cases_of_every_truck(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TRUCKS_MOST", 1)
    world.take(world.alarm("6502", T0), world.alarm("6502", T0, vehicle_id=world.second))
    shenzhen = Scope(cities=frozenset({440300}))
    for scope, plates in ((WHOLE, {"粤AD8814", "粤B12345"}), (shenzhen, {"粤B12345"})):
        found = reading.page(world.engine, scope, reading.CaseFilter(q="粤"), 50)
        assert {row.plate for row in found.items} == plates
