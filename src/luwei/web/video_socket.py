"""/ws/video/<viewer>: pictures from a media node to one browser, on the console's own origin.

The core stands in between, so a right that ends closes the picture here, and a node that goes is replaced here without
the browser's doing. Messages: docs/media.md. Close codes: 4401 the login session has ended, 4403 not allowed, 4408 the
ticket does not count, 4410 the stream has ended, 1013 the viewer does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from litestar import websocket
from litestar.di import NamedDependency
from litestar.params import FromPath
from prometheus_client import Counter

from luwei.access.authority import READ
from luwei.live.feed import now_ms
from luwei.media.orders import BINARY
from luwei.registry import vehicle_list
from luwei.registry.errors import NotFound
from luwei.registry.scope import Scope
from luwei.video import channels, upstream
from luwei.video.desk import VideoDesk
from luwei.video.limits import refused as refused_viewers
from luwei.video.playback_drive import ACTS
from luwei.video.playing import SPEEDS, Playing
from luwei.video.tickets import Place, TicketRefused
from luwei.video.upstream import Viewing
from luwei.video.view_line import LineBroken, ViewLine
from luwei.web.door import Door, open_door
from luwei.web.errors import Refused
from luwei.web.live_socket import MESSAGE_BYTES
from luwei.web.media_socket import Browser, Socket, close, end_of, refused_end, seen_by, until_forbidden
from luwei.web.screen_line import same_origin
from luwei.web.services import Services
from luwei.web.socket_end import ENDED, FORBIDDEN, SLOW, TICKET, SocketEnded

SEND_S = 30.0
STATS_S = 2.0
BREAK_S = 0.1
"""After a line to a node that broke: the next one tells whether the node is there."""
AT_MAX = 4_102_444_800_000
"""2100: terminals write two digits of the year."""
FORMATS = ("fmp4-h264", "fmp4-h265", "annexb-h264", "annexb-h265", "jpeg")
DEFAULT_FORMATS = ["fmp4-h264", "jpeg"]

_relayed = Counter("luwei_video_relayed_bytes_total", "Bytes of pictures sent to browsers")
_closed = Counter("luwei_video_closed_total", "Pictures closed", ["reason"])


@websocket("/ws/video/{viewer:str}")
async def video_socket(socket: Socket, services: NamedDependency[Services], viewer: FromPath[str]) -> None:
    """The socket of one tile."""
    if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(FORBIDDEN, "origin")
        return
    await socket.accept()
    viewing: Viewing | None = None
    try:
        door = await open_door(socket, services)
        scope = door.allow("read", "video")
        if services.video is None:
            raise SocketEnded(ENDED, upstream.NO_NODE)
        viewing = services.video.redeem(str(socket.query_params.get("ticket", ""))[:100], viewer, door.user_id)
        await asyncio.to_thread(vehicle_list.one, services.engine, viewing.upstream.vehicle_id, scope)
        await _Tile(socket, services, services.video, door, scope, viewing).run()
    except Refused as refused:
        await _close(socket, refused_end(refused).code, refused.rule)
    except NotFound:
        await _close(socket, FORBIDDEN, "forbidden")
    except TicketRefused:
        await _close(socket, TICKET, "ticket_expired")
    except SocketEnded as ended:
        await _close(socket, ended.code, ended.reason)
    finally:
        if viewing is not None and services.video is not None:
            services.video.leave(viewing)


async def _close(socket: Socket, code: int, reason: str) -> None:
    last = {
        "detail": "", "attempt": 0, "attempts": 0, "answer": "", "steps": [], "last_frame_at": None,
        "retry": code in (ENDED, SLOW), "stream": "sub", "viewers": 0, "recording": False,
    }  # fmt: skip
    await close(socket, _closed, code, reason, last)


def _formats(accepted: str) -> list[str]:
    found = [each for each in accepted[:200].split(",") if each in FORMATS]
    return found or DEFAULT_FORMATS


class _Tile:
    """The tasks of one socket."""

    def __init__(
        self,
        socket: Socket,
        services: Services,
        desk: VideoDesk,
        door: Door,
        scope: Scope,
        viewing: Viewing,
    ) -> None:
        self._socket = socket
        self._services = services
        self._desk = desk
        self._door = door
        self._scope = scope
        self._viewing = viewing
        self._formats = _formats(str(socket.query_params.get("accept", "")))
        self._audio = socket.query_params.get("audio") == "1"
        self._node: ViewLine | None = None
        self._browser = Browser(socket, SEND_S)
        self._bytes = 0
        self._reason = "left"

    async def run(self) -> None:
        """Raises SocketEnded when it was not the browser that left."""
        stream, began = self._viewing.upstream, now_ms()
        told = {"channel": stream.channel, "purpose": self._viewing.purpose, "viewer": self._viewing.id}
        if isinstance(stream, Playing):
            told |= {"recorded_from": stream.from_at, "recorded_to": stream.to_at}
        await self._door.note("video.look", None, told, vehicle_id=stream.vehicle_id, scope=self._scope)
        tasks = [asyncio.create_task(work) for work in (self._read(), self._relay(), self._tell(), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            ended = end_of(results)
            self._reason = ended.reason if ended is not None else "left"
            told |= {"from": began, "to": now_ms(), "bytes": self._bytes, "ended": self._reason}
            await self._door.note("video.leave", None, told, vehicle_id=stream.vehicle_id, scope=self._scope)
        if ended is not None:
            raise ended

    # To the browser

    async def _tell(self) -> None:
        """State whenever it changes, figures every two seconds, or the state again where there are none: a browser
        takes silence for a broken line."""
        stream = self._viewing.upstream
        loop = asyncio.get_running_loop()
        due = loop.time() + STATS_S
        while True:
            news = stream.news
            await self._browser.tell(stream.message(now_ms()))
            if stream.ended:
                raise SocketEnded(ENDED, stream.reason or upstream.CLOSED)
            if self._viewing.slow:
                raise SocketEnded(SLOW, "viewer_slow")
            while not news.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.01, due - loop.time())):
                        await news.wait()
                if loop.time() >= due:
                    due = loop.time() + STATS_S
                    stats = stream.stats(now_ms())
                    figures = stats if stats is not None and stream.node else stream.message(now_ms())
                    await self._browser.tell(dict(figures))

    async def _relay(self) -> None:
        """Pictures from the node that has them, and from the next one when it goes."""
        stream = self._viewing.upstream
        while (place := await self._desk.place(self._viewing, self._formats, self._audio)) is not None:
            try:
                await self._from_node(place)
            except LineBroken:
                await asyncio.sleep(BREAK_S)
        raise SocketEnded(ENDED, stream.reason or upstream.CLOSED)

    async def _from_node(self, place: Place) -> None:
        """Raises LineBroken."""
        try:
            self._node = line = await self._desk.open_line(self._viewing, place)
        except (OSError, TimeoutError):
            return  # another node takes it
        try:
            while True:
                kind, payload = await line.read()
                if kind == BINARY:
                    self._bytes += len(payload)
                    _relayed.inc(len(payload))
                    await self._browser.send(payload)
                elif await self._text(msgspec.json.decode(payload)):
                    return
        finally:
            self._node = None
            self._desk.lines.close(line)

    async def _text(self, message: dict[str, Any]) -> bool:
        """Pass a text of the node on; whether it was the last one there."""
        kind = message.get("kind")
        if kind == "ended":
            reason = str(message.get("reason", ""))
            if reason == "viewer_slow":
                raise SocketEnded(SLOW, reason)
            # the stream goes on elsewhere, or the desk says why not
            await asyncio.sleep(0.1)
            return True
        if kind == "unsupported":
            state = self._viewing.upstream.message(now_ms())
            refused_viewers.labels("codec_unsupported").inc()
            told = {"reason": "codec_unsupported", "detail": message.get("codec", ""), "retry": False}
            await self._browser.tell(state | told)
            return False
        if kind == "open" and message.get("track") == "video":
            message |= self._about()
        await self._browser.tell(message)
        return False

    def _about(self) -> dict[str, Any]:
        stream = self._viewing.upstream
        return seen_by(self._door, self._scope) | {
            "vehicle_id": stream.vehicle_id,
            "channel": stream.channel,
            "stream": stream.quality,
            "line": stream.kind,
            "in_cab": stream.channel in channels.IN_CAB,
            "purpose": self._viewing.purpose,
        }

    # From the browser

    async def _read(self) -> None:
        while True:
            data = await self._socket.receive_data(mode="text")
            raw = data.encode() if isinstance(data, str) else data
            if len(raw) > MESSAGE_BYTES:
                raise SocketEnded(1009, "message_too_long")
            try:
                message = msgspec.json.decode(raw)
            except (msgspec.DecodeError, RecursionError):
                message = None
            if isinstance(message, dict):
                self._heard(message)

    def _heard(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "stream":
            self._desk.choose(self._viewing, str(message.get("stream", "")))
        elif kind == "audio" and isinstance(message.get("on"), bool):
            self._audio = message["on"]
            if self._node is not None:
                self._node.say({"kind": "audio", "on": self._audio})
        elif kind == "steer":
            act, speed, at = message.get("act"), message.get("speed", 1), message.get("at", 0)
            numbers = isinstance(speed, int) and speed in SPEEDS and isinstance(at, int) and 0 <= at < AT_MAX
            if isinstance(act, str) and act in ACTS and numbers:
                self._desk.playbacks.steer(self._viewing, act, speed, at)
        elif kind == "playing":
            delay, dropped = message.get("delay_ms"), message.get("dropped")
            if isinstance(delay, int | float) and 0 <= delay < 1e7:
                self._viewing.delay_ms = round(delay)
            if isinstance(dropped, int) and 0 <= dropped < 1 << 31:
                self._viewing.dropped = dropped

    # The right

    async def _watch(self) -> None:
        """Raises SocketEnded once the login session or the right has ended, or the truck went out of reach."""

        async def still(scope: Scope) -> None:
            await asyncio.to_thread(vehicle_list.one, self._services.engine, self._viewing.upstream.vehicle_id, scope)

        await until_forbidden(self._socket, self._services, (READ, "video"), still)
