"""Location query and temporary tracking (2019 §8.22, §8.24)."""

from __future__ import annotations

from luwei.protocol.fields import DWORD, SECOND, WORD
from luwei.protocol.message import Message, field


class QueryLocation(Message, id=0x8201, zh="位置信息查询", en="Query location", clause="§8.22"):
    """Empty; answered with 0x0201."""


class Tracking(Message, id=0x8202, zh="临时位置跟踪控制", en="Temporary tracking", clause="§8.24"):
    interval: int = field(WORD, "时间间隔", "Interval", unit=SECOND, note="0 stops tracking, then nothing follows")
    valid_seconds: int | None = field(DWORD, "位置跟踪有效期", "Validity", unit=SECOND, may_end=True, default=None)
