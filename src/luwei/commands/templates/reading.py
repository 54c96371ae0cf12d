"""What people read of the pushes: progress, results side by side, the export; and what each terminal has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select

from luwei.commands.journal import Target
from luwei.commands.templates.compare import Difference
from luwei.registry import template as t
from luwei.registry.command import Command
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page, check_query, contains
from luwei.registry.scope import Scope
from luwei.registry.template import ParameterTemplate, TemplatePush, TemplateResult, TemplateVersion, TerminalTemplate
from luwei.registry.terminal import Terminal
from luwei.registry.vehicle import Vehicle

EXPORT_AT_ONCE = 2_000
OPEN = "open"
"""Filter for vehicles that are not over."""


@dataclass(frozen=True, slots=True)
class PushView:
    """One push; ``counts``: vehicles by result, and those under way by step (set, read)."""

    id: int
    template: int
    name: str
    version: int
    number: int
    act: str
    origin: str
    reason: str
    username: str
    state: str
    total: int
    skipped: int
    created_at: int
    expires_at: int
    ended_at: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class ResultView:
    """One vehicle of a push. ``waits``: what an open command waits for, such as ``offline``."""

    id: int
    vehicle_id: int
    plate: str
    plate_color: int
    phone: str
    step: str
    waits: str
    result: str
    cause: str
    differences: list[Difference]
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class TerminalView:
    """What one terminal has of templates: the last attempt, and the last version it was seen to hold."""

    vehicle_id: int
    plate: str
    plate_color: int
    phone: str
    model: str
    edition: int
    vehicle_class: str
    template: int
    name: str
    version: int
    number: int
    result: str
    differences: int
    push: int
    checked_at: int
    verified_number: int | None
    verified_name: str
    verified_at: int | None


def page(engine: Engine, scope: Scope, user_id: int, template: int | None, number: int, size: int) -> Page[PushView]:
    """One page of the pushes, newest first: all for who sees the whole province, else one's own."""
    offset, limit = check_page(number, size)
    conditions = _visible(scope, user_id)
    if template is not None:
        conditions.append(TemplateVersion.template_id == template)
    base = select(TemplatePush.id).join(TemplateVersion, TemplateVersion.id == TemplatePush.version_id)
    with read(engine) as connection:
        counted = base.where(*conditions).subquery()
        total = connection.execute(select(func.count()).select_from(counted)).scalar_one()
        keys = list(
            connection.scalars(base.where(*conditions).order_by(TemplatePush.id.desc()).offset(offset).limit(limit))
        )
    return Page(total, _views(engine, keys))


def one(engine: Engine, scope: Scope, user_id: int, key: int) -> PushView:
    """One push. Raises NotFound where there is none that this person may see."""
    with read(engine) as connection:
        found = connection.scalar(select(TemplatePush.id).where(TemplatePush.id == key, *_visible(scope, user_id)))
    if found is None:
        raise NotFound("push", "there is no such push", key)
    return _views(engine, [found])[0]


def results(engine: Engine, scope: Scope, push: int, result: str | None, number: int, size: int) -> Page[ResultView]:
    """One page of the vehicles of a push; ``result``: one of the results, or ``open``. Raises RegistryError."""
    offset, limit = check_page(number, size)
    conditions = _of_result(scope, push, result)
    with read(engine) as connection:
        count = select(func.count()).select_from(TemplateResult).join(Vehicle, Vehicle.id == TemplateResult.vehicle_id)
        total = connection.execute(count.where(*conditions)).scalar_one()
        rows = connection.execute(
            _RESULTS.where(*conditions).order_by(TemplateResult.id).offset(offset).limit(limit)
        ).all()
    return Page(total, [_result(row) for row in rows])


def exported(engine: Engine, scope: Scope, push: int) -> Iterator[ResultView]:
    """Every vehicle of a push."""
    last = 0
    while True:
        with read(engine) as connection:
            rows = connection.execute(
                _RESULTS.where(TemplateResult.id > last, *_of_result(scope, push, None))
                .order_by(TemplateResult.id)
                .limit(EXPORT_AT_ONCE)
            ).all()
        if not rows:
            return
        for row in rows:
            yield _result(row)
        last = rows[-1].id


def unequal(engine: Engine, scope: Scope, push: int) -> list[Target]:
    """The vehicles of a push that ended otherwise than equal, with the phone that their terminal has now."""
    with read(engine) as connection:
        rows = connection.execute(
            select(TemplateResult.vehicle_id, Terminal.phone)
            .join(Vehicle, Vehicle.id == TemplateResult.vehicle_id)
            .join(Terminal, Terminal.vehicle_id == Vehicle.id)
            .where(
                TemplateResult.push_id == push,
                TemplateResult.step == t.ENDED,
                TemplateResult.result != t.EQUAL,
                *scope.of_vehicles(),
            )
            .order_by(TemplateResult.id)
        )
        return [Target(row.vehicle_id, row.phone) for row in rows]


def terminals(
    engine: Engine, scope: Scope, *, template: int | None, result: str | None, q: str, number: int, size: int
) -> Page[TerminalView]:
    """Terminals that a template was ever sent to or read from, the newest check first; ``q``: of plate or phone."""
    offset, limit = check_page(number, size)
    conditions: list[Any] = [*scope.of_vehicles()]
    if template is not None:
        conditions.append(TemplateVersion.template_id == template)
    if result is not None:
        conditions.append(TerminalTemplate.result == _known(result))
    if text := check_query(q):
        conditions.append(contains(engine, Vehicle.plate, text.upper()) | contains(engine, Terminal.phone, text))
    verified, of_verified = (
        TemplateVersion.__table__.alias("verified"),
        ParameterTemplate.__table__.alias("of_verified"),
    )
    joined = (
        TerminalTemplate.__table__.join(Terminal, Terminal.id == TerminalTemplate.terminal_id)
        .join(Vehicle, Vehicle.id == Terminal.vehicle_id)
        .join(TemplateVersion, TemplateVersion.id == TerminalTemplate.version_id)
        .join(ParameterTemplate, ParameterTemplate.id == TemplateVersion.template_id)
        .outerjoin(verified, verified.c.id == TerminalTemplate.verified_version_id)
        .outerjoin(of_verified, of_verified.c.id == verified.c.template_id)
    )
    columns = (
        Vehicle.id, Vehicle.plate, Vehicle.plate_color, Terminal.phone, Terminal.model, Terminal.edition,
        Vehicle.vehicle_class, ParameterTemplate.id.label("template"), ParameterTemplate.name,
        TemplateVersion.id.label("version"), TemplateVersion.number, TerminalTemplate.result,
        TerminalTemplate.differences, TerminalTemplate.push_id, TerminalTemplate.checked_at, verified.c.number,
        func.coalesce(of_verified.c.name, ""), TerminalTemplate.verified_at,
    )  # fmt: skip
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(joined).where(*conditions)).scalar_one()
        rows = connection.execute(
            select(*columns)
            .select_from(joined)
            .where(*conditions)
            .order_by(TerminalTemplate.checked_at.desc(), TerminalTemplate.terminal_id)
            .offset(offset)
            .limit(limit)
        )
        return Page(total, [TerminalView(*row) for row in rows])


def _visible(scope: Scope, user_id: int) -> list[ColumnElement[bool]]:
    return [] if scope.whole else [TemplatePush.user_id == user_id]


def _known(result: str) -> str:
    if result not in t.RESULTS:
        raise RegistryError("result", f"must be one of {', '.join((*t.RESULTS, OPEN))}", result)
    return result


def _of_result(scope: Scope, push: int, result: str | None) -> list[Any]:
    began = select(TemplatePush.created_at).where(TemplatePush.id == push).scalar_subquery()
    conditions: list[Any] = [TemplateResult.push_id == push, *held(scope, TemplateResult.vehicle_id, began)]
    if result == OPEN:
        conditions.append(TemplateResult.step != t.ENDED)
    elif result is not None:
        conditions.append(TemplateResult.result == _known(result))
    return conditions


def _views(engine: Engine, keys: Sequence[int]) -> list[PushView]:
    tally = (
        select(TemplateResult.push_id, TemplateResult.step, TemplateResult.result, func.count())
        .where(TemplateResult.push_id.in_(keys))
        .group_by(TemplateResult.push_id, TemplateResult.step, TemplateResult.result)
    )
    counts: dict[int, dict[str, int]] = {key: dict.fromkeys((t.SET, t.READ, *t.RESULTS), 0) for key in keys}
    with read(engine) as connection:
        for key, step, result, number in connection.execute(tally):
            name = result if step == t.ENDED else t.SET if step == t.SET else t.READ
            counts[key][name] += number
        rows = {row.id: row for row in connection.execute(_PUSHES.where(TemplatePush.id.in_(keys)))}
    return [PushView(**rows[key]._mapping, counts=counts[key]) for key in keys]


def _result(row: Any) -> ResultView:
    differences = [] if row.differences is None else [Difference(**each) for each in json.loads(row.differences)]
    waits = "" if row.step == t.ENDED else row.waits or ""
    return ResultView(
        row.id, row.vehicle_id, row.plate, row.plate_color, row.phone, row.step, waits, row.result, row.cause,
        differences, row.ended_at,
    )  # fmt: skip


_PUSHES = (
    select(
        TemplatePush.id, TemplateVersion.template_id.label("template"), ParameterTemplate.name,
        TemplatePush.version_id.label("version"),
        TemplateVersion.number, TemplatePush.act, TemplatePush.origin, TemplatePush.reason, TemplatePush.username,
        TemplatePush.state, TemplatePush.total, TemplatePush.skipped, TemplatePush.created_at, TemplatePush.expires_at,
        TemplatePush.ended_at,
    )
    .join(TemplateVersion, TemplateVersion.id == TemplatePush.version_id)
    .join(ParameterTemplate, ParameterTemplate.id == TemplateVersion.template_id)
)  # fmt: skip
_RESULTS = (
    select(
        TemplateResult.id, TemplateResult.vehicle_id, Vehicle.plate, Vehicle.plate_color, TemplateResult.phone,
        TemplateResult.step, Command.result.label("waits"), TemplateResult.result, TemplateResult.cause,
        TemplateResult.differences, TemplateResult.ended_at,
    )
    .join(Vehicle, Vehicle.id == TemplateResult.vehicle_id)
    .outerjoin(Command, Command.id == TemplateResult.command_id)
)  # fmt: skip
