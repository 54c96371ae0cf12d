"""Jurisdiction 管辖 of an organisation: the scope that ``own`` means for its people.

province → all; city, county, town → its area; insurer → the trucks it insures; vendor → its devices; monitor → what it
is entrusted with; operator, sole trader, fleet → its own. Regulator, emergency and police of a city reach that city.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy import Connection, select

from luwei.registry import jurisdiction
from luwei.registry.organisation import CITY, COUNTY, INSURER, MONITOR, OPERATING, PROVINCE, VENDOR, Organisation
from luwei.registry.scope import NOTHING, WHOLE, Scope
from luwei.registry.wheel import wheel_of


def place_of(
    connection: Connection,
    organisation_id: int | None,
    kind: str,
    area: int | None,
    city: int | None,
    county: int | None,
) -> Scope:
    """The scope of an organisation's people. A user without organisation sees nothing."""
    if organisation_id is None:
        return NOTHING
    if kind in (PROVINCE, CITY, COUNTY):
        return _area(area)
    if kind in _MEMBERS:
        return _MEMBERS[kind](_family(connection, organisation_id, kind))
    if county is not None:
        return Scope(counties=frozenset({county}))
    return WHOLE if city is None else Scope(cities=frozenset({city}))


def person(
    connection: Connection, user_id: int, vehicle_id: int | None, driver_id: int | None, since: int, now: int
) -> Scope:
    """The scope of a driver at ``now`` (UTC ms): the own truck and those he drives, the own data, the own past.
    ``since``: when the account was made."""
    wheel = wheel_of(connection, user_id, vehicle_id, driver_id, since, now)
    return Scope(
        vehicles=wheel.now if vehicle_id is None else wheel.now | {vehicle_id},
        drivers=frozenset() if driver_id is None else frozenset({driver_id}),
        wheel=wheel,
    )


def at_work(valid_from: date | None, valid_to: date | None, disabled_at: int | None, today: date) -> bool:
    """Whether an organisation's people may sign in."""
    return (
        disabled_at is None and (valid_from is None or valid_from <= today) and (valid_to is None or today <= valid_to)
    )


def _area(area: int | None) -> Scope:
    level = jurisdiction.level_of(area) if area is not None else None
    if level == PROVINCE:
        return WHOLE
    if area is None or level is None:
        return NOTHING
    return Scope(cities=frozenset({area})) if level == CITY else Scope(counties=frozenset({area}))


_MEMBERS: dict[str, Callable[[frozenset[int]], Scope]] = {
    INSURER: lambda ids: Scope(insurers=ids),
    VENDOR: lambda ids: Scope(vendors=ids),
    MONITOR: lambda ids: Scope(monitors=ids),
    **{kind: (lambda ids: Scope(operators=ids)) for kind in OPERATING},
}


def _family(connection: Connection, organisation_id: int, kind: str) -> frozenset[int]:
    """The organisation and those below it of its own sort: a company sees its fleets, an insurer its branches."""
    sorts = OPERATING if kind in OPERATING else (kind,)
    tree = select(Organisation.id).where(Organisation.id == organisation_id).cte("family", recursive=True)
    # UNION, not UNION ALL: it ends even where a tree was tied into a ring.
    tree = tree.union(select(Organisation.id).where(Organisation.parent_id == tree.c.id, Organisation.kind.in_(sorts)))
    return frozenset(connection.scalars(select(tree.c.id)))
