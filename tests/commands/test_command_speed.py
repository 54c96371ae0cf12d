"""How much of a command's time is the platform's own, on whichever shard its terminal is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from command_system import System, system
from sqlalchemy import select

from luwei.registry.command import Command
from luwei.registry.engine import read
from luwei.simulator.service import Line
from pace import one_within

__all__ = ["system"]

pytestmark = pytest.mark.timeout(240)

ROUNDS = 20
ANSWER_S = 0.05
"""What the terminals take to answer."""
BEAT_S = 0.005


class Pulse:
    """A timer beside the test: how late its beats came is what the machine withheld from everybody."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.beats.append(time.time())
            await asyncio.sleep(BEAT_S)

    def withheld_ms(self, begin_ms: float, end_ms: float) -> float:
        """Lateness of the beats between two instants."""
        inside = [beat * 1000 for beat in self.beats if begin_ms - 50 <= beat * 1000 <= end_ms + 50]
        return sum(max(0.0, after - before - 2_000 * BEAT_S) for before, after in pairwise(inside))

    def stop(self) -> None:
        self._task.cancel()


def slow(line: Line) -> Callable[[], float]:
    """Have a terminal take ANSWER_S to answer; what it really took, in ms, at the last answer."""
    answer = line.terminal.commands._answer
    asked: list[float] = []
    took: list[float] = [0.0]

    def later(raw: bytes, now_s: float) -> list[bytes]:
        frames = answer(raw, now_s)
        link = line.link
        if not line.terminal.commands._is_command or link is None:
            return frames
        asked.append(time.monotonic())

        def send() -> None:
            took[0] = (time.monotonic() - asked[-1]) * 1000
            link.write(b"".join(frames))

        asyncio.get_running_loop().call_later(ANSWER_S, send)
        return []

    line.terminal.commands._answer = later  # type: ignore[method-assign]
    return lambda: took[0]


async def test_the_platform_adds_at_most_100_ms_to_the_terminals_own_answer_time_on_any_shard(system: System) -> None:
    first, second = await system.start_gateway(0), await system.start_gateway(1)
    await system.start_core()
    lines = [
        *system.connect(system.fleet[:1], first.wire.port), *system.connect(system.fleet[1:2], second.wire.port),
    ]  # fmt: skip
    await system.online(2)
    terminal_ms = [slow(line) for line in lines]

    async def slower_shard() -> float:
        pulse = Pulse()
        shares: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for number in (0, 1):
                (found,) = await system.done(await system.send("locate", [number + 1]))
                assert (found.state, found.gateway) == ("answered", f"gw-{number}") and found.ended_at is not None
                own = found.ended_at - found.created_at - terminal_ms[number]()
                shares[number].append(own - pulse.withheld_ms(found.created_at, found.ended_at))
        pulse.stop()
        p95 = [sorted(share)[round(0.95 * (ROUNDS - 1))] for share in shares]
        print(f"platform's own share, p95 of each shard: {p95[0]:.0f} and {p95[1]:.0f} ms")
        return max(p95) / 1000

    await one_within(0.1, slower_shard)
    with read(system.engine) as connection:
        assert set(connection.scalars(select(Command.attempts))) == {1}  # nothing had to be sent twice
