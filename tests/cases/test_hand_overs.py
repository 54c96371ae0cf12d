"""Hand-over between shifts: to a colleague, to whoever comes next, taken over once."""

from __future__ import annotations

import pytest
from case_world import MINUTE, T0, World
from sqlalchemy import insert

from luwei.access.user import User
from luwei.cases import acts, hand_overs
from luwei.registry.audit import Actor
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope


def person(world: World, name: str, organisation: int | None = None, role: str = "operator") -> Actor:
    belongs = world.operator if organisation is None else organisation
    values = {
        "username": name, "display_name": name, "role": role, "organisation_id": belongs, "password_hash": "",
        "must_change_password": False,
    }  # fmt: skip
    with write(world.engine) as connection:
        key = connection.execute(insert(User).values(**values).returning(User.id)).scalar_one()
    return Actor(key, name, "", belongs)


def held(world: World, actor: Actor) -> list[tuple[int, int]]:
    """Three cases, claimed by the person: (id, version)."""
    for number, kind in enumerate(("6502", "6505", "6503")):
        world.take(world.alarm(kind, T0 + number * MINUTE))
    for case in world.cases():
        acts.claim(world.engine, WHOLE, case.id, case.version, actor)
    return [(case.id, case.version) for case in world.cases()]


def waiting(world: World, actor: Actor) -> int:
    assert actor.user_id is not None
    return hand_overs.waiting(world.engine, actor.user_id, actor.organisation_id)


def listed(world: World, actor: Actor, scope: Scope = WHOLE) -> list[hand_overs.HandOver]:
    assert actor.user_id is not None
    return hand_overs.listed(world.engine, scope, actor.user_id, actor.organisation_id, None, 20)


def test_a_colleague_sees_what_was_given_and_takes_it_over_once(world: World) -> None:
    day, night, third = (person(world, name) for name in ("day", "night", "third"))
    mine = held(world, day)
    done, refused = hand_overs.give(world.engine, WHOLE, mine, night.user_id, "盯紧第二台车", day)
    assert (done, refused) == ([1, 2, 3], [])
    assert {case.assignee_id for case in world.cases()} == {night.user_id}  # at once: a case never belongs to nobody
    assert [waiting(world, each) for each in (day, night, third)] == [0, 1, 0]
    (one,) = listed(world, night)
    assert (one.giver.name, one.to and one.to.name, one.note, one.count) == ("day", "night", "盯紧第二台车", 3)
    assert [row.id for row in one.cases] == [1, 2, 3] and one.may_take and one.taken_at is None
    assert not listed(world, day)[0].may_take and not listed(world, third)[0].may_take
    with pytest.raises(NotFound):
        hand_overs.take(world.engine, WHOLE, one.id, third)
    assert hand_overs.take(world.engine, WHOLE, one.id, night) == ([1, 2, 3], [])
    assert world.steps(1)[-2:] == ["handed_over", "taken_over"]
    (after,) = listed(world, day)
    assert after.taken_by and after.taken_by.name == "night" and waiting(world, night) == 0
    with pytest.raises(Conflict):
        hand_overs.take(world.engine, WHOLE, one.id, night)


def test_what_goes_to_the_next_shift_waits_in_the_queue_until_somebody_takes_it(world: World) -> None:
    day, night, late = (person(world, name) for name in ("day", "night", "late"))
    mine = held(world, day)
    stale = [(mine[0][0], mine[0][1] - 1), *mine[1:]]
    done, refused = hand_overs.give(world.engine, WHOLE, stale, None, "夜班继续", day)
    assert done == [2, 3] and [(key, error.field) for key, error in refused] == [(1, "version")]
    assert [case.assignee_id for case in world.cases()] == [day.user_id, None, None]
    assert [waiting(world, each) for each in (day, night, late)] == [0, 1, 1]
    acts.claim(world.engine, WHOLE, 2, world.case_of(2).version, late)  # the queue is open to all
    (one,) = listed(world, night)
    taken, left = hand_overs.take(world.engine, WHOLE, one.id, night)
    assert taken == [3] and [(key, error.field) for key, error in left] == [(2, "assignee")]
    assert world.case_of(3).assignee_id == night.user_id


def test_nobody_outside_the_organisation_is_given_or_shown_anything(world: World) -> None:
    day, other = person(world, "day"), person(world, "other", world.monitor, "monitor")
    mine = held(world, day)
    with pytest.raises(RegistryError) as refused:
        hand_overs.give(world.engine, WHOLE, mine, other.user_id, "换班", day)
    assert refused.value.field == "to"
    with pytest.raises(RegistryError) as short:
        hand_overs.give(world.engine, WHOLE, mine, None, " ", day)
    assert short.value.field == "note"
    done, taken = hand_overs.give(world.engine, WHOLE, mine, other.user_id, "接管", other)
    assert done == [] and {error.field for _, error in taken} == {"assignee"}, "nor is anything taken from it"
    hand_overs.give(world.engine, WHOLE, mine, None, "换班", day)
    assert listed(world, other) == [] and waiting(world, other) == 0
    with pytest.raises(NotFound):
        hand_overs.take(world.engine, WHOLE, 1, other)
    nothing = Scope(operators=frozenset())
    assert listed(world, day, nothing)[0].cases == []  # only what this person may see is named
