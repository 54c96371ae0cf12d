"""Bits of terminal attributes, vehicle control, questions and alarm confirmation."""

from __future__ import annotations

from luwei.protocol.jt808.bits import Bit, BitTable

TERMINAL_TYPE = BitTable(
    "终端类型",
    "Terminal type",
    [
        Bit(0, "适用客运车辆", "For passenger vehicles"),
        Bit(1, "适用危险品车辆", "For dangerous goods"),
        Bit(2, "适用普通货运车辆", "For ordinary freight"),
        Bit(3, "适用出租车辆", "For taxis"),
        Bit(6, "支持硬盘录像", "Hard-disk recording"),
        Bit(7, "分体机", "Split unit", off=("一体机", "One piece")),
        Bit(8, "适用挂车", "For trailers", 2019),
    ],
)
"""2019 table 20."""
COMMUNICATION = BitTable(
    "通信模块属性",
    "Communication module",
    [Bit(number, name, name) for number, name in enumerate(["GPRS", "CDMA", "TD-SCDMA", "WCDMA", "CDMA2000", "TD-LTE"])]
    + [Bit(7, "其他通信方式", "Other")],
)
"""2019 table 20."""
CONTROL_FLAGS = BitTable(
    "控制标志", "Control flags", [Bit(0, "车门加锁", "Lock doors", off=("车门解锁", "Unlock doors"))]
)
"""2013 table 40: the polarity is the reverse of 2019's parameter (§8.16)."""
QUESTION = BitTable(
    "提问标志",
    "Question flags",
    [Bit(0, "紧急", "Urgent"), Bit(3, "终端TTS播读", "Read aloud (TTS)"), Bit(4, "广告屏显示", "Advertising screen")],
)
CONFIRMED_ALARMS = BitTable(
    "人工确认报警类型",
    "Alarms confirmed by hand",
    [
        Bit(0, "确认紧急报警", "Emergency"),
        Bit(3, "确认危险预警", "Danger warning"),
        Bit(20, "确认进出区域报警", "Area entered or left"),
        Bit(21, "确认进出路线报警", "Route entered or left"),
        Bit(22, "确认路段行驶时间不足/过长报警", "Section time"),
        Bit(27, "确认车辆非法点火报警", "Illegal ignition"),
        Bit(28, "确认车辆非法位移报警", "Illegal movement"),
    ],
)
"""2019 table 36."""
