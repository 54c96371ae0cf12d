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
from luwei.registry import fields
from luwei.registry import plate as plates
from luwei.registry.driver import QUALIFICATIONS
from luwei.registry.errors import RegistryError
from luwei.registry.organisation import INSURER, KINDS, MONITOR, OPERATING, VENDOR
from luwei.registry.sim import CARRIERS
from luwei.registry.vehicle import VEHICLE_CLASSES


@dataclass(frozen=True, slots=True)
class Reference:
    """Another record: its noun, the column by which a file names it, and the kinds of organisation it may be."""

    noun: str
    by: str
    kinds: tuple[str, ...] = ()
    convert: Callable[[Any], Any] = str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an import. ``words`` are the headers it is known by, the first one stands in the template."""

    name: str
    words: tuple[str, ...]
    example: str
    convert: Callable[[str], Any] = str
    required: bool = False
    reference: Reference | None = None
    """Set where the text names another record; ``name`` is then the column of the id."""


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


def _word(name: str, words: Mapping[str, str]) -> Callable[[str], str]:
    """A code or the word that stands for it."""

    def convert(text: str) -> str:
        for code, word in words.items():
            if text in (code, word):
                return code
        raise RegistryError(name, f"must be one of {'、'.join(words.values())}", text)

    return convert


def _flag(name: str) -> Callable[[str], bool]:
    def convert(text: str) -> bool:
        if text.lower() in ("是", "1", "true", "yes", "y"):
            return True
        if text.lower() in ("否", "0", "false", "no", "n"):
            return False
        raise RegistryError(name, "must be 是 or 否", text)

    return convert


def _mass(text: str) -> int:
    if match := re.fullmatch(r"([0-9]{1,6})(?:\.0+)?(?:kg|千克)?", text.lower()):
        return int(match[1])
    raise RegistryError("gross_mass_kg", "must be a whole number of kilograms", text)


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


def _organisation(name: str, words: tuple[str, ...], example: str, kinds: tuple[str, ...]) -> Column:
    return Column(name, words, example, reference=Reference("organisation", "name", kinds))


_OPERATOR = (
    Column("name", ("企业名称", "业户名称", "经营者名称", "name"), "某某物流有限公司", required=True),
    Column("credit_code", ("统一社会信用代码", "credit_code"), ""),
    Column("licence_number", ("道路运输经营许可证号", "经营许可证号", "licence_number"), "440300000001"),
    _CITY,
    _COUNTY,
    Column("contact", ("联系人", "contact"), ""),
    Column("contact_phone", ("联系电话", "contact_phone"), ""),
)

NOUNS: dict[str, tuple[Column, ...]] = {
    "operators": _OPERATOR,
    "organisations": (
        Column("name", ("机构名称", "name"), "某某财产保险股份有限公司", required=True),
        Column("kind", ("机构类型", "kind"), "保险机构", _word("kind", KINDS), required=True),
        Column("short_name", ("简称", "short_name"), ""),
        _organisation("parent_id", ("上级机构", "parent"), "", tuple(KINDS)),
        Column("area", ("管辖行政区划代码", "area"), "", _number("area", {}, "must be an adcode")),
        *_OPERATOR[1:],
        Column("valid_from", ("有效期起", "valid_from"), ""),
        Column("valid_to", ("有效期止", "valid_to"), ""),
    ),
    "vehicles": (
        Column(_PLATE.name, _PLATE.words, _PLATE.example, required=True),
        Column(_COLOR.name, _COLOR.words, _COLOR.example, _color, required=True),
        Column("vin", ("车架号", "车辆识别代号", "VIN", "vin"), "1M8GDM9AXKP042788"),
        Column("vin_confirmed", ("车架号已核实", "vin_confirmed"), "", _flag("vin_confirmed")),
        Column("vehicle_class", ("车辆类型", "vehicle_class"), "半挂牵引车", _class),
        Column("gross_mass_kg", ("总质量", "gross_mass_kg"), "", _mass),
        Column("owner", ("车辆所有人", "所有人", "owner"), ""),
        _CITY,
        _COUNTY,
        Column("transport_certificate", ("道路运输证号", "transport_certificate"), ""),
        Column("certificate_valid_from", ("道路运输证有效期起", "certificate_valid_from"), ""),
        Column("certificate_valid_to", ("道路运输证有效期止", "certificate_valid_to"), ""),
        Column("operator", ("企业名称", "业户名称", "所属企业", "operator"), "某某物流有限公司"),
        _organisation("monitor_id", ("第三方监控机构", "monitor"), "", (MONITOR,)),
        _organisation("insurer_id", ("保险公司", "保险机构", "insurer"), "", (INSURER,)),
        _PHONE,
        *_DEVICE,
    ),
    "terminals": (
        Column(_PHONE.name, _PHONE.words, _PHONE.example, required=True),
        *_DEVICE,
        _organisation("vendor_id", ("中标单位", "服务商", "vendor"), "", (VENDOR,)),
        _PLATE,
        _COLOR,
    ),
    "drivers": (
        Column("name", ("姓名", "驾驶员姓名", "name"), "张三", required=True),
        Column("identity_number", ("身份证号", "公民身份号码", "identity_number"), ""),
        Column("phone", ("联系电话", "手机号", "phone"), "13800138000"),
        Column("licence_class", ("准驾车型", "licence_class"), "A2"),
        Column("licence_number", ("驾驶证号", "licence_number"), ""),
        Column("licence_valid_to", ("驾驶证有效期止", "licence_valid_to"), "2030-01-31"),
        Column("qualification_number", ("从业资格证号", "qualification_number"), "4403000000000000001"),
        Column(
            "qualification_kind", ("从业资格类别", "qualification_kind"), "道路货物运输驾驶员",
            _word("qualification_kind", QUALIFICATIONS),
        ),
        Column("qualification_issuer", ("从业资格证发证机关", "qualification_issuer"), ""),
        Column("qualification_valid_from", ("从业资格证有效期起", "qualification_valid_from"), ""),
        Column("qualification_valid_to", ("从业资格证有效期止", "qualification_valid_to"), "2030-01-31"),
        Column("ic_card_number", ("IC卡号", "ic_card_number"), ""),
        Column("ic_card_issuer", ("IC卡发卡机构", "ic_card_issuer"), ""),
        Column("ic_card_valid_to", ("IC卡有效期止", "ic_card_valid_to"), ""),
        _CITY,
        _COUNTY,
        _organisation("operator_id", ("企业名称", "所属企业", "operator"), "某某物流有限公司", OPERATING),
    ),
    "sims": (
        Column("iccid", ("ICCID", "iccid"), "89860000000000000001", required=True),
        Column("msisdn", ("SIM卡号码", "卡号", "msisdn"), "1440000000001"),
        Column("carrier", ("运营商", "carrier"), "中国移动", _word("carrier", CARRIERS)),
        Column("valid_from", ("有效期起", "valid_from"), ""),
        Column("valid_to", ("有效期止", "valid_to"), "2030-12-31"),
        Column(
            "terminal_id", ("终端手机号", "terminal"), "13800138000",
            reference=Reference("terminal", "phone", convert=fields.phone),
        ),
    ),
    "models": (
        Column("name", ("终端型号", "name"), "LW-1", required=True),
        Column("firmware", ("固件版本", "firmware"), "1.0.0"),
        Column("manufacturer_id", ("制造商ID", "manufacturer_id"), "44030"),
        _organisation("vendor_id", ("中标单位", "vendor"), "", (VENDOR,)),
        Column("catalogued", ("列入中标目录", "catalogued"), "是", _flag("catalogued")),
        Column("catalogue_number", ("目录编号", "catalogue_number"), ""),
        Column("catalogued_on", ("列入日期", "catalogued_on"), "2021-03-01"),
    ),
}  # fmt: skip
"""Columns by noun."""

IGNORED = frozenset({"序号", "编号", "备注", "no", "no.", "remark", "note", ""})
"""Headers that files of other systems carry and that say nothing to the registry."""


def understand(noun: str, header: list[str]) -> dict[int, Column]:
    """Column by its index in the file. Raises RegistryError with field ``file`` for an unknown, doubled or missing
    header; a misspelt one must not quietly lose its data."""
    known = {_plain(word): column for column in NOUNS[noun] for word in (*column.words, column.name)}
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
