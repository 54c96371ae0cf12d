"""Recorded roadside checks 现场核查记录: entered once, never changed, seen by the office and by whose truck it was.

Every function blocks and raises RegistryError (field and rule) or NotFound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, insert, or_, select

from luwei.cases.reading import Person, persons
from luwei.oversight.order_files import FileView, attach, of_checks
from luwei.oversight.place import is_authority
from luwei.registry import ownership, plate
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.page import Page, check_page
from luwei.registry.roadside import FINDINGS, FOUND, RoadsideCheck, RoadsideFinding
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

DAY_MS = 86_400_000
DAYS_MOST = 366


@dataclass(frozen=True, slots=True)
class NewCheck:
    """What an officer found. ``told``: verdict by item that the platform had shown; ``files``: own uploads."""

    plate: str
    plate_color: int
    findings: tuple[str, ...]
    note: str = ""
    place: str = ""
    lat_e6: int | None = None
    lon_e6: int | None = None
    told: Mapping[str, str] | None = None
    files: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check as lists show it; ``vehicle_id`` null: the plate was not registered then."""

    id: int
    at: int
    plate: str
    plate_color: int
    vehicle_id: int | None
    findings: list[str]
    note: str
    place: str
    lat_e6: int | None
    lon_e6: int | None
    told: dict[str, str]
    officer: Person | None
    organisation: Named | None
    files: list[FileView]


@dataclass(frozen=True, slots=True)
class CheckFilter:
    """None and empty are any. ``mine``: of the person who asks; ``start``, ``end``: UTC ms, the end excluded."""

    mine: bool = False
    vehicle: int | None = None
    finding: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Checks, those with something wrong, and checks by finding (one may have several)."""

    checks: int
    wrong: int
    findings: dict[str, int]


def require(wanted: NewCheck) -> None:
    """Raises RegistryError where plate, findings or place cannot be."""
    plate.check(wanted.plate, wanted.plate_color)
    findings = set(wanted.findings)
    if not findings or len(findings) != len(wanted.findings) or not FINDINGS.keys() >= findings:
        raise RegistryError("findings", f"must be one or more of {', '.join(FINDINGS)}, each once")
    if FOUND in findings and len(findings) > 1:
        raise RegistryError("findings", f"{FOUND} stands alone")
    if (wanted.lat_e6 is None) != (wanted.lon_e6 is None):
        raise RegistryError("lon_e6", "must be given with lat_e6, and it with this")


def enter(engine: Engine, scope: Scope, wanted: NewCheck, actor: Actor, now: int | None = None) -> int:
    """Record a check; its id. ``scope`` is that of the right to check; a plate that is not registered is recorded by
    who reaches the whole province."""
    at = now_ms() if now is None else now
    require(wanted)
    read_plate, findings = plate.normalise(wanted.plate), sorted(wanted.findings)
    if actor.user_id is None:
        raise RegistryError("user", "a check is a person's")
    with write(engine) as connection:
        here = (Vehicle.plate == read_plate, Vehicle.plate_color == wanted.plate_color)
        vehicle = connection.scalar(select(Vehicle.id).where(*here))
        # who reaches a part of the province must not learn which plates there are elsewhere
        if not scope.whole and (vehicle is None or not _covers(connection, scope, vehicle)):
            raise NotFound("plate", "there is no such vehicle", wanted.plate)
        terminal = connection.scalar(select(Terminal.id).where(Terminal.vehicle_id == vehicle)) if vehicle else None
        values = {
            "at": at, "user_id": actor.user_id, "organisation_id": actor.organisation_id, "vehicle_id": vehicle,
            "plate": read_plate, "plate_color": wanted.plate_color, "terminal_id": terminal, "note": wanted.note,
            "place": wanted.place, "lat_e6": wanted.lat_e6, "lon_e6": wanted.lon_e6,
            "told": json.dumps(dict(wanted.told or {})),
        }  # fmt: skip
        key: int = connection.execute(insert(RoadsideCheck).values(values).returning(RoadsideCheck.id)).scalar_one()
        connection.execute(insert(RoadsideFinding), [{"check_id": key, "finding": each} for each in findings])
        attach(connection, wanted.files, actor, check_id=key)
        detail = {"plate": read_plate, "findings": findings, "files": len(wanted.files)}
        record(connection, actor, "roadside_check.enter", key, detail, vehicle_id=vehicle)
    return key


def _covers(connection: Connection, scope: Scope, vehicle: int) -> bool:
    return connection.scalar(select(Vehicle.id).where(Vehicle.id == vehicle, *scope.of_vehicles())) is not None


def visible(scope: Scope, user: int, organisation: int | None) -> list[ColumnElement[bool]]:
    """Checks that a person sees: the own ones, for an authority those of its office, and those of trucks that lay in
    the scope when they were checked."""
    held = ownership.held(scope, RoadsideCheck.vehicle_id, RoadsideCheck.at)
    if not held:
        return []
    theirs: ColumnElement[bool] = held[0]
    for each in held[1:]:
        theirs = theirs & each
    own = [theirs, RoadsideCheck.user_id == user]
    if organisation is not None and is_authority(scope):
        own.append(RoadsideCheck.organisation_id == organisation)
    return [or_(*own)]


def _conditions(
    scope: Scope, user: int, organisation: int | None, chosen: CheckFilter
) -> list[ColumnElement[bool]]:  # fmt: skip
    found = visible(scope, user, organisation)
    if chosen.finding and chosen.finding not in FINDINGS:
        raise RegistryError("finding", f"must be one of {', '.join(FINDINGS)}", chosen.finding)
    if chosen.start is not None and chosen.end is not None and not (
        chosen.start < chosen.end <= chosen.start + DAYS_MOST * DAY_MS
    ):  # fmt: skip
        raise RegistryError("end", f"must be after start, at most {DAYS_MOST} days", chosen.end)
    if chosen.mine:
        found.append(RoadsideCheck.user_id == user)
    if chosen.vehicle is not None:
        found.append(RoadsideCheck.vehicle_id == chosen.vehicle)
    if chosen.start is not None:
        found.append(RoadsideCheck.at >= chosen.start)
    if chosen.end is not None:
        found.append(RoadsideCheck.at < chosen.end)
    if chosen.finding:
        of_it = (RoadsideFinding.check_id == RoadsideCheck.id, RoadsideFinding.finding == chosen.finding)
        found.append(exists().where(*of_it))
    return found


def page(
    engine: Engine, scope: Scope, user: int, organisation: int | None, chosen: CheckFilter, number: int, size: int
) -> Page[CheckView]:  # fmt: skip
    """Checks that meet ``chosen``, newest first."""
    offset, limit = check_page(number, size)
    conditions = _conditions(scope, user, organisation, chosen)
    with read(engine) as connection:
        counted = select(func.count()).select_from(RoadsideCheck).where(*conditions)
        ordered = select(*RoadsideCheck.__table__.columns).where(*conditions)
        ordered = ordered.order_by(RoadsideCheck.at.desc(), RoadsideCheck.id.desc()).offset(offset).limit(limit)
        return Page(connection.execute(counted).scalar_one(), _views(connection, connection.execute(ordered).all()))


def counts(engine: Engine, scope: Scope, user: int, organisation: int | None, chosen: CheckFilter) -> Counts:
    """How many checks meet ``chosen``, by what was found: the conditions are those of ``page``."""
    conditions = _conditions(scope, user, organisation, chosen)
    by_finding = (
        select(RoadsideFinding.finding, func.count())
        .join(RoadsideCheck, RoadsideCheck.id == RoadsideFinding.check_id)
        .where(*conditions)
        .group_by(RoadsideFinding.finding)
    )
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(RoadsideCheck).where(*conditions)).scalar_one()
        found: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_finding)}
    return Counts(total, total - found.get(FOUND, 0), {code: found.get(code, 0) for code in FINDINGS})


def one(engine: Engine, scope: Scope, user: int, organisation: int | None, key: int) -> CheckView:
    """One check. Raises NotFound where the person sees none with this id."""
    conditions = [RoadsideCheck.id == key, *visible(scope, user, organisation)]
    with read(engine) as connection:
        row = connection.execute(select(*RoadsideCheck.__table__.columns).where(*conditions)).first()
        if row is None:
            raise NotFound("id", "there is no such roadside check", key)
        return _views(connection, [row])[0]


def _views(connection: Connection, rows: Sequence[Any]) -> list[CheckView]:
    keys = [row.id for row in rows]
    found: dict[int, list[str]] = {}
    statement = select(RoadsideFinding.check_id, RoadsideFinding.finding).where(RoadsideFinding.check_id.in_(keys))
    for key, finding in connection.execute(statement):
        found.setdefault(key, []).append(finding)
    order = list(FINDINGS)
    people = persons(connection, [row.user_id for row in rows])
    bodies = organisations_named(connection, [row.organisation_id for row in rows])
    files = of_checks(connection, keys)
    return [
        CheckView(
            row.id, row.at, row.plate, row.plate_color, row.vehicle_id, sorted(found[row.id], key=order.index),
            row.note, row.place, row.lat_e6, row.lon_e6, json.loads(row.told), people.get(row.user_id),
            bodies.get(row.organisation_id), files.get(row.id, []),
        )
        for row in rows
    ]  # fmt: skip
