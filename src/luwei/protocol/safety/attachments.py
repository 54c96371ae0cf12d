"""Attachments of alarms 报警附件: 0x9208, 0x1210, 0x1211, 0x1212, 0x9212 (苏标 tables 4-21 to 4-29, 粤标 5-21 to 5-29).

Bodies with an identification differ by dialect; the dialect is the one whose table fills the body exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from luwei.protocol.fields import BYTE, COUNTED_STRING, DWORD, WORD, Bytes, FixedText, Unit
from luwei.protocol.message import Message, Nested, Record, field
from luwei.protocol.repeated import Repeated
from luwei.protocol.safety.alarm_sign import SIGNS, AlarmSign
from luwei.protocol.safety.dialects import DIALECTS, SUBIAO, YUEBIAO, Dialect

SOURCE = "苏标、粤标"
ALARM_NUMBER = FixedText(32)
BYTES = Unit("B")
INFO_TYPES = {0: "正常报警文件信息", 1: "补传报警文件信息"}
FILE_TYPES = {
    code: "／".join(dict.fromkeys(t for d in (SUBIAO, YUEBIAO) if (t := d.file_types.get(code)))) for code in range(6)
}
"""苏标 before 粤标: code 4 changes its meaning (reference §7.4)."""
UPLOAD_RESULTS = {0: "完成", 1: "需要补传"}


class _Server(Record):
    server_ip: str = field(COUNTED_STRING, "附件服务器IP地址", "Attachment server")
    tcp_port: int = field(WORD, "附件服务器端口(TCP)", "TCP port", note="0 unused")
    udp_port: int = field(WORD, "附件服务器端口(UDP)", "UDP port", note="0 unused")


class _AlarmNumber(Record):
    alarm_no: str = field(
        ALARM_NUMBER, "报警编号", "Alarm number, the platform's", note="at most 28 letters and digits"
    )


class AttachmentUpload(
    Message, id=0x9208, zh="报警附件上传指令", en="Upload attachments", clause="4-21 / 5-21", source=SOURCE
):
    """The identification goes back byte for byte as the alarm brought it (reference §2)."""

    alarm_sign: AlarmSign


class _UploadTail(_AlarmNumber):
    reserved: bytes = field(Bytes(16), "预留", "Reserved", default=bytes(16))


class AttachmentInfo(
    Message, id=0x1210, zh="报警附件信息消息", en="Attachment information", clause="4-23 / 5-23", source=SOURCE
):
    """Begins an upload; sent again with information type 1 for what is missing after a broken connection."""

    alarm_sign: AlarmSign


class Attachment(Record):
    name: str = field(COUNTED_STRING, "文件名称", "File name")
    size: int = field(DWORD, "文件大小", "Size", unit=BYTES)


class _InfoTail(_AlarmNumber):
    info_type: int = field(BYTE, "信息类型", "Kind", values=INFO_TYPES)
    attachment_count: int = field(BYTE, "附件数量", "Attachments", counts="attachments", default=0)
    attachments: Sequence[Attachment] = field(
        Repeated(Nested(Attachment), "attachment_count"), "附件信息列表", "Attachments"
    )


def _signed(dialect: Dialect) -> type[Record]:
    class Signed(Record):
        alarm_sign: AlarmSign = field(Nested(SIGNS[dialect.name]), "报警标识号", "Identification")

    return Signed


def _terminal(dialect: Dialect) -> type[Record]:
    class Terminal(Record):
        terminal_id: str = field(FixedText(dialect.announced_id), "终端ID", "Terminal id")

    return Terminal


def _in_dialect(dialect: Dialect, base: type[Message], *parts: type[Record]) -> type[Any]:
    name = f"{base.__name__}_{dialect.name}"
    return cast(type[Any], type(name, (*parts, base), {"dialect": dialect.name, "__doc__": dialect.zh}))


UPLOADS: dict[str, type[Any]] = {
    d.name: _in_dialect(d, AttachmentUpload, _UploadTail, _signed(d), _Server) for d in DIALECTS
}
"""Tables of 0x9208 by dialect: build from these."""
INFORMATION: dict[str, type[Any]] = {
    d.name: _in_dialect(d, AttachmentInfo, _InfoTail, _signed(d), *([_terminal(d)] if d.announced_id else []))
    for d in DIALECTS
}
"""Tables of 0x1210 by dialect."""
AttachmentUpload.variants = tuple(UPLOADS.values())
AttachmentInfo.variants = tuple(INFORMATION.values())


class _File(Record):
    name: str = field(COUNTED_STRING, "文件名称", "File name")
    type: int = field(BYTE, "文件类型", "Kind", values=FILE_TYPES)


class FileInfo(
    _File, Message, id=0x1211, zh="文件信息上传", en="File information", clause="4-25 / 5-25", source=SOURCE
):
    """Before the bytes of each file."""

    size: int = field(DWORD, "文件大小", "Size", unit=BYTES)


class FileFinished(
    _File, Message, id=0x1212, zh="文件上传完成消息", en="File finished", clause="4-27 / 5-27", source=SOURCE
):
    """Answered with 0x9212."""

    size: int = field(DWORD, "文件大小", "Size", unit=BYTES)


class MissingRange(Record):
    offset: int = field(DWORD, "数据偏移量", "Offset")
    length: int = field(DWORD, "数据长度", "Length", unit=BYTES)


class FileReply(
    _File, Message, id=0x9212, zh="文件上传完成消息应答", en="File finished reply", clause="4-28 / 5-28", source=SOURCE
):
    result: int = field(BYTE, "上传结果", "Result", values=UPLOAD_RESULTS)
    count: int = field(BYTE, "补传数据包数量", "Ranges wanted", counts="packages", default=0)
    packages: Sequence[MissingRange] = field(
        Repeated(Nested(MissingRange), "count"), "补传数据包列表", "Ranges", default=()
    )
