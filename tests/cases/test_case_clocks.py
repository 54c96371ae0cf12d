"""Clocks, reminders, corrections, files and commands of cases. Expected times by hand from supervision §7.2."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from case_world import HOUR, MINUTE, SECOND, SIGN, T0, World
from sqlalchemy import insert, text, update

from luwei.cases import acts, following, policies, reminders, timers
from luwei.cases.correction import Seen, judge
from luwei.cases.engine import CaseEngine
from luwei.cases.policy import shipped_document
from luwei.registry import terminals
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.case_work import CasePolicy
from luwei.registry.command import Command, CommandBatch
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError
from luwei.registry.evidence import EvidenceFile, EvidenceRequest
from luwei.registry.scope import WHOLE


def strike(world: World, at: int, seen: Seen | None = None, parked: Sequence[int] = ()) -> timers.Struck:
    return timers.strike(world.engine, at, lambda vehicle, kind: seen, lambda keys: set(keys) & set(parked))


def test_a_limit_that_passes_is_written_down_once_and_goes_up(world: World) -> None:
    world.take(world.alarm("6502", T0))
    assert strike(world, T0 + 10 * MINUTE - 1).changed == []
    assert strike(world, T0 + 10 * MINUTE).changed == [1]
    case = world.case()
    assert (case.overdue, case.escalation) == (1, 2)  # the county
    assert world.steps()[-2:] == ["overdue_first", "escalated"]
    strike(world, T0 + 11 * MINUTE)
    assert world.steps().count("overdue_first") == 1
    strike(world, T0 + 4 * HOUR)
    assert world.case().overdue == 2
    assert world.steps()[-2:] == ["overdue_close", "escalated"]
    assert world.rows("SELECT count(*) FROM case_timer WHERE kind IN ('first_action', 'close')") == [(0,)]


def test_a_grave_case_tells_county_and_city_at_once_and_the_province_at_last(world: World) -> None:
    world.take(world.alarm("808:00", T0))
    assert world.case().escalation == 3
    assert world.steps() == ["opened", "escalated"]
    strike(world, T0 + 2 * HOUR)
    assert (world.case().escalation, world.case().overdue) == (4, 2)


def test_a_light_case_tells_the_operators_safety_manager(world: World) -> None:
    world.take(world.alarm("6503", T0))
    strike(world, T0 + 30 * MINUTE)
    assert (world.case().escalation, world.case().overdue) == (1, 1)


def test_a_first_action_in_time_stops_the_first_clock(world: World) -> None:
    world.take(world.alarm("6502", T0))
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET first_action_at = :at"), {"at": T0 + MINUTE})
    strike(world, T0 + 20 * MINUTE)
    assert world.case().overdue == 0 and "overdue_first" not in world.steps()


@pytest.mark.parametrize(
    ("check", "seen", "again", "lasting", "result"),
    [
        ("speed", Seen(T0 + 1, T0 + 1, 900, True), False, False, "corrected"),  # at the limit of 90 is not above it
        ("speed", Seen(T0 + 1, T0 + 1, 901, True), False, False, "not"),
        ("speed", Seen(T0 + 1, T0 + 1, 800, False), False, False, "unknown"),  # without a fix the speed says nothing
        ("speed", Seen(T0 + 1, T0 + 1, 800, True, True), False, False, "not"),  # the alarm's bit is still set
        ("speed", Seen(T0 - 1, T0 + 9, 800, True), False, False, "unknown"),  # of before the reminder
        ("speed", None, False, False, "unknown"),
        ("absent", Seen(T0 + 1, T0 + 1, 800, True), False, False, "corrected"),
        ("absent", Seen(T0 + 1, T0 + 1, 800, True), True, False, "not"),
        ("absent", Seen(T0 + 1, T0 + 1, 800, True), False, True, "not"),
        ("absent", None, False, False, "unknown"),  # silence proves nothing
        ("absent", None, True, False, "not"),
        ("none", Seen(T0 + 1, T0 + 1, 0, True), False, False, "unknown"),
    ],
)
def test_a_correction_is_judged_by_the_trucks_own_data(
    check: str, seen: Seen | None, again: bool, lasting: bool, result: str
) -> None:
    assert judge(check, T0, seen, 90, again, lasting) == result


class Desk:
    """The command path as far as a reminder needs it: enters rows as the journal does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent: list[tuple[str, dict[str, Any], Actor]] = []

    async def submit(
        self, kind: str, parameters: dict[str, Any], reason: str, targets: Any, skipped: int, expires_s: int,
        actor: Actor, within: Any = None,
    ) -> int:  # fmt: skip
        with write(self.world.engine) as connection:
            batch = connection.execute(
                insert(CommandBatch).returning(CommandBatch.id),
                {
                    "kind": kind, "parameters": "{}", "reason": reason, "user_id": None, "username": "",
                    "state": "running", "total": 1, "skipped": 0, "created_at": T0, "expires_at": T0,
                },
            ).scalar_one()  # fmt: skip
            values = {
                "batch_id": batch, "vehicle_id": targets[0].vehicle_id, "phone": targets[0].phone, "created_at": T0,
            }  # fmt: skip
            key = connection.execute(insert(Command).returning(Command.id), values).scalar_one()
            within(connection, batch, [key])
        self.sent.append((kind, parameters, actor))
        return int(batch)


async def test_the_text_of_the_type_is_spoken_and_the_correction_checked_three_times(world: World) -> None:
    world.take(world.alarm("6502", T0))
    desk = Desk(world)
    (due,) = reminders.due(world.engine, T0)
    assert await reminders.give(desk, due, T0)
    assert not await reminders.give(desk, due, T0)  # two loops at once: one reminder
    (kind, parameters, actor) = desk.sent[0]
    assert (kind, parameters["text"], actor.user_id) == ("text", "请勿使用手持电话，专心驾驶", None)
    assert world.case().reminder == "sent"
    results = []
    for after, seen in ((30, None), (60, Seen(T0 + 55 * SECOND, T0 + 55 * SECOND, 800, True)), (120, None)):
        strike(world, T0 + after * SECOND, seen)
        case = world.case()
        results.append((case.check_after_s, case.check_result))
    assert results == [(30, "unknown"), (60, "corrected"), (120, "unknown")]
    assert world.steps() == ["opened", "tts_sent", "checked", "checked", "checked"]
    with write(world.engine) as connection:
        connection.execute(update(Command).values(state="answered", result="success"))
    assert following.commands_ended(world.engine, T0 + MINUTE) == [1]
    assert following.commands_ended(world.engine, T0 + MINUTE) == []
    assert (world.case().reminder, world.steps()[-1]) == ("delivered", "tts_delivered")


async def test_a_repetition_after_the_reminder_is_no_correction_and_a_truck_is_not_nagged(world: World) -> None:
    world.take(world.alarm("6502", T0))
    (due,) = reminders.due(world.engine, T0)
    await reminders.give(Desk(world), due, T0)
    world.take(world.alarm("6502", T0 + 20 * SECOND))
    strike(world, T0 + 30 * SECOND, Seen(T0 + 29 * SECOND, T0 + 29 * SECOND, 800, True))
    assert world.case().check_result == "not"
    assert reminders.due(world.engine, T0 + 30 * SECOND) == []  # rests for a minute
    assert world.rows("SELECT count(*) FROM case_timer WHERE kind = 'remind'") == [(0,)]


async def test_an_alarm_of_a_clock_that_is_ahead_is_no_repetition_of_itself(world: World) -> None:
    world.take(world.alarm("6502", T0 + 2 * MINUTE, received_at=T0), at=T0)
    (due,) = reminders.due(world.engine, T0)
    await reminders.give(Desk(world), due, T0)
    seen = Seen(T0 + 2 * MINUTE + 29 * SECOND, T0 + 29 * SECOND, 800, True)
    strike(world, T0 + 30 * SECOND, seen)
    assert world.case().check_result == "corrected"
    again = world.alarm("6502", T0 + 2 * MINUTE + 40 * SECOND, received_at=T0 + 40 * SECOND)
    world.take(again)
    strike(world, T0 + MINUTE, seen)
    assert world.case().check_result == "not"


async def test_a_text_that_cannot_be_spoken_holds_up_no_other(world: World) -> None:
    """A policy of an earlier release may have characters that no terminal can be told."""
    document = copy.deepcopy(shipped_document())
    document["types"]["6502"]["tts"] = "请休息😴"
    with pytest.raises(RegistryError, match=r"types\.6502\.tts.*GBK"):
        policies.check(document)
    now = now_ms()
    with write(world.engine) as connection:
        row = {"valid_from": 0, "document": json.dumps(document), "note": "", "user_id": None, "created_at": 0}
        connection.execute(insert(CasePolicy), row)
    device = {"phone": "13800000002", "vehicle_id": world.second}
    other = terminals.create(world.engine, device, SYSTEM, WHOLE)
    world.take(world.alarm("6502", now))
    world.take(world.alarm("6503", now, vehicle_id=world.second, terminal_id=other))
    engine = CaseEngine(world.engine, Desk(world), lambda vehicle, kind: None, lambda keys: set())
    await engine._strike()
    assert [case.reminder for case in world.cases()] == ["failed", "sent"]


def test_nobody_is_reminded_of_what_is_long_past(world: World) -> None:
    world.take(world.alarm("6502", T0))
    assert reminders.due(world.engine, T0 + 6 * MINUTE) == []


def test_files_are_asked_for_when_the_truck_stands_or_at_last(world: World) -> None:
    world.take(world.alarm("6503", T0, identification=SIGN, files=3))
    strike(world, T0 + SECOND)
    assert world.case().evidence_state == "parked"
    assert strike(world, T0 + 40 * SECOND, parked=[world.first]).asked == 1
    assert world.case().evidence_state == "asked"
    other = b"\x42" + SIGN[1:]
    world.take(world.alarm("6504", T0, identification=other, files=3))
    assert strike(world, T0 + 6 * HOUR).asked == 1  # never stood in six hours


def test_files_that_come_complete_the_case_and_what_is_lost_is_told(world: World) -> None:
    world.take(world.alarm("6502", T0, identification=SIGN, files=3))
    assert world.case().evidence_files == 3
    assert following.evidence_all(world.engine, T0) == []
    blank = {
        "upload": None, "kind": "picture", "origin": "attachment", "vehicle_id": 1, "phone": "1", "request_id": 1,
        "unexpected": False, "event": "6502", "identification": "", "alarm_no": "", "name": "", "stored_bytes": 9,
        "sha256": "", "sm3": "", "media_type": "image/jpeg", "check": "", "store_key": "", "state": "complete",
        "cause": "", "created_at": T0, "updated_at": T0 + MINUTE, "readable": True,
    }  # fmt: skip
    with write(world.engine) as connection:
        partial = blank | {"kind": "video", "state": "partial"}
        connection.execute(insert(EvidenceFile), [blank, partial, partial])
    assert following.evidence_since(world.engine, T0 + MINUTE, T0 + MINUTE) == [1]
    case = world.case()
    assert (case.evidence_state, case.evidence_files, case.evidence_complete, case.evidence_thumb) == (
        "partial", 3, 1, 1,
    )  # fmt: skip
    with write(world.engine) as connection:
        connection.execute(update(EvidenceFile).values(state="complete", updated_at=T0 + 2 * MINUTE))
    following.evidence_since(world.engine, T0 + 2 * MINUTE, T0 + 2 * MINUTE)
    assert (world.case().evidence_state, world.steps()[-1]) == ("complete", "files_complete")
    world.take(world.alarm("6505", T0, identification=b"\x42" + SIGN[1:], files=2))
    with write(world.engine) as connection:
        given_up = update(EvidenceRequest).where(EvidenceRequest.id == 2)
        connection.execute(given_up.values(state="given_up", cause="no answer", ended_at=T0 + 3 * MINUTE))
    following.evidence_since(world.engine, T0 + 3 * MINUTE, T0 + 3 * MINUTE)
    assert (world.cases()[1].evidence_state, world.steps(2)[-1]) == ("lost", "files_lost")


def test_pictures_that_an_alarm_had_the_terminal_take_are_evidence_of_its_case(world: World) -> None:
    """0x0801 with event 3, collision and rollover (JT/T 808-2019 §8.50), taken about the time of the alarm."""
    world.take(world.alarm("808:29", T0))

    def sent(event: int, at: int, **values: Any) -> dict[str, Any]:
        return {
            "kind": "picture", "origin": "0x0801", "vehicle_id": world.first, "event": str(event), "taken_at": at,
            "received_at": T0 + MINUTE, "media_type": "image/jpeg", "state": "complete", "stored_bytes": 9,
            "readable": True, "created_at": T0 + MINUTE, "updated_at": T0 + MINUTE,
        } | values  # fmt: skip

    with write(world.engine) as connection:
        for row in (
            sent(3, T0 + SECOND), sent(3, T0 + 3 * SECOND, readable=False),
            sent(0, T0 + SECOND),  # ordered by the platform
            sent(2, T0 + SECOND),  # the alarm button
            sent(3, T0 - HOUR),  # another time
            sent(3, T0 + SECOND, vehicle_id=world.second),
        ):  # fmt: skip
            connection.execute(insert(EvidenceFile), row)
    assert following.evidence_since(world.engine, T0 + MINUTE, T0 + MINUTE) == [1]
    case = world.case()
    assert (case.evidence_state, case.evidence_files, case.evidence_complete, case.evidence_thumb) == (
        "complete", 2, 2, 1,
    )  # fmt: skip
    assert world.steps()[-1] == "files_sent"
    assert following.evidence_since(world.engine, T0 + MINUTE, T0 + MINUTE) == []
    with read(world.engine) as connection:
        assert acts.files_of(connection, 1, world.first) == {1, 2}


async def test_a_file_that_came_after_it_was_lost_while_no_core_was_there_is_found(world: World) -> None:
    """The evidence server goes on without the core; a request that was given up is not looked at again by itself."""
    now = now_ms()
    world.take(world.alarm("6502", now - HOUR, identification=SIGN, files=3))
    with write(world.engine) as connection:
        connection.execute(text("UPDATE case_evidence SET state = 'lost'"))
        connection.execute(text("UPDATE alarm_case SET evidence_state = 'lost'"))
        connection.execute(text("UPDATE evidence_request SET state = 'given_up', ended_at = :at"), {"at": now - HOUR})
    following.keep_place(world.engine, now - 30 * MINUTE)
    following.keep_place(world.engine, now - 20 * MINUTE)
    with write(world.engine) as connection:
        given = {
            "kind": "picture", "origin": "attachment", "request_id": 1, "state": "complete",
            "updated_at": now - 10 * MINUTE,
        }  # fmt: skip
        connection.execute(insert(EvidenceFile), [given] * 3)
    await CaseEngine(world.engine, Desk(world), lambda vehicle, kind: None, lambda keys: set())._catch_up()
    assert (world.case().evidence_state, world.case().evidence_complete) == ("complete", 3)
    assert (following.place(world.engine) or 0) >= now
