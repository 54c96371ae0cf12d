"""Commands about areas and routes (2019 §8.32–§8.41)."""

from __future__ import annotations

from luwei.commands import letters
from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, integer, pick, string

AREA_KINDS: tuple[Value, ...] = (
    (1, "圆形区域", "Circles"), (2, "矩形区域", "Rectangles"), (3, "多边形区域", "Polygons"), (4, "路线", "Routes"),
)  # fmt: skip
SETTINGS: tuple[Value, ...] = ((1, "追加", "Append"), (2, "修改", "Modify"), (0, "替换全部", "Replace all"))
_IDS = FormField(
    "ids", "numbers", "区域 ID", "Area ids", "§8.33", low=1, high=0xFFFFFFFF, most=125, default=[], required=False
)

TABLE = (
    Kind(
        "set_circle", "下发圆形区域", "Set circular area", "area", "§8.32", letters.circle,
        (
            pick("setting", "方式", "How", "§8.32", SETTINGS, 1),
            integer("area_id", "区域 ID", "Area id", "§8.32", 1, 0xFFFFFFFF),
            string("name", "名称（2019）", "Name (2019)", "§8.32", 100, required=False, default=""),
            FormField("latitude", "degrees", "中心纬度", "Latitude", "§8.32", low=-90, high=90),
            FormField("longitude", "degrees", "中心经度", "Longitude", "§8.32", low=-180, high=180),
            integer("radius", "半径", "Radius", "§8.32", 1, 1_000_000, 500, unit="m"),
            pick("alarms", "报警给平台", "Alarm to platform", "§8.32",
                 ((0, "不报警", "None"), (1, "进区域", "Entering"), (2, "出区域", "Leaving"), (3, "进出", "Both")), 3),
            integer("max_speed", "限速（0 为不限）", "Speed limit (0: none)", "§8.32", 0, 200, 0, unit="km/h"),
            integer("duration", "超速持续", "Overspeed duration", "§8.32", 0, 255, 10, unit="s"),
        ),
    ),
    Kind(
        "delete_areas", "删除区域或路线", "Delete areas or routes", "area", "§8.33", letters.delete_areas,
        (pick("type", "类型", "Kind", "§8.33", AREA_KINDS, 1), _IDS),
    ),
    Kind(
        "read_areas", "查询区域或线路", "Read areas or routes", "area", "§8.40", letters.read_areas,
        (pick("type", "类型", "Kind", "§8.40", AREA_KINDS, 1), _IDS), answer=0x0608,
    ),
)  # fmt: skip
