"""Every reason of the ledger: the clause that it rests on, its rule in words, and the quirk of the field it stands for.

Clauses: § of JT/T 808-2019 unless another standard is named. Quirks: numbers of docs/profiles.md, "Quirks", such as
``11.3.24`` (JT/T 808 devices) and ``AS2.1`` (active safety).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerReason:
    """One reason. ``conformity``: whether it says that the terminal departs from a standard or its profile."""

    clause: str
    zh: str
    en: str
    quirk: str = ""
    conformity: bool = True


def _admission(clause: str, zh: str, en: str) -> LedgerReason:
    """A reason of admission or of the platform itself: no deviation of the device's protocol."""
    return LedgerReason(clause, zh, en, conformity=False)


_R = LedgerReason

REASONS: dict[str, LedgerReason] = {
    # frames
    "delimiter": _R(
        "§4.4.2", "一帧以 0x7E 开始和结束，中间不能再有", "A frame starts and ends with 0x7E and has none inside"
    ),
    "escape": _R("§4.4.2", "0x7D 后只能是 01 或 02", "Only 01 or 02 may follow 0x7D"),
    "short": _R("§4.4.3", "字节太少，放不下消息头和校验码", "Too few bytes for a header and a check code"),
    "short_header": _R("§4.4.3", "字节太少，放不下消息头", "Too few bytes for a header"),
    "checksum": _R("§4.4.5", "校验码等于消息头到消息体末字节的异或", "The check code is the XOR of header and body"),
    "body_length": _R(
        "§4.4.3", "消息体长度须与实际字节数相符", "The announced body length fits the bytes that are there", "11.1.4"
    ),
    "fragment": _R("§4.4.3", "包序号从 1 到总包数", "Fragments count from 1 to their total"),
    "fragments_missing": _R("§8.6", "请求补传后分包仍须到齐", "Fragments asked for again arrive"),
    "too_long": _R("§4.4.3", "消息体最长 1023 字节", "A body has at most 1023 bytes"),
    "noise": _R("§4.4.2", "两帧之间的杂字节，跳过", "Stray bytes between two frames are skipped", "11.1.5"),
    "check_code_unescaped": _R(
        "§4.4.2", "校验码没有转义，容错接收", "The check code was not escaped; tolerated", "11.1.1"
    ),
    "flag_unescaped": _R(
        "§4.4.2", "消息中的 0x7E 没有转义，容错接收", "A 0x7E inside was not escaped; tolerated", "11.1.2"
    ),
    "length_counts_escapes": _R(
        "§4.4.3", "长度把转义算了进去，容错接收", "The length counts escapes; tolerated", "11.1.4"
    ),
    "length_counts_header": _R(
        "§4.4.3", "长度把消息头算了进去，容错接收", "The length counts the header; tolerated", "11.1.4"
    ),
    "version_flag_2013": _R(
        "§4.4.3",
        "2013 版头却置了版本标识，按 2013 接收",
        "Version flag set in a header of 2013; read as 2013",
        "11.1.3",
    ),
    "version_flag_missing": _R(
        "§4.4.3", "2019 版头没有版本标识，按 2019 接收", "No version flag in a header of 2019; read as 2019", "11.1.3"
    ),
    "encrypted": _R(
        "§4.4.3", "平台未与终端交换密钥，不收加密消息", "No key was exchanged, so encrypted bodies are refused"
    ),
    # sessions
    "other_phone": _R(
        "§5", "一条连接只属于鉴权时的手机号", "A connection belongs to the phone that authenticated", "11.1.6"
    ),
    "not_authenticated": _R("§7.2", "鉴权成功之前只收注册与鉴权", "Before authentication only handshakes are taken"),
    "edition_unexpected": _R(
        "§4.4.3", "消息头版本与档案不符", "The header's edition is not one of the profile's", "11.1.3"
    ),
    "message_edition": _R(
        "§7", "该版本没有这条消息，仍按其定义接收", "The edition has no such message; it is read all the same"
    ),
    "message_unknown": _R(
        "§8.2",
        "未知的消息 ID：保存原文，应答“不支持”",
        "An unknown message id is kept and answered unsupported",
        "11.4.38",
    ),
    "repeated": _R(
        "§6",
        "与上一条相同的位置：应答，不再入库",
        "A report that repeats the last is confirmed, not stored again",
        "11.3.30",
    ),
    "clock_behind": _R(
        "§4.3",
        "终端时间比收到时间慢整 8 小时：疑为 UTC",
        "The terminal's clock is 8 hours behind: it may send UTC",
        "11.3.17",
    ),
    "clock_ahead": _R(
        "§4.3",
        "终端时间比收到时间快整 8 小时：疑误用 0x8004",
        "The terminal's clock is 8 hours ahead: 0x8004 misread",
        "11.3.17",
    ),
    "charset": _R("§4.2", "文本不是档案所述字符集", "A text is not in the profile's charset", "11.2.11"),
    # bodies
    "body_short": _R("§8", "消息体须含该消息的全部必填字段", "The body holds every mandatory field of its message"),
    "body_malformed": _R("§8", "消息体内的个数和长度须与字节相符", "Counts and lengths in a body fit its bytes"),
    "body_trailing": _R("§8", "消息体末尾没有多余字节", "No bytes follow the last field of a body"),
    "layout_2011": _R(
        "§8", "消息体是 2011 版的布局，按其接收", "The body has the layout of 2011 and is read so", "11.2.9"
    ),
    "layout_2013": _R("§8", "2019 版消息头下是 2013 版的消息体", "A body of 2013 under a header of 2019", "11.2.9"),
    "heartbeat_body": _R("§8.3", "心跳消息体为空", "A heartbeat has an empty body", "11.4.37"),
    "records_unreadable": _R("§8.41", "区域或线路数据须能按设置消息读出", "Area records read as their set messages"),
    "head_repeated": _R(
        "JT/T 1078 §4.7",
        "每个分包都带了消息头部字段，只取第一份",
        "The head stands in every fragment; the first counts",
    ),
    "list_count": _R(
        "JT/T 1078 §5.6.2", "资源条数与长度不符，按长度读", "The number of recordings is that of the length"
    ),
    "recorder_packet": _R(
        "§8.43", "数据块不是 GB/T 19056 数据包，原样保留", "The block is no packet of GB/T 19056; kept"
    ),
    "recorder_check": _R(
        "GB/T 19056 §4.4", "行驶记录数据包校验字不符", "The check byte of a recorder's packet is wrong"
    ),
    "batch_item_unreadable": _R(
        "§8.48", "批量中有一项读不出，其余都收下", "One item cannot be read; the others are taken", "11.4.31"
    ),
    "audio_codec": _R("JT/T 1078 §12", "音频编码与档案不符", "The audio coding is not one of the profile's"),
    # locations
    "items_broken": _R("§8.21", "附加信息项不能超出消息体", "An additional item ends within the body", "11.3.24"),
    "item_unknown": _R(
        "§8.21", "未知的附加信息项，原样保留", "An unknown additional item is kept as it came", "11.3.26"
    ),
    "item_length": _R(
        "§8.21", "附加信息项长度与档案不符，原样保留", "An item's length is not one of the profile's; kept", "11.3.23"
    ),
    "item_unexpected": _R("§8.21", "档案中没有这种附加信息项", "The profile has no such additional item"),
    "speed_impossible": _R("§8.21", "速度超过 250 km/h", "A speed above 250 km/h", "11.3.19"),
    "batch_count": _R(
        "§8.48",
        "批量条数与内容不符，能读的都收下",
        "The count differs from the items; what can be read is taken",
        "11.4.31",
    ),
    "batch_item_length": _R(
        "§8.48", "批量项超出消息体，能读的都收下", "An item runs past the end; what can be read is taken", "11.4.31"
    ),
    "batch_single_length": _R(
        "§8.48", "批量项共用一个长度，能读的都收下", "One length for all items; read all the same", "11.4.31"
    ),
    # admission and the platform itself
    "code_wrong": _admission("§8.11", "鉴权码与登记的不一致", "The code is not the registered one"),
    "terminal_unknown": _admission("§8.11", "手机号不在终端档案中", "The phone is in no register"),
    "registration_1": _admission("§8.9", "车辆已被注册", "Vehicle already registered"),
    "registration_2": _admission("§8.9", "数据库中无该车辆", "Vehicle not in the database"),
    "registration_3": _admission("§8.9", "终端已被注册", "Terminal already registered"),
    "registration_4": _admission("§8.9", "数据库中无该终端", "Terminal not in the database"),
    "too_many_waiting": _admission("§7.2", "鉴权未完成时数据报过多", "Too many datagrams while the registry decides"),
    "internal": _admission(
        "", "网关处理这一帧时出错，断开连接", "The gateway failed on this frame and closes the connection"
    ),
}
"""Reason → what it rests on."""

QUIRKS: frozenset[str] = frozenset(
    {f"11.1.{n}" for n in range(1, 9)}
    | {f"11.2.{n}" for n in range(9, 14)}
    | {f"11.3.{n}" for n in range(14, 31)}
    | {f"11.4.{n}" for n in range(31, 41)}
    | {"AS2", "AS2.1", "AS3", "AS4.2", "AS4.3", "AS4.5", "AS5", "AS5.5", "AS7.2", "AS7.3", "AS7.4", "AS9", "AS12"}
)
"""Every numbered quirk, of JT/T 808 devices and of active safety."""


def reason_of(code: str) -> LedgerReason:
    """The reason behind ``code`` (what follows a colon is its detail); one without an entry rests on no clause."""
    name = code.partition(":")[0]
    return REASONS.get(name) or LedgerReason("", name, name)


def reasons_of(quirks: Iterable[str]) -> frozenset[str]:
    """The reasons that ``quirks`` (numbers, or reasons themselves) stand for."""
    wanted = frozenset(quirks)
    return frozenset(code for code, reason in REASONS.items() if code in wanted or (reason.quirk in wanted))
