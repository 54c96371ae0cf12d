"""What real lines do: frames cut anywhere, noise, damaged and repeated frames (reference §1.2, §6, §11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bus_double import BusDouble, Start
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from terminal_double import REPORT, Terminal, location

from luwei.gateway.connections import ONLINE, Table
from luwei.gateway.dialogue import Dialogue
from luwei.gateway.handshake import Handshake
from luwei.gateway.ledger import Ledger
from luwei.gateway.rehearsal import shipped
from luwei.gateway.service import Gateway
from luwei.gateway.session_profiles import SessionProfiles
from luwei.gateway.tick import Tick
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.batch.cut import phone_key
from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import decode_frame
from luwei.protocol.jt808.stream import FrameCutter

Until = Callable[..., Awaitable[None]]


def spoilt(frame: bytes) -> bytes:
    """The frame with a wrong check code."""
    return frame[:-2] + bytes([frame[-2] ^ 0x01]) + frame[-1:]


async def test_frame_cut_at_every_byte_is_taken(online: Terminal, bus: BusDouble) -> None:
    frame = online.frame(0x0200, location(), serial=0)
    for cut in range(1, len(frame)):
        online.serial = cut
        frame = online.frame(0x0200, location(22_000_000 + cut))
        at = min(cut, len(frame) - 1)
        await online.send(frame[:at])
        await asyncio.sleep(0.012)
        await online.send(frame[at:])
        assert (await online.result())[0] == cut
    assert len(bus.rows("fix")) == cut


async def test_one_flag_may_close_one_frame_and_open_the_next(online: Terminal, bus: BusDouble) -> None:
    frames = [online.frame(0x0200, location(22_000_000 + n)) for n in range(4)]
    await online.send(frames[0] + b"".join(frame[1:] for frame in frames[1:]))
    await online.results(4)
    assert len(bus.rows("fix")) == 4


async def test_noise_between_frames_costs_no_frame(online: Terminal, gateway: Gateway, bus: BusDouble) -> None:
    frames = [online.frame(0x0200, location(22_000_000 + n)) for n in range(3)]
    await online.send(b"\r\n" + frames[0] + b"(GET / HTTP/1.1)\x00\x01" + frames[1] + b"\xff" * 5 + frames[2])
    await online.results(3)
    assert len(bus.rows("fix")) == 3
    assert sum(gateway.ledger.totals.values()) + sum(gateway.ledger.noted_totals.values()) >= 3


async def test_frame_with_a_wrong_check_code_is_counted_and_the_next_is_taken(
    online: Terminal, gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    bad = spoilt(online.frame(0x0200, location(), serial=50))
    await online.send(bad, online.frame(0x0200, location(), serial=51))
    assert await online.result() == (51, 0x0200, 0)
    assert await online.silent(0.1)
    assert gateway.ledger.totals == {"checksum": 1}
    await until(lambda: bus.rows("ledger"))
    (row,) = bus.rows("ledger")
    assert (row["reason"], row["kind"], row["count"], row["phone"]) == ("checksum", "refused", 1, "13800138000")
    assert row["message_id"] == 0x0200 and row["example"] == bad and row["vehicle_id"] > 0


async def test_check_code_sent_without_escaping_is_taken(online: Terminal, gateway: Gateway) -> None:
    for serial in range(400):
        frame = online.frame(0x0200, location(), serial=serial)
        if frame.endswith(b"\x7d\x01\x7e") or frame.endswith(b"\x7d\x02\x7e"):
            bare = b"\x7d" if frame[-2] == 1 else b"\x7e"
            await online.send(frame[:-3] + bare + b"\x7e")
            assert await online.result() == (serial, 0x0200, 0)
    assert gateway.ledger.noted_totals["check_code_unescaped"] >= 2


async def test_flag_unescaped_inside_a_body_is_joined_with_what_follows(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    frame = online.frame(0x0200, location(0x0157FA7E), serial=3)
    assert frame.count(b"\x7d\x02") == 1
    torn = frame.replace(b"\x7d\x02", b"\x7e")
    await online.send(torn)
    assert await online.result() == (3, 0x0200, 0)
    half = torn.index(b"\x7e", 1) + 1
    await online.send(torn[:half])
    await asyncio.sleep(0.1)
    await online.send(torn[half:])
    assert await online.result() == (3, 0x0200, 0)
    assert [row["lat_e6"] for row in bus.rows("fix")] == [0x0157FA7E]
    assert gateway.ledger.noted_totals == {"flag_unescaped": 2, "repeated": 1}


async def test_retransmission_is_confirmed_again_and_stored_once(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    frame = online.frame(0x0200, location(), serial=9)
    await online.send(frame, frame)
    await online.results(2)
    await online.send(frame)
    assert await online.result() == (9, 0x0200, 0)
    assert len(bus.rows("fix")) == 1
    assert gateway.ledger.noted_totals == {"repeated": 2}


async def test_same_serial_with_another_body_is_a_new_report(online: Terminal, bus: BusDouble) -> None:
    await online.send(*(online.frame(0x0200, location(22_000_000 + n), serial=0) for n in range(3)))
    await online.results(3)
    assert len(bus.rows("fix")) == 3


async def test_retransmission_on_a_new_connection_is_stored_once(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    frame = online.frame(0x0200, location(), serial=9)
    await online.send(frame)
    await online.result()
    newer = Terminal()
    newer.code = online.code
    await newer.log_in(gateway.wire.port)
    await newer.send(frame)
    assert await newer.result() == (9, 0x0200, 0)
    assert len(bus.rows("fix")) == 1


async def test_short_location_is_answered_with_result_2(online: Terminal, gateway: Gateway) -> None:
    await online.send(online.frame(0x0200, REPORT[:27], serial=4))
    assert await online.result() == (4, 0x0200, 2)
    assert gateway.ledger.totals == {"body_short": 1}


async def test_items_that_run_past_the_end_cost_nothing_but_a_note(online: Terminal, bus: BusDouble) -> None:
    await online.send(online.frame(0x0200, location(items=bytes.fromhex("300105" + "0104aa")), serial=4))
    assert await online.result() == (4, 0x0200, 0)
    (row,) = bus.rows("fix")
    assert row["radio_signal"] == 5 and row["mileage_hm"] is None and row["items"] == bytes.fromhex("3001050104aa")
    assert row["flags"] & 1 << 5


async def test_encrypted_frame_is_answered_with_result_3(online: Terminal, gateway: Gateway, bus: BusDouble) -> None:
    await online.send(online.frame(0x0200, location(), serial=4, encrypt=1))
    assert await online.result() == (4, 0x0200, 3)
    assert gateway.ledger.totals == {"encrypted": 1} and bus.rows("fix") == []


async def test_frame_longer_than_any_legal_one_is_counted_and_forgotten(online: Terminal, gateway: Gateway) -> None:
    await online.send(b"\x7e" + b"\x02" * 300_000)
    await asyncio.sleep(0.2)
    assert sum(map(len, gateway.wire.rests.values())) < 3000
    await online.send(b"\x7e" + online.frame(0x0002, serial=6))
    assert await online.result() == (6, 0x0002, 0)
    assert gateway.ledger.totals == {"too_long": 1}


async def test_endless_garbage_closes_the_connection(online: Terminal) -> None:
    await online.send(b"\x7e" + b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x7e" * 400)
    assert await online.closed()


async def test_fast_connection_is_read_more_slowly_and_loses_nothing(start: Start, bus: BusDouble) -> None:
    gateway = await start(frames_per_second=200)
    terminal = Terminal()
    await terminal.log_in(gateway.wire.port)
    began = asyncio.get_running_loop().time()
    for first in (22_000_000, 23_000_000):
        await terminal.send(*(terminal.frame(0x0200, location(first + n)) for n in range(500)))
        await terminal.results(500)
    # beyond 200 the first 500 are paid for by two more seconds, of which the first may have begun
    assert asyncio.get_running_loop().time() - began > 0.9
    assert len(bus.rows("fix")) == 1_000


async def test_terminal_that_does_not_read_its_answers_is_closed_in_bounds(
    online: Terminal, gateway: Gateway, until: Until
) -> None:
    frames = b"".join(online.frame(0x0200, location(22_000_000 + n)) for n in range(2000))
    online.writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def flood() -> None:
        while True:
            online.writer.write(frames)
            await online.writer.drain()

    flooding = asyncio.create_task(flood())
    # either the kernel's buffers stop the flood, or the bound closes the line; both keep the memory small
    await asyncio.wait((flooding,), timeout=3)
    flooding.cancel()
    assert sum(map(len, gateway.wire._outbox.values())) <= 256 * 1024 + 65_536
    await asyncio.gather(flooding, return_exceptions=True)


def tick_with_one_terminal(phone: str) -> tuple[Tick, Table, Ledger]:
    table, ledger = Table(64), Ledger("gw-0")
    dialects = shipped()
    handshake = Handshake(table, ledger, None, SessionProfiles(table, ledger, dialects), "gw-0", 1, 0)  # type: ignore[arg-type]
    connection = table.open(7, "tcp", "127.0.0.1", 1)
    connection.phone = phone
    table.state[7], table.vehicle_id[7], table.terminal_id[7], table.edition[7] = ONLINE, 1, 1, 2019
    table.phone_high[7], table.phone_low[7] = phone_key(phone)
    dialogue = Dialogue(table, ledger, handshake, Assembler())
    return Tick(table, dialogue, dialects, 400, 10**6), table, ledger


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    terminal = Terminal()
    pieces = []
    for number in range(draw(st.integers(1, 8))):
        body = location(
            draw(st.sampled_from([22_000_000 + number, 0x0157FA7E, 0x01577D7E])), draw(st.binary(max_size=8))
        )
        frame = bytearray(terminal.frame(0x0200, body, serial=draw(st.integers(0, 65535))))
        match draw(st.sampled_from(["good", "good", "good", "spoilt", "unescaped", "shared", "noise", "cut"])):
            case "spoilt":
                frame[draw(st.integers(1, len(frame) - 2))] ^= draw(st.integers(1, 255))
            case "unescaped":
                frame = bytearray(bytes(frame).replace(b"\x7d\x02", b"\x7e"))
            case "shared":
                del frame[0]
            case "noise":
                frame[:0] = draw(st.binary(max_size=20))
            case "cut":
                del frame[draw(st.integers(1, len(frame) - 1)) :]
        pieces.append(bytes(frame))
    return b"\x7e" + b"".join(pieces) + b"\x7e"


@rules(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_streams(), st.lists(st.integers(1, 120), max_size=30))
def test_any_damaged_stream_gives_the_locations_of_cutter_and_declarative_decoder(
    stream: bytes, sizes: list[int]
) -> None:
    cutter, expected = FrameCutter(), set()
    for raw in cutter.feed(stream):
        try:
            frame = decode_frame(raw)
        except ProtocolError:
            continue
        if frame.header.phone == "13800138000" and frame.header.message_id == 0x0200 and len(frame.body) >= 28:
            expected.add((frame.header.serial, _lat(frame.body), frame.body[28:]))
    tick, _, _ = tick_with_one_terminal("13800138000")
    found, rests, at = [], {}, 0
    for size in [*sizes, len(stream)]:
        chunk = rests.pop(7, b"") + stream[at : at + size]
        at += size
        result = tick.run([7], [chunk], 1_748_737_815_000, rests)
        for columns in result.columns:
            rows = columns.to_pylist()
            found += [(row["serial"], row["lat_e6"], row["items"]) for row in rows]
    # a report sent twice may be stored once
    assert set(found) == expected


def _lat(body: bytes) -> int:
    value = abs(int.from_bytes(body[8:12], "big", signed=True))
    return -value if body[7] & 4 else value


def test_bytes_of_a_cut_frame_are_counted_once() -> None:
    tick, table, _ = tick_with_one_terminal("13800138000")
    frame, rests = Terminal().frame(0x0200, location()), dict[int, bytes]()
    for at in range(0, len(frame), 10):
        tick.run([7], [rests.pop(7, b"") + frame[at : at + 10]], 1, rests)
    assert abs(int(table.bytes_in[7]) - len(frame)) <= 1 + len(frame) // 10
    assert int(table.frames[7]) == 1


@rules(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x0001, 0x0003, 0x0004, 0x0200, 0x0201, 0x0704, 0x0801, 0x8001, 0x0F00, 0x0002]),
            st.one_of(st.binary(max_size=60), st.builds(location, st.integers(0, 2**32 - 1), st.binary(max_size=20))),
            st.sampled_from([2013, 2019]),
            st.sampled_from([{}, {}, {"encrypt": 1}, {"fragmented": True, "package_total": 2, "package_no": 1}]),
        ),
        max_size=8,
    ),
    st.binary(max_size=30),
)
def test_no_message_of_an_online_terminal_breaks_the_tick(
    messages: list[tuple[int, bytes, int, dict[str, int]]], noise: bytes
) -> None:
    tick, _, ledger = tick_with_one_terminal("13800138000")
    stream = b""
    for message_id, body, edition, more in messages:
        terminal = Terminal(edition=edition)
        stream += terminal.frame(message_id, body, **more) + noise
    result = tick.run([7], [stream], 1_748_737_815_000, {})
    told = sum(ledger.totals.values()) + sum(ledger.noted_totals.values())
    answered = len(result.outcome.answers) + sum(len(replies.wire) for replies in result.replies)
    assert not messages or told + answered + len(result.outcome.messages) > 0


@rules(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_no_bytes_break_the_tick(chunks: list[bytes]) -> None:
    tick, table, _ = tick_with_one_terminal("13800138000")
    table.open(8, "tcp", "127.0.0.1", 2)
    rests: dict[int, bytes] = {}
    for chunk in chunks:
        tick.run([7, 8], [rests.pop(7, b"") + chunk, rests.pop(8, b"") + chunk[::-1]], 1_748_737_815_000, rests)
