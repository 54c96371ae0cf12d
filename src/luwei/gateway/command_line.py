"""The commands of a gateway on the bus: takes dispatches, and reports outcomes until the core has them."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from luwei.bus import BusAway
from luwei.bus.connection import RequestFailed, Server
from luwei.gateway.commands import Commands
from luwei.gateway.connections import now_ms
from luwei.gateway.orders import OUTCOME_SUBJECT, Dispatch, Outcomes, command_subject

REPORT_MAX = 500
GATHER_S = 0.01
"""Outcomes of one moment travel together."""
RETRY_S = 1.0
TIMEOUT_S = 10.0


class RequestBus(Protocol):
    """What is needed of the bus."""

    async def serve(self, subject: str, handler: Server, queue: str = "") -> None: ...

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes: ...


class CommandLine:
    """Joins ``commands`` with the bus; ``run`` serves until it is cancelled."""

    def __init__(self, bus: RequestBus, commands: Commands, gateway: str, boot: int, shard: int) -> None:
        self._bus = bus
        self._commands = commands
        self._gateway = gateway
        self._boot = boot
        self._shard = shard
        self._news = asyncio.Event()
        commands.news = self._news.set

    async def run(self) -> None:
        await self._bus.serve(command_subject(self._shard), self._take)
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            if not await self._report():
                await asyncio.sleep(RETRY_S)

    async def finish(self) -> None:
        """One last try to report."""
        if self._commands.outcomes:
            await self._report(0.5)

    async def _take(self, _: str, payload: bytes) -> bytes:
        return msgspec.msgpack.encode(self._commands.take(msgspec.msgpack.decode(payload, type=Dispatch), now_ms()))

    async def _report(self, timeout_s: float = TIMEOUT_S) -> bool:
        commands = self._commands
        items = commands.outcomes[:REPORT_MAX]
        if items:
            report = Outcomes(self._gateway, self._boot, items)
            try:
                await self._bus.request(OUTCOME_SUBJECT, msgspec.msgpack.encode(report), timeout_s)
            except (BusAway, RequestFailed):
                return False
            del commands.outcomes[: len(items)]
        if not commands.outcomes:
            self._news.clear()
        return True
