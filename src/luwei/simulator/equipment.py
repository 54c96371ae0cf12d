"""What hangs on a terminal besides its parameters: camera, telephone, areas, doors, driver's card; and its control.

Every handler gets a whole message and returns the bodies that the terminal answers with, each with its message id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from luwei.protocol.jt808.control_words import read_control
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import areas, control, driver, pass_through, service
from luwei.protocol.message import Message
from luwei.simulator import wire
from luwei.simulator.attachments import Attachments
from luwei.simulator.camera import Camera
from luwei.simulator.device_clock import device_time
from luwei.simulator.handset import QUERIES, Handset
from luwei.simulator.media_faults import fault_of
from luwei.simulator.recorder import Recorder
from luwei.simulator.upgrading import Upgrading
from luwei.simulator.video_unit import VIDEO_IDS, VideoUnit

if TYPE_CHECKING:
    from luwei.simulator.terminal import Terminal

Body = tuple[int, bytes]
Handler = Callable[[Frame, float], list[Body]]

CALM_SHARE, WILD_SHARE = 0.06, 0.5
"""Of the trucks whose media misbehave: in an ordinary fleet, and in one that is to misbehave."""
AREAS_MAX = 24
RESTART_S, POWER_OFF_S = 4.0, 120.0
READING_S = (4.0, 20.0)
"""How long a driver takes to answer a question."""

_AREAS: Mapping[int, tuple[int, type[Any]]] = {
    0x8600: (1, areas.SetCircles), 0x8602: (2, areas.SetRectangles),
    0x8604: (3, areas.SetPolygon), 0x8606: (4, areas.SetRoute),
}  # fmt: skip
_DELETED: Mapping[int, tuple[int, type[Any]]] = {
    0x8601: (1, areas.DeleteCircles), 0x8603: (2, areas.DeleteRectangles),
    0x8605: (3, areas.DeletePolygons), 0x8607: (4, areas.DeleteRoutes),
}  # fmt: skip


class Equipment:
    """The further parts of one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._edition = terminal.truck.edition
        self._rng = Random(f"equipment {terminal.truck.vin}")
        self.camera = Camera(terminal)
        self.attachments = Attachments(terminal)
        self.areas: dict[int, dict[int, Any]] = {kind: {} for kind in (1, 2, 3, 4)}
        """Areas and routes by kind and id."""
        self.calls: list[tuple[int, str]] = []
        """(0 ordinary, 1 listening; number), the newest last."""
        self.locked = True
        self.serial_port: list[bytes] = []
        self._driver = (f"师傅{self._rng.randrange(100):02}", f"44{self._rng.randrange(10**16):016}")
        self.recorder = Recorder(terminal, self._driver[1])
        self.handset = Handset(terminal)
        self.upgrading = Upgrading(terminal)
        self._video: VideoUnit | None = None
        self.table: dict[int, Handler] = {
            0x8105: self._control,
            0x8107: self._attributes,
            0x8108: self._upgrade_packet,
            0x8302: self._question,
            0x8400: self._call,
            0x8500: self._doors,
            0x8608: self._read_areas,
            0x8702: self._who_drives,
            0x8801: self.camera.shoot,
            0x8802: self.camera.search,
            0x8803: self.camera.upload,
            0x8804: self.camera.record,
            0x8805: self.camera.upload_one,
            0x8301: self.handset.set_events,
            0x8303: self.handset.set_menu,
            0x8304: self.handset.inform,
            0x8401: self.handset.book,
            0x8700: self.recorder.collect,
            0x8701: self.recorder.configure,
            0x8900: self._pass_on,
            0x9208: self.attachments.asked,
        }
        self.table |= dict.fromkeys(_AREAS, self._set_areas) | dict.fromkeys(_DELETED, self._delete_areas)

    @property
    def video(self) -> VideoUnit:
        """Cameras that stream; made when they are first asked for."""
        if self._video is None:
            terminal = self._terminal
            share = CALM_SHARE if terminal.misbehaviour is None else WILD_SHARE
            self._video = VideoUnit(terminal, fault_of(terminal.truck.number, terminal.truck.vin, share))
        return self._video

    def handler(self, message_id: int) -> Handler | None:
        """Who answers ``message_id``; None where nobody does."""
        if message_id in VIDEO_IDS:
            return self.video.table[message_id]
        return self.table.get(message_id)

    def taken(self, slots: asyncio.Semaphore) -> list[Coroutine[Any, Any, None]]:
        """What was ordered since the last call and takes connections of its own, to be run by the simulation.

        ``slots``: how many uploads of alarm files may go on at a time.
        """
        uploads = [self.attachments.upload(order, slots) for order in self.attachments.taken()]
        return uploads if self._video is None else uploads + self._video.taken()

    def general(self, frame: Frame, result: int = wire.RESULT_OK) -> list[Body]:
        """0x0001."""
        header = frame.header
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, self._edition))]

    def _body(self, message: Message) -> Body:
        return message.id, message.encode(self._edition)

    def _control(self, frame: Frame, now_s: float) -> list[Body]:
        word = control.TerminalControl.decode(frame.body, frame.header.edition).command
        terminal = self._terminal
        if word not in (1, 2, 3, 4, 5, 6, 7) or (self._edition == 2019 and word in (3, 6, 7)):
            return self.general(frame, wire.RESULT_UNSUPPORTED)
        if word == 1:
            given = read_control(1, control.TerminalControl.decode(frame.body, frame.header.edition).params or b"")
            self.upgrading.begin(0, str(given.get("firmware", "")), frame.header.serial, now_s)
        if word == 5:
            terminal.parameters.restore()
        if word in (3, 4, 5, 6, 7):
            terminal.close_wanted = True
            terminal.blocked_until_s = now_s + (RESTART_S if word in (4, 5) else POWER_OFF_S)
        return self.general(frame)

    def _upgrade_packet(self, frame: Frame, now_s: float) -> list[Body]:
        packet = control.UpgradePacket.decode(frame.body, frame.header.edition)
        self.upgrading.begin(packet.type, packet.version, frame.header.serial, now_s)
        return self.general(frame)

    def _attributes(self, frame: Frame, now_s: float) -> list[Body]:
        truck = self._terminal.truck
        made = control.Attributes(
            terminal_type=0b0100_0100, manufacturer=truck.manufacturer_id[:5], model=truck.model,
            terminal_id=truck.terminal_id if self._edition == 2019 else truck.terminal_id[:7],
            iccid=f"8986{self._rng.randrange(10**16):016}", hardware="HW1.2", firmware=self.upgrading.version,
            gnss_attr=0b11, comm_attr=0b10_0000,
        )  # fmt: skip
        return [self._body(made)]

    def _question(self, frame: Frame, now_s: float) -> list[Body]:
        asked = service.Question.decode(frame.body, frame.header.edition)
        if asked.answers:
            chosen = self._rng.choice(asked.answers)
            answer = service.QuestionAnswer(reply_serial=frame.header.serial, answer_id=chosen.id)
            self._terminal.commands.say_later(now_s + self._rng.uniform(*READING_S), self._body(answer))
        return self.general(frame)

    def _call(self, frame: Frame, now_s: float) -> list[Body]:
        call = service.CallBack.decode(frame.body, frame.header.edition)
        self.calls = [*self.calls[-9:], (call.flag, call.phone)]
        return self.general(frame)

    def _doors(self, frame: Frame, now_s: float) -> list[Body]:
        order = control.VehicleControl.decode(frame.body, frame.header.edition)
        # 2013: bit set locks; 2019: parameter 1 opens
        self.locked = bool(order.flag) if order.flag is not None else not any(c.parameter for c in order.controls or ())
        terminal = self._terminal
        terminal.drive.advance(now_s)
        body = wire.location_reply(frame.header.serial, terminal.instruments.take(), max(self._edition, 2013))
        status = int.from_bytes(body[6:10], "big") & ~(1 << 12) | self.locked << 12
        body = body[:6] + status.to_bytes(4, "big") + body[10:]
        return [*self.general(frame), (0x0500, body)]

    def _set_areas(self, frame: Frame, now_s: float) -> list[Body]:
        kind, table = _AREAS[frame.header.message_id]
        order = table.decode(frame.body, frame.header.edition)
        kept = self.areas[kind]
        items = order.areas if kind in (1, 2) else [order]
        if kind in (1, 2) and order.setting == 0:
            kept.clear()
        if len(kept) + len(items) > AREAS_MAX:
            return self.general(frame, wire.RESULT_FAILED)
        for item in items:
            kept[item.route_id if kind == 4 else item.area_id] = item
        return self.general(frame)

    def _delete_areas(self, frame: Frame, now_s: float) -> list[Body]:
        kind, table = _DELETED[frame.header.message_id]
        ids = table.decode(frame.body, frame.header.edition).ids
        for key in ids or list(self.areas[kind]):
            self.areas[kind].pop(key, None)
        return self.general(frame)

    def _read_areas(self, frame: Frame, now_s: float) -> list[Body]:
        query = areas.QueryAreas.decode(frame.body, frame.header.edition)
        kept = self.areas.get(query.type, {})
        found = tuple(kept[key] for key in query.ids or kept if key in kept)
        return [self._body(areas.AreasReply(type=query.type, records=found))]

    def _who_drives(self, frame: Frame, now_s: float) -> list[Body]:
        name, licence = self._driver
        card = driver.DriverCard(
            status=1, time=device_time(now_s), ic_result=0, name=name, certificate=licence,
            issuer="广东省交通运输厅", expiry="20301231", id_card=licence if self._edition == 2019 else None,
        )  # fmt: skip
        return [self._body(card)]

    def _pass_on(self, frame: Frame, now_s: float) -> list[Body]:
        message = pass_through.DownlinkPassThrough.decode(frame.body, frame.header.edition)
        if message.type in QUERIES:
            return self.handset.ask(frame, message)
        self.serial_port = [*self.serial_port[-9:], message.content]
        return self.general(frame)
