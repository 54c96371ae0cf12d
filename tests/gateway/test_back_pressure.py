"""Acknowledged means kept: answers wait for the bus, and without it nothing is read and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bus_double import BusDouble
from terminal_double import Terminal, location

from luwei.gateway.service import Gateway

Until = Callable[..., Awaitable[None]]


async def test_answer_leaves_only_after_the_bus_has_the_batch(online: Terminal, bus: BusDouble) -> None:
    bus.gate.clear()
    await online.send(online.frame(0x0200, location(), serial=1))
    assert await online.silent(0.3)
    assert bus.rows("fix") == []
    bus.gate.set()
    assert await online.result() == (1, 0x0200, 0)
    assert len(bus.rows("fix")) == 1


async def test_repeated_report_is_not_confirmed_before_its_original(online: Terminal, bus: BusDouble) -> None:
    bus.gate.clear()
    frame = online.frame(0x0200, location(), serial=1)
    await online.send(frame)
    await asyncio.sleep(0.1)
    await online.send(frame)
    assert await online.silent(0.3)
    bus.gate.set()
    assert await online.results(2) == [(1, 0x0200, 0)] * 2
    assert len(bus.rows("fix")) == 1


async def test_batch_is_sent_again_under_the_same_id_until_the_bus_takes_it(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.away = True
    bus.attempts.clear()
    await online.send(online.frame(0x0200, location(), serial=1))
    await until(lambda: len(bus.attempts) >= 3)
    assert len(set(bus.attempts)) <= 2  # this batch, and perhaps the session event
    bus.away = False
    assert await online.result() == (1, 0x0200, 0)
    assert len(bus.rows("fix")) == 1


async def test_nothing_is_read_while_the_bus_is_away_and_health_says_so(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.connected = False
    await until(lambda: gateway.status.last.get("paused"))
    assert gateway.status.last["ok"] is False and gateway.status.last["paused_reason"] == "bus away"
    before = int(gateway.status.bytes_in)
    await online.send(*(online.frame(0x0200, location(22_000_000 + n), serial=n) for n in range(50)))
    assert await online.silent(0.3)
    assert gateway.status.bytes_in == before
    bus.connected = True
    assert [serial for serial, _, _ in await online.results(50)] == list(range(50))
    assert len(bus.rows("fix")) == 50
    await until(lambda: gateway.status.last["ok"])


async def test_waiting_for_the_bus_is_no_silence_of_the_terminals(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.connected = False
    await until(lambda: gateway.status.last.get("paused"))
    gateway.table.heard_ms[:] = 1
    bus.connected = True
    await until(lambda: gateway.table.heard_ms[gateway.table.by_phone[online.phone].slot] > 1)
    await asyncio.sleep(1.2)  # who is silent for too long is looked for once a second
    await online.send(online.frame(0x0002, serial=2))
    assert await online.result() == (2, 0x0002, 0)


async def test_reading_stops_when_too_many_batches_wait(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.gate.clear()
    for number in range(12):
        await online.send(online.frame(0x0200, location(22_000_000 + number), serial=number))
        await asyncio.sleep(0.03)
    assert gateway.publisher.in_flight <= 5
    bus.gate.set()
    assert [serial for serial, _, _ in await online.results(12)] == list(range(12))
    assert len(bus.rows("fix")) == 12


async def test_answer_to_a_closed_connection_does_not_reach_the_next_one_on_its_slot(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.gate.clear()
    await online.send(online.frame(0x0200, location(), serial=1))
    await until(lambda: any(True for _ in bus.attempts))
    online.close()
    await until(lambda: gateway.table.count == 0)
    other = Terminal()
    await other.connect(gateway.wire.port)
    await until(lambda: gateway.table.count == 1)
    bus.gate.set()
    assert await other.silent(0.3)


async def test_full_window_of_batches_without_a_bus_is_reported_as_paused(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.away = True
    number = 0
    while not gateway.status.last.get("paused"):  # a busy machine puts several into one batch
        await online.send(online.frame(0x0200, location(22_000_000 + number), serial=number))
        number += 1
        await asyncio.sleep(0.02)
    bus.away = False
    assert [serial for serial, _, _ in await online.results(number)] == list(range(number))
