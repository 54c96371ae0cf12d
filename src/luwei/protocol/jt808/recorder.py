"""Driving-recorder packets 行驶记录仪 (GB/T 19056-2012 appendix A) as 0x8700, 0x0700 and 0x8701 carry them.

A packet is 55 7A (from a recorder; a host writes AA 75, yet some devices expect 55 7A both ways), command word, length
WORD, a reserved BYTE, data, and the XOR of all before. Layouts are those that the captured frames of 0x0700 and 0x8701
prove; data of another command or length stay bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any

from luwei.protocol.fields import (
    BYTE,
    DWORD,
    FLAGS_BYTE,
    KMH,
    TIME,
    WORD,
    Bytes,
    Digits,
    FixedText,
    Scope,
    WireType,
    hex_text,
)
from luwei.protocol.message import Nested, Record, field
from luwei.protocol.repeated import Repeated

START, HOST_START = b"\x55\x7a", b"\xaa\x75"
HEAD = 6
COMMANDS = {
    0x00: "采集记录仪执行标准版本",
    0x01: "采集当前驾驶人信息",
    0x02: "采集记录仪实时时间",
    0x03: "采集累计行驶里程",
    0x04: "采集记录仪脉冲系数",
    0x05: "采集车辆信息",
    0x06: "采集记录仪状态信号配置信息",
    0x07: "采集记录仪唯一性编号",
    0x08: "采集指定的行驶速度记录",
    0x09: "采集指定的位置信息记录",
    0x10: "采集指定的事故疑点记录",
    0x11: "采集指定的超时驾驶记录",
    0x12: "采集指定的驾驶人身份记录",
    0x13: "采集指定的外部供电记录",
    0x14: "采集指定的参数修改记录",
    0x15: "采集指定的速度状态日志",
    0x82: "设置车辆信息",
    0x83: "设置记录仪初次安装日期",
    0x84: "设置状态量配置信息",
    0xC2: "设置记录仪时间",
    0xC3: "设置记录仪脉冲系数",
    0xC4: "设置初始里程",
}
"""Command words; an answer with another one (0xFA, 0xFB) tells that the recorder could not."""
LICENCE = FixedText(18)


class StandardVersion(Record):
    year: str = field(Digits(1), "记录仪执行标准年号后2位", "Year of the standard")
    modification: int = field(BYTE, "修改单号", "Amendment")


class CurrentDriver(Record):
    licence: str = field(LICENCE, "机动车驾驶证号码", "Driving licence")


class Clock(Record):
    time: str = field(TIME, "记录仪实时时间", "Recorder time")


class Mileage(Record):
    time: str = field(TIME, "记录仪实时时间", "Recorder time")
    installed: str = field(TIME, "记录仪初次安装时间", "First installed")
    first_mileage: str = field(Digits(4), "初始里程", "Mileage at first, 0.1 km")
    total_mileage: str = field(Digits(4), "累计行驶里程", "Total mileage, 0.1 km")


class Pulses(Record):
    time: str = field(TIME, "记录仪当前时间", "Recorder time")
    coefficient: int = field(WORD, "脉冲系数", "Pulses a kilometre")


class Vehicle(Record):
    vin: str = field(FixedText(17), "车辆识别代号", "VIN")
    plate: str = field(FixedText(12), "机动车号牌号码", "Plate")
    plate_class: str = field(FixedText(12), "机动车号牌分类", "Class of the plate")


class Signals(Record):
    time: str = field(TIME, "记录仪实时时间", "Recorder time")
    operated: int = field(FLAGS_BYTE, "状态信号字节", "Signals")
    names: Sequence[str] = field(Repeated(FixedText(10), times=8), "D0-D7的状态信号名称", "Names of D0 to D7")


class RecorderNumber(Record):
    factory: str = field(FixedText(7), "生产厂CCC认证代码", "Factory's CCC code")
    model: str = field(FixedText(16), "认证产品型号", "Certified model")
    produced: str = field(Digits(3), "生产日期", "Produced, YYMMDD")
    number: str = field(FixedText(4), "产品生产流水号", "Serial number")
    reserved: bytes = field(Bytes(5), "备用", "Reserved", default=bytes(5))


class Second(Record):
    speed: int = field(BYTE, "平均速度", "Mean speed", unit=KMH)
    signals: int = field(FLAGS_BYTE, "状态信号", "Signals")


class SpeedMinute(Record):
    """126 bytes."""

    start: str = field(TIME, "开始时间", "Start")
    seconds: Sequence[Second] = field(Repeated(Nested(Second), times=60), "每秒的平均速度和状态信号", "Each second")


class Place(Record):
    longitude: int = field(DWORD, "经度", "Longitude")
    latitude: int = field(DWORD, "纬度", "Latitude")
    altitude: int = field(WORD, "海拔高度", "Altitude")


class PlaceMinute(Place):
    speed: int = field(BYTE, "平均速度", "Mean speed", unit=KMH)


class PlaceHour(Record):
    """666 bytes."""

    start: str = field(TIME, "开始时间", "Start")
    minutes: Sequence[PlaceMinute] = field(
        Repeated(Nested(PlaceMinute), times=60), "每分钟的位置和平均速度", "Each minute"
    )


class Accident(Record):
    """234 bytes."""

    end: str = field(TIME, "行驶结束时间", "End of driving")
    licence: str = field(LICENCE, "机动车驾驶证号码", "Driving licence")
    samples: Sequence[Second] = field(
        Repeated(Nested(Second), times=100), "每0.2秒的速度和状态信号", "Each 0.2 s of the last 20 s"
    )
    place: Place = field(Nested(Place), "最近一次有效位置", "Last position")


class Overtime(Record):
    """50 bytes."""

    licence: str = field(LICENCE, "机动车驾驶证号码", "Driving licence")
    start: str = field(TIME, "连续驾驶开始时间", "Start")
    end: str = field(TIME, "连续驾驶结束时间", "End")
    start_place: Place = field(Nested(Place), "开始位置", "Where it began")
    end_place: Place = field(Nested(Place), "结束位置", "Where it ended")


class DriverChange(Record):
    time: str = field(TIME, "事件发生时间", "Time")
    licence: str = field(LICENCE, "机动车驾驶证号码", "Driving licence")
    kind: int = field(BYTE, "事件类型", "Event", values={1: "登录", 2: "退出"})


class PowerEvent(Record):
    time: str = field(TIME, "事件发生时间", "Time")
    kind: int = field(BYTE, "事件类型", "Event", values={1: "通电", 2: "断电"})


class Modification(Record):
    time: str = field(TIME, "事件发生时间", "Time")
    kind: int = field(BYTE, "事件类型", "Command word of the change", values=COMMANDS)


class Speeds(Record):
    recorded: int = field(BYTE, "记录速度", "Recorded speed", unit=KMH)
    reference: int = field(BYTE, "参考速度", "Reference speed", unit=KMH)


class SpeedLog(Record):
    """133 bytes."""

    state: int = field(BYTE, "记录仪的速度状态", "State", values={1: "正常", 2: "异常"})
    start: str = field(TIME, "速度状态判定的开始时间", "Start")
    end: str = field(TIME, "速度状态判定的结束时间", "End")
    seconds: Sequence[Speeds] = field(Repeated(Nested(Speeds), times=60), "每秒的记录速度和参考速度", "Each second")


class Period(Record):
    """What a command for records asks for."""

    start: str = field(TIME, "开始时间", "From")
    end: str = field(TIME, "结束时间", "Until")
    most: int = field(WORD, "最大单位数据块个数", "Blocks in one answer")


ANSWERS: Mapping[int, type[Record]] = {
    0x00: StandardVersion,
    0x01: CurrentDriver,
    0x02: Clock,
    0x03: Mileage,
    0x04: Pulses,
    0x05: Vehicle,
    0x06: Signals,
    0x07: RecorderNumber,
    0x08: SpeedMinute,
    0x09: PlaceHour,
    0x10: Accident,
    0x11: Overtime,
    0x12: DriverChange,
    0x13: PowerEvent,
    0x14: Modification,
    0x15: SpeedLog,
}
"""What an answer holds, as often as it fits."""
SETTINGS: Mapping[int, type[Record]] = {
    0x82: Vehicle,
    0x83: Clock,
    0x84: Signals,
    0xC2: Clock,
    0xC3: Pulses,
    0xC4: Mileage,
}
REQUESTS: Mapping[int, type[Record]] = dict.fromkeys((0x08, 0x09, *range(0x10, 0x16)), Period)
_FAILED = (0xFA, 0xFB)
_BARE = 5


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. ``content``: records where the command has a layout that fits, else bytes."""

    command: int
    content: Sequence[Record] | bytes = b""
    reserved: int = 0
    start: bytes = START

    @property
    def failed(self) -> bool:
        """Whether it tells that collecting (0xFA) or setting (0xFB) went wrong; then it has no length and no data."""
        return self.command in _FAILED


def check(raw: bytes | memoryview) -> int:
    """XOR of all bytes."""
    return reduce(xor, raw, 0)


class RecorderBlock(WireType[Any]):
    """A packet to the end of the body, or the bytes as they are where it is none; empty where nothing follows."""

    label = "GB/T 19056"
    composite = True

    def __init__(self, tables: Mapping[int, type[Record]]) -> None:
        self.tables = {command: (table, Nested(table).size or 0) for command, table in tables.items()}

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Packet | bytes, int]:
        size, head = end - at, data[at : min(at + HEAD, end)]
        failed = size == _BARE and head[2] in _FAILED
        length = -1 if size < HEAD + 1 else int.from_bytes(head[3:5], "big")
        if head[:2] not in (START, HOST_START) or (not failed and size != HEAD + length + 1):
            raw = data[at:end]
            if raw:
                scope.odd("recorder_packet", f"{size} bytes are none")
                if scope.spans is not None:
                    scope.mark(at, end, "", "数据块", hex_text(raw), "不是完整的数据包")
            return raw, end
        got, want = data[end - 1], check(memoryview(data)[at : end - 1])
        if got != want:
            scope.odd("recorder_check", f"0x{got:02X}, should be 0x{want:02X}")
        if failed:
            scope.mark(at, end, "", "数据包", f"0x{head[2]:02X}", "采集或设置出错")
            return Packet(head[2], b"", head[3], head[:2]), end
        scope.mark(
            at,
            at + HEAD,
            ".head",
            "起始字头、命令字、长度、备用",
            f"0x{head[2]:02X}, {length}",
            COMMANDS.get(head[2], ""),
        )
        content = self._content(head[2], data, at + HEAD, end - 1, scope)
        scope.mark(end - 1, end, ".check", "校验字", f"0x{got:02X}")
        return Packet(head[2], content, head[5], head[:2]), end

    def _content(self, command: int, data: bytes, at: int, end: int, scope: Scope) -> Sequence[Record] | bytes:
        table, size = self.tables.get(command, (None, 0))
        if table is None or not size or at == end or (end - at) % size:
            raw = data[at:end]
            if raw and scope.spans is not None:
                scope.mark(at, end, ".data", "数据块", hex_text(raw))
            return raw
        return Repeated(Nested(table)).read(data, at, end, scope)[0]

    def write(self, value: Packet | bytes, edition: int) -> bytes:
        if isinstance(value, bytes):
            return value
        head = value.start + BYTE.write(value.command, edition)
        if value.failed:
            raw = head + BYTE.write(value.reserved, edition)
        else:
            content = value.content
            data = content if isinstance(content, bytes) else b"".join(record.encode(edition) for record in content)
            raw = head + WORD.write(len(data), edition) + BYTE.write(value.reserved, edition) + data
        return raw + bytes([check(raw)])

    def json(self, value: Packet | bytes) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        content = value.content
        data: Any = content.hex() if isinstance(content, bytes) else [record.to_json() for record in content]
        return {"command": value.command, "data": data} | ({"failed": True} if value.failed else {})

    def text(self, value: Packet | bytes) -> str:
        return hex_text(value) if isinstance(value, bytes) else COMMANDS.get(value.command, "")
