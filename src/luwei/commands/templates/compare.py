"""A template against what a terminal reports, or against another version: field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luwei.commands.templates.values import asked_fields, build, encoded, record_of
from luwei.protocol.english import in_both
from luwei.protocol.jt808.parameters import Parameter, parameter_type
from luwei.protocol.message import Nested, Record
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.repeated import Repeated

Leaf = tuple[Any, str, str]
"""(value, its text in Chinese, in English)."""
_NOTHING: Leaf = (None, "", "")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as wanted. ``found`` is empty where the terminal did not report the parameter."""

    id: int
    field: str
    """Empty where the parameter is one value; ``channels.0.ptz`` in a list."""
    zh: str
    en: str
    wanted: str
    found: str
    wanted_en: str = ""
    found_en: str = ""


def with_terminal(
    wanted: Sequence[Mapping[str, Any]],
    found: Iterable[Parameter],
    edition: int,
    dialect: str,
    reading: Reading = STANDARD,
) -> list[Difference]:
    """What a terminal of ``edition`` holds otherwise than the template says."""
    reported = {parameter.id: parameter for parameter in found}
    differences: list[Difference] = []
    for entry in wanted:
        parameter = reported.get(entry["id"])
        value = None if parameter is None else parameter.value(edition, reading)
        if parameter is not None and parameter.raw == encoded(entry, dialect).get(edition):
            continue
        leaves = _leaves(entry, dialect, edition)
        if parameter is None or (value is None and parameter_type(parameter.id) is not None):
            odd = "" if parameter is None else parameter.raw.hex()
            differences += [_difference(entry["id"], name, leaf, (None, odd, odd)) for name, leaf in leaves.items()]
            continue
        there = _flat(entry["id"], parameter.raw.hex() if value is None else value, edition)
        for name, leaf in leaves.items():
            actual = there.get(name, _NOTHING)
            if actual[0] != leaf[0]:
                differences.append(_difference(entry["id"], name, leaf, actual))
    return differences


def versions(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], dialects: tuple[str, str]
) -> list[Difference]:
    """What ``after`` says otherwise than ``before``: there ``found`` is the older text, ``wanted`` the newer one."""
    sides = [
        {(e["id"], name): leaf for e in entries for name, leaf in _leaves(e, dialect, 2019).items()}
        for entries, dialect in zip((before, after), dialects, strict=True)
    ]
    old, new = sides
    return [
        _difference(key, name, new.get((key, name), _NOTHING), old.get((key, name), _NOTHING))
        for key, name in sorted(old.keys() | new.keys())
        if old.get((key, name), _NOTHING)[0] != new.get((key, name), _NOTHING)[0]
    ]


def lines(entries: Iterable[Mapping[str, Any]], dialect: str, edition: int = 2019) -> list[Difference]:
    """Every single value of a template, as ``wanted``."""
    return [
        _difference(e["id"], name, leaf, _NOTHING)
        for e in entries
        for name, leaf in _leaves(e, dialect, edition).items()
    ]


def _leaves(entry: Mapping[str, Any], dialect: str, edition: int) -> dict[str, Leaf]:
    """The single values that a template sets in one parameter."""
    declared, value = parameter_type(entry["id"]), entry["value"]
    if declared is None or not isinstance(value, Mapping):
        return _flat(entry["id"], value, edition)
    record = record_of(declared, dialect, edition if declared.type_in(edition) is not None else 2019)
    if record is None:
        return {}
    flat = _flat(entry["id"], build(record, value), edition)
    return {name: leaf for name, leaf in flat.items() if name.partition(".")[0] in value}


def _flat(key: int, value: Any, edition: int) -> dict[str, Leaf]:
    declared = parameter_type(key)
    if isinstance(value, Record):
        return dict(_fields(value, "", edition))
    if declared is None:
        return {"": (value, str(value), str(value))}
    return {"": (value, *in_both(declared, value, edition))}


def _fields(record: Record, prefix: str, edition: int) -> Iterable[tuple[str, Leaf]]:
    for declared in asked_fields(type(record)):
        value = getattr(record, declared.name)
        wire = declared.type_in(edition)
        if value is None:
            continue
        if isinstance(wire, Repeated) and isinstance(wire.element, Nested):
            yield f"{prefix}{declared.name}", (len(value), str(len(value)), str(len(value)))
            for number, each in enumerate(value):
                yield from _fields(each, f"{prefix}{declared.name}.{number}.", edition)
            continue
        yield f"{prefix}{declared.name}", (value, *in_both(declared, value, edition))


def _difference(key: int, name: str, wanted: Leaf, found: Leaf) -> Difference:
    zh, en = _names(key, name)
    return Difference(key, name, zh, en, wanted[1], found[1], wanted[2], found[2])


def _names(key: int, name: str) -> tuple[str, str]:
    """Chinese and English name of a field, for any dialect that has it."""
    declared = parameter_type(key)
    if declared is None:
        return "厂商自定义参数", "Vendor's parameter"
    if not name:
        return declared.zh, declared.en
    for dialect in ("yuebiao", "subiao"):
        record = record_of(declared, dialect)
        names = _path(record, name.split(".")) if record is not None else None
        if names is not None:
            return names
    return declared.zh, declared.en


def _path(record: type[Record], steps: list[str]) -> tuple[str, str] | None:
    found = next((f for f in record.fields if f.name == steps[0]), None)
    if found is None or len(steps) < 3:
        return None if found is None else (found.zh, found.en or found.zh)
    wire = found.type_in(2019)
    inner = (
        _path(wire.element.record, steps[2:])
        if isinstance(wire, Repeated) and isinstance(wire.element, Nested)
        else None
    )
    number = int(steps[1]) + 1
    return None if inner is None else (f"{found.zh} {number}：{inner[0]}", f"{found.en} {number}: {inner[1]}")
