"""The life of one upstream: a node is told to expect it, the terminal is asked, and asked again while somebody looks.

The order of JT/T 1078 reference §6.1. Every wait ends early when something happens: the terminal connects, answers,
signs in again, the node goes, the last viewer leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import OperationalError

from luwei.media.orders import LIVE, QUALITIES, Announcement, Close, Expect
from luwei.protocol.errors import ProtocolError
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.video import letters, upstream
from luwei.video.commanding import Commanding, Sending
from luwei.video.nodes import PROCESS, NodeGone, Nodes
from luwei.video.upstream import Upstream

log = structlog.get_logger()

PAUSES_S = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Before each repetition (reference §6.1, 9)."""
CONNECT_S = 15.0
"""For the connection after the terminal's yes."""
ANSWER_S = 75.0
"""The gateway's own repetitions take no longer."""
SLOW_ANSWER_MS = 8_000
DATA_S, KEY_S = 5.0, 10.0
RETURN_S = 5.0
"""A terminal whose line broke may come back by itself."""
SWITCH_S = 5.0
CLOSE_S = 5.0
STOP_REASON = "no viewer"
_REFUSALS = {"failure", "message_error", "unsupported", "slave_server", "edition", "busy"}


class Desk(Protocol):
    """What a drive needs of the desk."""

    nodes: Nodes
    commanding: Commanding
    transport: str
    linger_s: float

    def expectation(self, stream: Upstream, line: str) -> Expect: ...

    def over(self, stream: Upstream) -> None: ...


class Drive:
    """Runs until nobody wants the stream any more, or somebody ended it."""

    line = LIVE

    def __init__(self, desk: Desk, stream: Upstream) -> None:
        self._desk = desk
        self._stream = stream
        self._failures = 0
        self._closed_by = self._closed_detail = ""
        self._sending: Sending | None = None
        """The 0x9101 under way."""

    async def run(self) -> None:
        """Raises nothing; the stream is over when it returns."""
        stream = self._stream
        try:
            while self._wanted():
                await self._attempt()
            await self._end()
        except Exception:
            log.exception("video stream failed", stream=stream.name)
        finally:
            stream.ended = True
            reason = self._closed_by or upstream.CLOSED
            detail = self._closed_detail or (stream.detail if reason == stream.reason else "")
            stream.say(upstream.ENDED, reason, detail)
            self._desk.over(stream)

    def close(self, reason: str) -> None:
        """End it although somebody looks."""
        self._closed_by = reason
        self._stream.wake.set()

    def _wanted(self) -> bool:
        stream = self._stream
        if self._closed_by:
            return False
        if stream.viewings:
            return True
        return now_ms() - stream.idle_since < self._desk.linger_s * 1000

    async def _end(self) -> None:
        """What is left to be done when it is over."""

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # One attempt

    async def _attempt(self) -> None:
        stream, desk = self._stream, self._desk
        node = await self._expect()
        if node is None:
            await self._pause(1.0)
            return
        stream.begin(now_ms())
        if (there := stream.report) is not None and there.state != "expected":
            # an earlier core, or an earlier viewer, had it asked
            reached = (upstream.CONNECTED, upstream.PACKET, upstream.KEY_FRAME)
            for step, at in zip(reached, (there.connected_at, there.data_at, there.key_at), strict=True):
                if at:
                    stream.step(step, at)
            stream.say(upstream.LIVE if there.state == "live" else upstream.WAITING)
            await self._watch()
            return
        stream.quality = stream.wanted
        try:
            self._sending = sending = await self._ask(node)
        except (ProtocolError, OperationalError, OSError) as error:
            stream.say(upstream.WAITING, upstream.NO_ANSWER, str(error)[:200])
            await self._fail()
            return
        try:
            if await self._connects(sending):
                await self._watch()
            elif self._wanted():
                await self._fail()
            else:
                await self._stop()
        finally:
            self._sending = None
            desk.commanding.forget(sending)

    async def _expect(self) -> Announcement | None:
        """A node that expects the stream; None where there is none."""
        stream, nodes = self._stream, self._desk.nodes
        full: set[str] = set()
        for _ in range(4):
            running = nodes.running(stream.name)
            node = nodes.get(stream.node) or (running[0] if running else None) or nodes.choose(full)
            if node is None:
                stream.node = ""
                stream.say(upstream.WAITING, upstream.NO_NODE)
                return None
            try:
                answer = await nodes.ask(node.node, self._desk.expectation(stream, self.line))
            except NodeGone:
                nodes.forget(node.node, PROCESS)
                continue
            if not answer.refused:
                stream.node, stream.report = node.node, answer.state
                stream.expected_at = answer.state.expected_at if answer.state is not None else 0
                stream.changed()
                return node
            stream.node = ""
            stream.say(upstream.WAITING, upstream.NO_NODE, answer.refused)
            if answer.refused != "full":
                return None
            # it goes on with the streams that it has
            full.add(node.node)
        return None

    async def _ask(self, node: Announcement) -> Sending:
        stream = self._stream
        kind, values = self._request(node)
        return await self._desk.commanding.send(
            kind, values, stream.vehicle_id, stream.phone, stream.actor, stream.purpose, stream.wake
        )

    def _request(self, node: Announcement) -> tuple[str, dict[str, Any]]:
        """Kind and values of the command that begins it."""
        stream, transport = self._stream, self._desk.transport
        port = node.ports[LIVE]
        return letters.START, letters.start(
            node.address,
            port if transport in ("tcp", "both") else 0,
            port if transport in ("udp", "both") else 0,
            stream.channel,
            0,
            QUALITIES[stream.quality],
        )

    def _stopping(self) -> tuple[str, dict[str, Any]]:
        """Kind and values of the command that ends it."""
        return letters.CONTROL, letters.control(self._stream.channel, letters.CLOSE)

    def _note(self) -> None:
        """Steps of the command under way: they may be told after the terminal has connected."""
        sending, stream = self._sending, self._stream
        if sending is not None and sending.sent_at:
            stream.step(upstream.SENT, sending.sent_at)
        if sending is not None and sending.ended_at and not stream.answer:
            stream.answer = sending.result
            if sending.ok:
                stream.step(upstream.ANSWERED, sending.ended_at)
            stream.changed()

    async def _connects(self, sending: Sending) -> bool:
        """Whether the terminal's stream came. Its connection counts, whatever it answers."""
        stream = self._stream
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ANSWER_S
        while self._wanted() and stream.node and not stream.connected:
            answered = bool(stream.answer)
            self._note()
            if stream.answer and not answered:
                if sending.ok:
                    stream.say(upstream.WAITING)
                    deadline = loop.time() + CONNECT_S
                else:
                    reason = upstream.REFUSED if sending.result in _REFUSALS else upstream.NO_ANSWER
                    reason = upstream.OFFLINE if sending.result == "offline" else reason
                    stream.say(upstream.WAITING, reason, sending.result)
                    return False
            if sending.sent_at and not stream.answer and now_ms() - sending.sent_at > SLOW_ANSWER_MS:
                stream.say(upstream.WAITING, upstream.NO_ANSWER, "waiting")
            if loop.time() > deadline:
                reason = upstream.NO_CONNECTION if stream.answer else upstream.NO_ANSWER
                stream.say(upstream.WAITING, reason)
                return False
            await self._pause(1.0)
        return stream.connected

    async def _watch(self) -> None:
        """The terminal is connected: follow it until it is lost or not wanted."""
        stream = self._stream
        while await self._follow():
            stream.say(upstream.WAITING, upstream.LOST)
            await self._until(lambda: stream.connected or not stream.node, RETURN_S)
            if not stream.connected:
                break
        if not self._wanted():
            await self._stop()
        elif stream.node:
            await self._fail()

    async def _follow(self) -> bool:
        """Say what comes and what does not; whether the terminal's line was lost, while the stream is still wanted."""
        stream, loop = self._stream, asyncio.get_running_loop()
        began = loop.time()
        while self._wanted() and stream.node and stream.connected:
            self._note()
            if upstream.KEY_FRAME in stream.steps:
                self._failures = 0
                if stream.wanted != stream.quality:
                    await self._switch()
            elif upstream.PACKET in stream.steps:
                if loop.time() - began > KEY_S:
                    report = stream.report
                    unknown = report is not None and not report.codec
                    stream.say(upstream.WAITING, upstream.CODEC_UNKNOWN if unknown else upstream.NO_KEY_FRAME)
            elif loop.time() - began > DATA_S:
                stream.say(upstream.WAITING, upstream.NO_DATA)
            await self._pause(1.0)
        return self._wanted() and bool(stream.node)

    async def _switch(self) -> None:
        """Go over to the other stream: by 0x9102, or where nothing changes by asking anew (reference §6.1, 7)."""
        stream = self._stream
        wanted = stream.wanted
        changes = stream.report.changed if stream.report else 0
        switch = letters.control(stream.channel, letters.SWITCH, QUALITIES[wanted])
        sending = await self._control(letters.CONTROL, switch)
        stream.quality = wanted
        stream.changed()
        if sending is None:
            return

        def done() -> bool:
            return not stream.connected or (stream.report is not None and stream.report.changed != changes)

        await self._until(done, SWITCH_S)
        if stream.connected and not done() and self._wanted():
            await self._stop()
            stream.node = ""

    async def _stop(self) -> None:
        """0x9102, then the end of the connection."""
        stream = self._stream
        if self._asked() or stream.connected:
            sending = await self._control(*self._stopping())
            if sending is not None:
                await self._desk.commanding.ended(sending, CLOSE_S)
                self._desk.commanding.forget(sending)
        node, stream.node = stream.node, ""
        if node:
            with contextlib.suppress(NodeGone):
                await self._desk.nodes.ask(node, Close(stream.name, self._closed_by or upstream.CLOSED))

    def _asked(self) -> bool:
        """Whether the terminal may have been asked: what left a moment ago is not noted yet."""
        sending = self._sending
        under_way = sending is not None and not (sending.ended_at and not sending.sent_at)
        return under_way or upstream.SENT in self._stream.steps

    async def _control(self, kind: str, values: dict[str, Any]) -> Sending | None:
        stream = self._stream
        actor = stream.actor if stream.viewings else SYSTEM
        try:
            return await self._desk.commanding.send(
                kind, values, stream.vehicle_id, stream.phone, actor, STOP_REASON
                if not stream.viewings else stream.purpose,
            )  # fmt: skip
        except (ProtocolError, OperationalError, OSError) as error:
            log.warning("command not sent", stream=stream.name, error=str(error)[:200])
            return None

    # Waiting

    async def _fail(self) -> None:
        """Wait before the next attempt, longer each time; a terminal that signs in ends the wait."""
        if not self._stream.node:
            return
        pause = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        node = self._stream.node
        await self._until(lambda: self._stream.connected or self._stream.node != node, pause, signs_in=True)
        if not self._wanted():
            await self._stop()

    async def _until(self, done: Callable[[], bool], seconds: float, signs_in: bool = False) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not done() and self._wanted() and loop.time() < deadline:
            woken = await self._pause(min(1.0, max(0.01, deadline - loop.time())))
            if woken and signs_in and self._stream.reason == upstream.OFFLINE:
                return

    async def _pause(self, seconds: float) -> bool:
        """Wait for something to happen; whether it did."""
        wake = self._stream.wake
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()
        woken = wake.is_set()
        wake.clear()
        return woken
