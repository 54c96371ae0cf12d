"""Names of alarms 报警名称, Chinese and English, with the clause they come from. The declarations hold the words.

The same number means another alarm in another dialect (reference §4.2), so a name asks for the dialect; without one it
is the 粤标 meaning, else that of 苏标. What no table names keeps its raw type: "未知 6431".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from luwei.alarms.lasting import BITS_808, BITS_1078, FAULT_ITEMS, NUMBER_OF
from luwei.protocol.english import english
from luwei.protocol.fields import LATEST
from luwei.protocol.jt808.bits import ALARM, VIDEO_ALARM, BitTable
from luwei.protocol.jt808.items import ITEM_TYPES
from luwei.protocol.safety.alarm_items import TYRE_EVENTS
from luwei.protocol.safety.dialects import DIALECTS, SUBIAO, YUEBIAO
from luwei.protocol.safety.dialects import DRIVING as DRIVING_TYPES

SOURCES: dict[str, tuple[str, str]] = {
    "808": ("终端报警", "Terminal"),
    "1078": ("视频报警", "Video"),
    "adas": ("高级驾驶辅助", "ADAS"),
    "dsm": ("驾驶员状态监测", "Driver state"),
    "tpms": ("胎压监测", "Tyre pressure"),
    "bsd": ("盲区监测", "Blind spot"),
    "driving": ("激烈驾驶", "Intense driving"),
    "fault": ("装置异常", "Device fault"),
}
"""Where an alarm comes from, Chinese and English."""
_ITEMS = {"64": "adas", "65": "dsm", "66": "tpms", "67": "bsd", "70": "driving", "F1": "fault", "F2": "fault"}
_CLAUSES = {
    "64": "T/GDRTA 002-2020 表5-15；T/JSATL 12-2017 表4-15",
    "65": "T/GDRTA 002-2020 表5-17；T/JSATL 12-2017 表4-17",
    "66": "T/GDRTA 002-2020 表5-19；T/JSATL 12-2017 表4-19",
    "67": "T/GDRTA 002-2020 表5-20；T/JSATL 12-2017 表4-20",
    "70": "实现",
    "F1": "T/GDRTA 002-2020 表5-14",
    "F2": "T/GDRTA 002-2020 表5-14",
}
_LATER_FAMILY = {0x06: "双手脱离方向盘报警", 0x07: "驾驶员行为监测功能失效报警", 0x08: "未系安全带报警"}
"""0x65 of the family with 39 bytes (reference §4.2, known from implementations)."""
_LATER_ENGLISH = {
    "双手脱离方向盘报警": "Both hands off the wheel",
    "驾驶员行为监测功能失效报警": "Driver monitoring failed",
}
FAULTS = frozenset(
    {f"808:{bit:02}" for bit in (4, 5, 6, 7, 8, 9, 10, 11, 12, 24)}
    | {f"1078:{bit:02}" for bit in (0, 2, 3, 6)}
    | {"F100", "F200", "6507", "6604", "6607"}
)
"""Types that speak of the device and not of the driver: what a vendor may see (reference supervision §2.2). A covered
lens is what somebody did, no fault."""


@dataclass(frozen=True, slots=True)
class AlarmName:
    """What an alarm is called, and what sort it is."""

    type: str
    zh: str
    en: str
    source: str
    lasting: bool
    """A condition with a beginning and an end; others say themselves whether they last."""
    device_fault: bool
    known: bool
    clause: str
    clears: str = ""
    """Of bits: C with the condition, A after the platform's answer (JT/T 808-2019 table 25)."""


@lru_cache(maxsize=8192)
def name(type_: str, dialect: str = "", edition: int = LATEST) -> AlarmName:
    """The name of a type in that dialect and, for bits, edition. Raises nothing: an unknown one has its number."""
    if type_.startswith("808:"):
        return _bit(type_, ALARM, BITS_808, "808", "JT/T 808-2019 表25", edition)
    if type_.startswith("1078:"):
        return _bit(type_, VIDEO_ALARM, BITS_1078, "1078", "JT/T 1078-2016 表14", edition)
    item, code = type_[:2], type_[2:]
    source = _ITEMS.get(item, "")
    fault = type_ in FAULTS
    unknown = AlarmName(type_, f"未知 {type_}", f"Unknown {type_}", source, False, False, False, _CLAUSES.get(item, ""))
    if source == "fault":
        declared = ITEM_TYPES[int(item, 16)]
        return replace(unknown, zh=declared.zh, en=declared.en, lasting=True, device_fault=True, known=True)
    try:
        number = int(code, 16)
    except ValueError:
        return unknown
    if source == "tpms":
        bit = next((bit for bit in TYRE_EVENTS.bits if bit.bit == number), None)
        if bit is None:
            return unknown
        return replace(unknown, zh=str(bit.zh), en=f"Tyre: {str(bit.en).lower()}", device_fault=fault, known=True)
    zh = _codes(source, dialect).get(number)
    if zh is None:
        return unknown
    return replace(unknown, zh=zh, en=_english(zh), device_fault=fault, known=True)


def all_names() -> list[AlarmName]:
    """Every type that has a name in some dialect, by source and number, each with its name without a dialect."""
    return [_any(type_) for type_ in sorted(_types(), key=_order)]


def dialect_names(type_: str) -> dict[str, AlarmName]:
    """The names that dialects give a type of active safety; empty for bits, which have none."""
    if type_ in NUMBER_OF or type_.startswith("66"):
        return {}
    return {one.name: found for one in DIALECTS if (found := name(type_, one.name)).known}


def known_names() -> list[str]:
    """``dialect/type`` of every type that has a name in that dialect; bits and unknown lengths have no dialect."""
    every = list(_types())
    dialects = ("", *(dialect.name for dialect in DIALECTS))
    return [f"{dialect}/{type_}" for dialect in dialects for type_ in every if name(type_, dialect).known]


def _any(type_: str) -> AlarmName:
    found = name(type_)
    if found.known:
        return found
    return next(iter(dialect_names(type_).values()), found)


def _bit(type_: str, table: BitTable, first: int, source: str, clause: str, edition: int) -> AlarmName:
    number = NUMBER_OF.get(type_, -1) - first
    named = next((one for one in table.names(1 << number, edition)), None) if 0 <= number < 32 else None
    if named is None and 0 <= number < 32:
        # A bit that this edition does not define may still be set; another edition's word is better than none.
        named = next((one for year in (2019, 2013, 2011) for one in table.names(1 << number, year)), None)
    clears = next((bit.clears for bit in table.bits if bit.bit == number), "")
    if source == "808" and number == 3 and edition < 2019:
        clears = "A"  # 2011 and 2013; 2019 changed it
    if named is None:
        return AlarmName(type_, f"未知 {type_}", f"Unknown {type_}", source, True, False, False, clause)
    return AlarmName(type_, named[1], named[2], source, True, type_ in FAULTS, True, clause, clears)


def _codes(source: str, dialect: str) -> Mapping[int, str]:
    found = _tables(source)
    return found.get(dialect, {}) if dialect else found[""]


@cache
def _tables(source: str) -> dict[str, dict[int, str]]:
    """Code → Chinese name by dialect; under "" that of 粤标 and, where it has none, of 苏标."""
    if source == "driving":
        return {"": dict(DRIVING_TYPES)} | {dialect.name: dict(DRIVING_TYPES) for dialect in DIALECTS}
    found = {dialect.name: dict(getattr(dialect, source, {})) for dialect in DIALECTS}
    for dialect in DIALECTS:
        if not found[dialect.name]:
            # Known by their lengths only: what both standards agree on is what the number has always meant.
            found[dialect.name] = {
                code: zh for code, zh in getattr(SUBIAO, source).items() if getattr(YUEBIAO, source).get(code) == zh
            }
    if source == "dsm":
        found["sign_39"] |= _LATER_FAMILY
    return found | {"": found["subiao"] | found["yuebiao"]}


def _types() -> Iterator[str]:
    yield from (f"808:{bit:02}" for bit in range(32) if name(f"808:{bit:02}").known)
    yield from (f"1078:{bit:02}" for bit in range(32) if name(f"1078:{bit:02}").known)
    for item, source in _ITEMS.items():
        if source in ("adas", "dsm", "bsd", "driving"):
            codes = {code for table in _tables(source).values() for code in table}
            yield from (f"{item}{code:02X}" for code in codes)
    yield from (f"66{bit.bit:02X}" for bit in TYRE_EVENTS.bits if bit.bit)
    yield from (f"{item:02X}00" for item in FAULT_ITEMS)


def _order(type_: str) -> tuple[int, str]:
    return list(SOURCES).index(name(type_).source), type_


def _english(zh: str) -> str:
    word = _LATER_ENGLISH.get(zh) or english(zh)
    return word[:1].upper() + word[1:]
