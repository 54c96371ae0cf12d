"""Registration and authentication (2019 §8.8, §8.9, §8.11)."""

from __future__ import annotations

from luwei.protocol.fields import BYTE, STRING, WORD, CountedText, FixedText
from luwei.protocol.message import Message, field

REGISTRATION_RESULTS = {
    0: "成功",
    1: "车辆已被注册",
    2: "数据库中无该车辆",
    3: "终端已被注册",
    4: "数据库中无该终端",
}

PLATE_COLORS = {0: "未上牌", 1: "蓝色", 2: "黄色", 3: "黑色", 4: "白色", 5: "绿色", 9: "其他"}
"""JT/T 415-2006 §5.4.12, and green of JT/T 697.7-2014, whose further codes (90s) are not known here."""


class Registration(Message, id=0x0100, zh="终端注册", en="Terminal registration", clause="§8.8"):
    """The edition is a matter of length: 25 bytes and more 2011, 37 and more 2013, 76 and more 2019 (§8.5)."""

    province: int = field(WORD, "省域ID", "Province", note="first 2 digits of the GB/T 2260 code; 0 platform default")
    city: int = field(WORD, "市县域ID", "City or county", note="last 4 digits of the code; 0 platform default")
    manufacturer: str = field({2011: FixedText(5), 2019: FixedText(11)}, "制造商ID", "Manufacturer id")
    model: str = field(
        {2011: FixedText(8, b" "), 2013: FixedText(20), 2019: FixedText(30, front=True)}, "终端型号", "Terminal model"
    )
    terminal_id: str = field({2011: FixedText(7), 2019: FixedText(30)}, "终端ID", "Terminal id")
    plate_color: int = field(BYTE, "车牌颜色", "Plate colour", values=PLATE_COLORS)
    plate: str = field(STRING, "车辆标识", "Plate", note="plate; with colour 0 the VIN (车架号)")

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        if len(body) < 37:
            return 2011
        return edition if edition < 2019 or len(body) >= 76 else 2013


class RegistrationReply(Message, id=0x8100, zh="终端注册应答", en="Registration reply", clause="§8.9"):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the registration")
    result: int = field(BYTE, "结果", "Result", values=REGISTRATION_RESULTS)
    auth_code: str | None = field(
        STRING, "鉴权码", "Authentication code", may_end=True, note="only with result 0", default=None
    )


class Authentication(Message, id=0x0102, zh="终端鉴权", en="Terminal authentication", clause="§8.11"):
    """2011 and 2013: the bare code. 2019: length, code, IMEI, software version; [seen] without the last one or two."""

    auth_code: str = field({2011: STRING, 2019: CountedText()}, "鉴权码", "Authentication code")
    imei: str | None = field(FixedText(15), "终端IMEI", "IMEI", since=2019, may_end=True, default=None)
    software_version: str | None = field(
        FixedText(20), "软件版本号", "Software version", since=2019, may_end=True, default=None
    )

    @classmethod
    def layout(cls, body: bytes, edition: int) -> int:
        """2019 only when the code's length leaves 0, 15 or 35 bytes: bare codes under a header of 2019 are [seen]."""
        if edition == 2019 and body and len(body) - 1 - body[0] in (0, 15, 35):
            return 2019
        return min(edition, 2013)
