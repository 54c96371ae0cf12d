"""JT/T 808 over UDP on the gateway's port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bus_double import BusDouble
from terminal_double import Terminal, location

from luwei.gateway.datagrams import phone_of
from luwei.gateway.service import Gateway
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.stream import FrameCutter


class Mail(asyncio.DatagramProtocol):
    """Collects frames from datagrams."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()

    def datagram_received(self, data: bytes, _: Callable[..., None] | tuple[str, int]) -> None:
        for raw in FrameCutter().feed(data):
            self.frames.put_nowait(decode_frame(raw, strict=True))


async def test_terminal_registers_authenticates_and_reports_by_datagrams(gateway: Gateway, bus: BusDouble) -> None:
    loop = asyncio.get_running_loop()
    line, mail = await loop.create_datagram_endpoint(Mail, remote_addr=("127.0.0.1", gateway.wire.port))
    terminal = Terminal()
    line.sendto(terminal.registration())
    answer = await asyncio.wait_for(mail.frames.get(), 40)
    line.sendto(terminal.authentication(answer.body[3:].decode()))
    assert (await asyncio.wait_for(mail.frames.get(), 40)).body[4] == 0
    line.sendto(terminal.frame(0x0200, location(22_000_001)) + terminal.frame(0x0200, location(22_000_002)))
    line.sendto(terminal.frame(0x0200, location(22_000_003)))
    answers = [await asyncio.wait_for(mail.frames.get(), 40) for _ in range(3)]
    assert [answer.body[4] for answer in answers] == [0, 0, 0]
    assert [row["lat_e6"] for row in bus.rows("fix")] == [22_000_001, 22_000_002, 22_000_003]
    assert gateway.table.by_phone[terminal.phone].transport == "udp"
    line.close()


async def test_session_moves_from_tcp_to_udp_with_the_newer_authentication(online: Terminal, gateway: Gateway) -> None:
    loop = asyncio.get_running_loop()
    line, mail = await loop.create_datagram_endpoint(Mail, remote_addr=("127.0.0.1", gateway.wire.port))
    line.sendto(online.authentication(online.code))
    assert (await asyncio.wait_for(mail.frames.get(), 40)).body[4] == 0
    assert await online.closed()
    line.close()


async def test_datagram_from_another_address_has_no_session(online: Terminal, gateway: Gateway, bus: BusDouble) -> None:
    loop = asyncio.get_running_loop()
    line, mail = await loop.create_datagram_endpoint(Mail, remote_addr=("127.0.0.1", gateway.wire.port))
    line.sendto(online.frame(0x0200, location()))
    assert (await asyncio.wait_for(mail.frames.get(), 40)).body[4] == 1
    assert bus.rows("fix") == [] and gateway.ledger.totals == {"not_authenticated": 1}
    line.close()


def test_phone_of_a_datagram_is_that_of_its_first_frame() -> None:
    for edition in (2013, 2019):
        terminal = Terminal("13800138000", edition)
        assert phone_of(terminal.frame(0x0002) + Terminal("1", edition).frame(0x0002)) == "13800138000"
    assert phone_of(b"") == phone_of(b"\x7e\x7e") == phone_of(b"\x7e" + b"\x00" * 40 + b"\x7d\x7e") == ""
