"""Templates over HTTP: list, make, copy, revise, approve, compare, import what a truck reports."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from luwei.commands.templates import catalogue, compare
from luwei.commands.templates.catalogue import NOTE_MAX, TemplateView, VersionView
from luwei.commands.templates.compare import Difference
from luwei.commands.templates.form import template_form
from luwei.commands.templates.importing import LeftOut, reported
from luwei.commands.templates.values import check
from luwei.live.feed import now_ms
from luwei.registry.vehicle import VEHICLE_CLASSES
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services
from luwei.web.sign_in import own_page

Key = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Number = Annotated[int, QueryParameter(ge=1, le=2**31 - 1)]
Note = Annotated[str, msgspec.Meta(max_length=NOTE_MAX)]
Entries = Annotated[list[dict[str, Any]], msgspec.Meta(max_length=500)]


class NewTemplate(msgspec.Struct, forbid_unknown_fields=True):
    """A template: for whom, and its parameters as ``[{"id", "value"}]``."""

    name: str
    vehicle_class: str
    parameters: Entries
    dialect: str = ""
    model: str = ""
    edition: int | None = None
    note: Note = ""


class NewVersion(msgspec.Struct, forbid_unknown_fields=True):
    parameters: Entries
    note: Note = ""


class CopyBody(msgspec.Struct, forbid_unknown_fields=True):
    """What differs from the version that is copied."""

    name: str
    vehicle_class: str | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType = msgspec.UNSET
    note: Note = ""


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    retired: bool | msgspec.UnsetType = msgspec.UNSET
    on_connect: bool | msgspec.UnsetType = msgspec.UNSET


class ApproveBody(msgspec.Struct, forbid_unknown_fields=True):
    effective_from: int | None = None
    """UTC ms; None: at once."""


class CheckBody(msgspec.Struct, forbid_unknown_fields=True):
    parameters: Entries
    dialect: str = ""
    edition: int | None = None


class Templates(msgspec.Struct):
    as_of: int
    items: list[TemplateView]
    vehicle_classes: list[dict[str, str]]
    may_edit: bool
    may_push: bool


class TemplateDetail(msgspec.Struct):
    as_of: int
    template: TemplateView
    versions: list[VersionView]


class VersionDetail(msgspec.Struct):
    """One version; ``parameters`` as they were given, ``lines`` each single value for a reader (as ``wanted``)."""

    version: VersionView
    template: TemplateView
    parameters: list[dict[str, Any]]
    lines: list[Difference]


class ReportedTemplate(msgspec.Struct):
    """What a truck reported, ready to be saved as a template, and what a template does not take of it."""

    plate: str
    vehicle_class: str
    model: str
    edition: int
    dialect: str
    parameters: list[dict[str, Any]]
    lines: list[Difference]
    left_out: list[LeftOut]


class Compared(msgspec.Struct):
    """What ``after`` says (``wanted``) otherwise than ``before`` (``found``)."""

    before: VersionView
    after: VersionView
    differences: list[Difference]


def editing(door: Door) -> None:
    """Templates belong to the whole province: only who sees all of it makes and approves them. Raises Refused (403)."""
    if not door.allow("write", "template").whole:
        raise Refused(403, "template", "made and approved by users of the whole province only")


def _may(door: Door, kind: str, whole: bool) -> bool:
    try:
        scope = door.allow("write", kind)
    except Refused:
        return False
    return scope.whole or not whole


@get("/api/templates", tags=["templates"])
async def list_templates(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_class: FromQuery[str | None] = None,
    retired: FromQuery[bool] = False,
) -> Templates:
    """Every template with its version in force, its newest one, and how the terminals of the scope answered it."""
    scope = door.allow("read", "template")
    items = await asyncio.to_thread(catalogue.page, services.engine, scope, retired, vehicle_class)
    classes = [{"value": code, "zh": zh} for code, zh in VEHICLE_CLASSES.items()]
    return Templates(now_ms(), items, classes, _may(door, "template", True), _may(door, "command", False))


@get("/api/templates/form", tags=["templates"])
async def form(door: NamedDependency[Door]) -> dict[str, Any]:
    """The parameters that a template may hold, field by field with units, ranges and defaults."""
    door.allow("read", "template")
    return template_form()


@post("/api/templates", tags=["templates"], guards=[own_page])
async def create_template(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewTemplate]
) -> TemplateDetail:
    """A new template; its first version is a draft. 400 names parameter, rule and clause; 409 a name that is taken."""
    editing(door)
    given = {name: getattr(data, name) for name in ("name", "vehicle_class", "dialect", "model", "edition")}
    actor = door.user.actor(door.address)
    key, _ = await asyncio.to_thread(catalogue.create, services.engine, given, data.parameters, data.note, actor)
    return await _detail(services, door, key)


@post("/api/templates/check", tags=["templates"], guards=[own_page], status_code=200)
async def check_parameters(door: NamedDependency[Door], data: JSONBody[CheckBody]) -> list[Difference]:
    """Check parameters without keeping them: each single value for a reader, or 400."""
    door.allow("read", "template")
    entries = await asyncio.to_thread(check, data.parameters, data.dialect, data.edition)
    return compare.lines(entries, data.dialect, data.edition or 2019)


@get("/api/templates/{template_id:int}", tags=["templates"])
async def get_template(
    services: NamedDependency[Services], door: NamedDependency[Door], template_id: Key
) -> TemplateDetail:
    """One template with its versions, newest first."""
    return await _detail(services, door, template_id)


@patch("/api/templates/{template_id:int}", tags=["templates"], guards=[own_page])
async def change_template(
    services: NamedDependency[Services], door: NamedDependency[Door], template_id: Key, data: JSONBody[ChangeBody]
) -> TemplateDetail:
    """Rename, retire, or have first connections get it by themselves."""
    editing(door)
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    await asyncio.to_thread(catalogue.change, services.engine, template_id, given, door.user.actor(door.address))
    return await _detail(services, door, template_id)


@post("/api/templates/{template_id:int}/versions", tags=["templates"], guards=[own_page])
async def revise_template(
    services: NamedDependency[Services], door: NamedDependency[Door], template_id: Key, data: JSONBody[NewVersion]
) -> VersionDetail:
    """A new version, a draft; the earlier ones stay as they are."""
    editing(door)
    actor = door.user.actor(door.address)
    key = await asyncio.to_thread(catalogue.revise, services.engine, template_id, data.parameters, data.note, actor)
    return await _version(services, door, key)


@get("/api/templates/versions/{version_id:int}", tags=["templates"])
async def get_version(
    services: NamedDependency[Services], door: NamedDependency[Door], version_id: Key
) -> VersionDetail:
    """One version with its parameters."""
    return await _version(services, door, version_id)


@post("/api/templates/versions/{version_id:int}/approve", tags=["templates"], guards=[own_page], status_code=200)
async def approve_version(
    services: NamedDependency[Services], door: NamedDependency[Door], version_id: Key, data: JSONBody[ApproveBody]
) -> VersionDetail:
    """Approve a version from a time on; the one before stays in force until then."""
    editing(door)
    actor = door.user.actor(door.address)
    await asyncio.to_thread(catalogue.approve, services.engine, version_id, data.effective_from, actor)
    return await _version(services, door, version_id)


@post("/api/templates/versions/{version_id:int}/copy", tags=["templates"], guards=[own_page])
async def copy_version(
    services: NamedDependency[Services], door: NamedDependency[Door], version_id: Key, data: JSONBody[CopyBody]
) -> TemplateDetail:
    """A new template with the parameters of this version."""
    editing(door)
    given = {
        name: value
        for name, value in msgspec.structs.asdict(data).items()
        if name != "note" and value is not msgspec.UNSET
    }
    actor = door.user.actor(door.address)
    key, _ = await asyncio.to_thread(catalogue.copy, services.engine, version_id, given, data.note, actor)
    return await _detail(services, door, key)


@get("/api/templates/compare", tags=["templates"])
async def compare_versions(
    services: NamedDependency[Services], door: NamedDependency[Door], before: Number, after: Number
) -> Compared:
    """Two versions, of one template or of two, field by field."""
    door.allow("read", "template")

    def both() -> tuple[catalogue.Version, catalogue.Version]:
        return catalogue.one_version(services.engine, before), catalogue.one_version(services.engine, after)

    old, new = await asyncio.to_thread(both)
    found = compare.versions(old.parameters, new.parameters, (old.dialect, new.dialect))
    return Compared(old.view, new.view, found)


@get("/api/templates/reported", tags=["templates"])
async def reported_parameters(
    services: NamedDependency[Services], door: NamedDependency[Door], command: Number
) -> ReportedTemplate:
    """What a truck reported in answer to a ``read_parameters`` command, as a template to be saved."""
    door.allow("read", "template")
    scope = door.allow("read", "command")
    found = await asyncio.to_thread(reported, services.engine, scope, command)
    lines = compare.lines(found.parameters, found.dialect, found.edition)
    return ReportedTemplate(
        found.plate, found.vehicle_class, found.model, found.edition, found.dialect, found.parameters, lines,
        found.left_out,
    )  # fmt: skip


async def _detail(services: Services, door: Door, key: int) -> TemplateDetail:
    scope = door.allow("read", "template")

    def both() -> tuple[TemplateView, list[VersionView]]:
        return catalogue.one(services.engine, scope, key), catalogue.versions(services.engine, key)

    template, versions = await asyncio.to_thread(both)
    return TemplateDetail(now_ms(), template, versions)


async def _version(services: Services, door: Door, key: int) -> VersionDetail:
    scope = door.allow("read", "template")

    def both() -> tuple[catalogue.Version, TemplateView]:
        whole = catalogue.one_version(services.engine, key)
        return whole, catalogue.one(services.engine, scope, whole.view.template)

    whole, template = await asyncio.to_thread(both)
    lines = compare.lines(whole.parameters, whole.dialect, whole.edition or 2019)
    return VersionDetail(whole.view, template, whole.parameters, lines)


route_handlers: list[ControllerRouterHandler] = [
    list_templates, form, create_template, check_parameters, get_template, change_template, revise_template,
    get_version, approve_version, copy_version, compare_versions, reported_parameters,
]  # fmt: skip
