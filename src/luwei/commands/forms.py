"""Fields of a command's form: the same line makes the console's input, the check and the sentence of the refusal.

A value that breaks its rule raises RegistryError naming the field (``parameters.<name>``), the rule and the clause.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from luwei.commands.parameter_form import PARAMETERS_MAX, check_parameter, check_parameter_id
from luwei.registry.errors import RegistryError

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

Value = tuple[int, str, str]
"""(number on the wire, 中文, English)."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. ``type`` is a key of ``CHECKS``; ``only`` is (another field, values with which this one is asked)."""

    name: str
    type: str
    zh: str
    en: str
    clause: str
    low: int = 0
    high: int = 0
    unit: str = ""
    most: int = 0
    """Bytes of GBK (text), bytes (hex) or entries (lists)."""
    values: tuple[Value, ...] = ()
    default: Any = None
    required: bool = True
    only: tuple[str, tuple[int, ...]] | None = None
    columns: tuple[FormField, ...] = ()
    """Of type rows: what each row holds."""

    def error(self, rule: str, value: object = "") -> RegistryError:
        """The refusal of ``value``."""
        return RegistryError(f"parameters.{self.name}", f"{rule} ({self.clause})", value)


def _integer(field: FormField, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not field.low <= value <= field.high:
        unit = f" {field.unit}" if field.unit else ""
        raise field.error(f"must be a whole number from {field.low} to {field.high}{unit}", value)
    return value


def _text(field: FormField, value: Any) -> str:
    if not isinstance(value, str) or (field.required and not value.strip()):
        raise field.error("must not be empty", value)
    if any(ord(char) < 32 and char != "\n" for char in value):
        raise field.error("must not contain control characters", value)
    try:
        size = len(value.encode("gbk"))
    except UnicodeEncodeError as error:
        raise field.error(f"has a character that GBK lacks: {value[error.start]!r}", value) from None
    if size > field.most:
        raise field.error(f"must have at most {field.most} bytes of GBK, has {size}", value)
    return value


def _phone(field: FormField, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\+?[0-9*#-]{3,20}", value.strip()):
        raise field.error("must be a telephone number of 3 to 20 characters", value)
    return value.strip()


def _choice(field: FormField, value: Any) -> int:
    known = [number for number, _, _ in field.values]
    if isinstance(value, bool) or value not in known:
        raise field.error(f"must be one of {', '.join(map(str, known))}", value)
    return int(value)


def _flag(field: FormField, value: Any) -> bool:
    if not isinstance(value, bool):
        raise field.error("must be true or false", value)
    return value


def _list(field: FormField, value: Any) -> list[Any]:
    if not isinstance(value, list) or (field.required and not value) or len(value) > field.most:
        raise field.error(f"must be a list of {int(field.required)} to {field.most} entries", value)
    return value


def _bits(field: FormField, value: Any) -> list[int]:
    return sorted({_choice(field, entry) for entry in _list(field, value)})


def _numbers(field: FormField, value: Any) -> list[int]:
    return [_integer(field, entry) for entry in _list(field, value)]


def _choices(field: FormField, value: Any) -> list[str]:
    return [_text(field, entry) for entry in _list(field, value)]


def _hex(field: FormField, value: Any) -> str:
    try:
        raw = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        raw = b""
    if not raw or len(raw) > field.most:
        raise field.error(f"must be 1 to {field.most} bytes in hexadecimal", value)
    return raw.hex()


def _degrees(field: FormField, value: Any) -> float:
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not number or not field.low <= value <= field.high:
        raise field.error(f"must be degrees from {field.low} to {field.high} (WGS-84)", value)
    return round(float(value), 6)


def _time(field: FormField, value: Any) -> str:
    """China Standard Time as the wire has it, from 2000 to 2099."""
    try:
        moment = datetime.strptime(value, TIME_FORMAT)
    except (TypeError, ValueError):
        moment = None
    if moment is None or not 2000 <= moment.year <= 2099:
        raise field.error("must be a time like 2025-06-01 08:30:00, from 2000 to 2099", value)
    return moment.strftime(TIME_FORMAT)


def _rows(field: FormField, value: Any) -> list[dict[str, Any]]:
    rows = []
    for number, entry in enumerate(_list(field, value), 1):
        if not isinstance(entry, Mapping) or set(entry) - {column.name for column in field.columns}:
            raise field.error(f"row {number} must have {', '.join(column.name for column in field.columns)}", entry)
        row = {}
        for column in field.columns:
            given = entry.get(column.name, column.default)
            try:
                if given is None:
                    raise column.error("must be given")
                row[column.name] = CHECKS[column.type](column, given)
            except RegistryError as error:
                raise RegistryError(
                    f"parameters.{field.name}", f"row {number}, {column.name}: {error.rule}", given
                ) from None
        rows.append(row)
    return rows


def _parameters(field: FormField, value: Any) -> list[dict[str, Any]]:
    entries = _list(field, value)
    checked = [check_parameter(field.error, entry) for entry in entries]
    if sum(5 + entry.pop("size") for entry in checked) > 60_000:
        raise field.error("is too much for one message", len(checked))
    return checked


def _parameter_ids(field: FormField, value: Any) -> list[int]:
    return list(dict.fromkeys(check_parameter_id(field.error, entry) for entry in _list(field, value)))


CHECKS: Mapping[str, Callable[[FormField, Any], Any]] = {
    "integer": _integer,
    "text": _text,
    "phone": _phone,
    "choice": _choice,
    "flag": _flag,
    "bits": _bits,
    "numbers": _numbers,
    "areas": _numbers,
    "texts": _choices,
    "hex": _hex,
    "degrees": _degrees,
    "time": _time,
    "rows": _rows,
    "parameters": _parameters,
    "parameter_ids": _parameter_ids,
}


def check(fields: tuple[FormField, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a form, with defaults filled in. Raises RegistryError for the first that breaks its rule."""
    known = {field.name for field in fields}
    for name in given:
        if name not in known:
            raise RegistryError(f"parameters.{name}", "is no field of this command")
    values: dict[str, Any] = {}
    for field in fields:
        if field.only is not None and values.get(field.only[0]) not in field.only[1]:
            continue
        value = given.get(field.name)
        if value is None:
            value = field.default
        if value is None:
            if field.required:
                raise field.error("must be given")
            continue
        values[field.name] = CHECKS[field.type](field, value)
    return values


def describe(field: FormField) -> dict[str, Any]:
    """The line as the console gets it."""
    return {
        "name": field.name,
        "type": field.type,
        "zh": field.zh,
        "en": field.en,
        "clause": field.clause,
        "low": field.low,
        "high": field.high,
        "unit": field.unit,
        "most": field.most or PARAMETERS_MAX,
        "values": [{"value": number, "zh": zh, "en": en} for number, zh, en in field.values],
        "default": field.default,
        "required": field.required,
        "columns": [describe(column) for column in field.columns],
        "only": None if field.only is None else {"field": field.only[0], "values": list(field.only[1])},
    }
