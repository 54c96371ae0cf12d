"""The life of one playback (reference §6.6): asked once, steered by its viewer, ended when he leaves or all is
played."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from luwei.commands.answers import EMPTY
from luwei.media.orders import PLAYBACK, Announcement, Look, Pace
from luwei.protocol.errors import ProtocolError
from luwei.registry.base import now_ms
from luwei.video import letters, playing, upstream
from luwei.video.commanding import Sending
from luwei.video.drive import Desk, Drive
from luwei.video.nodes import NodeGone
from luwei.video.playing import BACK, DRAG, END, FAST, KEYS, PAUSE, PLAY, SPEEDS, Playing

log = structlog.get_logger()

FIRST_S = 30.0
"""For the first picture: a disk spins up."""
IDLE_MS = 60_000
"""Nothing for so long, and all is played (reference §6.6, 5)."""
PAUSE_MAX_MS = 600_000
STEER_S = 12.0
STEP_S = 5.0

ACTS = {"pause", "resume", "fast", "back", "keys", "drag", "step_forward", "step_back"}


class PlaybackDrive(Drive):
    """Of one ``Playing``. There is no second attempt: its viewer asks anew, from where he is."""

    line = PLAYBACK

    def __init__(self, desk: Desk, stream: Playing) -> None:
        super().__init__(desk, stream)
        self._playing = stream

    def _wanted(self) -> bool:
        if self._closed_by:
            return False
        if not self._playing.viewings:
            self._closed_by = playing.LEFT
            return False
        return True

    def _request(self, node: Announcement) -> tuple[str, dict[str, Any]]:
        stream, transport, port = self._playing, self._desk.transport, node.ports[PLAYBACK]
        return letters.PLAY, letters.playback(
            node.address,
            port if transport in ("tcp", "both") else 0,
            port if transport in ("udp", "both") else 0,
            stream.channel,
            stream.stream_type,
            stream.storage_type,
            1 if stream.mode == FAST else 0,
            SPEEDS[stream.speed] if stream.mode == FAST else 0,
            stream.from_at,
            stream.to_at,
        )

    def _stopping(self) -> tuple[str, dict[str, Any]]:
        return letters.STEER, letters.steering(self._playing.channel, END)

    def _note(self) -> None:
        super()._note()
        sending = self._sending
        if sending is not None and sending.ok and sending.result == EMPTY and not self._stream.connected:
            self._closed_by = self._closed_by or playing.NO_RECORDING

    async def _ask(self, node: Announcement) -> Sending:
        await self._pace(self._playing.mode != PLAY)
        return await super()._ask(node)

    async def _watch(self) -> None:
        """Follow it until all is played or nobody wants it."""
        stream = self._playing
        began = now_ms()
        while self._wanted() and stream.node and stream.connected:
            self._note()
            report = stream.report
            last = max(began, report.last_at if report is not None else 0)
            if stream.paused:
                if now_ms() - stream.paused_at > PAUSE_MAX_MS:
                    self._closed_by = playing.PAUSED_LONG
            elif upstream.KEY_FRAME in stream.steps:
                if now_ms() - last > IDLE_MS:
                    self._closed_by = playing.FINISHED
            elif now_ms() - began > FIRST_S * 1000:
                unknown = report is not None and not report.codec and report.data_at
                reason = upstream.CODEC_UNKNOWN if unknown else upstream.NO_KEY_FRAME
                self._closed_by = reason if upstream.PACKET in stream.steps else upstream.NO_DATA
            await self._pause(1.0)
        if self._wanted():
            # a terminal that closes its line: that is how most say that all is played
            lost = playing.FINISHED if stream.keys else upstream.LOST
            self._closed_by = lost if stream.node else upstream.NODE_GONE
        await self._stop()

    async def _fail(self) -> None:
        self._closed_by = self._closed_by or self._stream.reason or upstream.NO_ANSWER
        await self._stop()

    # What the viewer wants

    async def steer(self, act: str, speed: int, to_at: int) -> None:
        """One act of ACTS; the next waits for it. What the terminal refuses is told in ``failed``."""
        stream = self._playing
        async with stream.steering:
            if not stream.connected or self._closed_by:
                return
            here = stream.position
            stream.failed = ""
            done = await self._do(act, speed, min(max(to_at, stream.from_at), stream.to_at), here)
            if not done:
                stream.failed = act
            stream.changed()

    async def _do(self, act: str, speed: int, to_at: int, here: int) -> bool:
        stream = self._playing
        if act == "pause":
            return stream.paused or await self._hold(here)
        if act == "resume":
            if stream.paused and stream.mode == PLAY:
                if not await self._say(PLAY):
                    return False
                stream.paused = False
                stream.anchor(here)
                return True
            return await self._go(PLAY, 1, here)
        if act == "fast":
            return await self._go(FAST if speed > 1 else PLAY, speed, here)
        if act == "back":
            return await self._go(BACK, speed, here)
        if act == "keys":
            return await self._go(KEYS, 1, here)
        if act == "drag":
            return await self._drag(to_at)
        return await self._step(KEYS if act == "step_forward" else BACK, here)

    async def _go(self, mode: int, speed: int, here: int) -> bool:
        stream = self._playing
        stream.anchor(here)
        await self._pace(mode != PLAY)
        done = await self._say(mode, SPEEDS[speed] if mode in (FAST, BACK) else 0)
        if not done and mode == PLAY and stream.mode != PLAY and not self._closed_by:
            done = await self._say(FAST, SPEEDS[1])  # some devices know no other way back (reference §6.6, 4)
        if not done:
            await self._pace(stream.mode != PLAY)  # it goes on as it did
            return False
        stream.mode, stream.speed, stream.paused = mode, speed, False
        return True

    async def _drag(self, to_at: int) -> bool:
        stream = self._playing
        stream.anchor(to_at)
        await self._pace(stream.mode != PLAY)
        if not await self._say(DRAG, 0, to_at):
            return False
        stream.paused = False
        return True

    async def _hold(self, here: int) -> bool:
        stream = self._playing
        if not await self._say(PAUSE):
            return False
        stream.paused, stream.paused_at = True, now_ms()
        await self._tell(Look(stream.name))  # which picture it stopped at
        stream.anchor(stream.position if stream.stamped else here)
        return True

    async def _step(self, mode: int, here: int) -> bool:
        """One key picture on or back: play that way, and pause when it came."""
        stream = self._playing
        if not stream.paused and not await self._hold(here):
            return False
        keys = stream.keys
        if not await self._go(mode, 1, here):
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STEP_S):
                while stream.keys == keys and not stream.ended:
                    await stream.news.wait()
        return await self._hold(stream.position)

    async def _pace(self, arrival: bool) -> None:
        await self._tell(Pace(self._playing.name, arrival))

    async def _tell(self, request: Pace | Look) -> None:
        """The node's answer is the newest report."""
        stream = self._playing
        if stream.node:
            with contextlib.suppress(NodeGone):
                answer = await self._desk.nodes.ask(stream.node, request)
                stream.report = answer.state or stream.report

    async def _say(self, control: int, speed: int = 0, to_at: int | None = None) -> bool:
        """0x9202; whether the terminal did it."""
        stream = self._playing
        values = letters.steering(stream.channel, control, speed, to_at)
        try:
            sending = await self._desk.commanding.send(
                letters.STEER, values, stream.vehicle_id, stream.phone, stream.actor, stream.purpose
            )
        except (ProtocolError, OperationalError, OSError) as error:
            log.warning("0x9202 not sent", stream=stream.name, error=str(error)[:200])
            return False
        try:
            await self._desk.commanding.ended(sending, STEER_S)
        finally:
            self._desk.commanding.forget(sending)
        return sending.ok
