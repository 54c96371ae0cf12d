"""Bit tables of JT/T 808: alarm flags 报警标志, status 状态, extended signals, video alarms … with their editions.

``zh`` and ``en`` are text, or a mapping from the first edition to the text that holds from then on. Class A bits stay
set until the platform's reply arrives, class C bits until the condition is gone (§8.9.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from luwei.protocol.fields import LATEST, by_edition

Term = str | Mapping[int, str]
Named = tuple[int, str, str]
"""Bit, Chinese term, English term."""


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit, or with ``states`` a group of bits from ``bit`` on whose number means one of several states."""

    bit: int
    zh: Term
    en: Term
    since: int = 2011
    until: int = LATEST
    clears: str = ""
    """``A`` after the reply, ``C`` with the condition, empty where the standard does not say."""
    off: tuple[str, str] | None = None
    """Chinese and English name of the cleared bit, where that is worth saying."""
    width: int = 1
    states: tuple[tuple[int, str, str], ...] = ()
    number: bool = False
    """The group of bits is a number, shown as such."""

    def read(self, value: int, edition: int) -> Named | None:
        """What this bit says in ``value``, or None when it says nothing."""
        if not self.since <= edition <= self.until:
            return None
        found = value >> self.bit & ((1 << self.width) - 1)
        if self.states:
            return next(((self.bit, zh, en) for state, zh, en in self.states if state == found), None)
        if not found:
            return (self.bit, *self.off) if self.off else None
        if self.number:
            return self.bit, f"{self.zh} {found}", f"{self.en} {found}"
        return self.bit, by_edition(self.zh, edition), by_edition(self.en, edition)


class BitTable:
    """A named table of bits."""

    all: ClassVar[list[BitTable]] = []
    """Every table there is."""

    def __init__(self, zh: str, en: str, bits: Iterable[Bit]) -> None:
        self.zh, self.en, self.bits = zh, en, tuple(bits)
        BitTable.all.append(self)

    def names(self, value: int, edition: int = LATEST) -> list[Named]:
        """What ``value`` says in ``edition``, lowest bit first. Bits without a meaning there are left out."""
        return [named for bit in self.bits if (named := bit.read(value, edition))]

    def text(self, value: int, edition: int = LATEST) -> str:
        """The Chinese names, and the numbers of set bits that have none."""
        names = self.names(value, edition)
        known = sum({(1 << b.width) - 1 << b.bit for b in self.bits if b.since <= edition <= b.until})
        unknown = [f"位{b}" for b in range(value.bit_length()) if value & ~known & 1 << b]
        return "，".join([zh for _, zh, _ in names] + unknown) or "无"


def _alarm(bit: int, clears: str, zh: Term, en: Term, since: int = 2011, until: int = LATEST) -> Bit:
    return Bit(bit, zh, en, since, until, clears)


ALARM = BitTable(
    "报警标志",
    "Alarm flags",
    [
        _alarm(0, "A", "紧急报警", "Emergency alarm"),
        _alarm(1, "C", "超速报警", "Overspeed"),
        _alarm(2, "C", {2011: "疲劳驾驶", 2019: "疲劳驾驶报警"}, "Fatigue driving"),
        _alarm(
            3,
            "C",
            {2011: "预警", 2013: "危险预警", 2019: "危险驾驶行为报警"},
            {2011: "Pre-alarm", 2013: "Danger warning", 2019: "Dangerous driving behaviour"},
        ),
        _alarm(4, "C", "GNSS模块发生故障", "GNSS module fault"),
        _alarm(5, "C", "GNSS天线未接或被剪断", "GNSS antenna open or cut"),
        _alarm(6, "C", "GNSS天线短路", "GNSS antenna short circuit"),
        _alarm(7, "C", "终端主电源欠压", "Main power undervoltage"),
        _alarm(8, "C", "终端主电源掉电", "Main power lost"),
        _alarm(9, "C", "终端LCD或显示器故障", "Display fault"),
        _alarm(10, "C", "TTS模块故障", "TTS module fault"),
        _alarm(11, "C", "摄像头故障", "Camera fault"),
        _alarm(12, "C", "道路运输证IC卡模块故障", "IC card module fault", 2013),
        _alarm(13, "C", "超速预警", "Overspeed warning", 2013),
        _alarm(14, "C", "疲劳驾驶预警", "Fatigue warning", 2013),
        _alarm(15, "C", "违规行驶报警", "Driving in a forbidden period", 2019),
        _alarm(16, "C", "胎压预警", "Tyre pressure warning", 2019),
        _alarm(17, "C", "右转盲区异常报警", "Right-turn blind zone abnormal", 2019),
        _alarm(18, "C", "当天累计驾驶超时", "Daily driving time exceeded"),
        _alarm(19, "C", "超时停车", "Parking too long"),
        _alarm(20, "A", "进出区域", "Area entered or left"),
        _alarm(21, "A", "进出路线", "Route entered or left"),
        _alarm(22, "A", "路段行驶时间不足/过长", "Section time too short or too long"),
        _alarm(23, "C", "路线偏离报警", "Off route"),
        _alarm(24, "C", "车辆VSS故障", "VSS fault"),
        _alarm(25, "C", "车辆油量异常", "Fuel abnormal"),
        _alarm(26, "C", "车辆被盗", "Vehicle stolen"),
        _alarm(27, "A", "车辆非法点火", "Illegal ignition"),
        _alarm(28, "A", "车辆非法位移", "Illegal movement"),
        _alarm(
            29,
            "C",
            {2013: "碰撞预警", 2019: "碰撞侧翻报警"},
            {2013: "Collision warning", 2019: "Collision or rollover"},
            2013,
        ),
        _alarm(30, "C", "侧翻预警", "Rollover warning", 2013),
        _alarm(31, "A", "非法开门报警", "Illegal door opening", 2013, 2013),
    ],
)
"""2019 table 25, with the names of 2011 and 2013. Bit 3 clears after the reply in 2011 and 2013."""

STATUS = BitTable(
    "状态",
    "Status",
    [
        Bit(0, "ACC 开", "ACC on", off=("ACC 关", "ACC off")),
        Bit(1, "定位", "Position fixed", off=("未定位", "Not fixed")),
        Bit(2, "南纬", "South latitude"),
        Bit(3, "西经", "West longitude"),
        Bit(4, "停运状态", "Out of operation"),
        Bit(5, "经纬度已经保密插件加密", "Coordinates encrypted by a plug-in"),
        Bit(6, "紧急刹车系统采集的前撞预警", "Forward collision warning (emergency braking system)", 2019),
        Bit(7, "车道偏移预警", "Lane departure warning", 2019),
        Bit(
            8,
            "载货",
            "Load",
            2013,
            width=2,
            states=((1, "半载", "Half loaded"), (2, "载货保留值", "Load: reserved value"), (3, "满载", "Fully loaded")),
        ),
        Bit(10, "车辆油路断开", "Fuel line cut"),
        Bit(11, "车辆电路断开", "Electric circuit cut"),
        Bit(12, "车门加锁", "Doors locked"),
        Bit(13, "门1开（前门）", "Door 1 (front) open", 2013),
        Bit(14, "门2开（中门）", "Door 2 (middle) open", 2013),
        Bit(15, "门3开（后门）", "Door 3 (rear) open", 2013),
        Bit(16, "门4开（驾驶席门）", "Door 4 (driver) open", 2013),
        Bit(17, "门5开（自定义）", "Door 5 (custom) open", 2013),
        Bit(18, "使用GPS卫星定位", "GPS used", 2013),
        Bit(19, "使用北斗卫星定位", "BeiDou used", 2013),
        Bit(20, "使用GLONASS卫星定位", "GLONASS used", 2013),
        Bit(21, "使用Galileo卫星定位", "Galileo used", 2013),
        Bit(22, "车辆处于行驶状态", "Vehicle moving", 2019),
    ],
)
"""2019 table 24. Empty load (00) is what a device sends that knows nothing of the load: it is not named."""

VIDEO_ALARM = BitTable(
    "视频相关报警",
    "Video alarms",
    [
        _alarm(0, "C", "视频信号丢失报警", "Video signal lost"),
        _alarm(1, "C", "视频信号遮挡报警", "Video occluded"),
        _alarm(2, "C", "存储单元故障报警", "Storage unit fault"),
        _alarm(3, "C", "其他视频设备故障报警", "Other video equipment fault"),
        _alarm(4, "C", "客车超员报警", "Passenger overload"),
        _alarm(5, "C", "异常驾驶行为报警", "Abnormal driving behaviour"),
        _alarm(6, "A", "特殊报警录像达到存储阈值报警", "Special alarm recording reached its threshold"),
    ],
)
"""JT/T 1078 table 14."""

VEHICLE_SIGNALS = BitTable(
    "扩展车辆信号状态位",
    "Extended vehicle signals",
    [
        Bit(number, zh, en)
        for number, (zh, en) in enumerate(
            [
                ("近光灯", "Low beam"),
                ("远光灯", "High beam"),
                ("右转向灯", "Right turn signal"),
                ("左转向灯", "Left turn signal"),
                ("制动", "Brake"),
                ("倒档", "Reverse gear"),
                ("雾灯", "Fog lamp"),
                ("示廓灯", "Outline lamps"),
                ("喇叭", "Horn"),
                ("空调", "Air conditioner"),
                ("空挡", "Neutral"),
                ("缓速器工作", "Retarder working"),
                ("ABS工作", "ABS working"),
                ("加热器工作", "Heater working"),
                ("离合器", "Clutch"),
            ]
        )
    ],
)
"""2019 table 31."""

IO_STATUS = BitTable("IO状态位", "IO status", [Bit(0, "深度休眠", "Deep sleep"), Bit(1, "休眠", "Sleep")])

CHANNELS_LOST = BitTable(
    "视频信号丢失报警状态",
    "Video signal lost, by channel",
    [Bit(n, f"通道{n + 1}信号丢失", f"Channel {n + 1} lost") for n in range(32)],
)
CHANNELS_OCCLUDED = BitTable(
    "视频信号遮挡报警状态",
    "Video occluded, by channel",
    [Bit(n, f"通道{n + 1}信号遮挡", f"Channel {n + 1} occluded") for n in range(32)],
)
STORAGE_FAULT = BitTable(
    "存储器故障报警状态",
    "Storage fault, by unit",
    [Bit(n, f"主存储器{n + 1}故障", f"Main storage {n + 1} faulty") for n in range(12)]
    + [Bit(12 + n, f"灾备存储装置{n + 1}故障", f"Backup storage {n + 1} faulty") for n in range(4)],
)
ABNORMAL_DRIVING = BitTable(
    "异常驾驶行为",
    "Abnormal driving behaviour",
    [Bit(0, "疲劳", "Fatigue"), Bit(1, "打电话", "On the phone"), Bit(2, "抽烟", "Smoking")]
    + [Bit(n, f"自定义{n - 10}", f"Custom {n - 10}") for n in range(11, 16)],
)

TEXT_FLAGS = BitTable(
    "文本信息标志",
    "Text flags",
    [
        Bit(0, "紧急", "Urgent", until=2013),
        Bit(
            0,
            "信息类别",
            "Class",
            2019,
            width=2,
            states=((1, "服务", "Service"), (2, "紧急", "Urgent"), (3, "通知", "Notice")),
        ),
        Bit(2, "终端显示器显示", "Show on the terminal's display"),
        Bit(3, "终端TTS播读", "Read aloud (TTS)"),
        Bit(4, "广告屏显示", "Show on the advertising screen", until=2013),
        Bit(5, "CAN故障码信息", "CAN fault code", 2013, off=("中心导航信息", "Navigation from the centre")),
    ],
)
"""2011 and 2013 flags; 2019 table 37."""

OSD = BitTable(
    "OSD字幕叠加设置",
    "On-screen display",
    [
        Bit(0, "日期和时间", "Date and time"),
        Bit(1, "车牌号码", "Plate"),
        Bit(2, "逻辑通道号", "Logical channel"),
        Bit(3, "经纬度", "Position"),
        Bit(4, "行驶记录速度", "Recorder speed"),
        Bit(5, "卫星定位速度", "GNSS speed"),
        Bit(6, "连续驾驶时间", "Continuous driving time"),
    ]
    + [Bit(n, f"自定义{n - 10}", f"Custom {n - 10}") for n in range(11, 16)],
)
GNSS = BitTable(
    "GNSS定位模式",
    "GNSS mode",
    [Bit(0, "GPS", "GPS"), Bit(1, "北斗", "BeiDou"), Bit(2, "GLONASS", "GLONASS"), Bit(3, "Galileo", "Galileo")],
)
WAKE_MODES = BitTable(
    "休眠唤醒模式",
    "Wake modes",
    [Bit(0, "条件唤醒", "By condition"), Bit(1, "定时唤醒", "By time"), Bit(2, "手动唤醒", "By hand")],
)
WAKE_CONDITIONS = BitTable(
    "唤醒条件类型",
    "Wake conditions",
    [
        Bit(0, "紧急报警", "Emergency alarm"),
        Bit(1, "碰撞侧翻报警", "Collision or rollover"),
        Bit(2, "车辆开门", "Door open"),
    ],
)
WEEKDAYS = BitTable(
    "定时唤醒日",
    "Weekdays",
    [
        Bit(n, zh, en)
        for n, (zh, en) in enumerate(
            zip(
                ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
                ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
                strict=True,
            )
        )
    ],
)

CAN_ID = BitTable(
    "CAN总线ID单独采集",
    "Single CAN id",
    [
        Bit(0, "ID", "Id", width=29, number=True),
        Bit(29, "采集区间计算值", "Calculated over the interval", off=("原始数据", "Raw data")),
        Bit(30, "扩展帧", "Extended frame", off=("标准帧", "Standard frame")),
        Bit(31, "CAN2", "CAN 2", off=("CAN1", "CAN 1")),
    ],
)


def _pictures(zh: str, en: str, small: tuple[str, str], large: tuple[str, str]) -> BitTable:
    return BitTable(
        zh,
        en,
        [Bit(n, f"通道{n + 1}拍照", f"Channel {n + 1} on") for n in range(5)]
        + [Bit(8 + n, f"通道{n + 1}上传", f"Channel {n + 1} uploads") for n in range(5)]
        + [
            Bit(16, f"单位 {large[0]}", f"Unit {large[1]}", off=(f"单位 {small[0]}", f"Unit {small[1]}")),
            Bit(17, "间隔", "Interval", width=15, number=True),
        ],
    )


TIMED_PICTURES = _pictures("定时拍照控制", "Timed pictures", ("秒", "s"), ("分", "min"))
DISTANCE_PICTURES = _pictures("定距拍照控制", "Pictures by distance", ("米", "m"), ("公里", "km"))
"""2019 tables 14 and 15."""
