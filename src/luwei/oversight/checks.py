"""Post checks 查岗: asking, answering, and what became of it (reference supervision §4, §7.4).

A question goes out at once, or to each organisation at random times of a window: the times are drawn and kept when the
check is made, told to nobody, and strike after a restart as before. Every function blocks.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from luwei.cases.holding import line
from luwei.oversight import policies
from luwei.oversight.place import at_work, is_authority
from luwei.oversight.policy import OversightRules
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.organisation import MONITOR, OPERATING, Organisation
from luwei.registry.oversight import OversightMark
from luwei.registry.post_check import (
    ASKED,
    CANCELLED,
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
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

TARGETS = ("operator", "operators", "monitors")
AT_ONCE = 1_000
DAY_MIN, MINUTE_MS, DAY_MS = 1_440, 60_000, 86_400_000
CHINA_MS = 8 * 3_600_000
WINDOW_MOST_MS = 31 * DAY_MS
MARK, STILL_MS = "checks", 60_000
"""A clock that was silent for longer was not running."""
LATE_MS = DAY_MS
"""A late answer is taken down for so long, and stays late."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: ``options`` to choose from, or none where the answer is written; ``answers`` that are right."""

    text: str
    options: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Random times between two instants (UTC ms), within minutes of the day in China (``daily_to`` below
    ``daily_from`` runs over midnight; equal: the whole day); ``times`` to each organisation."""

    start: int
    end: int
    daily_from: int = 0
    daily_to: int = 0
    times: int = 1


def checked(question: Question) -> Question:
    """The question as it is kept. Raises RegistryError by field and rule."""
    text = line("text", question.text, 4, 300)
    options = tuple(line(f"options.{n}", each, 1, 100) for n, each in enumerate(question.options))
    if options and not 2 <= len(options) <= 6:
        raise RegistryError("options", "must be 2 to 6, or none where the answer is written", len(options))
    if len(set(options)) != len(options):
        raise RegistryError("options", "must not hold one twice")
    answers = tuple(line(f"answers.{n}", each, 1, 100) for n, each in enumerate(question.answers))
    if not 1 <= len(answers) <= 6:
        raise RegistryError("answers", "must be 1 to 6", len(answers))
    if options and not set(answers) <= set(options):
        raise RegistryError("answers", "must be among the options")
    if options and len(set(answers)) == len(options):
        raise RegistryError("answers", "must leave one option that is wrong")
    return Question(text, options, answers)


def add_question(engine: Engine, scope: Scope, question: Question, actor: Actor) -> int:
    """Into the bank of the officer's organisation; its id."""
    _require_authority(scope)
    kept = checked(question)
    values = {"organisation_id": actor.organisation_id, "user_id": actor.user_id, **_stored(kept)}
    with write(engine) as connection:
        added = insert(CheckQuestion).values(**values).returning(CheckQuestion.id)
        key: int = connection.execute(added).scalar_one()
        record(connection, actor, "check_question.create", key, {"text": kept.text})
    return key


def disable_question(engine: Engine, scope: Scope, key: int, actor: Actor) -> None:
    """Put a question aside. Raises NotFound for one of another office."""
    _require_authority(scope)
    with write(engine) as connection:
        _question(connection, key, actor.organisation_id)
        connection.execute(update(CheckQuestion).where(CheckQuestion.id == key).values(disabled_at=now_ms()))
        record(connection, actor, "check_question.disable", key)


def _question(connection: Connection, key: int, organisation: int | None) -> Question:
    row = connection.execute(
        select(CheckQuestion.text, CheckQuestion.options, CheckQuestion.answers).where(
            CheckQuestion.id == key, CheckQuestion.organisation_id == organisation, CheckQuestion.disabled_at.is_(None)
        )
    ).first()
    if row is None:
        raise NotFound("question", "there is no such question in your bank", key)
    return Question(row.text, tuple(json.loads(row.options)), tuple(json.loads(row.answers)))


def _stored(question: Question) -> dict[str, str]:
    return {
        "text": question.text,
        "options": json.dumps(question.options, ensure_ascii=False),
        "answers": json.dumps(question.answers, ensure_ascii=False),
    }


def ask(
    engine: Engine,
    scope: Scope,
    question: Question | int,
    targets: str,
    target: int | None,
    limit_s: int | None,
    window: Window | None,
    actor: Actor,
    now: int | None = None,
    chance: random.Random | None = None,
) -> tuple[int, int]:
    """A check: its id, and how many questions will go out. ``question``: of the bank by its id, or a new one.

    Raises RegistryError by field and rule, NotFound.
    """
    _require_authority(scope)
    at = now_ms() if now is None else now
    with write(engine) as connection:
        rules = policies.at(connection, at)
        kept = (
            _question(connection, question, actor.organisation_id) if isinstance(question, int) else checked(question)
        )
        limit = rules.check_limit_s if limit_s is None else limit_s
        if not 60 <= limit <= 3_600:
            raise RegistryError("limit_s", "must be 60 to 3600 seconds", limit)
        bodies = _targets(connection, scope, targets, target)
        if not 1 <= len(bodies) <= rules.check_targets_most:
            raise RegistryError("targets", f"must reach 1 to {rules.check_targets_most} organisations", len(bodies))
        times = _times(window, len(bodies), rules, at, chance or secrets.SystemRandom())
        values = _stored(kept) | {
            "targets": targets, "limit_s": limit, "from_at": window.start if window else None,
            "to_at": window.end if window else None, "organisation_id": actor.organisation_id,
            "user_id": actor.user_id, "created_at": at,
        }  # fmt: skip
        key: int = connection.execute(insert(PostCheck).values(**values).returning(PostCheck.id)).scalar_one()
        rows = [
            {
                "check_id": key, "organisation_id": body.id, "city": body.city, "county": body.county,
                "state": WAITING, "strike_at": when,
            }
            for body, whens in zip(bodies, times, strict=True)
            for when in whens
        ]  # fmt: skip
        connection.execute(insert(PostCheckAsked), rows)
        told = {"text": kept.text, "targets": targets, "target": target, "questions": len(rows)}
        record(connection, actor, "post_check.create", key, told)
    if window is None:
        strike(engine, at)
    return key, len(rows)


def reach(engine: Engine, scope: Scope, targets: str, target: int | None) -> int:
    """How many organisations a check would ask. Raises RegistryError."""
    _require_authority(scope)
    with read(engine) as connection:
        return len(_targets(connection, scope, targets, target))


def _targets(connection: Connection, scope: Scope, targets: str, target: int | None) -> Sequence[Any]:
    """Operators that run trucks, or monitors that are entrusted with some, in the officer's area."""
    if targets not in TARGETS:
        raise RegistryError("targets.kind", f"must be one of {', '.join(TARGETS)}", targets)
    columns = select(Organisation.id, Organisation.city, Organisation.county)
    statement = columns.where(*at_work(now_ms())).order_by(Organisation.id)
    if targets == "monitors":
        with_trucks = select(Vehicle.monitor_id).where(Vehicle.monitor_id.is_not(None), *scope.of_vehicles())
        statement = statement.where(Organisation.kind == MONITOR, Organisation.id.in_(with_trucks))
    else:
        statement = statement.where(Organisation.kind.in_(OPERATING), *scope.of_operators())
        if targets == "operator":
            statement = statement.where(Organisation.id == target)
        else:
            statement = statement.where(Organisation.id.in_(select(Vehicle.operator_id)))
    found = connection.execute(statement).all()
    if targets == "operator" and not found:
        raise RegistryError("targets.id", "must be an operator of your own jurisdiction", target or "")
    return found


def _times(
    window: Window | None, bodies: int, rules: OversightRules, now: int, chance: random.Random
) -> list[list[int]]:  # fmt: skip
    if window is None:
        return [[now]] * bodies
    if not now - MINUTE_MS <= window.start < window.end <= now + WINDOW_MOST_MS:
        raise RegistryError("window.to", "must be later than from, which is not past, and within 31 days")
    if not all(0 <= each < DAY_MIN for each in (window.daily_from, window.daily_to)):
        raise RegistryError("window.daily_from_min", "must be a minute of the day, 0 to 1439")
    if not 1 <= window.times <= rules.check_times_most:
        raise RegistryError("window.times", f"must be 1 to {rules.check_times_most}", window.times)
    spans = spans_of(window)
    total = sum(end - start for start, end in spans)
    if total < MINUTE_MS:
        raise RegistryError("window", "must hold at least one minute of the chosen hours")
    return [sorted(_at(spans, chance.randrange(total)) for _ in range(window.times)) for _ in range(bodies)]


def spans_of(window: Window) -> list[tuple[int, int]]:
    """The parts of a window that lie in its hours, as (start, end) in UTC ms."""
    length = (window.daily_to - window.daily_from) % DAY_MIN or DAY_MIN
    first = (window.start + CHINA_MS) // DAY_MS - 1
    last = (window.end + CHINA_MS) // DAY_MS
    found = []
    for day in range(first, last + 1):
        begin = day * DAY_MS - CHINA_MS + window.daily_from * MINUTE_MS
        start, end = max(begin, window.start), min(begin + length * MINUTE_MS, window.end)
        if start < end:
            found.append((start, end))
    return found


def _at(spans: Sequence[tuple[int, int]], offset: int) -> int:
    for start, end in spans:
        if offset < end - start:
            return start + offset
        offset -= end - start
    raise AssertionError("an offset lies in the spans it was drawn for")


def cancel(engine: Engine, scope: Scope, key: int, actor: Actor) -> int:
    """What was not asked yet is not asked any more; how many."""
    _require_authority(scope)
    with write(engine) as connection:
        own = select(PostCheck.id).where(PostCheck.id == key, PostCheck.organisation_id == actor.organisation_id)
        if connection.scalar(own) is None:
            raise NotFound("id", "there is no such check of your office", key)
        waiting = update(PostCheckAsked).where(PostCheckAsked.check_id == key, PostCheckAsked.state == WAITING)
        gone = connection.execute(waiting.values(state=CANCELLED)).rowcount
        record(connection, actor, "post_check.cancel", key, {"questions": gone})
    return int(gone)


def strike(engine: Engine, now: int) -> int:
    """Ask what is due, and end what was not answered in time; how many of both."""
    due = (
        select(PostCheckAsked.id, PostCheckAsked.state, PostCheck.limit_s)
        .join(PostCheck, PostCheck.id == PostCheckAsked.check_id)
        .where(PostCheckAsked.state.in_((WAITING, ASKED)), PostCheckAsked.strike_at <= now)
        .order_by(PostCheckAsked.strike_at)
        .limit(AT_ONCE)
    )
    with engine.connect() as connection:
        found = connection.execute(due).all()
    if not found:
        return 0
    with write(engine) as connection:
        for row in found:
            mine = update(PostCheckAsked).where(PostCheckAsked.id == row.id, PostCheckAsked.state == row.state)
            if row.state == WAITING:
                # the limit runs from when it could be read, not from a time at which nothing was running
                end = now + row.limit_s * 1000
                connection.execute(mine.values(state=ASKED, asked_at=now, due_at=end, strike_at=end))
            else:
                connection.execute(mine.values(state=ENDED, result=NONE))
    return len(found)


def keep_clock(engine: Engine, now: int) -> int:
    """Say that questions can be read and answered at this instant. Where the last time was long ago, nobody could: the
    limits of the questions that were open then are later by as long. How many those were."""
    with write(engine) as connection:
        last = connection.scalar(select(OversightMark.value).where(OversightMark.name == MARK).with_for_update())
        if last is None:
            connection.execute(insert(OversightMark).values(name=MARK, value=now))
            return 0
        connection.execute(update(OversightMark).where(OversightMark.name == MARK).values(value=now))
        still = now - last
        if still <= STILL_MS:
            return 0
        table = PostCheckAsked
        later = {"due_at": table.due_at + still, "strike_at": table.strike_at + still}
        return connection.execute(update(table).where(table.state == ASKED, table.due_at > last).values(later)).rowcount


def answer(engine: Engine, key: int, said: str, actor: Actor, now: int | None = None) -> str:
    """The answer of a signed-in person of the organisation that was asked; one of RESULTS. Raises NotFound for what
    was asked of others or not yet, Conflict where somebody was faster."""
    at = now_ms() if now is None else now
    text = line("answer", said, 1, 200)
    with write(engine) as connection:
        row = connection.execute(
            select(*PostCheckAsked.__table__.columns, PostCheck.answers, PostCheck.options)
            .join(PostCheck, PostCheck.id == PostCheckAsked.check_id)
            .where(PostCheckAsked.id == key, PostCheckAsked.organisation_id == actor.organisation_id)
            .where(PostCheckAsked.state.in_((ASKED, ENDED)))
            .with_for_update(of=PostCheckAsked)
        ).first()
        if row is None or actor.organisation_id is None:
            raise NotFound("id", "there is no such question to your organisation", key)
        if row.answered_at is not None:
            raise Conflict("answer", "somebody of your organisation has answered", row.answer)
        if at > row.due_at + LATE_MS:
            raise RegistryError("due_at", "passed more than a day ago")
        options = json.loads(row.options)
        if options and text not in options:
            raise RegistryError("answer", "must be one of the options", text)
        right = _plain(text) in {_plain(each) for each in json.loads(row.answers)}
        result = LATE if at >= row.due_at else RIGHT if right else WRONG
        values = {"state": ENDED, "answered_at": at, "user_id": actor.user_id, "answer": text, "result": result}
        connection.execute(update(PostCheckAsked).where(PostCheckAsked.id == key).values(**values))
        record(connection, actor, "post_check.answer", key, {"answer": text, "result": result})
    return result


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _require_authority(scope: Scope) -> None:
    if scope.aggregate or not is_authority(scope):
        raise RegistryError("scope", "is done by an authority that sees the rows")
