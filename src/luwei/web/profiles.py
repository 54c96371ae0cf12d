"""Profiles over HTTP: what there is, which one a terminal has and why, and choosing one by hand."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.live.feed import now_ms
from luwei.profiles import Profile
from luwei.registry.assignments import Assignments
from luwei.registry.scope import Scope
from luwei.registry.terminal_profiles import counts, view
from luwei.web.door import Door
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
PROFILE_CHANGED = "profile.changed"
"""Subject on which the gateways hear of terminals whose profile was chosen."""


class Choose(msgspec.Struct, forbid_unknown_fields=True):
    """``profile``: name of a profile, null to have it matched again. ``reason``: kept in the audit log."""

    profile: Annotated[str, msgspec.Meta(max_length=40)] | None
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


def profile_json(profile: Profile) -> dict[str, Any]:
    """What a person reads of a profile."""
    return {
        "name": profile.name,
        "version": profile.version,
        "zh": profile.zh,
        "en": profile.en,
        "source": profile.source,
        "shipped": profile.shipped,
        "by_hand_only": not profile.matches,
        "editions": list(profile.editions),
        "charset": profile.reading.charset,
        "text_charset": profile.text_charset,
        "safety": profile.reading.safety,
        "clock_zone_h": profile.clock_zone_h,
        "server_time_zone_h": profile.server_time_zone_h,
        "speed_step_dkmh": profile.speed_step_dkmh,
        "slave_server": profile.slave_server,
        "items": {f"0x{item:02X}": list(lengths) for item, lengths in sorted(profile.items.items())},
        "expected": sorted(profile.expected),
    }


@get("/api/profiles", tags=["terminals"])
async def list_profiles(services: NamedDependency[Services], door: NamedDependency[Door]) -> dict[str, Any]:
    """Every profile in its newest version, with the number of terminals in the scope that have it."""
    scope = door.allow("read", "terminal")
    used = await asyncio.to_thread(counts, services.engine, scope)
    current = services.catalogue.current.values()
    return {
        "as_of": now_ms(),
        "total": len(services.catalogue.current),
        "items": [profile_json(profile) | {"terminals": used.get(profile.name, 0)} for profile in current],
    }


@get("/api/terminals/{terminal_id:int}/profile", tags=["terminals"])
async def terminal_profile(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key
) -> dict[str, Any]:
    """The profile in force for a terminal with its reasons and its past; ``profile`` null before the first match."""
    return await _terminal_profile(services, door.allow("read", "terminal"), terminal_id)


async def _terminal_profile(services: Services, scope: Scope, terminal_id: int) -> dict[str, Any]:
    found = await asyncio.to_thread(view, services.engine, terminal_id, scope)
    if found is None:
        return {"as_of": now_ms(), "terminal_id": terminal_id, "profile": None}
    profile = services.catalogue.known(found.profile, found.version)
    return {
        "as_of": now_ms(),
        "terminal_id": terminal_id,
        "profile": profile_json(profile) if profile is not None else {"name": found.profile, "version": found.version},
        "assigned": found,
        "confirmed": profile is not None and confirmed(profile, found.edition, found.dialect),
    }


def confirmed(profile: Profile, edition: int, dialect: str) -> bool:
    """Whether what the terminal sent bears the profile out: the edition of its header, and its alarm items if any."""
    edition_fits = not profile.editions or edition in profile.editions
    dialect_fits = not dialect or not profile.reading.safety or dialect == profile.reading.safety
    return edition_fits and dialect_fits and bool(dialect or not profile.reading.safety)


@put("/api/terminals/{terminal_id:int}/profile", tags=["terminals"], guards=[own_page])
async def choose_profile(
    services: NamedDependency[Services], door: NamedDependency[Door], terminal_id: Key, data: JSONBody[Choose]
) -> dict[str, Any]:
    """Choose the profile of a terminal by hand, or let it be matched again. Running sessions follow at once."""
    scope = door.allow("write", "terminal")
    actor = door.user.actor(door.address)
    assignments = Assignments(services.engine, services.catalogue)
    await asyncio.to_thread(assignments.choose, terminal_id, data.profile, actor, scope, data.reason.strip())
    await services.bus.publish(PROFILE_CHANGED, json.dumps({"terminals": [terminal_id]}).encode())
    return await _terminal_profile(services, scope, terminal_id)


route_handlers: list[ControllerRouterHandler] = [list_profiles, terminal_profile, choose_profile]
