"""Every fault of the table does what its name says, and a tolerant reader makes of it what the table expects."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.stream import FrameCutter
from luwei.simulator import wire
from luwei.simulator.device_clock import device_time
from luwei.simulator.driving import Drive
from luwei.simulator.faults import FAULTS, GREETING_FAULTS, OTHER_FAULTS, REFUSED, TAKEN, Attempt, Misbehaviour
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.reports import Instruments
from luwei.simulator.service import simulate
from luwei.simulator.truth import Truth

NOON = datetime(2025, 6, 2, 4, 0, tzinfo=UTC).timestamp()
FLEET = trucks(12, seed=5)
BY_NAME = {fault.name: fault for fault in FAULTS}


def attempt(truck: Truck, serial: int = 1000) -> Attempt:
    drive = Drive(truck, 2, NOON, awake=True)
    report = Instruments(drive).take()
    body = wire.location(report, truck.edition)
    return Attempt(truck, report, serial, body, wire.frame(truck, wire.LOCATION, serial, body), Random(serial))


def read(chunks: list[bytes]) -> tuple[list[Frame], list[str]]:
    """Good frames and codes of the broken ones."""
    cutter, good, bad = FrameCutter(), [], []
    for chunk in chunks:
        for raw in cutter.feed(chunk):
            try:
                good.append(decode_frame(raw))
            except ProtocolError as error:
                bad.append(error.code)
    return good, bad


def applied(name: str) -> list[tuple[Attempt, list[Frame], list[str]]]:
    """The fault on every truck that it fits."""
    result = []
    for truck in FLEET:
        made = attempt(truck)
        if BY_NAME[name].apply(made):
            result.append((made, *read(made.chunks)))
    assert result, "fits no truck"
    return result


def serials(frames: list[Frame]) -> list[int]:
    return [frame.header.serial for frame in frames if frame.header.message_id == 0x0200]


@pytest.mark.parametrize("name", [f.name for f in FAULTS if f.expected == TAKEN and f.name != "late_batch"])
def test_what_is_to_be_taken_can_be_read_as_the_truth_says(name: str) -> None:
    for made, good, bad in applied(name):
        assert bad == []
        frames = [f for f in good if f.header.message_id == 0x0200]
        assert {f.header.serial for f in frames} == {made.serial}
        location = Location.decode(frames[0].body, frames[0].header.edition)
        assert (location.latitude, location.longitude) == (made.report.lat_e6, made.report.lon_e6)
        assert (location.speed, location.status) == (made.report.speed_dkmh, made.report.status)
        if not name.startswith("time_") or name == "time_utc":
            assert location.time == device_time(made.report.at_s)


@pytest.mark.parametrize("name", [f.name for f in FAULTS if f.expected == REFUSED])
def test_what_is_to_be_refused_is_followed_by_a_good_copy(name: str) -> None:
    reason = BY_NAME[name].reason
    for made, good, bad in applied(name):
        mine = [f for f in good if f.header.serial == made.serial and f.header.phone == made.truck.phone]
        assert len(mine) == 1 and mine[0].body == made.body
        if reason:
            assert bad == [reason]


def test_the_unescaped_check_code_stands_at_the_end_of_the_frame() -> None:
    assert all(made.chunks[0].endswith(b"\x7d\x7e") for made, *_ in applied("check_code_unescaped"))


def test_version_flags_contradict_the_layout() -> None:
    for _, (frame,), _ in applied("version_flag_2013"):
        assert frame.header.edition == 2013 and frame.header.flag_quirk
    for _, (frame,), _ in applied("version_flag_missing"):
        assert frame.header.edition == 2019 and frame.header.flag_quirk


@pytest.mark.parametrize(
    ("name", "problem"), [("item_past_the_end", "items_broken"), ("trailing_byte", "items_broken")]
)
def test_broken_items_leave_the_place_intact(name: str, problem: str) -> None:
    for _, (frame,), _ in applied(name):
        assert any(p.startswith(problem) for p in Location.decode(frame.body, frame.header.edition).problems)


def test_a_repetition_after_a_fault_is_the_last_frame_sent() -> None:
    """What waits for 0x8001 must be what the platform can acknowledge."""
    for fault in FAULTS:
        for truck in FLEET:
            made = attempt(truck)
            if fault.apply(made) and not made.kept and fault.name != "torn_writes":
                assert made.serial in serials(read([made.again])[0])


def test_misbehaviour_uses_only_what_it_is_told() -> None:
    truth = Truth(None)
    faults = Misbehaviour(Random(1), share=1.0, only=frozenset({"noise"}))

    class Quiet:
        truck = FLEET[0]
        close_wanted = hang_wanted = False

    Quiet.truth = truth  # type: ignore[attr-defined]
    made = attempt(FLEET[0])
    changed = faults.report(Quiet(), made.report, 1, made.body, made.again, NOON)  # type: ignore[arg-type]
    assert changed is not None and changed.chunks[0].endswith(made.again) and changed.mark is None
    assert truth.faults == {"noise": 1}


async def test_a_misbehaving_fleet_loses_nothing_and_writes_the_truth(
    platform: Any, until: Callable[..., Any], tmp_path: Path
) -> None:
    stop = asyncio.Event()
    path = tmp_path / "truth.jsonl"
    with Truth(path) as truth:
        fleet = trucks(30, seed=6)
        options = {"seed": 6, "misbehave": True, "awake": True, "interval_s": 0.1}
        task = asyncio.create_task(simulate(fleet, "127.0.0.1", platform.port, truth, stop, **options))
        await until(lambda: len(truth.faults) > 25 and truth.acked > 1500, 30)
        stop.set()
        status = await task
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    reports = [row for row in rows if row["kind"] == "report"]
    faults = [row for row in rows if row["kind"] == "fault"]
    assert sum(row["acked"] for row in reports) == status["acked"]
    known = {fault.name for fault in FAULTS} | set(GREETING_FAULTS) | set(OTHER_FAULTS)
    assert {row["fault"] for row in faults} <= known
    assert status["reconnects"] > 0
    kept = Counter(
        (phone, x.time, x.latitude, x.longitude)
        for store in (platform.locations, platform.late)
        for phone, locations in store.items()
        for x in locations
    )
    for row in reports:
        # Times that no clock can show are known by their fault only.
        if row["acked"] and (row["fault"] is None or row["fault"] in ("no_position", "speed_spike", "time_utc")):
            time = device_time(row["at"] / 1000)
            assert kept[row["phone"], time, row["lat_e6"], row["lon_e6"]] > 0, row
    assert platform.broken  # what was to be refused arrived, and the link outlived it
