"""A bus for tests that hold confirmations back or refuse them; test_gateway_bus has the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from luwei import facts
from luwei.bus import BusAway
from luwei.facts import BatchId
from luwei.gateway.service import Gateway

Start = Callable[..., Awaitable[Gateway]]


@dataclass
class BusDouble:
    """Keeps what is published; ``gate`` holds confirmations back, ``away`` refuses them."""

    connected: bool = True
    away: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[tuple[str, BatchId, pa.RecordBatch]] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    plain: list[tuple[str, bytes]] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    taking: bool = True
    """Whether somebody answers requests."""
    handlers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()

    async def ensure_stream(self) -> None:
        pass

    async def subscribe(self, subject: str, handler: Any, queue: str = "") -> None:
        self.handlers[subject] = handler

    async def serve(self, subject: str, handler: Any, queue: str = "") -> None:
        self.handlers[subject] = handler

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        if self.away or not self.taking:
            raise BusAway("the test took it away")
        self.requests.append((subject, payload))
        return b""

    async def publish(self, subject: str, payload: bytes) -> None:
        self.plain.append((subject, payload))

    async def publish_fact(
        self, subject: str, payload: bytes, batch: BatchId, gateway: str, timeout_s: float = 5
    ) -> int:
        self.attempts.append(batch.text)
        await self.gate.wait()
        if self.away:
            raise BusAway("the test took it away")
        self.kept.append((subject, batch, facts.unpack(payload)))
        return len(self.kept)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return [row for subject, _, batch in self.kept if facts.kind_of(subject) == kind for row in batch.to_pylist()]
