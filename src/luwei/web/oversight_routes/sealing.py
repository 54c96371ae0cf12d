"""Sealed packages 封存证据包 over HTTP: review by two people, order, progress, download, the public key."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.response import File
from litestar.types import ControllerRouterHandler

from luwei.cases import reading
from luwei.live.feed import now_ms
from luwei.oversight import sealing
from luwei.oversight.engine import OversightEngine
from luwei.oversight.sealed_verifier import ALGORITHM
from luwei.oversight.sealing import Sealing
from luwei.oversight.signing import CURVE
from luwei.web.case_routes.allowed import looked
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.oversight_routes.allowed import Key, Text, Version
from luwei.web.services import Services
from luwei.web.sign_in import own_page


class SealingState(msgspec.Struct):
    """``why``: why this person may not ``approve`` or ``order`` now: state, handler, reviewed, approvals, files,
    reason (one must be recorded first), right; empty where the person may. ``version`` of the case: a review names
    it."""

    as_of: int
    version: int
    sealing: Sealing
    may: dict[str, bool]
    why: dict[str, str]


class Review(msgspec.Struct, forbid_unknown_fields=True):
    version: Version
    note: Text = ""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    purpose: Text


class Ordered(msgspec.Struct):
    id: int


class PublicKey(msgspec.Struct):
    """``public_key``: 04, x and y in hex; ``fingerprint``: SM3 of it."""

    algorithm: str
    curve: str
    public_key: str
    fingerprint: str


def _engine(services: Services) -> OversightEngine:
    if services.oversight is None:
        raise Refused(503, "", "oversight_unavailable", "packages are not made here")
    return services.oversight


def _closed(door: Door) -> str:
    """Why this person may not export a case with its files: right, or reason where one must be recorded first."""
    try:
        door.allow("export", "case")
        door.allow("export", "evidence")
    except Refused as refused:
        return "reason" if refused.rule == "reason_required" else "right"
    return ""


async def _state(services: Services, door: Door, case_id: int) -> SealingState:
    scope = door.allow("read", "case")
    found, version = await asyncio.to_thread(sealing.state, services.engine, scope, case_id, door.user_id)
    closed = _closed(door)
    ordered = (
        (closed == "right", "right"), (found.not_reviewed == "state", "state"), (not found.ready, "approvals"),
        (not found.files, "files"), (closed == "reason", "reason"),
    )  # fmt: skip
    why = {
        "approve": found.not_reviewed if door.may("approve", "case") else "right",
        "order": next((reason for so, reason in ordered if so), ""),
    }
    return SealingState(now_ms(), version, found, {act: not reason for act, reason in why.items()}, why)


@get("/api/cases/{case_id:int}/sealing", tags=["oversight"])
async def sealing_state(services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key) -> SealingState:
    """Reviews and packages of a case."""
    scope = door.allow("read", "case")
    await looked(door, await asyncio.to_thread(reading.one, services.engine, scope, case_id), scope)
    return await _state(services, door, case_id)


@post("/api/cases/{case_id:int}/sealing/approve", tags=["oversight"], guards=[own_page], status_code=200)
async def approve(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Review]
) -> SealingState:
    """Review a case for its package."""
    scope = door.allow("approve", "case")
    arguments = (services.engine, scope, case_id, data.version, data.note, door.actor(scope))
    await asyncio.to_thread(sealing.approve, *arguments)
    return await _state(services, door, case_id)


@post("/api/cases/{case_id:int}/packages", tags=["oversight"], guards=[own_page])
async def order(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Order]
) -> Ordered:
    """Order a package of a case that two people reviewed."""
    scope, evidence = door.allow("export", "case"), door.allow("export", "evidence")
    _engine(services)
    actor = door.actor(evidence)
    arguments = (services.engine, scope, evidence, case_id, data.purpose, actor)
    return Ordered(await asyncio.to_thread(sealing.order, *arguments))


@get("/api/cases/{case_id:int}/packages/{package:int}/file", tags=["oversight"], ready=True)
async def download(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    case_id: Key,
    package: Key,
    purpose: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Response[Any]:
    """The ZIP file."""
    scope, evidence = door.allow("export", "case"), door.allow("export", "evidence")
    engine = _engine(services)
    found = await asyncio.to_thread(sealing.finished, services.engine, scope, evidence, case_id, package)
    arguments = (services.engine, case_id, package, purpose, found.vehicle_id, door.actor(evidence))
    path = engine.folder / found.name
    if not await asyncio.to_thread(path.is_file):
        raise Refused(409, "state", "expired", "the package is not here any more; order another one")
    await asyncio.to_thread(sealing.note_download, *arguments)
    return File(
        path, filename=f"sealed-{case_id}-{package}.zip", media_type="application/zip",
        content_disposition_type="attachment", headers={"Cache-Control": "no-store"},
    )  # fmt: skip


@get("/api/oversight/public-key", tags=["oversight"])
async def public_key(services: NamedDependency[Services], door: NamedDependency[Door]) -> PublicKey:
    """What packages are verified with."""
    key = await asyncio.to_thread(_engine(services).key)
    return PublicKey(ALGORITHM, CURVE, key.public, key.fingerprint)


route_handlers: list[ControllerRouterHandler] = [sealing_state, approve, order, download, public_key]
