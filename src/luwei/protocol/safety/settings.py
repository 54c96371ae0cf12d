"""Parameters of the peripherals: 0xF364 ADAS, 0xF365 DSM, 0xF366 TPMS, 0xF367 BSD (苏标 tables 4-10 to 4-13, 粤标
tables 5-10 to 5-13). 0xF370 is a plain BYTE in the table of parameters.

In a command all ones mean "leave unchanged", so that a block can be sent sparsely (reference §5).
"""

from __future__ import annotations

from typing import Any

from luwei.protocol.fields import (
    CELSIUS,
    KMH,
    METRE,
    PERCENT,
    SECOND,
    Bytes,
    FixedText,
    Integer,
    Unit,
)
from luwei.protocol.jt808.bits import Bit, BitTable
from luwei.protocol.message import Record, field

KEEP = "不修改"
SET_BYTE, SET_WORD = Integer("BYTE", 1, all_ones=KEEP), Integer("WORD", 2, all_ones=KEEP)
SET_FLAGS = Integer("DWORD", 4, 8, all_ones=KEEP)
TENTH = Unit("s", 1)
STRATEGIES = {0: "不开启", 1: "定时拍照", 2: "定距拍照", 3: "插卡触发／保留"}
TRIGGERS = {0: "不开启", 1: "定时触发", 2: "定距触发", 3: "插卡开始行驶触发", 4: "保留"}
PHOTO_SIZES = {1: "352×288", 2: "704×288", 3: "704×576", 4: "640×480", 5: "1280×720", 6: "1920×1080"}
VIDEO_SIZES = {1: "CIF", 2: "HD1", 3: "D1", 4: "WD1", 5: "VGA", 6: "720P", 7: "1080P"}
PRESSURE_UNITS = {0: "kg/cm²", 1: "bar", 2: "kPa", 3: "PSI"}


def _levels(names: list[tuple[str, str]], first: int = 0) -> list[Bit]:
    return [
        Bit(first + 2 * index + level, f"{zh}{'一二'[level]}级报警", f"{en}, level {level + 1}")
        for index, (zh, en) in enumerate(names)
        for level in (0, 1)
    ]


ADAS_ALARMS = BitTable(
    "ADAS报警使能",
    "ADAS alarms in use",
    [
        *_levels(
            [
                ("障碍检测", "Obstacle"),
                ("频繁变道", "Frequent lane change"),
                ("车道偏离", "Lane departure"),
                ("前向碰撞", "Forward collision"),
                ("行人碰撞", "Pedestrian"),
                ("车距过近", "Headway"),
            ]
        ),
        Bit(16, "道路标识超限报警", "Road sign limit exceeded"),
        *_levels([("实线变道", "Solid-line change")], 17),
        Bit(19, "车厢过道行人检测报警", "Aisle pedestrian"),
    ],
)
"""Bits 17 to 19 are 粤标's."""
ADAS_EVENTS = BitTable(
    "ADAS事件使能",
    "ADAS events in use",
    [Bit(0, "道路标志识别", "Road sign recognition"), Bit(1, "主动拍照", "Active photo")],
)
DSM_ALARMS = BitTable(
    "DSM报警使能",
    "DSM alarms in use",
    _levels(
        [
            ("疲劳驾驶", "Fatigue"),
            ("接打电话", "Phone call"),
            ("抽烟", "Smoking"),
            ("分神驾驶／不目视前方", "Distraction"),
            ("驾驶员异常", "Driver abnormal"),
            ("探头遮挡", "Lens blocked"),
            ("未系安全带", "Seat belt"),
            ("红外阻断型墨镜失效", "Infrared sunglasses"),
            ("双脱把", "Hands off"),
            ("玩手机", "Playing with the phone"),
        ]
    ),
)
"""From bit 10 on 粤标's."""
DSM_EVENTS = BitTable(
    "DSM事件使能",
    "DSM events in use",
    [Bit(0, "驾驶员更换", "Driver change"), Bit(1, "主动拍照", "Active photo")],
)


def _speed(zh: str) -> Any:
    return field(SET_BYTE, f"{zh}分级速度阈值", "Grading speed", unit=KMH, note="0-220, default 50")


def _video(zh: str) -> Any:
    return field(SET_BYTE, f"{zh}前后视频录制时间", "Video before and after", unit=SECOND, note="0-60, default 5")


def _photos(zh: str) -> Any:
    return field(SET_BYTE, f"{zh}拍照张数", "Pictures", note="0-10, default 3")


def _interval(zh: str) -> Any:
    return field(SET_BYTE, f"{zh}拍照间隔", "Between pictures", unit=TENTH, note="1-10, DSM 1-5, default 2")


def _gap(zh: str, note: str) -> Any:
    return field(SET_BYTE, f"{zh}时间阈值", "Time threshold", unit=TENTH, note=note)


class _Camera(Record):
    speed_threshold: int = field(SET_BYTE, "报警判断速度阈值", "Alarm speed", unit=KMH, note="0-60, default 30")
    volume: int = field(SET_BYTE, "报警提示音量", "Volume", note="0-8, default 6")
    photo_strategy: int = field(SET_BYTE, "主动拍照策略", "Active photo", values=STRATEGIES)
    photo_time: int = field(SET_WORD, "主动定时拍照时间间隔", "Photo by time", unit=SECOND)
    photo_distance: int = field(SET_WORD, "主动定距拍照距离间隔", "Photo by distance", unit=METRE)
    photo_count: int = field(SET_BYTE, "单次主动拍照张数", "Pictures each time", note="1-10, default 3")
    photo_interval: int = field(SET_BYTE, "单次主动拍照时间间隔", "Between them", unit=TENTH, note="1-5, default 2")
    photo_size: int = field(SET_BYTE, "拍照分辨率", "Photo size", values=PHOTO_SIZES, note="default 苏标 1, 粤标 5")
    video_size: int = field(SET_BYTE, "视频录制分辨率", "Video size", values=VIDEO_SIZES, note="default 苏标 1, 粤标 3")


class _Adas(Record):
    alarms: int = field(SET_FLAGS, "报警使能", "Alarms in use", bits=ADAS_ALARMS)
    events: int = field(SET_FLAGS, "事件使能", "Events in use", bits=ADAS_EVENTS)
    reserved: int = field(SET_BYTE, "预留", "Reserved", default=0)
    obstacle_gap: int = _gap("障碍物报警距离", "10-50, default 30")
    obstacle_speed: int = _speed("障碍物报警")
    obstacle_video: int = _video("障碍物报警")
    obstacle_photos: int = _photos("障碍物报警")
    obstacle_interval: int = _interval("障碍物报警")
    lane_change_window: int = field(
        SET_BYTE, "频繁变道报警判断时间段", "Lane change window", unit=SECOND, note="30-120, default 60"
    )
    lane_change_count: int = field(SET_BYTE, "频繁变道报警判断次数", "Lane changes", note="3-10, default 5")
    lane_change_speed: int = _speed("频繁变道报警")
    lane_change_video: int = _video("频繁变道报警")
    lane_change_photos: int = _photos("频繁变道报警")
    lane_change_interval: int = _interval("频繁变道报警")
    departure_speed: int = _speed("车道偏离报警")
    departure_video: int = _video("车道偏离报警")
    departure_photos: int = _photos("车道偏离报警")
    departure_interval: int = _interval("车道偏离报警")
    collision_gap: int = _gap("前向碰撞报警", "10-50, 27")
    collision_speed: int = _speed("前向碰撞报警")
    collision_video: int = _video("前向碰撞报警")
    collision_photos: int = _photos("前向碰撞报警")
    collision_interval: int = _interval("前向碰撞报警")
    pedestrian_gap: int = _gap("行人碰撞报警", "10-50, default 30")
    pedestrian_speed: int = field(
        SET_BYTE, "行人碰撞报警使能速度阈值", "Pedestrian: alarms below", unit=KMH, note="0-220, default 50"
    )
    pedestrian_video: int = _video("行人碰撞报警")
    pedestrian_photos: int = _photos("行人碰撞报警")
    pedestrian_interval: int = _interval("行人碰撞报警")
    headway_gap: int = _gap("车距监控报警距离", "10-50, default 10")
    headway_speed: int = _speed("车距过近报警")
    headway_video: int = _video("车距过近报警")
    headway_photos: int = _photos("车距过近报警")
    headway_interval: int = _interval("车距过近报警")
    sign_photos: int = _photos("道路标志识别")
    sign_interval: int = _interval("道路标志识别")


class _Reserved4(Record):
    tail: bytes = field(Bytes(4), "保留字段", "Reserved", default=bytes(4))


class _YueAdas(Record):
    solid_line_speed: int = _speed("实线变道报警")
    solid_line_video: int = _video("实线变道报警")
    solid_line_photos: int = _photos("实线变道报警")
    solid_line_interval: int = _interval("实线变道报警")
    aisle_speed: int = _speed("车厢过道行人检测报警")
    aisle_video: int = _video("车厢过道行人检测报警")
    aisle_photos: int = _photos("车厢过道行人检测报警")
    aisle_interval: int = _interval("车厢过道行人检测报警")


class SubiaoAdas(_Reserved4, _Adas, _Camera):
    """0xF364 of 苏标, 56 bytes."""


class YuebiaoAdas(_Reserved4, _YueAdas, _Adas, _Camera):
    """0xF364 of 粤标, 64 bytes."""


class _Dsm(Record):
    alarms: int = field(SET_FLAGS, "报警使能", "Alarms in use", bits=DSM_ALARMS)
    events: int = field(SET_FLAGS, "事件使能", "Events in use", bits=DSM_EVENTS)
    smoking_window: int = field(SET_WORD, "吸烟报警判断时间间隔", "Smoking: one alarm in", unit=SECOND)
    phone_window: int = field(SET_WORD, "接打电话报警判断时间间隔", "Phone: one alarm in", unit=SECOND)
    reserved: bytes = field(Bytes(3), "预留", "Reserved", default=bytes(3))
    fatigue_speed: int = _speed("疲劳驾驶报警")
    fatigue_video: int = _video("疲劳驾驶报警")
    fatigue_photos: int = _photos("疲劳驾驶报警")
    fatigue_interval: int = _interval("疲劳驾驶报警")
    phone_speed: int = _speed("接打电话报警")
    phone_video: int = _video("接打电话报警")
    phone_photos: int = _photos("接打电话报警驾驶员面部特征")
    phone_interval: int = _interval("接打电话报警驾驶员面部特征")
    smoking_speed: int = _speed("抽烟报警")
    smoking_video: int = _video("抽烟报警")
    smoking_photos: int = _photos("抽烟报警驾驶员面部特征")
    smoking_interval: int = _interval("抽烟报警驾驶员面部特征")
    distraction_speed: int = _speed("分神驾驶／不目视前方报警")
    distraction_video: int = _video("分神驾驶／不目视前方报警")
    distraction_photos: int = _photos("分神驾驶／不目视前方报警")
    distraction_interval: int = _interval("分神驾驶／不目视前方报警")
    abnormal_speed: int = _speed("驾驶行为异常")
    abnormal_video: int = _video("驾驶行为异常")
    abnormal_photos: int = _photos("驾驶行为异常")
    abnormal_interval: int = _interval("驾驶行为异常")
    identification: int = field(SET_BYTE, "驾驶员身份识别触发", "Driver identification", values=TRIGGERS)


class _YueDsm(Record):
    lens_speed: int = _speed("摄像机遮挡报警")
    belt_speed: int = _speed("不系安全带报警")
    belt_video: int = _video("不系安全带报警")
    belt_photos: int = _photos("不系安全带报警")
    belt_interval: int = _interval("不系安全带报警")
    sunglasses_speed: int = _speed("红外墨镜阻断失效报警")
    sunglasses_video: int = _video("红外墨镜阻断失效报警")
    sunglasses_photos: int = _photos("红外墨镜阻断失效报警")
    sunglasses_interval: int = _interval("红外墨镜阻断失效报警")
    hands_off_speed: int = _speed("双脱把报警")
    hands_off_video: int = _video("双脱把报警")
    hands_off_photos: int = _photos("双脱把报警")
    hands_off_interval: int = _interval("双脱把报警")
    phone_play_speed: int = _speed("玩手机报警")
    phone_play_video: int = _video("玩手机报警")
    phone_play_photos: int = _photos("玩手机报警")
    phone_play_interval: int = _interval("玩手机报警")


class _Reserved2(Record):
    tail: bytes = field(Bytes(2), "保留字段", "Reserved", default=bytes(2))


class SubiaoDsm(_Reserved2, _Dsm, _Camera):
    """0xF365 of 苏标, 49 bytes."""


class YuebiaoDsm(_Reserved2, _YueDsm, _Dsm, _Camera):
    """0xF365 of 粤标, 66 bytes."""


class TyreSettings(Record):
    """0xF366, 36 bytes, the same in both."""

    tyre: str = field(FixedText(12), "轮胎规格型号", "Tyre", note="default 900R20")
    pressure_unit: int = field(SET_WORD, "胎压单位", "Unit of the pressures", values=PRESSURE_UNITS, note="default 3")
    pressure: int = field(SET_WORD, "正常胎压值", "Normal pressure", note="default 140")
    imbalance: int = field(SET_WORD, "胎压不平衡门限", "Imbalance", unit=PERCENT, note="default 20")
    slow_leak: int = field(SET_WORD, "慢漏气门限", "Slow leak", unit=PERCENT, note="default 5")
    low_pressure: int = field(SET_WORD, "低压阈值", "Low pressure", note="default 110")
    high_pressure: int = field(SET_WORD, "高压阈值", "High pressure", note="default 189")
    high_temperature: int = field(SET_WORD, "高温阈值", "High temperature", unit=CELSIUS, note="default 80")
    battery: int = field(SET_WORD, "电压阈值", "Battery", unit=PERCENT, note="default 10")
    report_interval: int = field(SET_WORD, "定时上报时间间隔", "Report interval", unit=SECOND, note="default 60")
    tail: bytes = field(Bytes(6), "保留项", "Reserved", default=bytes(6))


class BsdSettings(Record):
    """0xF367, the same in both."""

    rear: int = field(SET_BYTE, "后方接近报警时间阈值", "Rear approach", unit=SECOND, note="1-10")
    side: int = field(SET_BYTE, "侧后方接近报警时间阈值", "Side-rear approach", unit=SECOND, note="1-10")
