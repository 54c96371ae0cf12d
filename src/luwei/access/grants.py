"""Requests on a recorded reason: ask, approve or refuse, end, list. Each step is one transaction with its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from luwei.access.authority import GOVERNMENT
from luwei.access.grant import (
    ACTIVE,
    ENDED,
    EXPIRED,
    REFUSED,
    REQUEST_LIFE_MS,
    REQUESTED,
    AccessGrant,
    GrantSubject,
    Subject,
    reason_of,
)
from luwei.access.identity import SignedIn
from luwei.access.kinds import KINDS, READ, REASON, REASON_OWN, REASON_ROWS, ROWS
from luwei.access.revision import touch
from luwei.access.rights import book
from luwei.access.user import User
from luwei.registry import fields, masking
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.driver import Driver
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.organisation import Organisation
from luwei.registry.page import Page, check_page
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.vehicle import Vehicle

SUBJECTS_MAX = 200
MATCHES_MAX = 20
STATES = (REQUESTED, ACTIVE, REFUSED, ENDED, EXPIRED)


@dataclass(frozen=True, slots=True)
class GrantView:
    """A request as lists show it; ``kind`` is a row of the rights table."""

    id: int
    kind: str
    kind_zh: str
    purpose: str
    case_number: str
    vehicles: list[Subject]
    minutes: int
    state: str
    requested_at: int
    username: str
    display_name: str
    organisation: str
    decided_at: int | None
    decided_by: str | None
    note: str
    from_at: int | None
    to_at: int | None
    ended_at: int | None
    may_decide: bool
    may_end: bool


@dataclass(frozen=True, slots=True)
class DriverMatch:
    """A driver of the name that was asked for: enough to tell two of the same name apart, and no more."""

    id: int
    name: str
    operator: str
    identity_number: str
    """Masked; empty where none is known."""


def _place(user: SignedIn, row: str) -> Scope:
    """Whose data of ``row`` the user may ask for. Raises RegistryError where the role has no such right."""
    if row not in REASON_ROWS:
        raise RegistryError("kind", f"must be one of {', '.join(REASON_ROWS)}", row)
    manners = {cell.manner for (act, kind), cell in user.cells.items() if KINDS[kind].row == row and act == READ} & {
        REASON,
        REASON_OWN,
    }
    if not manners:
        raise RegistryError("kind", "the role has no right on a recorded reason to it", row)
    return WHOLE if REASON in manners and user.organisation_kind in GOVERNMENT else user.jurisdiction


def drivers_named(engine: Engine, user: SignedIn, name: str) -> list[DriverMatch]:
    """Drivers that ``user`` may ask for, by the whole name: who knows it learns which of them is meant, and nobody
    leafs through names. MATCHES_MAX at most. Raises RegistryError where the role has no right on a recorded reason.
    """
    place = _place(user, "driver")
    wanted = name.strip()
    if len(wanted) < 2:
        raise RegistryError("name", "must be the whole name, of at least 2 characters", "")
    statement = (
        select(Driver.id, Driver.name, Organisation.name.label("operator"), Driver.identity_number)
        .outerjoin(Organisation, Organisation.id == Driver.operator_id)
        .where(Driver.name == wanted, *place.of_drivers())
        .order_by(Organisation.name, Driver.id)
        .limit(MATCHES_MAX)
    )
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    return [
        DriverMatch(row.id, row.name, row.operator or "", masking.identity(row.identity_number or "")) for row in rows
    ]


def request(
    engine: Engine,
    user: SignedIn,
    row: str,
    purpose: str,
    case_number: str,
    subjects: Sequence[int],
    minutes: int,
    actor: Actor,
    plates: Sequence[str] = (),
) -> int:
    """Ask; the id of the request. It is in force at once unless the role's setting wants a second person.

    ``subjects``: ids of vehicles (of drivers for the row ``driver``); ``plates`` names vehicles for who cannot list
    them. Raises RegistryError where the reason is not complete, the role needs or may have no grant, or a subject is
    none that it may reach.
    """
    place = _place(user, row)
    values = {
        "purpose": fields.text("purpose", 300)(purpose), "case_number": fields.text("case_number", 60)(case_number),
    }  # fmt: skip
    if len(values["purpose"]) < 4:
        raise RegistryError("purpose", "must say in at least 4 characters what for")
    with write(engine) as connection:
        role = book(engine, connection).roles[user.role]
        if isinstance(minutes, bool) or not 1 <= minutes <= role.grant_minutes_max:
            raise RegistryError("minutes", f"must be from 1 to {role.grant_minutes_max}", minutes)
        found = _subjects(connection, row, subjects, plates, place)
        now = now_ms()
        values |= {
            "user_id": user.user_id, "organisation_id": user.organisation_id, "row": row, "minutes": minutes,
            "requested_at": now, "note": "",
        } | ({"state": REQUESTED} if role.approval else _in_force(now, minutes))  # fmt: skip
        key: int = connection.execute(insert(AccessGrant).returning(AccessGrant.id), values).scalar_one()
        connection.execute(insert(GrantSubject), [{"grant_id": key, "subject_id": each} for each in found])
        touch(connection)
        act = "grant.request" if role.approval else "grant.open"
        _tell(connection, actor, act, key, row, found, {"minutes": minutes}, values)
    return key


def decide(engine: Engine, user: SignedIn, scope: Scope, key: int, approve: bool, note: str, actor: Actor) -> None:
    """Approve or refuse a request of somebody else. Raises NotFound outside the scope, Conflict where it is decided or
    too old already, RegistryError for one's own request or a refusal without a word."""
    said = fields.optional(fields.text("note", 300), "")(note)
    if not approve and not said:
        raise RegistryError("note", "must say why it is refused")
    with write(engine) as connection:
        found = _found(connection, key, scope)
        if found.user_id == user.user_id:
            raise RegistryError("id", "must be decided by a second person", key)
        now = now_ms()
        if found.state != REQUESTED or now > found.requested_at + REQUEST_LIFE_MS:
            raise Conflict("id", "is decided or too old already", key)
        values = {"decided_at": now, "decided_by": user.user_id, "note": said}
        values |= _in_force(now, found.minutes) if approve else {"state": REFUSED}
        connection.execute(update(AccessGrant).where(AccessGrant.id == key).values(**values))
        touch(connection)
        named = list(connection.scalars(select(GrantSubject.subject_id).where(GrantSubject.grant_id == key)))
        detail = {"minutes": found.minutes, "for": found.username}
        act = "grant.approve" if approve else "grant.refuse"
        _tell(connection, actor, act, key, found.row, named, detail, found._mapping)


def end(engine: Engine, user: SignedIn, scope: Scope | None, key: int, actor: Actor) -> None:
    """End a grant before its time, or take back a request: the holder, or who could decide on it (``scope``)."""
    with write(engine) as connection:
        found = _found(connection, key, scope, user.user_id)
        now = now_ms()
        alive = found.state == REQUESTED or (found.state == ACTIVE and now < (found.to_at or 0))
        if not alive:
            raise Conflict("id", "is over already", key)
        values = {"state": ENDED, "ended_at": now, "to_at": min(found.to_at or now, now)}
        connection.execute(update(AccessGrant).where(AccessGrant.id == key).values(**values))
        touch(connection)
        record(connection, actor, "grant.end", key, reason=reason_of(found.purpose, found.case_number))


def page(
    engine: Engine, user: SignedIn, scope: Scope | None, state: str = "", mine: bool = False, number: int = 1,
    size: int = 50,
) -> Page[GrantView]:  # fmt: skip
    """Requests, newest first: one's own, and those that one may decide on (``scope``; None: none)."""
    offset, limit = check_page(number, size)
    if state and state not in STATES:
        raise RegistryError("state", f"must be one of {', '.join(STATES)}", state)
    now = now_ms()
    conditions = [*_visible(user.user_id, None if mine else scope), *_in_state(state, now)]
    with read(engine) as connection:
        base = select(func.count()).select_from(AccessGrant).outerjoin(_OWNER, _OWNER.id == AccessGrant.organisation_id)
        total = connection.execute(base.where(*conditions)).scalar_one()
        rows = connection.execute(
            _VIEW.where(*conditions).order_by(AccessGrant.id.desc()).offset(offset).limit(limit)
        ).all()
        named = _named(connection, [row.id for row in rows])
    return Page(total, [_view(row, named.get(row.id, []), user, scope, now) for row in rows])


def one(engine: Engine, user: SignedIn, scope: Scope | None, key: int) -> GrantView:
    """One request, own or to be decided on. Raises NotFound."""
    with read(engine) as connection:
        row = connection.execute(_VIEW.where(AccessGrant.id == key, *_visible(user.user_id, scope))).one_or_none()
        if row is None:
            raise NotFound("id", "there is no such request", key)
        named = _named(connection, [key])
    return _view(row, named.get(key, []), user, scope, now_ms())


def _in_force(now: int, minutes: int) -> dict[str, Any]:
    return {"state": ACTIVE, "from_at": now, "to_at": now + minutes * 60_000}


def _subjects(connection: Connection, row: str, ids: Sequence[int], plates: Sequence[str], place: Scope) -> list[int]:
    name = "drivers" if row == "driver" else "vehicles"
    wanted = set(ids)
    if not 1 <= len(wanted) + len(plates) <= SUBJECTS_MAX:
        raise RegistryError(name, f"must name 1 to {SUBJECTS_MAX}")
    if row == "driver":
        found = set(connection.scalars(select(Driver.id).where(Driver.id.in_(wanted), *place.of_drivers())))
    else:
        limits = place.of_vehicles()
        found = set(connection.scalars(select(Vehicle.id).where(Vehicle.id.in_(wanted), *limits)))
        for plate in plates:
            matching = list(
                connection.scalars(select(Vehicle.id).where(Vehicle.plate == plate.strip().upper(), *limits))
            )
            if not matching:
                raise RegistryError("plates", "there is no such vehicle that you may ask for", plate)
            found |= set(matching)
    if missing := wanted - found:
        raise RegistryError(name, "there is no such row that you may ask for", min(missing))
    return sorted(found)


def _tell(
    connection: Connection, actor: Actor, act: str, key: int, row: str, subjects: Sequence[int], detail: dict[str, Any],
    values: Any,
) -> None:  # fmt: skip
    """An entry for each vehicle, so that its owner finds it."""
    reason = reason_of(values["purpose"], values["case_number"])
    if row == "driver":
        record(connection, actor, act, key, detail | {"kind": row, "drivers": list(subjects)}, reason=reason)
        return
    for each in subjects:
        record(connection, actor, act, key, detail | {"kind": row}, vehicle_id=each, reason=reason)


_OWNER = aliased(Organisation)
_DECIDER = aliased(User)
_VIEW = (
    select(
        AccessGrant.id, AccessGrant.row, AccessGrant.purpose, AccessGrant.case_number, AccessGrant.minutes,
        AccessGrant.state, AccessGrant.requested_at, AccessGrant.decided_at, AccessGrant.note, AccessGrant.from_at,
        AccessGrant.to_at, AccessGrant.ended_at, AccessGrant.user_id, User.username, User.display_name,
        _OWNER.name.label("organisation"), _DECIDER.display_name.label("decided_by"),
    )
    .join(User, User.id == AccessGrant.user_id)
    .outerjoin(_OWNER, _OWNER.id == AccessGrant.organisation_id)
    .outerjoin(_DECIDER, _DECIDER.id == AccessGrant.decided_by)
)  # fmt: skip


def _visible(user_id: int, scope: Scope | None) -> list[ColumnElement[bool]]:
    own = AccessGrant.user_id == user_id
    if scope is None:
        return [own]
    if scope.whole:
        return []
    below = select(Organisation.id).where(*scope.of_staff())
    return [or_(own, AccessGrant.organisation_id.in_(below))]


def _in_state(state: str, now: int) -> list[ColumnElement[bool]]:
    over = or_(
        (AccessGrant.state == ACTIVE) & (AccessGrant.to_at <= now),
        (AccessGrant.state == REQUESTED) & (AccessGrant.requested_at < now - REQUEST_LIFE_MS),
    )
    if not state:
        return []
    return [over] if state == EXPIRED else [AccessGrant.state == state, ~over]


def _found(connection: Connection, key: int, scope: Scope | None, holder: int | None = None) -> Any:
    columns = (
        AccessGrant.user_id, AccessGrant.row, AccessGrant.state, AccessGrant.minutes, AccessGrant.purpose,
        AccessGrant.case_number, AccessGrant.requested_at, AccessGrant.to_at, User.username,
    )  # fmt: skip
    statement = select(*columns).join(User, User.id == AccessGrant.user_id).where(AccessGrant.id == key)
    if holder is not None or scope is not None:
        statement = statement.where(*_visible(holder or 0, scope))
    row = connection.execute(statement.with_for_update(of=AccessGrant)).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such request", key)
    return row


def _named(connection: Connection, keys: Sequence[int]) -> dict[int, list[Subject]]:
    columns = (
        GrantSubject.grant_id, AccessGrant.row, GrantSubject.subject_id, Vehicle.plate, Vehicle.plate_color,
        Driver.name,
    )  # fmt: skip
    rows = connection.execute(
        select(*columns)
        .join(AccessGrant, AccessGrant.id == GrantSubject.grant_id)
        .outerjoin(Driver, Driver.id == GrantSubject.subject_id)
        .outerjoin(Vehicle, Vehicle.id == GrantSubject.subject_id)
        .where(GrantSubject.grant_id.in_(keys))
        .order_by(GrantSubject.subject_id)
    )
    found: dict[int, list[Subject]] = {}
    for key, row, subject, plate, color, name in rows:
        driver = row == "driver"
        shown = Subject(subject, masking.name(name or "") if driver else plate or "", 0 if driver else color or 0)
        found.setdefault(key, []).append(shown)
    return found


def _view(row: Any, named: list[Subject], user: SignedIn, scope: Scope | None, now: int) -> GrantView:
    state = row.state
    if (state == ACTIVE and now >= row.to_at) or (state == REQUESTED and now > row.requested_at + REQUEST_LIFE_MS):
        state = EXPIRED
    mine = row.user_id == user.user_id
    return GrantView(
        row.id, row.row, ROWS[row.row][0], row.purpose, row.case_number, named, row.minutes, state, row.requested_at,
        row.username, row.display_name, row.organisation or "", row.decided_at, row.decided_by, row.note, row.from_at,
        row.to_at, row.ended_at, scope is not None and not mine and state == REQUESTED,
        state in (REQUESTED, ACTIVE) and (mine or scope is not None),
    )  # fmt: skip
