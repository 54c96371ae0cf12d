"""Hand-over between shifts 交接班: who gave which cases to whom, with what note, and that they were taken over.

A case that is given to a person is that person's at once, so that it never belongs to nobody; one that is given to the
next shift goes back to the queue. Taking over says that the receiver knows of it, and claims what still waits.
Every function blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, or_, select, update

from luwei.access import rights
from luwei.access.kinds import WRITE
from luwei.access.user import User
from luwei.cases.holding import Held, hold, line
from luwei.cases.reading import CaseRow, Person, persons, views
from luwei.cases.scope import within
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.case import CLAIMED, OPEN, RETURNED, SNOOZED, AlarmCase
from luwei.registry.case_hand_over import CaseHandOver, HandedCase
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import Scope

NOTE = (2, 500)
GIVEN_FROM = (OPEN, RETURNED, SNOOZED, CLAIMED)
CASES_MOST = 200
"""Cases of one hand-over that a list names; how many there are it says."""

Refused = tuple[int, RegistryError]


@dataclass(frozen=True, slots=True)
class HandOver:
    """One hand-over. ``to`` None: the next shift. ``cases``: those that who asks may see, as they are now."""

    id: int
    at: int
    giver: Person
    to: Person | None
    note: str
    count: int
    cases: list[CaseRow]
    taken_at: int | None
    taken_by: Person | None
    may_take: bool


def people(engine: Engine, connection: Connection, organisation: int | None) -> list[tuple[int, str]]:
    """Who of an organisation may handle cases: (id, name), by name."""
    roles = rights.book(engine, connection).rights
    able = [role for role, cells in roles.items() if (WRITE, "case") in cells]
    statement = (
        select(User.id, User.display_name)
        .where(User.organisation_id == organisation, User.disabled_at.is_(None), User.role.in_(able))
        .order_by(User.display_name, User.id)
    )
    return [(row.id, row.display_name) for row in connection.execute(statement)]


def give(
    engine: Engine, scope: Scope, cases: Sequence[tuple[int, int]], to: int | None, note: str, actor: Actor
) -> tuple[list[int], list[Refused]]:
    """Hand over cases (id, version), in one transaction. What was handed over, and what was not and why.

    Raises RegistryError for the receiver and the note, which go for all of them.
    """
    said = line("note", note, *NOTE)
    done: list[int] = []
    refused: list[Refused] = []
    with write(engine) as connection:
        name = None if to is None else _colleague(engine, connection, actor, to)
        # locked in the order of ids, so that two people's heaps cannot wait for each other
        for case_id, version in sorted(cases):
            try:
                held = hold(connection, scope, case_id, version, actor)
                held.require(GIVEN_FROM, "handed over")
                _of_ours(held)
            except RegistryError as error:
                refused.append((case_id, error))
                continue
            _give(held, to, name, said)
            done.append(case_id)
        if done:
            _enter(connection, actor, to, said, done)
    return done, refused


def give_one(engine: Engine, scope: Scope, case_id: int, version: int, to: int | None, note: str, actor: Actor) -> None:
    """Hand over one case. Raises what it was refused for."""
    _, refused = give(engine, scope, [(case_id, version)], to, note, actor)
    for _, error in refused:
        raise error


def _of_ours(held: Held) -> None:
    """Whoever is away is relieved by a colleague, not by the other organisation that sees the case."""
    holder = held.row["assignee_id"]
    if held.row["state"] in (CLAIMED, SNOOZED) and holder not in (None, held.user_id):
        statement = select(User.display_name, User.organisation_id).where(User.id == holder)
        row = held.connection.execute(statement).first()
        if row is None or row.organisation_id != held.actor.organisation_id:
            name = row.display_name if row is not None else "somebody else"
            raise Conflict("assignee", f"{name} of another organisation is handling this case", holder)


def _give(held: Held, to: int | None, name: str | None, note: str) -> None:
    told: dict[str, object] = {"note": note, "to": to}
    if to is None:
        held.to(OPEN, assignee_id=None, snoozed_until=None)
    else:
        told["name"] = name
        held.to(CLAIMED, assignee_id=to, snoozed_until=None)
    held.keep("handed_over", told)


def _enter(connection: Connection, actor: Actor, to: int | None, note: str, cases: Sequence[int]) -> None:
    given = {
        "at": now_ms(), "user_id": actor.user_id, "organisation_id": actor.organisation_id, "to_user_id": to,
        "note": note, "cases": len(cases),
    }  # fmt: skip
    made = connection.execute(insert(CaseHandOver).returning(CaseHandOver.id), given).scalar_one()
    connection.execute(insert(HandedCase), [{"hand_over_id": made, "case_id": case} for case in cases])


def _colleague(engine: Engine, connection: Connection, actor: Actor, to: int) -> str:
    for key, name in people(engine, connection, actor.organisation_id):
        if key == to:
            return name
    raise RegistryError("to", "must be a person of your organisation who may handle cases", to)


def take(engine: Engine, scope: Scope, key: int, actor: Actor) -> tuple[list[int], list[Refused]]:
    """Take over what was handed over: cases that wait are claimed, those that are held already are confirmed in their
    story. Raises NotFound, Conflict where it was taken over before."""
    me = actor.user_id
    assert me is not None
    done: list[int] = []
    refused: list[Refused] = []
    with write(engine) as connection:
        _for_me(connection, key, me, actor.organisation_id)
        taken = (
            update(CaseHandOver)
            .where(CaseHandOver.id == key, CaseHandOver.taken_at.is_(None))
            .values(taken_at=now_ms(), taken_by=me)
        )
        if not connection.execute(taken).rowcount:
            raise Conflict("taken_at", "the hand-over was taken over already", key)
        given = select(HandedCase.case_id).where(HandedCase.hand_over_id == key).order_by(HandedCase.case_id)
        for case_id in connection.scalars(given).all():
            try:
                held = hold(connection, scope, case_id, None, actor)
                held.mine()
                held.require(GIVEN_FROM, "taken over")
            except RegistryError as error:
                refused.append((case_id, error))
                continue
            held.to(CLAIMED, assignee_id=me, snoozed_until=None)
            held.keep("taken_over", {"hand_over": key})
            done.append(case_id)
    return done, refused


def _for_me(connection: Connection, key: int, me: int, organisation: int | None) -> None:
    mine = select(CaseHandOver.id).where(CaseHandOver.id == key, _mine(me, organisation))
    if connection.scalar(mine) is None:
        raise NotFound("id", "there is no such hand-over for you", key)


def _mine(me: int, organisation: int | None) -> ColumnElement[bool]:
    """To this person, or to the next shift of this person's organisation by somebody else."""
    return or_(
        CaseHandOver.to_user_id == me,
        and_(
            CaseHandOver.to_user_id.is_(None),
            CaseHandOver.organisation_id.is_not_distinct_from(organisation),
            CaseHandOver.user_id != me,
        ),
    )


def waiting(engine: Engine, me: int, organisation: int | None) -> int:
    """How many hand-overs wait for this person."""
    statement = select(func.count()).where(CaseHandOver.taken_at.is_(None), _mine(me, organisation))
    with read(engine) as connection:
        return connection.scalar(statement) or 0


def listed(
    engine: Engine, scope: Scope, me: int, organisation: int | None, before: int | None, size: int
) -> list[HandOver]:
    """Hand-overs of this person's organisation, the newest first; ``before``: an id, for the next page."""
    where = [CaseHandOver.organisation_id.is_not_distinct_from(organisation)]
    if before is not None:
        where.append(CaseHandOver.id < before)
    statement = select(*CaseHandOver.__table__.columns).where(*where).order_by(CaseHandOver.id.desc()).limit(size)
    with read(engine) as connection:
        rows = connection.execute(statement).all()
        names = persons(connection, [key for row in rows for key in (row.user_id, row.to_user_id, row.taken_by)])
        found = []
        for row in rows:
            mine = row.to_user_id == me or (row.to_user_id is None and row.user_id != me)
            found.append(
                HandOver(
                    row.id, row.at, names[row.user_id], names.get(row.to_user_id), row.note, row.cases,
                    _cases(connection, scope, row.id), row.taken_at, names.get(row.taken_by),
                    mine and row.taken_at is None,
                )
            )  # fmt: skip
    return found


def _cases(connection: Connection, scope: Scope, key: int) -> list[CaseRow]:
    statement = (
        select(*AlarmCase.__table__.columns)
        .join(HandedCase, HandedCase.case_id == AlarmCase.id)
        .where(HandedCase.hand_over_id == key, *within(scope))
        .order_by(AlarmCase.sort_at, AlarmCase.id)
        .limit(CASES_MOST)
    )
    return views(connection, [dict(row._mapping) for row in connection.execute(statement)])
