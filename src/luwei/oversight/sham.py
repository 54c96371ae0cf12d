"""Sham handling 虚假处理: verdicts that nobody can have meant (reference supervision §7.2). A flag is a lead with its
rows; a supervisor looks at them and dismisses it with a reason, or acts. Every function blocks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, insert, select, update

from luwei.access.user import User
from luwei.cases.holding import line
from luwei.cases.reading import Person, persons
from luwei.cases.scope import within as cases_within
from luwei.oversight import policies
from luwei.oversight.place import is_authority, within
from luwei.oversight.policy import OversightRules
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case import AlarmCase, CaseStep
from luwei.registry.case_work import CaseLook
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.organisation import Organisation
from luwei.registry.oversight import DISMISSED, OPEN, OversightMark, ShamCase, ShamFlag
from luwei.registry.page import Page, check_page
from luwei.registry.scope import WHOLE, Scope

SAME_TEXT, MANY, TOO_FAST, UNSEEN = "same_text", "many", "too_fast", "unseen"
KINDS = (SAME_TEXT, MANY, TOO_FAST, UNSEEN)
WATCH = "watch"
"""Of a flag that has not enough rows yet: nobody sees it."""
MARK = "sham"
AT_ONCE = 500
BACK = 20_000
"""Steps that are looked through together for earlier verdicts of the same burst."""
SETTLED_MS = 10_000
"""PostgreSQL shows a step when its transaction ends, so not in the order of their numbers; none takes so long."""
CASES_MOST = 1_000
CHINA_MS, DAY_MS = 8 * 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class _Verdict:
    id: int
    case_id: int
    user_id: int
    at: int
    text: str
    here: int | None
    """Files of the case that were here; null: a verdict of an earlier release does not say."""


def find(engine: Engine, now: int | None = None) -> int:
    """Look at the verdicts since the last time that are settled at ``now`` (None: all there are); how many."""
    with read(engine) as connection:
        mark = connection.scalar(select(OversightMark.value).where(OversightMark.name == MARK))
        last = mark or 0
        upto = _settled(connection, last, now)
        fresh = _verdicts(connection, CaseStep.id > last, CaseStep.id <= upto, most=AT_ONCE)
        if len(fresh) == AT_ONCE:
            upto = fresh[-1].id
        book: dict[int, OversightRules] = {each.id: policies.at(connection, each.at) for each in fresh}
        past = _past(connection, fresh, book)
        homes = _homes(connection, {each.user_id for each in fresh})
    if upto <= last:
        return 0
    with write(engine) as connection:
        for each in fresh:
            rules, before = book[each.id], past[each.user_id]
            for kind, burst, text in ((SAME_TEXT, rules.same_text, each.text), (MANY, rules.many, None)):
                since = each.at - burst.within_s * 1000
                together = [
                    v for v in before
                    if since < v.at <= each.at and v.id <= each.id and (text is None or v.text == text)
                ]  # fmt: skip
                if len(together) > burst.more_than:
                    _burst(connection, kind, each, together, since, rules, homes)
            _looks(connection, each, rules, homes)
        if mark is None:
            connection.execute(insert(OversightMark).values(name=MARK, value=upto))
        else:
            connection.execute(update(OversightMark).where(OversightMark.name == MARK).values(value=upto))
    return len(fresh)


def _settled(connection: Connection, last: int, now: int | None) -> int:
    """The last step after ``last`` before which none can appear any more; ``last`` where there is none."""
    old = [] if now is None else [CaseStep.at <= now - SETTLED_MS]
    return connection.scalar(select(func.max(CaseStep.id)).where(CaseStep.id > last, *old)) or last


def _verdicts(connection: Connection, *conditions: Any, most: int | None = None) -> list[_Verdict]:
    statement = (
        select(CaseStep.id, CaseStep.case_id, CaseStep.user_id, CaseStep.at, CaseStep.detail)
        .where(CaseStep.act == "verdict", CaseStep.user_id.is_not(None), *conditions)
        .order_by(CaseStep.id)
        .limit(most)
    )
    found = []
    for row in connection.execute(statement):
        told = json.loads(row.detail)
        words = " ".join(told.get("text", "").split())
        found.append(_Verdict(row.id, row.case_id, row.user_id, row.at, words, told.get("files")))
    return found


def _past(
    connection: Connection, fresh: Sequence[_Verdict], book: Mapping[int, OversightRules]
) -> dict[int, list[_Verdict]]:
    """Verdicts of the same people by person, as far back as a burst may reach."""
    found: dict[int, list[_Verdict]] = {each.user_id: [] for each in fresh}
    if not fresh:
        return found
    longest = max(max(rules.same_text.within_s, rules.many.within_s) for rules in book.values())
    since, high = min(each.at for each in fresh) - longest * 1000, fresh[-1].id
    theirs = CaseStep.user_id.in_(sorted(found))
    parts = []
    while high > 0:
        low = max(0, high - BACK)
        parts.append(_verdicts(connection, CaseStep.id > low, CaseStep.id <= high, theirs))
        first = connection.scalar(select(CaseStep.at).where(CaseStep.id > low).order_by(CaseStep.id).limit(1))
        if first is None or first < since:
            break
        high = low
    for part in reversed(parts):
        for each in part:
            found[each.user_id].append(each)
    return found


def _homes(connection: Connection, users: set[int]) -> dict[int, Any]:
    statement = (
        select(User.id, User.organisation_id, Organisation.city, Organisation.county)
        .outerjoin(Organisation, Organisation.id == User.organisation_id)
        .where(User.id.in_(sorted(users)))
    )
    return {row.id: row for row in connection.execute(statement)}


def _burst(
    connection: Connection, kind: str, last: _Verdict, together: Sequence[_Verdict], since: int, rules: OversightRules,
    homes: dict[int, Any],
) -> None:  # fmt: skip
    text = last.text if kind == SAME_TEXT else ""
    going = select(ShamFlag.id, ShamFlag.state, ShamFlag.last_at).where(
        ShamFlag.user_id == last.user_id, ShamFlag.kind == kind, ShamFlag.text == text, ShamFlag.last_at > since
    )
    flag = connection.execute(going.order_by(ShamFlag.id.desc()).limit(1)).first()
    if flag is not None and flag.state == DISMISSED:
        # what a supervisor has looked at is settled; what goes on after it is a flag of its own
        burst = rules.same_text if kind == SAME_TEXT else rules.many
        together = [each for each in together if each.at > flag.last_at]
        if len(together) <= burst.more_than:
            return
        flag = None
    if flag is not None:
        _add(connection, flag.id, last, None)
        return
    sign = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"{kind}:{last.user_id}:{sign}:{together[0].id}"
    key = _flag(connection, name, kind, together[0], text, OPEN, rules, homes)
    for each in together:
        _add(connection, key, each, None)


def _looks(connection: Connection, each: _Verdict, rules: OversightRules, homes: dict[int, Any]) -> None:
    """What the person had seen when judging."""
    seen = {
        row.file_id: row.at
        for row in connection.execute(
            select(CaseLook.file_id, CaseLook.at).where(
                CaseLook.case_id == each.case_id, CaseLook.user_id == each.user_id, CaseLook.at <= each.at
            )
        )
    }
    files = [at for key, at in seen.items() if key]
    here = each.here
    if here is None:
        here = connection.scalar(select(AlarmCase.evidence_complete).where(AlarmCase.id == each.case_id)) or 0
    first = min(files) if files else seen.get(0)
    fast = first is not None and each.at - first < rules.fast_s * 1000
    for kind, is_so, more_than in (
        (UNSEEN, bool(here) and not files, rules.unseen_more_than),
        (TOO_FAST, fast, rules.fast_more_than),
    ):
        if not is_so:
            continue
        key = _of_day(connection, kind, each, rules, homes)
        _add(connection, key, each, each.at - first if first is not None else None)
        enough = and_(ShamFlag.id == key, ShamFlag.state == WATCH, ShamFlag.count > more_than)
        connection.execute(update(ShamFlag).where(enough).values(state=OPEN))


def _of_day(connection: Connection, kind: str, each: _Verdict, rules: OversightRules, homes: dict[int, Any]) -> int:
    """The flag of the person and day in China; after one that was dismissed another one."""
    day = (each.at + CHINA_MS) // DAY_MS
    name = f"{kind}:{each.user_id}:{day}"
    start = day * DAY_MS - CHINA_MS
    newest = select(ShamFlag.id, ShamFlag.state).where(
        ShamFlag.user_id == each.user_id, ShamFlag.kind == kind, ShamFlag.first_at >= start,
        ShamFlag.first_at < start + DAY_MS,
    )  # fmt: skip
    flag = connection.execute(newest.order_by(ShamFlag.id.desc()).limit(1)).first()
    if flag is not None and flag.state != DISMISSED:
        return int(flag.id)
    if flag is not None:
        name = f"{name}:{flag.id}"
    return _flag(connection, name, kind, each, "", WATCH, rules, homes)


def _flag(
    connection: Connection, name: str, kind: str, first: _Verdict, text: str, state: str, rules: OversightRules,
    homes: dict[int, Any],
) -> int:  # fmt: skip
    home = homes[first.user_id]
    values = {
        "key": name, "kind": kind, "user_id": first.user_id, "organisation_id": home.organisation_id,
        "city": home.city, "county": home.county, "text": text, "first_at": first.at, "last_at": first.at, "count": 0,
        "policy": rules.version, "state": state,
    }  # fmt: skip
    key: int = connection.execute(insert(ShamFlag).values(**values).returning(ShamFlag.id)).scalar_one()
    return key


def _add(connection: Connection, key: int, each: _Verdict, ms: int | None) -> None:
    there = select(ShamCase.at).where(ShamCase.flag_id == key, ShamCase.case_id == each.case_id)
    if connection.execute(there).first() is not None:
        return
    connection.execute(insert(ShamCase).values(flag_id=key, case_id=each.case_id, at=each.at, ms=ms))
    grown = update(ShamFlag).where(ShamFlag.id == key)
    connection.execute(grown.values(count=ShamFlag.count + 1, last_at=each.at))


@dataclass(frozen=True, slots=True)
class FlagView:
    """One flag; ``text``: what was written again and again."""

    id: int
    kind: str
    person: Person | None
    organisation: Named | None
    first_at: int
    last_at: int
    count: int
    text: str
    state: str
    dismissed_by: Person | None
    dismissed_at: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class FlagCase:
    """A case behind a flag; ``ms``: from the first look to the verdict."""

    id: int
    number: str
    type: str
    plate: str
    plate_color: int
    at: int
    ms: int | None
    text: str


def page(
    engine: Engine,
    scope: Scope,
    kind: str,
    state: str,
    organisation: int | None,
    number: int,
    size: int,
    area: Scope = WHOLE,
) -> Page[FlagView]:
    """Flags of the people of organisations in the scope, the newest first; ``area`` narrows to a part of it. Raises
    RegistryError."""
    offset, limit = check_page(number, size)
    for field, value, allowed in (("kind", kind, KINDS), ("state", state, (OPEN, DISMISSED))):
        if value and value not in allowed:
            raise RegistryError(field, f"must be one of {', '.join(allowed)}", value)
    conditions = [ShamFlag.state != WATCH, *within(scope, ShamFlag, ShamFlag.organisation_id), *within(area, ShamFlag)]
    equal = ((ShamFlag.kind, kind), (ShamFlag.state, state), (ShamFlag.organisation_id, organisation))
    conditions += [column == value for column, value in equal if value]
    ordered = select(*ShamFlag.__table__.columns).where(*conditions).order_by(ShamFlag.last_at.desc(), ShamFlag.id)
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(ShamFlag).where(*conditions)).scalar_one()
        return Page(total, _views(connection, connection.execute(ordered.offset(offset).limit(limit)).all()))


def one(engine: Engine, scope: Scope, key: int) -> tuple[FlagView, list[FlagCase]]:
    """A flag with those of its cases that lie in the scope, the oldest first: a monitor handles trucks of many areas.
    Raises NotFound."""
    behind = (
        select(ShamCase.case_id, AlarmCase.number, AlarmCase.type, AlarmCase.plate,
               AlarmCase.plate_color, ShamCase.at, ShamCase.ms,
               AlarmCase.text)
        .join(AlarmCase, AlarmCase.id == ShamCase.case_id)
        .where(ShamCase.flag_id == key, *cases_within(scope))
        .order_by(ShamCase.at)
        .limit(CASES_MOST)
    )  # fmt: skip
    with read(engine) as connection:
        row = _one(connection, scope, key)
        return _views(connection, [row])[0], [FlagCase(*each) for each in connection.execute(behind)]


def _one(connection: Connection, scope: Scope, key: int) -> Any:
    mine = within(scope, ShamFlag, ShamFlag.organisation_id)
    statement = select(*ShamFlag.__table__.columns).where(ShamFlag.id == key, ShamFlag.state != WATCH, *mine)
    row = connection.execute(statement.with_for_update()).first()
    if row is None:
        raise NotFound("id", "there is no such flag", key)
    return row


def dismiss(engine: Engine, scope: Scope, key: int, reason: str, actor: Actor) -> None:
    """A supervisor has looked and found nothing wrong. Raises NotFound, Conflict, RegistryError."""
    if not is_authority(scope):
        raise RegistryError("scope", "is done by an authority")
    said = line("reason", reason, 2, 500)
    with write(engine) as connection:
        row = _one(connection, scope, key)
        if row.state != OPEN:
            raise Conflict("state", f"the flag is {row.state} already", key)
        values = {"state": DISMISSED, "dismissed_by": actor.user_id, "dismissed_at": now_ms(), "reason": said}
        connection.execute(update(ShamFlag).where(ShamFlag.id == key).values(**values))
        record(connection, actor, "sham_flag.dismiss", key, {"kind": row.kind, "reason": said})


def _views(connection: Connection, rows: Sequence[Any]) -> list[FlagView]:
    people = persons(connection, [each for row in rows for each in (row.user_id, row.dismissed_by)])
    bodies = organisations_named(connection, [row.organisation_id for row in rows])
    return [
        FlagView(
            row.id, row.kind, people.get(row.user_id), bodies.get(row.organisation_id), row.first_at, row.last_at,
            row.count, row.text, row.state, people.get(row.dismissed_by), row.dismissed_at, row.reason,
        )
        for row in rows
    ]  # fmt: skip
