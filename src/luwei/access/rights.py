"""The rights in force: the shipped ones with what administrators changed, versioned, and the rules of changing them.

``book`` gives everything that deciding needs at once and is read again only when ``AccessState`` has moved on.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from luwei.access import sign_in_rules
from luwei.access.defaults import DEFAULTS, SHIPPED, Cell, Rights
from luwei.access.identity import SignedIn
from luwei.access.kinds import ACTS, FULL, KINDS, MANNERS, NONE, OWN, REACH, READ, REASON, REASON_OWN, WRITE
from luwei.access.revision import touch
from luwei.access.role import AccessState, RightsVersion, Role, RoleRight
from luwei.access.sign_in_rules import SignInRules
from luwei.access.user import User
from luwei.registry import fields
from luwei.registry.audit import Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.page import Page, check_page

ADMINISTERS = (WRITE, "right")
"""Who has this right can mend every other; one active account must always have it."""
GRANT_MINUTES_MOST = 30 * 24 * 60
_CODE = re.compile(r"[a-z][a-z0-9_]{1,19}")


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role with its settings. ``organisation_kinds``: whose people may have it; empty: a person's own (a driver)."""

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

    def allows_address(self, address: str) -> bool:
        """Whether its people may come from ``address``."""
        if not self.address_ranges:
            return True
        try:
            place = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(place, "ipv4_mapped", None) or place
        return any(mapped in ipaddress.ip_network(each) for each in self.address_ranges)


@dataclass(frozen=True, slots=True)
class Book:
    """Roles, rights and sign-in rules at one moment."""

    revision: int
    version: int
    roles: Mapping[str, RoleView]
    rights: Mapping[str, Rights]
    rules: SignInRules


@dataclass(frozen=True, slots=True)
class Change:
    """One cell to be changed."""

    role: str
    kind: str
    act: str
    manner: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A change of the rights, as the list of versions shows it."""

    version: int
    at: int
    username: str
    reason: str
    changes: list[dict[str, Any]]


_books: WeakKeyDictionary[Engine, Book] = WeakKeyDictionary()


def book(engine: Engine, connection: Connection) -> Book:
    """The rights in force; ``connection`` is one of ``engine``."""
    revision = connection.scalar(select(AccessState.revision).where(AccessState.id == 1)) or 0
    known = _books.get(engine)
    if known is None or known.revision != revision:
        known = _books[engine] = load(connection, revision)
    return known


def load(connection: Connection, revision: int = 0) -> Book:
    """Read everything from the registry."""
    roles = {code: _role(code, None) for code in SHIPPED}
    for row in connection.execute(select(*Role.__table__.columns).order_by(Role.code)):
        if row.like in SHIPPED:
            roles[row.code] = _role(row.code, row)
    cells = {code: dict(DEFAULTS[role.like]) for code, role in roles.items()}
    for row in connection.execute(select(RoleRight.role, RoleRight.kind, RoleRight.act, RoleRight.manner)):
        if row.role in cells and row.kind in KINDS:
            if row.manner == NONE:
                cells[row.role].pop((row.act, row.kind), None)
            else:
                shipped = DEFAULTS[roles[row.role].like].get((row.act, row.kind))
                narrow = shipped.narrow if shipped is not None and shipped.manner == row.manner else ""
                cells[row.role][row.act, row.kind] = Cell(row.manner, narrow)
    version = connection.scalar(select(func.max(RightsVersion.id))) or 0
    frozen = {code: MappingProxyType(each) for code, each in cells.items()}
    return Book(revision, version, MappingProxyType(roles), MappingProxyType(frozen), sign_in_rules.load(connection))


def _role(code: str, row: Any) -> RoleView:
    shipped = SHIPPED[row.like if row is not None else code]

    def chosen(name: str) -> Any:
        value = getattr(row, name) if row is not None else None
        return getattr(shipped, name) if value is None else value

    ranges = json.loads(row.address_ranges) if row is not None and row.address_ranges else []
    return RoleView(
        code, shipped.code, chosen("zh"), chosen("en"), shipped.organisation_kinds, code in SHIPPED,
        chosen("require_totp"), tuple(ranges), chosen("approval"), chosen("grant_minutes_max"), chosen("landing"),
    )  # fmt: skip


# -- changing ----------------------------------------------------------------------------------------------------------


def change(engine: Engine, user: SignedIn, version: int, reason: str, wanted: Sequence[Change], actor: Actor) -> int:
    """Change cells; returns the new version.

    Raises Conflict where the rights are no longer at ``version``; RegistryError where a cell is unknown, where ``user``
    would hand out more than he has, or where nobody could mend the rights any more.
    """
    said = fields.text("reason", 500)(reason)
    if not wanted:
        raise RegistryError("changes", "must name at least one cell")
    with write(engine) as connection:
        present = load(connection)
        if present.version != version:
            raise Conflict("version", f"the rights are at version {present.version} meanwhile", version)
        told = []
        for each in wanted:
            before = _check(present, user, each)
            if before == each.manner:
                continue
            told.append({"role": each.role, "kind": each.kind, "act": each.act, "before": before, "after": each.manner})
            at = (RoleRight.role == each.role, RoleRight.kind == each.kind, RoleRight.act == each.act)
            connection.execute(delete(RoleRight).where(*at))
            shipped = DEFAULTS[present.roles[each.role].like].get((each.act, each.kind))
            if each.manner != (shipped.manner if shipped is not None else NONE):
                connection.execute(insert(RoleRight).values(**asdict(each)))
        if not told:
            return present.version
        require_an_administrator(connection)
        return _version(connection, user, said, told, actor)


def _check(present: Book, user: SignedIn, each: Change) -> str:
    if each.role not in present.roles:
        raise RegistryError("role", "there is no such role", each.role)
    kind = KINDS.get(each.kind)
    if kind is None or each.act not in ACTS or each.act not in kind.acts:
        raise RegistryError("kind", f"{each.act} {each.kind} is no right", each.kind)
    if each.manner not in MANNERS:
        raise RegistryError("manner", f"must be one of {', '.join(MANNERS)}", each.manner)
    held = present.rights[each.role].get((each.act, each.kind))
    before = held.manner if held is not None else NONE
    if each.manner not in reach(user, each.act, each.kind):
        raise RegistryError("manner", f"you have no such right to {each.act} {each.kind} yourself", each.manner)
    return before


def reach(user: SignedIn, act: str, kind: str) -> frozenset[str]:
    """The manners of a right that ``user`` may hand on."""
    own = user.cells.get((act, kind))
    if own is None:
        return REACH[NONE]
    return REACH[_WITHOUT_BOUNDS.get(own.manner, own.manner) if user.jurisdiction.whole else own.manner]


_WITHOUT_BOUNDS = {OWN: FULL, REASON_OWN: REASON}
"""What a manner comes to where one's own jurisdiction is everything."""


def require_no_more(user: SignedIn, given: Rights) -> None:
    """Raises RegistryError where a role's rights go beyond those of who hands it out."""
    for (act, kind), cell in given.items():
        if cell.manner not in reach(user, act, kind):
            raise RegistryError("role", f"goes beyond your own rights: {act} {kind} ({cell.manner})")


def require_an_administrator(connection: Connection) -> None:
    """Raises RegistryError where no active account may change rights any more."""
    rights = load(connection).rights
    able = [code for code, cells in rights.items() if ADMINISTERS in cells and (READ, "right") in cells]
    active = select(User.id).where(User.role.in_(able), User.disabled_at.is_(None)).limit(1)
    if connection.execute(active).first() is None:
        raise RegistryError("role", "must leave one active account that may change rights")


def change_role(engine: Engine, user: SignedIn, code: str, given: Mapping[str, Any], actor: Actor) -> RoleView:
    """Change settings of a role. Raises NotFound, or RegistryError naming field and rule."""
    values = {name: _setting(name, value) for name, value in given.items()}
    with write(engine) as connection:
        present = load(connection)
        role = present.roles.get(code)
        if role is None:
            raise NotFound("code", "there is no such role", code)
        if "address_ranges" in values and code == user.role:
            probe = actor.address
            changed = _with_ranges(role, values["address_ranges"])
            if not changed.allows_address(probe):
                raise RegistryError("address_ranges", f"must hold your own address {probe}", probe)
        told = []
        for name, value in values.items():
            shown = value if name != "address_ranges" else tuple(json.loads(value))
            if getattr(role, name) != shown:
                told.append({"role": code, "field": name, "before": getattr(role, name), "after": shown})
        if told:
            known = connection.scalar(select(Role.code).where(Role.code == code))
            if known is None:
                connection.execute(insert(Role).values(code=code, like=role.like, zh=role.zh, en=role.en))
            connection.execute(update(Role).where(Role.code == code).values(**values))
            _version(connection, user, "", told, actor)
        return load(connection).roles[code]


_KEPT = ("require_totp", "address_ranges", "approval", "grant_minutes_max", "landing")


def add_role(engine: Engine, user: SignedIn, code: str, zh: str, en: str, like: str, actor: Actor) -> RoleView:
    """A role with the rights and settings that ``like`` has now. Raises RegistryError or Conflict."""
    if not _CODE.fullmatch(code):
        raise RegistryError("code", "must be 2 to 20 small letters, digits and underscores", code)
    names = {"zh": fields.text("zh", 40)(zh), "en": fields.text("en", 40)(en)}
    with write(engine) as connection:
        present = load(connection)
        if code in present.roles:
            raise Conflict("code", "there is such a role already", code)
        model = present.roles.get(like)
        if model is None:
            raise RegistryError("like", "there is no such role", like)
        require_no_more(user, present.rights[like])
        # Codes, addresses and second persons that an administrator wants of a role are wanted of its copy too.
        kept = connection.execute(select(*(getattr(Role, name) for name in _KEPT)).where(Role.code == like)).first()
        settings = dict(kept._mapping) if kept is not None else {}
        connection.execute(insert(Role).values(code=code, like=model.like, **settings, **names))
        shipped = DEFAULTS[model.like]
        mine = present.rights[like]
        differs = [
            {"role": code, "act": key[0], "kind": key[1], "manner": mine[key].manner if key in mine else NONE}
            for key in {*shipped, *mine}
            if (mine[key].manner if key in mine else NONE) != (shipped[key].manner if key in shipped else NONE)
        ]
        if differs:
            connection.execute(insert(RoleRight), differs)
        _version(connection, user, "", [{"role": code, "field": "like", "before": None, "after": like}], actor)
        return load(connection).roles[code]


def remove_role(engine: Engine, user: SignedIn, code: str, actor: Actor) -> None:
    """Remove a role that somebody made and nobody has. Raises NotFound or RegistryError."""
    if code in SHIPPED:
        raise RegistryError("code", "a shipped role stays", code)
    with write(engine) as connection:
        if connection.scalar(select(User.id).where(User.role == code).limit(1)) is not None:
            raise RegistryError("code", "accounts have this role", code)
        if not connection.execute(delete(Role).where(Role.code == code)).rowcount:
            raise NotFound("code", "there is no such role", code)
        connection.execute(delete(RoleRight).where(RoleRight.role == code))
        _version(connection, user, "", [{"role": code, "field": "code", "before": code, "after": None}], actor)


def versions(engine: Engine, number: int = 1, size: int = 50) -> Page[VersionView]:
    """Changes of the rights, newest first."""
    offset, limit = check_page(number, size)
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(RightsVersion)).scalar_one()
        rows = connection.execute(
            select(RightsVersion.id, RightsVersion.at, RightsVersion.username, RightsVersion.reason,
                   RightsVersion.changes)
            .order_by(RightsVersion.id.desc()).offset(offset).limit(limit)
        ).all()  # fmt: skip
    return Page(total, [VersionView(*row[:4], json.loads(row.changes)) for row in rows])


def _version(connection: Connection, user: SignedIn, reason: str, told: list[dict[str, Any]], actor: Actor) -> int:
    row = {
        "at": now_ms(), "user_id": user.user_id, "username": user.username, "reason": reason,
        "changes": json.dumps(told, ensure_ascii=False),
    }  # fmt: skip
    key: int = connection.execute(insert(RightsVersion).returning(RightsVersion.id), row).scalar_one()
    touch(connection)
    record(connection, actor, "right.change", key, {"changes": told}, reason=reason)
    return key


def _with_ranges(role: RoleView, text: str) -> RoleView:
    kept = asdict(role) | {"address_ranges": tuple(json.loads(text))}
    return RoleView(**kept)


def _setting(name: str, value: Any) -> Any:
    match name:
        case "zh" | "en":
            return fields.text(name, 40)(value)
        case "require_totp" | "approval":
            if not isinstance(value, bool):
                raise RegistryError(name, "must be true or false", value)
            return value
        case "grant_minutes_max":
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= GRANT_MINUTES_MOST:
                raise RegistryError(name, f"must be from 1 to {GRANT_MINUTES_MOST} minutes", value)
            return value
        case "landing":
            text = fields.text(name, 40)(value)
            if not re.fullmatch(r"/[a-z0-9/-]*", text):
                raise RegistryError(name, "must be an address of the console such as /monitor", value)
            return text
        case "address_ranges":
            return _ranges(value)
    raise RegistryError(name, "is not a setting of a role", value)


def _ranges(value: Any) -> str:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > 100:
        raise RegistryError("address_ranges", "must be a list of at most 100 ranges", value)
    try:
        return json.dumps([str(ipaddress.ip_network(str(each).strip())) for each in value])
    except ValueError:
        raise RegistryError("address_ranges", "must be ranges such as 10.20.0.0/16 or fd00::/8", value) from None
