"""Registration, authentication, takeover and the ends of a session, over real sockets (reference §5, §8.6, §11.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from bus_double import BusDouble, Start
from terminal_double import Terminal, location

from luwei.gateway.service import Gateway

Until = Callable[..., Awaitable[None]]


@pytest.mark.parametrize("edition", [2013, 2019])
async def test_terminal_registers_authenticates_and_reports(
    gateway: Gateway, bus: BusDouble, edition: int, until: Until
) -> None:
    terminal = Terminal(edition=edition)
    await terminal.log_in(gateway.wire.port)
    await terminal.send(terminal.frame(0x0200, location(), serial=77))
    assert await terminal.result() == (77, 0x0200, 0)
    (row,) = bus.rows("fix")
    assert (row["lat_e6"], row["lon_e6"], row["edition"], row["serial"]) == (22_543_099, 114_057_868, edition, 77)
    assert row["vehicle_id"] and row["terminal_id"] and row["mileage_hm"] == 123_456 and row["fuel_dl"] is None
    await until(lambda: bus.rows("session"))
    event = bus.rows("session")[0]
    assert (event["event"], event["phone"], event["transport"]) == ("authenticated", "13800138000", "tcp")


async def test_repeated_registration_gives_the_same_code(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    assert await terminal.register() == 0
    first = terminal.code
    assert await terminal.register() == 0
    assert terminal.code == first and first


async def test_code_survives_a_restart_of_the_gateway(start: Start) -> None:
    gateway = await start()
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    terminal.close()
    again = await start()
    await terminal.connect(again.wire.port)
    assert await terminal.authenticate() == 0


async def test_unknown_terminal_gets_result_4_where_only_known_ones_are_admitted(start: Start) -> None:
    gateway = await start(admission="known")
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    assert await terminal.register() == 4
    assert terminal.code == ""


async def test_wrong_code_is_result_1_and_registration_is_possible_on_the_same_line(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    assert await terminal.authenticate("13800138000") == 1
    assert await terminal.register() == 0
    assert await terminal.authenticate() == 0
    assert gateway.ledger.totals["terminal_unknown"] == 1


async def test_code_of_another_phone_is_refused(gateway: Gateway) -> None:
    one, other = Terminal("13800138000"), Terminal("13800138001", plate="粤B54321")
    await one.log_in(gateway.wire.port)
    await other.connect(gateway.wire.port)
    assert await other.register() == 0
    assert await other.authenticate(one.code) == 1


async def test_connection_is_closed_after_repeated_failures(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    for _ in range(5):
        await terminal.send(terminal.authentication("nonsense"))
    assert await terminal.closed()


async def test_bare_2013_code_under_a_2019_header_is_accepted(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    assert await terminal.register() == 0
    await terminal.send(terminal.frame(0x0102, terminal.code.encode()))
    assert (await terminal.result())[2] == 0


async def test_bytes_behind_the_handshake_wait_for_it_and_keep_their_order(gateway: Gateway, bus: BusDouble) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    assert await terminal.register() == 0
    reports = [terminal.frame(0x0200, location(22_000_000 + n)) for n in range(5)]
    await terminal.send(terminal.authentication(terminal.code), *reports)
    assert [r[1:] for r in await terminal.results(6)] == [(0x0102, 0)] + [(0x0200, 0)] * 5
    assert [row["lat_e6"] for row in bus.rows("fix")] == [22_000_000 + n for n in range(5)]


async def test_nothing_but_the_handshake_is_taken_before_authentication(gateway: Gateway, bus: BusDouble) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    await terminal.send(terminal.frame(0x0200, location()))
    assert (await terminal.result())[1:] == (0x0200, 1)
    assert gateway.ledger.totals == {"not_authenticated": 1}
    assert bus.rows("fix") == []


async def test_frame_of_another_phone_is_refused_and_counted(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    await online.send(online.frame(0x0200, location(), phone="13800138999"), online.frame(0x0200, location(), serial=9))
    assert await online.result() == (9, 0x0200, 0)
    assert len(bus.rows("fix")) == 1
    assert gateway.ledger.totals == {"other_phone": 1}


async def test_same_number_with_other_padding_is_the_same_terminal(gateway: Gateway, bus: BusDouble) -> None:
    terminal = Terminal(edition=2019)
    await terminal.log_in(gateway.wire.port)
    terminal.edition = 2013
    await terminal.send(terminal.frame(0x0200, location()))
    assert (await terminal.result())[1:] == (0x0200, 0)
    assert bus.rows("fix")[0]["edition"] == 2013


async def test_newer_connection_takes_over_although_the_old_socket_hangs(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    newer = Terminal()
    newer.code = online.code
    await newer.log_in(gateway.wire.port)
    await newer.send(newer.frame(0x0200, location(), serial=5))
    assert await newer.result() == (5, 0x0200, 0)
    assert await online.closed()
    assert gateway.table.count == 1
    await until(lambda: any(row["reason"] == "taken over" for row in bus.rows("session")))


async def test_older_connection_stays_until_the_newer_one_has_authenticated(online: Terminal, gateway: Gateway) -> None:
    thief = Terminal()
    await thief.connect(gateway.wire.port)
    assert await thief.authenticate("guess") == 1
    await online.send(online.frame(0x0200, location(), serial=5))
    assert await online.result() == (5, 0x0200, 0)


async def test_session_taken_over_on_another_gateway_is_closed_here(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    newer = gateway.table.by_phone["13800138000"].session + 1
    message = {"gateway": "gw-1", "boot": 1, "sessions": [{"phone": "13800138000", "session": newer}]}
    await bus.handlers["gateway.session"]("gateway.session", json.dumps(message).encode(), {})
    assert await online.closed()


async def test_older_session_of_another_gateway_does_not_close_the_one_here(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    older = gateway.table.by_phone["13800138000"].session - 1
    message = {"gateway": "gw-1", "boot": 1, "sessions": [{"phone": "13800138000", "session": older}]}
    await bus.handlers["gateway.session"]("gateway.session", json.dumps(message).encode(), {})
    await online.send(online.frame(0x0002, serial=3))
    assert await online.result() == (3, 0x0002, 0)


async def test_unregistering_ends_the_session_but_keeps_the_code(online: Terminal, gateway: Gateway) -> None:
    await online.send(online.frame(0x0003), online.frame(0x0200, location()))
    assert [r[1:] for r in await online.results(2)] == [(0x0003, 0), (0x0200, 1)]
    assert await online.authenticate() == 0


async def test_silent_connection_is_closed_after_the_idle_time(start: Start) -> None:
    gateway = await start(idle_s=600)
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    gateway.table.heard_ms[:] -= 600_000
    assert await terminal.closed()


async def test_many_connections_from_one_address_are_refused_beyond_the_limit(start: Start, until: Until) -> None:
    gateway = await start(connections_per_address=3)
    terminals = [Terminal() for _ in range(4)]
    for terminal in terminals:
        await terminal.connect(gateway.wire.port)
    await until(lambda: gateway.wire.refused_connections == 1)
    assert gateway.table.count == 3
    terminals[0].close()
    await until(lambda: gateway.table.count == 2)


async def test_stop_publishes_what_was_read_answers_it_and_closes_the_sessions(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bus.gate.clear()
    await online.send(online.frame(0x0200, location(), serial=8))
    await until(lambda: bus.attempts)
    gateway.stop()
    await asyncio.sleep(0.05)
    bus.gate.set()
    assert await online.result() == (8, 0x0200, 0)
    assert await online.closed()
    reasons = [row["reason"] for row in bus.rows("session") if row["event"] == "closed"]
    assert reasons == ["gateway stopped"]
