"""Who may end what another person began with a truck: himself, his own organisation, and who stands above it.

Both may have the right to the truck; that alone lets neither undo the other's work. An authority answers to one of a
wider area, a company to the authority of its place and to the company above it. What was begun for a case, or by a rule
of the handling policy, is not ended by the people of the company that it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from luwei.access.authority import GOVERNMENT
from luwei.access.identity import SignedIn
from luwei.registry import jurisdiction
from luwei.registry.engine import read
from luwei.registry.organisation import AUTHORITIES, CITY, COUNTY, OPERATING, PROVINCE, Organisation
from luwei.registry.scope import Scope

_HEIGHTS = {COUNTY: 1, CITY: 2, PROVINCE: 3}
"""Of authorities; a company has none."""


@dataclass(frozen=True, slots=True)
class Begun:
    """By whom, of which organisation, and whether for a case; ``user_id`` None: by a rule."""

    user_id: int | None
    organisation_id: int | None
    for_case: bool = False


def may_end(engine: Engine, user: SignedIn, begun: Sequence[Begun]) -> list[bool]:
    """Which of them ``user``, who has the right to the truck, may end. Blocks."""
    others = {each.organisation_id for each in begun if each.user_id != user.user_id}
    wanted = sorted(key for key in others if key is not None and key != user.organisation_id)
    with read(engine) as connection:
        columns = (Organisation.id, Organisation.kind, Organisation.area, Organisation.city, Organisation.county)
        supervised = select(*columns).where(Organisation.id.in_(wanted), *user.jurisdiction.of_staff())
        rows = connection.execute(supervised).all() if wanted else []
    below = {row.id for row in rows if _height_of_row(row) < max(1, _height(user))}
    return [_may_end(user, each, below) for each in begun]


def _may_end(user: SignedIn, begun: Begun, below: set[int]) -> bool:
    if begun.user_id is not None and begun.user_id == user.user_id:
        return True
    if begun.for_case and user.organisation_kind in OPERATING:
        return False
    if begun.user_id is None:
        return user.organisation_kind in GOVERNMENT
    if begun.organisation_id is None:
        return user.organisation_kind in GOVERNMENT and user.jurisdiction.whole
    return begun.organisation_id == user.organisation_id or begun.organisation_id in below


def _height(user: SignedIn) -> int:
    if user.organisation_kind not in GOVERNMENT:
        return 0
    place: Scope = user.jurisdiction
    return 1 if place.counties is not None else 2 if place.cities is not None else 3


def _height_of_row(row: Any) -> int:
    if row.kind not in GOVERNMENT:
        return 0
    if row.kind in AUTHORITIES:
        return _HEIGHTS.get(jurisdiction.level_of(row.area) or "", 1) if row.area is not None else 1
    return 1 if row.county is not None else 2 if row.city is not None else 3
