"""0x9105 实时音视频传输状态通知: a terminal that streams is told what share of its packets is lost, so that it can
send less (JT/T 1078 §5.5).

It wants no answer, so it is no command of the journal: it leaves each so many seconds while packets are lost, always
for datagrams, and once more when none are lost any longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from prometheus_client import Counter

from luwei.gateway.orders import Letter
from luwei.media.orders import LIVE, StreamState
from luwei.protocol.jt808.messages.video import LiveStatus
from luwei.protocol.message import EDITIONS
from luwei.video.upstream import Upstream

log = structlog.get_logger()

PERCENT_MAX = 100

_told = Counter("luwei_video_loss_notices_total", "0x9105 given to the gateways")


class Desk(Protocol):
    """Whose streams they are."""

    streams: dict[str, Upstream]


class Teller(Protocol):
    """Who brings messages to terminals."""

    async def tell(self, messages: list[tuple[str, Letter]]) -> None: ...


@dataclass(slots=True)
class Counted:
    """What a stream's node had counted when the terminal was told last."""

    node: str
    packets: int
    lost: int
    percent: int = 0


class LossNotices:
    """Tells the terminals of all live streams."""

    def __init__(self, desk: Desk, teller: Teller, every_s: float) -> None:
        """``every_s`` 0: nobody is told."""
        self._desk = desk
        self._teller = teller
        self._every_s = every_s
        self._before: dict[str, Counted] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tell."""
        if self._every_s:
            self._task = asyncio.create_task(self._run(), name="loss notices")

    async def stop(self) -> None:
        """Tell no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            due = self.due()
            if not due:
                continue
            messages = [(stream.phone, letter(stream.channel, percent)) for stream, percent in due]
            try:
                await self._teller.tell(messages)
                _told.inc(len(messages))
            except Exception:
                log.exception("terminals could not be told of losses")

    def due(self) -> list[tuple[Upstream, int]]:
        """Streams whose terminals are to be told now, with the percentage lost since the last time."""
        found = []
        streams: Mapping[str, Upstream] = self._desk.streams
        self._before = {name: each for name, each in self._before.items() if name in streams}
        for stream in list(streams.values()):
            said = stream.report
            if stream.kind != LIVE or said is None or not stream.connected or not said.packets:
                continue
            before = self._before.get(stream.name)
            percent = _since(before, said, stream.node)
            if percent or said.transport == "udp" or (before is not None and before.percent):
                found.append((stream, percent))
            self._before[stream.name] = Counted(stream.node, said.packets, said.lost, percent)
        return found


def _since(before: Counted | None, said: StreamState, node: str) -> int:
    """Percentage lost, at least 1 where anything was. Another line's counters begin anew."""
    packets, lost = said.packets, said.lost
    if before is not None and before.node == node and packets >= before.packets and lost >= before.lost:
        packets, lost = packets - before.packets, lost - before.lost
    if not lost:
        return 0
    return min(PERCENT_MAX, max(1, round(100 * lost / (packets + lost))))


def letter(channel: int, percent: int) -> Letter:
    """The message for every edition."""
    made = LiveStatus(channel=channel, loss_percent=percent)
    return Letter(made.id, {edition: made.encode(edition) for edition in EDITIONS})
