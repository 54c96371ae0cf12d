"""Acts on cases. Every one takes the version of the row that was shown: who was slower gets 409, field ``version``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from luwei.cases import acts, appeals, bulk, reading
from luwei.cases.handling import Given
from luwei.cases.reading import CaseRow
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.web.case_routes.allowed import cases_of, may
from luwei.web.door import Door
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Id = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Note = Annotated[str, msgspec.Meta(max_length=1000)]
Verdict = Literal["", "true", "false", "undecided"]
Correction = Literal["", "corrected", "not", "unknown"]


class CaseAnswer(msgspec.Struct):
    """The case after an act, and what this person may do next."""

    as_of: int
    case: CaseRow
    may: dict[str, bool]
    appeal: int | None = None
    command: int | None = None


class Shown(msgspec.Struct, forbid_unknown_fields=True):
    """The row that was on the screen."""

    version: Version


class Viewed(msgspec.Struct, forbid_unknown_fields=True):
    """Evidence files that the person opened."""

    files: Annotated[list[Id], msgspec.Meta(max_length=200)] = []


class Noted(Shown, forbid_unknown_fields=True):
    """An act with a reason."""

    note: Note = ""


class Snooze(Shown, forbid_unknown_fields=True):
    """``until`` (UTC ms), or ``after_s`` from the receipt."""

    reason: Note
    until: Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)] | None = None
    after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None


class Written(Shown, forbid_unknown_fields=True):
    """The handling record or a part of it; null is not touched, empty takes back."""

    verdict: Verdict | None = None
    reason: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    actions: Annotated[list[str], msgspec.Meta(max_length=8)] | None = None
    driver_reply: Note | None = None
    correction: Correction | None = None
    text: Note | None = None

    def given(self) -> Given:
        """As the room of cases takes it."""
        actions = None if self.actions is None else tuple(self.actions)
        return Given(self.verdict, self.reason, actions, self.driver_reply, self.correction, self.text)


class Verify(Noted, forbid_unknown_fields=True):
    evidence_audited: bool = False


class Appeal(Shown, forbid_unknown_fields=True):
    text: Note


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """One of several cases."""

    id: Id
    version: Version


class BulkClose(msgspec.Struct, forbid_unknown_fields=True):
    """One record for several light cases of one type."""

    cases: Annotated[list[Chosen], msgspec.Meta(min_length=1, max_length=200)]
    verdict: Verdict
    reason: Annotated[str, msgspec.Meta(max_length=40)]
    actions: Annotated[list[str], msgspec.Meta(max_length=8)]
    driver_reply: Note
    correction: Correction
    text: Note


class Closed(msgspec.Struct):
    done: int


async def answer(services: Services, door: Door, case_id: int, **more: Any) -> CaseAnswer:
    """The case as it is now; every open screen is told."""
    engine = cases_of(services)
    engine.news.changed([case_id])

    def read_again() -> tuple[CaseRow, dict[str, bool]]:
        row = reading.one(services.engine, door.allow("read", "case"), case_id)
        with read(services.engine) as connection:
            view = reading.views(connection, [row])[0]
        return view, may(door, row, engine.policy(row["policy"]), now_ms())

    view, allowed = await asyncio.to_thread(read_again)
    return CaseAnswer(now_ms(), view, allowed, **more)


async def _do(
    services: Services, door: Door, act: str, case_id: int, work: Callable[..., Any], *arguments: Any
) -> CaseAnswer:
    scope = door.allow(act, "case")
    cases_of(services)
    await asyncio.to_thread(work, services.engine, scope, case_id, *arguments, door.actor(scope))
    return await answer(services, door, case_id)


@post("/api/cases/{case_id:int}/view", tags=["cases"], guards=[own_page], status_code=200)
async def view(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Viewed]
) -> CaseAnswer:
    """The case is on the screen, and these of its files were opened."""
    return await _do(services, door, "read", case_id, acts.view, data.files, door.may("write", "case"))


@post("/api/cases/{case_id:int}/claim", tags=["cases"], guards=[own_page], status_code=200)
async def claim(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Shown]
) -> CaseAnswer:
    """Take a case."""
    return await _do(services, door, "write", case_id, acts.claim, data.version)


@post("/api/cases/{case_id:int}/release", tags=["cases"], guards=[own_page], status_code=200)
async def release(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Noted]
) -> CaseAnswer:
    """Put a case back into the queue."""
    return await _do(services, door, "write", case_id, acts.release, data.version, data.note)


@post("/api/cases/{case_id:int}/snooze", tags=["cases"], guards=[own_page], status_code=200)
async def snooze(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Snooze]
) -> CaseAnswer:
    """Put a case out of sight for a bounded time; its clocks run on."""
    work = partial(acts.snooze, after_s=data.after_s)
    return await _do(services, door, "write", case_id, work, data.version, data.until, data.reason)


@post("/api/cases/{case_id:int}/wake", tags=["cases"], guards=[own_page], status_code=200)
async def wake(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Shown]
) -> CaseAnswer:
    """End a snooze."""
    return await _do(services, door, "write", case_id, acts.wake, data.version)


@post("/api/cases/{case_id:int}/record", tags=["cases"], guards=[own_page], status_code=200)
async def write_record(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Written]
) -> CaseAnswer:
    """Save a part of the handling record."""
    return await _do(services, door, "write", case_id, acts.write_record, data.version, data.given())


@post("/api/cases/{case_id:int}/verdict", tags=["cases"], guards=[own_page], status_code=200)
async def verdict(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Written]
) -> CaseAnswer:
    """Judge a case: 400 names the first field of the record that is missing."""
    return await _do(services, door, "write", case_id, acts.judge, data.version, data.given())


@post("/api/cases/{case_id:int}/verify", tags=["cases"], guards=[own_page], status_code=200)
async def verify(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Verify]
) -> CaseAnswer:
    """Verify what another person handled."""
    return await _do(
        services, door, "approve", case_id, acts.verify, data.version, data.note, data.evidence_audited
    )  # fmt: skip


@post("/api/cases/{case_id:int}/return", tags=["cases"], guards=[own_page], status_code=200)
async def give_back(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Noted]
) -> CaseAnswer:
    """Return a case for rework."""
    return await _do(services, door, "approve", case_id, acts.give_back, data.version, data.note)


@post("/api/cases/{case_id:int}/close", tags=["cases"], guards=[own_page], status_code=200)
async def close(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Shown]
) -> CaseAnswer:
    """Close a case."""
    return await _do(services, door, "write", case_id, acts.close, data.version)


@post("/api/cases/{case_id:int}/appeal", tags=["cases"], guards=[own_page], status_code=200)
async def appeal(
    services: NamedDependency[Services], door: NamedDependency[Door], case_id: Key, data: JSONBody[Appeal]
) -> CaseAnswer:
    """Object to a verdict."""
    scope = door.allow("object", "case")
    number = await asyncio.to_thread(
        appeals.request, services.engine, scope, case_id, data.version, data.text, door.user.role, door.actor(scope)
    )
    return await answer(services, door, case_id, appeal=number)


@post("/api/cases/bulk-close", tags=["cases"], guards=[own_page], status_code=200)
async def bulk_close(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[BulkClose]
) -> Closed:
    """Judge and close light cases of one type together: all, or none and 400 names the one."""
    scope = door.allow("write", "case")
    engine = cases_of(services)
    given = Given(
        data.verdict, data.reason, tuple(data.actions), data.driver_reply, data.correction, data.text
    )  # fmt: skip
    cases = [(each.id, each.version) for each in data.cases]
    done = await asyncio.to_thread(bulk.close, services.engine, scope, cases, given, door.actor(scope))
    engine.news.changed(done)
    return Closed(len(done))


route_handlers: list[ControllerRouterHandler] = [
    view, claim, release, snooze, wake, write_record, verdict, verify, give_back, close,
    appeal, bulk_close,
]  # fmt: skip
