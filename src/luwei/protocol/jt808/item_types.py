"""Additional items of JT/T 808 and JT/T 1078 as one table (2019 tables 26-31, JT/T 1078 tables 13-15)."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field

from luwei.protocol.fields import (
    BYTE,
    CELSIUS,
    DWORD,
    FLAGS_DWORD,
    FLAGS_WORD,
    KM_10,
    KMH_10,
    LATEST,
    LITRE_10,
    PERCENT,
    SECOND,
    WORD,
    Bytes,
)
from luwei.protocol.jt808 import bits
from luwei.protocol.message import Nested, Record, field, fitting

POSITION_TYPES = {0: "无特定位置", 1: "圆形区域", 2: "矩形区域", 3: "多边形区域", 4: "路段"}
AREA_TYPES = {1: "圆形区域", 2: "矩形区域", 3: "多边形区域", 4: "路线"}


class Mileage(Record):
    mileage: int = field(DWORD, "里程", "Mileage", unit=KM_10)


class Fuel(Record):
    fuel: int = field(WORD, "油量", "Fuel", unit=LITRE_10, note="bit 15 set: the vendor uses another unit (§11.3, 27)")


class RecorderSpeed(Record):
    recorder_speed: int = field(WORD, "行驶记录功能获取的速度", "Speed from the driving recorder", unit=KMH_10)


class ManualAlarmEvent(Record):
    manual_alarm_event_id: int = field(WORD, "需要人工确认报警事件的ID", "Alarm event that needs manual confirmation")


class TyrePressure(Record):
    pressures: bytes = field(
        Bytes(30),
        "胎压",
        "Tyre pressures",
        note="one byte a wheel in a vendor's scale, 0xff unused (§8.9.4, ambiguous)",
    )


def temperature(value: int) -> int:
    """Item 0x06 in °C: of sign-magnitude and two's complement the reading with the smaller magnitude (§8.9.4)."""
    if value < 0x8000:
        return value
    return max(-(value & 0x7FFF), value - 0x10000)


def _temperature(value: int, edition: int) -> str:
    return CELSIUS.text(temperature(value))


class CompartmentTemperature(Record):
    temperature: int = field(
        WORD, "车厢温度", "Compartment temperature", meaning=_temperature, note="°C; sign-magnitude or two's complement"
    )


class OverspeedDetail(Record):
    position_type: int = field(BYTE, "位置类型", "Kind of place", values=POSITION_TYPES)
    area_id: int | None = field(DWORD, "区域或路段ID", "Area or section id", may_end=True, default=None)


class InOutDetail(Record):
    position_type: int = field(BYTE, "位置类型", "Kind of place", values=AREA_TYPES)
    area_id: int = field(DWORD, "区域或线路ID", "Area or route id")
    direction: int = field(BYTE, "方向", "In or out", values={0: "进", 1: "出"})


class SectionTimeDetail(Record):
    section_id: int = field(DWORD, "路段ID", "Section id")
    duration: int = field(WORD, "路段行驶时间", "Driving time", unit=SECOND)
    result: int = field(BYTE, "结果", "Result", values={0: "不足", 1: "过长"})


class VideoAlarm(Record):
    value: int = field(FLAGS_DWORD, "视频相关报警", "Video alarms", bits=bits.VIDEO_ALARM)


class VideoLoss(Record):
    value: int = field(FLAGS_DWORD, "视频信号丢失报警状态", "Video signal lost, by channel", bits=bits.CHANNELS_LOST)


class VideoOcclusion(Record):
    value: int = field(FLAGS_DWORD, "视频信号遮挡报警状态", "Video occluded, by channel", bits=bits.CHANNELS_OCCLUDED)


class StorageFault(Record):
    value: int = field(FLAGS_WORD, "存储器故障报警状态", "Storage fault, by unit", bits=bits.STORAGE_FAULT)


class AbnormalDriving(Record):
    behaviour: int = field(FLAGS_WORD, "异常驾驶行为类型", "Abnormal driving behaviour", bits=bits.ABNORMAL_DRIVING)
    fatigue: int | None = field(BYTE, "疲劳程度", "Degree of fatigue", unit=PERCENT, may_end=True, default=None)


class VehicleSignals(Record):
    vehicle_signals: int = field(
        FLAGS_DWORD, "扩展车辆信号状态位", "Extended vehicle signals", bits=bits.VEHICLE_SIGNALS
    )


class IoStatus(Record):
    io_status: int = field(FLAGS_WORD, "IO状态位", "IO status", bits=bits.IO_STATUS)


def _analogue(value: int, edition: int) -> str:
    return f"AD0 {value & 0xFFFF}，AD1 {value >> 16}"


class Analogue(Record):
    analog: int = field(DWORD, "模拟量", "Analogue inputs", meaning=_analogue, note="bits 0-15 AD0, 16-31 AD1")


class SignalStrength(Record):
    signal_strength: int = field(BYTE, "无线通信网络信号强度", "Radio signal strength")


class Satellites(Record):
    gnss_satellites: int = field(BYTE, "GNSS定位卫星数", "Satellites in use")


class CustomLength(Record):
    content: bytes = field(Bytes(), "后续自定义信息", "Custom information")


@dataclass(frozen=True, slots=True)
class ItemType:
    """One line of the item table. ``json_key``: the name under which a single value appears in JSON, else none."""

    id: int
    lengths: tuple[int, ...]
    """Lengths at which the item is decoded; empty: any."""
    zh: str
    en: str
    record: type[Record]
    since: int = 2011
    json_key: str = ""
    source: str = "JT/T 808"
    tables: tuple[type[Record], ...] = ()
    """Where the item has several layouts that only its length tells apart: their tables, the likeliest first."""

    by_size: dict[int, type[Record]] = dataclass_field(init=False, default_factory=dict)
    open_ended: bool = dataclass_field(init=False, default=False)
    """Whether some of ``tables`` hold a list, so that only reading tells whether they fit."""

    def __post_init__(self) -> None:
        for table in self.tables:
            size = Nested(table).size
            if size is None:
                object.__setattr__(self, "open_ended", True)
            else:
                self.by_size.setdefault(size, table)

    def table(self, raw: bytes) -> type[Record] | None:
        """The table that fits ``raw``, None where its length is not a legal one."""
        if self.tables:
            if self.open_ended:
                return fitting(self.tables, raw, 0, len(raw), LATEST)
            return self.by_size.get(len(raw))
        return self.record if not self.lengths or len(raw) in self.lengths else None


def _items(*types: ItemType) -> dict[int, ItemType]:
    return {t.id: t for t in types}


_1078 = "JT/T 1078"

STANDARD_ITEMS = _items(
    ItemType(0x01, (4,), "里程", "Mileage", Mileage, 2011, "mileage_0.1km"),
    ItemType(0x02, (2,), "油量", "Fuel", Fuel, 2011, "fuel_0.1L"),
    ItemType(0x03, (2,), "行驶记录速度", "Recorder speed", RecorderSpeed, 2011, "recorder_speed_0.1kmh"),
    ItemType(0x04, (2,), "人工确认报警事件", "Manual alarm event", ManualAlarmEvent, 2013, "manual_alarm_event_id"),
    ItemType(0x05, (30,), "胎压", "Tyre pressure", TyrePressure, 2019),
    ItemType(0x06, (2,), "车厢温度", "Compartment temperature", CompartmentTemperature, 2019),
    ItemType(0x11, (1, 5), "超速报警附加信息", "Overspeed detail", OverspeedDetail),
    ItemType(0x12, (6,), "进出区域/路线报警附加信息", "Area or route detail", InOutDetail),
    ItemType(0x13, (7,), "路段行驶时间报警附加信息", "Section time detail", SectionTimeDetail),
    ItemType(0x14, (4,), "视频相关报警", "Video alarms", VideoAlarm, 2013, "value", _1078),
    ItemType(0x15, (4,), "视频信号丢失", "Video signal lost", VideoLoss, 2013, "value", _1078),
    ItemType(0x16, (4,), "视频信号遮挡", "Video occluded", VideoOcclusion, 2013, "value", _1078),
    ItemType(0x17, (2,), "存储器故障", "Storage fault", StorageFault, 2013, "value", _1078),
    ItemType(0x18, (2, 3), "异常驾驶行为", "Abnormal driving", AbnormalDriving, 2013, "", _1078),
    ItemType(0x25, (4,), "扩展车辆信号", "Vehicle signals", VehicleSignals, 2013, "vehicle_signals"),
    ItemType(0x2A, (2,), "IO状态", "IO status", IoStatus, 2013, "io_status"),
    ItemType(0x2B, (4,), "模拟量", "Analogue inputs", Analogue, 2013, "analog"),
    ItemType(0x30, (1,), "信号强度", "Signal strength", SignalStrength, 2013, "signal_strength"),
    ItemType(0x31, (1,), "定位卫星数", "Satellites", Satellites, 2013, "gnss_satellites"),
    ItemType(0xE0, (), "自定义信息", "Custom information", CustomLength, 2013),
)
"""Every item of JT/T 808 and JT/T 1078 by id."""
