"""Alarm items of a location: ADAS 0x64, DSM 0x65, TPMS 0x66, BSD 0x67 (苏标 tables 4-15 to 4-20, 粤标 5-15 to 5-20),
intense driving 0x70 (known from implementations), faults 0xF1 and 0xF2 (粤标 table 5-14).

What stands before the identification is the same in every dialect, so each table is written once and completed with
the identification and the codes of a dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from luwei.protocol.fields import (
    BYTE,
    CELSIUS,
    DEGREE_E6,
    DWORD,
    FLAGS_DWORD,
    FLAGS_WORD,
    KMH,
    METRE,
    PERCENT,
    TIME,
    WORD,
    Bytes,
    Integer,
    Unit,
)
from luwei.protocol.jt808.bits import Bit, BitTable
from luwei.protocol.jt808.item_types import ItemType
from luwei.protocol.message import Nested, Record, field
from luwei.protocol.repeated import Repeated
from luwei.protocol.safety.alarm_sign import SIGNS, AlarmSign
from luwei.protocol.safety.dialects import DIALECTS, Dialect

FLAG_STATES = {0: "不可用", 1: "开始标志", 2: "结束标志"}
LEVELS = {1: "一级报警", 2: "二级报警"}
TIME_GAP, KPA = Unit("s", 1), Unit("kPa")

VEHICLE_STATUS = BitTable(
    "车辆状态",
    "Vehicle status of an alarm",
    [
        Bit(0, "ACC 打开", "ACC on"),
        Bit(1, "左转向", "Left turn"),
        Bit(2, "右转向", "Right turn"),
        Bit(3, "雨刮器打开", "Wipers"),
        Bit(4, "制动", "Braking"),
        Bit(5, "已插卡", "Card inserted"),
        Bit(10, "已定位", "Position fixed"),
    ],
)
"""苏标 table 5-9, 粤标 table 6-9."""
TYRE_EVENTS = BitTable(
    "胎压报警/事件类型",
    "Tyre events",
    [
        Bit(number, zh, en)
        for number, (zh, en) in enumerate(
            [
                ("胎压（定时上报）", "Periodic report"),
                ("胎压过高报警", "Pressure high"),
                ("胎压过低报警", "Pressure low"),
                ("胎温过高报警", "Temperature high"),
                ("传感器异常报警", "Sensor abnormal"),
                ("胎压不平衡报警", "Imbalance"),
                ("慢漏气报警", "Slow leak"),
                ("电池电量低报警", "Battery low"),
            ]
        )
    ],
)
"""苏标 table 4-19, 粤标 table 5-19. Bit 0 alone is data, not an alarm."""


class SafetyAlarm(Record):
    """What every alarm item begins with."""

    dialect: ClassVar[str] = ""
    alarm_id: int = field(DWORD, "报警ID", "Alarm id", note="runs over all alarms of the terminal")
    flag_status: int = field(BYTE, "标志状态", "Flag", values=FLAG_STATES)


class _Where(Record):
    speed: int = field(BYTE, "车速", "Speed", unit=KMH)
    altitude: int = field(WORD, "高程", "Altitude", unit=METRE)
    latitude: int = field(DWORD, "纬度", "Latitude", unit=DEGREE_E6)
    longitude: int = field(DWORD, "经度", "Longitude", unit=DEGREE_E6)
    time: str = field(TIME, "日期时间", "Time", note="GMT+8")
    vehicle_status: int = field(FLAGS_WORD, "车辆状态", "Vehicle status", bits=VEHICLE_STATUS)


class _Kind(Record):
    type: int = field(BYTE, "报警/事件类型", "Alarm or event")


class _Level(Record):
    level: int = field(BYTE, "报警级别", "Level", values=LEVELS)


class _Adas(Record):
    front_vehicle_speed: int = field(BYTE, "前车车速", "Speed of the vehicle ahead, types 1 and 2", unit=KMH)
    front_distance: int = field(BYTE, "前车/行人距离", "Time gap ahead, types 1, 2, 4", unit=TIME_GAP)
    departure_type: int = field(BYTE, "偏离类型", "Side, type 2", values={1: "左侧偏离", 2: "右侧偏离"})
    road_sign_type: int = field(BYTE, "道路标志识别类型", "Road sign, types 6 and 0x10")
    road_sign_data: int = field(BYTE, "道路标志识别数据", "Value on the sign")


class AdasAlarm(_Where, _Adas, _Level, _Kind, SafetyAlarm):
    """Item 0x64."""


class _Dsm(Record):
    fatigue_degree: int = field(BYTE, "疲劳程度", "Degree of fatigue, type 1", note="苏标 1-10, 粤标 1-9")
    reserved: bytes = field(Bytes(4), "预留", "Reserved", default=bytes(4))


class DsmAlarm(_Where, _Dsm, _Level, _Kind, SafetyAlarm):
    """Item 0x65."""


class TyreAlarm(_Where, SafetyAlarm):
    """Item 0x66: the kinds of alarm are in the entries, one a wheel."""


class BsdAlarm(_Where, _Kind, SafetyAlarm):
    """Item 0x67."""


class _Driving(Record):
    duration: int = field(WORD, "持续时长", "Duration threshold")
    threshold_1: int = field(WORD, "报警阈值1", "Threshold 1")
    threshold_2: int = field(WORD, "报警阈值2", "Threshold 2")


class DrivingAlarm(_Where, _Driving, _Kind, SafetyAlarm):
    """Item 0x70, intense driving 激烈驾驶 [impl, seen]."""


def _wheel(position: Integer) -> type[Record]:
    class Wheel(Record):
        tyre_position: int = field(position, "胎压报警位置", "Wheel, from the left front in Z order")
        event_type: int = field(FLAGS_WORD, "报警/事件类型", "Events", bits=TYRE_EVENTS)
        pressure: int = field(WORD, "胎压", "Pressure", unit=KPA)
        temperature: int = field(WORD, "胎温", "Temperature", unit=CELSIUS)
        battery: int = field(WORD, "电池电量", "Battery", unit=PERCENT)

    Wheel.__name__ = Wheel.__qualname__ = f"Wheel{8 + position.size}"
    return Wheel


WHEELS = (_wheel(WORD), _wheel(BYTE))
"""Entries of 10 bytes, and of 9 as 苏标's type column has it: told by the length (reference §4.3)."""


def _sign_of(dialect: Dialect) -> type[Record]:
    class Signed(Record):
        alarm_sign: AlarmSign = field(Nested(SIGNS[dialect.name]), "报警标识号", "Identification")

    return Signed


def _codes(types: Mapping[int, str], signs: Mapping[int, str]) -> type[Record]:
    """The coded fields with a dialect's meanings, in place of those without."""

    class Codes(Record):
        type: int = field(BYTE, "报警/事件类型", "Alarm or event", values=types)

    if not signs:
        return Codes

    class SignCodes(Codes):
        road_sign_type: int = field(BYTE, "道路标志识别类型", "Road sign, types 6 and 0x10", values=signs)

    return SignCodes


def _entries(wheel: type[Record]) -> type[Record]:
    class Entries(Record):
        count: int = field(BYTE, "报警/事件列表总数", "Number of entries", counts="events", default=0)
        events: Sequence[Record] = field(Repeated(Nested(wheel), "count"), "报警/事件信息列表", "Entries")

    return Entries


def _table(dialect: Dialect, base: type[SafetyAlarm], *parts: type[Record]) -> type[SafetyAlarm]:
    name = f"{base.__name__}_{dialect.name}"
    return cast(type[SafetyAlarm], type(name, (*parts, base), {"dialect": dialect.name, "__doc__": dialect.zh}))


def _coded(base: type[SafetyAlarm], codes: str, signs: str = "") -> tuple[type[SafetyAlarm], ...]:
    found = []
    for dialect in DIALECTS:
        types: Mapping[int, str] = getattr(dialect, codes)
        parts = [_sign_of(dialect)]
        if types:
            parts.append(_codes(types, getattr(dialect, signs) if signs else {}))
        found.append(_table(dialect, base, *parts))
    return tuple(found)


ADAS, DSM, BSD = _coded(AdasAlarm, "adas", "road_signs"), _coded(DsmAlarm, "dsm"), _coded(BsdAlarm, "bsd")
DRIVING = _coded(DrivingAlarm, "driving")
TYRES = tuple(
    _table(dialect, TyreAlarm, _entries(wheel), _sign_of(dialect)) for wheel in WHEELS for dialect in DIALECTS
)
"""Each alarm's table in every dialect."""


class Fault(Record):
    value: int = field(FLAGS_DWORD, "异常信息", "Fault, the vendor's")


SAFETY_ITEMS = (
    ItemType(0x64, (), "高级驾驶辅助系统报警", "ADAS alarm", AdasAlarm, source="苏标、粤标", tables=ADAS),
    ItemType(0x65, (), "驾驶员状态监测系统报警", "DSM alarm", DsmAlarm, source="苏标、粤标", tables=DSM),
    ItemType(0x66, (), "胎压监测系统报警", "TPMS alarm", TyreAlarm, source="苏标、粤标", tables=TYRES),
    ItemType(0x67, (), "盲区监测系统报警", "BSD alarm", BsdAlarm, source="苏标、粤标", tables=BSD),
    ItemType(0x70, (), "激烈驾驶报警", "Intense driving", DrivingAlarm, source="implementations", tables=DRIVING),
    ItemType(0xF1, (4,), "安装异常信息", "Installation fault", Fault, source="粤标"),
    ItemType(0xF2, (4,), "算法异常信息", "Algorithm fault", Fault, source="粤标"),
)
ALARM_ITEMS = frozenset({0x64, 0x65, 0x66, 0x67, 0x70})
"""Items whose decoded form stands under ``active_safety`` in JSON."""
