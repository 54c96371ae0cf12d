"""A media node: the ports, the streams and their viewers of one process, and what it says on the bus.

The node decides nothing about people: the core tells it what to expect and whom to admit. While the core is away it
goes on; a stream at which nobody looks for ``stream.LEFT_ALONE_MS`` then ends by itself, since data plans cost money.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import structlog
from prometheus_client import Counter as Total
from prometheus_client import Gauge

from luwei.bus import BusAway, RequestFailed
from luwei.bus.connection import Server
from luwei.media.expected import UNEXPECTED, Expected
from luwei.media.feed import Feed
from luwei.media.intake import Intake
from luwei.media.leg import Leg
from luwei.media.meter import Meter
from luwei.media.orders import (
    EVENT_SUBJECT,
    LINES,
    NODE_SUBJECT,
    STRANGER_SUBJECT,
    TALK,
    Admit,
    Announcement,
    Answer,
    Close,
    Event,
    Expect,
    Look,
    Pace,
    Request,
    Snap,
    Stranger,
    node_subject,
)
from luwei.media.stills import Stills
from luwei.media.stream import Stream
from luwei.media.talk import Talk
from luwei.media.view_port import ViewPort
from luwei.protocol.jt1078.video import Picture
from luwei.settings import Settings

log = structlog.get_logger()

TICK_S = 0.1
STRANGERS_AT_ONCE = 20
ASK_S = 2.0
REASONS_MAX = 64
TOLD_MAX = 20
"""Refusals a second that the log names one by one: datagrams with invented senders cost nothing to who sends them."""
TRAFFIC_S = 5

_streams = Gauge("luwei_media_streams", "Streams expected or running")
_viewers = Gauge("luwei_media_viewers", "Viewers of all streams")
_connections = Gauge("luwei_media_connections", "Lines of terminals")
_refused = Total("luwei_media_refused_total", "Lines, streams and viewers refused", ["reason"])
_kept = Gauge("luwei_media_kept_bytes", "Pictures kept for viewers who come")


class Line(Protocol):
    """What a node needs of the bus."""

    @property
    def connected(self) -> bool: ...

    async def publish(self, subject: str, payload: bytes) -> None: ...

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes: ...

    async def serve(self, subject: str, handler: Server, queue: str = "") -> None: ...


class Node:
    """One media process; ``start`` opens its ports."""

    def __init__(self, settings: Settings, number: int, bus: Line) -> None:
        self.settings = settings
        self.boot = secrets.randbits(48)
        self.name = f"{number}-{self.boot:012x}"
        """Another after each start: what was asked of the one before is not asked of this one."""
        self.idle_s = settings.media_idle_s
        self.connections_max = settings.media_connections
        self.connections_per_address = settings.media_connections_per_address
        self._number = number
        self._bus = bus
        self._expected = Expected()
        self._talks: dict[str, Talk] = {}
        self._intake = Intake(self)
        self._port = ViewPort(self)
        self._stills = Stills()
        self._kept = 0
        self._kept_max = settings.media_pictures_mib << 20
        self._refusals: Counter[str] = Counter()
        self._refused = 0
        """In this second."""
        self._asking = 0
        self._meter = Meter(self.boot, bus)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clock: asyncio.Task[None] | None = None
        self._cpu = (time.monotonic(), time.process_time())
        self._bit_rate = 0
        self._seconds = 0

    async def start(self) -> None:
        """Open the ports and answer. Raises OSError."""
        settings = self.settings
        first = settings.media_port and settings.media_port + self._number * len(LINES)
        for place, line in enumerate(LINES):
            await self._intake.open(line, settings.host, first and first + place)
        view_port = settings.media_view_port and settings.media_view_port + self._number
        await self._port.start(settings.media_view_address, view_port)
        await self._bus.serve(node_subject(self.name), self._answer)
        # at once: viewers of a process that ended may be waiting
        await self._bus.publish(NODE_SUBJECT, msgspec.msgpack.encode(self.announcement(self.now_ms())))
        self._clock = asyncio.create_task(self._run(), name="media clock")
        log.info("media node listens", node=self.name, host=settings.host, ports=self._intake.ports)

    async def stop(self) -> None:
        """Close everything."""
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        for stream in self._expected.all():
            stream.end("node_gone")
            self._meter.note(stream)
        self._forget_talks()
        self._port.stop()
        self._intake.stop()
        if not self._meter.telling:
            await self._meter.tell(self.now_ms())
        await self._stills.stop()
        # what was written leaves before the loop ends
        await asyncio.sleep(0)

    # What streams, lines and viewers ask for

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000

    def stream(self, name: str) -> Stream | None:
        """An expected stream."""
        return self._expected.get(name)

    def talk(self, name: str) -> Talk | None:
        """A talk that has legs here."""
        return self._talks.get(name)

    def event(self, stream: Stream, what: str, detail: str = "") -> None:
        """Tell the core at once."""
        event = Event(self.name, self.boot, stream.expect.stream, what, self.now_ms(), detail[:200])
        self._later(self._bus.publish(EVENT_SUBJECT, msgspec.msgpack.encode(event)))

    def still(self, picture: Picture, done: Callable[[bytes], None]) -> None:
        """Have a JPEG made."""
        self._stills.later(picture, done)

    def refuse(self, reason: str, peer: str = "", detail: str = "") -> None:
        """Count what is not taken."""
        known = reason if reason in self._refusals or len(self._refusals) < REASONS_MAX else "other"
        self._refusals[known] += 1
        _refused.labels(known).inc()
        self._refused += 1
        if self._refused <= TOLD_MAX:
            log.info("refused", reason=reason, peer=peer, detail=detail[:200])

    def route(self, feed: Feed, sim_raw: bytes, channel: int) -> Stream | None:
        """The stream that a line brings, or None: refused and counted."""
        found = self._expected.find(feed, sim_raw, channel, time.monotonic())
        if found.stream is not None:
            if not sim_raw.strip(b"\0"):
                log.info("stream without a SIM taken by its address", stream=found.stream.expect.stream)
            return found.stream
        sim = sim_raw.hex().lstrip("0")
        if found.reason == UNEXPECTED and self._asking < STRANGERS_AT_ONCE:
            self._later(self._ask_about(Stranger(self.name, sim, channel, feed.line, feed.peer)))
        else:
            self.refuse(found.reason, feed.peer, f"SIM {sim} channel {channel}")
        return None

    def silent(self, feed: Feed) -> Stream | None:
        """The stream of a line that says nothing."""
        return self._expected.silent(feed)

    async def _ask_about(self, stranger: Stranger) -> None:
        """Whether the terminal is known is for the core to say: it also ends what an earlier run left open."""
        self._asking += 1
        reason = UNEXPECTED
        try:
            payload = msgspec.msgpack.encode(stranger)
            reason = (await self._bus.request(STRANGER_SUBJECT, payload, ASK_S)).decode()[:20] or UNEXPECTED
        except (BusAway, RequestFailed):
            pass
        finally:
            self._asking -= 1
        self.refuse(reason, stranger.peer, f"SIM {stranger.sim} channel {stranger.channel}")

    def _budget(self, octets: int) -> bool:
        if octets > 0 and self._kept + octets > self._kept_max:
            return False
        self._kept += octets
        return True

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What the core asks for

    async def _answer(self, _: str, payload: bytes) -> bytes:
        request = msgspec.msgpack.decode(payload, type=Request)
        if isinstance(request, Snap):
            answer = await self._snap(request)
        elif isinstance(request, Expect):
            answer = self._expect(request)
        elif isinstance(request, Admit):
            answer = self._admit(request)
        elif isinstance(request, Pace):
            answer = self._pace(request)
        elif isinstance(request, Look):
            answer = self._look(request)
        else:
            answer = self._close(request)
        return msgspec.msgpack.encode(answer)

    def _expect(self, said: Expect) -> Answer:
        if said.line not in LINES or (said.line == TALK) != (said.talk is not None):
            return Answer("line")
        if (known := self._expected.get(said.stream)) is not None:
            if known.expect.purpose != said.purpose:
                self._meter.note(known)
                known.expect = msgspec.structs.replace(known.expect, purpose=said.purpose)
            return Answer(state=known.report())
        if self._expected.rival(said.line, said.phone, said.channel) is not None:
            return Answer("claimed")
        if len(self._expected) >= self.settings.media_streams:
            return Answer("full")
        stream = self._leg(said) if said.talk is not None else Stream(said, self, self._budget)
        self._expected.add(stream)
        self._intake.reconsider(said.line, said.channel)
        return Answer(state=stream.report())

    def _leg(self, said: Expect) -> Leg:
        assert said.talk is not None
        talk = self._talks.get(said.talk.talk)
        if talk is None:
            talk = self._talks[said.talk.talk] = Talk(said.talk.talk, said.talk.kind, self.now_ms)
        leg = Leg(said, self, self._budget, talk)
        talk.add(leg)
        return leg

    def _forget_talks(self) -> None:
        for name, talk in list(self._talks.items()):
            if not talk.legs:
                del self._talks[name]
                talk.end()

    def _admit(self, said: Admit) -> Answer:
        if self._expected.get(said.stream) is None and said.stream not in self._talks:
            return Answer("unknown_stream")
        self._port.admit(said)
        return Answer()

    def _close(self, said: Close) -> Answer:
        stream = self._expected.remove(said.stream, time.monotonic() + said.quiet_s if said.quiet_s else 0.0)
        if stream is None:
            return Answer("unknown_stream")
        self._meter.note(stream)
        stream.end(said.reason)
        self._forget_talks()
        return Answer()

    def _pace(self, said: Pace) -> Answer:
        stream = self._expected.get(said.stream)
        if stream is None:
            return Answer("unknown_stream")
        stream.pace(said.arrival)
        return Answer(state=stream.report())

    def _look(self, said: Look) -> Answer:
        stream = self._expected.get(said.stream)
        return Answer("unknown_stream") if stream is None else Answer(state=stream.report())

    async def _snap(self, said: Snap) -> Answer:
        stream = self._expected.get(said.stream)
        picture = stream.last_key if stream is not None else None
        if picture is None:
            return Answer("no_picture")
        jpeg = await self._stills.develop(picture)
        return Answer("" if jpeg else "no_picture", jpeg)

    # Time

    async def _run(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            now = self.now_ms()
            try:
                for stream in self._expected.all():
                    stream.tick(now)
                self._intake.tick(now)
                if ticks % 10 == 0:
                    await self._second(now)
            except Exception:
                log.exception("media clock failed")

    async def _second(self, now: int) -> None:
        now_s = time.monotonic()
        self._seconds += 1
        if self._refused > TOLD_MAX:
            log.warning("many refused in a second", untold=self._refused - TOLD_MAX)
        self._refused = 0
        self._intake.second(now)
        self._port.second(now_s)
        self._expected.forget_quiet(now_s)
        self._bit_rate = viewers = 0
        for stream in self._expected.all():
            stream.second(now)
            self._meter.note(stream)
            self._bit_rate += stream.bit_rate
            viewers += len(stream.viewers)
            for viewer in list(stream.viewers):
                if viewer.stuck(now_s):
                    self.refuse("viewer_slow", detail=viewer.name)
                    # on the bus, since what waits on his line is cut off with it
                    self.event(stream, "slow", viewer.name)
                    viewer.end("viewer_slow")
            if stream.left_alone(now):
                self.event(stream, "ended", "left_alone")
                self._close(Close(stream.expect.stream, "left_alone"))
        for talk in self._talks.values():
            talk.second()
        _streams.set(len(self._expected))
        _viewers.set(viewers)
        _connections.set(len(self._intake))
        _kept.set(self._kept)
        await self._bus.publish(NODE_SUBJECT, msgspec.msgpack.encode(self.announcement(now)))
        if self._seconds % TRAFFIC_S == 0 and not self._meter.telling:
            self._later(self._meter.tell(now))

    def announcement(self, now: int) -> Announcement:
        """What the node is and has."""
        at, used = self._cpu
        self._cpu = (time.monotonic(), time.process_time())
        load = (self._cpu[1] - used) / max(self._cpu[0] - at, 1e-3)
        settings = self.settings
        return Announcement(
            node=self.name,
            boot=self.boot,
            at=now,
            address=settings.media_address or settings.host,
            ports=self._intake.ports,
            view_host=settings.media_view_address,
            view_port=self._port.port,
            load=round(load, 3),
            connections=len(self._intake),
            streams=[stream.report() for stream in self._expected.all()],
            streams_max=settings.media_streams,
            bit_rate=self._bit_rate,
            refused=dict(self._refusals),
        )

    def health(self) -> dict[str, Any]:
        """For /health: ``ok`` while streams are taken and the core can be told."""
        return {
            "ok": bool(self._intake.ports) and self._bus.connected,
            "process": "media",
            "node": self.name,
            "ports": self._intake.ports,
            "view_port": self._port.port,
            "streams": len(self._expected),
            "connections": len(self._intake),
            "kept_bytes": self._kept,
            "bus": self._bus.connected,
            "refused": dict(self._refusals),
        }
