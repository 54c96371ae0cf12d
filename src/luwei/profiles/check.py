"""From a TOML table to a profile: every key has a rule, and what breaks one is refused by file, key and rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from luwei.profiles.match import FirmwareRange, Match
from luwei.profiles.profile import CHINA_H, MEDIA_CODECS, MediaHabits, Profile
from luwei.profiles.reasons import QUIRKS, REASONS
from luwei.protocol.reading import Reading
from luwei.protocol.safety.dialects import DIALECTS

CHARSETS = ("gbk", "gb18030", "utf-8")
EDITIONS = (2011, 2013, 2019)
STEPS = {"0.1km/h": 1, "1km/h": 10}
WORD_TABLES = {
    "adas": ("0x64.type",), "dsm": ("0x65.type",), "bsd": ("0x67.type",), "driving": ("0x70.type",),
    "road_sign": ("0x64.road_sign_type",), "channel": ("channel",), "resolution": ("0x8801.resolution",),
    "file_type": ("0x1211.type", "0x1212.type", "0x9212.type"),
}  # fmt: skip
"""Table of [codes] → the fields whose codes it names."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_CODE = re.compile(r"0x[0-9A-Fa-f]{1,2}")
_PATTERN_MAX, _TEXT_MAX, _LIST_MAX = 40, 300, 64


class ProfileError(ValueError):
    """A profile cannot be taken: ``file``, ``key`` (with dots) and the ``rule`` that it breaks."""

    def __init__(self, file: str, key: str, rule: str) -> None:
        super().__init__(f"{file}: {key or 'file'}: {rule}")
        self.file = file
        self.key = key
        self.rule = rule


class _Broken(ValueError):
    """A rule that a value breaks, before file and key are known."""


Rule = Callable[[Any], Any]


def _text(most: int, pattern: re.Pattern[str] | None = None, rule: str = "") -> Rule:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
            raise _Broken(f"must be one line of 1 to {most} characters")
        if pattern is not None and not pattern.fullmatch(value):
            raise _Broken(rule)
        return value

    return check


def _whole(low: int, high: int) -> Rule:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Broken(f"must be a whole number from {low} to {high}")
        return value

    return check


def _one_of(*allowed: Any) -> Rule:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise _Broken(f"must be one of {', '.join(map(str, allowed))}")
        return value

    return check


def _yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Broken("must be true or false")
    return value


def _list(rule: Rule) -> Rule:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > _LIST_MAX:
            raise _Broken(f"must be a list of at most {_LIST_MAX} entries")
        return tuple(rule(entry) for entry in value)

    return check


def _firmware(value: Any) -> FirmwareRange:
    try:
        return FirmwareRange.of(_text(60)(value))
    except ValueError as error:
        if isinstance(error, _Broken):
            raise
        raise _Broken("must be comparisons such as '>=3.2 <4'") from None


def _codes(value: Any) -> dict[int, str]:
    """``{"0x06" = "探头遮挡报警"}``."""
    if not isinstance(value, dict):
        raise _Broken("must be a table of codes")
    return {_code(key): _text(40)(word) for key, word in value.items()}


def _code(key: str) -> int:
    if not _CODE.fullmatch(key):
        raise _Broken(f"{key!r}: a code is written 0x00 to 0xFF")
    return int(key, 16)


def _items(value: Any) -> dict[int, tuple[int, ...] | None]:
    """``{"0x64" = [71], "0xE0" = [], "0x65" = false}``: lengths, any length, not expected."""
    if not isinstance(value, dict):
        raise _Broken("must be a table of items")
    found: dict[int, tuple[int, ...] | None] = {}
    for key, lengths in value.items():
        found[_code(key)] = None if lengths is False else _list(_whole(0, 255))(lengths)
    return found


def _word_tables(value: Any) -> dict[str, dict[int, str]]:
    if not isinstance(value, dict):
        raise _Broken("must be a table of tables")
    unknown = sorted(value.keys() - WORD_TABLES.keys())
    if unknown:
        raise _Broken(f"{unknown[0]}: must be one of {', '.join(WORD_TABLES)}")
    return {field: _codes(codes) for name, codes in value.items() for field in WORD_TABLES[name]}


def _matches(value: Any) -> dict[str, tuple[Match, ...]]:
    """One table of criteria or a list of them."""
    tables = value if isinstance(value, list) else [value]
    if not tables or len(tables) > _LIST_MAX or not all(isinstance(table, dict) for table in tables):
        raise _Broken("must be a table of criteria or a list of such tables")
    found = []
    for table in tables:
        if not table:
            raise _Broken("must ask something: an empty table would fit every terminal")
        criteria = {}
        for key, entry in table.items():
            if key not in CRITERIA:
                raise _Broken(f"{key}: is not known; known are {', '.join(CRITERIA)}")
            try:
                criteria[key] = CRITERIA[key](entry)
            except _Broken as error:
                raise _Broken(f"{key}: {error}") from None
            if not criteria[key]:
                raise _Broken(f"{key}: must not be empty")
        found.append(Match(**criteria))
    return {"alternatives": tuple(found)}


_DIALECT = _one_of(*(dialect.name for dialect in DIALECTS))
_KNOWN_QUIRK = _one_of(*sorted(QUIRKS), *REASONS)

CRITERIA: Mapping[str, Rule] = {
    "manufacturer": _list(_text(_PATTERN_MAX)),
    "model": _list(_text(_PATTERN_MAX)),
    "firmware": _firmware,
    "province": _list(_whole(11, 82)),
    "edition": _list(_one_of(*EDITIONS)),
    "dialect": _list(_DIALECT),
}
"""What a [match] may ask."""

RULES: Mapping[str, Mapping[str, Rule]] = {
    "": {
        "name": _text(40, _NAME, "must be 2 to 40 of a-z, 0-9 and -, not beginning with -"),
        "version": _whole(1, 9999),
        "zh": _text(60),
        "en": _text(100),
        "source": _text(_TEXT_MAX),
        "extends": _text(40, _NAME, "must be the name of a profile"),
    },
    "reading": {
        "editions": _list(_one_of(*EDITIONS)),
        "charset": _one_of(*CHARSETS),
        "safety": _DIALECT,
        "clock_zone_h": _whole(-12, 14),
        "server_time_zone_h": _whole(-12, 14),
        "speed_step": _one_of(*STEPS),
        "fuel_percent": _yes_no,
        "audio_codecs": _list(_whole(0, 127)),
    },
    "capability": {"slave_server": _yes_no, "control_binary": _yes_no, "text_charset": _one_of(*CHARSETS)},
    "media": {
        "audio_codec": _one_of(*MEDIA_CODECS),
        "g726_bits": _whole(2, 5),
        "g726_order": _one_of("little", "big"),
        "adpcm_order": _one_of("high", "low"),
        "talk_channel": _whole(1, 64),
        "talk_data_type": _one_of(2, 4),
        "talk_hisilicon": _one_of("auto", "always", "never"),
        "list_after_parameters": _yes_no,
    },
    "quirks": {"expected": _list(_KNOWN_QUIRK)},
}
"""Section → key → rule; "" is the top of the file."""

WHOLE: Mapping[str, Rule] = {"match": _matches, "items": _items, "codes": _word_tables}
"""Sections that are checked whole: keys of their own, or several tables."""

Checked = dict[str, dict[Any, Any]]
"""Section → key → checked value, as one file states it."""


def check(file: str, table: Mapping[str, Any]) -> Checked:
    """The values of one file. Raises ProfileError."""
    found: Checked = {section: {} for section in (*RULES, *WHOLE)}
    for key, value in table.items():
        if key in WHOLE:
            found[key] = _attempt(file, key, WHOLE[key], value)
        elif key in RULES and key:
            if not isinstance(value, dict):
                raise ProfileError(file, key, "must be a section")
            for name, entry in value.items():
                found[key][name] = _checked(file, key, name, entry)
        else:
            found[""][key] = _checked(file, "", key, value)
    for name in ("name", "version", "zh", "en", "source"):
        if name not in found[""]:
            raise ProfileError(file, name, "must be given")
    return found


def _checked(file: str, section: str, name: str, value: Any) -> Any:
    rule = RULES[section].get(name)
    key = f"{section}.{name}" if section else name
    if rule is None:
        known = [*RULES[section], *([s for s in (*RULES, *WHOLE) if s] if not section else [])]
        raise ProfileError(file, key, f"is not known; known are {', '.join(known)}")
    return _attempt(file, key, rule, value)


def _attempt(file: str, key: str, rule: Rule, value: Any) -> Any:
    try:
        return rule(value)
    except _Broken as error:
        raise ProfileError(file, key, str(error)) from None


def merged(base: Checked, own: Checked) -> Checked:
    """``own`` on top of what it extends: its keys win, its items and codes are added one by one, quirks together."""
    out: Checked = {section: {**base[section], **own[section]} for section in own}
    out["match"] = own["match"]
    codes = (base["codes"], own["codes"])
    out["codes"] = {name: {**codes[0].get(name, {}), **codes[1].get(name, {})} for name in {**codes[0], **codes[1]}}
    quirks = (*base["quirks"].get("expected", ()), *own["quirks"].get("expected", ()))
    out["quirks"] = {"expected": tuple(dict.fromkeys(quirks))}
    return out


def build(file: str, shipped: bool, values: Checked) -> Profile:
    """The profile of merged values."""
    top, reading, capability, media = values[""], values["reading"], values["capability"], values["media"]
    return Profile(
        name=top["name"],
        version=top["version"],
        zh=top["zh"],
        en=top["en"],
        source=top["source"],
        file=file,
        shipped=shipped,
        matches=values["match"].get("alternatives", ()),
        editions=reading.get("editions", ()),
        reading=Reading(
            charset=reading.get("charset", "gbk"),
            safety=reading.get("safety", ""),
            words=values["codes"],
            fuel_percent=reading.get("fuel_percent", False),
        ),
        clock_zone_h=reading.get("clock_zone_h", CHINA_H),
        server_time_zone_h=reading.get("server_time_zone_h", 0),
        speed_step_dkmh=STEPS[reading.get("speed_step", "0.1km/h")],
        items={item: lengths for item, lengths in values["items"].items() if lengths is not None},
        audio_codecs=reading.get("audio_codecs", ()),
        slave_server=capability.get("slave_server", False),
        control_binary=capability.get("control_binary", False),
        media=MediaHabits(
            media.get("audio_codec", ""),
            media.get("g726_bits", 0),
            media.get("g726_order") == "big",
            media.get("adpcm_order") == "low",
            media.get("talk_channel", 0),
            media.get("talk_data_type", 2),
            media.get("talk_hisilicon", "auto"),
            media.get("list_after_parameters", False),
        ),
        text_charset=capability.get("text_charset") or reading.get("charset", "gbk"),
        quirks=values["quirks"].get("expected", ()),
    )
