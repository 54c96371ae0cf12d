"""The video desk in the core: opens a stream for its first viewer, shares it, closes it after the last one left.

Nothing here outlives the core but what costs money: a stream that still runs at a node after a restart is taken over by
who looks first, or ended. Tickets are random, short-lived and count once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

import msgspec
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine, or_, select

from luwei.commands.engine import CommandEngine, Line
from luwei.media.orders import (
    EVENT_SUBJECT,
    MAIN,
    NODE_SUBJECT,
    PLAYBACK,
    STRANGER_SUBJECT,
    SUB,
    TRAFFIC_SUBJECT,
    Admit,
    Announcement,
    AudioHints,
    Close,
    Event,
    Expect,
    Snap,
    Stranger,
    StreamState,
    Traffic,
)
from luwei.profiles import catalogue_of
from luwei.registry.audit import SYSTEM, Actor
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.settings import Settings
from luwei.video import letters, playing, traffic, upstream
from luwei.video.commanding import Commanding
from luwei.video.drive import Drive
from luwei.video.hints import audio_hints
from luwei.video.nodes import NodeGone, Nodes
from luwei.video.playback_drive import PlaybackDrive
from luwei.video.playing import Playing, Wanted
from luwei.video.traffic import Used
from luwei.video.upstream import Upstream, Viewing

log = structlog.get_logger()

TICKET_MS = 30_000
KEY_MS = 10_000
SWEEP_S = 1.0
NODE_PATIENCE_S = 1.0
STRAY_MS = 5_000
"""A stream at a node that the desk knows nothing of is ended when nobody looked for so long after a start."""
STRANGERS_MAX = 1_000
STRANGER_S = 60.0
CHANNEL_LIST = 0x0076
ASK_AGAIN_S = 3_600.0
ASKED_MAX = 50_000

ENDING_S = 8.0
"""For the end of a viewer's playback before his next one of the channel."""
STEERING_MAX = 4
"""Acts of one viewer that wait; further ones are dropped."""
SUB_RECORDED = 2
"""Stream of 0x9201 (1078 §4.8)."""

UNKNOWN_SIM, UNEXPECTED = "unknown_sim", "unexpected"

_refused = Counter("luwei_video_refused_total", "Viewers refused", ["reason"])
_streams = Gauge("luwei_video_streams", "Streams that somebody looks at")
_viewers = Gauge("luwei_video_viewers", "Viewers with a picture or a ticket")


class QuotaExceeded(RuntimeError):
    """A limit is reached; the message is its name: ``sim_month``, ``streams``, ``truck_streams``, ``user_streams``."""


class Busy(RuntimeError):
    """A terminal plays a channel once (reference §6.6, 6)."""


class TicketRefused(PermissionError):
    """The ticket is unknown, used, too old or another user's."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a viewer gets for his request."""

    value: str
    viewing: Viewing
    until_ms: int
    used: Used


@dataclass(frozen=True, slots=True)
class Place:
    """Where a viewer's pictures are to be fetched, and the key that counts once."""

    node: str
    host: str
    port: int
    key: str


class VideoDesk:
    """All streams and viewers of the installation; lives in one process."""

    def __init__(self, engine: Engine, bus: Line, commands: CommandEngine, settings: Settings) -> None:
        self._engine = engine
        self._bus = bus
        self._settings = settings
        self._catalogue = catalogue_of(settings.profiles)
        self.nodes = Nodes(bus)
        self.commanding = Commanding(engine, commands)
        self.transport = settings.media_transport
        self.linger_s = float(settings.video_linger_s)
        self.streams: dict[str, Upstream] = {}
        self._drives: dict[str, tuple[Drive, asyncio.Task[None]]] = {}
        self._tickets: dict[str, Viewing] = {}
        self._strangers: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._strays: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._steering: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen to the nodes."""
        self.commanding.start()
        await self._bus.subscribe(NODE_SUBJECT, self._announced)
        await self._bus.subscribe(EVENT_SUBJECT, self._happened)
        await self._bus.subscribe("gateway.session", self._signed_in)
        await self._bus.serve(TRAFFIC_SUBJECT, self._metered)
        await self._bus.serve(STRANGER_SUBJECT, self._stranger)
        self._clock = asyncio.create_task(self._sweep(), name="video desk")

    async def stop(self) -> None:
        """Leave the streams to their nodes: the next core takes them over or ends them."""
        tasks = [task for _, task in self._drives.values()]
        tasks += [*self._tasks, *([self._clock] if self._clock else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
        octets, hints = await asyncio.to_thread(self._known_of, vehicle_id, phone)
        used = Used(octets, self.month_limit)
        name = f"live-{vehicle_id}-{channel}"
        try:
            self._require_room(name, vehicle_id, user_id, used)
        except QuotaExceeded:
            _refused.labels("quota").inc()
            raise
        stream = self.streams.get(name)
        if stream is None or stream.ended:
            stream = Upstream(
                name, vehicle_id, phone, channel, actor, purpose, quality, hints, peer.rpartition(":")[0].strip("[]"),
                opened_at=now_ms(),
            )  # fmt: skip
        return self._ticket(stream, quality, purpose, actor, user_id, used)

    def _ticket(
        self, stream: Upstream, quality: str, purpose: str, actor: Actor, user_id: int, used: Used
    ) -> Ticket:  # fmt: skip
        now = now_ms()
        self.streams[stream.name] = stream
        viewing = Viewing(secrets.token_hex(8), stream, user_id, actor, purpose, quality, now + TICKET_MS, now)
        stream.viewings[viewing.id] = viewing
        if stream.name not in self._drives:
            self._drive(stream)
        stream.wake.set()
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = viewing
        return Ticket(ticket, viewing, viewing.until_ms, used)

    async def play(
        self,
        vehicle_id: int,
        phone: str,
        wanted: Wanted,
        purpose: str,
        actor: Actor,
        user_id: int,
        peer: str = "",
    ) -> Ticket:
        """A ticket for a playback. A viewer's own playback of the channel ends first; raises Busy while another's
        goes on, or his does not end, and QuotaExceeded."""
        running = self._playing(vehicle_id, wanted.channel)
        if running is not None and any(each.user_id != user_id for each in running.viewings.values()):
            _refused.labels("busy").inc()
            raise Busy("another viewer plays this channel")
        if running is not None:
            self.close(running, playing.REPLACED)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDING_S):
                    while not running.ended:
                        await running.news.wait()
        octets, hints = await asyncio.to_thread(self._known_of, vehicle_id, phone)
        used = Used(octets, self.month_limit)
        # nothing may wait between this look and the ticket
        if self._playing(vehicle_id, wanted.channel) is not None:
            _refused.labels("busy").inc()
            raise Busy("the playback before it has not ended")
        name = f"play-{vehicle_id}-{wanted.channel}-{secrets.token_hex(4)}"
        try:
            self._require_room(name, vehicle_id, user_id, used)
        except QuotaExceeded:
            _refused.labels("quota").inc()
            raise
        quality = SUB if wanted.stream == SUB_RECORDED else MAIN
        stream = Playing(
            name, vehicle_id, phone, wanted.channel, actor, purpose, quality, hints,
            peer.rpartition(":")[0].strip("[]"), opened_at=now_ms(), from_at=wanted.from_at, to_at=wanted.to_at,
            stream_type=wanted.stream, storage_type=wanted.storage, speed=wanted.speed,
            mode=playing.PLAY if wanted.speed == 1 else playing.FAST, anchor_at=wanted.from_at,
        )  # fmt: skip
        return self._ticket(stream, quality, purpose, actor, user_id, used)

    def _playing(self, vehicle_id: int, channel: int) -> Playing | None:
        """The playback of a channel that has not ended."""
        return next(
            (
                each
                for each in self.streams.values()
                if isinstance(each, Playing) and (each.vehicle_id, each.channel) == (vehicle_id, channel)
            ),
            None,
        )

    def steer(self, viewing: Viewing, act: str, speed: int, to_at: int) -> None:
        """A viewer steers his playback (``playback_drive.ACTS``)."""
        drive = self._drives.get(viewing.upstream.name)
        waiting = self._steering.get(viewing.upstream.name, 0)
        if drive is None or not isinstance(drive[0], PlaybackDrive) or waiting >= STEERING_MAX:
            return
        self._later(self._steer(viewing.upstream.name, drive[0], act, speed, to_at))

    async def _steer(self, name: str, drive: PlaybackDrive, act: str, speed: int, to_at: int) -> None:
        self._steering[name] = self._steering.get(name, 0) + 1
        try:
            await drive.steer(act, speed, to_at)
        finally:
            self._steering[name] -= 1
            if not self._steering[name]:
                del self._steering[name]

    def _known_of(self, vehicle_id: int, phone: str) -> tuple[int, AudioHints]:
        octets = traffic.used(self._engine, phone, now_ms())
        return octets, audio_hints(self._engine, self._catalogue, vehicle_id, phone)

    def _require_room(self, name: str, vehicle_id: int, user_id: int, used: Used) -> None:
        settings, there = self._settings, self.streams.get(name)
        if used.exhausted:
            raise QuotaExceeded("sim_month")
        if self.viewings_of(user_id) >= settings.video_streams_per_user:
            raise QuotaExceeded("user_streams")
        if there is None or there.ended:
            if len(self.streams) >= settings.video_streams:
                raise QuotaExceeded("streams")
            same = sum(each.vehicle_id == vehicle_id for each in self.streams.values())
            if same >= settings.video_streams_per_vehicle:
                raise QuotaExceeded("truck_streams")

    @property
    def month_limit(self) -> int:
        """Bytes that one SIM may bring in a month; 0: no limit."""
        return self._settings.video_month_mib << 20

    def viewings_of(self, user_id: int) -> int:
        """Tiles of one person."""
        return sum(
            viewing.user_id == user_id for stream in self.streams.values() for viewing in stream.viewings.values()
        )

    def redeem(self, ticket: str, viewing_id: str, user_id: int) -> Viewing:
        """The viewing of a ticket, which counts no more. Raises TicketRefused."""
        viewing = self._tickets.pop(ticket, None)
        if viewing is None or viewing.until_ms < now_ms() or viewing.upstream.ended:
            _refused.labels("ticket_expired").inc()
            if viewing is not None:
                self.leave(viewing)
            raise TicketRefused("unknown, used or too old")
        if viewing.user_id != user_id or viewing.id != viewing_id:
            _refused.labels("ticket_other").inc()
            self.leave(viewing)
            raise TicketRefused("another user's")
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
                    self.node_lost(stream, node.node)
                    continue
                if not answer.refused:
                    return Place(node.node, node.view_host, node.view_port, key)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NODE_PATIENCE_S):
                    await news.wait()
        return None

    def node_lost(self, stream: Upstream, node: str) -> None:
        """The line to a node broke, or it does not answer."""
        if stream.node == node:
            self.nodes.forget(node)
            self._lose_node(node)

    def _lose_node(self, node: str) -> None:
        for stream in self.streams.values():
            if stream.node == node:
                stream.node = ""
                stream.steps.pop(upstream.CONNECTED, None)
                stream.say(upstream.WAITING, upstream.NODE_GONE)
                stream.wake.set()

    async def snapshot(self, stream: Upstream) -> bytes:
        """A JPEG of the last key picture; empty where there is none."""
        try:
            answer = await self.nodes.ask(stream.node, Snap(stream.name)) if stream.node else None
        except NodeGone:
            return b""
        return answer.data if answer is not None else b""

    async def ask_channels(self, vehicle_id: int, phone: str, actor: Actor) -> None:
        """Ask a terminal which channels it has (0x8106 for 0x0076) and how its sound is coded (0x9003), if it is there;
        once in an hour. The answers stand in the journal, where the next look finds them."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(phone, -ASK_AGAIN_S) < ASK_AGAIN_S:
            return
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[phone] = now
        asked: tuple[tuple[str, dict[str, object]], ...] = (
            ("read_parameters", {"ids": [CHANNEL_LIST]}),
            ("video_attributes", {}),
        )
        for kind, values in asked:
            sending = await self.commanding.send(kind, values, vehicle_id, phone, actor, "channels")
            self.commanding.forget(sending)

    def close(self, stream: Upstream, reason: str = upstream.CLOSED) -> None:
        """End a stream for everybody."""
        drive = self._drives.get(stream.name)
        if drive is not None:
            drive[0].close(reason)

    # What a drive needs

    def expectation(self, stream: Upstream, line: str) -> Expect:
        """What a node is told."""
        return Expect(stream.name, line, stream.phone, stream.channel, line, stream.peer, stream.audio)

    def over(self, stream: Upstream) -> None:
        """A stream has ended."""
        if self.streams.get(stream.name) is stream:
            del self.streams[stream.name]
        self._drives.pop(stream.name, None)

    def _drive(self, stream: Upstream) -> None:
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
                self._catch_up(stream, each)
            elif stream is None:
                self._stray(said.node, each)

    def _catch_up(self, stream: Upstream, said: StreamState) -> None:
        """What an event that got lost would have told."""
        if said.state == "expected":
            if stream.connected and said.connected_at:
                self._event(stream, "lost", now_ms(), "")
            return
        reached = (
            (upstream.CONNECTED, "connected", said.connected_at),
            (upstream.PACKET, "data", said.data_at),
            (upstream.KEY_FRAME, "key", said.key_at),
        )
        for step, what, at in reached:
            if at and step not in stream.steps:
                self._event(stream, what, at, "")
        if said.state == "live" and stream.state != upstream.LIVE:
            self._event(stream, "live", now_ms(), "")

    async def _happened(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        event = msgspec.msgpack.decode(payload, type=Event)
        stream = self.streams.get(event.stream)
        if stream is not None and stream.node == event.node:
            self._event(stream, event.what, event.at, event.detail)

    def _event(self, stream: Upstream, what: str, at: int, detail: str) -> None:
        if what == "connected":
            stream.step(upstream.CONNECTED, at)
            stream.say(upstream.WAITING)
        elif what == "data":
            stream.step(upstream.PACKET, at)
        elif what in ("key", "live"):
            if what == "key":
                stream.step(upstream.KEY_FRAME, at)
                stream.key_came()
            stream.say(upstream.LIVE)
        elif what == "shown":
            stream.step(upstream.SHOWN, at)
        elif what == "no_key":
            unknown = not detail
            stream.say(upstream.WAITING, upstream.CODEC_UNKNOWN if unknown else upstream.NO_KEY_FRAME)
        elif what == "stalled":
            stream.say(upstream.STALLED, upstream.NO_DATA)
        elif what == "lost":
            for step in (upstream.CONNECTED, upstream.PACKET, upstream.KEY_FRAME):
                stream.steps.pop(step, None)
            stream.say(upstream.WAITING, upstream.LOST)
        elif what == "ended":
            stream.node = ""
            stream.steps.pop(upstream.CONNECTED, None)
        stream.wake.set()

    async def _signed_in(self, _: str, payload: bytes, __: dict[str, str]) -> None:
        message = msgspec.json.decode(payload)
        phones = {session["phone"] for session in message.get("sessions", [message])}
        for stream in self.streams.values():
            if stream.phone in phones:
                stream.wake.set()

    async def _metered(self, _: str, payload: bytes) -> bytes:
        await asyncio.to_thread(traffic.enter, self._engine, msgspec.msgpack.decode(payload, type=Traffic))
        return b""

    # Streams that nobody asked for

    async def _stranger(self, _: str, payload: bytes) -> bytes:
        """Whose it is decides the reason; a terminal that comes twice is told to stop."""
        said = msgspec.msgpack.decode(payload, type=Stranger)
        known = await asyncio.to_thread(self._terminal_of, said.sim)
        if known is None:
            return UNKNOWN_SIM.encode()
        key, now = (known[1], said.channel), asyncio.get_running_loop().time()
        last = self._strangers.get(key)
        self._strangers[key] = now
        self._strangers.move_to_end(key)
        while len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)
        if last is not None and now - last < STRANGER_S and known[0] is not None:
            self._later(self._tell_to_stop(known[0], known[1], said.channel, said.line))
        return UNEXPECTED.encode()

    def _terminal_of(self, sim: str) -> tuple[int | None, str] | None:
        if not sim.isdigit():
            return None
        fits = or_(Terminal.phone == sim, Terminal.phone.endswith(sim.rjust(12, "0")))
        with read(self._engine) as connection:
            row = connection.execute(select(Terminal.vehicle_id, Terminal.phone).where(fits).limit(1)).first()
        return None if row is None else (row.vehicle_id, row.phone)

    async def _tell_to_stop(self, vehicle_id: int, phone: str, channel: int, line: str) -> None:
        kind, values = letters.CONTROL, letters.control(channel, letters.CLOSE)
        if line == PLAYBACK:
            kind, values = letters.STEER, letters.steering(channel, playing.END)
        sending = await self.commanding.send(kind, values, vehicle_id, phone, SYSTEM, "not asked for")
        self.commanding.forget(sending)

    def _stray(self, node: str, said: StreamState) -> None:
        """A stream of an earlier core, or of one whose end the node did not hear of."""
        now = now_ms()
        since = self._strays.setdefault(said.stream, now)
        if now - since < STRAY_MS:
            return
        del self._strays[said.stream]
        self._later(self._end_stray(node, said))

    async def _end_stray(self, node: str, said: StreamState) -> None:
        known = await asyncio.to_thread(self._terminal_of, said.phone)
        if said.stream in self.streams:
            return
        if known is not None and known[0] is not None and said.state != "expected":
            await self._tell_to_stop(known[0], known[1], said.channel, said.line)
        with contextlib.suppress(NodeGone):
            await self.nodes.ask(node, Close(said.stream, upstream.CLOSED))

    # Time

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = now_ms()
            for ticket, viewing in list(self._tickets.items()):
                if viewing.until_ms < now:
                    del self._tickets[ticket]
                    if not viewing.joined:
                        self.leave(viewing)
            self.nodes.sweep()
            for name in {stream.node for stream in self.streams.values() if stream.node}:
                if self.nodes.get(name) is None:
                    self._lose_node(name)
            self._strays = {name: since for name, since in self._strays.items() if now - since < 2 * STRAY_MS}
            _streams.set(len(self.streams))
            _viewers.set(sum(len(stream.viewings) for stream in self.streams.values()))

    def _later(self, work: object) -> None:
        async def guarded() -> None:
            try:
                await work  # type: ignore[misc]
            except Exception as error:
                log.warning("video desk", error=f"{type(error).__name__}: {error}"[:300])

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
