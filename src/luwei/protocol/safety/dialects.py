"""Dialects of active safety as data: sizes of the alarm identification, meaning of codes.

A dialect is told by lengths alone (reference §2.1), never by the vendor or the 808 header. The two standards are
T/JSATL 12-2017 (苏标) and T/GDRTA 002-2020 (粤标); two more are known from devices by their lengths only, and their
codes are not named here, for the same number means another thing there (reference §4.2, §12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect. Sizes are bytes."""

    name: str
    zh: str
    source: str
    terminal_id: int
    """Size of the terminal id in the identification."""
    reserved: int
    """Size of what is reserved at the end of it."""
    announced_id: int
    """Size of the terminal id that 0x1210 begins with."""
    adas: Mapping[int, str] = field(default_factory=dict)
    dsm: Mapping[int, str] = field(default_factory=dict)
    bsd: Mapping[int, str] = field(default_factory=dict)
    driving: Mapping[int, str] = field(default_factory=dict)
    road_signs: Mapping[int, str] = field(default_factory=dict)
    file_types: Mapping[int, str] = field(default_factory=dict)
    resolutions: Mapping[int, str] = field(default_factory=dict)
    """Resolution codes of 0x8801."""
    video_extension: str = ""

    @property
    def sign(self) -> int:
        """Size of the alarm identification."""
        return self.terminal_id + 6 + 1 + 1 + self.reserved


_ADAS = {
    0x01: "前向碰撞报警",
    0x02: "车道偏离报警",
    0x03: "车距过近报警",
    0x04: "行人碰撞报警",
    0x05: "频繁变道报警",
    0x06: "道路标识超限报警",
    0x07: "障碍物报警",
    0x10: "道路标志识别事件",
    0x11: "主动抓拍事件",
}
_DSM = {0x01: "疲劳驾驶报警", 0x03: "抽烟报警", 0x05: "驾驶员异常报警", 0x10: "自动抓拍事件", 0x11: "驾驶员变更事件"}
_BSD = {0x01: "后方接近报警", 0x02: "左侧后方接近报警", 0x03: "右侧后方接近报警"}
_SIGNS = {1: "限速标志", 2: "限高标志", 3: "限重标志"}
DRIVING = {
    1: "急加速报警",
    2: "急减速报警",
    3: "急转弯报警",
    4: "怠速报警",
    5: "异常熄火报警",
    6: "空挡滑行报警",
    7: "发动机超转报警",
}
"""Item 0x70, known from implementations only (reference §12)."""

SUBIAO = Dialect(
    name="subiao",
    zh="苏标",
    source="T/JSATL 12-2017",
    terminal_id=7,
    reserved=1,
    announced_id=7,
    adas=_ADAS,
    dsm=_DSM | {0x02: "接打电话报警", 0x04: "分神驾驶报警"},
    bsd=_BSD,
    driving=DRIVING,
    road_signs=_SIGNS,
    file_types={0: "图片", 1: "音频", 2: "视频", 3: "文本", 4: "其它"},
    resolutions={
        1: "320×240",
        2: "640×480",
        3: "800×600",
        4: "1024×768",
        5: "176×144",
        6: "352×288",
        7: "704×288",
        8: "704×576",
    },
    video_extension="h264",
)
YUEBIAO = Dialect(
    name="yuebiao",
    zh="粤标",
    source="T/GDRTA 002-2020",
    terminal_id=30,
    reserved=2,
    announced_id=30,
    adas=_ADAS | {0x12: "实线变道报警", 0x13: "车厢过道行人检测报警"},
    dsm=_DSM
    | {
        0x02: "接打手持电话报警",
        0x04: "不目视前方报警",
        0x06: "探头遮挡报警",
        0x08: "超时驾驶报警",
        0x0A: "未系安全带报警",
        0x0B: "红外阻断型墨镜失效报警",
        0x0C: "双脱把报警",
        0x0D: "玩手机报警",
    },
    bsd=_BSD,
    driving=DRIVING,
    road_signs=_SIGNS | {4: "禁行标志", 5: "禁停标志"},
    file_types={0: "全景图片", 1: "音频", 2: "视频", 3: "文本", 4: "面部特征图片", 5: "其它"},
    resolutions={1: "352×288", 2: "704×288", 3: "704×576", 4: "640×480", 5: "1280×720", 6: "1920×1080"},
    video_extension="mp4",
)
SIGN_39 = Dialect("sign_39", "39字节报警标识号", "reference §2", terminal_id=30, reserved=1, announced_id=30)
"""Seen in the Sichuan family built on 2019."""
SIGN_38 = Dialect("sign_38", "38字节报警标识号", "reference §2", terminal_id=30, reserved=0, announced_id=0)
"""Seen in Heilongjiang, where 0x1210 begins with the identification."""

DIALECTS = (SUBIAO, YUEBIAO, SIGN_39, SIGN_38)
"""The likeliest first."""


def dialect_of_sign(size: int) -> Dialect | None:
    """The dialect whose alarm identification has ``size`` bytes."""
    return next((dialect for dialect in DIALECTS if dialect.sign == size), None)


def dialect_named(name: str) -> Dialect | None:
    """The dialect of that name."""
    return next((dialect for dialect in DIALECTS if dialect.name == name), None)
