"""Peripherals 外设 in pass-through 0x8900 and 0x0900 (苏标 tables 4-1 to 4-4, 粤标 tables 5-1 to 5-4)."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import BYTE, FLAGS_DWORD, ID_BYTE, CountedText
from luwei.protocol.jt808.bits import Bit, BitTable
from luwei.protocol.message import Nested, Record, field
from luwei.protocol.repeated import Repeated

PERIPHERAL_STATUS, PERIPHERAL_INFORMATION = 0xF7, 0xF8
"""Pass-through types 状态查询 and 信息查询."""
PERIPHERAL_IDS = {
    0x64: "高级驾驶辅助系统",
    0x65: "驾驶员状态监测系统",
    0x66: "轮胎气压监测系统",
    0x67: "盲区监测系统",
}
WORKING_STATES = {0x01: "正常工作", 0x02: "待机状态", 0x03: "升级维护", 0x04: "设备异常", 0x10: "断开连接"}
PERIPHERAL_FAULTS = BitTable(
    "外设报警状态",
    "Peripheral faults",
    [
        Bit(number, zh, en)
        for number, (zh, en) in {
            0: ("摄像头异常", "Camera"),
            1: ("主存储器异常", "Main storage"),
            2: ("辅存储器异常", "Auxiliary storage"),
            3: ("红外补光异常", "Infrared light"),
            4: ("扬声器异常", "Speaker"),
            5: ("电池异常", "Battery"),
            10: ("通讯模块异常", "Communication module"),
            11: ("定位模块异常", "Positioning module"),
        }.items()
    ],
)


class PeripheralQuery(Record):
    """What stands in a 0x8900 behind the type."""

    count: int = field(BYTE, "外设ID列表总数", "Number of ids", counts="ids", default=0)
    ids: Sequence[int] = field(Repeated(ID_BYTE, "count"), "外设ID", "Peripheral ids")


class PeripheralStatus(Record):
    """Pass-through type 0xF7."""

    id: int = field(ID_BYTE, "外设ID", "Peripheral id", values=PERIPHERAL_IDS)
    length: int = field(BYTE, "消息长度", "Length", default=5)
    state: int = field(BYTE, "工作状态", "Working state", values=WORKING_STATES)
    faults: int = field(FLAGS_DWORD, "报警状态", "Faults", bits=PERIPHERAL_FAULTS)


_SHORT_TEXT = CountedText(most=32)


class PeripheralInformation(Record):
    """Pass-through type 0xF8."""

    id: int = field(ID_BYTE, "外设ID", "Peripheral id", values=PERIPHERAL_IDS)
    length: int = field(BYTE, "消息长度", "Length")
    company: str = field(_SHORT_TEXT, "公司名称", "Company")
    model: str = field(_SHORT_TEXT, "产品型号", "Product model")
    hardware: str = field(_SHORT_TEXT, "硬件版本号", "Hardware version")
    software: str = field(_SHORT_TEXT, "软件版本号", "Software version")
    device_id: str = field(_SHORT_TEXT, "设备ID", "Device id")
    customer: str = field(_SHORT_TEXT, "客户代码", "Customer code")


class PeripheralStates(Record):
    count: int = field(BYTE, "消息列表总数", "Number of peripherals", counts="peripherals", json=False, default=0)
    peripherals: Sequence[PeripheralStatus] = field(Repeated(Nested(PeripheralStatus), "count"), "外设", "Peripherals")


class PeripheralDescriptions(Record):
    count: int = field(BYTE, "消息列表总数", "Number of peripherals", counts="peripherals", json=False, default=0)
    peripherals: Sequence[PeripheralInformation] = field(
        Repeated(Nested(PeripheralInformation), "count"), "外设", "Peripherals"
    )


PERIPHERALS: dict[int, type[Record]] = {
    PERIPHERAL_STATUS: PeripheralStates,
    PERIPHERAL_INFORMATION: PeripheralDescriptions,
}
"""Content of a 0x0900 behind the type, by type."""
