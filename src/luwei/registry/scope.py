"""Scope: the part of the registry a person may see. Every query takes one; there is no query without it.

``luwei.access.authorize`` hands scopes out; here is what they mean for rows of vehicles, terminals and operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from luwei.registry.driver import Driver
from luwei.registry.errors import RegistryError
from luwei.registry.organisation import OPERATING, Organisation
from luwei.registry.vehicle import Vehicle


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits that hold together; None is no limit. Counties and cities are adcodes of the 道路运输证 authority."""

    cities: frozenset[int] | None = None
    counties: frozenset[int] | None = None
    operators: frozenset[int] | None = None

    @property
    def whole(self) -> bool:
        """True where nothing is hidden."""
        return self.cities is None and self.counties is None and self.operators is None

    def of_vehicles(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Vehicle``."""
        limits = ((Vehicle.city, self.cities), (Vehicle.county, self.counties), (Vehicle.operator_id, self.operators))
        return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]

    def of_operators(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation`` as an operator."""
        limits = (
            (Organisation.city, self.cities),
            (Organisation.county, self.counties),
            (Organisation.id, self.operators),
        )
        return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]

    def of_organisations(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation``: operators of the scope, and the bodies that are no operators, whose names
        everybody needs."""
        if self.whole:
            return []
        return [or_(Organisation.kind.not_in(OPERATING), and_(*self.of_operators()))]

    def of_drivers(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Driver``."""
        limits = ((Driver.city, self.cities), (Driver.county, self.counties), (Driver.operator_id, self.operators))
        return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]

    def covers_vehicle(self, row: Mapping[str, Any]) -> bool:
        """Whether a vehicle with these ``city``, ``county`` and ``operator_id`` is inside."""
        limits = (("city", self.cities), ("county", self.counties), ("operator_id", self.operators))
        return all(allowed is None or row.get(name) in allowed for name, allowed in limits)

    def covers_driver(self, row: Mapping[str, Any]) -> bool:
        """Whether a driver with these ``city``, ``county`` and ``operator_id`` is inside."""
        return self.covers_vehicle(row)

    def covers_organisation(self, row: Mapping[str, Any]) -> bool:
        """Whether an organisation with these ``kind``, ``city``, ``county`` and ``id`` may be written: bodies that
        are no operators belong to the whole province."""
        return self.whole or (row.get("kind") in OPERATING and self.covers_operator(row))

    def covers_operator(self, row: Mapping[str, Any]) -> bool:
        """Whether an operator with these ``city``, ``county`` and ``id`` is inside."""
        limits = (("city", self.cities), ("county", self.counties), ("id", self.operators))
        return all(allowed is None or row.get(name) in allowed for name, allowed in limits)

    def require_vehicle(self, row: Mapping[str, Any]) -> None:
        """Raises RegistryError when a vehicle would leave or lie outside the scope."""
        if not self.covers_vehicle(row):
            raise RegistryError("city", "must lie within your own jurisdiction", row.get("city") or "")


WHOLE = Scope()
"""No limit: for the processes of Luwei itself, never for a person's request."""
