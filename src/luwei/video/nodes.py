"""The media nodes as they announce themselves on the bus, and which of them takes the next stream.

A node that can be heard may yet be out of reach: its view port behind a firewall, or announced with an address that
leads elsewhere. It gets no streams until a line to it comes about.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from luwei.bus import BusAway, RequestFailed
from luwei.commands.engine import Line
from luwei.media.orders import Announcement, Answer, Request, Snap, StreamState, node_subject

log = structlog.get_logger()

SILENT_S = 4.0
"""A node that says nothing for so long takes no new stream."""
GONE_S = 15.0
PROCESS, SILENT, OUT_OF_REACH = "process", "silent", "reach"
"""Why a node is given up: it answers no request, says nothing on the bus, its view port cannot be reached."""
ASK_S = 3.0
STILL_S = 20.0
"""For a still: its decoder may have to be started first."""
TRY_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Before each further try to reach a node's view port."""

_out_of_reach = Gauge("luwei_video_nodes_out_of_reach", "Media nodes whose view port the core cannot reach")
_missed = Counter("luwei_video_nodes_lost_total", "Streams taken from a media node", ["why"])


@dataclass(slots=True)
class Known:
    said: Announcement
    heard_s: float
    given: int = 0
    """Streams given to it since it last said how many it has."""


@dataclass(slots=True)
class Apart:
    """Out of reach; ``due_s``: when it is tried again."""

    tries: int = 0
    due_s: float = 0.0


class NodeGone(ConnectionError):
    """The node does not answer."""


class Nodes:
    """All nodes of all hosts."""

    def __init__(self, bus: Line) -> None:
        self._bus = bus
        self._known: dict[str, Known] = {}
        self._apart: defaultdict[str, Apart] = defaultdict(Apart)

    def heard(self, said: Announcement) -> bool:
        """A node announced itself; whether it was not known."""
        new = said.node not in self._known
        self._known[said.node] = Known(said, time.monotonic())
        return new

    def spoke(self) -> list[Announcement]:
        """Nodes that spoke a moment ago."""
        limit = time.monotonic() - SILENT_S
        return [each.said for each in self._known.values() if each.heard_s >= limit]

    def alive(self) -> list[Announcement]:
        """Those of them that are within reach."""
        return [said for said in self.spoke() if said.node not in self._apart]

    def within_reach(self, name: str) -> bool:
        """Whether its view port answered last."""
        return name not in self._apart

    def get(self, name: str) -> Announcement | None:
        """A node that is alive."""
        known = self._known.get(name)
        there = known is not None and known.heard_s >= time.monotonic() - SILENT_S and name not in self._apart
        return known.said if known is not None and there else None

    def forget(self, name: str, why: str) -> None:
        """A node is given up; one out of reach is so until a line to it comes about."""
        _missed.labels(why).inc()
        known = self._known.get(name)
        if why != OUT_OF_REACH:
            self._known.pop(name, None)
        elif known is not None:
            self._try_again(name)
            said = known.said
            log.warning("a media node is out of reach", node=name, address=f"{said.view_host}:{said.view_port}")

    def _try_again(self, name: str) -> None:
        apart = self._apart[name]
        apart.due_s = time.monotonic() + TRY_S[min(apart.tries, len(TRY_S) - 1)]
        apart.tries += 1
        _out_of_reach.set(len(self._apart))

    def to_try(self) -> list[Announcement]:
        """Nodes out of reach that are to be tried now; they are told once."""
        due = [said for said in self.spoke() if said.node in self._apart]
        due = [said for said in due if self._apart[said.node].due_s <= time.monotonic()]
        for said in due:
            self._try_again(said.node)
        return due

    def reached(self, name: str) -> None:
        """A line to it came about."""
        if self._apart.pop(name, None) is not None:
            log.info("a media node is within reach again", node=name)
            _out_of_reach.set(len(self._apart))

    def sweep(self) -> list[str]:
        """Forget nodes that are silent for long; their names."""
        limit = time.monotonic() - GONE_S
        gone = [name for name, each in self._known.items() if each.heard_s < limit]
        for name in gone:
            del self._known[name]
        for name in [name for name in self._apart if name not in self._known]:
            self._apart.pop(name)
            _out_of_reach.set(len(self._apart))
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
            and each.said.node not in self._apart
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
