"""Multimedia data on the wire: what is answered when, what is asked for again, what goes to the bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bus_double import BusDouble
from terminal_double import Terminal

from luwei import facts
from luwei.gateway.connections import now_ms
from luwei.gateway.service import Gateway
from luwei.protocol.jt808.frame import Frame, decode_frame

HEAD = bytes.fromhex("0000000700000001")
PLACE = bytes.fromhex("00000000000800030157fafb06cc628c0023025d005a250601083015")
Until = Callable[..., Awaitable[None]]


def fragments(terminal: Terminal, body: bytes, size: int = 900) -> list[bytes]:
    cuts = range(0, len(body), size)
    return [
        terminal.frame(0x0801, body[at : at + size], fragmented=True, package_total=len(cuts), package_no=number)
        for number, at in enumerate(cuts, 1)
    ]


async def answers(terminal: Terminal, count: int) -> list[Frame]:
    return [await terminal.receive(20) for _ in range(count)]


def data_of(bus: BusDouble) -> bytes:
    rows = sorted(bus.rows(facts.MEDIA), key=lambda row: row["part"])
    assert [row["part"] for row in rows] == list(range(rows[0]["parts"]))
    return b"".join(row["data"] for row in rows)


async def test_a_picture_is_confirmed_with_0x8800_only_when_the_bus_has_it(online: Terminal, bus: BusDouble) -> None:
    data = bytes(range(256)) * 20
    *first, last = fragments(online, HEAD + PLACE + data)
    await online.send(*first)
    assert {answer[1:] for answer in await online.results(len(first))} == {(0x0801, 0)}
    bus.gate.clear()
    await online.send(last)
    assert await online.silent()
    bus.gate.set()
    confirmed, reply = sorted(await answers(online, 2), key=lambda frame: frame.header.message_id)
    assert (confirmed.header.message_id, confirmed.body[-1]) == (0x8001, 0)
    assert (reply.header.message_id, reply.body) == (0x8800, HEAD[:4])
    (row,) = bus.rows(facts.MEDIA)
    assert (row["head"], row["data"], row["phone"]) == (HEAD + PLACE, data, online.phone)
    (kept,) = [row for row in bus.rows(facts.MESSAGE) if row["message_id"] == 0x0801]
    assert kept["body"] == HEAD + PLACE + data[:512]


async def test_a_file_of_megabytes_travels_in_parts_that_every_bus_takes(online: Terminal, bus: BusDouble) -> None:
    data = bytes(range(251)) * 12_000
    frames = fragments(online, HEAD + PLACE + data, 1000)
    sent: set[int] = set()
    reply: Frame | None = None
    for at in range(0, len(frames), 150):
        await online.send(*frames[at : at + 150])
        for _ in range(len(frames[at : at + 150])):
            frame = await online.receive(20)
            if frame.header.message_id == 0x8800:
                reply = frame
            else:
                sent.add(int.from_bytes(frame.body[:2], "big"))
    reply = reply or await online.receive(20)
    assert reply.header.message_id == 0x8800
    assert data_of(bus) == data
    assert max(batch.nbytes for subject, _, batch in bus.kept if subject.startswith("media")) < 1 << 20


def due(gateway: Gateway, seconds: float) -> list[Frame]:
    return [decode_frame(raw) for _, raw in gateway.dialogue.ask_again(now_ms() + round(seconds * 1000))]


async def test_missing_fragments_are_asked_for_by_0x8800_and_0x8003_in_turn(
    online: Terminal, gateway: Gateway, bus: BusDouble
) -> None:
    frames = fragments(online, HEAD + PLACE + bytes(5000))
    first_serial = decode_frame(frames[0]).header.serial
    await online.send(*frames[:1], *frames[2:4], *frames[5:])
    await online.results(len(frames) - 2)
    (asked,) = due(gateway, 9)
    assert (asked.header.message_id, asked.body) == (0x8800, HEAD[:4] + bytes([2]) + bytes.fromhex("00020005"))
    (asked,) = due(gateway, 17)
    wanted = first_serial.to_bytes(2, "big") + bytes.fromhex("000200020005")
    assert (asked.header.message_id, asked.body) == (0x8003, wanted)  # 2019: the count is a WORD
    await online.send(frames[1], frames[4])
    ids = [frame.header.message_id for frame in await answers(online, 3)]
    assert sorted(ids) == [0x8001, 0x8001, 0x8800]
    assert data_of(bus) == bytes(5000)


async def test_without_fragment_1_the_id_is_unknown_and_only_0x8003_can_ask(online: Terminal, gateway: Gateway) -> None:
    frames = fragments(online, HEAD + PLACE + bytes(3000))
    await online.send(*frames[1:])
    await online.results(len(frames) - 1)
    (asked,) = due(gateway, 9)
    assert asked.header.message_id == 0x8003


async def test_a_terminal_that_missed_its_0x8800_and_sends_all_again_gets_another_and_no_second_file(
    online: Terminal, bus: BusDouble
) -> None:
    frames = fragments(online, HEAD + PLACE + bytes(2000))
    for _ in range(2):
        await online.send(*frames)
        got = await answers(online, len(frames) + 1)
        assert [f.body for f in got if f.header.message_id == 0x8800] == [HEAD[:4]]
    assert len(bus.rows(facts.MEDIA)) == 1


async def test_the_packets_of_2011_that_number_themselves_are_put_together(
    gateway: Gateway, bus: BusDouble, until: Until
) -> None:
    terminal = Terminal(phone="13800138011", edition=2013, plate="粤B11111")
    await terminal.log_in(gateway.wire.port)
    total, parts = 3, [b"\xff\xd8" + bytes(700), bytes(800), bytes(90)]
    serials = []
    for number, part in enumerate(parts, 1):
        serials.append(terminal.serial)
        await terminal.send(terminal.frame(0x0801, HEAD + total.to_bytes(4, "big") + number.to_bytes(4, "big") + part))
    reply = next(f for f in await answers(terminal, 4) if f.header.message_id == 0x8800)
    assert reply.body == serials[0].to_bytes(2, "big") + HEAD[:4]  # 2011: the serial comes first
    assert data_of(bus) == b"".join(parts)
    terminal.close()


async def test_a_head_without_data_is_refused_and_counted(online: Terminal, gateway: Gateway) -> None:
    await online.send(online.frame(0x0801, HEAD + PLACE))
    assert (await online.result())[2] == 2
    assert gateway.ledger.totals["body_short"] == 1


async def test_the_event_before_the_file_is_kept_and_confirmed(online: Terminal, bus: BusDouble) -> None:
    await online.send(online.frame(0x0800, HEAD))
    assert (await online.result())[1:] == (0x0800, 0)
    rows: list[dict[str, Any]] = bus.rows(facts.MESSAGE)
    assert (rows[-1]["message_id"], rows[-1]["body"]) == (0x0800, HEAD)
