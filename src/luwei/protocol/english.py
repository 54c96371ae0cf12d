"""English for the value words of the declarations, which speak Chinese as the standards do.

``english`` turns what a field means (names of values, of bits that are set, joined by ，) into English; a part that has
none, such as a name or a text of the terminal, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from luwei.protocol.english_words import WORDS
from luwei.protocol.fields import by_edition
from luwei.protocol.jt808.bits import BitTable
from luwei.protocol.jt808.items import ITEM_TYPES
from luwei.protocol.jt808.parameters import PARAMETERS, ParameterType
from luwei.protocol.layout import Field
from luwei.protocol.message import EDITIONS, REGISTRY, Record

_PATTERNS = (
    (re.compile(r"(\d+) 字节"), r"\1 bytes"),
    (re.compile(r"^长度 (\d+)（不是标准长度$"), r"length \1 (no length of the standard"),
    (re.compile(r"^未解析）$"), "not decoded)"),
    (re.compile(r"^只列前 (\d+) 行$"), r"only the first \1 rows are listed"),
    (re.compile(r"^应为 (0x\w+)$"), r"should be \1"),
    (re.compile(r"^错误 (\w+)：(.*)$"), r"error \1: \2"),
    (re.compile(r"^位 ?(\d+)$"), r"bit \1"),
    (re.compile(r"^转义 (\d+) 处$"), r"\1 escaped"),
    (re.compile(r"^保留位 ?(\d+)$"), r"reserved bit \1"),
)


def english(text: str) -> str:
    """``text`` in English, part by part."""
    known = _known()
    if text in known:
        return known[text]
    return ", ".join(_part(part, known) for part in re.split("，|、|；", text))


def in_both(declared: Field | ParameterType, value: Any, edition: int) -> tuple[str, str]:
    """``value`` and what it means for a reader, in Chinese and in English. A text of the terminal stays as it is."""
    note, text = declared.explain(value, edition), declared.text(value, edition)
    said = english(text) if isinstance(value, int) else text
    return (f"{text} {note}", f"{said} {english(note)}") if note else (text, said)


def _part(part: str, known: dict[str, str]) -> str:
    if part in known:
        return known[part]
    name, _, number = part.rpartition(" ")
    if name in known and number.isdigit():
        return f"{known[name]} {number}"
    if number in known and name.isdigit():
        return f"{name} {known[number]}"
    for pattern, form in _PATTERNS:
        part = pattern.sub(form, part)
    return part


def value_words() -> Iterator[str]:
    """Every word that a declaration gives to a value."""
    for declared in _fields():
        yield from (declared.values or {}).values()
    for parameter in PARAMETERS.values():
        yield from (parameter.values or {}).values()


def _fields() -> Iterator[Field]:
    seen: set[type[Record]] = set()
    waiting: list[type[Record]] = [Record]
    while waiting:
        record = waiting.pop()
        if record not in seen:
            seen.add(record)
            waiting += record.__subclasses__()
            yield from record.fields


@cache
def _known() -> dict[str, str]:
    found = {message.zh: message.en for message in REGISTRY.values()}
    found |= {parameter.zh: parameter.en for parameter in PARAMETERS.values() if parameter.en}
    found |= {item.zh: item.en for item in ITEM_TYPES.values() if item.en}
    for table in BitTable.all:
        for bit in table.bits:
            pairs = [(by_edition(bit.zh, edition), by_edition(bit.en, edition)) for edition in EDITIONS]
            pairs += [bit.off] if bit.off else []
            pairs += [(zh, en) for _, zh, en in bit.states]
            found |= {zh: en for zh, en in pairs if zh and en}
    return {zh: en[:1].lower() + en[1:] if en[1:2].islower() else en for zh, en in found.items()} | WORDS
