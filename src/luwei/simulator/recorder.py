"""The driving recorder of one terminal: its blocks tell of the same drive that the reports tell of (GB/T 19056)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import time_value
from luwei.protocol.jt808 import recorder
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages.recorder import RecordUpload, RequestRecord, SetRecorder
from luwei.protocol.jt808.recorder import Packet
from luwei.protocol.message import Record
from luwei.simulator import wire
from luwei.simulator.driving import CHINA_S, DRIVING, FATIGUE_S

if TYPE_CHECKING:
    from luwei.simulator.equipment import Body
    from luwei.simulator.reports import Report
    from luwei.simulator.terminal import Terminal

ARC = 600_000
"""Units of a place a degree: 0.0001 minutes."""
BYTES_MAX = 60_000
"""Data of one answer."""
COLLECT_FAILED = 0xFA
INSTALLED = "2023-03-01 09:00:00"
PULSES = 3_600
_EPOCH = datetime(1970, 1, 1)


class Recorder:
    """Answers 0x8700 and 0x8701."""

    def __init__(self, terminal: Terminal, licence: str) -> None:
        self._terminal = terminal
        self._licence = licence
        self._began_s = terminal.drive.now_s
        self.changes: list[tuple[float, int]] = []
        """(time, command word) of every 0x8701."""
        self._blocks: Mapping[int, Callable[[float, recorder.Period | None], tuple[Record, ...]]] = {
            0x00: lambda *_: (recorder.StandardVersion(year="12", modification=0),),
            0x01: lambda *_: (recorder.CurrentDriver(licence=licence),),
            0x02: lambda now_s, _: (recorder.Clock(time=_text(now_s)),),
            0x03: self._mileage,
            0x04: lambda now_s, _: (recorder.Pulses(time=_text(now_s), coefficient=PULSES),),
            0x05: self._vehicle,
            0x06: self._signals,
            0x07: self._number,
            0x08: self._speeds,
            0x09: self._places,
            0x10: lambda *_: (),
            0x11: self._overtime,
            0x12: lambda *_: (recorder.DriverChange(time=_text(self._began_s), licence=licence, kind=1),),
            0x13: lambda *_: (recorder.PowerEvent(time=_text(self._began_s), kind=1),),
            0x14: lambda *_: tuple(recorder.Modification(time=_text(at), kind=word) for at, word in self.changes),
            0x15: self._speed_log,
        }

    def collect(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8700."""
        edition = self._terminal.truck.edition
        order = RequestRecord.decode(frame.body, frame.header.edition)
        self._terminal.drive.advance(now_s)
        make = self._blocks.get(order.command)
        asked = order.block.content if isinstance(order.block, Packet) else ()
        period = next((each for each in asked if isinstance(each, recorder.Period)), None)
        packet = Packet(COLLECT_FAILED)
        if make is not None and (period is not None or order.command not in recorder.REQUESTS):
            try:
                packet = Packet(order.command, make(now_s, period))
            except ProtocolError:
                packet = Packet(COLLECT_FAILED)
        made = RecordUpload(
            reply_serial=frame.header.serial if edition >= 2013 else None, command=order.command, block=packet
        )
        return [(made.id, made.encode(edition))]

    def configure(self, frame: Frame, now_s: float) -> list[Body]:
        """0x8701: what was set is remembered in the log of changes."""
        order = SetRecorder.decode(frame.body, frame.header.edition)
        known = isinstance(order.block, Packet) and not isinstance(order.block.content, bytes)
        if known:
            self.changes = [*self.changes[-99:], (now_s, order.command)]
        header = frame.header
        result = wire.RESULT_OK if known else wire.RESULT_WRONG
        edition = self._terminal.truck.edition
        return [(wire.TERMINAL_REPLY, wire.general_reply(header.serial, header.message_id, result, edition))]

    # Blocks

    def _mileage(self, now_s: float, _: Any) -> tuple[Record, ...]:
        total = int(self._terminal.drive.odometer_m / 100) % 10**8
        return (
            recorder.Mileage(
                time=_text(now_s), installed=INSTALLED, first_mileage="00000000", total_mileage=f"{total:08d}"
            ),
        )

    def _vehicle(self, *_: Any) -> tuple[Record, ...]:
        truck = self._terminal.truck
        return (recorder.Vehicle(vin=truck.vin, plate=truck.plate, plate_class="大型汽车"),)

    def _signals(self, now_s: float, _: Any) -> tuple[Record, ...]:
        names = ("自定义", "自定义", "自定义", "近光灯", "远光灯", "右转灯", "左转灯", "制动")
        return (recorder.Signals(time=_text(now_s), operated=0xF8, names=names),)

    def _number(self, *_: Any) -> tuple[Record, ...]:
        truck = self._terminal.truck
        return (
            recorder.RecorderNumber(factory="C000062", model=truck.model[:16], produced="230215",
                                    number=truck.terminal_id[-4:]),
        )  # fmt: skip

    def _speeds(self, now_s: float, period: recorder.Period | None) -> tuple[Record, ...]:
        assert period is not None
        return tuple(
            recorder.SpeedMinute(
                start=_text(minute),
                seconds=tuple(recorder.Second(speed=self._speed(minute + second), signals=0) for second in range(60)),
            )
            for minute in self._steps(period, now_s, 60, 126)
        )

    def _places(self, now_s: float, period: recorder.Period | None) -> tuple[Record, ...]:
        assert period is not None
        return tuple(
            recorder.PlaceHour(start=_text(hour), minutes=tuple(self._minute(hour + 60 * n) for n in range(60)))
            for hour in self._steps(period, now_s, 3600, 666)
        )

    def _overtime(self, now_s: float, _: Any) -> tuple[Record, ...]:
        drive = self._terminal.drive
        if drive.mode != DRIVING or drive.driven_s <= FATIGUE_S:
            return ()
        here = self._place(now_s)
        start = _text(drive.driving_since_s)
        return (
            recorder.Overtime(licence=self._licence, start=start, end=_text(now_s), start_place=here, end_place=here),
        )

    def _speed_log(self, now_s: float, period: recorder.Period | None) -> tuple[Record, ...]:
        if not self._recent:
            return ()
        start = max(now_s - 60, self._recent[0].at_s)
        seconds = tuple(
            recorder.Speeds(recorded=self._speed(start + n), reference=self._speed(start + n)) for n in range(60)
        )
        return (recorder.SpeedLog(state=1, start=_text(start), end=_text(start + 60), seconds=seconds),)

    # The drive

    @property
    def _recent(self) -> list[Report]:
        return list(self._terminal.instruments.recent)

    def _steps(self, period: recorder.Period, now_s: float, step_s: int, size: int) -> list[float]:
        """Beginnings of the minutes or hours of the period that the drive is known of, the newest first."""
        start, end = time_value(period.start), time_value(period.end)
        if start is None or end is None or not self._recent:
            return []
        first = max(_seconds(start), self._recent[0].at_s)
        last = min(_seconds(end), now_s)
        most = min(period.most, BYTES_MAX // size)
        begin = last - last % step_s
        found: list[float] = []
        while begin + step_s > first and len(found) < most:
            found.append(begin)
            begin -= step_s
        return found

    def _at(self, at_s: float) -> Report | None:
        """The last report at that time, None before the first and after now."""
        recent = self._recent
        place = bisect_right([report.at_s for report in recent], at_s)
        return recent[place - 1] if place and at_s <= self._terminal.drive.now_s else None

    def _speed(self, at_s: float) -> int:
        report = self._at(at_s)
        return 0xFF if report is None else min(report.speed_dkmh // 10, 250)

    def _place(self, at_s: float) -> recorder.Place:
        report = self._at(at_s)
        if report is None:
            return recorder.Place(longitude=0x7FFFFFFF, latitude=0x7FFFFFFF, altitude=0)
        return recorder.Place(
            longitude=round(report.lon_e6 * ARC / 1e6), latitude=round(report.lat_e6 * ARC / 1e6),
            altitude=max(report.altitude_m, 0),
        )  # fmt: skip

    def _minute(self, at_s: float) -> recorder.PlaceMinute:
        place = self._place(at_s)
        return recorder.PlaceMinute(
            longitude=place.longitude, latitude=place.latitude, altitude=place.altitude, speed=self._speed(at_s)
        )


def _text(at_s: float) -> str:
    """China Standard Time as the recorder writes it."""
    return f"{_EPOCH + timedelta(seconds=int(at_s) + CHINA_S):%Y-%m-%d %H:%M:%S}"


def _seconds(moment: datetime) -> float:
    return (moment - _EPOCH).total_seconds() - CHINA_S
