"""Headers and words of import files: which column is meant, and what its text says. Chinese and English alike."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from luwei import geo
from luwei.registry import plate as plates
from luwei.registry.errors import RegistryError
from luwei.registry.vehicle import VEHICLE_CLASSES


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an import. ``words`` are the headers it is known by, the first one stands in the template."""

    name: str
    words: tuple[str, ...]
    example: str
    convert: Callable[[str], Any] = str
    required: bool = False


def _number(name: str, words: Mapping[str, int], rule: str) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text):
            return int(text)
        if text in words:
            return words[text]
        raise RegistryError(name, rule, text)

    return convert


@cache
def _cities() -> dict[str, int]:
    return {name: city.adcode for city in geo.areas() for name in (city.name, city.short, city.name_en)}


@cache
def _counties() -> dict[str, int]:
    """Names that mean one county only; of an ambiguous one the adcode must be given."""
    found: dict[str, list[int]] = {}
    for city in geo.areas():
        for county in city.counties:
            for name in {county.name, county.name_en, f"{city.short}{county.name}", f"{city.name}{county.name}"}:
                found.setdefault(name, []).append(county.adcode)
    return {name: codes[0] for name, codes in found.items() if len(codes) == 1}


def _color(text: str) -> int:
    words = {word: code for code, word in plates.COLORS.items()}
    bare = text.removesuffix("色").removesuffix("牌").removesuffix("色")
    return _number("plate_color", words, "must be a colour such as 黄 or its code, such as 2")(
        bare if bare in words else text
    )


def _city(text: str) -> int:
    return _number("city", _cities(), "must be the name or adcode of one of the 21 cities of Guangdong")(text)


def _county(text: str) -> int:
    return _number("county", _counties(), "must be the name (one that exists once) or adcode of a county")(text)


def _class(text: str) -> str:
    for code, word in VEHICLE_CLASSES.items():
        if text in (code, word, word.partition("（")[0]):
            return code
    choices = "、".join(word for word in VEHICLE_CLASSES.values())
    raise RegistryError("vehicle_class", f"must be one of {choices}", text)


def _edition(text: str) -> int:
    match = re.fullmatch(r"(?:JT/?T ?808-)?(\d{4})(?:\.0)?", text.upper())
    if not match:
        raise RegistryError("edition", "must be 2011, 2013 or 2019", text)
    return int(match[1])


_PLATE = Column("plate", ("车牌号", "车牌号码", "车牌", "号牌号码", "plate"), "粤B12345")
_COLOR = Column("plate_color", ("车牌颜色", "号牌颜色", "plate_color"), "黄", _color)
_CITY = Column("city", ("所属地市", "地市", "市", "城市", "city"), "深圳市", _city)
_COUNTY = Column("county", ("所属区县", "区县", "县区", "县", "county"), "440305", _county)
_PHONE = Column("phone", ("终端手机号", "SIM卡号", "手机号", "phone"), "13800138000")
_DEVICE = (
    Column("terminal_id", ("终端ID", "终端编号", "terminal_id"), "LW00001"),
    Column("manufacturer_id", ("制造商ID", "manufacturer_id"), "44030"),
    Column("model", ("终端型号", "model"), "LW-1"),
    Column("edition", ("协议版本", "edition"), "2019", _edition),
)

NOUNS: dict[str, tuple[Column, ...]] = {
    "operators": (
        Column("name", ("企业名称", "业户名称", "经营者名称", "name"), "某某物流有限公司", required=True),
        Column("credit_code", ("统一社会信用代码", "credit_code"), ""),
        Column("licence_number", ("道路运输经营许可证号", "经营许可证号", "licence_number"), "440300000001"),
        _CITY,
        _COUNTY,
        Column("contact", ("联系人", "contact"), ""),
        Column("contact_phone", ("联系电话", "contact_phone"), ""),
    ),
    "vehicles": (
        Column(_PLATE.name, _PLATE.words, _PLATE.example, required=True),
        Column(_COLOR.name, _COLOR.words, _COLOR.example, _color, required=True),
        Column("vin", ("车架号", "车辆识别代号", "VIN", "vin"), "1M8GDM9AXKP042788"),
        Column("vehicle_class", ("车辆类型", "vehicle_class"), "半挂牵引车", _class),
        _CITY,
        _COUNTY,
        Column("operator", ("企业名称", "业户名称", "所属企业", "operator"), "某某物流有限公司"),
        _PHONE,
        *_DEVICE,
    ),
    "terminals": (
        Column(_PHONE.name, _PHONE.words, _PHONE.example, required=True),
        *_DEVICE,
        _PLATE,
        _COLOR,
    ),
}
"""Columns by noun."""

IGNORED = frozenset({"序号", "编号", "备注", "no", "no.", "remark", "note", ""})
"""Headers that files of other systems carry and that say nothing to the registry."""


def understand(noun: str, header: list[str]) -> dict[int, Column]:
    """Column by its index in the file. Raises RegistryError with field ``file`` for an unknown, doubled or missing
    header; a misspelt one must not quietly lose its data."""
    known = {_plain(word): column for column in NOUNS[noun] for word in column.words}
    found: dict[int, Column] = {}
    for index, text in enumerate(header):
        plain = _plain(text)
        if plain in IGNORED:
            continue
        if plain not in known:
            raise RegistryError("file", f"unknown column; known are {'、'.join(c.words[0] for c in NOUNS[noun])}", text)
        if known[plain] in found.values():
            raise RegistryError("file", "column appears twice", text)
        found[index] = known[plain]
    for column in NOUNS[noun]:
        if column.required and column not in found.values():
            raise RegistryError("file", f"must have the column {column.words[0]} ({column.name})")
    return found


def template_csv(noun: str) -> bytes:
    """A file with the headers and one example row, in UTF-8 with the mark that spreadsheets need. Raises KeyError."""
    output = io.StringIO(newline="")
    writer = csv.writer(output)
    writer.writerow([column.words[0] for column in NOUNS[noun]])
    writer.writerow([column.example for column in NOUNS[noun]])
    return output.getvalue().encode("utf-8-sig")


def _plain(text: str) -> str:
    return re.sub(r"[\s*＊]+|[（(].*[)）]$", "", text).lower()
