"""Playbacks at the desk: a viewer begins one, steers it, and has one of a channel at a time."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING

from luwei.media.orders import MAIN, SUB
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.video import playing
from luwei.video.limits import Busy, refused
from luwei.video.playback_drive import PlaybackDrive
from luwei.video.playing import Playing, Wanted
from luwei.video.tickets import Ticket
from luwei.video.upstream import Viewing, host_of

if TYPE_CHECKING:
    from luwei.video.desk import VideoDesk

ENDING_S = 8.0
"""For the end of a viewer's playback before his next one of the channel."""
STEERING_MAX = 4
"""Acts of one viewer that wait; further ones are dropped."""
SUB_RECORDED = 2
"""Stream of 0x9201 (1078 §4.8)."""


class Playbacks:
    """All of a desk."""

    def __init__(self, desk: VideoDesk) -> None:
        self._desk = desk
        self._steering: dict[str, int] = {}

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
        running = self._of(vehicle_id, wanted.channel)
        if running is not None and any(each.user_id != user_id for each in running.viewings.values()):
            refused.labels("busy").inc()
            raise Busy("another viewer plays this channel")
        if running is not None:
            self._desk.close(running, playing.REPLACED)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDING_S):
                    while not running.ended:
                        await running.news.wait()
        used, hints = await self._desk.known_of(vehicle_id, phone)
        # nothing may wait between this look and the ticket
        if self._of(vehicle_id, wanted.channel) is not None:
            refused.labels("busy").inc()
            raise Busy("the playback before it has not ended")
        name = f"play-{vehicle_id}-{wanted.channel}-{secrets.token_hex(4)}"
        self._desk.require_room(name, vehicle_id, user_id, used)
        quality = SUB if wanted.stream == SUB_RECORDED else MAIN
        stream = Playing(
            name, vehicle_id, phone, wanted.channel, actor, purpose, quality, hints,
            host_of(peer), opened_at=now_ms(), from_at=wanted.from_at, to_at=wanted.to_at,
            stream_type=wanted.stream, storage_type=wanted.storage, speed=wanted.speed,
            mode=playing.PLAY if wanted.speed == 1 else playing.FAST, anchor_at=wanted.from_at,
        )  # fmt: skip
        return self._desk.ticket(stream, quality, purpose, actor, user_id, used)

    def _of(self, vehicle_id: int, channel: int) -> Playing | None:
        """The playback of a channel that has not ended."""
        return next(
            (
                each
                for each in self._desk.streams.values()
                if isinstance(each, Playing) and (each.vehicle_id, each.channel) == (vehicle_id, channel)
            ),
            None,
        )

    def steer(self, viewing: Viewing, act: str, speed: int, to_at: int) -> None:
        """A viewer steers his playback (``playback_drive.ACTS``)."""
        name = viewing.upstream.name
        drive = self._desk.drive_of(name)
        if not isinstance(drive, PlaybackDrive) or self._steering.get(name, 0) >= STEERING_MAX:
            return
        self._steering[name] = self._steering.get(name, 0) + 1
        self._desk.chores.later(self._steer(name, drive, act, speed, to_at))

    async def _steer(self, name: str, drive: PlaybackDrive, act: str, speed: int, to_at: int) -> None:
        try:
            await drive.steer(act, speed, to_at)
        finally:
            self._steering[name] -= 1
            if not self._steering[name]:
                del self._steering[name]
