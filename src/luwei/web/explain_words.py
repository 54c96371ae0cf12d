"""The words of an explanation in Chinese and English: rules that accept or refuse, the decision on the edition, fates.

Clauses are those of JT/T 808-2019 (§) and of the project's reference notes where the standard is silent.
"""

from __future__ import annotations

from luwei.protocol.jt808.edition import EditionRule

Words = dict[str, str]


def words(zh: str, en: str) -> Words:
    """One text in both languages."""
    return {"zh": zh, "en": en}


RULES: dict[str, tuple[str, str, str]] = {
    "delimiter": (
        "§4.4.2",
        "一帧以 0x7E 开始和结束，中间不能再有",
        "A frame starts and ends with 0x7E and has none inside",
    ),
    "escape": ("§4.4.2", "0x7D 后只能是 01 或 02", "Only 01 or 02 may follow 0x7D"),
    "short": ("§4.4.3", "字节太少，放不下消息头和校验码", "Too few bytes for a header and a check code"),
    "short_header": ("§4.4.3", "字节太少，放不下消息头", "Too few bytes for a header"),
    "checksum": ("§4.4.5", "校验码等于消息头到消息体末字节的异或", "The check code is the XOR of header and body"),
    "body_length": (
        "§4.4.3",
        "消息体长度须与实际字节数相符",
        "The announced body length fits the bytes that are there",
    ),
    "fragment": ("§4.4.3", "包序号从 1 到总包数", "Fragments count from 1 to their total"),
    "body_short": ("§8", "消息体须含该消息的全部必填字段", "The body holds every mandatory field of its message"),
    "body_malformed": ("§8", "消息体内的个数和长度须与字节相符", "Counts and lengths in a body fit its bytes"),
    "encrypted": (
        "§4.4.3",
        "平台未与终端交换密钥，不收加密消息",
        "No key was exchanged, so encrypted bodies are refused",
    ),
    "other_phone": ("§5", "一条连接只属于鉴权时的手机号", "A connection belongs to the phone that authenticated"),
    "not_authenticated": ("§7.2", "鉴权成功之前只收注册与鉴权", "Before authentication only handshakes are taken"),
    "too_long": ("§4.4.3", "消息体最长 1023 字节", "A body has at most 1023 bytes"),
    "noise": ("§4.4.2", "两帧之间的杂字节，跳过", "Stray bytes between two frames are skipped"),
    "items_broken": ("§8.21", "附加信息项不能超出消息体", "An additional item ends within the body"),
    "item_unknown": ("§8.21", "未知的附加信息项，原样保留", "An unknown additional item is kept as it came"),
    "message_unknown": (
        "§8.2",
        "未知的消息 ID：保存原文，应答“不支持”",
        "An unknown message id is kept and answered unsupported",
    ),
    "batch_count": (
        "§8.48",
        "批量条数与内容不符，能读的都收下",
        "The count differs from the items; what can be read is taken",
    ),
    "batch_item_length": (
        "§8.48",
        "批量项超出消息体，能读的都收下",
        "An item runs past the end; what can be read is taken",
    ),
    "internal": ("", "网关处理这一帧时出错，断开连接", "The gateway failed on this frame and closes the connection"),
    "check_code_unescaped": ("§4.4.2", "校验码没有转义，容错接收", "The check code was not escaped; tolerated"),
    "flag_unescaped": ("§4.4.2", "消息中的 0x7E 没有转义，容错接收", "A 0x7E inside was not escaped; tolerated"),
    "length_counts_escapes": ("§4.4.3", "长度把转义算了进去，容错接收", "The length counts escapes; tolerated"),
    "length_counts_header": ("§4.4.3", "长度把消息头算了进去，容错接收", "The length counts the header; tolerated"),
    "version_flag_2013": (
        "§4.4.3",
        "2013 版头却置了版本标识，按 2013 接收",
        "Version flag set in a header of 2013; read as 2013",
    ),
    "version_flag_missing": (
        "§4.4.3",
        "2019 版头没有版本标识，按 2019 接收",
        "No version flag in a header of 2019; read as 2019",
    ),
}
"""Reason of the ledger → clause, the rule in Chinese, in English."""

RESULTS = {
    0: words("成功/确认", "success"),
    1: words("失败", "failure"),
    2: words("消息有误", "message error"),
    3: words("不支持", "unsupported"),
    4: words("报警处理确认", "alarm confirmed"),
}
"""Results of 0x8001 (§8.2)."""


def rule_of(code: str) -> dict[str, str]:
    """The rule behind a reason; one without words of its own is named by its code."""
    clause, zh, en = RULES.get(code, ("", code, code))
    return {"code": code, "clause": clause, "zh": zh, "en": en}


def edition_words(rule: EditionRule, tolerated: int | None) -> Words:
    """How the edition was found, with the figures. ``tolerated``: the edition of a frame with a tolerated length."""
    if rule.row == "short":
        return words(
            f"标识位之间只有 {rule.total} 字节，看不出版本",
            f"{rule.total} bytes between the flags do not tell an edition",
        )
    bit = int(rule.flag)
    parts_zh = (
        f"标识位之间 {rule.total} 字节，消息体长度 {rule.announced}",
        "，分包" if rule.fragment else "",
        f"，版本标识 {bit}：2013 版应为 {rule.need_2013} 字节，2019 版应为 {rule.need_2019} 字节",
    )
    parts_en = (
        f"{rule.total} bytes between the flags, announced body {rule.announced}",
        ", fragmented" if rule.fragment else "",
        f", version flag {bit}: 2013 needs {rule.need_2013} bytes, 2019 needs {rule.need_2019}",
    )
    figures_zh, figures_en = "".join(parts_zh), "".join(parts_en)
    ends = {
        "flag_2019": ("版本标识与长度一致，是 2019 版", "flag and length agree on 2019"),
        "plain_2013": ("版本标识与长度一致，是 2011/2013 版", "flag and length agree on 2011/2013"),
        "flag_2013": ("长度只合 2013 版，版本标识是误置", "only 2013 fits; the flag was set by mistake"),
        "bare_2019": (
            "长度只合 2019 版且版本号为 1，终端漏置版本标识",
            "only 2019 fits and its version byte is 1; the flag is missing",
        ),
    }  # fmt: skip
    if rule.row in ends:
        zh, en = ends[rule.row]
    elif tolerated:
        zh = f"都不符；去掉多算的字节后是 {tolerated} 版，且消息体恰好读完"
        en = f"neither fits; without the bytes counted too many it is {tolerated}, and the body parses to its end"
    else:
        zh, en = "都不符，长度有误", "neither fits: the length is wrong"
    return words(f"{figures_zh}；{zh}。", f"{figures_en}; {en}.")


GROUPS: dict[str, Words] = {
    "frame": words("标识位", "Flag"),
    "header": words("消息头", "Header"),
    "body": words("消息体", "Body"),
    "items": words("附加信息", "Items"),
    "safety": words("主动安全", "Active safety"),
    "sign": words("报警标识号", "Alarm id"),
    "raw": words("未解析", "Not read"),
    "check": words("校验", "Check"),
}
"""What bytes are coloured by, in the order of a legend."""
