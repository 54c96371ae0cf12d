"""Installation 安装推进: how far the trucks of the notice have come, and which stand still.

Every stage is one condition on the registry's rows (``STAGES``); a count and the list behind it are made of the same
one. A stage holds the trucks that passed all stages before it. Every function blocks and takes a scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, exists, false, func, or_, select

from luwei.registry.base import now_ms
from luwei.registry.binding import TERMINAL, Binding
from luwei.registry.contact import VehicleContact
from luwei.registry.engine import read
from luwei.registry.errors import RegistryError
from luwei.registry.named import Named, organisations_named
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.template import EQUAL, ParameterTemplate, TemplateVersion, TerminalTemplate
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import NOTICE_CLASSES, Vehicle

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MONTHS = 12
EXPORT_MOST = 100_000
_CHINA = timedelta(hours=8)

DUE, BOUND, HEARD, ONLINE = "due", "bound", "heard", "online"
STAGES: dict[str, ColumnElement[bool]] = {
    DUE: Vehicle.vehicle_class.in_(NOTICE_CLASSES),
    BOUND: Terminal.id.is_not(None),
    HEARD: VehicleContact.vehicle_id.is_not(None),
    ONLINE: VehicleContact.silent_at.is_(None),
}
"""应装: a class of the notice; 已绑定: a terminal; 已接入: data arrived once; 在线: data within 24 h."""
ORDER = tuple(STAGES)
TEMPLATED, MATCHED = "templated", "matched"
"""Of trucks online: an approved template is for them; the terminal was seen to hold it."""
NEVER, DAY, WEEK = "never", "day", "week"
STALLS = (NEVER, DAY, WEEK)
"""停滞: bound and never heard; heard once and silent for more than a day, for more than a week."""
COUNTS = (*ORDER, TEMPLATED, MATCHED, *STALLS)


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of the trucks of a city, an insurer and a vendor; null: of none, or who asks sees less."""

    city: int | None
    insurer: Named | None
    vendor: Named | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Month:
    """Trucks of today's programme that had a terminal, and that had been heard, by the end of a month (YYYY-MM)."""

    month: str
    bound: int
    heard: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts as of ``as_of`` (UTC ms)."""

    as_of: int
    sum: dict[str, int]
    cells: list[Cell]
    months: list[Month]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of the programme a list shows. ``stage``: trucks that reached it; ``short``: that did not; ``before``: that
    reached the stage before it and not this one; ``stall``: one of STALLS; 0: of none."""

    stage: str = ""
    before: str = ""
    short: str = ""
    stall: str = ""
    templated: str = ""
    city: int | None = None
    county: int | None = None
    insurer: int | None = None
    vendor: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One truck of the programme. ``reached``: its last stage; ``waits_from``: since when it has stood there (UTC ms,
    null: nobody wrote it down); ``parameters``: equal, different … of the template, empty where none was tried."""

    vehicle_id: int
    plate: str
    plate_color: int
    vehicle_class: str
    city: int | None
    county: int | None
    operator: Named | None
    insurer: Named | None
    vendor: Named | None
    terminal_id: str
    phone: str
    model: str
    bound_at: int | None
    first_at: int | None
    silent_at: int | None
    reached: str
    waits_from: int | None
    parameters: str


def conditions(chosen: Chosen, templated: ColumnElement[bool], now: int) -> list[ColumnElement[bool]]:
    """The conditions of a list, or of the count that opens it. ``templated``: that of ``_templated``. Raises
    RegistryError."""
    found = [STAGES[DUE]]
    for name, value, choices in (
        ("stage", chosen.stage, ORDER), ("short", chosen.short, ORDER[1:]),
        ("before", chosen.before, ORDER[1:]), ("stall", chosen.stall, STALLS),
        ("templated", chosen.templated, ("yes", "matched", "unmatched")),
    ):  # fmt: skip
        if value and value not in choices:
            raise RegistryError(name, f"must be one of {', '.join(choices)}", value)
    if chosen.stage:
        found += _up_to(chosen.stage)
    if chosen.short:
        found.append(~and_(*_up_to(chosen.short)))
    if chosen.before:
        place = ORDER.index(chosen.before)
        found += [*_up_to(ORDER[place - 1]), ~STAGES[chosen.before]]
    if chosen.stall:
        found.append(_stall(chosen.stall, now))
    if chosen.templated:
        found += [*_up_to(ONLINE), templated]
        if chosen.templated != "yes":
            held = func.coalesce(TerminalTemplate.result, "") == EQUAL
            found.append(held if chosen.templated == "matched" else ~held)
    for column, key in (
        (Vehicle.city, chosen.city), (Vehicle.county, chosen.county), (Vehicle.insurer_id, chosen.insurer),
        (Terminal.vendor_id, chosen.vendor),
    ):  # fmt: skip
        if key is not None:
            found.append(column == key if key else column.is_(None))
    return found


_CONDITIONS = ("stage", "before", "short", "stall", "templated")
_LENGTHS: dict[tuple[str, str], tuple[str, str]] = {
    **{("stage", stage): (stage, "") for stage in ORDER},
    **{("before", after): (stage, after) for stage, after in pairwise(ORDER)},
    **{("short", stage): (DUE, stage) for stage in ORDER[1:]},
    **{("stall", stall): (stall, "") for stall in STALLS},
    ("templated", "yes"): (TEMPLATED, ""), ("templated", "matched"): (MATCHED, ""),
    ("templated", "unmatched"): (TEMPLATED, MATCHED),
}  # fmt: skip
"""By the one condition of a list: the count that it is as long as, and the one to be taken off."""


def length(of: Progress, chosen: Chosen) -> int | None:
    """How long a list is, from counts of the same scope; None where they do not tell."""
    asked = [(name, value) for name in _CONDITIONS if (value := getattr(chosen, name))]
    parts = (DUE, "") if not asked else _LENGTHS.get(asked[0])
    if len(asked) > 1 or chosen.county is not None or parts is None:
        return None
    plus, minus = parts
    return sum(
        cell.counts[plus] - (cell.counts[minus] if minus else 0)
        for cell in of.cells
        if chosen.city in (None, cell.city or 0)
        and chosen.insurer in (None, _key(cell.insurer))
        and chosen.vendor in (None, _key(cell.vendor))
    )


def _key(body: Named | None) -> int:
    return 0 if body is None else body.id


def _up_to(stage: str) -> list[ColumnElement[bool]]:
    return [STAGES[each] for each in ORDER[: ORDER.index(stage) + 1]]


def _stall(stall: str, now: int) -> ColumnElement[bool]:
    if stall == NEVER:
        return and_(STAGES[BOUND], ~STAGES[HEARD])
    limit = now - WEEK_MS
    older = VehicleContact.silent_at <= limit if stall == WEEK else VehicleContact.silent_at > limit
    return and_(STAGES[BOUND], older)


def _templated(connection: Connection, now: int) -> ColumnElement[bool]:
    """Whether an approved template in force is for the truck's class and its terminal's model and edition."""
    approved = exists().where(
        TemplateVersion.template_id == ParameterTemplate.id, TemplateVersion.approved_at.is_not(None),
        TemplateVersion.effective_from <= now,
    )  # fmt: skip
    statement = select(ParameterTemplate.vehicle_class, ParameterTemplate.model, ParameterTemplate.edition)
    fits = []
    for row in connection.execute(statement.where(ParameterTemplate.retired_at.is_(None), approved)):
        limits = [Vehicle.vehicle_class == row.vehicle_class]
        limits += [Terminal.model == row.model] if row.model else []
        limits += [Terminal.edition == row.edition] if row.edition else []
        fits.append(and_(*limits))
    return or_(*fits) if fits else false()


def _joined(statement: Select[Any]) -> Select[Any]:
    return (
        statement.select_from(Vehicle)
        .outerjoin(Terminal, Terminal.vehicle_id == Vehicle.id)
        .outerjoin(VehicleContact, VehicleContact.vehicle_id == Vehicle.id)
        .outerjoin(TerminalTemplate, TerminalTemplate.terminal_id == Terminal.id)
    )


def progress(engine: Engine, scope: Scope, area: Scope, now: int | None = None) -> Progress:
    """Everything that the page counts; ``area`` narrows to a part of the scope. Who sees counts alone gets no
    vendors."""
    at = now_ms() if now is None else now
    mine = [*scope.of_vehicles(), *area.of_vehicles()]
    keys: list[Any] = [Vehicle.city, Vehicle.insurer_id] + ([] if scope.aggregate else [Terminal.vendor_id])
    with read(engine) as connection:
        templated = _templated(connection, at)
        sorts = {stage: Chosen(stage=stage) for stage in ORDER}
        sorts |= {TEMPLATED: Chosen(templated="yes"), MATCHED: Chosen(templated="matched")}
        sorts |= {stall: Chosen(stall=stall) for stall in STALLS}
        sums = [
            func.sum(case((and_(*conditions(each, templated, at)), 1), else_=0)).label(name)
            for name, each in sorts.items()
        ]
        counted = _joined(select(*keys, *sums)).where(*mine, STAGES[DUE]).group_by(*keys).order_by(*keys)
        rows = connection.execute(counted).all()
        bodies = organisations_named(connection, [key for row in rows for key in row[1 : len(keys)]])
        months = _months(connection, mine, at)
    cells = [
        Cell(
            row[0], bodies.get(row[1]), None if scope.aggregate else bodies.get(row[2]),
            {name: int(row._mapping[name]) for name in COUNTS},
        )
        for row in rows
    ]  # fmt: skip
    return Progress(at, {name: sum(cell.counts[name] for cell in cells) for name in COUNTS}, cells, months)


def _months(connection: Connection, mine: Sequence[ColumnElement[bool]], now: int) -> list[Month]:
    """The last months, oldest first; the present one so far."""
    ends = _ends(now)
    of_programme = [STAGES[DUE], *mine]
    first = (
        select(func.min(Binding.from_at).label("at"))
        .join(Vehicle, Vehicle.id == Binding.subject_id)
        .where(Binding.what == TERMINAL, *of_programme)
        .group_by(Binding.subject_id)
        .subquery()
    )
    bound = connection.execute(select(*(func.count(case((first.c.at < end, 1))) for _, end in ends))).one()
    heard = connection.execute(
        select(*(func.count(case((VehicleContact.first_at < end, 1))) for _, end in ends))
        .join(Vehicle, Vehicle.id == VehicleContact.vehicle_id)
        .where(*of_programme)
    ).one()
    return [Month(name, bound[place], heard[place]) for place, (name, _) in enumerate(ends)]


def _ends(now: int) -> list[tuple[str, int]]:
    """The last MONTHS months of China's calendar and their ends (UTC ms, excluded)."""
    here = datetime.fromtimestamp(now / 1000, UTC) + _CHINA
    found = []
    for back in reversed(range(MONTHS)):
        year, month = divmod(here.year * 12 + here.month - 1 - back, 12)
        following, place = divmod(year * 12 + month + 1, 12)
        end = datetime(following, place + 1, 1, tzinfo=UTC) - _CHINA
        found.append((f"{year}-{month + 1:02d}", int(end.timestamp() * 1000)))
    return found


def page(
    engine: Engine, scope: Scope, chosen: Chosen, number: int, size: int, now: int | None = None,
    total: int | None = None,
) -> Page[Row]:  # fmt: skip
    """Trucks that meet ``chosen``, those that have waited longest first. ``total``: counted a moment ago."""
    offset, limit = check_page(number, size)
    return _list(engine, scope, chosen, offset, limit, now, total)


def every(engine: Engine, scope: Scope, chosen: Chosen, now: int | None = None) -> list[Row]:
    """All of them, at most EXPORT_MOST."""
    return _list(engine, scope, chosen, 0, EXPORT_MOST, now).items


def _list(
    engine: Engine, scope: Scope, chosen: Chosen, offset: int, limit: int, now: int | None, total: int | None = None
) -> Page[Row]:  # fmt: skip
    at = now_ms() if now is None else now
    with read(engine) as connection:
        limits = [*scope.of_vehicles(), *conditions(chosen, _templated(connection, at), at)]
        placed = chosen.city is not None or bool(scope.of_vehicles())
        ordered = _ordered(_joined(select(Vehicle.id)).where(*limits), chosen, placed, offset, limit)
        if total is None and (chosen.before or chosen.stall):
            # few of many: what finds them counts them
            found = connection.execute(ordered.add_columns(func.count().over())).all()
            keys = [row[0] for row in found]
            total = found[0][1] if found else None if offset else 0
        else:
            keys = list(connection.scalars(ordered))
        if total is None:
            total = connection.execute(_joined(select(func.count())).where(*limits)).scalar_one()
        return Page(total, _rows(connection, keys))


def _ordered(statement: Select[Any], chosen: Chosen, placed: bool, offset: int, limit: int) -> Select[Any]:
    """Silent trucks by when they were heard last, those bound and unheard by the age of their terminals' binding, those
    without a terminal and all of the province (not ``placed``) by when they were entered, others by place and plate:
    each in the order of an index."""
    if chosen.stall in (DAY, WEEK):
        statement = statement.order_by(VehicleContact.silent_at, Vehicle.id)
    elif chosen.stall == NEVER or chosen.before == HEARD:
        mine = and_(Binding.what == TERMINAL, Binding.subject_id == Vehicle.id, Binding.to_at.is_(None))
        statement = statement.outerjoin(Binding, mine).order_by(Binding.from_at, Vehicle.id)
    elif not placed or BOUND in (chosen.before, chosen.short):
        statement = statement.order_by(Vehicle.id)
    else:
        statement = statement.order_by(Vehicle.city, Vehicle.county, Vehicle.plate, Vehicle.id)
    return statement.offset(offset).limit(limit)


def _rows(connection: Connection, keys: Sequence[int]) -> list[Row]:
    found: dict[int, Row] = {}
    columns: tuple[Any, ...] = (
        Vehicle.id, Vehicle.plate, Vehicle.plate_color, Vehicle.vehicle_class, Vehicle.city, Vehicle.county,
        Vehicle.operator_id, Vehicle.insurer_id, Terminal.vendor_id, Terminal.id.label("seat"), Terminal.terminal_id,
        Terminal.phone, Terminal.model, VehicleContact.first_at, VehicleContact.silent_at, TerminalTemplate.result,
        Binding.from_at.label("bound_at"), Vehicle.created_at,
    )  # fmt: skip
    span = and_(Binding.what == TERMINAL, Binding.subject_id == Vehicle.id, Binding.to_at.is_(None))
    for start in range(0, len(keys), 5_000):
        statement: Select[Any] = _joined(select(*columns)).outerjoin(Binding, span)
        rows = connection.execute(statement.where(Vehicle.id.in_(keys[start : start + 5_000]))).all()
        named = (key for row in rows for key in (row.operator_id, row.insurer_id, row.vendor_id))
        bodies = organisations_named(connection, named)
        for row in rows:
            found[row.id] = _row(row, bodies)
    return [found[key] for key in keys if key in found]


def _row(row: Any, bodies: dict[int | None, Named]) -> Row:
    if row.seat is None:
        reached, since = DUE, row.created_at
    elif row.first_at is None:
        reached, since = BOUND, row.bound_at
    else:
        reached, since = (ONLINE, None) if row.silent_at is None else (HEARD, row.silent_at)
    return Row(
        row.id, row.plate, row.plate_color, row.vehicle_class, row.city, row.county, bodies.get(row.operator_id),
        bodies.get(row.insurer_id), bodies.get(row.vendor_id), row.terminal_id or "", row.phone or "", row.model or "",
        row.bound_at, row.first_at, row.silent_at, reached, since, row.result or "",
    )  # fmt: skip
