"""Quirks of devices at the gateway (reference jt808 §11) that no other test is named after (docs/profiles.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bus_double import BusDouble, Start
from terminal_double import ITEMS, Terminal, location

from luwei import facts
from luwei.gateway.orders import SLAVE_SERVER, Dispatch, Letter, Order
from luwei.gateway.service import Gateway
from luwei.protocol.jt808.fragments import split
from luwei.protocol.jt808.header import Header

Until = Callable[..., Awaitable[None]]


async def test_11_1_7_a_constant_serial_costs_no_report_and_no_answer(online: Terminal, bus: BusDouble) -> None:
    await online.send(*(online.frame(0x0200, location(22_000_000 + n), serial=0) for n in range(5)))
    assert await online.results(5) == [(0, 0x0200, 0)] * 5
    assert [row["lat_e6"] for row in bus.rows("fix")] == [22_000_000 + n for n in range(5)]


async def test_11_1_7_serials_that_restart_at_every_message_type_cost_nothing(online: Terminal, bus: BusDouble) -> None:
    await online.send(
        online.frame(0x0200, location(22_000_000), serial=0),
        online.frame(0x0002, serial=0),
        online.frame(0x0200, location(22_000_001), serial=1),
        online.frame(0x0702, bytes.fromhex("02250601083015"), serial=0),
    )
    answered = sorted((name, serial) for serial, name, result in await online.results(4) if result == 0)
    assert answered == [(0x0002, 0), (0x0200, 0), (0x0200, 1), (0x0702, 0)]
    assert len(bus.rows("fix")) == 2 and len(bus.rows("message")) == 1


async def test_11_2_10_the_code_is_short_ascii_and_never_empty(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.connect(gateway.wire.port)
    await terminal.send(terminal.registration())
    body = (await terminal.receive()).body
    assert body[2] == 0 and 1 <= len(body[3:]) <= 30 and body[3:].isascii() and body[3:].isalnum()
    terminal.close()


async def test_11_3_18_future_times_and_dates_1024_weeks_back_are_kept_beside_the_time_of_receipt(
    online: Terminal, bus: BusDouble
) -> None:
    now = datetime.now(UTC) + timedelta(hours=8)
    for days in (1, -1024 * 7):
        at = (now + timedelta(days=days)).strftime("%y%m%d%H%M%S")
        await online.send(online.frame(0x0200, location(22_000_000 + days, time=at)))
        await online.result()
    future, rolled = bus.rows("fix")
    assert future["flags"] & facts.FLAG_TIME_FUTURE and rolled["flags"] & facts.FLAG_TIME_PAST
    for row, days in ((future, 1), (rolled, -1024 * 7)):
        assert row["at"] == row["received_at"]
        assert abs(row["device_at"] - (now - timedelta(hours=8) + timedelta(days=days))) < timedelta(minutes=1)


async def test_11_3_19_a_speed_spike_is_kept_as_sent_and_noted(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    body = location()
    await online.send(online.frame(0x0200, body[:18] + (2501).to_bytes(2, "big") + body[20:]))
    assert (await online.result())[2] == 0
    assert bus.rows("fix")[0]["speed_dkmh"] == 2501
    assert gateway.ledger.noted_totals == {"speed_impossible": 1}


@pytest.mark.parametrize("item", ["EB0C000400CE0123000500D00102", "E806001102003301"])
async def test_11_3_26_vendor_containers_stay_whole_and_unread(
    online: Terminal, gateway: Gateway, bus: BusDouble, item: str
) -> None:
    await online.send(online.frame(0x0200, location(items=bytes.fromhex(item) + ITEMS)))
    assert (await online.result())[2] == 0
    (row,) = bus.rows("fix")
    assert row["items"] == bytes.fromhex(item) + ITEMS and row["satellites"] == 12
    assert gateway.ledger.noted_totals == {"item_unknown": 1}


async def test_11_3_27_fuel_with_bit_15_is_no_amount_of_litres(online: Terminal, bus: BusDouble) -> None:
    for fuel in ("8032", "7FFF"):
        await online.send(online.frame(0x0200, location(items=bytes.fromhex("0202" + fuel))))
        await online.result()
    odd, plain = bus.rows("fix")
    assert (odd["fuel_dl"], odd["items"].hex(), plain["fuel_dl"]) == (None, "02028032", 32_767)


async def test_11_3_29_a_bit_that_toggles_is_stored_each_time_as_sent(online: Terminal, bus: BusDouble) -> None:
    for number, alarm in enumerate((2, 0, 2, 0)):
        await online.send(online.frame(0x0200, alarm.to_bytes(4, "big") + location(22_000_000 + number)[4:]))
        await online.result()
    assert [row["alarm"] for row in bus.rows("fix")] == [2, 0, 2, 0]


async def test_11_4_32_fragments_of_a_picture_are_confirmed_one_by_one_and_0x8800_never_comes_early(
    online: Terminal,
) -> None:
    header = Header(
        message_id=0x0801, body_length=0, serial=100, edition=2019, protocol_version=1,
        phone_raw=bytes.fromhex(online.phone.rjust(20, "0")),
    )  # fmt: skip
    frames = split(header, bytes.fromhex("00000001 00 00 00 01") + location(items=b"") + b"\xff\xd8" + bytes(900), 400)
    for number, frame in enumerate(frames[:-1]):
        await online.send(frame)
        assert await online.result() == (100 + number, 0x0801, 0)
    assert await online.silent(0.2)
    await online.send(frames[-1])
    answers = [(await online.receive()).header.message_id]
    assert answers[0] in (0x8001, 0x8800)


async def test_11_4_39_a_slave_server_client_is_sent_no_command_and_its_reports_are_taken(
    start: Start, bus: BusDouble, tmp_path: Path
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.toml").write_text(
        'name = "own"\nversion = 1\nzh = "从服务器"\nen = "slave"\nsource = "2019 §3.1.10"\nextends = "standard-2019"\n'
        '[match]\nmodel = ["TEST-*"]\n[capability]\nslave_server = true\n',
        "utf-8",
    )
    gateway = await start(profiles=tmp_path / "profiles")
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    receipt = gateway.commands.take(Dispatch([Letter(0x8201, {2019: b""}, 0x0201)], [Order(1, terminal.phone, 0)]), 1)
    assert receipt.refused == [(1, SLAVE_SERVER)]
    await terminal.send(terminal.frame(0x0200, location()))
    assert (await terminal.receive()).header.message_id == 0x8001
    assert len(bus.rows("fix")) == 1
    terminal.close()


async def test_as3_two_alarms_in_one_report_keep_their_own_times_and_places(online: Terminal, bus: BusDouble) -> None:
    adas = (
        bytes.fromhex("6447000000010101022 80C0000003C00230157FAFB06CC628C2506010830140401".replace(" ", ""))
        + b"A000001".ljust(30, b"\0")
        + bytes.fromhex("25060108301400030000")
    )
    items = adas + adas[:5] + b"\x02" + adas[6:] + ITEMS
    await online.send(online.frame(0x0200, location(items=items)))
    assert (await online.result())[2] == 0
    assert bus.rows("fix")[0]["items"] == items
