"""Tracing chosen terminals: what is copied, when it ends, and that it is off unless somebody asks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from bus_double import BusDouble
from terminal_double import Terminal, location

from luwei.gateway.service import Gateway
from luwei.gateway.trace import SUBJECT
from luwei.protocol.jt808.frame import decode_frame

Until = Callable[..., Awaitable[None]]
PHONE = "13800138000"


class Tail:
    """What a core would have heard."""

    def __init__(self, bus: BusDouble) -> None:
        self._bus = bus

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for subject, payload in self._bus.plain if subject == f"trace.{PHONE}"]

    @property
    def frames(self) -> list[dict[str, Any]]:
        known: dict[int, dict[str, Any]] = {}
        for message in self.messages:
            known.update((frame["n"], frame) for frame in message["frames"])
            for change in message["changed"]:
                known[change["n"]] = known[change["n"]] | change
        return [known[n] for n in sorted(known)]

    def way(self, way: str) -> list[tuple[str, str, list[str]]]:
        """(message id, outcome, reasons) of the frames of one direction."""
        return [
            (f"{self.id_of(frame):04x}", frame["outcome"], frame["reasons"])
            for frame in self.frames
            if frame["way"] == way
        ]

    @staticmethod
    def id_of(frame: dict[str, Any]) -> int:
        raw = bytes.fromhex(frame["hex"])
        return int.from_bytes(raw[1:3], "big")


async def ask(bus: BusDouble, *phones: str, seconds: float = 60, frames: int = 1000, size: int = 100_000) -> None:
    until_ms = int((time.time() + seconds) * 1000)
    watch = [{"phone": phone, "until": until_ms, "frames": frames, "bytes": size} for phone in phones]
    await bus.handlers[SUBJECT](SUBJECT, json.dumps({"watch": watch}).encode(), {})


@pytest.fixture
async def asked(gateway: Gateway, bus: BusDouble, until: Until) -> AsyncIterator[Gateway]:
    await until(lambda: SUBJECT in bus.handlers)
    await ask(bus, PHONE)
    yield gateway


async def test_nothing_is_copied_unless_somebody_asks(gateway: Gateway, bus: BusDouble, online: Terminal) -> None:
    await online.send(online.frame(0x0200, location()))
    await online.result()
    assert not gateway.trace.armed
    assert not [subject for subject, _ in bus.plain if subject.startswith("trace.")]


async def test_a_trace_shows_the_whole_handshake_and_both_directions(
    asked: Gateway, bus: BusDouble, until: Until
) -> None:
    tail, terminal = Tail(bus), Terminal()
    await terminal.log_in(asked.wire.port)
    await terminal.send(terminal.frame(0x0200, location()), terminal.frame(0x0002))
    await terminal.results(2)
    await until(lambda: len(tail.frames) >= 8, "eight frames")
    assert tail.way("up") == [(name, "taken", []) for name in ("0100", "0102", "0200", "0002")]
    assert tail.way("down") == [(name, "sent", []) for name in ("8100", "8001", "8001", "8001")]
    assert all(decode_frame(bytes.fromhex(frame["hex"])).header.phone == PHONE for frame in tail.frames)
    assert tail.messages[-1]["gateway"] == "gw-0" and tail.messages[-1]["online"]
    terminal.close()


async def test_a_refused_frame_says_why(asked: Gateway, bus: BusDouble, until: Until) -> None:
    tail, terminal = Tail(bus), Terminal()
    await terminal.log_in(asked.wire.port)
    wrong = bytearray(terminal.frame(0x0200, location()))
    wrong[-2] ^= 0x10
    odd = terminal.frame(0x0200, location(22_543_100, items=bytes.fromhex("d0021234")))
    await terminal.send(bytes(wrong), odd)
    await terminal.result()
    await until(lambda: len(tail.way("up")) >= 4)
    outcomes = [(outcome, reasons) for _, outcome, reasons in tail.way("up")[2:]]
    assert sorted(outcomes) == [("noted", ["item_unknown"]), ("refused", ["checksum"])]
    terminal.close()


async def test_a_wrong_code_is_told_after_the_registry_has_spoken(asked: Gateway, bus: BusDouble, until: Until) -> None:
    tail, terminal = Tail(bus), Terminal()
    await terminal.connect(asked.wire.port)
    assert await terminal.register() == 0
    assert await terminal.authenticate("wrong") == 1
    await until(lambda: ("0102", "refused", ["code_wrong"]) in tail.way("up"))
    terminal.close()


async def test_other_terminals_are_left_alone(asked: Gateway, bus: BusDouble) -> None:
    other = Terminal("13900139000", plate="粤B54321")
    await other.log_in(asked.wire.port)
    await other.send(other.frame(0x0200, location()))
    await other.result()
    await asyncio.sleep(0.1)
    assert not Tail(bus).frames
    assert not [subject for subject, _ in bus.plain if "13900139000" in subject]
    other.close()


async def test_a_trace_ends_with_its_time_and_with_an_empty_list(asked: Gateway, bus: BusDouble, until: Until) -> None:
    assert asked.trace.armed
    await ask(bus, PHONE, seconds=0.2)
    await until(lambda: not asked.trace.armed, "the time is over")
    await ask(bus, PHONE)
    assert asked.trace.armed
    await ask(bus)
    assert not asked.trace.armed


async def test_a_trace_is_bounded_and_counts_what_it_leaves_out(asked: Gateway, bus: BusDouble, until: Until) -> None:
    await ask(bus, PHONE, frames=10)
    tail, terminal = Tail(bus), Terminal()
    await terminal.log_in(asked.wire.port)
    for number in range(20):
        await terminal.send(terminal.frame(0x0200, location(22_000_000 + number)))
        await terminal.result()
    await ask(bus, PHONE, frames=0)
    await until(lambda: tail.messages[-1]["lost"] == 34, "44 frames, 10 of them copied")
    assert len(tail.frames) == 10
    terminal.close()


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"watch": [{"phone": "../x"}]}', b'{"watch": 7}', b'{"watch": [{"phone": "1"}]}']
)
async def test_a_request_that_cannot_be_read_changes_nothing(asked: Gateway, bus: BusDouble, payload: bytes) -> None:
    await bus.handlers[SUBJECT](SUBJECT, payload, {})
    assert asked.trace.armed
