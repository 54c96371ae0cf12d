"""Text to the terminal (2019 §8.27)."""

from __future__ import annotations

from luwei.protocol.fields import BYTE, FLAGS_BYTE, STRING
from luwei.protocol.jt808 import bits
from luwei.protocol.message import Message, field


class TextMessage(Message, id=0x8300, zh="文本信息下发", en="Text message", clause="§8.27"):
    """The layout of the wrong edition costs the first letter (§11.4, 35): encode with the session's edition."""

    flag: int = field(FLAGS_BYTE, "标志", "Flags", bits=bits.TEXT_FLAGS)
    text_type: int | None = field(
        BYTE, "文本类型", "Kind of text", values={1: "通知", 2: "服务"}, since=2019, default=None
    )
    text: str = field(STRING, "文本信息", "Text", note="at most 1024 bytes of GBK")
