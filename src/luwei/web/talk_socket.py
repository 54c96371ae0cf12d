"""/ws/video/talk: a person's microphone and headphones, between one browser and the nodes that have his trucks.

Binary messages are PCM, 16 bit little-endian, mono, 8 kHz, both ways; what is late is dropped and counted, never
queued. Messages and close codes: docs/talk.md. Everything that ends the socket ends the talk at the terminals.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Counter
from websockets.exceptions import InvalidState

from luwei.access.authority import ACT, READ
from luwei.live.feed import now_ms
from luwei.media.form import RATE
from luwei.media.orders import BINARY, BROADCAST, LISTEN, RECORD, TALK, TEXT
from luwei.registry import vehicle_list
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.video import talk as talks
from luwei.video import upstream
from luwei.video.desk import VideoDesk
from luwei.video.talk import Call, Talk
from luwei.video.tickets import TicketRefused
from luwei.video.view_line import RECORD_MAX, connect
from luwei.web.china_time import written
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.live_socket import MESSAGE_BYTES
from luwei.web.screen_line import same_origin
from luwei.web.services import Services
from luwei.web.socket_end import ENDED, FORBIDDEN, SESSION_ENDED, SLOW, TICKET, SocketEnded

log = structlog.get_logger()

FRAME_BYTES = 3_200
"""Longest message of sound, 200 ms."""
BYTES_PER_MS = RATE * 2 // 1000
AHEAD_MS = 400
"""Sound that is further ahead of real time is dropped."""
LATE_S = 1.0
"""Without an answer to a ping for so long sound to the browser is dropped: it would only come later and later."""
GONE_S = 10.0
PING_S = 0.5
TICKS_OF_STATS = 2
IDLE_S = 60.0
"""Nothing said either way for so long, and the talk is over."""
SEND_S = 10.0
RETRY_S = 0.5
BAD_MAX = 500
"""Frames that are none, and the socket is closed."""
QUIET = 64
"""A sample beyond this is somebody speaking."""
RIGHTS = {TALK: (ACT, "talk"), LISTEN: (READ, "listen"), BROADCAST: (ACT, "broadcast")}
"""Right by kind of talk."""

_LEFT = SocketEnded | WebSocketDisconnect | InvalidState
_dropped = Counter("luwei_talk_dropped_ms_total", "Sound dropped instead of queued, ms", ["where"])
_closed = Counter("luwei_talk_closed_total", "Talks closed", ["reason"])


@websocket("/ws/video/talk")
async def talk_socket(socket: WebSocket[Any, Any, Any], services: NamedDependency[Services]) -> None:
    """The socket of one talk."""
    if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(FORBIDDEN, "origin")
        return
    await socket.accept()
    talk: Talk | None = None
    reason = "left"
    try:
        door = await open_door(socket, services)
        if not any(door.may(*right) for right in RIGHTS.values()):
            door.allow(ACT, "talk")
        if services.video is None:
            raise SocketEnded(ENDED, upstream.NO_NODE)
        talk = services.video.talks.redeem(str(socket.query_params.get("ticket", ""))[:100], door.user_id)
        act, noun = RIGHTS[talk.kind]
        scope = door.allow(act, noun)
        for call in talk.calls:
            await asyncio.to_thread(vehicle_list.one, services.engine, call.vehicle_id, scope)
        await _Conversation(socket, services, services.video, door, scope, talk).run()
    except Refused as refused:
        reason = "session_ended" if refused.status == 401 else refused.rule
        await _close(socket, SESSION_ENDED if refused.status == 401 else FORBIDDEN, reason)
    except NotFound:
        reason = "forbidden"
        await _close(socket, FORBIDDEN, reason)
    except TicketRefused:
        await _close(socket, TICKET, "ticket_expired")
    except SocketEnded as ended:
        reason = ended.reason
        await _close(socket, ended.code, reason, talk)
    finally:
        if talk is not None and services.video is not None:
            services.video.talks.leave(talk, reason)


async def _close(socket: WebSocket[Any, Any, Any], code: int, reason: str, talk: Talk | None = None) -> None:
    """Say why, then close."""
    _closed.labels(reason if reason.isidentifier() and len(reason) < 24 else "other").inc()
    calls = [call.view() for call in talk.calls] if talk is not None else []
    detail = next((call.detail for call in talk.calls if call.reason == reason), "") if talk is not None else ""
    last = {
        "kind": "state", "state": "ended", "reason": reason, "detail": detail, "trucks": calls, "at": now_ms(),
    }  # fmt: skip
    with contextlib.suppress(Exception):
        async with asyncio.timeout(5):
            await socket.send_text(msgspec.json.encode(last).decode())
            await socket.close(code, reason[:100])


class _Conversation:
    """The tasks of one socket."""

    def __init__(
        self,
        socket: WebSocket[Any, Any, Any],
        services: Services,
        desk: VideoDesk,
        door: Door,
        scope: Scope,
        talk: Talk,
    ) -> None:
        self._socket = socket
        self._services = services
        self._desk = desk
        self._door = door
        self._scope = scope
        self._talk = talk
        self._lines: dict[str, asyncio.Task[None]] = {}
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._figures: dict[str, dict[str, Any]] = {}
        self._sending = asyncio.Lock()
        self._now = asyncio.get_running_loop().time
        self._spoken_until = self._heard_at = self._ponged = self._noise_at = self._now()
        self._pings: dict[int, float] = {}
        self._rtt_ms: float | None = None
        self._too_fast_ms = self._unheard_ms = self._bad = self._spoken_ms = 0
        self._noted: set[int] = set()

    async def run(self) -> None:
        """Raises SocketEnded when it was not the browser that left."""
        talk = self._talk
        for call in talk.open:
            await self._note("talk.start", call, {})
        await self._send(self._opening())
        await self._desk.talks.begin(talk)
        work = (self._read(), self._tell(), self._bring(), self._beat(), self._watch())
        tasks = [asyncio.create_task(each) for each in work]
        ended: SocketEnded | None = None
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, *self._lines.values()):
                task.cancel()
            results = await asyncio.gather(*tasks, *self._lines.values(), return_exceptions=True)
            ended = next((each for each in results if isinstance(each, SocketEnded)), None)
            reason = ended.reason if ended is not None else "left"
            self._desk.talks.leave(talk, reason)
            for call in talk.calls:
                if call.row:
                    await self._over(call, reason)
        for result in results:
            if isinstance(result, TimeoutError):
                raise SocketEnded(SLOW, "viewer_slow")
            # who closes while something is sent to him has left too
            if isinstance(result, Exception) and not isinstance(result, _LEFT):
                log.error("talk socket failed", exc_info=result)
                raise SocketEnded(1011, "internal")
        if ended is not None:
            raise ended

    # What is written down

    async def _note(self, act: str, call: Call, more: dict[str, Any]) -> None:
        talk = self._talk
        told = {"talk": talk.id, "talk_kind": talk.kind, "channel": call.channel, "purpose": talk.purpose}
        await self._door.note(act, None, told | more, vehicle_id=call.vehicle_id, scope=self._scope)

    async def _over(self, call: Call, reason: str) -> None:
        """The end and the length of one truck's part, once."""
        if call.vehicle_id in self._noted:
            return
        self._noted.add(call.vehicle_id)
        more = {
            "from": self._talk.joined_at, "to": now_ms(), "live_from": call.live_at or None, "sent_ms": call.sent_ms,
            "heard_ms": call.heard_ms, "ended": call.reason if call.ended else reason,
        }  # fmt: skip
        await self._note("talk.end", call, more)

    # To the browser

    def _opening(self) -> dict[str, Any]:
        talk, now = self._talk, now_ms()
        ends = [grant for grant in self._door.user.grants if grant.id in self._scope.grants]
        return {
            "kind": "open",
            "talk": talk.id,
            "talk_kind": talk.kind,
            "rate": RATE,
            "speak": talk.speaks,
            "hear": talk.hears,
            "purpose": talk.purpose,
            "max_s": self._services.settings.video_talk_s,
            "grant": {"to_at": min(each.to_at for each in ends), "purpose": self._scope.reason} if ends else None,
            "watermark": f"{self._door.user.username} {written(now // 60_000 * 60_000)[:16].replace('T', ' ')}",
            "started_at": now,
        }

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending, asyncio.timeout(SEND_S):
            await self._socket.send_text(msgspec.json.encode(message).decode())

    async def _tell(self) -> None:
        """State whenever it changes, until all trucks are gone."""
        talk = self._talk
        while True:
            news = talk.news
            await self._send(talk.message(now_ms()))
            for call in talk.calls:
                if call.ended and call.row:
                    await self._over(call, call.reason)
            if not talk.open:
                raise SocketEnded(ENDED, talk.ended or talk.calls[0].reason or upstream.CLOSED)
            await news.wait()

    async def _beat(self) -> None:
        """Pings, figures, and what ends by time."""
        began, beats = self._now(), 0
        limit = self._services.settings.video_talk_s
        while True:
            now = self._now()
            if now - began > limit:
                raise SocketEnded(ENDED, talks.TIME_OVER)
            if now - max(self._noise_at, began) > IDLE_S:
                raise SocketEnded(ENDED, talks.IDLE)
            if now - self._heard_at > GONE_S:
                raise SocketEnded(ENDED, talks.VIEWER_GONE)
            at = now_ms()
            self._pings[at] = now
            while len(self._pings) > GONE_S / PING_S * 2:
                self._pings.pop(next(iter(self._pings)))
            await self._send({"kind": "ping", "at": at})
            beats += 1
            if beats % TICKS_OF_STATS == 0:
                await self._send(self._stats(at))
            await asyncio.sleep(PING_S)

    def _stats(self, at: int) -> dict[str, Any]:
        figures = list(self._figures.values())
        up = _together([each["up"] for each in figures], ("queue_ms", "block_ms", "sent_ms", "dropped_ms"))
        down = _together([each["down"] for each in figures], ("block_ms", "heard_ms", "lost", "dropped_ms"))
        lines = [each["line_ms"] for each in figures if each["line_ms"] is not None]
        line, trip = max(lines, default=None), self._rtt_ms
        one_way = (trip or 0) / 2 + (line or 0) / 2
        live = [call for call in self._talk.open if call.state == upstream.LIVE]
        return {
            "kind": "stats",
            "at": at,
            "rtt_ms": None if trip is None else round(trip),
            "line_ms": line,
            "up": up | {"too_fast_ms": self._too_fast_ms, "bad": self._bad, "spoken_ms": self._spoken_ms},
            "down": down | {"unheard_ms": self._unheard_ms},
            "delay_up_ms": round(one_way + up["queue_ms"] + up["block_ms"]) if live else None,
            "delay_down_ms": round(one_way + down["block_ms"]) if live and self._talk.hears else None,
            "codec": live[0].codec if live else "",
            "trucks_live": len(live),
        }

    async def _hear(self, sound: bytes) -> None:
        """Sound of a terminal, unless the browser is behind."""
        oldest = next(iter(self._pings.values()), None)
        if oldest is not None and self._now() - oldest > LATE_S:
            late = len(sound) // BYTES_PER_MS
            self._unheard_ms += late
            _dropped.labels("browser").inc(late)
            return
        async with self._sending, asyncio.timeout(SEND_S):
            await self._socket.send_bytes(sound)

    # The nodes

    async def _bring(self) -> None:
        """A line to each node that has a truck of the talk."""
        talk = self._talk
        while True:
            news = talk.news
            for node in self._desk.talks.nodes(talk):
                task = self._lines.get(node)
                if task is None or task.done():
                    self._lines[node] = asyncio.create_task(self._line(node))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await news.wait()

    async def _line(self, node: str) -> None:
        """Sound from one node, until its last truck is gone or it is."""
        place = await self._desk.talks.place(self._talk, node)
        if place is None:
            return
        try:
            reader, writer = await connect(place)
        except (OSError, TimeoutError):
            self._desk.talks.node_lost(self._talk, node)
            return
        try:
            key = msgspec.json.encode({"key": place.key})
            writer.write(RECORD.pack(len(key), TEXT) + key)
            self._writers[node] = writer
            while True:
                size, kind = RECORD.unpack(await reader.readexactly(RECORD.size))
                if size > RECORD_MAX:
                    raise OSError("record too long")
                payload = await reader.readexactly(size)
                if kind == BINARY:
                    sound = payload[1:]
                    if self._talk.kind == LISTEN or _is_noise(sound):
                        self._noise_at = self._now()
                    await self._hear(sound)
                elif kind == TEXT and self._told(node, msgspec.json.decode(payload)):
                    return
        except (OSError, asyncio.IncompleteReadError):
            self._desk.talks.node_lost(self._talk, node)
        except (TimeoutError, WebSocketDisconnect, InvalidState):
            # the reader of the socket says so too
            return
        finally:
            self._writers.pop(node, None)
            self._figures.pop(node, None)
            writer.close()

    def _told(self, node: str, message: dict[str, Any]) -> bool:
        """A text of a node; whether it was the last one."""
        if message.get("kind") == "ended":
            return True
        if message.get("kind") == "figures":
            self._figures[node] = message
            for call in self._talk.calls:
                spent = message["legs"].get(call.name)
                if spent is not None:
                    call.sent_ms, call.heard_ms = spent
        return False

    # From the browser

    async def _read(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(detail="left", code=event.get("code", 1000))
            if event["type"] != "websocket.receive":
                continue
            self._heard_at = self._now()
            sound, said = event.get("bytes"), event.get("text")
            if sound is not None:
                self._speak(sound)
            elif said is not None:
                self._heard(said)

    def _speak(self, sound: bytes) -> None:
        if len(sound) > FRAME_BYTES:
            raise SocketEnded(1009, "message_too_long")
        if not sound or len(sound) % 2:
            self._wrong()
            return
        if not self._talk.speaks:
            return
        now, lasts_ms = self._now(), len(sound) // BYTES_PER_MS
        self._spoken_until = max(self._spoken_until, now)
        if self._spoken_until - now > AHEAD_MS / 1000:
            self._too_fast_ms += lasts_ms
            _dropped.labels("too_fast").inc(lasts_ms)
            return
        self._spoken_until += len(sound) / BYTES_PER_MS / 1000
        self._spoken_ms += lasts_ms
        if _is_noise(sound):
            self._noise_at = now
        record = RECORD.pack(len(sound), BINARY) + sound
        for writer in self._writers.values():
            writer.write(record)

    def _wrong(self) -> None:
        self._bad += 1
        if self._bad > BAD_MAX:
            raise SocketEnded(1007, "no_sound")

    def _heard(self, said: str) -> None:
        if len(said) > MESSAGE_BYTES:
            raise SocketEnded(1009, "message_too_long")
        try:
            message = msgspec.json.decode(said)
        except (msgspec.DecodeError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._wrong()
            return
        kind = message.get("kind")
        if kind == "pong":
            at = message.get("at")
            sent = self._pings.get(at) if isinstance(at, int) else None
            if sent is not None and isinstance(at, int):
                trip = (self._now() - sent) * 1000
                self._rtt_ms = trip if self._rtt_ms is None else self._rtt_ms + (trip - self._rtt_ms) / 4
                self._pings = {each: when for each, when in self._pings.items() if each > at}
        elif kind == "drop" and isinstance(message.get("vehicle_id"), int):
            self._desk.talks.drop(self._talk, message["vehicle_id"], "left")

    # The right

    async def _watch(self) -> None:
        """Raises SocketEnded once the login session or the right has ended; trucks that went out of reach leave."""
        user = self._door.user
        while True:
            await self._services.watch.changed(user)
            try:
                door = await open_door(self._socket, self._services)
                user = door.user
                act, noun = RIGHTS[self._talk.kind]
                scope = door.allow(act, noun)
            except Refused as refused:
                if refused.status == 401:
                    raise SocketEnded(SESSION_ENDED, "session_ended") from None
                rule = refused.rule if refused.rule in ("reason_required", "totp_enrolment") else "forbidden"
                raise SocketEnded(FORBIDDEN, rule) from None
            for call in self._talk.open:
                try:
                    await asyncio.to_thread(vehicle_list.one, self._services.engine, call.vehicle_id, scope)
                except NotFound:
                    if len(self._talk.open) == 1:
                        raise SocketEnded(FORBIDDEN, "forbidden") from None
                    self._desk.talks.drop(self._talk, call.vehicle_id, "forbidden")


def _is_noise(sound: bytes) -> bool:
    """Whether anything is said: some sample is louder than the codecs' own noise."""
    return max(memoryview(sound).cast("h"), default=0) > QUIET


def _together(parts: list[dict[str, int]], names: tuple[str, ...]) -> dict[str, int]:
    """Of several nodes the longest delay, and the largest count."""
    return {name: max((part[name] for part in parts), default=0) for name in names}
