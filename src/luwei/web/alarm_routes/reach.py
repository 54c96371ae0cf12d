"""Whose alarms a question may see: of trucks that lay within the scope when the alarm began, and of allowed types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from luwei.alarms.names import FAULTS
from luwei.registry.scope import Scope


def chosen_scope(scope: Scope, city: int | None, county: int | None, operator: int | None) -> Scope:
    """The scope within what the person chose."""
    asked = Scope(
        cities=None if city is None else frozenset({city}),
        counties=None if county is None else frozenset({county}),
        operators=None if operator is None else frozenset({operator}),
    )
    return replace(scope.within(asked), narrow=scope.narrow)


def allowed_types(scope: Scope, asked: Sequence[str]) -> list[str]:
    """Types that a query may give; empty for all. Who sees device faults only gets no other type, whatever is asked."""
    if scope.narrow != "device_faults":
        return list(asked)
    return sorted(FAULTS & set(asked)) or ["-"] if asked else sorted(FAULTS)
