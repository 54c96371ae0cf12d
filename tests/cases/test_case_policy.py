"""The policy as data: what a document may say, which version holds when, what a draft would have made of the past."""

from __future__ import annotations

import copy
import json
from typing import Any

import pyarrow as pa
import pytest
from case_world import HOUR, MINUTE, SECOND, T0, World
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.alarms.names import all_names
from luwei.cases import policies, what_if
from luwei.cases.merge import Alarm, Runs
from luwei.cases.numbers import china_day
from luwei.cases.policy import parse, shipped_document
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.errors import Conflict, RegistryError

POLICY = parse(shipped_document())


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("merge.window_s", -1, "merge.window_s"),
        ("merge.window_s", True, "merge.window_s"),
        ("merge.extra", 1, "merge.extra"),
        ("types.6502.grade", 4, "types.6502.grade"),
        ("types.6502.rules", [{"grade": 3, "over": "x"}], "types.6502.rules.0.over"),
        ("types.6502.files", "soon", "types.6502.files"),
        ("types.650Z", {"grade": 1}, "types.650Z"),
        ("types.6506@", {"grade": 1}, "types.6506@"),
        ("types.6502.tts", "a\nb", "types.6502.tts"),
        ("grades.G2.close_s", 599, "grades.G2.close_s"),
        ("grades.G3.first_action_s", 601, "grades.G3.first_action_s"),
        ("grades.G1.escalation", [{"on": "open", "to": [], "supervise": ""}], "grades.G1.escalation.0.to"),
        ("bulk.picture", False, "bulk.picture"),
        ("bulk.most", 51, "bulk.most"),
        ("snooze.max_s", 30, "snooze.max_s"),
        ("calendar.holidays", ["2026-02-30"], "calendar.holidays.0"),
        ("speed_limit.classes", {"tank": 80}, "speed_limit.classes.tank"),
        ("reasons", [], "reasons"),
        ("repeat", [{"count": 1, "level": 0, "within_s": 60}], "repeat.0.count"),
        ("repeat", None, "repeat"),
    ],
)
def test_a_wrong_document_is_refused_by_the_path_of_its_fault(path: str, value: Any, field: str) -> None:
    document = copy.deepcopy(shipped_document())
    *tables, last = path.split(".")
    place = document
    for name in tables:
        place = place[name]
    place[last] = value
    with pytest.raises(RegistryError) as caught:
        parse(document)
    assert caught.value.field == field


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(table=st.sampled_from([*shipped_document(), "x"]), value=_json)
def test_no_document_breaks_the_reader(table: str, value: Any) -> None:
    document = {**shipped_document(), table: value}
    try:
        parse(document)
    except RegistryError as error:
        assert error.field.split(".")[0] == table and error.rule


def test_every_type_of_the_standards_has_a_rule() -> None:
    ruled = {kind.partition("@")[0] for kind in POLICY.types}
    assert {each.type for each in all_names()} == ruled
    faults = {each.type for each in all_names() if each.device_fault}
    assert {kind.partition("@")[0] for kind, rule in POLICY.types.items() if rule.fault} == faults


def test_a_code_means_what_its_dialect_says() -> None:
    assert POLICY.grade_of("6506", "yuebiao", 1, 0, 90) == 2  # lens covered
    assert POLICY.grade_of("6506", "sign_39", 1, 0, 90) == 2  # hands off the wheel
    assert POLICY.grade_of("6506", "subiao", 2, 0, 90) == 0  # the vendor's own: unknown
    assert POLICY.type_rule("6508", "sign_39").tts == "请系好安全带"


# -- merging against a plain oracle ------------------------------------------------------------------------------------


def plain(alarms: list[Alarm]) -> list[tuple[int, str, int, int, int, int, int]]:
    """Pre-warnings and grades, written down as the reference says it, for alarms in the order of time."""
    found: list[dict[str, Any]] = []
    for alarm in alarms:
        same = [w for w in found if (w["vehicle"], w["type"]) == (alarm.vehicle_id, alarm.type)]
        if same and alarm.at - same[-1]["last"] <= 60_000:
            warning = same[-1]
            before = same[:-1]
        else:
            warning = {"vehicle": alarm.vehicle_id, "type": alarm.type, "first": alarm.at, "level": 0, "grade": 0,
                       "count": 0}  # fmt: skip
            found.append(warning)
            before = same
        warning["last"] = alarm.at
        warning["count"] += 1
        warning["level"] = max(warning["level"], alarm.level)
        grade = {"6401": 0, "6503": 1, "6501": 3 if alarm.level == 2 else 2, "6510": 0}[alarm.type]
        half_hour = [w for w in before if w["first"] > warning["first"] - 30 * MINUTE]
        level_two = [w for w in before if w["first"] > warning["first"] - 10 * MINUTE and w["level"] == 2]
        repeated = len(half_hour) >= 2 or (warning["level"] == 2 and len(level_two) >= 1)
        if repeated and grade < 3 and alarm.type != "6510":
            grade += 1
        warning["grade"] = max(warning["grade"], grade)
    keys = ("vehicle", "type", "first", "last", "count", "level", "grade")
    return sorted(tuple(w[key] for key in keys) for w in found)  # type: ignore[misc]


_alarms = st.lists(
    st.tuples(
        st.integers(0, 4_000), st.sampled_from(("6401", "6503", "6501", "6510")), st.integers(1, 2), st.integers(0, 2)
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(_alarms)
def test_merging_and_grading_are_those_of_the_plain_rules(drawn: list[tuple[int, str, int, int]]) -> None:
    alarms = [
        Alarm(n, 0, vehicle, 1, T0 + second * SECOND, T0, kind, level)
        for n, (second, kind, vehicle, level) in enumerate(sorted(drawn))
    ]
    runs = Runs()
    for alarm in alarms:
        runs.take(alarm, POLICY, 90)
    made = sorted((w.vehicle_id, w.type, w.first_at, w.last_at, w.count, w.level, w.grade) for w in runs.all())
    assert made == plain(alarms)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=40))
def test_alarms_in_any_order_are_all_in_one_pre_warning_each(seconds: list[int]) -> None:
    runs = Runs()
    for n, second in enumerate(seconds):
        runs.take(Alarm(n, 0, 1, 1, T0 + second * SECOND, T0, "6503"), POLICY, 90)
    made = sorted(runs.all(), key=lambda w: w.first_at)
    assert sum(w.count for w in made) == len(seconds)
    for second in seconds:
        assert any(w.first_at <= T0 + second * SECOND <= w.last_at for w in made)


# -- versions ----------------------------------------------------------------------------------------------------------


def draft(**types: int) -> dict[str, Any]:
    document = copy.deepcopy(shipped_document())
    for kind, grade in types.items():
        document["types"][kind] = {"grade": grade}
    return document


def test_a_new_version_holds_from_its_date_and_the_past_stays(world: World) -> None:
    policies.ensure(world.engine)
    policies.ensure(world.engine)
    world.take(world.alarm("6503", T0))
    tomorrow = now_ms() + 24 * HOUR
    version = policies.add(world.engine, draft(**{"6503": 3}), tomorrow, "吸烟加重", SYSTEM)
    assert [(v.version, v.state) for v in policies.versions(world.engine, now_ms())] == [
        (version, "coming"), (1, "in_force"),
    ]  # fmt: skip
    world.take(world.alarm("6503", T0 + HOUR))
    world.take(world.alarm("6503", tomorrow + MINUTE))
    assert [(case.grade, case.policy) for case in world.cases()] == [(1, 1), (1, 1), (3, version)]
    with pytest.raises(RegistryError, match="has begun"):
        policies.withdraw(world.engine, 1, SYSTEM)
    with pytest.raises(RegistryError, match="in the future"):
        policies.add(world.engine, draft(), T0, "改写过去", SYSTEM)
    with pytest.raises(Conflict):
        policies.add(world.engine, draft(), tomorrow, "同一时刻", SYSTEM)
    assert policies.document(world.engine, version)["types"]["6503"] == {"grade": 3}


def test_what_a_draft_would_have_made_of_a_past_day(world: World) -> None:
    """By hand: three smokes far apart, an overspeed that repeats twice after two minutes, ten in-cab alarms."""
    rows = [(1, T0 + n * 2 * HOUR, "6503", 1, 600) for n in range(3)]
    rows += [(2, T0 + n * 2 * MINUTE, "808:01", 0, 1000) for n in range(3)]
    rows += [(3, T0 + n * 10 * SECOND, "6401", 1, 600) for n in range(10)]

    def ask(name: str, start: int, end: int) -> pa.Table:
        assert name == "alarm_replay"
        here = sorted((row for row in rows if start <= row[1] < end), key=lambda row: row[1])
        stamp = pa.timestamp("ms", tz="UTC")
        return pa.table(
            {
                "vehicle_id": pa.array([r[0] for r in here], pa.uint32()), "at": pa.array([r[1] for r in here], stamp),
                "started_at": pa.array([r[1] for r in here], stamp), "phase": pa.array([0] * len(here), pa.uint8()),
                "type": pa.array([r[2] for r in here], pa.string()), "dialect": pa.array([""] * len(here), pa.string()),
                "level": pa.array([r[3] for r in here], pa.uint8()),
                "speed_dkmh": pa.array([r[4] for r in here], pa.uint16()),
            }
        )  # fmt: skip

    policies.ensure(world.engine)
    day = china_day(T0)
    actor = Actor(1, "p")
    key = what_if.enter(world.engine, draft(**{"6503": 0, "6401": 1}), day, day, actor)
    assert what_if.waiting(world.engine) == key
    what_if.run(world.engine, key, ask)
    (found,) = what_if.views(world.engine, 1)
    assert (found.state, found.done) == ("done", 1.0) and found.result is not None
    forced, tried = found.result["in_force"], found.result["draft"]
    # in force: 3 smoking cases; one overspeed case, raised to G2 by its third pre-warning; collisions stay in the cab
    assert (forced["raw"], forced["warnings"], forced["alarms"]) == (16, 7, 6)
    assert forced["cases"] == {"g1": 3, "g2": 1, "g3": 0}
    # draft: no smoking, one case of collision warnings
    assert (tried["raw"], tried["warnings"], tried["alarms"]) == (16, 7, 4)
    assert tried["cases"] == {"g1": 1, "g2": 1, "g3": 0}
    smoking = next(each for each in tried["by_type"] if each["type"] == "6503")
    assert smoking == {"type": "6503", "raw": 3, "warnings": 3, "alarms": 0, "g1": 0, "g2": 0, "g3": 0}
    assert what_if.waiting(world.engine) is None
    for days, field in (((day, day - 1), "to_day"), ((day - 31, day), "to_day"), ((day, 99_999), "to_day")):
        with pytest.raises(RegistryError) as caught:
            what_if.enter(world.engine, draft(), *days, actor)
        assert caught.value.field == field
    later = what_if.enter(world.engine, draft(), day, day, actor)
    what_if.cancel(world.engine, 1, later)
    what_if.run(world.engine, later, ask)
    assert what_if.views(world.engine, 1, later)[0].state == "cancelled"
    assert json.dumps(found.result)
