"""How far trucks of the notice have come: contacts written once, stages, stalls, months; on both registries."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Engine, insert, text, update

from luwei.programme import progress
from luwei.programme.contact import ContactFollower
from luwei.programme.counted import Counted
from luwei.programme.progress import COUNTS, Chosen
from luwei.registry import organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.contact import VehicleContact
from luwei.registry.engine import read, write
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.template import ParameterTemplate, TemplatePush, TemplateVersion, TerminalTemplate

NOW = 1_795_155_973_000
"""2026-11-20 14:26:13 in China."""
HOUR, DAY = 3_600_000, 86_400_000
SHENZHEN, GUANGZHOU = 440300, 440100


def history(rows: dict[int, int]) -> Any:
    """The history's answer to when it received first, of those that it has."""

    def query(name: str, vehicles: Sequence[int]) -> pa.Table:
        assert name == "first_received"
        found = {key: rows[key] for key in vehicles if key in rows}
        return pa.table({"vehicle_id": [*found], "first_at": pa.array([*found.values()], pa.int64())})

    return query


def contacts(engine: Engine) -> dict[int, tuple[int, int | None]]:
    with read(engine) as connection:
        rows = connection.execute(text("SELECT vehicle_id, first_at, silent_at FROM vehicle_contact"))
        return {row[0]: (row[1], row[2]) for row in rows}


def test_a_contact_is_written_when_it_says_something_new(engine: Engine) -> None:
    follower = ContactFollower(engine, lambda: np.zeros(0, np.int64), history({1: NOW - 90 * DAY}))
    heard = np.array([0, NOW - HOUR, NOW - 3 * DAY, 0], np.int64)
    assert follower.follow(heard, NOW) == 2
    assert contacts(engine) == {1: (NOW - 90 * DAY, None), 2: (NOW - 3 * DAY, NOW - 3 * DAY)}
    heard[1] = NOW + HOUR
    assert follower.follow(heard, NOW + HOUR) == 0, "who goes on sending costs nothing"
    later = NOW + HOUR + DAY
    assert follower.follow(heard, later - 1) == 0
    assert follower.follow(heard, later) == 1, "a day of silence"
    assert contacts(engine)[1] == (NOW - 90 * DAY, NOW + HOUR)
    again = ContactFollower(engine, lambda: heard, history({}))
    assert again.follow(heard, later) == 0, "a new process knows what stands there"
    heard[2] = later
    assert again.follow(heard, later) == 1
    assert contacts(engine)[2] == (NOW - 3 * DAY, None)


def test_a_row_that_a_merge_brought_is_kept(engine: Engine) -> None:
    follower = ContactFollower(engine, lambda: np.zeros(0, np.int64), history({}))
    assert follower.follow(np.zeros(3, np.int64), NOW) == 0
    with write(engine) as connection:
        connection.execute(insert(VehicleContact), [{"vehicle_id": 2, "first_at": 7, "silent_at": None}])
    follower.follow(np.array([0, 0, NOW], np.int64), NOW)
    assert contacts(engine) == {2: (7, None)}


def build(engine: Engine) -> dict[str, int]:
    """Six tractors: without a terminal, never heard, silent 2 d, silent 10 d, online, online with its parameters set;
    and a slag truck, which the notice does not cover."""
    insurer = organisations.create(engine, {"kind": "insurer", "name": "甲财险"}, SYSTEM, WHOLE)
    vendor = organisations.create(engine, {"kind": "vendor", "name": "乙设备"}, SYSTEM, WHOLE)
    keys: dict[str, int] = {"insurer": insurer, "vendor": vendor}
    for number, name in enumerate(("bare", "never", "day", "week", "online", "matched", "slag")):
        kind = "slag_truck" if name == "slag" else "semi_trailer_tractor"
        city = GUANGZHOU if name in ("bare", "never") else SHENZHEN
        given = {"plate": f"粤B1234{number}", "plate_color": 2, "city": city, "vehicle_class": kind}
        key = keys[name] = vehicles.create(engine, given | {"insurer_id": insurer}, SYSTEM, WHOLE)
        if name != "bare":
            device = {"phone": f"1380000000{number}", "vehicle_id": key, "model": "M2"}
            keys[f"t-{name}"] = terminals.create(engine, device | {"vendor_id": vendor}, SYSTEM, WHOLE)
    rows = [(keys["day"], NOW - 2 * DAY), (keys["week"], NOW - 10 * DAY), (keys["online"], None),
            (keys["matched"], None), (keys["slag"], None)]  # fmt: skip
    with write(engine) as connection:
        first = NOW - 40 * DAY
        connection.execute(
            insert(VehicleContact), [{"vehicle_id": key, "first_at": first, "silent_at": at} for key, at in rows]
        )
        connection.execute(text("UPDATE binding SET from_at = :at WHERE what = 'terminal'"), {"at": NOW - 70 * DAY})
        template = {"id": 1, "name": "牵引车", "vehicle_class": "semi_trailer_tractor", "model": "M2"}
        connection.execute(insert(ParameterTemplate).values(template))
        version = {"id": 1, "template_id": 1, "number": 1, "parameters": "[]", "author": "a", "approved_at": NOW - DAY}
        connection.execute(insert(TemplateVersion).values(version | {"effective_from": NOW - DAY}))
        push = {
            "id": 1,
            "version_id": 1,
            "act": "push",
            "origin": "connect",
            "username": "",
            "state": "done",
            "total": 1,
        }
        connection.execute(insert(TemplatePush).values(push | {"skipped": 0, "expires_at": NOW}))
        held = {"terminal_id": keys["t-matched"], "version_id": 1, "push_id": 1, "result": "equal"}
        held |= {"checked_at": NOW}
        connection.execute(insert(TerminalTemplate).values(held))
    return keys


def listed(engine: Engine, keys: dict[str, int], scope: Scope = WHOLE, **chosen: Any) -> list[str]:
    names = {key: name for name, key in keys.items() if not name.startswith("t-") and name not in ("insurer", "vendor")}
    found = progress.page(engine, scope, Chosen(**chosen), 1, 50, NOW)
    assert found.total == len(found.items)
    beyond = progress.page(engine, scope, Chosen(**chosen), found.total + 1, 1, NOW)
    assert (beyond.total, beyond.items) == (found.total, []), "whoever asks beyond the end is told where it is"
    return [names[row.vehicle_id] for row in found.items]


def test_a_count_and_the_list_behind_it_have_the_same_conditions(engine: Engine) -> None:
    keys = build(engine)
    counted = progress.progress(engine, WHOLE, WHOLE, NOW)
    assert counted.sum == {
        "due": 6, "bound": 5, "heard": 4, "online": 2, "templated": 2, "matched": 1, "never": 1, "day": 1, "week": 1,
    }  # fmt: skip
    opens = {name: {"stage": name} for name in progress.ORDER} | {name: {"stall": name} for name in progress.STALLS}
    opens |= {"templated": {"templated": "yes"}, "matched": {"templated": "matched"}}
    assert set(opens) == set(COUNTS)
    others: list[dict[str, Any]] = [{}, {"templated": "unmatched"}]
    others += [{name: stage} for name in ("before", "short") for stage in progress.ORDER[1:]]
    for cell in counted.cells:
        place = {"city": cell.city, "insurer": cell.insurer.id if cell.insurer else 0}
        place["vendor"] = cell.vendor.id if cell.vendor else 0
        for name, number in cell.counts.items():
            assert len(listed(engine, keys, **opens[name], **place)) == number, (name, place)
        for chosen in (*opens.values(), *others):
            found = listed(engine, keys, **chosen, **place)
            assert progress.length(counted, Chosen(**chosen, **place)) == len(found), (chosen, place)
    assert {cell.city for cell in counted.cells} == {SHENZHEN, GUANGZHOU}
    assert listed(engine, keys, before="bound") == ["bare"] and listed(engine, keys, before="heard") == ["never"]
    assert listed(engine, keys, before="online") == ["day", "week"], "those that did not reach it"
    assert listed(engine, keys, templated="unmatched") == ["online"]
    assert listed(engine, keys, short="online") == ["bare", "never", "day", "week"]
    assert progress.length(counted, Chosen(stage="due", county=440305)) is None, "counts know no counties"
    assert progress.length(counted, Chosen(stage="due", stall="day")) is None
    assert progress.length(counted, Chosen(stage="nowhere")) is None, "the list refuses it by name"


def test_a_row_says_where_it_stands_and_since_when(engine: Engine) -> None:
    keys = build(engine)
    rows = {row.vehicle_id: row for row in progress.page(engine, WHOLE, Chosen(stage="due"), 1, 50, NOW).items}
    assert keys["slag"] not in rows
    stands = {name: (rows[keys[name]].reached, rows[keys[name]].waits_from) for name in ("never", "week", "online")}
    assert stands == {
        "never": ("bound", NOW - 70 * DAY), "week": ("heard", NOW - 10 * DAY), "online": ("online", None),
    }  # fmt: skip
    assert (rows[keys["bare"]].reached, rows[keys["matched"]].parameters) == ("due", "equal")


def test_months_count_what_was_so_by_their_ends(engine: Engine) -> None:
    build(engine)
    months = {each.month: (each.bound, each.heard) for each in progress.progress(engine, WHOLE, WHOLE, NOW).months}
    # bound on 11 September, heard first on 11 October; the slag truck counts in neither
    assert (min(months), max(months)) == ("2025-12", "2026-11")
    assert [months[f"2026-{month:02d}"] for month in (8, 9, 10, 11)] == [(0, 0), (5, 0), (5, 4), (5, 4)]


def test_an_insurer_counts_its_own_trucks_and_a_vendor_its_devices(engine: Engine) -> None:
    keys = build(engine)
    other = organisations.create(engine, {"kind": "insurer", "name": "丙财险"}, SYSTEM, WHOLE)
    vehicles.change(engine, keys["online"], {"insurer_id": other}, SYSTEM, WHOLE)
    theirs = Scope(insurers=frozenset({other}))
    assert progress.progress(engine, theirs, WHOLE, NOW).sum["due"] == 1
    assert listed(engine, keys, theirs, stage="due") == ["online"]
    mine = Scope(vendors=frozenset({keys["vendor"]}))
    assert progress.progress(engine, mine, WHOLE, NOW).sum["due"] == 5, "a truck without a device is nobody's"
    abroad = Scope(cities=frozenset({GUANGZHOU}))
    assert listed(engine, keys, abroad, stage="due") == ["bare", "never"]
    whole = progress.progress(engine, Scope(aggregate=True), WHOLE, NOW)
    assert whole.sum["due"] == 6 and all(cell.vendor is None for cell in whole.cells)


def test_counts_that_took_long_are_kept_and_say_of_when_they_are(engine: Engine) -> None:
    keys, now = build(engine), [0.0]
    step = [0.2]

    def clock() -> float:
        now[0] += step[0]
        return now[0]

    counted = Counted(clock)
    first = counted.of(engine, WHOLE, WHOLE)
    assert counted.page(engine, WHOLE, Chosen(stage="online"), 1, 50).total == 2
    assert counted.page(engine, WHOLE, Chosen(before="heard", city=GUANGZHOU), 1, 50).total == 1
    with write(engine) as connection:
        connection.execute(
            update(VehicleContact).where(VehicleContact.vehicle_id == keys["online"]).values(silent_at=1)
        )
    assert counted.of(engine, WHOLE, WHOLE) is first
    kept = counted.page(engine, WHOLE, Chosen(stage="online"), 1, 50)
    assert (kept.total, len(kept.items)) == (2, 1), "rows are read anew"
    now[0], step[0] = 400.0, 0.01
    assert counted.of(engine, WHOLE, WHOLE).sum["online"] == 1, "after five minutes it is counted again"
    assert counted.of(engine, WHOLE, WHOLE).as_of >= first.as_of, "a quick one is never kept"
    assert counted.page(engine, WHOLE, Chosen(stage="online"), 1, 50).total == 1


def test_nobody_waits_for_the_counts_that_another_one_asked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(engine)
    counted, begun, go = Counted(), threading.Event(), threading.Event()
    city = Scope(cities=frozenset({SHENZHEN}))
    made: list[Scope] = []

    def slow(engine: Engine, scope: Scope, area: Scope) -> progress.Progress:
        made.append(scope)
        if scope is WHOLE:
            begun.set()
            assert go.wait(20)
        return progress.progress(engine, scope, area, NOW)

    monkeypatch.setattr("luwei.programme.counted.progress", slow)
    monkeypatch.setattr("luwei.programme.counted.QUICK_S", 0.0)
    with ThreadPoolExecutor(4) as pool:
        whole = [pool.submit(counted.of, engine, WHOLE, WHOLE) for _ in range(2)]
        assert begun.wait(20)
        assert pool.submit(counted.of, engine, city, WHOLE).result(20).sum["due"] == 4
        assert pool.submit(counted.page, engine, WHOLE, Chosen(stage="due"), 1, 50).result(20).total == 6
        go.set()
        assert whole[0].result(20) is whole[1].result(20)
    assert made == [WHOLE, city], "who asks the same takes the same answer"
