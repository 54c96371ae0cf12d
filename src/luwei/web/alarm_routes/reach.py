"""Whose alarms a question may see: those of trucks that lay within the scope when the alarm began.

The history's queries take the vehicles as bits. A truck that changed hands within the time asked for is taken out of
them and named with the spans in which it was the caller's; facts of a merged truck stand under its old id.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from luwei.alarms.names import FAULTS
from luwei.registry import gone, ownership
from luwei.registry.engine import read
from luwei.registry.scope import LIMITS, Scope
from luwei.web.errors import Refused
from luwei.web.services import Services

MOVED_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Reach:
    """A scope over a time, as queries take it."""

    bits: str
    moved: list[tuple[int, int, int]] = field(default_factory=list)
    """Vehicle, from, to."""
    merged: dict[int, int] = field(default_factory=dict)
    """Old id → the vehicle that it is part of now."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What every query of alarms takes."""
        return {
            "scope": self.bits,
            "moved": [each[0] for each in self.moved],
            "moved_from": [each[1] for each in self.moved],
            "moved_to": [each[2] for each in self.moved],
        }


async def reach_of(services: Services, scope: Scope, start: int) -> Reach:
    """The reach of ``scope`` from ``start`` (UTC ms) on. Raises Refused where too many trucks changed hands since."""
    moved, merged = await asyncio.to_thread(_registry, services, scope, start)
    if moved is None:
        raise Refused(400, "from", f"more than {MOVED_MAX} trucks changed hands since then: ask for a shorter time")
    if all(getattr(scope, name) is None for name in LIMITS):
        return Reach("", merged=merged)
    mask = services.fleet.reach(scope)
    mask = np.concatenate((mask, np.zeros(max(0, max(merged, default=0) + 1 - len(mask)), np.bool_)))
    for loser, survivor in merged.items():
        mask[loser] = survivor < len(mask) and mask[survivor]
    for key in moved:
        if key < len(mask):
            mask[key] = False
    packed = np.packbits(mask, bitorder="little").tobytes() or bytes(1)
    spans = [(key, low, high) for key, found in moved.items() for low, high in found]
    return Reach(base64.b64encode(packed).decode(), spans, merged)


def _registry(services: Services, scope: Scope, start: int) -> tuple[dict[int, ownership.Spans] | None, dict[int, int]]:
    with read(services.engine) as connection:
        merged = gone.merged(connection, "vehicle")
    return ownership.changed(services.engine, scope, start, MOVED_MAX), merged


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
