"""What people read of post checks 查岗: the bank, checks with their outcome, open questions, rates by month."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, case, func, or_, select

from luwei.cases.reading import Person, persons
from luwei.oversight.place import within
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.page import Page, check_page
from luwei.registry.post_check import (
    ASKED,
    ENDED,
    LATE,
    NONE,
    RIGHT,
    WAITING,
    WRONG,
    CheckQuestion,
    PostCheck,
    PostCheckAsked,
)
from luwei.registry.scope import WHOLE, Scope

CHINA = timedelta(hours=8)
BANK_MOST = 500


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question of the bank."""

    id: int
    text: str
    options: list[str]
    answers: list[str]
    by: Person | None
    created_at: int


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check and its outcome: questions ``waiting`` for their time, ``sent``, and of these by result."""

    id: int
    text: str
    options: list[str]
    targets: str
    limit_s: int
    from_at: int | None
    to_at: int | None
    by: Person | None
    created_at: int
    waiting: int
    sent: int
    right: int
    wrong: int
    late: int
    none: int


@dataclass(frozen=True, slots=True)
class AskedView:
    """A question as one organisation got it; ``result`` empty while it may still come."""

    id: int
    organisation: Named | None
    asked_at: int
    due_at: int
    answered_at: int | None
    by: Person | None
    answer: str
    result: str


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that waits for a person of the organisation; ``late``: its limit has passed, the answer stays late."""

    id: int
    text: str
    options: list[str]
    asked_at: int
    due_at: int
    late: bool


@dataclass(frozen=True, slots=True)
class RateView:
    """平台查岗响应率 of an organisation and month: answered right in time of all that were sent; a wrong answer is none
    (reference supervision §4). ``rate`` in percent; null where nothing was sent that is over."""

    organisation: Named | None
    month: str
    sent: int
    right: int
    wrong: int
    late: int
    none: int
    rate: float | None


def bank(engine: Engine, organisation: int | None) -> list[QuestionView]:
    """Questions of the office, the newest first."""
    statement = (
        select(*CheckQuestion.__table__.columns)
        .where(CheckQuestion.organisation_id == organisation, CheckQuestion.disabled_at.is_(None))
        .order_by(CheckQuestion.id.desc())
        .limit(BANK_MOST)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        people = persons(connection, [row.user_id for row in rows])
    return [
        QuestionView(
            row.id, row.text, json.loads(row.options), json.loads(row.answers), people.get(row.user_id), row.created_at
        )
        for row in rows
    ]


def checks(engine: Engine, organisation: int | None, number: int, size: int) -> Page[CheckView]:
    """Checks of the office, the newest first."""
    offset, limit = check_page(number, size)
    mine = PostCheck.organisation_id == organisation
    ordered = select(*PostCheck.__table__.columns).where(mine).order_by(PostCheck.id.desc())
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(PostCheck).where(mine)).scalar_one()
        rows = connection.execute(ordered.offset(offset).limit(limit)).all()
        return Page(total, _views(connection, rows))


def one(
    engine: Engine, organisation: int | None, key: int, number: int = 1, size: int = 50
) -> tuple[CheckView, Page[AskedView]]:
    """A check of the office with a page of what was asked so far: times to come are told to nobody. Raises NotFound,
    RegistryError."""
    offset, limit = check_page(number, size)
    statement = select(*PostCheck.__table__.columns).where(
        PostCheck.id == key, PostCheck.organisation_id == organisation
    )
    so_far = (PostCheckAsked.check_id == key, PostCheckAsked.asked_at.is_not(None))
    ordered = select(*PostCheckAsked.__table__.columns).order_by(PostCheckAsked.asked_at, PostCheckAsked.id)
    asked = ordered.where(*so_far).offset(offset).limit(limit)
    with read(engine) as connection:
        row = connection.execute(statement).first()
        if row is None:
            raise NotFound("id", "there is no such check of your office", key)
        total = connection.execute(select(func.count()).select_from(PostCheckAsked).where(*so_far)).scalar_one()
        rows = connection.execute(asked).all()
        bodies = organisations_named(connection, [each.organisation_id for each in rows])
        people = persons(connection, [each.user_id for each in rows])
        view = _views(connection, [row])[0]
    items = [
        AskedView(
            each.id, bodies.get(each.organisation_id), each.asked_at, each.due_at, each.answered_at,
            people.get(each.user_id), each.answer, each.result,
        )
        for each in rows
    ]  # fmt: skip
    return view, Page(total, items)


def _views(connection: Connection, rows: Sequence[Any]) -> list[CheckView]:
    keys = [row.id for row in rows]
    people = persons(connection, [row.user_id for row in rows])
    counts: dict[int, dict[str, int]] = {key: {} for key in keys}
    counted = (
        select(PostCheckAsked.check_id, PostCheckAsked.state, PostCheckAsked.result, func.count())
        .where(PostCheckAsked.check_id.in_(keys))
        .group_by(PostCheckAsked.check_id, PostCheckAsked.state, PostCheckAsked.result)
    )
    for key, state, result, count in connection.execute(counted) if keys else ():
        counts[key][state if state == WAITING else result or ASKED] = count
    found = []
    for row in rows:
        of = counts[row.id]
        results = {name: of.get(name, 0) for name in (RIGHT, WRONG, LATE, NONE)}
        found.append(
            CheckView(
                row.id, row.text, json.loads(row.options), row.targets, row.limit_s, row.from_at, row.to_at,
                people.get(row.user_id), row.created_at, of.get(WAITING, 0), sum(results.values()) + of.get(ASKED, 0),
                **results,
            )
        )  # fmt: skip
    return found


def mine(engine: Engine, organisation: int | None, late_since: int | None = None) -> list[OpenQuestion]:
    """What the organisation has to answer now, the shortest time left first; with ``late_since`` also what nobody has
    answered whose limit passed after that instant (UTC ms)."""
    table = PostCheckAsked
    waits = table.state == ASKED
    if late_since is not None:
        waits = or_(waits, and_(table.state == ENDED, table.result == NONE, table.due_at > late_since))
    statement = (
        select(table.id, PostCheck.text, PostCheck.options, table.asked_at, table.due_at, table.state)
        .join(PostCheck, PostCheck.id == table.check_id)
        .where(table.organisation_id == organisation, waits)
        .order_by(case((table.state == ASKED, 0), else_=1), table.due_at)
        .limit(100)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    return [
        OpenQuestion(row.id, row.text, json.loads(row.options), row.asked_at, row.due_at, row.state == ENDED)
        for row in rows
    ]


def rates(engine: Engine, scope: Scope, month: str, area: Scope = WHOLE) -> list[RateView]:
    """Rates of a month (``2026-11``, in China) of the organisations in the scope, the lowest first; ``area`` narrows to
    a part of it.

    Raises RegistryError for what is no month.
    """
    start, end = month_of(month)
    results = {name: func.sum(case((PostCheckAsked.result == name, 1), else_=0)) for name in (RIGHT, WRONG, LATE, NONE)}
    statement = (
        select(PostCheckAsked.organisation_id, func.count(), *results.values())
        .where(PostCheckAsked.asked_at >= start, PostCheckAsked.asked_at < end)
        .where(*within(scope, PostCheckAsked, PostCheckAsked.organisation_id), *within(area, PostCheckAsked))
        .group_by(PostCheckAsked.organisation_id)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        bodies = organisations_named(connection, [row[0] for row in rows])
    found = []
    for key, sent, *counts in rows:
        right, wrong, late, none = (int(each) for each in counts)
        over = right + wrong + late + none
        rate = round(100 * right / over, 2) if over else None
        found.append(RateView(bodies.get(key), month, sent, right, wrong, late, none, rate))
    return sorted(found, key=lambda each: (each.rate is None, each.rate or 0))


def month_of(month: str) -> tuple[int, int]:
    """First and one past the last UTC millisecond of a month in China. Raises RegistryError."""
    try:
        begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise RegistryError("month", "must be a month such as 2026-11", month) from None
    after = (begin.replace(day=28) + timedelta(days=4)).replace(day=1)
    return int((begin - CHINA).timestamp() * 1000), int((after - CHINA).timestamp() * 1000)
