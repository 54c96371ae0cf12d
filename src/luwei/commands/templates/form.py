"""The parameters that a template may hold, for the console's editor: groups, fields, units, ranges, defaults."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from luwei.commands.parameter_form import SECRET_IDS
from luwei.commands.templates.values import (
    BY_DIALECT,
    DIALECTS,
    ONE_VEHICLE,
    READ_ONLY,
    asked_fields,
    record_of,
    sparse,
)
from luwei.protocol.english import english
from luwei.protocol.fields import Integer, Unit, WireType
from luwei.protocol.jt808.bits import BitTable
from luwei.protocol.jt808.parameter_ranges import SCALARS, Bounds, block_bounds, clause_of
from luwei.protocol.jt808.parameters import PARAMETERS, ParameterType
from luwei.protocol.layout import Field
from luwei.protocol.message import EDITIONS, Nested, Record
from luwei.protocol.repeated import Repeated

GROUPS: tuple[tuple[str, str, str, range], ...] = (
    ("link", "通信与服务器", "Link and servers", range(0x0001, 0x0020)),
    ("report", "位置汇报", "Reporting", range(0x0020, 0x0040)),
    ("phone", "电话", "Telephone", range(0x0040, 0x0050)),
    ("alarm", "报警与驾驶", "Alarms and driving", range(0x0050, 0x0064)),
    ("picture", "拍照", "Pictures", range(0x0064, 0x0075)),
    ("video", "音视频", "Audio and video", range(0x0075, 0x0080)),
    ("vehicle", "车辆", "Vehicle", range(0x0080, 0x0090)),
    ("gnss", "卫星定位", "GNSS", range(0x0090, 0x0100)),
    ("can", "CAN总线", "CAN bus", range(0x0100, 0x0200)),
    ("safety", "主动安全", "Active safety", range(0xF364, 0xF370)),
)


@cache
def template_form() -> dict[str, Any]:
    """Groups, parameters and dialects."""
    rows = [
        _row(declared) for declared in PARAMETERS.values() if declared.id not in ONE_VEHICLE | READ_ONLY | SECRET_IDS
    ]
    return {
        "groups": [{"code": code, "zh": zh, "en": en} for code, zh, en, _ in GROUPS],
        "dialects": [{"value": code, "zh": zh, "en": source} for code, (zh, source) in DIALECTS.items()],
        "parameters": rows,
    }


def _row(declared: ParameterType) -> dict[str, Any]:
    wires = [w for e in EDITIONS if (w := declared.type_in(e)) is not None]
    whole = record_of(declared, "yuebiao")
    row = {
        "id": declared.id,
        "group": next(code for code, _, _, ids in GROUPS if declared.id in ids),
        "zh": declared.zh,
        "en": declared.en,
        "clause": clause_of(declared.id),
        "since": declared.since,
        "until": declared.until,
        **_value(wires[-1], SCALARS.get(declared.id), declared.unit, declared.values, declared.bits),
    }
    if whole is None:
        return row
    blocks = {code: _block(record_of(declared, code)) for code in DIALECTS} if declared.id in BY_DIALECT else {}
    return row | {"type": "block", "sparse": sparse(whole), "fields": _block(whole), "by_dialect": blocks}


def _block(record: type[Record] | None) -> list[dict[str, Any]]:
    return [] if record is None else [_field(record, declared) for declared in asked_fields(record)]


def _field(record: type[Record], declared: Field) -> dict[str, Any]:
    wire = declared.type_in(2019)
    row = {
        "name": declared.name,
        "zh": declared.zh,
        "en": declared.en or declared.zh,
        "required": not (declared.may_end or (sparse(record) and isinstance(wire, Integer))),
        **_value(wire, block_bounds(record, declared.name), declared.unit, declared.values, declared.bits),
    }
    if isinstance(wire, Repeated) and isinstance(wire.element, Nested):
        row |= {"type": "list", "fields": _block(wire.element.record)}
    return row


def _value(
    wire: WireType[Any], bounds: Bounds | None, unit: Unit | None, values: Mapping[int, str] | None, bits: Any
) -> dict[str, Any]:
    kind = "text"
    if isinstance(wire, Integer):
        kind = "choice" if values else "flags" if isinstance(bits, BitTable) else "integer"
    highest = wire.highest - bool(wire.all_ones) if isinstance(wire, Integer) else 0
    custom = None if bounds is None else bounds.custom
    return {
        "type": kind,
        "low": 0 if bounds is None else bounds.low,
        "high": highest if bounds is None else bounds.high,
        "custom": None if custom is None else list(custom),
        "default": None if bounds is None else bounds.default,
        "unit": "" if unit is None else unit.symbol,
        "decimals": 0 if unit is None else unit.decimals,
        "values": [{"value": number, "zh": text, "en": english(text)} for number, text in (values or {}).items()],
        "bits": _bits(bits) if isinstance(bits, BitTable) else [],
    }


def _bits(table: BitTable) -> list[dict[str, Any]]:
    named = [(bit, each.read(1 << each.bit, 2019)) for bit, each in ((b.bit, b) for b in table.bits) if each.width == 1]
    return [{"bit": bit, "zh": found[1], "en": found[2]} for bit, found in named if found is not None]
