"""The video desk in the core: opens a stream for its first viewer, shares it, closes it after the last one left.

Nothing here outlives the core but what costs money: a stream that still runs at a node after a restart is taken over by
who looks first, or ended. Tickets are random, short-lived and count once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets

import msgspec
import structlog
from prometheus_client import Gauge
from sqlalchemy import Engine

from luwei.commands.engine import CommandEngine, Line
from luwei.media.orders import (
    EVENT_SUBJECT,
    MAIN,
    NODE_SUBJECT,
    STRANGER_SUBJECT,
    SUB,
    TRAFFIC_SUBJECT,
    Admit,
    Announcement,
    AudioHints,
    Event,
    Expect,
    Snap,
    Traffic,
)
from luwei.profiles import catalogue_of
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.settings import Settings
from luwei.video import limits, standing, tidings, traffic, upstream
from luwei.video.asking import Asking
from luwei.video.chores import Chores
from luwei.video.commanding import Commanding
from luwei.video.drive import Drive
from luwei.video.hints import audio_hints
from luwei.video.nodes import OUT_OF_REACH, PROCESS, SILENT, NodeGone, Nodes
from luwei.video.playback_drive import PlaybackDrive
from luwei.video.playbacks import Playbacks
from luwei.video.playing import Playing
from luwei.video.strays import Strays
from luwei.video.talk import Call
from luwei.video.talk_drive import TalkDrive
from luwei.video.talks import Talks
from luwei.video.tickets import TICKET_MS, Place, Ticket, TicketRefused, Tickets
from luwei.video.traffic import Used
from luwei.video.upstream import Upstream, Viewing, host_of
from luwei.video.view_line import Lines, ViewLine, answers

log = structlog.get_logger()

KEY_MS = 10_000
SWEEP_S = 1.0
NODE_PATIENCE_S = 1.0

_streams = Gauge("luwei_video_streams", "Streams that somebody looks at")
_viewers = Gauge("luwei_video_viewers", "Viewers with a picture or a ticket")


class VideoDesk:
    """All streams and viewers of the installation; lives in one process."""

    def __init__(self, engine: Engine, bus: Line, commands: CommandEngine, settings: Settings) -> None:
        self._engine = engine
        self._bus = bus
        self._settings = settings
        self._catalogue = catalogue_of(settings.profiles)
        self.nodes = Nodes(bus)
        self.lines = Lines()
        self.commanding = Commanding(engine, commands)
        self.asking = Asking(self.commanding)
        self.transport = settings.media_transport
        self.linger_s = float(settings.video_linger_s)
        self.streams: dict[str, Upstream] = {}
        self.chores = Chores()
        self.playbacks = Playbacks(self)
        self.talks = Talks(self, engine, self._catalogue)
        self._strays = Strays(engine, self.nodes, self.commanding, self.chores, self.streams)
        self._drives: dict[str, tuple[Drive, asyncio.Task[None]]] = {}
        self._tickets = Tickets()
        self._clock: asyncio.Task[None] | None = None
        self._seating = False

    async def start(self) -> None:
        """Listen to the nodes."""
        self.commanding.start()
        await self._bus.subscribe(NODE_SUBJECT, self._announced)
        await self._bus.subscribe(EVENT_SUBJECT, self._happened)
        await self._bus.subscribe("gateway.session", self._signed_in)
        await self._bus.serve(TRAFFIC_SUBJECT, self._metered)
        await self._bus.serve(STRANGER_SUBJECT, self._strays.stranger)
        self._clock = asyncio.create_task(self._sweep(), name="video desk")
        self.chores.later(self.talks.recover())

    async def stop(self) -> None:
        """Leave the streams to their nodes: the next core takes them over or ends them."""
        tasks = [task for _, task in self._drives.values()]
        tasks += [self._clock] if self._clock else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.chores.stop()
        await self.commanding.stop()

    # Viewers

    async def open(
        self,
        vehicle_id: int,
        phone: str,
        channel: int,
        quality: str,
        purpose: str,
        actor: Actor,
        user_id: int,
        peer: str = "",
    ) -> Ticket:
        """A ticket for one picture; its stream is opened if it does not run. ``peer``: address of the terminal's 808
        connection. Raises QuotaExceeded."""
        used, hints = await self.known_of(vehicle_id, phone)
        name = f"live-{vehicle_id}-{channel}"
        self.require_room(name, vehicle_id, user_id, used)
        stream = self.streams.get(name)
        if stream is None or stream.ended:
            stream = Upstream(
                name, vehicle_id, phone, channel, actor, purpose, quality, hints, host_of(peer), opened_at=now_ms()
            )  # fmt: skip
        return self.ticket(stream, quality, purpose, actor, user_id, used)

    def ticket(
        self, stream: Upstream, quality: str, purpose: str, actor: Actor, user_id: int, used: Used
    ) -> Ticket:  # fmt: skip
        """A ticket for a stream; its drive begins with its first viewer."""
        now = now_ms()
        viewing = Viewing(secrets.token_hex(8), stream, user_id, actor, purpose, quality, now + TICKET_MS, now)
        stream.viewings[viewing.id] = viewing
        self.begin(stream)
        return self._tickets.give(viewing, used)

    def begin(self, stream: Upstream) -> None:
        """Have a stream driven, if it is not."""
        self.streams[stream.name] = stream
        if stream.name not in self._drives:
            self._drive(stream)
        stream.wake.set()

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._settings

    async def known_of(self, vehicle_id: int, phone: str) -> tuple[Used, AudioHints]:
        """What a SIM has used of its month, and how its sound is coded."""

        def ask() -> tuple[int, AudioHints]:
            octets = traffic.used(self._engine, phone, now_ms())
            return octets, audio_hints(self._engine, self._catalogue, vehicle_id, phone)

        octets, hints = await asyncio.to_thread(ask)
        return Used(octets, self.month_limit), hints

    def require_room(self, name: str, vehicle_id: int, user_id: int, used: Used) -> None:
        """For one more viewer of the stream ``name``. Raises QuotaExceeded."""
        limits.require_room(self._settings, self.streams, name, vehicle_id, user_id, used)

    @property
    def month_limit(self) -> int:
        """Bytes that one SIM may bring in a month; 0: no limit."""
        return self._settings.video_month_mib << 20

    @property
    def pictures(self) -> dict[str, Upstream]:
        """Streams that somebody looks at or records. Talks are none of them: who may see a picture need not know that
        somebody listens, nor end it."""
        return {name: stream for name, stream in self.streams.items() if not isinstance(stream, Call)}

    def viewings_of(self, user_id: int) -> int:
        """Tiles of one person."""
        return limits.viewings_of(self.streams, user_id)

    def redeem(self, ticket: str, viewing_id: str, user_id: int) -> Viewing:
        """The viewing of a ticket, which counts no more. Raises TicketRefused."""
        viewing, wrong = self._tickets.take(ticket, viewing_id, user_id)
        if wrong or viewing is None:
            if viewing is not None:
                self.leave(viewing)
            raise TicketRefused(wrong)
        viewing.joined_at = now_ms()
        viewing.upstream.changed()
        return viewing

    def leave(self, viewing: Viewing) -> None:
        """A viewer went."""
        stream = viewing.upstream
        if stream.viewings.pop(viewing.id, None) is not None:
            if not stream.viewings:
                stream.idle_since = now_ms()
            stream.wake.set()
            stream.changed()

    def choose(self, viewing: Viewing, quality: str) -> None:
        """A viewer wants main or sub."""
        if quality in (MAIN, SUB) and viewing.quality != quality:
            viewing.quality = quality
            viewing.upstream.wake.set()

    async def place(self, viewing: Viewing, formats: list[str], audio: bool) -> Place | None:
        """Where to fetch the pictures; waits for a node. None when the stream is over."""
        stream = viewing.upstream
        while not stream.ended:
            news = stream.news
            node = self.nodes.get(stream.node) if stream.node else None
            if node is not None:
                key = secrets.token_urlsafe(24)
                admission = Admit(stream.name, viewing.id, key, formats, audio, KEY_MS)
                try:
                    answer = await self.nodes.ask(node.node, admission)
                except NodeGone:
                    self.node_lost(stream, node.node, PROCESS)
                    continue
                if not answer.refused:
                    return Place(node.node, node.view_host, node.view_port, key)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NODE_PATIENCE_S):
                    await news.wait()
        return None

    async def open_line(self, viewing: Viewing, place: Place) -> ViewLine:
        """To the node that has a viewer's pictures. Raises OSError, TimeoutError: its host cannot be reached, and the
        stream goes to another node."""
        stream = viewing.upstream
        try:
            line = await self.lines.open(place, lambda: stream.node == place.node and self._there(place.node))
        except (OSError, TimeoutError):
            self.node_lost(stream, place.node, OUT_OF_REACH)
            raise
        self.nodes.reached(place.node)
        return line

    def _there(self, node: str) -> bool:
        return self.nodes.get(node) is not None

    def node_lost(self, stream: Upstream, node: str, why: str) -> None:
        """A node does not answer, or cannot be reached (``nodes.PROCESS``, ``nodes.OUT_OF_REACH``)."""
        if stream.node == node:
            self.nodes.forget(node, why)
            self._lose_node(node)

    def _lose_node(self, node: str) -> None:
        for stream in self.streams.values():
            if stream.node == node:
                stream.node = ""
                stream.steps.pop(upstream.CONNECTED, None)
                stream.say(upstream.WAITING, upstream.NODE_GONE)
                stream.wake.set()

    async def _try_to_reach(self, said: Announcement) -> None:
        if await answers(said.view_host, said.view_port):
            self.nodes.reached(said.node)

    async def snapshot(self, stream: Upstream) -> bytes:
        """A JPEG of the last key picture; empty where there is none."""
        try:
            answer = await self.nodes.ask(stream.node, Snap(stream.name)) if stream.node else None
        except NodeGone:
            return b""
        return answer.data if answer is not None else b""

    def close(self, stream: Upstream, reason: str = upstream.CLOSED) -> None:
        """End a stream for everybody."""
        drive = self.drive_of(stream.name)
        if drive is not None:
            drive.close(reason)

    def drive_of(self, name: str) -> Drive | None:
        """What runs a stream."""
        drive = self._drives.get(name)
        return drive[0] if drive is not None else None

    # What a drive needs

    def expectation(self, stream: Upstream, line: str) -> Expect:
        """What a node is told."""
        order = stream.order if isinstance(stream, Call) else None
        return Expect(
            stream.name, line, stream.phone, stream.channel, stream.paid_for, stream.peer, stream.audio, order
        )

    async def pay_for(self, stream: Upstream) -> None:
        """Have the node count a stream's traffic under the purpose that it has now."""
        report, drive = stream.report, self.drive_of(stream.name)
        if drive is None or not stream.node or report is None or report.purpose == stream.paid_for:
            return
        with contextlib.suppress(NodeGone):
            answer = await self.nodes.ask(stream.node, self.expectation(stream, drive.line))
            stream.report = answer.state or stream.report

    def over(self, stream: Upstream) -> None:
        """A stream has ended."""
        if self.streams.get(stream.name) is stream:
            del self.streams[stream.name]
        self._drives.pop(stream.name, None)
        if isinstance(stream, Call):
            self.talks.over(stream)

    def _drive(self, stream: Upstream) -> None:
        if isinstance(stream, Call):
            drive: Drive = TalkDrive(self, stream, self.talks.learn)
        else:
            drive = PlaybackDrive(self, stream) if isinstance(stream, Playing) else Drive(self, stream)
        self._drives[stream.name] = drive, asyncio.create_task(drive.run(), name=f"video {stream.name}")

    # What the bus says

    async def _announced(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        said = msgspec.msgpack.decode(payload, type=Announcement)
        if self.nodes.heard(said):
            for waiting in self.streams.values():
                waiting.wake.set()
        for each in said.streams:
            stream = self.streams.get(each.stream)
            if stream is not None and stream.node == said.node and stream.expected_at == each.expected_at:
                stream.report = each
                tidings.catch_up(stream, each)
            elif stream is None:
                self._strays.seen(said.node, each)
            elif stream.node and stream.node != said.node:
                # its host was away, and the stream went to another node
                self._strays.left_behind(said.node, each.stream)

    async def _happened(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        event = msgspec.msgpack.decode(payload, type=Event)
        stream = self.streams.get(event.stream)
        if stream is not None and stream.node == event.node:
            tidings.happened(stream, event.what, event.at, event.detail)

    async def _signed_in(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = msgspec.json.decode(payload)
        phones = {session["phone"] for session in message.get("sessions", [message])}
        for stream in self.streams.values():
            if stream.phone in phones:
                stream.wake.set()

    async def _metered(self, _: str, payload: bytes) -> bytes:
        await asyncio.to_thread(traffic.enter, self._engine, msgspec.msgpack.decode(payload, type=Traffic))
        return b""

    # Time

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self._look_around(now_ms())
                if not self._seating:
                    # beside it: a registry that is slow must not keep streams on a host that is gone
                    self._seating = True
                    self.chores.later(self._look_at_seats())
            except Exception:
                log.exception("video desk failed")

    async def _look_at_seats(self) -> None:
        """A terminal that was given to another truck shows that one: who may look at the first has no right to it."""
        streams = list(self.streams.values())
        asked = {(each.vehicle_id, each.phone) for each in streams}
        try:
            gone = await asyncio.to_thread(standing.without_terminal, self._engine, asked) if asked else set()
        finally:
            self._seating = False
        for stream in streams:
            if (stream.vehicle_id, stream.phone) in gone:
                self.close(stream, upstream.NO_TERMINAL)

    def _look_around(self, now: int) -> None:
        """What ends by time: tickets, talks that nobody took, nodes that are silent."""
        for viewing in self._tickets.expired(now):
            if not viewing.joined:
                self.leave(viewing)
        self.talks.sweep(now)
        self.nodes.sweep()
        for name in {stream.node for stream in self.streams.values() if stream.node}:
            if not self._there(name):
                if self.nodes.within_reach(name):
                    self.nodes.forget(name, SILENT)
                self._lose_node(name)
        self.lines.sweep(asyncio.get_running_loop().time())
        for said in self.nodes.to_try():
            self.chores.later(self._try_to_reach(said))
        self._strays.sweep(now)
        pictures = self.pictures
        _streams.set(len(pictures))
        _viewers.set(sum(len(stream.viewings) for stream in pictures.values()))
