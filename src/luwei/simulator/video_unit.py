"""The video part of one terminal (JT/T 1078): it tells what it has, opens and closes media lines, turns its cameras.

It exists only in trucks that were ever asked for something of it. Lines are coroutines that the simulation runs
(``taken``); nothing here touches a socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import ptz, video
from luwei.simulator import wire
from luwei.simulator.file_uploads import FileUploads
from luwei.simulator.looking import Turned
from luwei.simulator.media_faults import NO_ANSWER, MediaFault
from luwei.simulator.media_line import LOST, UNREACHABLE, Address, MediaLine
from luwei.simulator.playback import Playback
from luwei.simulator.streams import CameraStream, Heard, Sound, Talk, VideoSource
from luwei.simulator.tones import tone_hz
from luwei.simulator.video_gear import SOUND_ONLY, VideoGear, gear_of

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.terminal import Terminal

log = structlog.get_logger()

LIVE, TALK, LISTEN, BROADCAST = "live", "talk", "listen", "broadcast"
KINDS: Mapping[int, str] = {0: LIVE, 1: LIVE, 2: TALK, 3: LISTEN, 4: BROADCAST}
"""By data type of 0x9101; nothing is passed through (5)."""
LINES_MAX = 8
"""Connections of one terminal at a time."""
STREAM_NAMES = ("main", "sub")
AGAIN_MAX = 3
"""How often a device that does not stop comes back."""
AGAIN_S = 4.0
LOSSY_PERCENT = 10
HEARINGS_MAX = 20

Key = tuple[int, str, int]
"""Channel, kind, and number of a line among those of one request."""
Handler = Callable[[Frame, float], "list[Body]"]


_STEPS: Mapping[type[Any], str] = {ptz.Focus: "focus", ptz.Aperture: "aperture", ptz.Zoom: "zoom"}
_SWITCHES: Mapping[type[Any], str] = {ptz.Wiper: "wiper", ptz.InfraredLight: "infrared"}
_TABLES: tuple[type[Any], ...] = (ptz.Rotate, *_STEPS, *_SWITCHES)
_PTZ: Mapping[int, type[Any]] = {table.id: table for table in _TABLES}
VIDEO_IDS = frozenset({0x9003, 0x9101, 0x9102, 0x9105, 0x9201, 0x9202, 0x9205, 0x9206, 0x9207, *_PTZ})
"""Messages that this part answers."""


class VideoUnit:
    """Cameras that stream."""

    def __init__(self, terminal: Terminal, fault: MediaFault, gear: VideoGear | None = None) -> None:
        self._terminal = terminal
        self._edition = terminal.truck.edition
        self.gear = gear or gear_of(terminal.truck)
        self.fault = fault
        self.lines: dict[Key, MediaLine] = {}
        self.turned: dict[int, Turned] = {}
        """Cameras that were moved, by channel."""
        self.loss_percent: dict[int, int] = {}
        """What 0x9105 told last, by channel."""
        self.heard: list[tuple[str, Heard]] = []
        """What came out of the loudspeaker in the last talks and broadcasts, by kind."""
        self._rng = Random(f"video unit {terminal.truck.vin}")
        self._new: list[tuple[MediaLine, Key]] = []
        self._opened = 0
        self.table: dict[int, Handler] = {
            0x9003: self._tell, 0x9101: self._live, 0x9102: self._control, 0x9105: self._losses,
        }  # fmt: skip
        self.table |= dict.fromkeys(_PTZ, self._turn)
        self.playback = Playback(terminal, self)
        self.uploads = FileUploads(terminal, self)
        self.table |= self.playback.table | self.uploads.table

    def taken(self) -> list[Coroutine[Any, Any, None]]:
        """Lines that were ordered since the last call, to be run."""
        new, self._new = self._new, []
        return [self._carry(*each) for each in new] + self.uploads.taken()

    def _general(self, frame: Frame, result: int = wire.RESULT_OK) -> list[Body]:
        header = frame.header
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, self._edition))]

    def _tell(self, frame: Frame, now_s: float) -> list[Body]:
        made = self.gear.attributes
        return [(made.id, made.encode(self._edition))]

    # Live pictures, talk, listening, broadcast

    def _live(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.LiveRequest.decode(frame.body, frame.header.edition)
        kind = KINDS.get(order.data_type)
        if kind is None or order.stream_type >= len(STREAM_NAMES) or not (order.tcp_port or order.udp_port):
            return self._general(frame, wire.RESULT_UNSUPPORTED)
        known = (*self.gear.channels, *(self.gear.unlisted if kind == LIVE else SOUND_ONLY))
        busy = {TALK: LISTEN, LISTEN: TALK}.get(kind)
        refused = order.channel not in known or any(each[1] == busy for each in self.lines)
        if refused or len(self.lines) >= LINES_MAX:
            return self._general(frame, wire.RESULT_FAILED)
        if self.fault.answer == NO_ANSWER:
            return []
        if self.fault.answer == 0:
            self._open(order, kind)
        return self._general(frame, self.fault.answer)

    def address(self, host: str, tcp_port: int, udp_port: int) -> Address:
        """Which of the ports of an order this terminal takes."""
        udp = not tcp_port or bool(udp_port and self.gear.prefers_udp)
        return Address(host.strip(), udp_port if udp else tcp_port, udp)

    def _open(self, order: video.LiveRequest, kind: str) -> None:
        self.close(order.channel, (kind,))
        for number in range(self.fault.lines if kind == LIVE else 1):
            line = self.line(
                self.address(order.server_ip, order.tcp_port, order.udp_port), order.channel,
                pictures=self._camera(order) if kind == LIVE else None,
                sound=self._sound(kind) if kind != LIVE or order.data_type == 0 else None,
            )  # fmt: skip
            self.begin(line, (order.channel, kind, number))

    def line(self, address: Address, channel: int, *, pictures: VideoSource | None, sound: Sound | None) -> MediaLine:
        """A line in this terminal's form."""
        self._opened += 1
        gear = self.gear
        return MediaLine(
            address, self._terminal.truck.phone, channel, video=pictures, sound=sound, sim_size=gear.sim_size,
            relative=gear.relative, fault=self.fault, seed=self._opened,
        )  # fmt: skip

    def begin(self, line: MediaLine, key: Key) -> None:
        """Have ``line`` run as soon as the simulation comes by."""
        if self.fault.connects:
            self.lines[key] = line
            self._new.append((line, key))

    def _camera(self, order: video.LiveRequest) -> CameraStream:
        truck, drive, driver = self._terminal.truck, self._terminal.drive, self._terminal.instruments.driver
        return CameraStream(
            truck.plate, order.channel, STREAM_NAMES[order.stream_type], self.fault.codec or self.gear.codec,
            speed=lambda: drive.speed_mps * 3.6, doing=lambda: driver.visible,
            look=lambda: self.turned.get(order.channel),
        )  # fmt: skip

    def _sound(self, kind: str) -> Sound:
        way, hz = self.gear.sound, tone_hz(self._terminal.truck.number)
        if kind in (LIVE, LISTEN):
            return Sound(way, hz)
        talk = Talk(way, hz, kind == TALK, self.gear.echo_ms, self.gear.whistles)
        self.heard = [*self.heard[1 - HEARINGS_MAX :], (kind, talk.heard)]
        return talk

    async def _carry(self, line: MediaLine, key: Key) -> None:
        """A line from its beginning to its end, and what comes after it unasked."""
        wait_s = self._rng.uniform(*self.fault.wait_s)
        for _ in range(1 + AGAIN_MAX):
            end = await line.run(wait_s)
            if isinstance(line.sound, Talk):
                self._terminal.truth.heard(line.phone, line.channel, key[1], line.sound.heard)
            log.debug("media line ended", phone=line.phone, channel=line.channel, end=end)
            if self.lines.get(key) is line:
                del self.lines[key]
            if end == LOST and not self.fault.stops:
                wait_s = AGAIN_S
            elif self.fault.again_s is not None and end != UNREACHABLE:
                wait_s = self._rng.uniform(*self.fault.again_s)
            else:
                return
            line = line.again()
            self.lines.setdefault(key, line)

    def close(self, channel: int, kinds: tuple[str, ...]) -> bool:
        """Close the lines of ``channel``; whether there were any."""
        found = [key for key in self.lines if key[0] == channel and key[1] in kinds]
        for key in found:
            self.lines.pop(key).stop()
        return bool(found)

    def _control(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.LiveControl.decode(frame.body, frame.header.edition)
        channel = order.channel
        if order.command in (0, 4):
            if self.fault.stops:
                self._stop(channel, order)
            return self._general(frame)
        live = [line for key, line in self.lines.items() if key[0] == channel]
        changes: Mapping[int, Callable[[MediaLine], None]] = {
            1: partial(_switch, stream=order.switch_stream), 2: _pause, 3: _resume,
        }  # fmt: skip
        if order.command not in changes:
            return self._general(frame, wire.RESULT_WRONG)
        for line in live:
            changes[order.command](line)
        return self._general(frame, wire.RESULT_OK if live else wire.RESULT_FAILED)

    def _stop(self, channel: int, order: video.LiveControl) -> None:
        if order.command == 4:
            self.close(channel, (TALK,))
        elif order.close_av == 0:
            self.close(channel, (LIVE, LISTEN, BROADCAST, TALK))
        else:
            line = self.lines.get((channel, LIVE, 0))
            if line is not None:
                (line.mute if order.close_av == 1 else line.blind)()
                if line.sound is None and line.video is None:
                    self.close(channel, (LIVE,))

    def _losses(self, frame: Frame, now_s: float) -> list[Body]:
        """0x9105 wants no answer; the camera sends less while much is lost."""
        told = video.LiveStatus.decode(frame.body, frame.header.edition)
        self.loss_percent[told.channel] = told.loss_percent
        line = self.lines.get((told.channel, LIVE, 0))
        if line is not None and isinstance(line.video, CameraStream):
            line.video.throttle(0.5 if told.loss_percent >= LOSSY_PERCENT else 1.0)
        return []

    # Pan, tilt, zoom

    def _turn(self, frame: Frame, now_s: float) -> list[Body]:
        table = _PTZ[frame.header.message_id]
        order = table.decode(frame.body, frame.header.edition)
        if order.channel not in self.gear.channels:
            return self._general(frame, wire.RESULT_FAILED)
        camera = self.turned.setdefault(order.channel, Turned())
        if table is ptz.Rotate:
            camera.turn(order.direction, order.speed, time.time())
        elif table in _STEPS:
            camera.step(_STEPS[table], -1 if order.value else 1)
        else:
            setattr(camera, _SWITCHES[table], bool(order.value))
        camera.orders = [*camera.orders[-19:], table.__name__]
        return self._general(frame)


def _switch(line: MediaLine, stream: int) -> None:
    if isinstance(line.video, CameraStream) and stream < len(STREAM_NAMES):
        line.video.switch(STREAM_NAMES[stream])


def _pause(line: MediaLine) -> None:
    line.pause(True)


def _resume(line: MediaLine) -> None:
    line.pause(False)
