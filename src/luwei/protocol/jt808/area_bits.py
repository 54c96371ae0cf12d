"""Attribute bits of areas, routes and sections (2019 tables 47, 54, 56) with their editions."""

from __future__ import annotations

from luwei.protocol.jt808.bits import Bit, BitTable

USE_TIME, USE_SPEED = 0, 1
"""Bits that say whether the fields for time and for speed follow."""

_CROSSING = [
    Bit(2, "进时报警给驾驶员", "Entering: alarm to the driver"),
    Bit(3, "进时报警给平台", "Entering: alarm to the platform"),
    Bit(4, "出时报警给驾驶员", "Leaving: alarm to the driver"),
    Bit(5, "出时报警给平台", "Leaving: alarm to the platform"),
]
AREA = BitTable(
    "区域属性",
    "Area attributes",
    [
        Bit(USE_TIME, "根据时间", "Start and end time hold"),
        Bit(USE_SPEED, "限速", "Speed limit"),
        *_CROSSING,
        Bit(6, "南纬", "South latitude"),
        Bit(7, "西经", "West longitude"),
        Bit(8, "禁止开门", "Doors must stay closed", 2013),
        Bit(14, "进区域关闭通信模块", "Communication off inside", 2013),
        Bit(15, "进区域采集GNSS详细定位数据", "Detailed GNSS data inside", 2013),
    ],
)
ROUTE = BitTable("路线属性", "Route attributes", [Bit(USE_TIME, "根据时间", "Start and end time hold"), *_CROSSING])
SECTION = BitTable(
    "路段属性",
    "Section attributes",
    [
        Bit(0, "行驶时间", "Driving time"),
        Bit(1, "限速", "Speed limit"),
        Bit(2, "南纬", "South latitude"),
        Bit(3, "西经", "West longitude"),
    ],
)
