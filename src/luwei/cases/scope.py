"""What a scope means for cases: whose truck it was when the case was opened, and who drove when it began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, false

from luwei.registry import wheel
from luwei.registry.case import AlarmCase
from luwei.registry.scope import Scope

FAULTS = "device_faults"
"""The narrow right of a vendor: cases of its devices' own faults."""
_LIMITS = (
    ("city", "cities"), ("county", "counties"), ("operator_id", "operators"), ("monitor_id", "monitors"),
    ("insurer_id", "insurers"), ("vendor_id", "vendors"), ("vehicle_id", "vehicles"),
)  # fmt: skip


def within(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on ``AlarmCase``."""
    found: list[ColumnElement[bool]] = []
    for column, limit in _LIMITS:
        allowed = getattr(scope, limit)
        if limit == "vehicles" and scope.wheel is not None:
            found.append(wheel.drove(scope.wheel, AlarmCase.vehicle_id, AlarmCase.started_at))
        elif allowed is not None:
            one: ColumnElement[bool] = getattr(AlarmCase, column).in_(sorted(allowed))
            found.append(one)
    if scope.drivers is not None and scope.vehicles is None:
        found.append(false())
    if scope.narrow == FAULTS:
        found.append(AlarmCase.fault.is_(True))
    return found


def covers(scope: Scope, row: Mapping[str, Any]) -> bool:
    """The same for a row that was read already. Who drove stands in no row: for a driver it has to be read in his
    scope."""
    if scope.wheel is not None:
        return False
    if scope.drivers is not None and scope.vehicles is None:
        return False
    if scope.narrow == FAULTS and not row["fault"]:
        return False
    limits = ((row[column], getattr(scope, limit)) for column, limit in _LIMITS)
    return all(allowed is None or value in allowed for value, allowed in limits)
