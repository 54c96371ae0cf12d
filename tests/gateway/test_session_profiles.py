"""The profile of a session: matched at the handshake, shown by what comes, and read by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bus_double import BusDouble, Start
from terminal_double import ITEMS, Terminal, location

from luwei.gateway.service import PROFILE_CHANGED, Gateway
from luwei.protocol.jt808.frame import decode_frame
from luwei.protocol.jt808.messages.control import Attributes
from luwei.registry.audit import SYSTEM
from luwei.registry.scope import WHOLE
from luwei.registry.terminal_profiles import ProfileView, view

Until = Callable[..., Awaitable[None]]

OWN = """
name = "own"
version = 3
zh = "某厂"
en = "A vendor"
source = "tests"
extends = "standard-2019"

[match]
model = ["TEST-*"]

[reading]
charset = "utf-8"
clock_zone_h = 0
server_time_zone_h = 8
speed_step = "1km/h"

[items]
0xEB = []
"""

SUBIAO_ALARM = bytes.fromhex(
    "65 2F 00 00 00 02 00 02 02 00 00 00 00 00 3C 00 23 01 57 FA FB 06 CC 62 8C 25 06 01 08 30 14 04 01"
    "41 30 30 30 30 30 31 25 06 01 08 30 14 00 03 00"
)
"""A2 of the reference (active-safety §15)."""


def seen(gateway: Gateway) -> ProfileView:
    found = view(gateway.handshake._admission.engine, 1, WHOLE)
    assert found is not None
    return found


def session_profile(gateway: Gateway) -> str:
    (connection,) = gateway.table
    profile = gateway.dialects.profile(int(gateway.table.profile[connection.slot]))
    return profile.key if profile is not None else ""


async def test_a_session_has_the_profile_of_its_terminals_registration(online: Terminal, gateway: Gateway) -> None:
    assert session_profile(gateway) == "guangdong@1"
    assert (seen(gateway).profile, seen(gateway).model, seen(gateway).firmware) == ("guangdong", "TEST-1", "V1")


async def test_the_firmware_of_the_attributes_is_kept(online: Terminal, gateway: Gateway, until: Until) -> None:
    made = Attributes(
        terminal_type=4, manufacturer="70111", model="TEST-1", terminal_id="T1", iccid="8986" + "0" * 16,
        hardware="H1", firmware="V3.2.1", gnss_attr=3, comm_attr=32,
    )  # fmt: skip
    await online.send(online.frame(0x0107, made.encode(2019)))
    assert (await online.result())[2] == 0
    await until(lambda: seen(gateway).firmware == "V3.2.1")


async def test_an_alarm_of_another_dialect_is_a_deviation_and_changes_the_match(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    await online.send(online.frame(0x0200, location(items=ITEMS + SUBIAO_ALARM)))
    assert (await online.result())[2] == 0
    assert gateway.ledger.noted_totals == {"item_length": 1}
    await until(lambda: session_profile(gateway) == "jiangsu-2019@1")
    await online.send(online.frame(0x0200, location(22_600_000, items=ITEMS + SUBIAO_ALARM)))
    await online.result()
    assert gateway.ledger.noted_totals == {"item_length": 1}
    assert seen(gateway).why[0] == ["dialect", "subiao", "subiao"]


async def test_items_are_judged_by_the_profile_and_named_in_the_ledger(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    private, temperature, short = bytes.fromhex("EB020001"), bytes.fromhex("06020012"), bytes.fromhex("170105")
    await online.send(
        online.frame(0x0200, location(items=ITEMS + private + temperature)),
        online.frame(0x0200, location(22_000_001, items=ITEMS + private + private)),
        online.frame(0x0200, location(22_000_002, items=short + ITEMS)),
    )
    await online.results(3)
    gateway._flush(notes=True)
    await until(lambda: len(bus.rows("ledger")) == 2)
    assert {row["reason"]: row["count"] for row in bus.rows("ledger")} == {
        "item_unknown:0xEB": 3,
        "item_length:0x17": 1,
    }
    assert gateway.ledger.noted_totals == {"item_unknown": 3, "item_length": 1}


@pytest.fixture
async def own(start: Start, tmp_path: Path) -> Gateway:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "own.toml").write_text(OWN, "utf-8")
    return await start(profiles=folder)


async def test_times_and_speeds_are_read_as_the_profile_says(own: Gateway, bus: BusDouble) -> None:
    terminal = Terminal()
    await terminal.log_in(own.wire.port)
    assert session_profile(own) == "own@3"
    now = datetime.now(UTC).replace(microsecond=0)
    body = location(time=now.strftime("%y%m%d%H%M%S"), items=bytes.fromhex("EB0101"))
    body = body[:18] + (60).to_bytes(2, "big") + body[20:]
    await terminal.send(terminal.frame(0x0200, body))
    await terminal.result()
    batch = (1).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(2, "big") + body
    await terminal.send(terminal.frame(0x0704, batch))
    await terminal.result()
    rows = bus.rows("fix")
    assert [row["device_at"] for row in rows] == [now, now]
    assert [row["speed_dkmh"] for row in rows] == [600, 600]
    assert own.ledger.noted_totals == {"charset": 1}  # the plate of its registration was GBK
    terminal.close()


async def test_a_standard_session_beside_a_special_one_is_read_as_the_standard(own: Gateway, bus: BusDouble) -> None:
    odd, plain = Terminal(), Terminal("13900000000", edition=2013, plate="粤B99999")
    plain.registration = replace_model(plain)  # type: ignore[method-assign]
    for terminal in (odd, plain):
        await terminal.log_in(own.wire.port)
    for terminal in (odd, plain):
        await terminal.send(terminal.frame(0x0200, location()))
        await terminal.result()
    hours = [row["device_at"].hour for row in bus.rows("fix")]
    assert hours == [8, 0]
    for terminal in (odd, plain):
        terminal.close()


def replace_model(terminal: Terminal) -> Callable[[], bytes]:
    def registration() -> bytes:
        raw = Terminal.registration(terminal)
        return terminal.frame(0x0100, terminal_body(raw).replace(b"TEST-1", b"REAL-1"))

    return registration


def terminal_body(raw: bytes) -> bytes:
    return decode_frame(raw).body


async def test_the_server_time_is_given_in_the_zone_of_the_profile(own: Gateway) -> None:
    terminal = Terminal()
    await terminal.log_in(own.wire.port)
    await terminal.send(terminal.frame(0x0004))
    answer = await terminal.receive()
    given = datetime.strptime(answer.body.hex(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    assert abs(given - timedelta(hours=8) - datetime.now(UTC)) < timedelta(minutes=1)
    terminal.close()


async def test_a_plate_is_read_in_the_charset_of_the_profile_and_another_charset_is_noted(own: Gateway) -> None:
    terminal = Terminal(plate="粤B测试车")
    good = terminal_body(terminal.registration()).replace("粤B测试车".encode("gbk"), "粤B测试车".encode())
    await terminal.connect(own.wire.port)
    await terminal.send(terminal.frame(0x0100, good))
    assert (await terminal.receive()).body[2] == 0
    assert own.ledger.noted_totals == {}
    with own.handshake._admission.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT plate FROM vehicle").scalar() == "粤B测试车"
    await terminal.send(terminal.registration())
    assert (await terminal.receive()).body[2] == 0
    assert own.ledger.noted_totals == {"charset": 1}
    terminal.close()


async def test_a_plate_is_read_in_the_charset_of_the_profile_that_a_person_chose(own: Gateway) -> None:
    plate = "粤港通达"  # its UTF-8 is GBK too: 绮ゆ腐閫氳揪
    terminal = Terminal(plate=plate)
    as_gbk = replace_model(terminal)
    await terminal.connect(own.wire.port)
    await terminal.send(as_gbk())
    assert (await terminal.receive()).body[2] == 0
    assert own.ledger.noted_totals == {}
    own.handshake._assignments.choose(1, "own", SYSTEM, WHOLE)  # type: ignore[union-attr]
    in_utf8 = terminal_body(as_gbk()).replace(plate.encode("gbk"), plate.encode())
    await terminal.send(terminal.frame(0x0100, in_utf8))
    assert (await terminal.receive()).body[2] == 0  # another plate would be 2: the terminal is another vehicle's
    assert own.ledger.noted_totals == {}
    await terminal.send(as_gbk())
    assert (await terminal.receive()).body[2] == 0
    assert own.ledger.noted_totals == {"charset": 1}
    with own.handshake._admission.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT plate FROM vehicle").scalars().all() == [plate]
    terminal.close()


async def test_a_profile_chosen_by_hand_is_used_at_once_on_the_running_session(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    gateway.handshake._assignments.choose(1, "standard-2019", SYSTEM, WHOLE)  # type: ignore[union-attr]
    await bus.handlers[PROFILE_CHANGED]("", json.dumps({"terminals": [1]}).encode(), {})
    await until(lambda: session_profile(gateway) == "standard-2019@1")
    alarm = bytes.fromhex("F10400000001")
    await online.send(online.frame(0x0200, location(items=ITEMS + alarm)))
    await online.result()
    assert gateway.ledger.noted_totals == {"item_unexpected": 1}


async def test_a_wrong_code_tells_the_registry_nothing_of_the_terminal(gateway: Gateway) -> None:
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    terminal.close()
    impostor = Terminal(edition=2013)
    await impostor.connect(gateway.wire.port)
    assert await impostor.authenticate("WRONG") == 1
    assert seen(gateway).edition == 2019
    impostor.close()


async def test_another_edition_than_the_profiles_is_noted_at_authentication(start: Start, tmp_path: Path) -> None:
    gateway = await start()
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    gateway.handshake._assignments.choose(1, "guangdong", SYSTEM, WHOLE)  # type: ignore[union-attr]
    terminal.close()
    old = Terminal(edition=2013)
    old.code = terminal.code
    await old.log_in(gateway.wire.port)
    assert gateway.ledger.noted_totals == {"edition_unexpected": 1}
    old.close()


async def test_a_clock_that_is_eight_hours_behind_is_noted_by_its_median(
    online: Terminal, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luwei.gateway.clock_watch.EVERY_MS", 0)
    for number in range(6):
        utc = datetime.now(UTC) - timedelta(seconds=number % 2)
        await online.send(online.frame(0x0200, location(22_000_000 + number, time=utc.strftime("%y%m%d%H%M%S"))))
        await online.result()
        await asyncio.sleep(0)
    assert gateway.ledger.noted_totals == {"clock_behind": 1}


async def test_late_reports_of_different_age_are_no_wrong_clock(
    online: Terminal, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luwei.gateway.clock_watch.EVERY_MS", 0)
    for number in range(10):
        at = datetime.now(UTC) + timedelta(hours=8) - timedelta(hours=8 if number == 3 else number)
        await online.send(online.frame(0x0200, location(22_000_000 + number, time=at.strftime("%y%m%d%H%M%S"))))
        await online.result()
    assert gateway.ledger.noted_totals == {}


@pytest.mark.parametrize(
    ("message_id", "body", "result", "refused", "noted"),
    [
        (0x0104, "0001 02 00000001 04 0000", 2, {"body_malformed": 1}, {}),
        (0x0702, "01 2506", 2, {"body_short": 1}, {}),
        (0x0800, "00000001 00 00 00 01 FFFF", 0, {}, {"body_trailing": 1}),
        (0x0303, "01 01", 0, {}, {"message_edition": 1}),
        (0x0800, "00000001 00 00 00 01", 0, {}, {}),
    ],
)
async def test_a_body_that_cannot_be_read_is_kept_and_answered_as_wrong(
    online: Terminal, gateway: Gateway, bus: BusDouble, message_id: int, body: str, result: int,
    refused: dict[str, int], noted: dict[str, int],
) -> None:  # fmt: skip
    await online.send(online.frame(message_id, bytes.fromhex(body)))
    assert (await online.result())[1:] == (message_id, result)
    assert [row["body"] for row in bus.rows("message")] == [bytes.fromhex(body)]
    assert (gateway.ledger.totals, gateway.ledger.noted_totals) == (refused, noted)


async def test_a_heartbeat_with_a_body_is_taken_and_noted(online: Terminal, gateway: Gateway) -> None:
    await online.send(online.frame(0x0002, b"\x01\x02\x03"), online.frame(0x0200, location()), online.frame(0x0002))
    assert [result for _, _, result in await online.results(3)] == [0, 0, 0]
    assert gateway.ledger.noted_totals == {"heartbeat_body": 1}


async def test_a_terminal_of_2013_is_asked_for_its_firmware_once_it_has_settled(
    gateway: Gateway, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luwei.gateway.session_profiles.ASK_AFTER_MS", 0)
    terminal = Terminal(edition=2013)
    await terminal.log_in(gateway.wire.port)
    asked = await terminal.receive()
    assert (asked.header.message_id, asked.body) == (0x8107, b"")
    made = Attributes(
        terminal_type=4, manufacturer="70111", model="TEST-1", terminal_id="T1", iccid="8986" + "0" * 16,
        hardware="H1", firmware="V2.8.0", gnss_attr=3, comm_attr=32,
    )  # fmt: skip
    await terminal.send(terminal.frame(0x0107, made.encode(2013)))
    assert (await terminal.result())[1:] == (0x0107, 0)
    await until(lambda: seen(gateway).firmware == "V2.8.0")
    terminal.close()
    again = Terminal(edition=2013)
    again.code = terminal.code
    await again.log_in(gateway.wire.port)
    assert await again.silent(1.5)
    again.close()


async def test_items_of_late_and_asked_for_locations_are_judged_too(online: Terminal, gateway: Gateway) -> None:
    bodies = [location(22_000_000 + n, items=ITEMS + bytes.fromhex("EB0101")[: 3 * (n % 2)]) for n in range(4)]
    batch = (4).to_bytes(2, "big") + b"\x01" + b"".join(len(b).to_bytes(2, "big") + b for b in bodies)
    await online.send(online.frame(0x0704, batch), online.frame(0x0201, b"\0\1" + bodies[1]))
    assert [result for _, _, result in await online.results(2)] == [0, 0]
    rows = {row["message_id"]: row for row in gateway.ledger.take("noted", 0)}
    assert {key: (row["reason"], row["count"]) for key, row in rows.items()} == {
        0x0704: ("item_unknown:0xEB", 2), 0x0201: ("item_unknown:0xEB", 1),
    }  # fmt: skip
    assert rows[0x0201]["example"].startswith(b"\x7e\x02\x01")
