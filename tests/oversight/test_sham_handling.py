"""Sham handling: same text, too many, too fast, unseen; flags with their rows (reference supervision §7.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from case_world import MINUTE, SECOND, T0, World
from offices import CITY, judged, person
from sqlalchemy import text

from luwei.oversight import sham
from luwei.registry.audit import Actor
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import Scope


def verdicts(world: World, actor: Actor, first: int, rows: list[tuple[int, str, int | None, int | None]]) -> None:
    """Verdicts as the story keeps them: (at, text, when the case was opened, when a file of it was)."""
    number = "INSERT INTO case_step(case_id, at, act, user_id, detail) VALUES (:c, :at, 'verdict', :u, :d)"
    look = "INSERT INTO case_look(case_id, user_id, file_id, at) VALUES (:c, :u, :f, :at)"
    with write(world.engine) as connection:
        for case, (at, said, opened, file) in enumerate(rows, first):
            given: dict[str, Any] = {"c": case, "at": at, "u": actor.user_id, "d": json.dumps({"text": said})}
            connection.execute(text(number), given)
            for key, when in ((0, opened), (7, file)):
                if when is not None:
                    connection.execute(text(look), {"c": case, "u": actor.user_id, "f": key, "at": when})


def flags(world: World, scope: Scope = CITY) -> list[tuple[str, int]]:
    return [(each.kind, each.count) for each in sham.page(world.engine, scope, "", "", None, 1, 50).items]


def test_more_than_twenty_of_one_text_in_ten_minutes_are_flagged_with_their_rows(world: World) -> None:
    lin, chen = person(world, "lin"), person(world, "chen")
    verdicts(world, lin, 1, [(T0 + n * 25 * SECOND, "已电话 提醒", T0 - MINUTE, None) for n in range(20)])
    verdicts(world, chen, 100, [(T0 + n * 25 * SECOND, f"第{n}次提醒", T0 - MINUTE, None) for n in range(25)])
    assert sham.find(world.engine) == 45 and flags(world) == []
    verdicts(world, lin, 21, [(T0 + 9 * MINUTE, "已电话  提醒", T0 - MINUTE, None)])
    assert sham.find(world.engine) == 1 and flags(world) == [("same_text", 21)]
    verdicts(world, lin, 22, [(T0 + 9 * MINUTE + SECOND, "已电话 提醒", T0 - MINUTE, None)])
    sham.find(world.engine)
    assert flags(world) == [("same_text", 22)] and sham.find(world.engine) == 0
    (flag,) = sham.page(world.engine, CITY, "same_text", "open", world.operator, 1, 50).items
    assert flag.person and flag.person.name == "lin" and flag.organisation and flag.text == "已电话 提醒"
    assert flags(world, Scope(cities=frozenset({440300}))) == []
    officer = person(world, "officer", 0)
    with pytest.raises(RegistryError, match="authority"):
        sham.dismiss(world.engine, Scope(operators=frozenset({world.operator})), flag.id, "合理", lin)
    with pytest.raises(NotFound):
        sham.dismiss(world.engine, Scope(cities=frozenset({440300})), flag.id, "合理", officer)
    sham.dismiss(world.engine, CITY, flag.id, "同一次拥堵，逐条核实过", officer)
    with pytest.raises(Conflict, match="dismissed"):
        sham.dismiss(world.engine, CITY, flag.id, "再次", officer)
    assert sham.one(world.engine, CITY, flag.id)[0].state == "dismissed"


def test_who_judges_faster_than_one_can_look_or_does_not_look_is_flagged_by_the_day(world: World) -> None:
    lin = person(world, "lin")
    for n in range(12):
        world.take(world.alarm("6502", T0 + n * 31 * MINUTE))
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET evidence_complete = 3"))
    at = T0 + 60 * MINUTE
    keys = [case.id for case in world.cases()]
    fast = [(at + n * MINUTE, f"甲{n}", at - MINUTE, at + n * MINUTE - (2_999 if n < 2 else 3_000)) for n in range(3)]
    verdicts(world, lin, keys[0], fast)
    sham.find(world.engine)
    assert flags(world) == [], "two of a day are none, and three seconds are enough"
    verdicts(world, lin, keys[3], [(at + 5 * MINUTE, "乙", at, at + 5 * MINUTE - 1_000)])
    sham.find(world.engine)
    assert flags(world) == [("too_fast", 3)]
    (flag,) = sham.page(world.engine, CITY, "", "", None, 1, 50).items
    assert [each.ms for each in sham.one(world.engine, CITY, flag.id)[1]] == [2_999, 2_999, 1_000]
    # trucks of another area, that people of this one handled, are shown to who supervises those
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET city = 440300, county = NULL WHERE id = :k"), {"k": keys[3]})
    assert [each.id for each in sham.one(world.engine, CITY, flag.id)[1]] == keys[:2]


def test_files_that_came_after_the_verdict_accuse_nobody(world: World) -> None:
    world.take(world.alarm("6503", T0))
    judged(world, person(world, "lin"), 1)
    with write(world.engine) as connection:
        connection.execute(text("UPDATE alarm_case SET evidence_complete = 3"))
    assert sham.find(world.engine) == 1
    assert ("unseen",) not in world.rows("SELECT kind FROM sham_flag")


def test_a_verdict_is_looked_at_once_it_is_settled(world: World) -> None:
    """Two people's transactions of PostgreSQL end in another order than their steps are numbered."""
    lin = person(world, "lin")
    verdicts(world, lin, 1, [(T0, "甲", None, None), (T0 + SECOND, "乙", None, None)])
    with write(world.engine) as connection:
        connection.execute(text("UPDATE case_step SET id = id + 10 WHERE id = 1"))
    assert sham.find(world.engine, T0 + 5 * SECOND) == 0
    with write(world.engine) as connection:
        connection.execute(text("UPDATE case_step SET id = id - 10 WHERE id = 11"))
    assert sham.find(world.engine, T0 + 11 * SECOND - 1) == 1, "the younger one waits"
    assert sham.find(world.engine, T0 + 11 * SECOND + 1) == 1
    assert sham.find(world.engine, T0 + MINUTE) == 0


def test_who_goes_on_after_a_flag_was_dismissed_is_flagged_again(world: World) -> None:
    lin, officer = person(world, "lin"), person(world, "officer", 0)
    same = [(T0 + n * SECOND, "已提醒", T0 - MINUTE, None) for n in range(60)]
    hasty = [(T0 + n * SECOND, f"甲{n}", T0 + n * SECOND - 1, None) for n in range(6)]

    def found(state: str) -> list[tuple[str, int]]:
        items = sham.page(world.engine, CITY, "", state, None, 1, 50).items
        return sorted((each.kind, each.count) for each in items if each.kind != "many")

    verdicts(world, lin, 1, same[:21])
    verdicts(world, lin, 101, hasty[:3])
    sham.find(world.engine)
    assert found("open") == [("same_text", 21), ("too_fast", 3)]
    for each in sham.page(world.engine, CITY, "", "open", None, 1, 50).items:
        sham.dismiss(world.engine, CITY, each.id, "已核实", officer)
    verdicts(world, lin, 201, same[21:41])
    verdicts(world, lin, 301, hasty[3:5])
    sham.find(world.engine)
    assert found("open") == [] and found("dismissed") == [("same_text", 21), ("too_fast", 3)]
    verdicts(world, lin, 401, same[41:42])
    verdicts(world, lin, 501, hasty[5:])
    sham.find(world.engine)
    assert found("open") == found("dismissed") == [("same_text", 21), ("too_fast", 3)]
