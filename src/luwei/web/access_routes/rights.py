"""Roles, the matrix of rights with its versions, and the rules of signing in, over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import UNSET, UnsetType
from sqlalchemy import func, select

from luwei.access import rights, sign_in_rules
from luwei.access.kinds import ACTS, KINDS, MANNERS, NARROWS, ROWS
from luwei.access.rights import Change, RoleView, VersionView
from luwei.access.role import RightsVersion
from luwei.access.sign_in_rules import BOUNDS
from luwei.access.user import User
from luwei.live.feed import now_ms
from luwei.registry.engine import read
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.services import Services

CELLS_MAX = 2_000


class RoleRow(msgspec.Struct):
    """A role with its settings and the number of its accounts."""

    code: str
    like: str
    zh: str
    en: str
    organisation_kinds: tuple[str, ...]
    builtin: bool
    require_totp: bool
    address_ranges: tuple[str, ...]
    approval: bool
    grant_minutes_max: int
    landing: str
    users: int


class Roles(msgspec.Struct):
    items: list[RoleRow]


class NewRole(msgspec.Struct, forbid_unknown_fields=True):
    """A role with the rights that ``like`` has now."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    zh: Annotated[str, msgspec.Meta(max_length=80)]
    en: Annotated[str, msgspec.Meta(max_length=80)]
    like: Annotated[str, msgspec.Meta(max_length=40)]


class RoleBody(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to change; what is left out stays as it is."""

    zh: str | UnsetType = UNSET
    en: str | UnsetType = UNSET
    require_totp: bool | UnsetType = UNSET
    address_ranges: list[str] | UnsetType = UNSET
    approval: bool | UnsetType = UNSET
    grant_minutes_max: int | UnsetType = UNSET
    landing: str | UnsetType = UNSET


class Word(msgspec.Struct):
    """A code and its words."""

    code: str
    zh: str
    en: str
    sign: str = ""


class KindRow(msgspec.Struct):
    """A kind of data with the row of the table it belongs to, and the acts that are known on it."""

    code: str
    zh: str
    en: str
    group: str
    group_zh: str
    acts: tuple[str, ...]


class CellRow(msgspec.Struct):
    """A right that is not ``none``."""

    role: str
    kind: str
    act: str
    manner: str
    narrow: str


class Matrix(msgspec.Struct):
    """The rights in force; a cell that is absent is ``none``."""

    version: int
    changed_at: int | None
    changed_by: str
    roles: list[RoleRow]
    kinds: list[KindRow]
    acts: list[Word]
    manners: list[Word]
    narrows: list[Word]
    cells: list[CellRow]
    may_edit: bool


class CellChange(msgspec.Struct, forbid_unknown_fields=True):
    """One cell to change."""

    role: Annotated[str, msgspec.Meta(max_length=40)]
    kind: Annotated[str, msgspec.Meta(max_length=40)]
    act: Annotated[str, msgspec.Meta(max_length=40)]
    manner: Annotated[str, msgspec.Meta(max_length=40)]


class MatrixChange(msgspec.Struct, forbid_unknown_fields=True):
    """Cells to change, and the version they were looked at in."""

    version: int
    reason: Annotated[str, msgspec.Meta(max_length=500)]
    changes: Annotated[list[CellChange], msgspec.Meta(max_length=CELLS_MAX)]


class VersionPage(msgspec.Struct):
    as_of: int
    total: int
    items: list[VersionView]


class Provider(msgspec.Struct):
    """The identity provider that is set; never its secret."""

    issuer: str
    client_id: str
    name: str


class Rules(msgspec.Struct):
    """The rules in force, what each may be (least, greatest), and the provider of the settings."""

    values: dict[str, int]
    bounds: dict[str, tuple[int, int]]
    oidc: Provider | None


class RulesBody(msgspec.Struct, forbid_unknown_fields=True):
    """Rules to change; what is left out stays as it is."""

    password_min_length: int | UnsetType = UNSET
    password_max_age_days: int | UnsetType = UNSET
    password_former: int | UnsetType = UNSET
    one_time_hours: int | UnsetType = UNSET
    idle_minutes: int | UnsetType = UNSET
    lifetime_hours: int | UnsetType = UNSET
    proof_minutes: int | UnsetType = UNSET
    token_days_max: int | UnsetType = UNSET
    failures_free: int | UnsetType = UNSET
    longest_wait_s: int | UnsetType = UNSET


def sent(body: msgspec.Struct) -> dict[str, Any]:
    """The fields that a request had."""
    return {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}


def _roles(services: Services) -> list[RoleRow]:
    with read(services.engine) as connection:
        found = rights.book(services.engine, connection).roles.values()
        rows = connection.execute(select(User.role, func.count()).group_by(User.role))
        numbers: dict[str, int] = {row[0]: row[1] for row in rows}
    return [RoleRow(**asdict(role), users=numbers.get(role.code, 0)) for role in found]


def _role(services: Services, code: str) -> RoleRow:
    return next(role for role in _roles(services) if role.code == code)


def _whole(door: Door, act: str) -> None:
    """The rights are one for the whole province: who administers a part of it may read and not write them."""
    if not door.allow(act, "right").whole:
        raise Refused(403, "right", "seen by users of the whole province only")


@get("/api/roles", tags=["access"])
async def list_roles(services: NamedDependency[Services], door: NamedDependency[Door]) -> Roles:
    """Every role with its settings: for the forms of accounts and of rights."""
    if not door.may("read", "user"):
        door.allow("read", "right")
    return Roles(await asyncio.to_thread(_roles, services))


@post("/api/roles", tags=["access"])
async def add_role(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[NewRole]
) -> RoleRow:
    """A new role with the rights that another has now."""
    _whole(door, "write")
    door.risky()
    given = (data.code, data.zh, data.en, data.like)
    made: RoleView = await asyncio.to_thread(rights.add_role, services.engine, door.user, *given, door.actor())
    return await asyncio.to_thread(_role, services, made.code)


@patch("/api/roles/{code:str}", tags=["access"])
async def change_role(
    services: NamedDependency[Services], door: NamedDependency[Door], code: FromPath[str], data: JSONBody[RoleBody]
) -> RoleRow:
    """Change settings of a role: one-time codes, address ranges, approval and length of grants, first page."""
    _whole(door, "write")
    door.risky()
    await asyncio.to_thread(rights.change_role, services.engine, door.user, code, sent(data), door.actor())
    return await asyncio.to_thread(_role, services, code)


@delete("/api/roles/{code:str}", tags=["access"])
async def remove_role(services: NamedDependency[Services], door: NamedDependency[Door], code: FromPath[str]) -> None:
    """Remove a role that is not shipped and that nobody has."""
    _whole(door, "write")
    door.risky()
    await asyncio.to_thread(rights.remove_role, services.engine, door.user, code, door.actor())


def _matrix(services: Services, door: Door) -> Matrix:
    with read(services.engine) as connection:
        book = rights.book(services.engine, connection)
        last = connection.execute(
            select(RightsVersion.at, RightsVersion.username).order_by(RightsVersion.id.desc()).limit(1)
        ).one_or_none()
    return Matrix(
        book.version,
        last.at if last is not None else None,
        last.username if last is not None else "",
        _roles(services),
        [KindRow(kind.code, kind.zh, kind.en, kind.row, ROWS[kind.row][0], kind.acts) for kind in KINDS.values()],
        [Word(code, *words) for code, words in ACTS.items()],
        [Word(code, zh, en, sign) for code, (zh, en, sign) in MANNERS.items()],
        [Word(code, *words) for code, words in NARROWS.items() if code],
        [
            CellRow(role, kind, act, cell.manner, cell.narrow)
            for role, cells in book.rights.items()
            for (act, kind), cell in sorted(cells.items())
        ],
        door.may("write", "right") and door.user.jurisdiction.whole,
    )


@get("/api/rights", tags=["access"])
async def get_rights(services: NamedDependency[Services], door: NamedDependency[Door]) -> Matrix:
    """The whole matrix: who may do what, in which manner."""
    door.allow("read", "right")
    return await asyncio.to_thread(_matrix, services, door)


@put("/api/rights", tags=["access"])
async def change_rights(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[MatrixChange]
) -> Matrix:
    """Change cells. 409 where another changed the rights since ``version``; 400 where one would hand out more than one
    has, or where nobody could change the rights any more."""
    _whole(door, "write")
    door.risky()
    wanted = [Change(each.role, each.kind, each.act, each.manner) for each in data.changes]
    await asyncio.to_thread(rights.change, services.engine, door.user, data.version, data.reason, wanted, door.actor())
    return await asyncio.to_thread(_matrix, services, door)


@get("/api/rights/versions", tags=["access"])
async def rights_versions(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 50,
) -> VersionPage:
    """Changes of the rights, newest first."""
    door.allow("read", "right")
    found = await asyncio.to_thread(rights.versions, services.engine, page, size)
    return VersionPage(now_ms(), found.total, found.items)


def _rules(services: Services) -> Rules:
    settings = services.settings
    provider = Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_name)
    found = sign_in_rules.rules(services.engine)
    return Rules(asdict(found), BOUNDS, provider if settings.oidc_issuer else None)


@get("/api/sign-in/rules", tags=["access"])
async def get_rules(services: NamedDependency[Services], door: NamedDependency[Door]) -> Rules:
    """The rules of signing in."""
    door.allow("read", "sign_in")
    return await asyncio.to_thread(_rules, services)


@patch("/api/sign-in/rules", tags=["access"])
async def change_rules(
    services: NamedDependency[Services], door: NamedDependency[Door], data: JSONBody[RulesBody]
) -> Rules:
    """Change rules of signing in; they hold for everybody."""
    if not door.allow("write", "sign_in").whole:
        raise Refused(403, "sign_in", "seen by users of the whole province only")
    door.risky()
    rules = await asyncio.to_thread(sign_in_rules.change, services.engine, sent(data), door.actor())
    services.throttle.set_limits(rules.failures_free, rules.longest_wait_s)
    return await asyncio.to_thread(_rules, services)


route_handlers: list[ControllerRouterHandler] = [
    list_roles, add_role, change_role, remove_role, get_rights, change_rights, rights_versions, get_rules, change_rules,
]  # fmt: skip
