"""/ws/video/talk: a person's microphone and headphones, between one browser and the nodes that have his trucks.

Binary messages are PCM, 16 bit little-endian, mono, 8 kHz, both ways; what is late is dropped and counted, never
queued (``talk_sound``). Messages and close codes: docs/talk.md. Everything that ends the socket ends the talk at the
terminals.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from litestar import websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from prometheus_client import Counter

from luwei.access.authority import ACT, READ
from luwei.live.feed import now_ms
from luwei.media.form import RATE
from luwei.media.orders import BINARY, BROADCAST, LISTEN, TALK
from luwei.registry import vehicle_list
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.video import talk as talks
from luwei.video import upstream
from luwei.video.desk import VideoDesk
from luwei.video.talk import Call, Talk
from luwei.video.tickets import TicketRefused
from luwei.video.view_line import LineBroken, ViewLine
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.live_socket import MESSAGE_BYTES
from luwei.web.media_socket import Browser, Socket, close, end_of, refused_end, seen_by, until_forbidden
from luwei.web.screen_line import same_origin
from luwei.web.services import Services
from luwei.web.socket_end import ENDED, FORBIDDEN, TICKET, SocketEnded
from luwei.web.talk_sound import TOO_LONG, TalkSound

GONE_S = 10.0
PING_S = 0.5
TICKS_OF_STATS = 2
IDLE_S = 60.0
"""Nothing said either way for so long, and the talk is over."""
SEND_S = 10.0
RETRY_S = 0.5
RIGHTS = {TALK: (ACT, "talk"), LISTEN: (READ, "listen"), BROADCAST: (ACT, "broadcast")}
"""Right by kind of talk."""

_closed = Counter("luwei_talk_closed_total", "Talks closed", ["reason"])


@websocket("/ws/video/talk")
async def talk_socket(socket: Socket, services: NamedDependency[Services]) -> None:
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
        trucks = [call.vehicle_id for call in talk.calls]
        there = await asyncio.to_thread(vehicle_list.several, services.engine, trucks, scope)
        if len(there) < len(set(trucks)):
            raise NotFound("vehicle_id", "some of them are not within reach", trucks[0])
        await _Conversation(socket, services, services.video, door, scope, talk).run()
    except Refused as refused:
        reason = "session_ended" if refused.status == 401 else refused.rule
        await _close(socket, refused_end(refused).code, reason)
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


async def _close(socket: Socket, code: int, reason: str, talk: Talk | None = None) -> None:
    calls = talk.calls if talk is not None else []
    detail = next((call.detail for call in calls if call.reason == reason), "")
    await close(socket, _closed, code, reason, {"detail": detail, "trucks": [call.view() for call in calls]})


class _Conversation:
    """The tasks of one socket."""

    def __init__(
        self,
        socket: Socket,
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
        self._open: dict[str, ViewLine] = {}
        self._figures: dict[str, dict[str, Any]] = {}
        self._browser = Browser(socket, SEND_S)
        self._now = asyncio.get_running_loop().time
        self._heard_at = self._now()
        self._sound = TalkSound(self._heard_at)
        self._noted: set[int] = set()

    async def run(self) -> None:
        """Raises SocketEnded when it was not the browser that left."""
        talk = self._talk
        for call in talk.open:
            await self._note("talk.start", call, {})
        await self._browser.tell(self._opening())
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
            ended = end_of(results)
            reason = ended.reason if ended is not None else "left"
            self._desk.talks.leave(talk, reason)
            for call in talk.calls:
                if call.row:
                    await self._over(call, reason)
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
        talk = self._talk
        return seen_by(self._door, self._scope) | {
            "kind": "open",
            "talk": talk.id,
            "talk_kind": talk.kind,
            "rate": RATE,
            "speak": talk.speaks,
            "hear": talk.hears,
            "purpose": talk.purpose,
            "max_s": self._services.settings.video_talk_s,
        }

    async def _tell(self) -> None:
        """State whenever it changes, until all trucks are gone."""
        talk = self._talk
        while True:
            news = talk.news
            await self._browser.tell(talk.message(now_ms()))
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
            if now - max(self._sound.noise_at, began) > IDLE_S:
                raise SocketEnded(ENDED, talks.IDLE)
            if now - self._heard_at > GONE_S:
                raise SocketEnded(ENDED, talks.VIEWER_GONE)
            at = now_ms()
            self._sound.pinged(at, now)
            await self._browser.tell({"kind": "ping", "at": at})
            beats += 1
            if beats % TICKS_OF_STATS == 0:
                await self._browser.tell(self._sound.stats(at, self._talk, list(self._figures.values())))
            await asyncio.sleep(PING_S)

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
            line = await self._desk.talks.open_line(self._talk, place)
        except (OSError, TimeoutError):
            return  # another node takes its trucks
        self._open[node] = line
        try:
            while True:
                kind, payload = await line.read()
                if kind == BINARY:
                    sound = payload[1:]
                    if self._sound.hears(sound, self._talk.kind == LISTEN, self._now()):
                        await self._browser.send(sound)
                elif self._told(node, msgspec.json.decode(payload)):
                    return
        except (LineBroken, SocketEnded, WebSocketDisconnect):
            # a node that is gone is noticed by the next line to it, a browser by the pings
            return
        finally:
            self._open.pop(node, None)
            self._figures.pop(node, None)
            self._desk.lines.close(line)

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
        if self._sound.speaks(sound, self._talk.speaks, self._now()):
            for line in self._open.values():
                line.speak(sound)

    def _heard(self, said: str) -> None:
        if len(said) > MESSAGE_BYTES:
            raise SocketEnded(TOO_LONG, "message_too_long")
        try:
            message = msgspec.json.decode(said)
        except (msgspec.DecodeError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._sound.wrong()
            return
        kind = message.get("kind")
        if kind == "pong":
            self._sound.ponged(message.get("at"), self._now())
        elif kind == "drop" and isinstance(message.get("vehicle_id"), int):
            self._desk.talks.drop(self._talk, message["vehicle_id"], "left")

    # The right

    async def _watch(self) -> None:
        """Raises SocketEnded once the login session or the right has ended; trucks that went out of reach leave."""
        talk = self._talk

        async def still(scope: Scope) -> None:
            trucks = [call.vehicle_id for call in talk.open]
            there = await asyncio.to_thread(vehicle_list.several, self._services.engine, trucks, scope)
            if trucks and not there:
                raise NotFound("vehicle_id", "none of them is within reach", trucks[0])
            for truck in trucks:
                if truck not in there:
                    self._desk.talks.drop(talk, truck, "forbidden")

        await until_forbidden(self._socket, self._services, RIGHTS[talk.kind], still)
