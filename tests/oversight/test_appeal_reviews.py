"""Review of appeals: another person, and both verdicts kept (reference supervision §7.5)."""

from __future__ import annotations

import pytest
from case_world import World
from offices import CITY, FULL, judged, person, verified
from sqlalchemy import delete, insert

from luwei.cases import acts
from luwei.cases import appeals as requests
from luwei.oversight import appeals, statistics
from luwei.oversight.choice import Chosen
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.oversight import CaseDevice
from luwei.registry.scope import WHOLE, Scope

DAY_MS = 86_400_000


def appealed(world: World) -> tuple[int, int]:
    """A case that one person handled and another verified, and its appeal by a third; (case, appeal)."""
    world.take(world.alarm("6502", now_ms() - 60_000))
    handler, verifier, driver = (person(world, name) for name in ("handler", "verifier", "appellant"))
    judged(world, handler, 1)
    verified(world, verifier, 1)
    text = "驾驶员手中不是电话，请复核图片"
    key = requests.request(world.engine, WHOLE, 1, world.case().version, text, "operator", driver)
    return 1, key


def test_an_upheld_appeal_keeps_the_old_verdict_beside_the_new_effect(world: World) -> None:
    case, key = appealed(world)
    before = world.case()
    (open_one,) = appeals.page(world.engine, CITY, "open", None, 1, 50).items
    assert (open_one.state, open_one.overdue, open_one.may_decide) == ("open", False, False)
    reviewer = person(world, "reviewer", 0)
    with pytest.raises(RegistryError, match="verdict"):
        appeals.decide(world.engine, CITY, key, before.version, "upheld", "true", "图片为水杯", reviewer)
    assert appeals.decide(world.engine, CITY, key, before.version, "upheld", "false", "图片为水杯", reviewer) == case
    after = world.case()
    assert (after.state, after.verdict, after.appeal) == ("verified", "true", "upheld")
    assert after.close_due_at >= before.close_due_at
    stands = appeals.standing(world.engine, CITY, case, reviewer.user_id)
    assert (stands.verdict, stands.effective) == ("true", "false")
    assert stands.appeal and (stands.appeal.id, stands.appeal.why_not) == (key, "decided")
    (view,) = appeals.page(world.engine, CITY, "upheld", reviewer.user_id, 1, 50).items
    assert view.effect == appeals.Effect("true", "false") and view.reviewer and view.reviewer.name == "reviewer"
    assert view.verdict == FULL.verdict and not view.decided_late
    assert world.steps(case)[-2:] == ["appealed", "appeal_upheld"]
    assert len(world.rows("SELECT 1 FROM case_timer WHERE kind = 'close' AND due_at = :d", d=after.close_due_at)) == 1
    with pytest.raises(Conflict):
        appeals.decide(world.engine, CITY, key, after.version, "rejected", "", "再次", reviewer)


def test_who_handled_verified_or_appealed_does_not_decide_nor_who_is_supervised(world: World) -> None:
    case, key = appealed(world)
    version = world.case().version
    people = {row.username: row for row in world.rows("SELECT id, username FROM user_account")}
    for name in ("handler", "verifier", "appellant"):
        actor = Actor(people[name].id, name, "", world.operator)
        with pytest.raises(RegistryError, match="another person"):
            appeals.decide(world.engine, CITY, key, version, "rejected", "", "维持原判", actor)
    reviewer = person(world, "reviewer", 0)
    with pytest.raises(RegistryError, match="authority"):
        own = Scope(operators=frozenset({world.operator}))
        appeals.decide(world.engine, own, key, version, "rejected", "", "维持原判", reviewer)
    with pytest.raises(NotFound):
        elsewhere = Scope(cities=frozenset({440300}))
        appeals.decide(world.engine, elsewhere, key, version, "rejected", "", "维持原判", reviewer)
    appeals.decide(world.engine, CITY, key, version, "rejected", "", "维持原判", reviewer)
    stands = appeals.standing(world.engine, CITY, case, None)
    assert (stands.verdict, stands.effective) == ("true", "true")
    assert world.case().appeal == "rejected"


def test_a_case_that_is_handled_again_counts_by_its_new_verdict(world: World) -> None:
    case, key = appealed(world)
    reviewer, other = person(world, "reviewer", 0), person(world, "other")
    appeals.decide(world.engine, CITY, key, world.case().version, "upheld", "false", "图片为水杯", reviewer)

    with write(world.engine) as connection:
        connection.execute(delete(CaseDevice))
        connection.execute(insert(CaseDevice).values(case_id=case, vendor_id=0, model="M", firmware="1"))

    def counted() -> tuple[str, str, int, int]:
        """Verdict as given and as it counts, and the sums of true and false."""
        stands = appeals.standing(world.engine, CITY, case, None)
        rows = statistics.verdicts(world.engine, CITY, Chosen(now_ms() - DAY_MS, now_ms() + DAY_MS))
        return stands.verdict, stands.effective, sum(row.true for row in rows), sum(row.false for row in rows)

    assert counted() == ("true", "false", 0, 1)
    acts.give_back(world.engine, WHOLE, case, world.case().version, "请重新判定", reviewer)
    assert counted() == ("", "", 0, 0) and world.case().appeal == ""
    judged(world, other, case)
    assert counted() == ("true", "true", 1, 0)
    # Against the new verdict one may appeal anew, and what came of the first appeal is still told.
    text = "重新判定仍与图片不符，请再复核"
    again = requests.request(world.engine, WHOLE, case, world.case().version, text, "operator", person(world, "third"))
    with pytest.raises(Conflict):
        requests.request(world.engine, WHOLE, case, world.case().version, text, "operator", person(world, "fourth"))
    appeals.decide(world.engine, CITY, again, world.case().version, "upheld", "undecided", "无法辨认", reviewer)
    assert counted() == ("true", "undecided", 0, 0)
    found = appeals.page(world.engine, CITY, "upheld", None, 1, 50).items
    assert {view.id: view.effect and view.effect.after for view in found} == {key: "false", again: "undecided"}
