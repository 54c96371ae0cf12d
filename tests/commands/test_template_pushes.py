"""Pushing a template, reading it back and comparing, through gateways to simulated terminals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from command_system import System, newest, system, until, with_habit
from sqlalchemy import insert, select, update

from luwei.commands.journal import Target
from luwei.commands.templates import catalogue, reading
from luwei.commands.templates.pushes import Due, verdict
from luwei.commands.templates.reading import PushView, ResultView
from luwei.registry import template as t
from luwei.registry.audit import SYSTEM, AuditEntry
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import RegistryError
from luwei.registry.scope import WHOLE
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile
from luwei.registry.vehicle import Vehicle
from luwei.simulator.parameter_habits import CAPS, CONCEALS, REFUSES, ROUNDS

__all__ = ["system"]

pytestmark = pytest.mark.timeout(240)

PARAMETERS = [
    {"id": 0x29, "value": 15}, {"id": 0x55, "value": 100},
    {"id": 0xF364, "value": {"volume": 4}}, {"id": 0xF366, "value": {"tyre": "900R20", "pressure": 150}},
    {"id": 0xF367, "value": {"rear": 3}},
]  # fmt: skip


def approved(system: System, vehicles: Sequence[int], parameters: list[dict[str, Any]] = PARAMETERS) -> tuple[int, int]:
    """A template for these vehicles, which are all made tractors, and its approved version."""
    with write(system.engine) as connection:
        connection.execute(update(Vehicle).where(Vehicle.id.in_(vehicles)).values(vehicle_class="semi_trailer_tractor"))
    given = {"name": "牵引车标准", "vehicle_class": "semi_trailer_tractor", "dialect": "yuebiao"}
    key, version = catalogue.create(system.engine, given, parameters, "", SYSTEM)
    catalogue.approve(system.engine, version, None, SYSTEM)
    return key, version


async def push(system: System, version: int, vehicles: Sequence[int], act: str = t.PUSH, expires_s: int = 60) -> int:
    assert system.templates is not None
    targets = [Target(key, system.fleet[key - 1].phone) for key in vehicles]
    return await system.templates.push(version, targets, 0, "验收", expires_s, act, SYSTEM)


def view(system: System, key: int) -> PushView:
    return reading.one(system.engine, WHOLE, 0, key)


async def over(system: System, key: int, seconds: float = 60) -> dict[int, ResultView]:
    """The results of a push by vehicle once it is done."""
    await until(lambda: view(system, key).state in (t.DONE, t.CANCELLED), f"push {key} done", seconds)
    await until(lambda: not reading.results(system.engine, WHOLE, key, "open", 1, 1).total, "none open", seconds)
    return {row.vehicle_id: row for row in reading.exported(system.engine, WHOLE, key)}


async def test_every_vehicle_ends_equal_different_or_refused_with_the_fields_that_differ(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good, rounds, caps = with_habit(system.fleet, ""), with_habit(system.fleet, ROUNDS), with_habit(system.fleet, CAPS)
    refuses, conceals = with_habit(system.fleet, REFUSES), with_habit(system.fleet, CONCEALS)
    vehicles = [good, rounds, caps, refuses, conceals]
    _, version = approved(system, vehicles)
    lines = dict(zip(vehicles, system.connect([system.fleet[v - 1] for v in vehicles], gateway.wire.port), strict=True))
    await system.online(5)
    found = await over(system, await push(system, version, vehicles))
    assert {key: (row.result, row.cause) for key, row in found.items()} == {
        good: ("equal", ""), rounds: ("different", ""), caps: ("different", ""), refuses: ("refused", "failure"),
        conceals: ("different", ""),
    }  # fmt: skip
    told = {key: [(d.id, d.field, d.wanted, d.found) for d in row.differences] for key, row in found.items()}
    assert told[rounds] == [(0x29, "", "15 s", "20 s")]
    assert told[caps] == [(0x55, "", "100 km/h", "90 km/h")]
    assert told[conceals] == [(0xF367, "rear", "3 s", "")]
    # what the template leaves out of a block stayed as it was: alarm speed 30 km/h, the 粤标 default
    assert lines[good].terminal.parameters.values[0xF364][:2] == bytes([30, 4])
    rows = reading.terminals(system.engine, WHOLE, template=None, result=None, q="", number=1, size=50).items
    assert {row.vehicle_id: (row.result, row.differences) for row in rows} == {
        good: ("equal", 0), rounds: ("different", 1), caps: ("different", 1), refuses: ("refused", 0),
        conceals: ("different", 1),
    }  # fmt: skip
    verified = {row.vehicle_id: row.verified_at for row in rows}
    assert verified[good] is not None and verified[rounds] is None
    assert catalogue.page(system.engine, WHOLE)[0].results == {"equal": 1, "different": 3, "refused": 1}


async def test_what_differs_is_sent_again_and_only_that(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good, caps = newest(system.fleet, 2019, 1)[0], with_habit(system.fleet, CAPS)
    _, version = approved(system, [good, caps])
    lines = system.connect([system.fleet[good - 1], system.fleet[caps - 1]], gateway.wire.port)
    await system.online(2)
    first = await push(system, version, [good, caps])
    assert (await over(system, first))[caps].result == "different"
    lines[1].terminal.parameters.habits.habit = ""  # repaired
    targets = reading.unequal(system.engine, WHOLE, first)
    assert [target.vehicle_id for target in targets] == [caps]
    second = await push(system, version, [target.vehicle_id for target in targets])
    assert (await over(system, second))[caps].result == "equal"
    row = reading.terminals(system.engine, WHOLE, template=None, result="equal", q="", number=1, size=50)
    assert row.total == 2


async def test_reading_back_alone_changes_nothing_on_the_terminal(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good = with_habit(system.fleet, "")
    _, version = approved(system, [good])
    (line,) = system.connect([system.fleet[good - 1]], gateway.wire.port)
    await system.online(1)
    before = dict(line.terminal.parameters.values)
    found = await over(system, await push(system, version, [good], t.VERIFY))
    assert found[good].result == "different" and line.terminal.parameters.values == before
    assert {d.id for d in found[good].differences} == {0x29, 0xF364, 0xF366, 0xF367}


async def test_a_terminal_without_0x8106_is_asked_for_all(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good = with_habit(system.fleet, "")
    _, version = approved(system, [good])
    (line,) = system.connect([system.fleet[good - 1]], gateway.wire.port)
    await system.online(1)
    del line.terminal.commands._table[0x8106]
    key = await push(system, version, [good])
    assert (await over(system, key))[good].result == "equal"
    with read(system.engine) as connection:
        batches = connection.execute(select(t.TemplatePush.read_batch, t.TemplatePush.read_all_batch)).one()
    kinds = [system.results(batch)[0].answer for batch in batches]
    assert kinds[0] is None and kinds[1] is not None and len(kinds[1]["parameters"]) > 20


async def test_a_push_waits_for_its_terminal_over_a_restart_of_the_core(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good = with_habit(system.fleet, "")
    _, version = approved(system, [good])
    key = await push(system, version, [good])
    await system.stop_core()
    system.connect([system.fleet[good - 1]], gateway.wire.port)
    await system.online(1)
    await system.start_core()
    assert (await over(system, key))[good].result == "equal"
    with read(system.engine) as connection:
        acts = connection.scalars(select(AuditEntry.act).where(AuditEntry.noun == "template_push")).all()
    assert acts == ["template_push.begin"]


async def test_a_cancelled_push_leaves_alone_who_did_not_get_it(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    good = with_habit(system.fleet, "")
    _, version = approved(system, [good])
    key = await push(system, version, [good])
    assert system.templates is not None
    await system.templates.pause(key, True, SYSTEM)
    (line,) = system.connect([system.fleet[good - 1]], gateway.wire.port)
    await system.online(1)
    await system.done(await system.send("locate", [good]))
    assert view(system, key).state == "paused"
    await system.templates.cancel(key, SYSTEM)
    found = await over(system, key)
    assert (found[good].result, view(system, key).state) == ("cancelled", "cancelled")
    assert line.terminal.parameters.values[0xF364][1] == 6
    assert reading.terminals(system.engine, WHOLE, template=None, result=None, q="", number=1, size=5).total == 0


async def test_a_push_goes_to_the_class_of_the_template_only_and_needs_an_approval(system: System) -> None:
    await system.start_gateway()
    await system.start_core()
    good = with_habit(system.fleet, "")
    key, version = approved(system, [good])
    stranger = next(n for n, truck in enumerate(system.fleet, 1) if truck.vehicle_class == "slag_truck" and n != good)
    pushed = view(system, await push(system, version, [good, stranger], expires_s=0))
    assert (pushed.total, pushed.skipped) == (1, 1)
    with pytest.raises(RegistryError, match="for none of them"):
        await push(system, version, [stranger])
    draft = catalogue.revise(system.engine, key, [{"id": 0x29, "value": 30}], "", SYSTEM)
    with pytest.raises(RegistryError, match="approved first"):
        await push(system, draft, [good])
    assert (await over(system, pushed.id))[good].result == "offline"


async def test_a_terminal_that_showed_another_dialect_is_left_out(system: System) -> None:
    await system.start_gateway()
    await system.start_core()
    good, other = newest(system.fleet, 2019, 2)
    _, version = approved(system, [good, other])
    profile = {
        "terminal_id": other, "profile": "x", "version": 1, "by_hand": False, "why": "[]", "manufacturer_id": "",
        "model": "", "firmware": "", "province": 44, "edition": 2019, "dialect": "subiao",
        "decided_at": 1, "seen_at": 1,
    }  # fmt: skip
    with write(system.engine) as connection:
        connection.execute(insert(TerminalProfile), profile)
    pushed = view(system, await push(system, version, [good, other], expires_s=0))
    assert (pushed.total, pushed.skipped) == (1, 1)


async def test_a_first_connection_gets_the_template_of_its_class_by_itself_and_once(system: System) -> None:
    gateway = await system.start_gateway()
    await system.start_core()
    old, new = [number for number in newest(system.fleet, 2019, 40) if number != with_habit(system.fleet, "")][:2]
    key, _ = approved(system, [old, new], [{"id": 0x28, "value": 10}])
    # its dialect would need a model; a template without blocks needs none
    with write(system.engine) as connection:
        connection.execute(update(t.ParameterTemplate).values(dialect="", on_connect_at=now_ms()))
        days_ago = {"registered_at": now_ms() - 86_400_000, "code": "KNOWN"}
        connection.execute(update(Terminal).where(Terminal.id == old).values(days_ago))
    lines = system.connect([system.fleet[old - 1], system.fleet[new - 1]], gateway.wire.port)
    lines[0].terminal.code = "KNOWN"  # registered long ago, it only authenticates
    await system.online(2)
    (pushed,) = await until(lambda: reading.page(system.engine, WHOLE, 0, key, 1, 10).items, "pushed by itself")
    found = await over(system, pushed.id)
    assert (pushed.origin, pushed.username) == ("connect", "") and list(found) == [new]
    assert found[new].result == "equal"
    assert system.templates is not None
    assert await system.templates.greet(None) == 0


@pytest.mark.parametrize(
    ("step", "push_state", "state", "result", "edition", "then"),
    [
        (t.SET, t.RUNNING, "answered", "success", 2019, (t.READ, "", "")),
        (t.SET, t.RUNNING, "answered", "success", 2011, (t.READ_ALL, "", "")),
        (t.SET, t.CANCELLED, "answered", "success", 2019, (t.ENDED, "cancelled", "set_not_read")),
        (t.SET, t.RUNNING, "failed", "failure", 2019, (t.ENDED, "refused", "failure")),
        (t.SET, t.RUNNING, "failed", "message_error", 2019, (t.ENDED, "refused", "message_error")),
        (t.SET, t.RUNNING, "failed", "edition", None, (t.ENDED, "refused", "edition")),
        (t.SET, t.RUNNING, "failed", "no_answer", 2019, (t.ENDED, "no_answer", "no_answer")),
        (t.SET, t.RUNNING, "failed", "gateway_lost", 2019, (t.ENDED, "no_answer", "gateway_lost")),
        (t.SET, t.RUNNING, "expired", "expired", None, (t.ENDED, "offline", "expired")),
        (t.SET, t.CANCELLED, "cancelled", "cancelled", None, (t.ENDED, "cancelled", "")),
        (t.READ, t.RUNNING, "answered", "success", 2019, (t.ENDED, "", "")),
        (t.READ, t.RUNNING, "answered", "unreadable", 2019, (t.ENDED, "no_answer", "unreadable")),
        (t.READ, t.RUNNING, "failed", "unsupported", 2013, (t.READ_ALL, "", "")),
        (t.READ_ALL, t.RUNNING, "failed", "unsupported", 2013, (t.ENDED, "refused", "unsupported")),
        (t.READ, t.CANCELLED, "cancelled", "cancelled", None, (t.ENDED, "cancelled", "set_not_read")),
    ],
)  # fmt: skip
def test_the_end_of_a_command_says_what_comes_next(
    step: str, push_state: str, state: str, result: str, edition: int | None, then: tuple[str, str, str]
) -> None:
    assert verdict(Due(1, 1, push_state, 1, 1, 1, "1", step, state, result, None, edition)) == then
