"""Checks of a policy document: each takes a value and its path, and returns what is kept or refuses it by the path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NoReturn

from luwei.registry.errors import RegistryError
from luwei.registry.vehicle import VEHICLE_CLASSES

Check = Callable[[Any, str], Any]

_TYPE = re.compile(r"[0-9A-F]{4}|808:[0-3]\d|1078:[0-3]\d")
_ABSENT = object()
MOST_KEYS = 2_000


def refuse(path: str, rule: str, value: object = "") -> NoReturn:
    """Raises RegistryError."""
    raise RegistryError(path or "policy", rule, value)


class Table:
    """An object with exactly these fields; those made by ``maybe`` and ``default`` may be absent."""

    def __init__(self, fields: Mapping[str, Check]) -> None:
        self.fields = fields

    def __call__(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            refuse(path, "must be an object", value)
        for name in value:
            if name not in self.fields:
                refuse(_join(path, str(name)[:60]), "is not a field of the policy")
        return {name: check(value.get(name, _ABSENT), _join(path, name)) for name, check in self.fields.items()}


def whole(low: int, high: int) -> Check:
    """A whole number of the range."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            refuse(path, f"must be a whole number from {low} to {high}", _shown(value))
        return value

    return check


def share(value: Any, path: str) -> float:
    """A share above the limit: 0.2 is 20 %."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        refuse(path, "must be a share from 0 to 10, such as 0.2 for 20 %", _shown(value))
    return float(value)


def flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        refuse(path, "must be true or false", _shown(value))
    return value


def always(value: Any, path: str) -> bool:
    """A field that must be true: the rule behind it stands in reference supervision §7.2."""
    if value is not True:
        refuse(path, "must be true", _shown(value))
    return True


def text(low: int, high: int) -> Check:
    """One printable line."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or not low <= len(value) <= high or not value.isprintable():
            refuse(path, f"must be a line of {low} to {high} characters", _shown(value))
        return value

    return check


def one_of(allowed: tuple[str, ...]) -> Check:
    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            refuse(path, f"must be one of {', '.join(each or '(empty)' for each in allowed)}", _shown(value))
        return value

    return check


def code(value: Any, path: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", value):
        refuse(path, "must be 2 to 40 small letters, digits and underscores", _shown(value))
    return value


def alarm_type(value: Any, path: str) -> str:
    """Item and type in hex (``6502``), or a bit of the standards (``808:01``, ``1078:00``)."""
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        refuse(path, "must be a type of alarm such as 6502, 808:01 or 1078:00", _shown(value))
    return value


def typed(value: Any, path: str) -> str:
    """A type, or one as a certain dialect means it (``6506@sign_39``)."""
    kind, at, dialect = str(value).partition("@")
    if at and not re.fullmatch(r"[a-z0-9_]{1,20}", dialect):
        refuse(path, "must name a dialect behind @, such as 6506@sign_39", _shown(value))
    return f"{alarm_type(kind, path)}{at}{dialect}"


def vehicle_class(value: Any, path: str) -> str:
    if value not in VEHICLE_CLASSES:
        refuse(path, f"must be one of {', '.join(VEHICLE_CLASSES)}", _shown(value))
    return str(value)


def day(value: Any, path: str) -> str:
    """A date as ``2026-10-01``."""
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        refuse(path, "must be a date such as 2026-10-01", _shown(value))


def several(check: Check, most: int, least: int = 0) -> Check:
    """A list of different values."""

    def checked(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            refuse(path, f"must be a list of {least} to {most} values", _shown(value))
        found = tuple(check(each, f"{path}.{number}") for number, each in enumerate(value))
        if len(set(found)) != len(found):
            refuse(path, "must not have a value twice", _shown(value))
        return found

    return checked


def rows(table: Table, most: int) -> Check:
    """A list of objects."""

    def checked(value: Any, path: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or len(value) > most:
            refuse(path, f"must be a list of at most {most} objects", _shown(value))
        return [table(each, f"{path}.{number}") for number, each in enumerate(value)]

    return checked


def keyed(key: Check, check: Check) -> Check:
    """An object whose keys are values themselves."""

    def checked(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MOST_KEYS:
            refuse(path, f"must be an object of at most {MOST_KEYS} fields", _shown(value))
        return {key(name, _join(path, str(name)[:60])): check(each, _join(path, name)) for name, each in value.items()}

    return checked


def maybe(check: Check) -> Check:
    """May be absent or null."""
    return lambda value, path: None if value is _ABSENT or value is None else check(value, path)


def default(check: Check, value: Any) -> Check:
    """``value`` where it is absent."""
    return lambda given, path: check(value if given is _ABSENT else given, path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> object:
    return "" if value is _ABSENT else value
