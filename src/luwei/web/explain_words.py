"""The words of an explanation in Chinese and English: rules that accept or refuse, the decision on the edition, fates.

Clauses are those of JT/T 808-2019 (§) and of the project's reference notes where the standard is silent.
"""

from __future__ import annotations

from luwei.profiles.reasons import reason_of
from luwei.protocol.jt808.edition import EditionRule

Words = dict[str, str]


def words(zh: str, en: str) -> Words:
    """One text in both languages."""
    return {"zh": zh, "en": en}


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
    reason = reason_of(code)
    return {"code": code, "clause": reason.clause, "zh": reason.zh, "en": reason.en}


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
