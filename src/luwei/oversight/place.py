"""What a scope means for rows of oversight, which are bound to an organisation and to the area it is supervised by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false, or_

from luwei.registry.errors import RegistryError
from luwei.registry.organisation import Organisation
from luwei.registry.scope import Scope
from luwei.registry.supervision import HEIGHTS

_CHINA = timedelta(hours=8)


def at_work(at: int) -> list[ColumnElement[bool]]:
    """Conditions on an organisation whose people may sign in at ``at`` (UTC ms), as ``access.place.at_work`` has it:
    from another no answer can come."""
    today = (datetime.fromtimestamp(at / 1000, UTC) + _CHINA).date()
    return [
        Organisation.disabled_at.is_(None),
        or_(Organisation.valid_from.is_(None), Organisation.valid_from <= today),
        or_(Organisation.valid_to.is_(None), Organisation.valid_to >= today),
    ]


def within(scope: Scope, table: Any, *organisations: Any) -> list[ColumnElement[bool]]:
    """Conditions on a table with ``city`` and ``county``; ``organisations`` are the columns that name who it is of.

    An operator or a monitor sees what names it; insurers, vendors and drivers see nothing.
    """
    bonds = (scope.insurers, scope.vendors, scope.vehicles, scope.drivers)
    if any(each is not None for each in bonds):
        return [false()]
    found: list[ColumnElement[bool]] = []
    for column, allowed in ((table.city, scope.cities), (table.county, scope.counties)):
        if allowed is not None:
            found.append(column.in_(sorted(allowed)))
    for own in (scope.operators, scope.monitors):
        if own is not None:
            found.append(or_(*(column.in_(sorted(own)) for column in organisations)))
    return found


def is_authority(scope: Scope) -> bool:
    """Whether it is an area, and not an organisation's own: who is supervised does not supervise itself."""
    own = (scope.operators, scope.monitors, scope.insurers, scope.vendors, scope.vehicles, scope.drivers)
    return all(each is None for each in own)


def height_of(scope: Scope) -> str:
    """Level of the authority that acts within ``scope``: one of HEIGHTS."""
    return HEIGHTS[0] if scope.counties is not None else HEIGHTS[1] if scope.cities is not None else HEIGHTS[2]


def require_area(scope: Scope, city: int | None, county: int | None) -> None:
    """Raises RegistryError where an organisation or truck lies outside the authority's area."""
    limits = ((city, scope.cities), (county, scope.counties))
    if not all(allowed is None or value in allowed for value, allowed in limits):
        raise RegistryError("target", "must lie within your own jurisdiction")


def answers_for(scope: Scope, organisation: int) -> bool:
    """Whether these are the people of the organisation, or of one above it."""
    own = (scope.operators, scope.monitors)
    return any(ids is not None and organisation in ids for ids in own)
