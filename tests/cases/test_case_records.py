"""Live pictures that the handling policy has recorded for a case: which cases, once, promptly, within the quota."""

from __future__ import annotations

import json
from typing import Any

import pytest
from case_world import HOUR, SECOND, T0, World
from sqlalchemy import func, insert, select, update

from luwei.cases import recordings
from luwei.cases.policy import parse, shipped_document
from luwei.registry.case_work import CasePolicy
from luwei.registry.engine import write
from luwei.registry.errors import RegistryError
from luwei.registry.video_record import DONE, FAILED, VideoRecord


def with_rule(world: World, quota_s: int, **rule: Any) -> None:
    """A policy in force whose only rule of recordings is this one."""
    given = {"grades": [2], "types": ["6502"], "channels": [1, 9], "stream": "main", "seconds": 30} | rule
    document = shipped_document() | {"record": {"quota_month_s": quota_s, "rules": [given]}}
    with write(world.engine) as connection:
        row = {"valid_from": T0 - HOUR, "document": json.dumps(document), "note": "", "user_id": None}
        connection.execute(insert(CasePolicy), [row])


def records(world: World) -> list[tuple[Any, ...]]:
    rows = world.rows("SELECT case_id, channel, stream, seconds, state, reason FROM video_record ORDER BY id")
    return [tuple(row) for row in rows]


def test_the_shipped_rule_records_an_emergency_once(world: World) -> None:
    world.take(world.alarm("6503", T0), world.alarm("808:00", T0))
    (smoking, emergency) = sorted(world.cases(), key=lambda case: case.grade)
    assert smoking.type == "6503" and emergency.grade == 3
    due = [(emergency.id, channel, "sub", 60, "waiting", "") for channel in (1, 2)]
    assert records(world) == due
    taken = world.take(world.alarm("808:00", T0 + 30 * SECOND))
    assert records(world) == due and taken.recordings == 0


def test_a_rule_counts_for_its_grades_and_types_and_for_prompt_alarms_alone(world: World) -> None:
    with_rule(world, 3_600)
    world.take(world.alarm("6505", T0))  # of the grade, another type
    world.take(world.alarm("6502", T0, vehicle_id=world.second, terminal_id=0))  # no terminal
    world.take(world.alarm("6502", T0, received_at=T0 + 61 * SECOND))  # too late
    assert records(world) == []
    taken = world.take(world.alarm("6502", T0 + 2 * HOUR))
    assert taken.recordings == 2
    assert [row[1:] for row in records(world)] == [(1, "main", 30, "waiting", ""), (9, "main", 30, "waiting", "")]


def test_beyond_the_quota_of_the_month_a_recording_is_refused_and_the_story_says_so(world: World) -> None:
    with_rule(world, 70)
    world.take(world.alarm("6502", T0))
    world.take(world.alarm("6502", T0 + 2 * HOUR))
    assert [row[4:] for row in records(world)] == [
        ("waiting", ""), ("waiting", ""), ("refused", "quota_month"), ("refused", "quota_month"),
    ]  # fmt: skip
    second = world.cases()[1].id
    assert recordings.follow(world.engine, T0) == [second]
    assert world.steps(second)[-2:] == ["record_refused"] * 2
    assert recordings.follow(world.engine, T0) == []


def test_beginning_and_end_stand_in_the_story_once_each(world: World) -> None:
    world.take(world.alarm("808:00", T0))
    case = world.case().id
    assert recordings.follow(world.engine, T0) == []
    with write(world.engine) as connection:
        connection.execute(update(VideoRecord).values(state="recording", started_at=T0))
    assert recordings.follow(world.engine, T0) == [case]
    assert recordings.follow(world.engine, T0) == []
    with write(world.engine) as connection:
        connection.execute(update(VideoRecord).values(state=DONE, reason="limit", ended_at=T0 + 60 * SECOND))
        connection.execute(update(VideoRecord).where(VideoRecord.channel == 2).values(state=FAILED))
    assert recordings.follow(world.engine, T0) == [case]
    told = [act for act in world.steps(case) if act.startswith("record")]
    assert told == ["record_started"] * 2 + ["record_ended"] * 2


def test_recordings_that_wait_keep_none_that_is_over_from_its_story(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "AT_ONCE", 1)
    world.take(world.alarm("808:00", T0))
    with write(world.engine) as connection:
        newest = select(func.max(VideoRecord.id)).scalar_subquery()
        connection.execute(update(VideoRecord).where(VideoRecord.id == newest).values(state=FAILED))
    assert recordings.follow(world.engine, T0) == [world.case().id]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("record.rules.0.channels.0", {"channels": [65]}), ("record.rules.0.seconds", {"seconds": 4}),
        ("record.rules.0.stream", {"stream": "both"}), ("record.rules.0.types", {"types": []}),
        ("record.rules.0.grades.0", {"grades": [0]}),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_by_its_path(path: str, rule: dict[str, Any]) -> None:
    given = {"grades": [3], "types": ["808:00"], "channels": [1], "seconds": 60} | rule
    document = shipped_document() | {"record": {"quota_month_s": 0, "rules": [given]}}
    with pytest.raises(RegistryError) as caught:
        parse(document)
    assert caught.value.field == path


def test_a_policy_of_an_earlier_release_records_nothing() -> None:
    document = {name: value for name, value in shipped_document().items() if name != "record"}
    assert parse(document).records == ()
