"""The templates and their versions: made, approved, retired, read. A version never changes; a change is a new one.

Every function blocks; the web calls them in a thread. An act and its audit entry are one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from luwei.commands.templates import values
from luwei.registry import audit, fields
from luwei.registry.base import now_ms
from luwei.registry.conflict import named_conflicts
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.fields import Checked
from luwei.registry.scope import Scope
from luwei.registry.template import ParameterTemplate, TemplateVersion, TerminalTemplate
from luwei.registry.terminal import EDITIONS, Terminal
from luwei.registry.vehicle import VEHICLE_CLASSES, Vehicle

NOTE_MAX = 500
TEMPLATES_MAX = 500
VERSIONS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version without its parameters. ``state``: draft, approved (later or earlier than now), in_force."""

    id: int
    template: int
    number: int
    state: str
    note: str
    author: str
    created_at: int
    approved_by: str
    approved_at: int | None
    effective_from: int | None
    parameters: int
    """Number of single values that it sets."""


@dataclass(frozen=True, slots=True)
class TemplateView:
    """One template; ``results`` counts terminals by the result of its version in force."""

    id: int
    name: str
    vehicle_class: str
    dialect: str
    model: str
    edition: int | None
    on_connect_at: int | None
    retired_at: int | None
    created_at: int
    in_force: VersionView | None
    newest: VersionView
    results: dict[str, int]


@dataclass(frozen=True, slots=True)
class Version:
    """One version whole, with what it is for."""

    view: VersionView
    name: str
    vehicle_class: str
    dialect: str
    model: str
    edition: int | None
    retired: bool
    parameters: list[dict[str, Any]]


_CHECKS: dict[str, fields.Check] = {
    "name": fields.text("name", 60),
    "vehicle_class": fields.one_of("vehicle_class", VEHICLE_CLASSES),
    "dialect": fields.optional(fields.one_of("dialect", tuple(values.DIALECTS)), ""),
    "model": fields.optional(fields.text("model", 30), ""),
    "edition": fields.optional(fields.one_of("edition", EDITIONS)),
}


def check_note(value: str) -> str:
    """Why a version was made. Raises RegistryError."""
    note = value.strip()
    if len(note) > NOTE_MAX or not note.isprintable():
        raise RegistryError("note", f"must be one line of at most {NOTE_MAX} characters", value)
    return note


def create(
    engine: Engine, given: Mapping[str, Any], parameters: object, note: str, actor: audit.Actor
) -> tuple[int, int]:
    """A new template with its first version, a draft: (template, version). Raises RegistryError, Conflict."""
    checked = Checked()
    checked.take(given, _CHECKS)
    checked.require("name", "vehicle_class")
    row = {"dialect": "", "model": "", "edition": None} | checked.raise_first()
    entries = values.check(parameters, row["dialect"], row["edition"])
    note = check_note(note)
    with named_conflicts(), write(engine) as connection:
        if connection.execute(select(func.count()).select_from(ParameterTemplate)).scalar_one() >= TEMPLATES_MAX:
            raise RegistryError("name", f"there are {TEMPLATES_MAX} templates already")
        key: int = connection.execute(insert(ParameterTemplate).returning(ParameterTemplate.id), row).scalar_one()
        version = _add_version(connection, key, entries, note, actor)
        audit.record(connection, actor, "parameter_template.create", key, row | {"parameters": entries})
    return key, version


def revise(engine: Engine, key: int, parameters: object, note: str, actor: audit.Actor) -> int:
    """A new version of a template, a draft; its id. Raises NotFound, RegistryError."""
    with read(engine) as connection:
        row = _template(connection, key)
    entries = values.check(parameters, row.dialect, row.edition)
    note = check_note(note)
    with write(engine) as connection:
        row = _template(connection, key)
        if row.retired_at is not None:
            raise Conflict("id", "the template is retired", key)
        newest = _newest(connection, key)
        if json.loads(newest.parameters) == entries:
            raise Conflict("parameters", f"are those of version {newest.number} already")
        if newest.number >= VERSIONS_MAX:
            raise RegistryError("parameters", f"there are {VERSIONS_MAX} versions already")
        version = _add_version(connection, key, entries, note, actor)
        detail = {"version": newest.number + 1, "note": note, "parameters": entries}
        audit.record(connection, actor, "parameter_template.revise", key, detail)
    return version


def copy(engine: Engine, version: int, given: Mapping[str, Any], note: str, actor: audit.Actor) -> tuple[int, int]:
    """A new template with the parameters of a version. Raises NotFound, RegistryError, Conflict."""
    source = one_version(engine, version)
    inherited = {name: getattr(source, name) for name in ("vehicle_class", "dialect", "model", "edition")}
    return create(engine, inherited | dict(given), source.parameters, note, actor)


def approve(engine: Engine, version: int, effective_from: int | None, actor: audit.Actor) -> None:
    """Approve a version; it is in force from ``effective_from`` (UTC ms, None: at once).

    Raises NotFound, Conflict where it is approved already or the template is retired, RegistryError for a time in the
    past: what was in force is history.
    """
    now = now_ms()
    if effective_from is not None and effective_from < now - 60_000:
        raise RegistryError("effective_from", "must not lie in the past", effective_from)
    with write(engine) as connection:
        row = connection.execute(
            select(TemplateVersion.template_id, TemplateVersion.number, TemplateVersion.approved_at).where(
                TemplateVersion.id == version
            )
        ).one_or_none()
        if row is None:
            raise NotFound("id", "there is no such version", version)
        if row.approved_at is not None:
            raise Conflict("id", "the version is approved already", version)
        if _template(connection, row.template_id).retired_at is not None:
            raise Conflict("id", "the template is retired", row.template_id)
        start = max(effective_from or now, now)
        connection.execute(
            update(TemplateVersion)
            .where(TemplateVersion.id == version)
            .values(approved_by=actor.username, approved_at=now, effective_from=start)
        )
        detail = {"version": row.number, "effective_from": start}
        audit.record(connection, actor, "parameter_template.approve", row.template_id, detail)


def change(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor) -> None:
    """Rename, retire or bring back a template, or have first connections get it or not: ``name``, ``retired``,
    ``on_connect``. What it is for never changes. Raises NotFound, RegistryError, Conflict."""
    checked = Checked()
    checked.take(given, {"name": _CHECKS["name"], "retired": _flag("retired"), "on_connect": _flag("on_connect")})
    new = checked.raise_first()
    now = now_ms()
    with named_conflicts(), write(engine) as connection:
        row = _template(connection, key)
        wanted: dict[str, Any] = {"name": new.get("name", row.name)}
        wanted["retired_at"] = _since(new.get("retired"), row.retired_at, now)
        wanted["on_connect_at"] = _since(new.get("on_connect"), row.on_connect_at, now)
        if wanted["retired_at"] is not None:
            wanted["on_connect_at"] = None
        if wanted["on_connect_at"] is not None and row.dialect and not row.model:
            rule = "needs a template that names the model: only the model tells a new terminal's dialect"
            raise RegistryError("on_connect", rule)
        differs = audit.changes({name: getattr(row, name) for name in wanted}, wanted)
        if differs:
            connection.execute(
                update(ParameterTemplate).where(ParameterTemplate.id == key).values(**wanted, updated_at=now)
            )
            audit.record(connection, actor, "parameter_template.change", key, differs)


def page(engine: Engine, scope: Scope, retired: bool = False, vehicle_class: str | None = None) -> list[TemplateView]:
    """All templates by class and name, at most TEMPLATES_MAX; their results count the terminals of the scope."""
    conditions: list[Any] = [] if retired else [ParameterTemplate.retired_at.is_(None)]
    if vehicle_class is not None:
        conditions.append(ParameterTemplate.vehicle_class == vehicle_class)
    with read(engine) as connection:
        rows = connection.execute(
            select(*ParameterTemplate.__table__.columns)
            .where(*conditions)
            .order_by(ParameterTemplate.vehicle_class, ParameterTemplate.name)
        ).all()
        return _views(connection, scope, rows)


def one(engine: Engine, scope: Scope, key: int) -> TemplateView:
    """One template. Raises NotFound."""
    with read(engine) as connection:
        return _views(connection, scope, [_template(connection, key)])[0]


def versions(engine: Engine, key: int) -> list[VersionView]:
    """The versions of a template, newest first. Raises NotFound."""
    with read(engine) as connection:
        _template(connection, key)
        rows = connection.execute(
            _VERSIONS.where(TemplateVersion.template_id == key).order_by(TemplateVersion.number.desc())
        ).all()
    return _version_views(rows)


def one_version(engine: Engine, version: int) -> Version:
    """A version whole. Raises NotFound."""
    with read(engine) as connection:
        key = connection.scalar(select(TemplateVersion.template_id).where(TemplateVersion.id == version))
        if key is None:
            raise NotFound("version", "there is no such version", version)
        rows = connection.execute(_VERSIONS.where(TemplateVersion.template_id == key)).all()
        template = _template(connection, key)
    view = next(view for view in _version_views(rows) if view.id == version)
    parameters = next(row.parameters for row in rows if row.id == version)
    return Version(
        view, template.name, template.vehicle_class, template.dialect, template.model, template.edition,
        template.retired_at is not None, json.loads(parameters),
    )  # fmt: skip


def in_force(engine: Engine, at: int) -> list[Version]:
    """The version in force of every template that first connections get by themselves."""
    with read(engine) as connection:
        keys = connection.scalars(
            select(ParameterTemplate.id).where(
                ParameterTemplate.on_connect_at.is_not(None), ParameterTemplate.retired_at.is_(None)
            )
        ).all()
        found = [effective(connection, key, at) for key in keys]
    return [one_version(engine, key) for key in found if key is not None]


def effective(connection: Connection, key: int, at: int) -> int | None:
    """The version of a template in force at a time: the approved one with the latest start."""
    found: int | None = connection.scalar(
        select(TemplateVersion.id)
        .where(
            TemplateVersion.template_id == key,
            TemplateVersion.approved_at.is_not(None),
            TemplateVersion.effective_from <= at,
        )
        .order_by(TemplateVersion.effective_from.desc(), TemplateVersion.number.desc())
        .limit(1)
    )
    return found


_VERSIONS = select(
    TemplateVersion.id, TemplateVersion.template_id, TemplateVersion.number, TemplateVersion.note,
    TemplateVersion.author, TemplateVersion.created_at, TemplateVersion.approved_by, TemplateVersion.approved_at,
    TemplateVersion.effective_from, TemplateVersion.parameters,
)  # fmt: skip


def _flag(name: str) -> fields.Check:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise RegistryError(name, "must be true or false", value)
        return value

    return check


def _since(wanted: bool | None, before: int | None, now: int) -> int | None:
    if wanted is None or wanted == (before is not None):
        return before
    return now if wanted else None


def _template(connection: Connection, key: int) -> Any:
    row = connection.execute(
        select(*ParameterTemplate.__table__.columns).where(ParameterTemplate.id == key)
    ).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such template", key)
    return row


def _newest(connection: Connection, key: int) -> Any:
    statement = _VERSIONS.where(TemplateVersion.template_id == key).order_by(TemplateVersion.number.desc()).limit(1)
    return connection.execute(statement).one()


def _add_version(connection: Connection, key: int, entries: list[dict[str, Any]], note: str, actor: audit.Actor) -> int:
    number = connection.scalar(
        select(func.coalesce(func.max(TemplateVersion.number), 0)).where(TemplateVersion.template_id == key)
    )
    row = {
        "template_id": key, "number": (number or 0) + 1, "parameters": json.dumps(entries, ensure_ascii=False),
        "note": note, "author": actor.username, "approved_by": "", "created_at": now_ms(),
    }  # fmt: skip
    version: int = connection.execute(insert(TemplateVersion).returning(TemplateVersion.id), row).scalar_one()
    return version


def _version_views(rows: Sequence[Any]) -> list[VersionView]:
    """Views of all versions of one template."""
    now = now_ms()
    started = [r for r in rows if r.approved_at is not None and r.effective_from <= now]
    current = max(started, key=lambda r: (r.effective_from, r.number), default=None)

    def state(row: Any) -> str:
        if row.approved_at is None:
            return "draft"
        return "in_force" if row is current else "approved"

    return [
        VersionView(
            r.id, r.template_id, r.number, state(r), r.note, r.author, r.created_at, r.approved_by, r.approved_at,
            r.effective_from, values.given_fields(json.loads(r.parameters)),
        )
        for r in rows
    ]  # fmt: skip


def _views(connection: Connection, scope: Scope, rows: Sequence[Any]) -> list[TemplateView]:
    keys = [row.id for row in rows]
    by_template: dict[int, list[Any]] = {key: [] for key in keys}
    for row in connection.execute(_VERSIONS.where(TemplateVersion.template_id.in_(keys))):
        by_template[row.template_id].append(row)
    tally: dict[int, dict[str, int]] = {}
    counted = (
        select(TerminalTemplate.version_id, TerminalTemplate.result, func.count())
        .join(Terminal, Terminal.id == TerminalTemplate.terminal_id)
        .join(Vehicle, Vehicle.id == Terminal.vehicle_id)
        .where(*scope.of_vehicles())
        .group_by(TerminalTemplate.version_id, TerminalTemplate.result)
    )
    for version, result, number in connection.execute(counted):
        tally.setdefault(version, {})[result] = number
    found = []
    for row in rows:
        views = _version_views(by_template[row.id])
        current = next((view for view in views if view.state == "in_force"), None)
        found.append(
            TemplateView(
                row.id, row.name, row.vehicle_class, row.dialect, row.model, row.edition, row.on_connect_at,
                row.retired_at, row.created_at, current, max(views, key=lambda view: view.number),
                tally.get(current.id, {}) if current is not None else {},
            )
        )  # fmt: skip
    return found
