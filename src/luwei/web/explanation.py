"""One frame explained for people: its bytes by field, the rules it met, what it became and what would be answered.

Rows come from the protocol's declarations, the fate from a rehearsal in the gateway's own code; here they are joined
and put into words.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from luwei.gateway.rehearsal import Rehearsal, rehearse
from luwei.profiles import Catalogue
from luwei.protocol.english import english
from luwei.protocol.errors import ProtocolError
from luwei.protocol.explain import Explanation, Row, explain
from luwei.protocol.fields import Span
from luwei.protocol.jt808.edition import edition_rule, lenient_content
from luwei.protocol.jt808.frame import check_code
from luwei.protocol.jt808.header import Header
from luwei.protocol.jt808.header_fields import FragmentFields, HeaderFields
from luwei.protocol.message import REGISTRY, Message
from luwei.protocol.reading import STANDARD
from luwei.web.explain_profile import Use
from luwei.web.explain_words import GROUPS, RESULTS, Words, edition_words, rule_of, words
from luwei.web.pasted import BYTES_MAX

ROWS_SHOWN = 50
"""Locations of one 0x0704 that are shown."""

_HEADER = {f.name: f.en for f in (*HeaderFields.fields, *FragmentFields.fields)} | {
    "flag": "Flag", "check_code": "Check code", "header": "Header", "body": "Body", "raw": "Raw bytes",
    "remainder": "Bytes left over",
}  # fmt: skip
_HIDDEN = ("vehicle_id", "terminal_id", "batch")


def terminal_side(message_id: int) -> bool:
    """Whether a terminal sends this id: below 0x8000, and the vendors' 0xE000-0xEFFF (2019 table B)."""
    return message_id < 0x8000 or 0xE000 <= message_id <= 0xEFFF


def explained(
    raw: bytes,
    *,
    edition: int = 0,
    history_days: int = 730,
    catalogue: Catalogue | None = None,
    use: Use | None = None,
) -> dict[str, Any]:
    """The whole answer of ``/api/explain`` for one frame. ``edition`` 2011: the terminal registered with that one;
    ``use``: the profile, one of those of ``catalogue``, by which it is read and judged."""
    profile = use.profile if use is not None else None
    out = explain(raw, profile.reading if profile is not None else STANDARD)
    header = out.frame.header if out.frame else None
    answer = _reading(raw, out, header)
    if header is not None and not terminal_side(header.message_id):
        answer |= {
            "rule": {"state": "down", "reasons": []}
            | words("平台发给终端的消息，网关不接收", "A message from the platform; a gateway does not receive it"),
            "became": _became(None, "down", "平台发给终端", "Sent by the platform"),
            "answer": None,
            "assumed": None,
        }
    else:
        done = rehearse(raw, header, edition, history_days, catalogue, profile)
        answer |= _fate(done, header, out.error is not None)
    answer["profile"] = use.to_json() if use is not None else None
    return answer | {"steps": _steps(raw, answer, out)}


def explained_body(message_id: int, edition: int, body: bytes, use: Use | None = None) -> dict[str, Any]:
    """A body that is longer than one frame holds: its rows count from its own first byte, no frame is made up."""
    reading = use.profile.reading if use is not None else STANDARD
    declared = REGISTRY.get(message_id)
    spans: list[Span] = []
    error: dict[str, Any] | None = None
    message: Message | None = None
    if declared is not None:
        try:
            message = declared.decode(body, edition, spans, reading)
        except ProtocolError as fault:
            error = {"code": fault.code, "detail": fault.detail, "offset": fault.offset, "rule": rule_of(fault.code)}
    rows, at = [], 0
    shown = body[:BYTES_MAX]
    for span in sorted(spans, key=lambda each: each.offset):
        if span.offset > at:
            rows.append(Row(at, span.offset - at, "", "raw", "原始字节", "", "未解析"))
        rows.append(Row(span.offset, span.length, "", span.field, span.zh, span.value, span.note))
        at = max(at, span.offset + span.length)
    if at < len(body):
        rows.append(Row(at, len(body) - at, "", "raw", "原始字节", "", "未解析"))
    cut = [
        replace(
            row, length=min(row.length, len(shown) - row.offset), hex=body[row.offset :][: row.length][:64].hex(" ")
        )
        for row in rows
        if row.offset < len(shown)
    ]
    return {
        "hex": shown.hex(),
        "length": len(body),
        "rows": rows_of(cut, message),
        "groups": [{"key": key} | names for key, names in GROUPS.items()],
        "header": None,
        "message": _message_json(declared),
        "body": None,
        "error": error,
        "quirks": [],
        "problems": list(message.problems) if message is not None else [],
        "edition": None,
        "rule": {"state": "accepted", "reasons": []} | words("当时已接收", "Taken when it came"),
        "became": _became(1, "message", "原文存为消息", "Kept whole as a message"),
        "answer": None,
        "assumed": None,
        "profile": use.to_json() if use is not None else None,
        "steps": [],
    }


def _message_json(declared: type[Message] | None) -> dict[str, Any] | None:
    return declared if declared is None else {
        "id": declared.id, "zh": declared.zh, "en": declared.en, "clause": declared.clause,
        "source": declared.source, "way": declared.way,
    }  # fmt: skip


def _reading(raw: bytes, out: Explanation, header: Header | None) -> dict[str, Any]:
    content = lenient_content(raw)
    rule = edition_rule(content)
    declared = REGISTRY.get(header.message_id) if header is not None else None
    error: dict[str, Any] | None = None
    if out.error is not None:
        error = {"code": out.error.code, "detail": out.error.detail, "offset": out.error.offset}
        error["rule"] = rule_of(out.error.code)
        if out.error.code == "checksum":
            # The check code's own byte is where it shows.
            error["offset"] = next((row.offset for row in out.rows if row.field == "check_code"), None)
    given = out.to_json()
    return {
        "hex": raw.hex(),
        "length": len(raw),
        "rows": rows_of(out.rows, out.message),
        "groups": [{"key": key} | names for key, names in GROUPS.items()],
        "header": header_json(header) if header is not None else None,
        "message": _message_json(declared),
        "body": out.message.to_json() if out.message is not None else None,
        "error": error,
        "quirks": [rule_of(code) for code in given["quirks"]],
        "problems": given["problems"],
        "edition": {key: value for key, value in asdict(rule).items() if key != "edition"}
        | {"edition": header.edition if header is not None else rule.edition}
        | edition_words(rule, header.edition if header is not None else None),
    }


def header_json(header: Header) -> dict[str, Any]:
    """The header's values; the phone as the identity it is."""
    return {
        "message_id": header.message_id,
        "edition": header.edition,
        "protocol_version": header.protocol_version,
        "phone": header.phone,
        "serial": header.serial,
        "body_length": header.body_length,
        "encrypt": header.encrypt,
        "fragmented": header.fragmented,
        "package_total": header.package_total,
        "package_no": header.package_no,
    }


def rows_of(rows: list[Row], message: Any) -> list[dict[str, Any]]:
    """Rows with their English name and the group they are coloured by."""
    names = _HEADER | {f.name: f.en for f in getattr(message, "fields", ())}
    return [
        {
            "offset": row.offset,
            "length": row.length,
            "hex": row.hex,
            "field": row.field,
            "zh": row.term_zh,
            "en": names.get(row.field) or _english(row.field),
            "value": row.value,
            "value_en": english(row.value),
            "note": row.note,
            "note_en": english(row.note),
            "group": group_of(row.field),
        }
        for row in rows
    ]


def _english(path: str) -> str:
    last = path.rsplit(".", 1)[-1]
    text = re.sub(r"\[(.*?)\]", r" \1", last).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def group_of(path: str) -> str:
    """The group of a field by its path, such as ``items[0x64].level``."""
    head = path.split(".", 1)[0]
    if head == "flag":
        return "frame"
    if head == "check_code":
        return "check"
    if head in ("raw", "remainder"):
        return "raw"
    if head in _HEADER and head != "body":
        return "header"
    if re.search(r"items\[0x(6[4-7]|70|f[12])\]", path, re.IGNORECASE):
        return "sign" if "alarm_sign" in path else "safety"
    if "alarm_sign" in path:
        return "sign"
    return "items" if re.match(r"items\b", path) or "].items" in path else "body"


def _became(count: int | None, kind: str, zh: str, en: str, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"kind": kind, "count": count, "rows": rows or []} | words(zh, en)


def _fate(done: Rehearsal, header: Header | None, unread: bool) -> dict[str, Any]:
    state = "refused" if done.refused or header is None else "noted" if done.noted or unread else "accepted"
    reasons: list[dict[str, Any]] = [{**rule_of(code), "kind": "refused"} for code in done.refused]
    reasons += [{**rule_of(code), "kind": "noted", "expected": code in done.expected} for code in done.noted]
    if state == "refused" and done.messages:
        said = words(
            "消息体读不通：存了原文，记入台账，应答消息有误",
            "Its body cannot be read: kept whole, counted, answered as wrong",
        )
    elif state == "refused":
        said = words("拒收，记入台账", "Refused and counted in the ledger")
    elif unread and not done.noted:
        said = words("接收并存了原文，但消息体读不通", "Taken and kept whole, though its body cannot be read")
    elif state == "noted" and done.expected.issuperset(done.noted):
        said = words(
            "接收；与标准不符之处是档案所述的", "Taken; what departs from the standard is what the profile says"
        )
    elif state == "noted":
        said = words("接收，并记入台账", "Taken, and noted in the ledger")
    else:
        said = words("接收：帧、校验、长度、会话都符合", "Taken: frame, check code, length and session are right")
    return {
        "rule": {"state": state, "reasons": reasons} | said,
        "became": _kept(done, header),
        "answer": _answer(done),
        "assumed": words(
            "按已鉴权会话推演：未查注册库，平台流水号从 0 起。",
            "Rehearsed as an authenticated session: the registry was not asked, platform serials count from 0.",
        ),
    }


def _kept(done: Rehearsal, header: Header | None) -> dict[str, Any]:
    if done.locations:
        count = len(done.locations)
        rows = [
            {name: _plain(value) for name, value in row.items() if name not in _HIDDEN}
            for row in done.locations[:ROWS_SHOWN]
        ]
        return _became(count, "location", f"{count} 条位置", f"{count} location{'s' if count > 1 else ''}", rows)
    if done.messages:
        rows = [
            {name: _plain(value) for name, value in row.items() if name not in _HIDDEN and name != "body"}
            | {"body_bytes": len(row["body"])}
            for row in done.messages
        ]
        return _became(len(rows), "message", "原文存为消息", "Kept whole as a message", rows)
    if done.asked:
        zh, en = ("鉴权", "authentication") if done.asked == 0x0102 else ("注册", "registration")
        return _became(None, "handshake", f"交注册库{zh}，不存消息", f"The registry decides on the {en}; not stored")
    if done.waits:
        return _became(None, "fragment", "分包，等其余分包到齐", "A fragment; waits for the others")
    if done.refused or header is None:
        return _became(0, "none", "没有入库，只计入台账", "Not stored; counted in the ledger only")
    return _became(0, "session", "不入库，会话保持在线", "Not stored; keeps the session alive")


def _answer(done: Rehearsal) -> dict[str, Any] | None:
    if done.asked:
        reply = 0x8001 if done.asked == 0x0102 else 0x8100
        said = words("结果由注册库决定", "the result is the registry's")
        return {"message_id": reply, "hex": "", "rows": [], "result": None} | said
    if not done.answers:
        return None
    raw = done.answers[0]
    out = explain(raw)
    assert out.frame is not None
    message_id, body = out.frame.header.message_id, out.frame.body
    result = body[4] if message_id == 0x8001 and len(body) >= 5 else None
    declared = REGISTRY.get(message_id)
    said = words(declared.zh, declared.en) if declared is not None else words("应答", "Answer")
    if result is not None:
        said = RESULTS.get(result, words(str(result), str(result)))
    return {
        "message_id": message_id,
        "hex": raw.hex(),
        "rows": rows_of(out.rows, out.message),
        "result": result,
    } | said


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return value


def _step(key: str, state: str, head: Words, foot: Words) -> dict[str, Any]:
    return {"key": key, "state": state, "head": head, "foot": foot}


def _steps(raw: bytes, answer: dict[str, Any], out: Explanation) -> list[dict[str, Any]]:
    """From bytes to the answer, six steps; ``state`` is ok, odd, bad or none (not reached)."""
    content = lenient_content(raw)
    bare = raw[1 if raw[:1] == b"\x7e" else 0 : len(raw) - (1 if len(raw) > 1 and raw[-1:] == b"\x7e" else 0)]
    escapes = len(bare) - len(content)
    code = out.error.code if out.error is not None else ""
    broken = out.frame is None
    quirks = bool(answer["quirks"])
    steps = [
        _step("received", "ok", words(f"{len(raw)} 字节", f"{len(raw)} bytes"), words("标识位 0x7E", "flags 0x7E"))
    ]
    state = "bad" if code in ("delimiter", "escape") else "ok"
    foot = words(f"还原后 {len(content)} 字节", f"{len(content)} bytes unescaped")
    if (header := answer["header"]) is not None:
        size = len(content) - header["body_length"] - 1
        foot = words(
            f"{len(content)} = 头 {size} + 体 {header['body_length']} + 校验 1",
            f"{len(content)} = header {size} + body {header['body_length']} + check 1",
        )
    plural = "" if escapes == 1 else "s"
    steps.append(_step("unescaped", state, words(f"转义 {escapes} 处", f"{escapes} escape{plural}"), foot))
    steps.append(_check_step(content, state == "bad", quirks and not broken, out))
    edition = answer["edition"]["edition"]
    if state == "bad" or code == "checksum":
        steps.append(_step("accepted", "none", words("未到这一步", "not reached"), words("", "")))
    else:
        rule = answer["rule"]
        bad = rule["state"] == "refused"
        first = rule["reasons"][0] if rule["reasons"] else None
        head = words(f"{edition} 版", f"edition {edition}") if edition else words("版本不明", "edition unknown")
        note = words("按已鉴权会话推演", "as an authenticated session")
        if rule["state"] == "down":
            note = words("平台下发", "sent by the platform")
        elif first or rule["state"] != "accepted":
            note = words(first["zh"], first["en"]) if first else words(rule["zh"], rule["en"])
        steps.append(
            _step(
                "accepted", "bad" if bad else "odd" if first or quirks or rule["state"] == "noted" else "ok", head, note
            )
        )
    became = answer["became"]
    missing = became["kind"] == "none"
    steps.append(
        _step(
            "stored", "bad" if missing else "none" if became["kind"] == "down" else "ok", _both(became), words("", "")
        )
    )
    reply = answer["answer"]
    if reply is None:
        steps.append(_step("answered", "none", words("不应答", "no answer"), words("", "")))
    else:
        good = reply["result"] in (None, 0, 4)
        steps.append(
            _step("answered", "ok" if good else "bad", words(*[f"0x{reply['message_id']:04X}"] * 2), _both(reply))
        )
    return steps


def _check_step(content: bytes, unread: bool, quirk: bool, out: Explanation) -> dict[str, Any]:
    if unread or len(content) < 2:
        return _step("checked", "none" if unread else "bad", words("未到这一步", "not reached"), words("", ""))
    want = check_code(content[:-1])
    if out.error is not None and out.error.code == "checksum":
        foot = words(f"末字节是 {content[-1]:02X}", f"the last byte is {content[-1]:02X}")
        return _step("checked", "bad", words(f"异或 {want:02X}", f"XOR {want:02X}"), foot)
    if want != content[-1]:
        foot = words("容错接收", "tolerated") if out.frame is not None else words("不成立", "does not hold")
        state = "odd" if out.frame is not None and quirk else "bad"
        return _step("checked", state, words(f"异或 {want:02X}", f"XOR {want:02X}"), foot)
    return _step(
        "checked", "ok", words(f"异或 {want:02X}", f"XOR {want:02X}"), words("与末字节一致", "equals the last byte")
    )


def _both(given: dict[str, Any]) -> Words:
    return words(given["zh"], given["en"])
