"""The header once more, as tables: what explanations and pages show. Frames are read by ``header``, which is faster."""

from __future__ import annotations

from luwei.protocol.fields import BYTE, FLAGS_WORD, MESSAGE_ID, WORD, Digits
from luwei.protocol.message import REGISTRY, Record, field

ENCRYPTIONS = {0: "不加密", 1: "RSA加密"}


def _message(value: int, edition: int) -> str:
    declared = REGISTRY.get(value)
    return declared.zh if declared else ""


def _attributes(value: int, edition: int) -> str:
    parts = [
        f"消息体长度 {value & 0x3FF}",
        ENCRYPTIONS.get(value >> 10 & 7, "保留的加密方式"),
        "分包" if value & 0x2000 else "不分包",
        f"版本标识 {value >> 14 & 1}",
    ]
    return "，".join(parts)


def _phone(value: str, edition: int) -> str:
    return value.lstrip("0") or "0"


class HeaderFields(Record):
    """消息头 (2019 §4.4.3)."""

    message_id: int = field(MESSAGE_ID, "消息ID", "Message id", meaning=_message)
    attributes: int = field(
        FLAGS_WORD,
        "消息体属性",
        "Body attributes",
        meaning=_attributes,
        note="bits 0-9 body length, 10-12 encryption, 13 fragmented, 14 version flag (2019)",
    )
    protocol_version: int | None = field(BYTE, "协议版本号", "Protocol version", since=2019, default=None)
    phone: str = field({2011: Digits(6), 2019: Digits(10)}, "终端手机号", "Terminal phone number", meaning=_phone)
    serial: int = field(WORD, "消息流水号", "Serial number")


class FragmentFields(Record):
    """消息包封装项, present when bit 13 of the attributes is 1."""

    package_total: int = field(WORD, "消息总包数", "Total fragments")
    package_no: int = field(WORD, "包序号", "Number of this fragment", note="from 1")
