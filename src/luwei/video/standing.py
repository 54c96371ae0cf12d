"""Whether people may still have what they began with a truck's video, a recording or a download: their rights as they
are now, whether or not they are logged in; and whether a truck's terminal is still its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from sqlalchemy import Engine, select

from luwei.access import Forbidden, authorize
from luwei.access.kinds import ACT, READ
from luwei.access.present import signed_in
from luwei.registry.base import now_ms
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle


def forbidden(engine: Engine, asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the (user, vehicle) in which the user may not see and act on video of the vehicle any more; a vehicle
    that was merged away or scrapped is nobody's. Blocks."""
    trucks: defaultdict[int, set[int]] = defaultdict(set)
    for user_id, vehicle_id in asked:
        trucks[user_id].add(vehicle_id)
    gone: set[tuple[int, int]] = set()
    with read(engine) as connection:
        for user_id, vehicles in trucks.items():
            # a password that is too old hinders the next login, and ends nothing that goes on
            user = signed_in(engine, connection, user_id, now_ms(), by_password=False)
            if user is not None and user.must_enrol_totp:
                user = replace(user, must_enrol_totp=False)
            allowed: set[int] = set()
            try:
                scopes = [] if user is None else [authorize(user, act, "video") for act in (READ, ACT)]
            except Forbidden:
                scopes = []
            if scopes:
                conditions = [condition for scope in scopes for condition in scope.of_vehicles()]
                allowed = set(connection.scalars(select(Vehicle.id).where(Vehicle.id.in_(vehicles), *conditions)))
            gone |= {(user_id, vehicle) for vehicle in vehicles - allowed}
    return gone


def without_terminal(engine: Engine, asked: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the (vehicle, phone) in which the terminal is not the vehicle's any more: what it sends then shows
    another truck. Blocks."""
    with read(engine) as connection:
        seats = connection.execute(
            select(Terminal.vehicle_id, Terminal.phone).where(Terminal.phone.in_({phone for _, phone in asked}))
        )
        return set(asked) - {(row.vehicle_id, row.phone) for row in seats}
