"""The audit log over HTTP: search, export, the state of its chain."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from luwei.access import audit_log
from luwei.access.audit_log import AuditFilter, EntryView
from luwei.live.feed import now_ms
from luwei.registry.audit_chain import Anchor, anchor, read_anchors, verify
from luwei.registry.exports.files import safe
from luwei.web.china_time import DAY_MS, written
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services

ROWS_A_PIECE = 1_000
ANCHORS_SHOWN = 24
ACTS_SINCE_MS = 90 * DAY_MS

Instant = Annotated[int | None, QueryParameter(name="from", ge=0, le=4_102_444_800_000)]
Until = Annotated[int | None, QueryParameter(name="to", ge=0, le=4_102_444_800_000)]
Name = Annotated[str, QueryParameter(name="username", max_length=64)]
ActName = Annotated[str, QueryParameter(name="act", max_length=40)]
Noun = Annotated[str, QueryParameter(name="noun", max_length=20)]
Result = Annotated[str, QueryParameter(name="result", max_length=10)]
Number = FromQuery[int | None]

_verifying = asyncio.Lock()


class EntryPage(msgspec.Struct):
    """``total`` entries match (counted up to 100,000) at ``as_of`` (UTC ms); ``items`` are those of the page."""

    as_of: int
    total: int
    items: list[EntryView]


class ActCount(msgspec.Struct):
    act: str
    count: int


class Acts(msgspec.Struct):
    """The acts of the last 90 days."""

    items: list[ActCount]


class Chain(msgspec.Struct):
    """The head of the chain, and the last anchors that were written down apart from it."""

    entries: int
    head: Anchor
    anchors: list[Anchor]


class FaultView(msgspec.Struct):
    """``changed``, ``missing``, ``truncated`` or ``rewritten``, at which entry."""

    kind: str
    id: int


class Proof(msgspec.Struct):
    """What a verification found; ``fault`` null: the log is whole."""

    entries: int
    head: Anchor
    anchors: int
    fault: FaultView | None


def provide_chosen(
    start: Instant = None,
    end: Until = None,
    q: Annotated[str, QueryParameter(name="q", max_length=60)] = "",
    username: Name = "",
    act: ActName = "",
    noun: Noun = "",
    noun_id: Number = None,
    vehicle: Number = None,
    organisation: Number = None,
    result: Result = "",
) -> AuditFilter:
    """Litestar dependency ``chosen``: what the person looks for."""
    return AuditFilter(start, end, q, username, act, noun, noun_id, vehicle, organisation, result)


@get("/api/audit", tags=["access"])
async def list_entries(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    chosen: NamedDependency[AuditFilter],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> EntryPage:
    """Acts and looks of the organisations one answers for, newest first. Looking is itself recorded."""
    scope = door.allow("read", "audit")
    if scope.narrow == "viewers":
        raise Refused(403, "audit", "who viewed me is what the role sees: GET /api/me/viewers")
    found = await asyncio.to_thread(audit_log.page, services.engine, scope, chosen, page, size)
    await door.looked("audit.look", detail=_told(chosen))
    return EntryPage(now_ms(), found.total, [door.masked_entry(view) for view in found.items])


@get("/api/audit.csv", tags=["access"])
async def export_entries(
    services: NamedDependency[Services], door: NamedDependency[Door], chosen: NamedDependency[AuditFilter]
) -> Stream:
    """The same as CSV, at most 200,000 entries."""
    scope = door.allow("export", "audit")
    if scope.narrow == "viewers":
        raise Refused(403, "audit", "who viewed me is what the role sees: GET /api/me/viewers")
    await asyncio.to_thread(chosen.conditions, services.engine)
    await door.note("audit.export", None, _told(chosen))
    entries = (door.masked_entry(view) for view in audit_log.exported(services.engine, scope, chosen))
    return Stream(
        _in_pieces(csv_lines(entries)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


@get("/api/audit/acts", tags=["access"])
async def list_acts(services: NamedDependency[Services], door: NamedDependency[Door]) -> Acts:
    """The acts that occur, for the filter."""
    scope = door.allow("read", "audit")
    found = await asyncio.to_thread(audit_log.acts, services.engine, scope, now_ms() - ACTS_SINCE_MS)
    return Acts([ActCount(act, number) for act, number in found])


@get("/api/audit/chain", tags=["access"])
async def chain_state(services: NamedDependency[Services], door: NamedDependency[Door]) -> Chain:
    """The head of the chain and its anchors."""
    door.whole("audit")

    def found() -> Chain:
        head = anchor(services.engine)
        return Chain(head.id, head, _anchors(services.settings.audit_anchors)[-ANCHORS_SHOWN:])

    return await asyncio.to_thread(found)


@post("/api/audit/verify", tags=["access"], status_code=200)
async def verify_chain(services: NamedDependency[Services], door: NamedDependency[Door]) -> Proof:
    """Compute the whole chain again and compare it with its anchors; one at a time."""
    door.whole("audit")
    if _verifying.locked():
        raise Refused(429, "", "running", "a verification is running; wait for its end")
    async with _verifying:
        verdict = await asyncio.to_thread(lambda: verify(services.engine, _anchors(services.settings.audit_anchors)))
    fault = None if verdict.fault is None else FaultView(verdict.fault.kind, verdict.fault.id)
    await door.note("audit.verify", None, {"entries": verdict.entries, "fault": str(verdict.fault or "")})
    return Proof(verdict.entries, verdict.head, verdict.anchors, fault)


def _anchors(path: Path) -> list[Anchor]:
    try:
        with path.open(encoding="ascii") as lines:
            return read_anchors(lines)
    except FileNotFoundError:
        return []


def _told(chosen: AuditFilter) -> dict[str, Any]:
    return {name: value for name in AuditFilter.__slots__ if (value := getattr(chosen, name)) not in (None, "")}


def csv_lines(entries: Iterator[EntryView]) -> Iterator[str]:
    """Lines of the file, with the mark that makes Excel read UTF-8; a cell never begins a formula."""
    columns = ("id", "username", "organisation", "address", "act", "noun", "noun_id", "vehicle_id", "plate", "scope",
               "reason", "result")  # fmt: skip
    yield "\ufeff" + _line(["time", *columns, "detail"])
    for entry in entries:
        detail = json.dumps(entry.detail, ensure_ascii=False)
        yield _line([written(entry.at), *(getattr(entry, name) for name in columns), detail])


def _line(cells: list[Any]) -> str:
    out = io.StringIO()
    texts = ["" if cell is None else str(cell) for cell in cells]
    csv.writer(out).writerow([safe(text) for text in texts])
    return out.getvalue()


async def _in_pieces(lines: Iterator[str]) -> AsyncIterator[bytes]:
    def piece() -> bytes:
        return "".join(line for _, line in zip(range(ROWS_A_PIECE), lines, strict=False)).encode()

    while part := await asyncio.to_thread(piece):
        yield part


route_handlers: list[ControllerRouterHandler] = [
    list_entries, export_entries, list_acts, chain_state, verify_chain,
]  # fmt: skip
