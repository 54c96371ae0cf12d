"""The strip of newest alarms: who sees which, how many, and that it is bounded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from luwei import facts
from luwei.live.alarm_strip import RING, SHOWN, AlarmStrip
from luwei.live.feed import now_ms
from luwei.live.fleet import Fleet
from luwei.live.view import Selection
from luwei.registry.scope import Scope


def event(key: int, vehicle: int, type_: str = "808:01", phase: int = 1, backfill: bool = False) -> dict[str, Any]:
    now = datetime.fromtimestamp(now_ms() / 1000, UTC)
    blank: dict[str, Any] = {
        field.name: b"" if pa.types.is_binary(field.type) else "" if pa.types.is_string(field.type) else 0
        for field in facts.ALARM_EVENT
    }
    times = dict.fromkeys(("at", "started_at", "received_at"), now)
    return blank | times | {
        "alarm": key, "vehicle_id": vehicle, "type": type_, "phase": phase, "backfill": backfill, "source": "808",
    }  # fmt: skip


class Line:
    """A bus that hands over what a test says."""

    async def subscribe(self, subject: str, handler: Any, queue: str = "") -> None:
        self.handler = handler

    async def say(self, *rows: dict[str, Any]) -> None:
        batch = facts.rows_to_batch(facts.ALARM, list(rows))
        await self.handler("alarm.0", facts.pack(batch), {})


@pytest.fixture
def fleet() -> Fleet:
    found = Fleet()
    found.set_registry([1, 2, 3], [440100, 440300, 440300], [0, 0, 0], [7, 7, 8])
    return found


async def strip_of(fleet: Fleet, before: list[dict[str, Any]]) -> tuple[AlarmStrip, Line]:
    line = Line()
    table = pa.Table.from_pylist(before, schema=facts.ALARM_EVENT)
    strip = AlarmStrip(fleet, line, lambda name, **asked: table)
    await strip.start()
    assert strip._task is not None
    await strip._task
    return strip, line


async def test_a_screen_gets_what_its_scope_and_filter_select(fleet: Fleet) -> None:
    strip, line = await strip_of(fleet, [])
    await line.say(
        event(1, 1), event(2, 2), event(3, 3), event(4, 99), event(5, 2, phase=2), event(6, 2, backfill=True)
    )
    shenzhen = Selection(scope=Scope(cities=frozenset({440300})))
    found = strip.since(0, shenzhen)
    assert [row["alarm"] for row in found.rows] == [3, 2]
    assert [row["alarm"] for row in strip.since(0, Selection(operator=7)).rows] == [2, 1]
    assert strip.since(found.place, shenzhen).rows == ()


async def test_a_vendor_hears_of_device_faults_only(fleet: Fleet) -> None:
    strip, line = await strip_of(fleet, [])
    await line.say(event(1, 1), event(2, 1, "808:11"))
    assert [row["alarm"] for row in strip.since(0, Selection(), faults_only=True).rows] == [2]


async def test_the_newest_are_shown_and_the_rest_is_a_number_however_many_there_are(fleet: Fleet) -> None:
    strip, line = await strip_of(fleet, [])
    for start in range(0, RING + 500, 500):
        await line.say(*(event(start + number + 1, 1) for number in range(500)))
    found = strip.since(0, Selection())
    assert (len(found.rows), found.more) == (SHOWN, RING - SHOWN)
    assert found.rows[0]["alarm"] == strip.total
    assert len(strip._rows) == len(strip._known) == RING


async def test_a_repetition_that_the_bus_refused_is_shown_once_and_rubbish_does_no_harm(fleet: Fleet) -> None:
    strip, line = await strip_of(fleet, [event(1, 1)])
    await line.say(event(1, 1), event(2, 1))
    await line.handler("alarm.0", b"rubbish", {})
    assert [row["alarm"] for row in strip.since(strip.first_place(), Selection()).rows] == [2, 1]
