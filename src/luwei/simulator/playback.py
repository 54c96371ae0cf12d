"""Orders about recordings: list 0x9205, playback 0x9201 and 0x9202 (reference §4.6-4.9, §6.5, §6.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import video
from luwei.simulator import wire
from luwei.simulator.media_faults import NO_ANSWER
from luwei.simulator.playing import FAST, KEYS, NORMAL, REWIND, SINGLE, Playing
from luwei.simulator.recordings import AUDIO, VIDEO, Recording, Recordings, Wanted, seconds_of
from luwei.simulator.streams import Sound
from luwei.simulator.tones import tone_hz

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.terminal import Terminal
    from luwei.simulator.video_unit import VideoUnit

PLAYBACK = "playback"
START, PAUSE, END, FAST_ON, REWIND_ON, DRAG, KEYS_ON = range(7)
"""Controls of 0x9202."""
_MODES: Mapping[int, int] = {START: NORMAL, FAST_ON: FAST, REWIND_ON: REWIND, KEYS_ON: KEYS}
SPEEDS = range(6)


def wanted_of(order: Any) -> Wanted:
    """Which recordings an order of 0x9205, 0x9201 or 0x9206 is about. Raises ValueError for times that are none."""
    return Wanted(
        order.channel, seconds_of(order.start_time), seconds_of(order.end_time), getattr(order, "alarm", 0),
        order.media_type, order.stream_type, order.storage_type,
    )  # fmt: skip


class Playback:
    """The recorder of one terminal."""

    def __init__(self, terminal: Terminal, unit: VideoUnit) -> None:
        self._terminal, self._unit = terminal, unit
        self._edition = terminal.truck.edition
        self.recordings = Recordings(terminal.truck, unit.gear.channels)
        self.asked = 0
        """How often the list was asked for."""
        self.table: dict[int, Callable[[Frame, float], list[Body]]] = {
            0x9201: self._play, 0x9202: self._control, 0x9205: self._list,
        }  # fmt: skip

    def _general(self, frame: Frame, result: int = wire.RESULT_OK) -> list[Body]:
        header = frame.header
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, self._edition))]

    def _listed(self, frame: Frame, found: list[Recording]) -> list[Body]:
        serial = frame.header.serial if self._unit.fault.list_serial else 0
        made = video.ResourceList(reply_serial=serial, files=tuple(piece.resource for piece in found))
        return [(made.id, made.encode(self._edition))]

    def _list(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.QueryResources.decode(frame.body, frame.header.edition)
        self.asked += 1
        fault = self._unit.fault
        if self.asked <= fault.lists_after:
            return []
        if fault.list_wants_parameters and not self._terminal.commands.parameters_asked:
            return []
        try:
            found = self.recordings.found(wanted_of(order), now_s)
        except ValueError:
            return self._general(frame, wire.RESULT_WRONG)
        return self._listed(frame, found)

    def _play(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.PlaybackRequest.decode(frame.body, frame.header.edition)
        unit, mode = self._unit, order.playback_mode
        try:
            wanted = wanted_of(order)
        except ValueError:
            return self._general(frame, wire.RESULT_WRONG)
        if mode > SINGLE or order.speed not in SPEEDS or not (order.tcp_port or order.udp_port):
            return self._general(frame, wire.RESULT_UNSUPPORTED)
        if mode == SINGLE and wanted.start_s is not None:
            wanted = Wanted(wanted.channel, wanted.start_s, wanted.start_s + 1, 0, 0, wanted.stream, wanted.storage)
        found = [] if wanted.channel == 0 else self.recordings.found(wanted, now_s)
        found = [piece for piece in found if piece.storage == found[0].storage]
        if unit.fault.answer == NO_ANSWER:
            return []
        if unit.fault.answer == 0 and found:
            self._open(order, found, wanted)
        if unit.gear.lists_on_playback:
            return self._listed(frame, found)
        return self._general(frame, unit.fault.answer or (wire.RESULT_OK if found else wire.RESULT_FAILED))

    def _open(self, order: video.PlaybackRequest, found: list[Recording], wanted: Wanted) -> None:
        unit, truck = self._unit, self._terminal.truck
        unit.close(order.channel, (PLAYBACK,))
        playing = Playing(
            truck.plate, found, wanted.start_s or 0.0, wanted.end_s if wanted.end_s is not None else float("inf"),
            codec=unit.fault.codec or unit.gear.codec, mode=order.playback_mode, speed=order.speed,
            rising=unit.gear.relative,
        )  # fmt: skip
        silent = order.media_type == VIDEO or order.playback_mode != NORMAL
        sound = None if silent else Sound(unit.gear.sound, tone_hz(truck.number))
        address = unit.address(order.server_ip, order.tcp_port, order.udp_port)
        pictures = None if order.media_type == AUDIO else playing
        unit.begin(unit.line(address, order.channel, pictures=pictures, sound=sound), (order.channel, PLAYBACK, 0))

    def _control(self, frame: Frame, now_s: float) -> list[Body]:
        order = video.PlaybackControl.decode(frame.body, frame.header.edition)
        line = self._unit.lines.get((order.channel, PLAYBACK, 0))
        if line is None or not isinstance(line.video, Playing):
            return self._general(frame, wire.RESULT_FAILED)
        if order.command > KEYS_ON or order.speed not in SPEEDS:
            return self._general(frame, wire.RESULT_WRONG)
        if order.command == END:
            if self._unit.fault.stops:
                self._unit.close(order.channel, (PLAYBACK,))
        elif order.command == PAUSE:
            line.pause(True)
        elif order.command == DRAG:
            try:
                to_s = seconds_of(order.time)
            except ValueError:
                return self._general(frame, wire.RESULT_WRONG)
            line.video.drag(to_s or 0.0)
            line.pause(False)
        else:
            line.video.go(_MODES[order.command], order.speed)
            line.pause(False)
        return self._general(frame)
