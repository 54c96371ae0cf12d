"""Versions of the handling policy: read, check, enter, withdraw, try on past days."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.cases import policies, what_if
from luwei.cases.policies import VersionView
from luwei.cases.what_if import WhatIfView
from luwei.live.feed import now_ms
from luwei.web.case_routes.allowed import cases_of
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class PolicyVersions(msgspec.Struct):
    """``in_force``: the version that holds now."""

    as_of: int
    in_force: int
    items: list[VersionView]
    may_write: bool


class PolicyDocument(msgspec.Struct):
    version: int
    policy: dict[str, Any]


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    policy: dict[str, Any]


class NewPolicy(Draft, forbid_unknown_fields=True):
    """A document that holds from ``valid_from`` (UTC ms) on."""

    valid_from: Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
    note: Annotated[str, msgspec.Meta(max_length=500)]


class Entered(msgspec.Struct):
    version: int


class Good(msgspec.Struct):
    ok: bool


def _writer(door: Door) -> Any:
    """One policy holds for everybody, so the whole province writes it. Raises Refused."""
    scope = door.allow("write", "case_policy")
    if not scope.whole:
        raise Refused(403, "case_policy", "written by users of the whole province only")
    return scope


@get("/api/case-policies", tags=["cases"])
async def policy_versions(services: NamedDependency[Services], door: NamedDependency[Door]) -> PolicyVersions:
    """Every version, the newest beginning first."""
    door.allow("read", "case_policy")
    now = now_ms()
    found = await asyncio.to_thread(policies.versions, services.engine, now)
    in_force = next((each.version for each in found if each.state == "in_force"), 0)
    writes = door.may("write", "case_policy") and door.allow("write", "case_policy").whole
    return PolicyVersions(now, in_force, found, writes)


@get("/api/case-policies/{version:int}", tags=["cases"])
async def policy_document(
    services: NamedDependency[Services], door: NamedDependency[Door], version: Key
) -> PolicyDocument:
    """The whole document of a version."""
    door.allow("read", "case_policy")
    return PolicyDocument(version, await asyncio.to_thread(policies.document, services.engine, version))


@post("/api/case-policies/check", tags=["cases"], guards=[own_page], status_code=200)
async def check_policy(door: NamedDependency[Door], data: JSONBody[Draft]) -> Good:
    """Whether a document could be entered: 400 names the path of the first wrong field and its rule."""
    _writer(door)
    await asyncio.to_thread(policies.check, data.policy)
    return Good(True)


@post("/api/case-policies", tags=["cases"], guards=[own_page])
async def enter_policy(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewPolicy]
) -> Entered:
    """A new version. What was graded before its beginning stays as it is."""
    scope = _writer(door)
    arguments = (services.engine, data.policy, data.valid_from, data.note, door.actor(scope))
    return Entered(await asyncio.to_thread(policies.add, *arguments))


@delete("/api/case-policies/{version:int}", tags=["cases"], guards=[own_page])
async def withdraw_policy(services: NamedDependency[Services], door: NamedDependency[Door], version: Key) -> None:
    """Take back a version that has not begun."""
    scope = _writer(door)
    await asyncio.to_thread(policies.withdraw, services.engine, version, door.actor(scope))


class Trial(Draft, forbid_unknown_fields=True):
    """A draft and the days it is tried on (days since 1970-01-01 in China, both included)."""

    from_day: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    to_day: Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class TrialEntered(msgspec.Struct):
    id: int


class Trials(msgspec.Struct):
    items: list[WhatIfView]


@post("/api/case-policies/what-if", tags=["cases"], guards=[own_page])
async def try_policy(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[Trial]
) -> TrialEntered:
    """Try a draft on past days, beside the policy that was in force."""
    scope = _writer(door)
    engine = cases_of(services)
    arguments = (services.engine, data.policy, data.from_day, data.to_day, door.actor(scope))
    key = await asyncio.to_thread(what_if.enter, *arguments)
    engine.try_policy()
    return TrialEntered(key)


@get("/api/case-policies/what-if", tags=["cases"])
async def trials(services: NamedDependency[Services], door: NamedDependency[Door]) -> Trials:
    """One's own runs, the newest first."""
    _writer(door)
    return Trials(await asyncio.to_thread(what_if.views, services.engine, door.user_id))


@get("/api/case-policies/what-if/{key:int}", tags=["cases"])
async def trial(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> WhatIfView:
    """One run with its progress, and its result when it is done."""
    _writer(door)
    return (await asyncio.to_thread(what_if.views, services.engine, door.user_id, key))[0]


@post("/api/case-policies/what-if/{key:int}/cancel", tags=["cases"], guards=[own_page], status_code=200)
async def cancel_trial(services: NamedDependency[Services], door: NamedDependency[Door], key: Key) -> WhatIfView:
    """Stop a run that is not done."""
    _writer(door)
    await asyncio.to_thread(what_if.cancel, services.engine, door.user_id, key)
    return (await asyncio.to_thread(what_if.views, services.engine, door.user_id, key))[0]


route_handlers: list[ControllerRouterHandler] = [
    policy_versions, policy_document, check_policy, enter_policy, withdraw_policy, try_policy, trials, trial,
    cancel_trial,
]  # fmt: skip
