"""Numbers of the handling: Wilson bounds by hand, verdicts that count after an appeal, the funnel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from case_world import MINUTE, SIGN, World
from offices import CITY, FULL, PROVINCE, judged, person
from sqlalchemy import insert, text

from luwei.cases.policy import parse, shipped_document
from luwei.oversight import completeness, devices, funnel, statistics
from luwei.oversight.choice import Chosen
from luwei.oversight.interval import wilson
from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.errors import RegistryError
from luwei.registry.evidence import EvidenceFile
from luwei.registry.scope import Scope


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(10, 50, 0.11244, 0.33037), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (1, 1, 0.20655, 1.0)],
)
def test_wilson_bounds_are_those_of_the_formula(hits: int, total: int, low: float, high: float) -> None:
    """10/50 by hand, z = 1.96: (0.2 + 0.038416 ± 1.96·√(0.0032 + 0.00038416)) / 1.076832."""
    assert wilson(hits, total) == pytest.approx((low, high), abs=2e-5)


def test_an_empty_sample_has_no_interval() -> None:
    with pytest.raises(ValueError, match="empty"):
        wilson(0, 0)


def test_verdicts_are_counted_by_the_device_of_then_and_after_appeals(world: World) -> None:
    now = now_ms()
    with write(world.engine) as connection:
        connection.execute(text("UPDATE terminal SET model = 'M1'"))
        for at, firmware in ((now - 90 * MINUTE, "1.0"), (now + 90 * MINUTE, "2.0")):
            connection.execute(
                text(
                    "INSERT INTO terminal_profile_change(terminal_id, at, profile, version, by_hand, firmware, why,"
                    " username) VALUES (:t, :at, 'p', 1, :no, :f, '', '')"
                ),
                {"t": world.terminal, "at": at, "f": firmware, "no": False},
            )
    for number in range(4):  # half an hour apart: each is a case of its own
        world.take(world.alarm("6502", now - (4 - number) * 31 * MINUTE))
    keys = [case.id for case in world.cases()]
    handler = person(world, "handler")
    for key, verdict in zip(keys, ("true", "false", "true", "undecided"), strict=False):
        reason = {"true": FULL.reason, "false": None, "undecided": None}[verdict]
        given = replace(FULL, verdict=verdict, reason=reason or _reason(verdict))
        judged(world, handler, key, given)
    assert devices.follow(world.engine) == len(keys) and devices.follow(world.engine) == 0
    period = Chosen(now - 24 * 60 * MINUTE, now + 60 * MINUTE)
    (row,) = statistics.verdicts(world.engine, CITY, period)
    assert (row.model, row.firmware, row.type) == ("M1", "1.0", "6502")
    assert (row.true, row.false, row.undecided, row.rate) == (2, 1, 1, 33.33)
    with write(world.engine) as connection:
        connection.execute(
            text(
                "INSERT INTO appeal_effect(case_id, appeal_id, before, after, at) VALUES (:c, 1, 'true', 'false', :at)"
            ),
            {"c": keys[0], "at": now_ms()},
        )
    (row,) = statistics.verdicts(world.engine, CITY, period)
    assert (row.true, row.false, row.undecided, row.rate) == (1, 2, 1, 66.67)
    # bounds of 2/3 by the formula: (0.6667 + 0.6403 ± 1.96·√(0.07407 + 0.10671)) / 2.2805
    assert (row.low, row.high) == (pytest.approx(20.77, abs=0.02), pytest.approx(93.85, abs=0.02))
    behind = statistics.cases_behind(world.engine, CITY, period, "false", 1, 50)
    assert (behind.total, sorted(each.id for each in behind.items)) == (2, sorted(keys[:2]))
    assert {each.verdict for each in behind.items} == {"true", "false"}, "the verdict as given is still shown"
    of_row = replace(period, model=row.model, firmware=row.firmware, type=row.type, dialect=row.dialect, vendor=0)
    assert statistics.cases_behind(world.engine, CITY, of_row, "", 1, 50).total == row.true + row.false + row.undecided
    assert statistics.cases_behind(world.engine, CITY, replace(period, firmware=""), "", 1, 50).total == 0
    assert statistics.verdicts(world.engine, Scope(cities=frozenset({440300})), period) == []
    with pytest.raises(RegistryError, match="verdict"):
        statistics.cases_behind(world.engine, CITY, period, "maybe", 1, 50)

    # day is from 06:00 to 18:00 of China's clock, by the alarm's own time: 22:00 UTC is 06:00, 10:00 UTC is 18:00
    hours = (22 * 60 * MINUTE, 22 * 60 * MINUTE - 1, 10 * 60 * MINUTE - 1, 10 * 60 * MINUTE)
    midnight = now // (1440 * MINUTE) * 1440 * MINUTE
    with write(world.engine) as connection:
        for key, at in zip(keys, hours, strict=True):
            given = {"at": midnight + at, "c": key}
            connection.execute(text("UPDATE alarm_case SET started_at = :at WHERE id = :c"), given)
    rows = {row.light: row for row in statistics.verdicts(world.engine, CITY, period, by_light=True)}
    # case 0 counts as false since its appeal, 2 is true: by day 1 of 2; by night 1 of 1 and one undecided
    assert {light: (row.true, row.false, row.undecided, row.rate) for light, row in rows.items()} == {
        "day": (1, 1, 0, 50.0), "night": (0, 1, 1, 100.0),
    }  # fmt: skip
    assert (rows["night"].low, rows["night"].high) == (pytest.approx(20.65, abs=0.02), 100.0)
    by_night = replace(period, light="night")
    assert [row.light for row in statistics.verdicts(world.engine, CITY, by_night)] == ["night"]
    behind = statistics.cases_behind(world.engine, CITY, by_night, "", 1, 50)
    assert {each.id for each in behind.items} == {keys[1], keys[3]}
    with pytest.raises(RegistryError, match="light"):
        statistics.verdicts(world.engine, CITY, replace(period, light="dusk"))


def _reason(verdict: str) -> str:
    return parse(shipped_document()).reasons_for("6502", verdict)[0].code


def test_the_funnel_narrows_from_alarms_to_cases_and_each_number_has_its_rows(world: World) -> None:
    """Three alarms within a minute are one pre-warning and one case; one of G0 is a count alone."""
    now = now_ms()
    world.take(*(world.alarm("6502", now - MINUTE + n * 1_000) for n in range(3)))
    world.take(world.alarm("6401", now - MINUTE), world.alarm("6502", now - MINUTE, vehicle_id=world.second))
    day = (now - MINUTE + 8 * 60 * MINUTE) // (24 * 60 * MINUTE)
    shenzhen = Scope(cities=frozenset({440300}))

    def total(scope: Scope, operator: int | None = None, by: str = "both") -> tuple[int, ...]:
        found = funnel.funnel(world.engine, scope, day - 1, day + 1, operator, by)
        sums = tuple(sum(getattr(row, n) for row in found.items) for n in funnel.COUNTS)
        assert sums == tuple(getattr(found.sum, n) for n in funnel.COUNTS)
        return sums

    assert total(CITY) == total(CITY, operator=world.operator) == (4, 2, 1, 0, 1, 0)
    assert total(PROVINCE, by="operator") == total(PROVINCE, by="day") == (5, 3, 2, 0, 2, 0)
    assert total(PROVINCE, operator=0) == total(shenzhen) == (1, 1, 1, 0, 1, 0)
    both = funnel.funnel(world.engine, PROVINCE, day - 1, day + 1, None, "both", 2, 1)
    assert (both.total, [row.operator for row in both.items]) == (2, [None]), "the one with more alarms comes first"
    counts = funnel.funnel(world.engine, Scope(aggregate=True), day - 1, day + 1, None)
    assert {row.operator for row in counts.items} == {None} and total(Scope(aggregate=True)) == total(PROVINCE)
    assert total(Scope(aggregate=True), by="operator") == total(PROVINCE)

    def behind(scope: Scope, operator: int, *, graded: bool) -> list[tuple[str, int]]:
        page = funnel.warnings_behind(world.engine, scope, day, operator, graded, 1, 50)
        assert page.total == len(page.items)
        return [(each.plate, each.count) for each in page.items]

    assert sorted(behind(CITY, world.operator, graded=False)) == [("粤AD8814", 1), ("粤AD8814", 3)]
    assert behind(CITY, world.operator, graded=True) == [("粤AD8814", 3)]
    assert behind(PROVINCE, 0, graded=False) == behind(shenzhen, 0, graded=True) == [("粤B12345", 1)]
    assert behind(shenzhen, world.operator, graded=False) == []
    (case,) = funnel.cases_behind(world.engine, CITY, day, world.operator, 2, 1, 50).items
    assert case.plate == "粤AD8814"
    assert funnel.cases_behind(world.engine, CITY, day, world.operator, 3, 1, 50).total == 0
    assert funnel.cases_behind(world.engine, PROVINCE, day, 0, 2, 1, 50).total == 1
    assert funnel.cases_behind(world.engine, CITY, day + 1, world.operator, 2, 1, 50).total == 0
    with pytest.raises(RegistryError, match="to_day"):
        funnel.funnel(world.engine, CITY, day, day - 1, None)


def test_files_that_were_never_announced_are_missing_too(world: World) -> None:
    """Two alarms with three files each: one brought two pictures (one does not decode) and lost a clip, the other one
    never answered and was given up. By hand: 6 files, 2 here, 1 readable, 4 lost; 1 / 6 = 16.67 %."""
    now = now_ms()
    signs = [bytes([*SIGN[:12], 0x31 + n, *SIGN[13:]]) for n in range(2)]
    for n, sign in enumerate(signs):
        world.take(world.alarm("6502", now - (3 - n) * 31 * MINUTE, identification=sign, files=3))
    assert devices.follow(world.engine) == 2
    with write(world.engine) as connection:
        states = [("complete", True), ("complete", False), ("lost", None)]
        for state, readable in states:
            connection.execute(
                insert(EvidenceFile),
                {"kind": "picture", "origin": "attachment", "request_id": 1, "state": state, "readable": readable},
            )
        connection.execute(text("UPDATE evidence_request SET state = 'given_up', cause = '不支持' WHERE id = 2"))
    period = Chosen(now - 24 * 60 * MINUTE, now + 60 * MINUTE)
    (row,) = completeness.evidence(world.engine, CITY, period)
    assert (row.alarms, row.whole, row.alarm_rate) == (2, 0, 0.0)
    assert (row.announced, row.complete, row.late, row.lost, row.waiting, row.unreadable) == (6, 2, 0, 4, 0, 1)
    assert row.rate == 16.67

    def behind(state: str) -> list[tuple[int, int]]:
        page = completeness.alarms_behind(world.engine, CITY, period, state, 1, 50)
        assert page.total == len(page.items)
        return sorted((each.case.id, each.lost) for each in page.items)

    assert behind("lost") == behind("broken") == behind("") == [(1, 1), (2, 3)]
    assert behind("unreadable") == behind("complete") == [(1, 1)] and behind("waiting") == []
    (silent,) = [e for e in completeness.alarms_behind(world.engine, CITY, period, "", 1, 50).items if not e.complete]
    assert silent.cause == "不支持"
    with write(world.engine) as connection:
        connection.execute(text("UPDATE evidence_request SET state = 'open' WHERE id = 2"))
        connection.execute(text("UPDATE evidence_file SET state = 'complete', readable = :yes"), {"yes": True})
    (row,) = completeness.evidence(world.engine, CITY, period)
    assert (row.whole, row.lost, row.waiting, row.rate, row.alarm_rate) == (1, 0, 3, 50.0, 50.0)
    assert completeness.evidence(world.engine, Scope(cities=frozenset({440300})), period) == []
