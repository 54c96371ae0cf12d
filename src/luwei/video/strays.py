"""Streams that nobody asked for: of terminals that come by themselves, and of a core that ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping

import msgspec
from sqlalchemy import ColumnElement, Engine, select

from luwei.media.orders import PLAYBACK, TALK, Close, Stranger, StreamState
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.video import letters, playing, upstream
from luwei.video.chores import Chores
from luwei.video.commanding import Commanding
from luwei.video.nodes import NodeGone, Nodes
from luwei.video.upstream import Upstream

STRAY_MS = 5_000
"""A stream at a node that the desk knows nothing of is ended when nobody looked for so long after a start."""
STRANGERS_MAX = 1_000
STRANGER_S = 60.0

SIM_DIGITS = 12
"""Of a SIM of six octets."""

UNKNOWN_SIM, UNEXPECTED = "unknown_sim", "unexpected"


class Strays:
    """Beside the desk, whose ``streams`` are the ones that somebody asked for."""

    def __init__(
        self, engine: Engine, nodes: Nodes, commanding: Commanding, chores: Chores, streams: Mapping[str, Upstream]
    ) -> None:
        self._engine = engine
        self._nodes = nodes
        self._commanding = commanding
        self._chores = chores
        self._streams = streams
        self._strangers: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._since: dict[str, int] = {}
        self._searching = False

    async def stranger(self, _: str, payload: bytes) -> bytes:
        """Whose it is decides the reason; a terminal that comes twice is told to stop."""
        said = msgspec.msgpack.decode(payload, type=Stranger)
        known = await self._whose(said.sim)
        if known is None:
            return UNKNOWN_SIM.encode()
        key, now = (known[1], said.channel), asyncio.get_running_loop().time()
        last = self._strangers.get(key)
        self._strangers[key] = now
        self._strangers.move_to_end(key)
        while len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)
        if last is not None and now - last < STRANGER_S and known[0] is not None:
            self._chores.later(self._tell_to_stop(known[0], known[1], said.channel, said.line))
        return UNEXPECTED.encode()

    async def _whose(self, sim: str) -> tuple[int | None, str] | None:
        """Vehicle and phone of the terminal of a SIM as media packets have it. Who is asked for here is a stranger, and
        there may be thousands: one search at a time goes through all numbers."""
        if not sim.isdigit():
            return None
        found = await asyncio.to_thread(self._terminal_of, sim)
        if found is not None or len(sim) > SIM_DIGITS or self._searching:
            return found
        self._searching = True
        try:
            return await asyncio.to_thread(self._terminal_ending_in, sim)
        finally:
            self._searching = False

    def _terminal_of(self, sim: str) -> tuple[int | None, str] | None:
        return self._first(Terminal.phone == sim)

    def _terminal_ending_in(self, sim: str) -> tuple[int | None, str] | None:
        """A number of 20 digits of which the packets hold the last twelve: no index helps."""
        return self._first(Terminal.phone.endswith(sim.rjust(SIM_DIGITS, "0")))

    def _first(self, fits: ColumnElement[bool]) -> tuple[int | None, str] | None:
        with read(self._engine) as connection:
            row = connection.execute(select(Terminal.vehicle_id, Terminal.phone).where(fits).limit(1)).first()
        return None if row is None else (row.vehicle_id, row.phone)

    async def _tell_to_stop(self, vehicle_id: int, phone: str, channel: int, line: str) -> None:
        command = letters.END_TALK if line == TALK else letters.CLOSE
        kind, values = letters.CONTROL, letters.control(channel, command)
        if line == PLAYBACK:
            kind, values = letters.STEER, letters.steering(channel, playing.END)
        sending = await self._commanding.send(kind, values, vehicle_id, phone, SYSTEM, "not asked for")
        self._commanding.forget(sending)

    def seen(self, node: str, said: StreamState) -> None:
        """A stream of an earlier core, or of one whose end the node did not hear of."""
        now = now_ms()
        since = self._since.setdefault(said.stream, now)
        if now - since < STRAY_MS:
            return
        del self._since[said.stream]
        self._chores.later(self._end(node, said))

    def left_behind(self, node: str, stream: str) -> None:
        """A node expects a stream that another one has: it lets go, and its terminal is not told to stop."""
        self._chores.later(self._nodes.ask(node, Close(stream, upstream.NODE_GONE, 0)))

    async def _end(self, node: str, said: StreamState) -> None:
        known = await self._whose(said.phone.lstrip("0"))
        if said.stream in self._streams:
            return
        if known is not None and known[0] is not None and said.state != "expected":
            # a listener and a broadcast end like pictures
            line = said.purpose if said.line == TALK else said.line
            await self._tell_to_stop(known[0], known[1], said.channel, line)
        with contextlib.suppress(NodeGone):
            await self._nodes.ask(node, Close(said.stream, upstream.CLOSED))

    def sweep(self, now: int) -> None:
        """Forget what was not seen again."""
        self._since = {name: since for name, since in self._since.items() if now - since < 2 * STRAY_MS}
