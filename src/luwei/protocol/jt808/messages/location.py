"""Location reports 位置信息汇报 (2019 §8.21), their query reply (§8.23) and the batch upload (§8.48)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import (
    BYTE,
    DEGREE,
    DEGREE_E6,
    DWORD,
    FLAGS_DWORD,
    KMH_10,
    METRE,
    TIME,
    WORD,
    Scope,
    WireType,
    hex_text,
    time_text,
    time_value,
)
from luwei.protocol.jt808 import bits
from luwei.protocol.jt808.items import ITEM_LIST, Items
from luwei.protocol.message import Message, Nested, Record, field
from luwei.protocol.repeated import Kept

BASIC = 28
"""Bytes of the basic part 位置基本信息."""


def _latitude(value: int, edition: int) -> str:
    return "补码负值" if value >= 0x80000000 else "超出范围" if value > 90_000_000 else ""


def _longitude(value: int, edition: int) -> str:
    return "补码负值" if value >= 0x80000000 else "超出范围" if value > 180_000_000 else ""


def _altitude(value: int, edition: int) -> str:
    return METRE.text(value - 0x10000) if value >= 0x8000 else ""


def _direction(value: int, edition: int) -> str:
    return "" if value < 360 else "即 0°" if value == 360 else "未知"


def _time(value: str, edition: int) -> str:
    return "GMT+8" if time_value(value) else "不是有效时间"


class LocationBasic(Record):
    """位置基本信息: 28 bytes in every edition. Values as on the wire."""

    alarm: int = field(FLAGS_DWORD, "报警标志", "Alarm flags", bits=bits.ALARM)
    status: int = field(FLAGS_DWORD, "状态", "Status", bits=bits.STATUS)
    latitude: int = field(DWORD, "纬度", "Latitude", unit=DEGREE_E6, meaning=_latitude, note="south: status bit 2")
    longitude: int = field(DWORD, "经度", "Longitude", unit=DEGREE_E6, meaning=_longitude, note="west: status bit 3")
    altitude: int = field(
        WORD, "高程", "Altitude", unit=METRE, meaning=_altitude, note="0x8000 and above: negative [seen]"
    )
    speed: int = field(WORD, "速度", "Speed", unit=KMH_10)
    direction: int = field(WORD, "方向", "Direction", unit=DEGREE, meaning=_direction, note="north 0, clockwise")
    time: str = field(TIME, "时间", "Time", meaning=_time, note="GMT+8")


class LocationFields(LocationBasic):
    """Basic part, then items to the end."""

    items: Items = field(ITEM_LIST, "位置附加信息", "Additional items", default=Items())


class Location(LocationFields, Message, id=0x0200, zh="位置信息汇报", en="Location report", clause="§8.21"):
    """One position with its alarms. Acknowledged with 0x8001 when kept."""


class ReplySerial(Record):
    reply_serial: int | None = field(WORD, "应答流水号", "Serial of the 0x8201", since=2013, default=None)


class LocationReply(
    LocationFields, ReplySerial, Message, id=0x0201, zh="位置信息查询应答", en="Location query reply", clause="§8.23"
):
    """The serial of the query (not in 2011), then a whole 0x0200 body."""

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        """2011 when only there the six bytes of the time make a date (§8.10)."""
        if not is_date(body[24:30]) and is_date(body[22:28]):
            return 2011
        return max(edition, 2013)


def is_date(raw: bytes) -> bool:
    """Whether six bytes of BCD make a date."""
    return len(raw) == 6 and time_value(time_text(raw)) is not None


class _NextLocation(WireType[Location]):
    """The next item that can be read: a length and a location, or, of ``step`` bytes, a location alone."""

    label, composite = "WORD + 位置信息", True

    def __init__(self, step: int) -> None:
        self.step = step

    def body(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        """Where the location begins, and the length that is announced for it."""
        return (at, self.step) if self.step else (at + 2, data[at] << 8 | data[at + 1])

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Location, int]:
        while True:
            body_at, length = self.body(data, at, end)
            at = min(body_at + length, end)
            try:
                return self.location(data, body_at, at, scope), at
            except ProtocolError:
                scope.problems.clear()

    @staticmethod
    def location(data: bytes, at: int, stop: int, scope: Scope) -> Location:
        """The location at ``at``, with what was odd about it."""
        if stop - at < BASIC:
            raise ProtocolError("body_short", f"location of {stop - at} bytes", at)
        location, _ = Location.read(data, at, stop, scope)
        location.problems = tuple(scope.problems)
        return location


_NextLocation.cost = Nested(Location).cost


class SizedLocations(WireType[Sequence[Location]]):
    """Items of 0x0704: length WORD, then a 0x0200 body; read one by one, so that one bad item costs only itself.

    Seen on the road (§8.20): (a) one length only, then ``count`` bodies of that size; (b) a length that disagrees with
    what follows; (c) a count larger than the items present. Each is named in ``problems``.
    """

    label = "(WORD + 位置信息) × n"
    composite = True

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Sequence[Location], int]:
        count = scope.values["count"]
        step = self._single_length(data, at, end, count)
        if step:
            scope.odd("batch_single_length")
            scope.mark(at, at + 2, "[].length", "位置汇报数据体长度", str(step), "只出现一次")
            at += 2
        item = _NextLocation(step)
        kept, problems, outer = Kept(item, data, scope), scope.problems, scope.prefix
        for index in range(count):
            if not step and end - at < 2:
                break
            start, (body_at, length) = at, item.body(data, at, end)
            if not step:
                scope.mark(at, body_at, f"[{index}].length", "位置汇报数据体长度", str(length))
            at = min(body_at + length, end)
            if at - body_at < length:
                scope.odd("batch_item_length", f"item {index}, {length} announced, {at - body_at} left")
            scope.problems, scope.prefix, fault = [], f"{outer}[{index}].", ""
            try:
                kept.add(item.location(data, body_at, at, scope), start, at)
            except ProtocolError as error:
                fault = error.detail
            found, scope.problems, scope.prefix = scope.problems, problems, outer
            if fault:
                scope.odd("batch_item_unreadable", f"item {index}, {fault}")
                if scope.spans is not None:
                    scope.mark(body_at, at, f"[{index}]", "位置汇报数据体", hex_text(data[body_at:at]), fault)
            for problem in found:
                scope.odd(*problem.split(": ", 1))
        if kept.count < count:
            scope.odd("batch_count", f"{count} announced, {kept.count} read")
        return kept.close(end), at

    def write(self, value: Sequence[Location], edition: int) -> bytes:
        bodies = [location.encode(edition) for location in value]
        return b"".join(WORD.write(len(body), edition) + body for body in bodies)

    def json(self, value: Sequence[Location]) -> Any:
        return [location.to_json() for location in value]

    @staticmethod
    def _single_length(data: bytes, at: int, end: int, count: int) -> int:
        """Quirk (a): the size of every body, or 0. Only when reading length by length would not fit."""
        if end - at < 2 or count < 2:
            return 0
        step = data[at] << 8 | data[at + 1]
        if step < BASIC or end - at != 2 + count * step:
            return 0
        place = at
        for _ in range(count):
            if end - place < 2:
                return step
            place += 2 + (data[place] << 8 | data[place + 1])
        return step if place != end else 0


class LocationBatch(Message, id=0x0704, zh="定位数据批量上传", en="Batch location upload", clause="§8.48", since=2013):
    """Late or collected positions. One 0x8001 answers them all. Type 1 is 盲区补报: never the present."""

    count: int = field(WORD, "数据项个数", "Number of items", counts="locations", default=0)
    type: int = field(BYTE, "位置数据类型", "Kind of data", values={0: "正常位置批量汇报", 1: "盲区补报"})
    locations: Sequence[Location] = field(SizedLocations(), "位置汇报数据项", "Locations")
