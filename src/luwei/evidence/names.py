"""What a file's name and an alarm's identification tell (reference §7.6, §2). Hints for lists, never proof."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from luwei.protocol.errors import ProtocolError
from luwei.protocol.safety.alarm_sign import AlarmSign
from luwei.registry.evidence import AUDIO, OTHER, PICTURE, TEXT, VIDEO

CHINA = timezone(timedelta(hours=8))
_NAME = re.compile(r"(\d{2})_([0-9A-Fa-f]{1,3})_([0-9A-Fa-f]{2,4})_")
_KINDS = {0: PICTURE, 1: AUDIO, 2: VIDEO, 3: TEXT}
FACE_PICTURE = 4


def kind_of_type(file_type: int, dialect: str) -> str:
    """文件类型 of 0x1211 as one of the registry's kinds: code 4 is a face's picture in 粤标, other in 苏标."""
    if file_type == FACE_PICTURE and dialect == "yuebiao":
        return PICTURE
    return _KINDS.get(file_type, OTHER)


def kind_of_name(name: str) -> str:
    """The kind that a name of the standard's form begins with."""
    match = _NAME.match(name)
    return _KINDS.get(int(match[1]), OTHER) if match else OTHER


def channel_and_event(name: str) -> tuple[int | None, str]:
    """Channel (the hex ids 64, 65, 67 are written like decimals) and alarm type of a name of the standard's form."""
    match = _NAME.match(name)
    if not match or not match[2].isdigit():
        return None, ""
    return int(match[2]), match[3].upper() if len(match[3]) == 4 else ""


def instant_of(identification: bytes) -> int | None:
    """The alarm's time in an identification, UTC milliseconds; None where it is no time."""
    try:
        text = AlarmSign.of(identification).time
        return round(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).timestamp() * 1000)
    except (ProtocolError, ValueError):
        return None
