"""General replies, heartbeat, unregister, server time and fragment re-request (2019 §8.1-§8.7, §8.10)."""

from __future__ import annotations

from collections.abc import Sequence

from luwei.protocol.fields import BYTE, MESSAGE_ID, REST, TIME, WORD
from luwei.protocol.message import Message, Record, field
from luwei.protocol.repeated import Repeated

RESULTS = {0: "成功/确认", 1: "失败", 2: "消息有误", 3: "不支持"}
RESULT_OK, RESULT_FAILED, RESULT_WRONG, RESULT_UNSUPPORTED, RESULT_ALARM_HANDLED = range(5)


class TerminalReply(Message, id=0x0001, zh="终端通用应答", en="Terminal general reply", clause="§8.1"):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the message answered")
    reply_id: int = field(MESSAGE_ID, "应答ID", "Id of the message answered")
    result: int = field(BYTE, "结果", "Result", values=RESULTS)


class PlatformReply(Message, id=0x8001, zh="平台通用应答", en="Platform general reply", clause="§8.2"):
    reply_serial: int = field(WORD, "应答流水号", "Serial of the message answered")
    reply_id: int = field(MESSAGE_ID, "应答ID", "Id of the message answered")
    result: int = field(BYTE, "结果", "Result", values={**RESULTS, 4: "报警处理确认"}, note="4 from 2013")


class Heartbeat(Message, id=0x0002, zh="终端心跳", en="Heartbeat", clause="§8.3"):
    """Empty; devices add battery, signal or their clock ([seen], §11.4, 37), which stays in ``extra``."""

    extra: bytes | None = field(
        REST, "附加数据", "Bytes that the standard does not have", may_end=True, json=False, default=None
    )


class Unregister(Message, id=0x0003, zh="终端注销", en="Terminal unregister", clause="§8.10"):
    """Empty. Sent by some devices before every reconnect (§11.2, 12)."""

    extra: bytes | None = field(
        REST, "附加数据", "Bytes that the standard does not have", may_end=True, json=False, default=None
    )


class QueryServerTime(Message, id=0x0004, zh="查询服务器时间请求", en="Query server time", clause="§8.4", since=2019):
    """Empty."""


class ServerTime(Message, id=0x8004, zh="查询服务器时间应答", en="Server time", clause="§8.5", since=2019):
    time: str = field(TIME, "服务器时间", "Server time", note="UTC, the only time of the standard that is")


class _Fragments(Record):
    original_serial: int = field(WORD, "原始消息流水号", "Serial of the first fragment")
    count: int = field({2011: BYTE, 2019: WORD}, "重传包总数", "Fragments wanted", counts="ids", json=False, default=0)
    ids: Sequence[int] = field(Repeated(WORD, "count"), "重传包ID列表", "Fragment numbers, ascending")


class RequestFragments(
    _Fragments, Message, id=0x8003, zh="补传分包请求", en="Ask for missing fragments", clause="§8.6", since=2013
):
    """Answered with the fragments themselves, byte for byte."""


class TerminalRequestFragments(
    _Fragments, Message, id=0x0005, zh="终端补传分包请求", en="Terminal asks for fragments", clause="§8.7", since=2019
):
    """As 0x8003."""
