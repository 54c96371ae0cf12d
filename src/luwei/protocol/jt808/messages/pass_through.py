"""CAN data, pass-through, compression and RSA keys (2019 §8.49, §8.60-§8.64)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import (
    DWORD,
    ID_BYTE,
    ID_DWORD,
    REST,
    WORD,
    Bytes,
    Digits,
    MeasuredBytes,
    Scope,
)
from luwei.protocol.jt808 import bits
from luwei.protocol.message import Message, Nested, Record, field
from luwei.protocol.repeated import Repeated
from luwei.protocol.safety.peripherals import PERIPHERAL_INFORMATION, PERIPHERAL_STATUS, PERIPHERALS

PASS_THROUGH_TYPES = {
    0x00: "GNSS模块详细定位数据",
    0x0B: "道路运输证IC卡信息",
    0x41: "串口1透传",
    0x42: "串口2透传",
    PERIPHERAL_STATUS: "外设状态信息",
    PERIPHERAL_INFORMATION: "外设系统信息",
}
"""2019 table 93; 0xF0-0xFF are the user's, of which active safety has two."""


class CanItem(Record):
    can_id: int = field(ID_DWORD, "CAN ID", "CAN id", bits=bits.CAN_ID)
    data: bytes = field(Bytes(8), "CAN DATA", "Data")


class CanData(Message, id=0x0705, zh="CAN总线数据上传", en="CAN bus data", clause="§8.49", since=2013):
    count: int = field(WORD, "数据项个数", "Number of items", counts="items", default=0)
    time: str = field(
        Digits(5), "CAN总线数据接收时间", "Time of the first item", note="hhmmss and milliseconds, no date"
    )
    items: Sequence[CanItem] = field(Repeated(Nested(CanItem), "count"), "CAN总线数据项", "Items")


class _PassThrough(Record):
    type: int = field(ID_BYTE, "透传消息类型", "Kind", values=PASS_THROUGH_TYPES)
    total_length: int | None = field(DWORD, "透传消息总长度", "Length over all packets", until=2011, default=None)
    packet_length: int | None = field(WORD, "透传消息包长度", "Length here", until=2011, default=None)
    content: bytes = field(REST, "透传消息内容", "Content")


class UplinkPassThrough(_PassThrough, Message, id=0x0900, zh="数据上行透传", en="Uplink pass-through", clause="§8.61"):
    """Types 0xF7 and 0xF8 hold the peripherals of active safety (苏标 table 4-2, 粤标 table 5-2)."""

    @property
    def peripherals(self) -> Record | None:
        """The content of types 0xF7 and 0xF8, None for others and where it does not fit."""
        table = PERIPHERALS.get(self.type)
        if table is None:
            return None
        try:
            found, end = table.read(self.content, 0, len(self.content), Scope(self.edition or 2019))
        except ProtocolError:
            return None
        return found if end == len(self.content) else None

    def to_json(self) -> dict[str, Any]:
        """With ``peripherals`` where there are any."""
        found = self.peripherals
        return super().to_json() | ({} if found is None else found.to_json())


class DownlinkPassThrough(
    _PassThrough, Message, id=0x8900, zh="数据下行透传", en="Downlink pass-through", clause="§8.60"
):
    """Types 0xF7 and 0xF8 ask for peripherals: content is ``PeripheralQuery`` (苏标 table 4-1, 粤标 table 5-1)."""


class CompressedData(Message, id=0x0901, zh="数据压缩上报", en="Compressed data", clause="§8.62"):
    """A GZIP stream. Whether it holds the header of a message too is not said."""

    length: int = field(DWORD, "压缩消息长度", "Length", counts="data", default=0)
    data: bytes = field(MeasuredBytes("length"), "压缩消息体", "GZIP stream")

    def inflate(self, most: int = 65_536) -> bytes:
        """The content. Raises ProtocolError ``body_malformed`` when it is no GZIP or larger than ``most`` bytes."""
        stream = zlib.decompressobj(31)
        try:
            content = stream.decompress(self.data, most)
        except zlib.error as error:
            raise ProtocolError("body_malformed", f"no GZIP stream: {error}") from None
        if not stream.eof:
            raise ProtocolError("body_malformed", f"incomplete, or more than {most} bytes")
        return content


class _RsaKey(Record):
    e: int = field(DWORD, "RSA公钥{e,n}中的e", "Exponent")
    n: bytes = field(Bytes(128), "RSA公钥{e,n}中的n", "Modulus")


class TerminalRsaKey(_RsaKey, Message, id=0x0A00, zh="终端RSA公钥", en="Terminal RSA key", clause="§8.64"):
    """Answered with 0x8A00 when the terminal began."""


class PlatformRsaKey(_RsaKey, Message, id=0x8A00, zh="平台RSA公钥", en="Platform RSA key", clause="§8.63"):
    """Answered with 0x0A00."""
