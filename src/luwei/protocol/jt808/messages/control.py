"""Terminal control, attributes, upgrade and vehicle control (2019 §8.16-§8.20, §8.30, §8.31)."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import (
    BYTE,
    COUNTED_STRING,
    DWORD,
    FLAGS_BYTE,
    FLAGS_WORD,
    PERCENT,
    WORD,
    Digits,
    FixedText,
    MeasuredBytes,
)
from luwei.protocol.jt808 import bits, terminal_bits
from luwei.protocol.jt808.control_words import COMMANDS, ControlParameters
from luwei.protocol.jt808.messages.location import LocationFields
from luwei.protocol.message import Message, Nested, Record, field
from luwei.protocol.repeated import Repeated

UPGRADE_TYPES = {
    0x00: "终端",
    0x0C: "道路运输证IC卡读卡器",
    0x34: "卫星定位模块",
    0x64: "高级驾驶辅助系统",
    0x65: "驾驶员状态监测系统",
    0x66: "胎压监测系统",
    0x67: "盲区监测系统",
}
"""Up to 0x34 JT/T 808 (§8.19); from 0x64 on 苏标 table 4-30 and 粤标 table 5-32."""
UPGRADE_RESULTS = {
    0x00: "成功",
    0x01: "失败",
    0x02: "取消",
    0x10: "未找到目标设备",
    0x11: "硬件型号不支持",
    0x12: "软件版本相同",
    0x13: "软件版本不支持",
}
"""Up to 2 JT/T 808 (§8.20); from 0x10 on 苏标 table 4-30 and 粤标 table 5-32."""


class TerminalControl(Message, id=0x8105, zh="终端控制", en="Terminal control", clause="§8.16"):
    """2019 keeps words 2, 4 and 5 only; 粤标 brings word 1 back."""

    command: int = field(BYTE, "命令字", "Command word", values=COMMANDS)
    params: bytes | None = field(
        ControlParameters(), "命令参数", "Parameters, separated by ;", may_end=True, default=None
    )


class QueryAttributes(
    Message, id=0x8107, zh="查询终端属性", en="Query terminal attributes", clause="§8.17", since=2013
):
    """Empty; answered with 0x0107."""


class _Type(Record):
    terminal_type: int = field(FLAGS_WORD, "终端类型", "Terminal type", bits=terminal_bits.TERMINAL_TYPE)


class _Attributes(Record):
    model: str = field({2011: FixedText(20), 2019: FixedText(30)}, "终端型号", "Terminal model")
    terminal_id: str = field({2011: FixedText(7), 2019: FixedText(30)}, "终端ID", "Terminal id")
    iccid: str = field(Digits(10), "终端SIM卡ICCID", "SIM card number", note="may hold hex letters")
    hardware: str = field(COUNTED_STRING, "终端硬件版本号", "Hardware version")
    firmware: str = field(COUNTED_STRING, "终端固件版本号", "Firmware version")
    gnss_attr: int = field(FLAGS_BYTE, "GNSS模块属性", "GNSS module", bits=bits.GNSS)
    comm_attr: int = field(FLAGS_BYTE, "通信模块属性", "Communication module", bits=terminal_bits.COMMUNICATION)


class AttributesReply(Message, id=0x0107, zh="查询终端属性应答", en="Terminal attributes", clause="§8.18", since=2013):
    """2019 keeps 5 bytes for the manufacturer though a registration has 11; both are [seen], told apart by length."""


class _Manufacturer(Record):
    manufacturer: str = field(FixedText(5), "制造商ID", "Manufacturer id")


class _LongManufacturer(Record):
    manufacturer: str = field(FixedText(11), "制造商ID", "Manufacturer id")


class Attributes(_Attributes, _Manufacturer, _Type, AttributesReply):
    """Manufacturer id of 5 bytes, as the standard has it."""


class LongAttributes(_Attributes, _LongManufacturer, _Type, AttributesReply, since=2019):
    """Manufacturer id of 11 bytes under 2019."""


AttributesReply.variants = (Attributes, LongAttributes)


class UpgradePacket(Message, id=0x8108, zh="下发终端升级包", en="Upgrade packet", clause="§8.19", since=2013):
    """Sent in fragments; the terminal confirms with 0x0001 and reports the outcome with 0x0108."""

    type: int = field(BYTE, "升级类型", "What is upgraded", values=UPGRADE_TYPES)
    manufacturer: str = field(FixedText(5), "制造商ID", "Manufacturer id")
    version: str = field(COUNTED_STRING, "终端固件版本号", "Version")
    length: int = field(DWORD, "升级数据包长度", "Length", counts="data", default=0)
    data: bytes = field(MeasuredBytes("length"), "升级数据包", "Data")


class UpgradeResult(Message, id=0x0108, zh="终端升级结果通知", en="Upgrade result", clause="§8.20", since=2013):
    type: int = field(BYTE, "升级类型", "What was upgraded", values=UPGRADE_TYPES)
    result: int = field(BYTE, "升级结果", "Result", values=UPGRADE_RESULTS)


UPGRADE_STATES = {
    0x01: "固件下载中",
    0x02: "固件下载完成",
    0x03: "固件下载失败",
    0x04: "固件安装中",
    0x05: "固件安装完成",
    0x06: "固件安装失败",
    0x07: "未找到目标设备",
    0x08: "硬件型号不支持",
    0x09: "软件版本相同",
    0x0A: "软件版本不支持",
    0x0B: "其它",
}


class UpgradeProgress(
    Message, id=0x1FC4, zh="终端升级进度上报", en="Upgrade progress", clause="table 5-33", source="粤标", since=2019
):
    """Answered with 0x8001."""

    reply_serial: int = field(WORD, "流水号", "Serial of the upgrade command")
    type: int = field(BYTE, "升级类型", "What is upgraded", values=UPGRADE_TYPES)
    state: int = field(BYTE, "升级状态", "State", values=UPGRADE_STATES)
    progress: int = field(BYTE, "升级进度", "Progress", unit=PERCENT)
    error_code: int = field(BYTE, "错误码", "Error code, the vendor's")


class Control(Record):
    type: int = field(FLAGS_WORD, "控制类型ID", "Kind", values={1: "车门"}, note="0xF001-0xFFFF: the vendor's")
    parameter: int = field(
        BYTE, "控制参数", "Parameter", values={0: "车门锁闭", 1: "车门开启"}, note="door: 0 lock, 1 open"
    )


class VehicleControl(Message, id=0x8500, zh="车辆控制", en="Vehicle control", clause="§8.30"):
    """The door's polarity is reversed between the editions: encode with the session's edition (§8.16)."""

    flag: int | None = field(
        FLAGS_BYTE, "控制标志", "Control flags", bits=terminal_bits.CONTROL_FLAGS, until=2013, default=None
    )
    count: int | None = field(WORD, "控制类型数量", "Number of controls", since=2019, counts="controls", default=None)
    controls: Sequence[Control] | None = field(
        Repeated(Nested(Control), "count"), "控制类型", "Controls", since=2019, default=None
    )


class _Serial(Record):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the 0x8500")


class VehicleControlReply(
    LocationFields, _Serial, Message, id=0x0500, zh="车辆控制应答", en="Vehicle control reply", clause="§8.31"
):
    """A whole location; whether the control worked shows in its status bits."""
