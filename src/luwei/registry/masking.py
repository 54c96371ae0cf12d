"""Masking 脱敏: what is left of a personal value for who may not see it whole. The full value never leaves.

Enough is left to tell two people of one list apart, and too little to call or find them (GB/T 35273-2020 §3.15, §7.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from luwei.registry.changes import Change
from luwei.registry.personal import CARD, IDENTITY, NAME, OWNER, PERSONAL, PHONE, PICTURE

HIDING = ("match_result", "masked")
"""What of ``luwei.access.kinds.NARROWS``, as ``Scope.narrow``, hides personal fields."""


def name(text: str) -> str:
    """张三丰 → 张**."""
    return text[:1] + "*" * max(len(text) - 1, 1)


def owner(text: str) -> str:
    """A person as ``name``; a company, which has more than four characters and no dot of a name from abroad, whole."""
    return name(text) if len(text) <= 4 or "·" in text else text


def phone(text: str) -> str:
    """13812345678 → 138****5678; a short one is hidden whole."""
    return f"{text[:3]}****{text[-4:]}" if len(text) >= 11 else "*" * len(text)


def identity(text: str) -> str:
    """The province and city of birth and the last character: 4403**************X is 18 characters."""
    return f"{text[:4]}{'*' * (len(text) - 5)}{text[-1:]}" if len(text) >= 15 else "*" * len(text)


def card(text: str) -> str:
    """The last three characters."""
    return "*" * (len(text) - 3) + text[-3:] if len(text) >= 8 else "*" * len(text)


def plate(text: str) -> str:
    """粤B12345 → 粤B***45: a truck among others, for aggregates."""
    return f"{text[:2]}***{text[-2:]}" if len(text) >= 7 else "*" * len(text)


_SORTS: dict[str, Callable[[str], str | None]] = {
    NAME: name, OWNER: owner, PHONE: phone, IDENTITY: identity, CARD: card, PICTURE: lambda text: None,
}  # fmt: skip


def masked_value(sort: str, value: Any) -> Any:
    """A value of that sort, masked; what is empty stays so."""
    return value if value is None or value == "" else _SORTS[sort](str(value))


def masked(noun: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the personal fields of ``noun`` masked; a change ``[before, after]`` in both."""
    sorts = PERSONAL.get(noun, {})
    return {field: _deep(sorts[field], value) if field in sorts else value for field, value in row.items()}


def masked_cell(noun: str, field: str, value: Any) -> Any:
    """One value of a row of ``noun``."""
    sort = PERSONAL.get(noun, {}).get(field)
    return value if sort is None else masked_value(sort, value)


def masked_change(noun: str, change: Change) -> Change:
    """An act of a record's history with personal values masked, before and after, and without what it says beside."""
    shown = [
        replace(
            each, before=masked_cell(noun, each.field, each.before), after=masked_cell(noun, each.field, each.after)
        )
        for each in change.fields
    ]
    detail = None if change.detail is None else masked(noun, change.detail)
    return replace(change, fields=shown, detail=detail)


def _deep(sort: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_deep(sort, each) for each in value]
    if isinstance(value, Mapping):
        return {key: _deep(sort, each) for key, each in value.items()}
    return masked_value(sort, value)
