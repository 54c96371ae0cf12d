"""Numbers of the handling: Wilson bounds by hand, verdicts that count after an appeal, the funnel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from case_world import MINUTE, World
from offices import CITY, FULL, judged, person
from sqlalchemy import text

from luwei.cases.policy import parse, shipped_document
from luwei.oversight import devices, statistics
from luwei.oversight.interval import wilson
from luwei.oversight.statistics import Chosen
from luwei.registry.base import now_ms
from luwei.registry.engine import write
from luwei.registry.errors import RegistryError
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
            text("INSERT INTO appeal_effect(case_id, appeal_id, before, after, at) VALUES (:c, 1, 'true', 'false', 1)"),
            {"c": keys[0]},
        )
    (row,) = statistics.verdicts(world.engine, CITY, period)
    assert (row.true, row.false, row.undecided, row.rate) == (1, 2, 1, 66.67)
    # bounds of 2/3 by the formula: (0.6667 + 0.6403 ± 1.96·√(0.07407 + 0.10671)) / 2.2805
    assert (row.low, row.high) == (pytest.approx(20.77, abs=0.02), pytest.approx(93.85, abs=0.02))
    behind = statistics.cases_behind(world.engine, CITY, period, "false")
    assert sorted(each.id for each in behind) == sorted(keys[:2])
    assert {each.verdict for each in behind} == {"true", "false"}, "the verdict as given is still shown"
    assert statistics.verdicts(world.engine, Scope(cities=frozenset({440300})), period) == []
    with pytest.raises(RegistryError, match="verdict"):
        statistics.cases_behind(world.engine, CITY, period, "maybe")


def _reason(verdict: str) -> str:
    return parse(shipped_document()).reasons_for("6502", verdict)[0].code


def test_the_funnel_narrows_from_alarms_to_cases(world: World) -> None:
    """Three alarms within a minute are one pre-warning and one case; one of G0 is a count alone."""
    now = now_ms()
    world.take(*(world.alarm("6502", now - MINUTE + n * 1_000) for n in range(3)))
    world.take(world.alarm("6401", now - MINUTE))
    day = (now - MINUTE + 8 * 60 * MINUTE) // (24 * 60 * MINUTE)

    def total(scope: Scope, **more: Any) -> tuple[int, ...]:
        rows = statistics.funnel(world.engine, scope, day - 1, day + 1, more.get("operator"))
        return tuple(sum(getattr(row, n) for row in rows) for n in ("raw", "warnings", "alarms", "g1", "g2", "g3"))

    assert total(CITY) == total(CITY, operator=world.operator) == (4, 2, 1, 0, 1, 0)
    counts = statistics.funnel(world.engine, Scope(aggregate=True), day - 1, day + 1, None)
    assert {row.operator for row in counts} == {None} and total(Scope(aggregate=True)) == total(CITY)
    assert total(Scope(cities=frozenset({440300}))) == (0,) * 6
    with pytest.raises(RegistryError, match="to_day"):
        statistics.funnel(world.engine, CITY, day, day - 1, None)
