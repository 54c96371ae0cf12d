"""Areas and routes: set, delete, query (2019 §8.32-§8.41).

An area's optional fields hang on bits of its attribute: times on bit 0, speeds on bit 1; a section's likewise.
Setting an id that exists overwrites it (§7.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luwei.protocol.choices import FirstFit
from luwei.protocol.fields import (
    BYTE,
    DEGREE_E6,
    DWORD,
    FLAGS_BYTE,
    FLAGS_WORD,
    KMH,
    LONG_STRING,
    METRE,
    SECOND,
    TIME,
    WORD,
)
from luwei.protocol.jt808 import area_bits
from luwei.protocol.message import Message, Nested, Record, bit, equals, field
from luwei.protocol.repeated import Repeated

SETTINGS = {0: "更新", 1: "追加", 2: "修改"}
SHAPES = {1: "圆形区域", 2: "矩形区域", 3: "多边形区域", 4: "路线"}
TIMED, LIMITED = bit("attribute", area_bits.USE_TIME), bit("attribute", area_bits.USE_SPEED)
DAILY = "a date of zeros: every day"


class _Times(Record):
    start_time: str | None = field(TIME, "起始时间", "Start", when=TIMED, note=DAILY, default=None)
    end_time: str | None = field(TIME, "结束时间", "End", when=TIMED, note=DAILY, default=None)


class _Limit(Record):
    max_speed: int | None = field(WORD, "最高速度", "Maximum speed", unit=KMH, when=LIMITED, default=None)
    overspeed_duration: int | None = field(
        BYTE, "超速持续时间", "Overspeed duration", unit=SECOND, when=LIMITED, default=None
    )


class _NightLimit(Record):
    night_max_speed: int | None = field(
        WORD, "夜间最高速度", "Maximum speed at night", unit=KMH, when=LIMITED, since=2019, default=None
    )


class _Name(Record):
    name: str | None = field(LONG_STRING, "区域名称", "Name", since=2019, default=None)


class _Area(Record):
    area_id: int = field(DWORD, "区域ID", "Area id")
    attribute: int = field(FLAGS_WORD, "区域属性", "Attributes", bits=area_bits.AREA)


class _Circle(Record):
    latitude: int = field(DWORD, "中心点纬度", "Latitude of the centre", unit=DEGREE_E6)
    longitude: int = field(DWORD, "中心点经度", "Longitude of the centre", unit=DEGREE_E6)
    radius: int = field(DWORD, "半径", "Radius", unit=METRE)


class _Rectangle(Record):
    top_latitude: int = field(DWORD, "左上点纬度", "Latitude, upper left", unit=DEGREE_E6)
    left_longitude: int = field(DWORD, "左上点经度", "Longitude, upper left", unit=DEGREE_E6)
    bottom_latitude: int = field(DWORD, "右下点纬度", "Latitude, lower right", unit=DEGREE_E6)
    right_longitude: int = field(DWORD, "右下点经度", "Longitude, lower right", unit=DEGREE_E6)


class CircleArea(_Name, _NightLimit, _Limit, _Times, _Circle, _Area):
    """圆形区域项 (2019 table 46)."""


class RectangleArea(_Name, _NightLimit, _Limit, _Times, _Rectangle, _Area):
    """矩形区域项 (2019 table 49)."""


class _SettingHead(Record):
    setting: int = field(BYTE, "设置属性", "Setting", values=SETTINGS)
    count: int = field(BYTE, "区域总数", "Number of areas", counts="areas", default=0)
    packet_count: int | None = field(
        BYTE, "包区域数", "Areas in this packet", until=2011, counts="areas", json=False, default=None
    )


class SetCircles(_SettingHead, Message, id=0x8600, zh="设置圆形区域", en="Set circular areas", clause="§8.32"):
    areas: Sequence[CircleArea] = field(
        Repeated(Nested(CircleArea), "count", "packet_count"), "区域项", "Circular areas"
    )


class SetRectangles(_SettingHead, Message, id=0x8602, zh="设置矩形区域", en="Set rectangular areas", clause="§8.34"):
    areas: Sequence[RectangleArea] = field(
        Repeated(Nested(RectangleArea), "count", "packet_count"), "区域项", "Rectangular areas"
    )


class Vertex(Record):
    latitude: int = field(DWORD, "顶点纬度", "Latitude", unit=DEGREE_E6)
    longitude: int = field(DWORD, "顶点经度", "Longitude", unit=DEGREE_E6)


class _Vertices(Record):
    count: int = field(WORD, "区域总顶点数", "Vertices", counts="vertices", default=0)
    packet_count: int | None = field(
        BYTE, "包顶点数", "Vertices in this packet", until=2011, counts="vertices", json=False, default=None
    )
    vertices: Sequence[Vertex] = field(Repeated(Nested(Vertex), "count", "packet_count"), "顶点项", "Vertices")


class SetPolygon(
    _Name,
    _NightLimit,
    _Vertices,
    _Limit,
    _Times,
    _Area,
    Message,
    id=0x8604,
    zh="设置多边形区域",
    en="Set polygon area",
    clause="§8.36",
):
    """One area a message. The night speed stands behind the vertices."""


class TurningPoint(Record):
    """拐点项 (2019 table 55). The section runs from this point to the next."""

    point_id: int | None = field(DWORD, "拐点ID", "Turning point id", since=2013, default=None)
    section_id: int = field(DWORD, "路段ID", "Section id")
    latitude: int = field(DWORD, "拐点纬度", "Latitude", unit=DEGREE_E6)
    longitude: int = field(DWORD, "拐点经度", "Longitude", unit=DEGREE_E6)
    width: int = field(BYTE, "路段宽度", "Width", unit=METRE)
    attribute: int = field(FLAGS_BYTE, "路段属性", "Attributes", bits=area_bits.SECTION)
    driving_time: int | None = field(
        WORD, "路段行驶时间阈值", "Driving time threshold", unit=SECOND, when=TIMED, until=2011, default=None
    )
    too_long: int | None = field(
        WORD, "路段行驶过长阈值", "Too-long threshold", unit=SECOND, when=TIMED, since=2013, default=None
    )
    too_short: int | None = field(
        WORD, "路段行驶不足阈值", "Too-short threshold", unit=SECOND, when=TIMED, since=2013, default=None
    )
    max_speed: int | None = field(WORD, "路段最高速度", "Maximum speed", unit=KMH, when=LIMITED, default=None)
    overspeed_duration: int | None = field(
        BYTE, "路段超速持续时间", "Overspeed duration", unit=SECOND, when=LIMITED, default=None
    )
    night_max_speed: int | None = field(
        WORD, "路段夜间最高速度", "Maximum speed at night", unit=KMH, when=LIMITED, since=2019, default=None
    )


class _Route(Record):
    route_id: int = field(DWORD, "路线ID", "Route id")
    attribute: int = field(FLAGS_WORD, "路线属性", "Attributes", bits=area_bits.ROUTE)


class _Points(Record):
    count: int = field(WORD, "路线总拐点数", "Turning points", counts="points", default=0)
    packet_count: int | None = field(
        BYTE, "包拐点数", "Points in this packet", until=2011, counts="points", json=False, default=None
    )
    points: Sequence[TurningPoint] = field(
        Repeated(Nested(TurningPoint), "count", "packet_count"), "拐点项", "Turning points"
    )


class SetRoute(_Name, _Points, _Times, _Route, Message, id=0x8606, zh="设置路线", en="Set route", clause="§8.38"):
    """One route a message."""


class _Delete(Record):
    count: int = field(
        BYTE, "区域数", "Number of ids", counts="ids", default=0, note="0: all of this kind; at most 125"
    )
    ids: Sequence[int] = field(Repeated(DWORD, "count"), "区域ID列表", "Ids", default=())


class DeleteCircles(_Delete, Message, id=0x8601, zh="删除圆形区域", en="Delete circular areas", clause="§8.33"):
    pass


class DeleteRectangles(_Delete, Message, id=0x8603, zh="删除矩形区域", en="Delete rectangular areas", clause="§8.35"):
    pass


class DeletePolygons(_Delete, Message, id=0x8605, zh="删除多边形区域", en="Delete polygon areas", clause="§8.37"):
    pass


class DeleteRoutes(_Delete, Message, id=0x8607, zh="删除路线", en="Delete routes", clause="§8.39"):
    pass


class QueryAreas(Message, id=0x8608, zh="查询区域或线路数据", en="Query areas or routes", clause="§8.40", since=2019):
    type: int = field(BYTE, "查询类型", "Kind", values=SHAPES)
    count: int = field(DWORD, "要查询的区域或线路的ID数量", "Number of ids", counts="ids", default=0, note="0: all")
    ids: Sequence[int] = field(Repeated(DWORD, "count"), "ID列表", "Ids", default=())


_RECORDS = FirstFit(
    "区域或线路数据",
    "records_unreadable",
    (equals("type", 1), Repeated(Nested(CircleArea), "count", least=18)),
    (equals("type", 1), Repeated(Nested(SetCircles), "count", least=20)),
    (equals("type", 2), Repeated(Nested(RectangleArea), "count", least=22)),
    (equals("type", 2), Repeated(Nested(SetRectangles), "count", least=24)),
    (equals("type", 3), Repeated(Nested(SetPolygon), "count", least=16)),
    (equals("type", 4), Repeated(Nested(SetRoute), "count", least=24)),
    (None, Repeated(DWORD, "count")),
)


class AreasReply(
    Message, id=0x0608, zh="查询区域或线路数据应答", en="Areas or routes reply", clause="§8.41", since=2019
):
    """The standard leaves open what a record is (§8.17): read as items, else as bodies of the set message, else ids."""

    type: int = field(BYTE, "查询类型", "Kind", values=SHAPES)
    count: int = field(DWORD, "返回的数据数量", "Number of records", counts="records", default=0)
    records: Any = field(_RECORDS, "数据", "Areas, routes or ids", default=())
