"""Which profile fits a terminal: criteria as data, the most specific fit wins, and every choice can say why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_COMPARISON = re.compile(r"(<=|>=|=|<|>)\s*v?([0-9][0-9.]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of a terminal. Empty or 0: not known, so no criterion about it can fit."""

    manufacturer_id: str = ""
    """制造商ID of 0x0100 or 0x0107."""
    model: str = ""
    firmware: str = ""
    """终端固件版本号 of 0x0107 or 软件版本号 of 0x0102 (2019)."""
    province: int = 0
    """First two digits of the adcode, from 0x0100 or the vehicle's jurisdiction."""
    edition: int = 0
    dialect: str = ""
    """Dialect of active safety that the lengths of its alarm items showed."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion that fitted: ``model`` ``YJ-*`` because the terminal says ``YJ-V6``."""

    key: str
    rule: str
    value: str


@dataclass(frozen=True, slots=True)
class FirmwareRange:
    """Comparisons that all hold, such as ``>=3.2 <4``; versions are compared number by number."""

    text: str
    comparisons: tuple[tuple[str, tuple[int, ...]], ...]

    @staticmethod
    def of(text: str) -> FirmwareRange:
        """Raises ValueError for a text that is no list of comparisons."""
        found = tuple((sign, numbers(number)) for sign, number in _COMPARISON.findall(text))
        if not found or _COMPARISON.sub("", text).strip(" ,"):
            raise ValueError(text)
        return FirmwareRange(text, found)

    def holds(self, firmware: str) -> bool:
        """Whether ``firmware``, such as ``V3.2.1``, lies in the range; one without a number does not."""
        version = numbers(firmware)
        return bool(version) and all(_SIGNS[sign](_compare(version, limit)) for sign, limit in self.comparisons)


_SIGNS: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    ">=": lambda order: order >= 0,
    ">": lambda order: order > 0,
}


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version text: ``V3.2.1_b`` is (3, 2, 1). At most 8 of at most 9 digits count."""
    return tuple(int(number[:9]) for number in re.findall(r"\d+", version, re.ASCII)[:8])


def _compare(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    length = max(len(one), len(other))
    first, second = (each + (0,) * (length - len(each)) for each in (one, other))
    return (first > second) - (first < second)


@dataclass(frozen=True, slots=True)
class Match:
    """Criteria of one profile; an empty one asks nothing. Patterns have ``*`` and ``?`` and ignore the case."""

    manufacturer: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    firmware: FirmwareRange | None = None
    province: tuple[int, ...] = ()
    edition: tuple[int, ...] = ()
    dialect: tuple[str, ...] = ()

    def fits(self, identity: Identity) -> Fit | None:
        """How well ``identity`` fits, None where a criterion does not hold or cannot be judged."""
        reasons: list[Reason] = []
        weights: list[int] = []
        for key, judge in _CRITERIA:
            rule = getattr(self, key)
            if not rule:
                weights.append(0)
                continue
            found = judge(rule, identity)
            if found is None:
                return None
            weight, text, value = found
            weights.append(weight)
            reasons.append(Reason(key, text, value))
        return Fit(tuple(weights), tuple(reasons))


@dataclass(frozen=True, slots=True)
class Fit:
    """``weights`` in the order of ``_CRITERIA``: compared one after the other, the larger is the more specific."""

    weights: tuple[int, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The profile that was chosen and why. ``runners_up``: other profiles that fitted too, the next best first."""

    profile: Any
    reasons: tuple[Reason, ...]
    runners_up: tuple[str, ...] = ()


Judged = tuple[int, str, str] | None


def _pattern(patterns: tuple[str, ...], value: str) -> Judged:
    fitting = [p for p in patterns if value and fnmatchcase(value.upper(), p.upper())]
    if not fitting:
        return None
    best = max(fitting, key=lambda p: (_literal(p), p))
    return 1 + _literal(best), best, value


def _literal(pattern: str) -> int:
    """Characters of a pattern that stand for themselves."""
    return len(pattern) - pattern.count("*") - pattern.count("?")


def _member(allowed: tuple[Any, ...], value: Any) -> Judged:
    return (1, " ".join(map(str, allowed)), str(value)) if value and value in allowed else None


_CRITERIA: tuple[tuple[str, Callable[[Any, Identity], Judged]], ...] = (
    ("model", lambda rule, identity: _pattern(rule, identity.model)),
    ("manufacturer", lambda rule, identity: _pattern(rule, identity.manufacturer_id)),
    ("firmware", lambda rule, i: (1, rule.text, i.firmware) if rule.holds(i.firmware) else None),
    ("dialect", lambda rule, identity: _member(rule, identity.dialect)),
    ("province", lambda rule, identity: _member(rule, identity.province)),
    ("edition", lambda rule, identity: _member(rule, identity.edition)),
)
"""The criteria, what names a device before what it is used with: this order is the order of specificity."""
