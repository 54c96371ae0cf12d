"""Scope: the part of the registry a person may see. Every query takes one; there is no query without it.

``luwei.access.authorize`` hands scopes out; here is what they mean for rows of vehicles, terminals, drivers and
organisations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from luwei.registry.driver import Driver
from luwei.registry.errors import RegistryError
from luwei.registry.organisation import OPERATING, Organisation
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

Ids = frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Wheel:
    """Whose own past a driver's is: what was recorded while he was at the wheel (``luwei.registry.wheel``)."""

    drivers: frozenset[int]
    """Ids under which the registry knew the driver."""
    trucks: tuple[tuple[int, int, int], ...]
    """Vehicle that was his, from, to (UTC ms): it counts where no other driver's card was in it."""
    now: frozenset[int]
    """Vehicles that he drives at present."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits that hold together; None is no limit. Counties and cities are adcodes of the 道路运输证 authority, the
    others ids: of the organisations a truck is bound to, of single vehicles and drivers."""

    cities: Ids = None
    counties: Ids = None
    operators: Ids = None
    insurers: Ids = None
    monitors: Ids = None
    vendors: Ids = None
    vehicles: Ids = None
    """Named by a grant, or a driver's own truck."""
    drivers: Ids = None
    """Named by a grant, or the driver; where only ``vehicles`` is set, no driver at all."""
    wheel: Wheel | None = None
    """Of what was recorded of trucks, only what a driver drove; ``vehicles`` then says whose records he sees now."""
    aggregate: bool = False
    """Counts only: no row may leave."""
    narrow: str = ""
    """What the right shows less than its kind (``luwei.access.kinds.NARROWS``)."""
    grants: tuple[int, ...] = ()
    """Ids of the grants that opened it."""
    reason: str = ""
    """Purpose and case number of those grants."""

    @property
    def whole(self) -> bool:
        """True where nothing is hidden."""
        return not self.aggregate and all(getattr(self, name) is None for name in LIMITS)

    @property
    def limits(self) -> tuple[Ids, ...]:
        """The limits in the order of LIMITS."""
        return tuple(getattr(self, name) for name in LIMITS)

    @property
    def driving(self) -> Scope:
        """Of a driver: what is so at this moment, in the trucks that he drives now. Others stay as they are."""
        return self if self.wheel is None else replace(self, vehicles=self.wheel.now)

    @property
    def text(self) -> str:
        """The limits in words, as the audit log keeps them."""
        parts = [f"{name}={_listed(allowed)}" for name in LIMITS if (allowed := getattr(self, name)) is not None]
        parts += ["aggregate"] * self.aggregate
        parts += [f"grant={_listed(frozenset(self.grants))}"] * bool(self.grants)
        return " ".join(parts)[:200]

    def within(self, other: Scope) -> Scope:
        """What lies in both."""
        both: dict[str, Any] = {name: _both(getattr(self, name), getattr(other, name)) for name in LIMITS}
        return replace(self, **both, aggregate=self.aggregate or other.aggregate, wheel=self.wheel or other.wheel)

    def of_vehicles(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Vehicle``."""
        limits = (
            (Vehicle.city, self.cities), (Vehicle.county, self.counties), (Vehicle.operator_id, self.operators),
            (Vehicle.insurer_id, self.insurers), (Vehicle.monitor_id, self.monitors), (Vehicle.id, self.vehicles),
        )  # fmt: skip
        found: list[ColumnElement[bool]] = [
            column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None
        ]
        if self.vendors is not None:
            devices = select(Terminal.vehicle_id).where(
                Terminal.vendor_id.in_(sorted(self.vendors)), Terminal.vehicle_id.is_not(None)
            )
            found.append(Vehicle.id.in_(devices))
        if self.drivers is not None and self.vehicles is None:
            found.append(false())
        return found

    def of_terminals(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Terminal`` alone. A terminal is seen with its vehicle; its vendor sees it without one too."""
        if self.whole:
            return []
        others = replace(self, vendors=None)
        found: list[ColumnElement[bool]] = []
        if self.vendors is not None:
            found.append(Terminal.vendor_id.in_(sorted(self.vendors)))
        if not others.whole or self.vendors is None:
            found.append(Terminal.vehicle_id.in_(select(Vehicle.id).where(*others.of_vehicles())))
        return found

    def of_operators(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation`` as an operator. Who reaches trucks by another bond than place and owner sees
        the operators of these trucks."""
        limits = (
            (Organisation.city, self.cities),
            (Organisation.county, self.counties),
            (Organisation.id, self.operators),
        )
        if not self._by_truck:
            return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]
        return [Organisation.id.in_(self._operators_of_trucks())]

    def of_organisations(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation``: operators of the scope, and the bodies that are no operators, whose names
        everybody needs."""
        if self.whole:
            return []
        return [or_(Organisation.kind.not_in(OPERATING), and_(*self.of_operators()))]

    def of_staff(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Organisation``: those whose accounts and whose acts one may see. An authority answers for
        the organisations it supervises, any other for itself and those below it."""
        if self.vehicles is not None or self.drivers is not None:
            return [false()]
        own = [ids for ids in (self.operators, self.insurers, self.monitors, self.vendors) if ids is not None]
        places = ((Organisation.city, self.cities), (Organisation.county, self.counties))
        found: list[ColumnElement[bool]] = [
            column.in_(sorted(allowed)) for column, allowed in places if allowed is not None
        ]
        return found + [Organisation.id.in_(sorted(ids)) for ids in own]

    def of_drivers(self) -> list[ColumnElement[bool]]:
        """Conditions on ``Driver``."""
        if self.drivers is not None:
            return [Driver.id.in_(sorted(self.drivers)), *self._places_of_drivers()]
        if self.vehicles is not None:
            return [false()]
        if self._by_truck:
            return [Driver.operator_id.in_(self._operators_of_trucks())]
        return self._places_of_drivers()

    def covers_vehicle(self, row: Mapping[str, Any]) -> bool:
        """Whether a vehicle with these ``city``, ``county``, ``operator_id`` … is inside; what the row does not say is
        taken as not fitting. ``vendor_id`` is that of its terminal."""
        limits = (
            ("city", self.cities), ("county", self.counties), ("operator_id", self.operators),
            ("insurer_id", self.insurers), ("monitor_id", self.monitors), ("vendor_id", self.vendors),
            ("id", self.vehicles),
        )  # fmt: skip
        if self.drivers is not None and self.vehicles is None:
            return False
        return all(allowed is None or row.get(name) in allowed for name, allowed in limits)

    def covers_driver(self, row: Mapping[str, Any]) -> bool:
        """Whether a driver with these ``city``, ``county`` and ``operator_id`` is inside."""
        if self._by_truck or self.drivers is not None:
            return self.drivers is not None and row.get("id") in self.drivers
        limits = (("city", self.cities), ("county", self.counties), ("operator_id", self.operators))
        return all(allowed is None or row.get(name) in allowed for name, allowed in limits)

    def covers_organisation(self, row: Mapping[str, Any]) -> bool:
        """Whether an organisation with these ``kind``, ``city``, ``county`` and ``id`` may be written: bodies that
        are no operators belong to the whole province."""
        return self.whole or (row.get("kind") in OPERATING and self.covers_operator(row))

    def covers_operator(self, row: Mapping[str, Any]) -> bool:
        """Whether an operator with these ``city``, ``county`` and ``id`` is inside."""
        if self._by_truck:
            return False
        limits = (("city", self.cities), ("county", self.counties), ("id", self.operators))
        return all(allowed is None or row.get(name) in allowed for name, allowed in limits)

    def require_vehicle(self, row: Mapping[str, Any]) -> None:
        """Raises RegistryError when a vehicle would leave or lie outside the scope."""
        if not self.covers_vehicle(row):
            raise RegistryError("city", "must lie within your own jurisdiction", row.get("city") or "")

    @property
    def _by_truck(self) -> bool:
        """Bound to single trucks or to organisations that are no operators."""
        bonds = (self.insurers, self.monitors, self.vendors, self.vehicles)
        return any(allowed is not None for allowed in bonds)

    def _operators_of_trucks(self) -> Any:
        return select(Vehicle.operator_id).where(Vehicle.operator_id.is_not(None), *self.of_vehicles())

    def _places_of_drivers(self) -> list[ColumnElement[bool]]:
        limits = ((Driver.city, self.cities), (Driver.county, self.counties), (Driver.operator_id, self.operators))
        return [column.in_(sorted(allowed)) for column, allowed in limits if allowed is not None]


LIMITS = ("cities", "counties", "operators", "insurers", "monitors", "vendors", "vehicles", "drivers")


def _both(one: Ids, other: Ids) -> Ids:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _listed(ids: frozenset[int]) -> str:
    shown = sorted(ids)
    more = f"+{len(shown) - 8}" if len(shown) > 8 else ""
    return ",".join(str(each) for each in shown[:8]) + more if shown else "none"


WHOLE = Scope()
"""No limit: for the processes of Luwei itself, never for a person's request."""

NOTHING = Scope(cities=frozenset())
"""Nothing at all: an account that belongs nowhere."""
