"""Which profile a terminal has: matched, matched again, chosen by hand, and kept with its past; on both databases."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from luwei.profiles import load
from luwei.registry.admission import Admission, RegistrationRequest
from luwei.registry.assignments import Assigned, Assignments, Observed
from luwei.registry.audit import Actor
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.terminal_profiles import devices, view

OFFICER = Actor(7, "zhang", "10.0.0.9")


def register(engine: Engine, phone: str = "13800138000", **changes: object) -> int:
    values: dict[str, object] = {
        "phone": phone, "province": 44, "city": 305, "manufacturer_id": "44030070188", "model": "YJ-V6",
        "terminal_id": f"T{phone[-6:]}", "plate_color": 2, "plate": f"粤B{phone[-5:]}", "edition": 2019,
    }  # fmt: skip
    answer = Admission(engine, "open").register([RegistrationRequest(**(values | changes))])[0]  # type: ignore[arg-type]
    assert answer.admitted is not None
    return answer.admitted.terminal_id


@pytest.fixture
def assignments(engine: Engine) -> Assignments:
    return Assignments(engine, load())


def one(assignments: Assignments, observed: Observed) -> Assigned:
    return assignments.settle([observed])[observed.terminal_id]


def test_a_terminal_is_matched_by_its_registration_and_the_reasons_are_kept(
    engine: Engine, assignments: Assignments
) -> None:
    key = register(engine)
    assert one(assignments, Observed(key, edition=2019)) == Assigned(key, "guangdong", 1, False)
    seen = view(engine, key, WHOLE)
    assert seen is not None
    assert (seen.profile, seen.version, seen.by_hand, seen.model, seen.province) == ("guangdong", 1, False, "YJ-V6", 44)
    assert seen.why == [["province", "44", "44"], ["edition", "2019", "2019"]]
    assert [change.profile for change in seen.changes] == ["guangdong"]


def test_asking_again_without_news_writes_nothing(engine: Engine, assignments: Assignments) -> None:
    key = register(engine)
    one(assignments, Observed(key, edition=2019))
    before = view(engine, key, WHOLE)
    assert one(assignments, Observed(key, edition=2019)).profile == "guangdong"
    assert view(engine, key, WHOLE) == before


def test_what_a_terminal_really_sends_changes_its_match_and_the_past_is_kept(
    engine: Engine, assignments: Assignments
) -> None:
    key = register(engine)
    one(assignments, Observed(key, edition=2019))
    assert one(assignments, Observed(key, dialect="sign_39")).profile == "sichuan"
    seen = view(engine, key, WHOLE)
    assert seen is not None and [change.profile for change in seen.changes] == ["sichuan", "guangdong"]
    assert one(assignments, Observed(key, firmware="V3.2.1\x00\n")).dialect == "sign_39"
    seen = view(engine, key, WHOLE)
    assert seen is not None and seen.firmware == "V3.2.1" and len(seen.changes) == 2


def test_a_profile_chosen_by_hand_stays_whatever_the_terminal_shows(engine: Engine, assignments: Assignments) -> None:
    key = register(engine)
    one(assignments, Observed(key, edition=2019))
    assert assignments.choose(key, "slave-server", OFFICER, WHOLE, "备案为从服务器").by_hand
    assert one(assignments, Observed(key, dialect="subiao")) == Assigned(key, "slave-server", 1, True, "subiao")
    assert assignments.choose(key, None, OFFICER, WHOLE).profile == "jiangsu-2019"
    seen = view(engine, key, WHOLE)
    assert seen is not None
    assert [(change.profile, change.by_hand, change.username) for change in seen.changes] == [
        ("jiangsu-2019", False, "zhang"), ("slave-server", True, "zhang"), ("guangdong", False, ""),
    ]  # fmt: skip
    with read(engine) as connection:
        entries = connection.execute(
            text("SELECT username, noun_id, detail FROM audit_entry WHERE act = 'terminal.profile' ORDER BY id")
        ).all()
    assert [(name, noun) for name, noun, _ in entries] == [("zhang", key), ("zhang", key)]
    assert json.loads(entries[0][2]) == {
        "profile": ["guangdong", "slave-server"], "version": [1, 1], "by_hand": [False, True],
        "reason": "备案为从服务器",
    }  # fmt: skip


def test_another_device_behind_the_phone_loses_firmware_and_dialect_of_the_old_one(
    engine: Engine, assignments: Assignments
) -> None:
    key = register(engine)
    one(assignments, Observed(key, firmware="V3.2.1", dialect="sign_39"))
    assert register(engine, model="NT-5S", terminal_id="T000009") == key
    assert one(assignments, Observed(key, edition=2019)).profile == "guangdong"
    seen = view(engine, key, WHOLE)
    assert seen is not None and (seen.model, seen.firmware, seen.dialect) == ("NT-5S", "", "")


def test_an_unknown_profile_and_a_terminal_outside_the_scope_are_refused(
    engine: Engine, assignments: Assignments
) -> None:
    key = register(engine)
    with pytest.raises(RegistryError, match=r"profile='moon': must be one of .*guangdong"):
        assignments.choose(key, "moon", OFFICER, WHOLE)
    elsewhere = Scope(cities=frozenset({440100}))
    for attempt in (
        lambda: assignments.choose(key, "guangdong", OFFICER, elsewhere),
        lambda: view(engine, key, elsewhere),
        lambda: view(engine, key + 1, WHOLE),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert devices(engine, ["13800138000"], elsewhere) == {}
    assert devices(engine, ["13800138000"], WHOLE)["13800138000"].model == "YJ-V6"


def test_silence_on_commands_is_dated_and_ends_with_an_answer(engine: Engine, assignments: Assignments) -> None:
    key = register(engine)
    one(assignments, Observed(key, edition=2019))
    one(assignments, Observed(key, silent=True))
    first = view(engine, key, WHOLE)
    one(assignments, Observed(key, silent=True))
    again = view(engine, key, WHOLE)
    assert first is not None and again is not None and first.silent_at == again.silent_at is not None
    one(assignments, Observed(key, silent=False))
    ended = view(engine, key, WHOLE)
    assert ended is not None and ended.silent_at is None and len(ended.changes) == 1


def test_many_terminals_are_settled_at_once_and_unknown_ones_left_out(engine: Engine, assignments: Assignments) -> None:
    keys = [register(engine, f"1390000{n:04}", edition=(2013, 2019)[n % 2]) for n in range(20)]
    found = assignments.settle([Observed(key) for key in [*keys, 9_999]])
    assert found.keys() == set(keys)
    assert [found[key].profile for key in keys[:2]] == ["standard-2013", "guangdong"]
