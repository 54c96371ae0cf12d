"""Cameras and microphone of one terminal: takes pictures and recordings, keeps them, finds them again, sends them.

A file goes up as 0x0800 and then 0x0801 in fragments, a few at a time as over a mobile line; now and then one is lost
on the way and comes when the platform asks (0x8003 or 0x8800). It is given up when it is not confirmed after three
attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages import media
from luwei.protocol.jt808.messages.location import LocationBasic
from luwei.simulator import picture, wire
from luwei.simulator.device_clock import device_time

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.reports import Report
    from luwei.simulator.terminal import Terminal

CHANNELS = 4
PERIPHERALS = (0x64, 0x65)
"""Channels of active safety: ADAS and DSM."""
STORED_MAX = 200
SERIES_MAX = 100
READY_S = (0.3, 1.2)
"""From the order to the picture."""
BURST, BURST_S = 16, 0.05
"""Fragments that leave at once, and the pause after them."""
LOSS = 0.05
"""Share of files that lose fragments on the way."""
UNCONFIRMED_S = 60.0
ATTEMPTS = 3
FILM_FRAMES_MAX = 20
SECONDS_MAX = 60
IMAGE, SOUND, FILM = 0, 1, 2
JPEG, WAV, AVI = 0, 3, 4
RECORD = 0xFFFF
SAMPLING_HZ = (8_000, 11_025, 22_050, 32_000)


@dataclass(slots=True)
class Item:
    """A picture or recording in the terminal's memory; its bytes are made again when they are wanted."""

    id: int
    type: int
    format: int
    event: int
    channel: int
    report: Report
    size: tuple[int, int] = (640, 480)
    quality: int = 5
    seconds: int = 0
    sampling: int = 0


@dataclass(slots=True)
class Upload:
    """A file on its way up."""

    item: Item
    first: int
    frames: list[bytes]
    sent_s: float
    attempt: int = 1
    delete: bool = False


class Camera:
    """Everything that makes and sends multimedia."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._edition = terminal.truck.edition
        self._rng = Random(f"camera {terminal.truck.vin}")
        self._last_id = 0
        self._recording_since_s = 0.0
        self.stored: dict[int, Item] = {}
        self.uploads: dict[int, Upload] = {}
        """By multimedia id; until 0x8800 says that all is there."""

    # Orders

    def shoot(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8801."""
        order = media.Shoot.decode(frame.body, frame.header.edition)
        serial = frame.header.serial
        if not 1 <= order.channel <= CHANNELS and order.channel not in PERIPHERALS:
            return [self._told(serial, 2)]
        if order.command == 0:
            return [self._told(serial, 0)]
        if order.command == RECORD:
            items = [self._take(FILM, AVI, order.channel, now_s)]
            items[0].seconds = min(order.interval or 10, SECONDS_MAX)
        else:
            count = min(order.command, SERIES_MAX)
            items = [self._take(IMAGE, JPEG, order.channel, now_s) for _ in range(count)]
        for number, item in enumerate(items):
            item.size, item.quality = picture.size_of(order.resolution, self._edition), min(max(order.quality, 1), 10)
            if not order.save:
                wait_s = number * max(order.interval, 1) + self._rng.uniform(*READY_S)
                self._send_at(item, now_s + wait_s)
        return [self._told(serial, 0, tuple(item.id for item in items))]

    def _told(self, serial: int, result: int, ids: tuple[int, ...] | None = None) -> Body:
        if self._edition < 2013:
            code = wire.RESULT_OK if result == 0 else wire.RESULT_FAILED
            return wire.TERMINAL_REPLY, wire.general_reply(serial, 0x8801, code, self._edition)
        made = media.ShootReply(reply_serial=serial, result=result, ids=ids if ids else None)
        return made.id, made.encode(self._edition)

    def triggered(self, event: int, pictures: Sequence[tuple[float, int]], now_s: float) -> None:
        """Pictures that an alarm takes by itself; ``event`` as 事件项编码, each (seconds from now, channel)."""
        for after_s, channel in pictures:
            self._terminal.commands.do_later(now_s + after_s, partial(self._take_and_send, event, channel))

    def _take_and_send(self, event: int, channel: int, now_s: float) -> list[bytes]:
        item = self._take(IMAGE, JPEG, channel, now_s)
        item.event = event
        self._send_at(item, now_s + self._rng.uniform(*READY_S))
        return []

    def record(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8804."""
        order = media.RecordAudio.decode(frame.body, frame.header.edition)
        if order.command == 1 and order.seconds == 0:
            self._recording_since_s = now_s
        elif order.command == 1 or self._recording_since_s:
            length_s = order.seconds if order.command == 1 else now_s - self._recording_since_s
            item = self._take(SOUND, WAV, 0, now_s)
            item.seconds, item.sampling = int(min(max(length_s, 1), SECONDS_MAX)), order.sample_rate & 3
            self._recording_since_s = 0.0
            if not order.save:
                self._send_at(item, now_s + min(item.seconds if order.command == 1 else 0, 5) + READY_S[0])
        return self._general(frame)

    def search(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8802."""
        found = self._matching(media.SearchMedia.decode(frame.body, frame.header.edition))
        items = tuple(
            media.StoredMedia(
                multimedia_id=item.id if self._edition >= 2013 else None, type=item.type, channel=item.channel,
                event=item.event, location=_basic(item.report),
            )
            for item in found
        )  # fmt: skip
        made = media.SearchReply(reply_serial=frame.header.serial, items=items)
        return [(made.id, made.encode(self._edition))]

    def upload(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8803."""
        order = media.UploadStored.decode(frame.body, frame.header.edition)
        for number, item in enumerate(self._matching(order)):
            self._send_at(item, now_s + READY_S[0] + number, bool(order.delete))
        return self._general(frame)

    def upload_one(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8805."""
        order = media.UploadStoredItem.decode(frame.body, frame.header.edition)
        item = self.stored.get(order.multimedia_id)
        if item is None:
            return self._general(frame, wire.RESULT_FAILED)
        self._send_at(item, now_s + READY_S[0], bool(order.delete))
        return self._general(frame)

    def confirmed(self, frame: Frame, now_s: float) -> list[bytes]:
        """0x8800: all is there, or what is not."""
        reply = media.MediaReply.decode(frame.body, self._edition)
        upload = self.uploads.get(reply.multimedia_id)
        if upload is None:
            return []
        if reply.retransmit:
            upload.sent_s = now_s
            return [upload.frames[number - 1] for number in reply.retransmit if 0 < number <= len(upload.frames)]
        del self.uploads[reply.multimedia_id]
        if upload.delete:
            self.stored.pop(upload.item.id, None)
        return []

    def resend(self, first_serial: int, numbers: Sequence[int], now_s: float) -> list[bytes]:
        """0x8003: the same bytes again."""
        for upload in self.uploads.values():
            if upload.first == first_serial:
                upload.sent_s = now_s
                return [upload.frames[number - 1] for number in numbers if 0 < number <= len(upload.frames)]
        return []

    # The way up

    def due(self, now_s: float) -> list[bytes]:
        """Begin again with what nobody confirmed; called while the line is up."""
        out: list[bytes] = []
        for key, upload in list(self.uploads.items()):
            if now_s - upload.sent_s < UNCONFIRMED_S:
                continue
            del self.uploads[key]
            if upload.attempt < ATTEMPTS:
                out += self._begin(upload.item, now_s, upload.delete, upload.attempt + 1)
        return out

    def _general(self, frame: Frame, result: int = wire.RESULT_OK) -> list[Body]:
        header = frame.header
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, self._edition))]

    def _take(self, type_: int, format_: int, channel: int, now_s: float) -> Item:
        terminal = self._terminal
        terminal.drive.advance(now_s)
        self._last_id += 1
        item = Item(self._last_id, type_, format_, 0, channel, terminal.instruments.take())
        self.stored[item.id] = item
        if len(self.stored) > STORED_MAX:
            del self.stored[next(iter(self.stored))]
        return item

    def _matching(self, wanted: media.SearchMedia | media.UploadStored) -> list[Item]:
        begin, end = wanted.start_time[2:], wanted.end_time[2:]
        zeros = "00-00-00 00:00:00"
        return [
            item
            for item in self.stored.values()
            if item.type == wanted.type
            and wanted.channel in (0, item.channel)
            and item.event == wanted.event
            and (begin == zeros or device_time(item.report.at_s)[2:] >= begin)
            and (end == zeros or device_time(item.report.at_s)[2:] <= end)
        ]

    def _send_at(self, item: Item, at_s: float, delete: bool = False) -> None:
        self._terminal.commands.do_later(at_s, lambda now_s: self._begin(item, now_s, delete))

    def _begin(self, item: Item, now_s: float, delete: bool, attempt: int = 1) -> list[bytes]:
        """Send the event at once and put the fragments of the data behind it."""
        commands = self._terminal.commands
        head = {"multimedia_id": item.id, "type": item.type, "format": item.format, "event": item.event,
                "channel": item.channel}  # fmt: skip
        event = media.MediaEvent(**head)
        data = self._data(item)
        whole = media.MediaUpload(**head, location=_basic(item.report), data=data)
        first = self._terminal.next_serial_is
        frames = commands.frames(whole.id, whole.encode(max(self._edition, 2013)))
        self.uploads[item.id] = Upload(item, first, frames, now_s, attempt, delete)
        going = list(frames)
        if len(frames) > 2 and self._rng.random() < LOSS:
            for lost in sorted(self._rng.sample(range(len(frames)), min(3, len(frames) - 1)), reverse=True):
                del going[lost]
        for number, at in enumerate(range(0, len(going), BURST)):
            commands.put_later(now_s + number * BURST_S, going[at : at + BURST])
        return commands.frames(event.id, event.encode(self._edition))

    def _data(self, item: Item) -> bytes:
        truck = self._terminal.truck
        if item.type == SOUND:
            return picture.sound(item.seconds, SAMPLING_HZ[item.sampling], f"{truck.vin} {item.id}")
        lines = picture.Caption(truck.plate, device_time(item.report.at_s), item.channel, item.report)
        if item.type == FILM:
            return picture.film(lines, item.size, min(item.seconds * 2, FILM_FRAMES_MAX), f"{truck.vin} {item.id}")
        return picture.jpeg(lines, item.size, item.quality, f"{truck.vin} {item.id}")


def _basic(report: Report) -> LocationBasic:
    return LocationBasic(
        alarm=report.alarm, status=report.status, latitude=report.lat_e6, longitude=report.lon_e6,
        altitude=report.altitude_m, speed=report.speed_dkmh, direction=report.direction_deg,
        time=device_time(report.at_s),
    )  # fmt: skip
