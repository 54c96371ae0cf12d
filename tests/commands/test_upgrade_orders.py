"""Staged upgrades through gateways to simulated terminals that load, restart and come back, or do not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from command_system import System, system, until
from sqlalchemy import Engine, select, update

from luwei.commands.journal import Target
from luwei.commands.upgrades import decide, firmware, orders, plan, reading
from luwei.commands.upgrades import engine as upgrade_engine
from luwei.commands.upgrades.firmware import SIZE_MAX
from luwei.commands.upgrades.plan import StagePlan
from luwei.commands.upgrades.reading import OrderView, VehicleView
from luwei.history.reports import Report
from luwei.protocol.jt808.messages.control import UpgradePacket
from luwei.registry import terminals
from luwei.registry import upgrade as u
from luwei.registry import vehicles as vehicles_of
from luwei.registry.audit import SYSTEM, Actor, AuditEntry
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.upgrade import UpgradeOrder, UpgradeVehicle
from luwei.simulator import service as simulator
from luwei.simulator.service import Line
from luwei.simulator.upgrading import FAILS, SUCCEEDS, VANISHES

__all__ = ["system"]

pytestmark = pytest.mark.timeout(240)

MODEL = "UP-1"
OLD, NEW = "V3.2.1", "V4.0.0"
URL = {"url": "http://10.0.0.1/fw.bin", "firmware": NEW}
ONE_BY_ONE = (StagePlan(34, 100, 600, 1), StagePlan(100, 100, 600, 1))
ALL = (StagePlan(100, 50, 600, 100),)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, ask soon who came back, and have terminals come back soon."""
    monkeypatch.setattr(simulator, "RETRY_FIRST_S", 0.1)
    monkeypatch.setattr(decide, "ASK_AFTER_MS", 300)
    monkeypatch.setattr(upgrade_engine, "TURN_S", 0.3)


def body(**changes: Any) -> dict[str, Any]:
    return {
        "name": "四月固件", "way": "url", "reason": "修复定位漂移", "firmware": None, "target": URL, "upgrade_type": 0,
        "model": MODEL, "only_parked": False, "confirm_stages": False,
    } | changes  # fmt: skip


async def connected(system: System, count: int, fate: str = SUCCEEDS, edition: int = 2019) -> list[Line]:
    """The first trucks of an edition, all of one model, online, quick in loading."""
    gateway = await system.start_gateway()
    await system.start_core()
    chosen = [truck for truck in system.fleet if truck.edition == edition][:count]
    with write(system.engine) as connection:
        numbers = [truck.number + 1 for truck in chosen]
        connection.execute(update(Terminal).where(Terminal.id.in_(numbers)).values(model=MODEL))
    lines = system.connect(chosen, gateway.wire.port)
    for line in lines:
        object.__setattr__(line.terminal.truck, "model", MODEL)
        upgrading = line.terminal.commands.equipment.upgrading
        upgrading.fate, upgrading.load_s, upgrading.restart_s = fate, 0.2, 0.2
    await system.online(count)
    return lines


async def begin(system: System, lines: Sequence[Line], stages: tuple[StagePlan, ...], **changes: Any) -> int:
    assert system.upgrades is not None
    wanted = plan.plan(system.engine, body(**changes), stages)
    targets = [Target(line.terminal.truck.number + 1, line.terminal.truck.phone) for line in lines]
    chosen = plan.fitting(system.engine, wanted, targets)
    assert len(chosen) == len(lines)
    return await system.upgrades.begin(wanted, chosen, 0, SYSTEM)


def view(system: System, order: int) -> OrderView:
    return reading.one(system.engine, WHOLE, 0, order)


def vehicles(system: System, order: int) -> list[VehicleView]:
    return list(reading.exported(system.engine, WHOLE, order))


async def ended(system: System, order: int, seconds: float = 60) -> list[VehicleView]:
    await until(lambda: view(system, order).ended_at, f"order {order} ended", seconds)
    return vehicles(system, order)


def acts(system: System, order: int) -> list[str]:
    with read(system.engine) as connection:
        found = connection.scalars(
            select(AuditEntry.act)
            .where(AuditEntry.noun == "upgrade", AuditEntry.noun_id == order)
            .order_by(AuditEntry.id)
        )
        return [act.removeprefix("upgrade.") for act in found]


async def test_stages_follow_one_another_once_each_is_proven(system: System) -> None:
    lines = await connected(system, 3)
    order = await begin(system, lines, ONE_BY_ONE)
    found = await ended(system, order)
    assert [(row.stage, row.result) for row in found] == [(1, "success"), (1, "success"), (2, "success")]
    # 0x0108 may come before or after the question for the version
    assert all(row.proof.endswith("version") for row in found)
    assert {(row.version_before, row.version_after) for row in found} == {(OLD, NEW)}
    whole = view(system, order)
    assert (whole.state, [stage.counts["success"] for stage in whole.stages]) == ("done", [2, 1])
    first, second = whole.stages
    assert first.ended_at is not None and second.started_at is not None and second.started_at >= first.ended_at
    assert min(row.sent_at or 0 for row in found if row.stage == 2) >= max(
        row.ended_at or 0 for row in found if row.stage == 1
    )
    assert acts(system, order) == ["begin", "stage", "end"]


async def test_a_failure_in_the_first_stage_keeps_the_others_as_they_are(system: System) -> None:
    lines = await connected(system, 3, FAILS)
    order = await begin(system, lines, (StagePlan(1, 100, 600, 1), StagePlan(100, 100, 600, 1)))
    found = await ended(system, order)
    assert sorted((row.stage, row.result, row.cause) for row in found) == [
        (1, "failed", "result_1"), (2, "cancelled", ""), (2, "cancelled", ""),
    ]  # fmt: skip
    assert (view(system, order).state, view(system, order).cause) == ("stopped", "failures")
    assert sum(line.terminal.reconnects for line in lines) == 1
    assert acts(system, order) == ["begin", "stop", "end"]


async def test_who_has_the_version_is_skipped_and_counted(system: System) -> None:
    lines = await connected(system, 2)
    lines[0].terminal.commands.equipment.upgrading.version = NEW
    found = await ended(system, await begin(system, lines, ALL))
    told = {row.phone: (row.result, row.cause) for row in found}
    assert told == {
        lines[0].terminal.truck.phone: ("skipped", "same_version"), lines[1].terminal.truck.phone: ("success", ""),
    }  # fmt: skip
    assert lines[0].terminal.reconnects == 0


async def test_a_terminal_that_never_comes_back_has_failed_when_its_time_is_over(system: System) -> None:
    lines = await connected(system, 1, VANISHES)
    assert system.upgrades is not None
    order = await begin(system, lines, ALL)
    await until(lambda: vehicles(system, order)[0].step == u.SENT and not lines[0].link, "gone")
    late = system.upgrades._clock() + 601_000
    system.upgrades._clock = lambda: late  # type: ignore[method-assign]
    # one last question first, which nobody answers
    await until(lambda: vehicles(system, order)[0].step == u.CONFIRMING, "asked once more")
    system.upgrades._clock = lambda: late + 3_600_000  # type: ignore[method-assign]
    (row,) = await ended(system, order)
    assert (row.result, row.cause) == ("failed", "no_result")


async def test_a_moving_truck_gets_nothing_until_it_is_parked(system: System) -> None:
    lines = await connected(system, 2)
    parked, moving = (line.terminal.truck.number + 1 for line in lines)
    system.parked = {parked}
    order = await begin(system, lines, ALL, only_parked=True)
    await until(lambda: {row.result for row in vehicles(system, order)} == {"success", ""}, "the parked one")
    (waiting,) = [row for row in vehicles(system, order) if row.vehicle_id == moving]
    assert waiting.step == u.READY and lines[1].terminal.reconnects == 0
    system.parked = {moving}
    assert {row.result for row in await ended(system, order)} == {"success"}


async def test_an_order_goes_on_after_the_core_was_away_and_asks_who_came_back_meanwhile(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(vehicles: Sequence[int], since: int) -> list[Report]:
        return []

    monkeypatch.setattr(system, "_reported", lost)  # its 0x0108 never arrives
    lines = await connected(system, 1)
    upgrading = lines[0].terminal.commands.equipment.upgrading
    upgrading.load_s = 1.0
    order = await begin(system, lines, ALL)
    await until(lambda: vehicles(system, order)[0].step == u.SENT, "sent")
    await system.stop_core()
    await until(lambda: upgrading.version == NEW and lines[0].terminal.reconnects, "upgraded unseen")
    await system.start_core()
    (row,) = await ended(system, order)
    assert (row.result, row.proof, row.version_after) == ("success", "version", NEW)


async def test_pausing_holds_what_is_not_sent_and_a_person_lets_each_stage_begin(system: System) -> None:
    lines = await connected(system, 2)
    assert system.upgrades is not None
    stages = (StagePlan(50, 100, 600, 1), StagePlan(100, 100, 600, 1))
    order = await begin(system, lines, stages, confirm_stages=True)
    await until(lambda: view(system, order).state == "paused", "first stage done")
    assert (view(system, order).cause, view(system, order).stage) == ("stage_done", 1)
    await system.upgrades.resume(order, SYSTEM)
    assert {row.result for row in await ended(system, order)} == {"success"}
    with pytest.raises(Conflict, match="not paused"):
        await system.upgrades.resume(order, SYSTEM)
    assert not await system.upgrades.pause(order, SYSTEM) and not await system.upgrades.end(order, SYSTEM)


async def test_a_stopped_order_takes_back_what_waits_for_an_offline_truck(system: System) -> None:
    lines = await connected(system, 1)
    assert system.upgrades is not None
    lines[0].terminal.blocked_until_s = 1e12
    lines[0].stop()
    await system.online(0)
    order = await begin(system, lines, ALL)
    await until(lambda: vehicles(system, order)[0].waits == "offline", "waits for the truck")
    assert await system.upgrades.pause(order, SYSTEM)
    await until(lambda: vehicles(system, order)[0].step == u.WAITING, "taken back")
    await system.upgrades.resume(order, SYSTEM)
    await until(lambda: vehicles(system, order)[0].waits == "offline", "waits again")
    assert await system.upgrades.end(order, SYSTEM)
    (row,) = await ended(system, order)
    assert (row.result, view(system, order).state, view(system, order).cause) == ("cancelled", "stopped", "person")
    assert acts(system, order) == ["begin", "pause", "resume", "stop", "end"]


@pytest.mark.parametrize("edition", [2013, 2019])
async def test_a_file_goes_out_in_fragments_and_arrives_whole(system: System, edition: int) -> None:
    lines = await connected(system, 1, edition=edition)
    data = hashlib.sha256(b"firmware").digest() * 1_000  # 32,000 bytes: 33 fragments
    given = {"name": "fw.bin", "upgrade_type": 0, "manufacturer": "70231", "model": MODEL, "version": NEW}
    key = firmware.take_in(system.engine, given, data, SYSTEM)
    received: list[bytes] = []
    take = lines[0].terminal.commands.equipment.table[0x8108]

    def seen(frame: Any, now_s: float) -> Any:
        received.append(UpgradePacket.decode(frame.body, frame.header.edition).data)
        return take(frame, now_s)

    lines[0].terminal.commands.equipment.table[0x8108] = seen
    order = await begin(system, lines, ALL, way="packet", firmware=key)
    (row,) = await ended(system, order)
    assert (row.result, row.version_after, received) == ("success", NEW, [data])
    assert view(system, order).sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_is_hashed_bounded_and_kept_once(engine: Engine) -> None:
    given = {"name": "fw.bin", "upgrade_type": 0, "manufacturer": "70231", "model": MODEL, "version": NEW}
    key = firmware.take_in(engine, given, b"abc", Actor(1, "chen"))
    kept = firmware.one(engine, key)
    # GB/T 32905-2016 A.1 and FIPS 180-4: "abc"
    assert kept.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert kept.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(Conflict):
        firmware.take_in(engine, given, b"abc", SYSTEM)
    for data, changes, field in (
        (b"", {}, "file"), (bytes(SIZE_MAX + 1), {}, "file"), (b"x", {"manufacturer": "123456"}, "manufacturer"),
        (b"x", {"upgrade_type": 7}, "upgrade_type"), (b"x", {"version": ""}, "version"), (b"x", {"model": ""}, "model"),
    ):  # fmt: skip
        with pytest.raises(RegistryError) as refused:
            firmware.take_in(engine, given | changes, data, SYSTEM)
        assert refused.value.field == field
    firmware.retire(engine, key, SYSTEM)
    assert firmware.page(engine) == []
    with pytest.raises(NotFound):
        firmware.retire(engine, key, SYSTEM)
    with pytest.raises(Conflict, match="retired"):
        plan.plan(engine, body(way="packet", firmware=key), ALL)


@pytest.mark.parametrize(
    ("changes", "stages", "field"),
    [
        ({"reason": "x"}, ALL, "reason"),
        ({"model": ""}, ALL, "model"),
        ({"target": {"firmware": NEW}}, ALL, "target.url"),
        ({"target": URL | {"url": "x" * 251}}, ALL, "target.url"),
        ({"target": URL | {"url": "http://a;b"}}, ALL, "target"),  # fields are parted by ;
        ({"way": "carrier pigeon"}, ALL, "way"),
        ({"way": "packet", "firmware": 99}, ALL, "firmware"),
        ({}, (), "stages"),
        ({}, (StagePlan(50, 95, 600, 1),), "stages.0.percent"),
        ({}, (StagePlan(50, 95, 600, 1), StagePlan(50, 95, 600, 1)), "stages.1.percent"),
        ({}, (StagePlan(100, 0, 600, 1),), "stages.0.accept_percent"),
        ({}, (StagePlan(100, 95, 59, 1),), "stages.0.wait_s"),
        ({}, (StagePlan(100, 95, 600, 0),), "stages.0.stop_failures"),
    ],
)  # fmt: skip
def test_a_wrong_order_is_refused_before_anything_is_sent(
    engine: Engine, changes: dict[str, Any], stages: tuple[StagePlan, ...], field: str
) -> None:
    with pytest.raises(RegistryError) as refused:
        plan.plan(engine, body(**changes), stages)
    assert refused.value.field == field


async def test_an_order_holds_trucks_of_its_model_only_and_each_in_one_open_order(system: System) -> None:
    lines = await connected(system, 1)
    wanted = plan.plan(system.engine, body(), ALL)
    stranger = next(truck for truck in system.fleet if truck.number + 1 != lines[0].terminal.truck.number + 1)
    own = Target(lines[0].terminal.truck.number + 1, lines[0].terminal.truck.phone)
    targets = [own, Target(stranger.number + 1, stranger.phone)]
    assert [target for target, _ in plan.fitting(system.engine, wanted, targets)] == [own]
    order = await begin(system, lines, ALL)
    assert plan.fitting(system.engine, wanted, targets) == []
    await ended(system, order)
    assert len(plan.fitting(system.engine, wanted, targets)) == 1


def test_no_truck_gets_two_upgrades_however_close_the_orders_are(engine: Engine) -> None:
    """Chosen while they were free, entered one after the other; and taken up again after another order took one."""
    keys = [
        (made := vehicles_of.create(engine, {"plate": f"粤B1000{n}", "plate_color": 2}, SYSTEM, WHOLE),
         terminals.create(engine, {"phone": f"1380000000{n}", "vehicle_id": made}, SYSTEM, WHOLE))
        for n in range(2)
    ]  # fmt: skip
    chosen = [(Target(vehicle, f"1380000000{n}"), terminal) for n, (vehicle, terminal) in enumerate(keys)]
    wanted = plan.plan(engine, body(), ALL)
    first = orders.enter(engine, wanted, chosen, 0, SYSTEM)
    with pytest.raises(Conflict, match=f"in the open order {first}"):
        orders.enter(engine, wanted, chosen[1:], 0, SYSTEM)
    with write(engine) as connection:
        connection.execute(update(UpgradeVehicle).values(step=u.OVER, result=u.UNREACHED))
        connection.execute(update(UpgradeOrder).values(state=u.PAUSED, cause="person"))
    second = orders.enter(engine, wanted, chosen[1:], 0, SYSTEM)
    orders.resume(engine, first, SYSTEM)
    with read(engine) as connection:
        rows = connection.execute(
            select(UpgradeVehicle.order_id, UpgradeVehicle.vehicle_id).where(UpgradeVehicle.step != u.OVER)
        ).all()
    assert sorted(tuple(row) for row in rows) == [(first, keys[0][0]), (second, keys[1][0])]
