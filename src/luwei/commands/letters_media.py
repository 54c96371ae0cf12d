"""Messages of the commands that bring pictures and recordings, made from the values of their forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.protocol.jt808.messages import media
from luwei.protocol.message import Message
from luwei.protocol.safety.dialects import SUBIAO, YUEBIAO

LOWEST, HIGHEST = 0x00, 0xFF
SIZES: Mapping[int, str] = {**SUBIAO.resolutions, 0x101: YUEBIAO.resolutions[5], 0x102: YUEBIAO.resolutions[6]}
"""Picture sizes by the number that the form has for them: the code of JT/T 808, beyond a byte what only 粤标 has."""
RECORD_FILM = 0xFFFF
ANY_TIME = "2000-00-00 00:00:00"
"""Zeros: no limit (2019 §8.55)."""


def pixels(size: str) -> int:
    """Pixels of ``640×480``."""
    width, _, height = size.partition("×")
    return int(width) * int(height)


def resolution_code(wanted: int, code_list: int, edition: int) -> int:
    """The code that 0x8801 has for a size, in the list of JT/T 808 and 苏标 (1), of 粤标 (2), or as the edition says
    (0: 粤标 is built on 2019). A size that the list lacks becomes its nearest, as a terminal would do (2019 §8.53)."""
    yue = code_list == 2 or (code_list == 0 and edition == 2019)
    known = YUEBIAO.resolutions if yue else SUBIAO.resolutions
    if wanted in (LOWEST, HIGHEST):
        if edition == 2019 and not yue:
            return wanted
        choose = min if wanted == LOWEST else max
        return choose(known, key=lambda code: pixels(known[code]))
    size = SIZES[wanted]
    return min(known, key=lambda code: (known[code] != size, abs(pixels(known[code]) - pixels(size))))


def photo(values: Mapping[str, Any], edition: int) -> Message:
    return _shoot(values, edition, values["count"], values["interval"])


def film(values: Mapping[str, Any], edition: int) -> Message:
    return _shoot(values, edition, RECORD_FILM, values["seconds"])


def _shoot(values: Mapping[str, Any], edition: int, command: int, interval: int) -> Message:
    return media.Shoot(
        channel=values["channel"],
        command=command,
        interval=interval,
        save=values["save"],
        resolution=resolution_code(values["resolution"], values.get("codes", 0), edition),
        quality=values["quality"],
        brightness=values.get("brightness", 127),
        contrast=values.get("contrast", 63),
        saturation=values.get("saturation", 63),
        chroma=values.get("chroma", 127),
    )


def record(values: Mapping[str, Any], _: int) -> Message:
    return media.RecordAudio(
        command=values["start"], seconds=values["seconds"], save=values["save"], sample_rate=values.get("sampling", 0)
    )


def _selection(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": values["type"],
        "channel": values["channel"],
        "event": values.get("event", 0),
        "start_time": values.get("start") or ANY_TIME,
        "end_time": values.get("end") or ANY_TIME,
    }


def search(values: Mapping[str, Any], _: int) -> Message:
    return media.SearchMedia(**_selection(values))


def upload(values: Mapping[str, Any], _: int) -> Message:
    return media.UploadStored(**_selection(values), delete=values["delete"])


def upload_item(values: Mapping[str, Any], _: int) -> Message:
    return media.UploadStoredItem(multimedia_id=values["multimedia_id"], delete=values["delete"])
