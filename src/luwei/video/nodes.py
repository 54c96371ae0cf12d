"""The media nodes as they announce themselves on the bus, and which of them takes the next stream."""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass

import msgspec

from luwei.bus import BusAway, RequestFailed
from luwei.commands.engine import Line
from luwei.media.orders import Announcement, Answer, Request, Snap, StreamState, node_subject

SILENT_S = 4.0
"""A node that says nothing for so long takes no new stream."""
GONE_S = 15.0
ASK_S = 3.0
STILL_S = 20.0
"""For a still: its decoder may have to be started first."""


@dataclass(slots=True)
class Known:
    said: Announcement
    heard_s: float
    given: int = 0
    """Streams given to it since it last said how many it has."""


class NodeGone(ConnectionError):
    """The node does not answer."""


class Nodes:
    """All nodes of all hosts."""

    def __init__(self, bus: Line) -> None:
        self._bus = bus
        self._known: dict[str, Known] = {}

    def heard(self, said: Announcement) -> bool:
        """A node announced itself; whether it was not known."""
        new = said.node not in self._known
        self._known[said.node] = Known(said, time.monotonic())
        return new

    def alive(self) -> list[Announcement]:
        """Nodes that spoke a moment ago."""
        limit = time.monotonic() - SILENT_S
        return [each.said for each in self._known.values() if each.heard_s >= limit]

    def get(self, name: str) -> Announcement | None:
        """A node that is alive."""
        known = self._known.get(name)
        return known.said if known is not None and known.heard_s >= time.monotonic() - SILENT_S else None

    def forget(self, name: str) -> None:
        """A node is gone."""
        self._known.pop(name, None)

    def sweep(self) -> list[str]:
        """Forget nodes that are silent for long; their names."""
        limit = time.monotonic() - GONE_S
        gone = [name for name, each in self._known.items() if each.heard_s < limit]
        for name in gone:
            del self._known[name]
        return gone

    def running(self, stream: str) -> tuple[Announcement, StreamState] | None:
        """The node that a terminal brings this stream to now."""
        for said in self.alive():
            for each in said.streams:
                if each.stream == stream and each.state != "expected":
                    return said, each
        return None

    def choose(self, without: Container[str] = ()) -> Announcement | None:
        """The node with the most room: the least busy, then the one with the fewest streams; none of ``without``."""
        limit = time.monotonic() - SILENT_S
        free = [
            each
            for each in self._known.values()
            if each.heard_s >= limit
            and len(each.said.streams) + each.given < each.said.streams_max
            and each.said.node not in without
        ]
        if not free:
            return None
        best = min(free, key=lambda each: (round(each.said.load, 1), len(each.said.streams) + each.given))
        best.given += 1
        return best.said

    async def ask(self, node: str, request: Request) -> Answer:
        """Ask a node. Raises NodeGone."""
        try:
            patience = STILL_S if isinstance(request, Snap) else ASK_S
            reply = await self._bus.request(node_subject(node), msgspec.msgpack.encode(request), patience)
            return msgspec.msgpack.decode(reply, type=Answer)
        except (BusAway, RequestFailed, msgspec.DecodeError) as error:
            raise NodeGone(f"{node}: {error}") from error
