"""What values the standards allow for terminal parameters, beyond what their wire types can hold.

Kept apart from the tables that read them: devices report values outside, which reading keeps and writing must not send.
Sources: 2019 table 13 (§8.12), JT/T 1078 §5.3.1, 苏标 tables 4-10 to 4-13, 粤标 tables 5-10 to 5-13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from luwei.protocol.jt808.parameter_blocks import (
    AlarmRecording,
    AudioVideo,
    Channel,
    ChannelVideo,
    ForbiddenPeriod,
    ImageAnalysis,
    SleepWake,
)
from luwei.protocol.message import Record
from luwei.protocol.safety.settings import BsdSettings, SubiaoAdas, SubiaoDsm, TyreSettings, YuebiaoAdas, YuebiaoDsm

DWORD_MAX = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest value, both allowed; a further span some tables leave to vendors; the standard's default."""

    low: int
    high: int
    default: int | None = None
    custom: tuple[int, int] | None = None

    def holds(self, value: int) -> bool:
        """Whether ``value`` is allowed."""
        return self.low <= value <= self.high or (self.custom is not None and self.custom[0] <= value <= self.custom[1])

    def __str__(self) -> str:
        text = f"{self.low} to {self.high}"
        return text if self.custom is None else f"{text}, or {self.custom[0]} to {self.custom[1]}"


_POSITIVE = Bounds(1, DWORD_MAX)
SCALARS: Mapping[int, Bounds] = {
    0x0020: Bounds(0, 2), 0x0021: Bounds(0, 1), 0x0022: _POSITIVE, 0x0027: _POSITIVE, 0x0028: _POSITIVE,
    0x0029: _POSITIVE, 0x002C: _POSITIVE, 0x002D: _POSITIVE, 0x002E: _POSITIVE, 0x002F: _POSITIVE,
    0x0030: Bounds(0, 179), 0x0045: Bounds(0, 1), 0x005C: Bounds(1, 0xFFFF), 0x005D: Bounds(0, 79 << 8 | 0xFF),
    0x005E: Bounds(0, 0xFFFF, 30), 0x0070: Bounds(1, 10), 0x0071: Bounds(0, 255), 0x0072: Bounds(0, 127),
    0x0073: Bounds(0, 127), 0x0074: Bounds(0, 255), 0x0090: Bounds(0, 15), 0x0091: Bounds(0, 5),
    0x0092: Bounds(0, 4, 1), 0x0093: Bounds(0, DWORD_MAX, 1),
}  # fmt: skip
"""Parameters that are one number."""

_CODING, _RESOLUTION = Bounds(0, 2, custom=(100, 127)), Bounds(0, 6, custom=(100, 127))
_STREAM: Mapping[str, Bounds] = {
    "live_coding": _CODING, "live_resolution": _RESOLUTION, "live_key_interval": Bounds(1, 1000),
    "live_frame_rate": Bounds(1, 120), "storage_coding": _CODING, "storage_resolution": _RESOLUTION,
    "storage_key_interval": Bounds(1, 1000), "storage_frame_rate": Bounds(1, 120),
}  # fmt: skip
_CAMERA: Mapping[str, Bounds] = {
    "speed_threshold": Bounds(0, 60, 30), "volume": Bounds(0, 8, 6), "photo_distance": Bounds(0, 60_000, 200),
    "photo_count": Bounds(1, 10, 3), "photo_interval": Bounds(1, 5, 2),
}  # fmt: skip
_GROUPS: Mapping[str, Bounds] = {
    r".+_speed": Bounds(0, 220, 50), r".+_video": Bounds(0, 60, 5), r".+_photos": Bounds(0, 10, 3),
}  # fmt: skip
"""Fields that every alarm of a peripheral has, by the end of their names."""
_ADAS: Mapping[str, Bounds] = {
    **_CAMERA,
    "photo_strategy": Bounds(0, 3, 0), "photo_time": Bounds(0, 3_600, 60), "events": Bounds(0, 0xFFFFFFFE, 3),
    "obstacle_gap": Bounds(10, 50, 30), "collision_gap": Bounds(10, 50, 27), "pedestrian_gap": Bounds(10, 50, 30),
    "headway_gap": Bounds(10, 50, 10), "lane_change_window": Bounds(30, 120, 60),
    "lane_change_count": Bounds(3, 10, 5), **_GROUPS, r".+_interval": Bounds(1, 10, 2),
}  # fmt: skip
_DSM: Mapping[str, Bounds] = {
    **_CAMERA,
    "photo_strategy": Bounds(0, 4, 0), "photo_time": Bounds(60, 60_000, 3_600), "events": Bounds(0, 0xFFFFFFFE, 3),
    "identification": Bounds(0, 4, 1), **_GROUPS, r".+_interval": Bounds(1, 5, 2),
}  # fmt: skip
_SMALL, _HD = Bounds(1, 6, 1), Bounds(1, 6, 5)
_CIF, _D1 = Bounds(1, 7, 1), Bounds(1, 7, 3)

BLOCKS: Mapping[type[Record], Mapping[str, Bounds]] = {
    ForbiddenPeriod: {
        "start_hour": Bounds(0, 23), "start_minute": Bounds(0, 59),
        "end_hour": Bounds(0, 23), "end_minute": Bounds(0, 59),
    },
    AudioVideo: {**_STREAM, "audio_output": Bounds(0, 1)},
    ChannelVideo: {**_STREAM, "logical_channel": Bounds(1, 255)},
    Channel: {
        "physical_channel": Bounds(1, 255), "logical_channel": Bounds(1, 255), "kind": Bounds(0, 2),
        "ptz": Bounds(0, 1),
    },
    AlarmRecording: {
        "storage_threshold": Bounds(1, 99, 20), "duration": Bounds(0, 255, 5), "before": Bounds(0, 255, 1),
    },
    ImageAnalysis: {"fatigue_threshold": Bounds(0, 100)},
    SleepWake: {
        "mode": Bounds(0, 7), "condition": Bounds(0, 7), "weekdays": Bounds(0, 127), "periods_on": Bounds(0, 15),
    },
    SubiaoAdas: {"photo_size": _SMALL, "video_size": _CIF, "alarms": Bounds(0, 0xFFFFFFFE, 0x00010FFF), **_ADAS},
    YuebiaoAdas: {
        "photo_size": _HD, "video_size": _D1, "alarms": Bounds(0, 0xFFFFFFFE, 0x000F0FFF),
        "sign_photos": Bounds(0, 10, 1), **_ADAS,
    },
    SubiaoDsm: {
        "photo_size": _SMALL, "video_size": _CIF, "alarms": Bounds(0, 0xFFFFFFFE, 0x000001FF),
        "smoking_window": Bounds(0, 3_600, 180), "phone_window": Bounds(0, 3_600, 120), **_DSM,
    },
    YuebiaoDsm: {
        "photo_size": _HD, "video_size": _D1, "alarms": Bounds(0, 0xFFFFFFFE, 0x000FFFFF),
        "smoking_window": Bounds(0, 300, 300), "phone_window": Bounds(0, 300, 300), **_DSM,
    },
    TyreSettings: {
        "pressure_unit": Bounds(0, 3, 3), "pressure": Bounds(0, 0xFFFE, 140), "imbalance": Bounds(0, 100, 20),
        "slow_leak": Bounds(0, 100, 5), "low_pressure": Bounds(0, 0xFFFE, 110), "high_pressure": Bounds(0, 0xFFFE, 189),
        "high_temperature": Bounds(0, 0xFFFE, 80), "battery": Bounds(0, 100, 10),
        "report_interval": Bounds(0, 3_600, 60),
    },
    BsdSettings: {"rear": Bounds(1, 10, 2), "side": Bounds(1, 10, 2)},
}  # fmt: skip
"""Fields of blocks, by whole name or by pattern; the first that fits counts."""


def block_bounds(record: type[Record], name: str) -> Bounds | None:
    """What a field of a block may hold, None where only its wire type limits it."""
    for pattern, bounds in BLOCKS.get(record, {}).items():
        if re.fullmatch(pattern, name):
            return bounds
    return None


def clause_of(parameter_id: int) -> str:
    """Where the standards describe a parameter."""
    if 0x0075 <= parameter_id <= 0x007C:
        return "JT/T 1078 §5.3.1"
    safety = {0xF364: (10, 10), 0xF365: (11, 11), 0xF366: (12, 12), 0xF367: (13, 13)}.get(parameter_id)
    if safety is not None:
        return f"T/GDRTA 002 table 5-{safety[1]}, T/JSATL 12 table 4-{safety[0]}"
    return "JT/T 808-2019 §8.12 table 13" if parameter_id < 0xF000 else "JT/T 808-2019 §8.12, vendor's range"
