"""Commands that bring pictures and recordings (2019 §8.53–§8.59)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.commands import letters_media as letters
from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, integer, pick
from luwei.protocol.jt808.messages import media

TYPES: tuple[Value, ...] = ((0, "图像", "Pictures"), (1, "音频", "Sound"), (2, "视频", "Film"))
EVENTS: tuple[Value, ...] = tuple(
    (number, zh, en)
    for (number, zh), en in zip(
        media.MEDIA_EVENTS.items(),
        ("Platform command", "Timed", "Robbery alarm", "Collision or rollover alarm", "Door opened", "Door closed",
         "Door closing while setting off", "By distance"),
        strict=True,
    )
)  # fmt: skip
RESOLUTIONS: tuple[Value, ...] = (
    (letters.LOWEST, "最低分辨率", "Lowest"),
    *(
        (number, each, each)
        for number, each in sorted(letters.SIZES.items(), key=lambda entry: letters.pixels(entry[1]))
    ),
    (letters.HIGHEST, "最高分辨率", "Highest"),
)
CODE_LISTS: tuple[Value, ...] = (
    (0, "按终端版本（2019 为粤标）", "By edition (2019: Yue standard)"),
    (1, "JT/T 808、苏标", "JT/T 808, Su standard"),
    (2, "粤标", "Yue standard (T/GDRTA 002)"),
)
_SAVE = pick("save", "处理", "Then", "§8.53", ((0, "实时上传", "Upload"), (1, "终端保存", "Store")), 0)
_DELETE = pick("delete", "上传后", "Afterwards", "§8.57", ((0, "保留", "Keep"), (1, "删除", "Delete")), 0)
_PICTURE = (
    pick("resolution", "分辨率", "Resolution", "§8.53", RESOLUTIONS, 2),
    pick("codes", "分辨率代码", "Resolution codes", "§8.53, 粤标 §5.8", CODE_LISTS, 0),
    integer("quality", "质量（1 最好）", "Quality (1 best)", "§8.53", 1, 10, 5),
    integer("brightness", "亮度", "Brightness", "§8.53", 0, 255, 127),
    integer("contrast", "对比度", "Contrast", "§8.53", 0, 127, 63),
    integer("saturation", "饱和度", "Saturation", "§8.53", 0, 127, 63),
    integer("chroma", "色度", "Chroma", "§8.53", 0, 255, 127),
)
_CHANNEL = integer("channel", "通道（100 ADAS，101 DSM）", "Channel (100 ADAS, 101 DSM)", "§8.53", 1, 255, 1)
_ONE_OF = (
    pick("type", "类型", "Kind", "§8.55", TYPES, 0),
    integer("channel", "通道（0 为全部）", "Channel (0: all)", "§8.55", 0, 255, 0),
    pick("event", "事件", "Event", "§8.55", EVENTS, 0),
    FormField("start", "time", "起始时间（空为不限）", "From (none: any)", "§8.55", required=False),
    FormField("end", "time", "结束时间（空为不限）", "Until (none: any)", "§8.55", required=False),
)


def _takes(values: Mapping[str, Any]) -> bool:
    """No picture is what ends a film: whose right is over may still end it."""
    return bool(values["count"])


def _always(_values: Mapping[str, Any]) -> bool:
    return True


TABLE = (
    Kind(
        "photo", "拍照", "Take pictures", "media", "§8.53", letters.photo,
        (
            _CHANNEL,
            integer("count", "张数（0 为停止）", "Pictures (0 stops)", "§8.53", 0, 100, 1),
            integer("interval", "间隔", "Interval", "§8.53", 0, 3600, 0, unit="s"),
            _SAVE,
            *_PICTURE,
        ),
        answer=0x0805, general_ends=True, repeatable=False, sees=_takes,
    ),
    Kind(
        "film", "录像", "Record film", "media", "§8.53", letters.film,
        (
            _CHANNEL,
            integer("seconds", "时长（0 为一直）", "Length (0: until stopped)", "§8.53", 0, 3600, 10, unit="s"),
            _SAVE,
            *_PICTURE,
        ),
        answer=0x0805, general_ends=True, repeatable=False, sees=_always,
    ),
    Kind(
        "record_audio", "录音", "Record sound", "media", "§8.58", letters.record,
        (
            pick("start", "命令", "Command", "§8.58", ((1, "开始", "Start"), (0, "停止", "Stop")), 1),
            integer("seconds", "时长（0 为一直）", "Length (0: until stopped)", "§8.58", 0, 3600, 30, unit="s"),
            pick("save", "处理", "Then", "§8.58", ((0, "实时上传", "Upload"), (1, "终端保存", "Store")), 0),
            pick("sampling", "采样率", "Sampling", "§8.58",
                 ((0, "8 kHz", "8 kHz"), (1, "11 kHz", "11 kHz"), (2, "23 kHz", "23 kHz"), (3, "32 kHz", "32 kHz")), 0),
        ),
        reason=True, hears=True, single=True, repeatable=False,
    ),
    Kind("search_media", "检索终端多媒体", "Search stored media", "media", "§8.55", letters.search, _ONE_OF,
         answer=0x0802),
    Kind("upload_media", "上传终端多媒体", "Upload stored media", "media", "§8.57", letters.upload,
         (*_ONE_OF, _DELETE), repeatable=False, sees=_always),
    Kind(
        "upload_media_item", "上传单条多媒体", "Upload one stored item", "media", "§8.59", letters.upload_item,
        (integer("multimedia_id", "多媒体 ID", "Multimedia id", "§8.59", 1, 0xFFFFFFFF), _DELETE), single=True,
        repeatable=False, sees=_always,
    ),
)  # fmt: skip
