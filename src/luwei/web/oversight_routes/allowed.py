"""Who may see and do what in oversight: the scopes that its routes share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.di import Provide
from litestar.params import PathParameter, QueryParameter

from luwei.oversight.place import is_authority
from luwei.registry.scope import Scope
from luwei.web.door import Door
from luwei.web.errors import Refused

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Id = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=1000)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
Code = Annotated[int | None, QueryParameter(ge=0, le=999_999_999)]
Word = Annotated[str, QueryParameter(max_length=60)]
Day = Annotated[int, QueryParameter(ge=0, le=100_000)]


def provide_area(city: Code = None, county: Code = None) -> Scope:
    """Litestar dependency ``area``: the part of the jurisdiction that a person looks at; it only narrows."""
    return Scope(
        cities=None if city is None else frozenset({city}), counties=None if county is None else frozenset({county})
    )  # fmt: skip


AREA = {"area": Provide(provide_area, sync_to_thread=False)}


def sees_orders(door: Door) -> Scope:
    """Scope of the orders that a person reads: of the cases, or (counts only) of the own office's orders."""
    if door.may("read", "case"):
        return door.allow("read", "case")
    return door.allow("supervise", "case", aggregates=True)


def authority(door: Door, *, aggregates: bool = False) -> Scope:
    """Scope of an authority's officer who supervises. Raises Refused (403) for the people of who is supervised."""
    scope = door.allow("supervise", "case", aggregates=aggregates)
    if not is_authority(scope):
        raise Refused(403, "case", "is done by an authority")
    return scope
