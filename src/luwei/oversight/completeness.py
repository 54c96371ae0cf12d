"""Completeness of evidence 附件完整率 by device (reference supervision §4, §7.3): what was to come and what came.

An alarm says how many files it has; a device that never announced them owes them all the same, so files are counted by
the request for them and not by what arrived. Every function blocks and takes a scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Subquery, and_, case, func, select

from luwei.alarms.names import name
from luwei.cases.scope import within
from luwei.oversight.choice import Chosen
from luwei.oversight.order_views import Numbered
from luwei.registry.case import AlarmCase
from luwei.registry.case_work import CaseEvidence
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.evidence import COMPLETE, GIVEN_UP, LATE, LOST, EvidenceFile, EvidenceRequest
from luwei.registry.named import Named, organisations_named
from luwei.registry.oversight import CaseDevice
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope

ROWS_MOST = 5_000
COUNTS = ("announced", "complete", "late", "lost", "waiting", "unreadable")
STATES = ("complete", "late", "lost", "waiting", "unreadable", "broken")
"""What a list of alarms can be cut to: those with such a file; ``broken``: not whole."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Files of a model and firmware. ``alarms``: whose files were asked for, ``whole``: all files here and readable,
    ``alarm_rate`` 附件完整率 whole of alarms. ``announced`` files are ``complete`` (of which ``unreadable`` do not
    decode), ``late``, ``lost`` or ``waiting``; ``rate``: complete and readable of announced. Rates in percent."""

    vendor: Named | None
    model: str
    firmware: str
    alarms: int
    whole: int
    alarm_rate: float
    announced: int
    complete: int
    late: int
    lost: int
    waiting: int
    unreadable: int
    rate: float


@dataclass(frozen=True, slots=True)
class AlarmFiles:
    """An alarm with its files by state, and the case it belongs to. ``answer``: what the terminal said to 0x9208,
    ``asks``: how often it was asked, ``cause``: why files are missing."""

    case: Numbered
    plate: str
    plate_color: int
    type: str
    type_zh: str
    type_en: str
    alarm_at: int
    announced: int
    complete: int
    late: int
    lost: int
    waiting: int
    unreadable: int
    asks: int
    answer: str
    cause: str


def asked(conditions: list[ColumnElement[bool]]) -> Subquery:
    """Requests of the cases that ``conditions`` choose, each once, with its case."""
    return (
        select(CaseEvidence.request_id, func.min(CaseEvidence.case_id).label("case_id"))
        .join(AlarmCase, AlarmCase.id == CaseEvidence.case_id)
        .outerjoin(CaseDevice, CaseDevice.case_id == AlarmCase.id)
        .where(*conditions)
        .group_by(CaseEvidence.request_id)
        .subquery()
    )


def by_request(requests: Subquery) -> Subquery:
    """``request_id``, ``case_id`` and the COUNTS of each request of ``asked``."""

    def how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    here = (
        select(
            EvidenceFile.request_id,
            func.count().label("files"),
            how_many(EvidenceFile.state == COMPLETE).label("complete"),
            how_many(EvidenceFile.state == LATE).label("late"),
            how_many(EvidenceFile.state == LOST).label("lost"),
            how_many(and_(EvidenceFile.state == COMPLETE, EvidenceFile.readable.is_(False))).label("unreadable"),
        )
        .where(EvidenceFile.request_id.in_(select(requests.c.request_id)))
        .group_by(EvidenceFile.request_id)
        .subquery()
    )
    files, complete, late, lost, unreadable = (
        func.coalesce(here.c[each], 0) for each in ("files", "complete", "late", "lost", "unreadable")
    )
    promised = func.coalesce(EvidenceRequest.files, 0)
    silent = case((promised > files, promised - files), else_=0)
    gone = lost + case((EvidenceRequest.state == GIVEN_UP, silent), else_=0)
    announced = files + silent
    return (
        select(
            requests.c.request_id,
            requests.c.case_id,
            announced.label("announced"),
            complete.label("complete"),
            late.label("late"),
            gone.label("lost"),
            (announced - complete - late - gone).label("waiting"),
            unreadable.label("unreadable"),
        )
        .select_from(requests)
        .outerjoin(EvidenceRequest, EvidenceRequest.id == requests.c.request_id)
        .outerjoin(here, here.c.request_id == requests.c.request_id)
        .subquery()
    )


def evidence(engine: Engine, scope: Scope, chosen: Chosen) -> list[EvidenceRow]:
    """What cases of the period were to have, by vendor, model and firmware, the worst first."""
    each = by_request(asked([*chosen.conditions(), *within(scope)]))
    keys = (CaseDevice.vendor_id, CaseDevice.model, CaseDevice.firmware)
    whole = case((each.c.complete - each.c.unreadable >= each.c.announced, 1), else_=0)
    sums = (func.count(), func.sum(whole), *(func.sum(each.c[name]) for name in COUNTS))
    statement = (
        select(*keys, *sums)
        .select_from(each)
        .join(CaseDevice, CaseDevice.case_id == each.c.case_id)
        .where(each.c.announced > 0)
        .group_by(*keys)
        .limit(ROWS_MOST)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        vendors = organisations_named(connection, [row[0] for row in rows])
    found = []
    for vendor, model, firmware, *numbers in rows:
        alarms, entire, announced, complete, late, lost, waiting, broken = (int(each) for each in numbers)
        rate = round(100 * (complete - broken) / announced, 2)
        found.append(
            EvidenceRow(
                vendors.get(vendor), model, firmware, alarms, entire, round(100 * entire / alarms, 2), announced,
                complete, late, lost, waiting, broken, rate,
            )
        )  # fmt: skip
    return sorted(found, key=lambda row: (row.rate, -row.announced))


def alarms_behind(
    engine: Engine, scope: Scope, chosen: Chosen, state: str, number: int, size: int
) -> Page[AlarmFiles]:  # fmt: skip
    """The alarms that a number of the table counts files of, the newest first. Raises RegistryError."""
    if state and state not in STATES:
        raise RegistryError("state", f"must be one of {', '.join(STATES)}", state)
    offset, limit = check_page(number, size)
    each = by_request(asked([*chosen.conditions(), *within(scope)]))
    conditions = [each.c.announced > 0]
    if state == "broken":
        conditions.append(each.c.complete - each.c.unreadable < each.c.announced)
    elif state:
        conditions.append(each.c[state] > 0)
    worst = (
        select(func.max(EvidenceFile.cause))
        .where(EvidenceFile.request_id == each.c.request_id, EvidenceFile.state != COMPLETE)
        .scalar_subquery()
    )
    statement: Select[Any] = (
        select(
            AlarmCase.id, AlarmCase.number, AlarmCase.plate, AlarmCase.plate_color, AlarmCase.type, AlarmCase.dialect,
            func.coalesce(EvidenceRequest.alarm_at, AlarmCase.started_at).label("alarm_at"),
            *(each.c[name] for name in COUNTS), func.coalesce(EvidenceRequest.asks, 0).label("asks"),
            func.coalesce(EvidenceRequest.answer, "").label("answer"),
            func.coalesce(func.nullif(EvidenceRequest.cause, ""), worst, "").label("cause"),
        )
        .select_from(each)
        .join(AlarmCase, AlarmCase.id == each.c.case_id)
        .outerjoin(EvidenceRequest, EvidenceRequest.id == each.c.request_id)
        .where(*conditions)
    )  # fmt: skip
    counted = select(func.count()).select_from(each).where(*conditions)
    ordered = statement.order_by(AlarmCase.id.desc(), each.c.request_id.desc()).offset(offset).limit(limit)
    with read(engine) as connection:
        total = connection.execute(counted).scalar_one()
        rows = connection.execute(ordered).all()
    return Page(total, [_view(row) for row in rows])


def _view(row: Any) -> AlarmFiles:
    words = name(row.type, row.dialect)
    return AlarmFiles(
        Numbered(row.id, row.number), row.plate, row.plate_color, row.type, words.zh, words.en, row.alarm_at,
        int(row.announced), int(row.complete), int(row.late), int(row.lost), int(row.waiting), int(row.unreadable),
        row.asks, row.answer, row.cause,
    )  # fmt: skip
