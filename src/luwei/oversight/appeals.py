"""Review of appeals 申诉审核: by another person than who handled or verified, within the policy's working days
(reference supervision §7.5).

An upheld appeal does not rewrite the verdict: what it changes stands beside it (``appeal_effect``), both are shown, and
every count of verdicts takes the effect, until the case is handled again: then the new verdict counts. Every function
blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, delete, func, insert, select, update

from luwei.alarms.names import name
from luwei.cases.holding import hold, line
from luwei.cases.reading import Person, persons
from luwei.cases.scope import within
from luwei.oversight.order_views import Numbered
from luwei.oversight.place import is_authority
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.case import APPEALED, CLOSED, OVERDUE_CLOSE, AlarmCase, CaseStep
from luwei.registry.case_work import CaseAppeal, CaseTimer
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.oversight import AppealEffect, in_force
from luwei.registry.page import Page, check_page
from luwei.registry.scope import WHOLE, Scope

OPEN, UPHELD, REJECTED = "open", "upheld", "rejected"
STATES = (OPEN, UPHELD, REJECTED)
WHY_NOT = ("", "decided", "not_authority", "judged", "appealed")
"""Why a person may not decide: it is decided; no authority's reviewer; handled or verified the case; appealed."""
AFTER = ("false", "undecided")
"""What an upheld appeal makes of a verdict that the alarm was true."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The verdict as it was given, and what counts since the appeal."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AppealView:
    """One appeal. ``overdue``: not decided in time; ``decided_late``: decided after it. ``may_decide``: who asks may
    now; else ``why_not`` is one of WHY_NOT."""

    id: int
    case: Numbered
    case_version: int
    grade: int
    plate: str
    plate_color: int
    type: str
    type_zh: str
    type_en: str
    verdict: str
    by: Person | None
    by_role: str
    text: str
    requested_at: int
    due_at: int
    overdue: bool
    state: str
    reviewer: Person | None
    decided_at: int | None
    decided_late: bool
    decision: str
    effect: Effect | None
    may_decide: bool
    why_not: str


def decide(
    engine: Engine,
    scope: Scope,
    key: int,
    version: int,
    decision: str,
    verdict: str,
    reason: str,
    actor: Actor,
) -> int:
    """Uphold or reject an appeal; the case's id. The case goes back to where it was, its limit to the close later by
    what the review took.

    Raises NotFound, Conflict (the case changed, or is not appealed), RegistryError by field and rule.
    """
    if not is_authority(scope):
        raise RegistryError("scope", "an appeal is decided by an authority")
    if decision not in (UPHELD, REJECTED):
        raise RegistryError("decision", "must be upheld or rejected", decision)
    if decision == UPHELD and verdict not in AFTER:
        raise RegistryError("verdict", f"must be one of {', '.join(AFTER)}: what the alarm counts as now", verdict)
    said = line("reason", reason, 2, 1000)
    with write(engine) as connection:
        locked = select(*CaseAppeal.__table__.columns).where(CaseAppeal.id == key).with_for_update()
        appeal = connection.execute(locked).first()
        if appeal is None:
            raise NotFound("id", "there is no such appeal", key)
        try:
            held = hold(connection, scope, appeal.case_id, version, actor)
        except NotFound:
            raise NotFound("id", "there is no such appeal", key) from None
        held.require((APPEALED,), "decided on")
        if held.user_id in judges(connection, held.row) | {appeal.user_id}:
            raise RegistryError("reviewer", "must be another person than who handled, verified or appealed")
        taken = {"state": decision, "reviewer_id": held.user_id, "decided_at": held.now, "decision": said}
        connection.execute(update(CaseAppeal).where(CaseAppeal.id == key).values(**taken))
        told: dict[str, Any] = {"appeal": key, "reason": said}
        if decision == UPHELD:
            effect = {"case_id": appeal.case_id, "appeal_id": key, "before": held.row["verdict"], "after": verdict}
            connection.execute(insert(AppealEffect).values(**effect, at=held.now))
            told |= {"before": held.row["verdict"], "after": verdict}
        held.to(appeal.state_before, appeal=decision)
        if appeal.state_before != CLOSED and held.row["overdue"] < OVERDUE_CLOSE:
            due = held.row["close_due_at"] + held.now - appeal.requested_at
            held.values["close_due_at"] = due
            old = delete(CaseTimer).where(CaseTimer.case_id == appeal.case_id, CaseTimer.kind == "close")
            connection.execute(old)
            connection.execute(insert(CaseTimer).values(case_id=appeal.case_id, kind="close", due_at=due, detail=""))
        held.keep(f"appeal_{decision}", told)
    return int(appeal.case_id)


def judges(connection: Connection, row: Mapping[str, Any]) -> set[int]:
    """Everybody who ever handled or verified the case."""
    acts = select(CaseStep.user_id).where(
        CaseStep.case_id == row["id"], CaseStep.act.in_(("verdict", "verified")), CaseStep.user_id.is_not(None)
    )
    present = (row["handler_id"], row["verified_by"])
    return {each for each in (*connection.scalars(acts), *present) if each is not None}


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict of a case as it was given, what it counts as, and its appeal."""

    verdict: str
    effective: str
    appeal: AppealView | None


def standing(engine: Engine, scope: Scope, case_id: int, reviewer: int | None) -> Standing:
    """What an appeal made of a case. Raises NotFound."""
    statement = (
        select(AlarmCase.verdict, AlarmCase.handled_at, AppealEffect.after)
        .outerjoin(AppealEffect, in_force())
        .where(AlarmCase.id == case_id, *within(scope))
    )
    with read(engine) as connection:
        row = connection.execute(statement).first()
        if row is None:
            raise NotFound("id", "there is no such case", case_id)
        of_case = [CaseAppeal.case_id == case_id, *within(scope)]
        found = connection.execute(_joined(of_case).order_by(CaseAppeal.id.desc()).limit(1)).all()
        appeal = next(iter(_views(connection, found, reviewer)), None)
    verdict = row.verdict if row.handled_at is not None else ""
    return Standing(verdict, row.after or verdict, appeal)


def page(
    engine: Engine, scope: Scope, state: str, reviewer: int | None, number: int, size: int, late: bool = False,
    area: Scope = WHOLE,
) -> Page[AppealView]:  # fmt: skip
    """Appeals of cases in the scope: the open ones by their limit, else the newest first. ``reviewer``: who asks, where
    that person may decide at all. ``late``: those that are open past their limit; ``area`` narrows to a part of it."""
    if state and state not in STATES:
        raise RegistryError("state", f"must be one of {', '.join(STATES)}", state)
    offset, limit = check_page(number, size)
    conditions = [*within(scope), *within(area), *([CaseAppeal.state == state] if state else [])]
    if late:
        conditions += [CaseAppeal.state == OPEN, CaseAppeal.due_at <= now_ms()]
    order = (CaseAppeal.due_at, CaseAppeal.id) if state == OPEN else (CaseAppeal.id.desc(),)
    counted = (
        select(func.count())
        .select_from(CaseAppeal)
        .join(AlarmCase, AlarmCase.id == CaseAppeal.case_id)
        .where(*conditions)
    )
    with read(engine) as connection:
        total = connection.execute(counted).scalar_one()
        rows = connection.execute(_joined(conditions).order_by(*order).offset(offset).limit(limit)).all()
        return Page(total, _views(connection, rows, reviewer))


def _joined(conditions: list[ColumnElement[bool]]) -> Select[Any]:
    return (
        select(
            *CaseAppeal.__table__.columns, AlarmCase.number, AlarmCase.grade, AlarmCase.plate, AlarmCase.plate_color,
            AlarmCase.type, AlarmCase.dialect, AlarmCase.verdict, AlarmCase.version, AlarmCase.handler_id,
            AlarmCase.verified_by, AppealEffect.before, AppealEffect.after,
        )
        .join(AlarmCase, AlarmCase.id == CaseAppeal.case_id)
        .outerjoin(AppealEffect, AppealEffect.appeal_id == CaseAppeal.id)
        .where(*conditions)
    )  # fmt: skip


def _views(connection: Connection, rows: Sequence[Any], reviewer: int | None) -> list[AppealView]:
    people = persons(connection, [each for row in rows for each in (row.user_id, row.reviewer_id)])
    return [_view(connection, row, people, reviewer, now_ms()) for row in rows]


def _why_not(connection: Connection, row: Any, reviewer: int | None) -> str:
    if row.state != OPEN:
        return "decided"
    if reviewer is None:
        return "not_authority"
    if reviewer == row.user_id:
        return "appealed"
    case = {"id": row.case_id, "handler_id": row.handler_id, "verified_by": row.verified_by}
    return "judged" if reviewer in judges(connection, case) else ""


def _view(
    connection: Connection, row: Any, people: Mapping[int | None, Person], reviewer: int | None, now: int
) -> AppealView:  # fmt: skip
    words = name(row.type, row.dialect)
    why_not = _why_not(connection, row, reviewer)
    return AppealView(
        row.id, Numbered(row.case_id, row.number), row.version, row.grade, row.plate, row.plate_color, row.type,
        words.zh, words.en, row.verdict, people.get(row.user_id), row.by_role, row.text, row.requested_at, row.due_at,
        row.state == OPEN and now >= row.due_at, row.state, people.get(row.reviewer_id), row.decided_at,
        row.decided_at is not None and row.decided_at >= row.due_at, row.decision,
        None if row.after is None else Effect(row.before, row.after), not why_not, why_not,
    )  # fmt: skip
