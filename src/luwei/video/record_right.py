"""Whether a person may still have a truck recorded: the rights as they are now, whether or not he is logged in."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine

from luwei.access import Forbidden, authorize
from luwei.access.kinds import ACT, READ
from luwei.access.present import signed_in
from luwei.registry import vehicle_list
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.errors import NotFound


def forbidden(engine: Engine, asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the (user, vehicle) in which the user may not see and act on video of the vehicle any more. Blocks."""
    wanted = set(asked)
    gone: set[tuple[int, int]] = set()
    for user_id in {user for user, _ in wanted}:
        with read(engine) as connection:
            user = signed_in(engine, connection, user_id, now_ms())
        vehicles = {vehicle for each, vehicle in wanted if each == user_id}
        try:
            scopes = [] if user is None else [authorize(user, act, "video") for act in (READ, ACT)]
        except Forbidden:
            scopes = []
        for vehicle in vehicles:
            try:
                for scope in scopes:
                    vehicle_list.one(engine, vehicle, scope)
            except NotFound:
                gone.add((user_id, vehicle))
            if not scopes:
                gone.add((user_id, vehicle))
    return gone
