"""Versions of the oversight policy: each holds from its date on; none that has begun is ever changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from luwei.access.user import User
from luwei.oversight.policy import OversightRules, parse, shipped_document
from luwei.registry import fields
from luwei.registry.audit import SYSTEM, Actor, record
from luwei.registry.base import now_ms
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.oversight import OversightPolicy

VERSIONS_MOST = 1_000
AHEAD_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class RulesView:
    """A version as lists show it; ``state`` is past, in_force or coming."""

    version: int
    valid_from: int
    created_at: int
    by: str
    note: str
    state: str
    policy: dict[str, Any]


@lru_cache(maxsize=64)
def _parsed(version: int, text: str) -> OversightRules:
    return parse(json.loads(text), version)


def ensure(engine: Engine) -> None:
    """Enter the shipped policy as the first version of an installation: a later release ships another one, and what
    holds here must not change by an update."""
    with write(engine) as connection:
        if connection.scalar(select(func.count()).select_from(OversightPolicy)):
            return
        text = json.dumps(shipped_document(), ensure_ascii=False)
        connection.execute(insert(OversightPolicy).values(valid_from=0, document=text, note="", user_id=None))
        record(connection, SYSTEM, "oversight_policy.create", None, {"valid_from": 0})


def at(connection: Connection, at_ms: int) -> OversightRules:
    """The rules in force at an instant; the shipped ones where none were entered."""
    return _one(connection, OversightPolicy.valid_from <= at_ms)


def numbered(connection: Connection, version: int) -> OversightRules:
    """The rules that an order names."""
    return _one(connection, OversightPolicy.id == version)


def _one(connection: Connection, condition: Any) -> OversightRules:
    newest = (
        select(OversightPolicy.id, OversightPolicy.document)
        .where(condition)
        .order_by(OversightPolicy.valid_from.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    if row is None:
        return _parsed(0, json.dumps(shipped_document(), ensure_ascii=False))
    return _parsed(row.id, row.document)


def versions(engine: Engine, at_ms: int) -> list[RulesView]:
    """Every version, the newest beginning first."""
    statement = (
        select(*OversightPolicy.__table__.columns, User.display_name)
        .outerjoin(User, User.id == OversightPolicy.user_id)
        .order_by(OversightPolicy.valid_from.desc())
    )
    found: list[RulesView] = []
    begun = False
    with read(engine) as connection:
        for row in connection.execute(statement):
            state = "coming" if row.valid_from > at_ms else "past" if begun else "in_force"
            begun = begun or state == "in_force"
            who = row.display_name or ""
            found.append(
                RulesView(row.id, row.valid_from, row.created_at, who, row.note, state, json.loads(row.document))
            )
    return found


def add(engine: Engine, given: Mapping[str, Any], valid_from: int, note: str, actor: Actor) -> int:
    """A new version that holds from ``valid_from`` (UTC ms) on; its number.

    Raises RegistryError for a wrong document and for a beginning in the past, Conflict for one that is taken.
    """
    parse(dict(given))
    said = fields.text("note", 500)(note)
    with write(engine) as connection:
        now = now_ms()
        if not now < valid_from <= now + AHEAD_MS:
            raise RegistryError("valid_from", "must be in the future and within a year")
        if (connection.scalar(select(func.count()).select_from(OversightPolicy)) or 0) >= VERSIONS_MOST:
            raise RegistryError("version", f"there are {VERSIONS_MOST} already")
        taken = connection.scalar(select(OversightPolicy.id).where(OversightPolicy.valid_from == valid_from))
        if taken is not None:
            raise Conflict("valid_from", f"version {taken} begins at the same instant", valid_from)
        values = {
            "valid_from": valid_from, "document": json.dumps(given, ensure_ascii=False), "note": said,
            "user_id": actor.user_id,
        }  # fmt: skip
        added = insert(OversightPolicy).values(**values).returning(OversightPolicy.id)
        key: int = connection.execute(added).scalar_one()
        record(connection, actor, "oversight_policy.create", key, {"valid_from": valid_from, "note": said})
    return key


def withdraw(engine: Engine, version: int, actor: Actor) -> None:
    """Take back a version that has not begun. Raises NotFound, Conflict."""
    with write(engine) as connection:
        begins = select(OversightPolicy.valid_from).where(OversightPolicy.id == version).with_for_update()
        valid_from = connection.scalar(begins)
        if valid_from is None:
            raise NotFound("version", "there is no such version", version)
        if valid_from <= now_ms():
            raise Conflict("version", "has begun, so it stays", version)
        connection.execute(delete(OversightPolicy).where(OversightPolicy.id == version))
        record(connection, actor, "oversight_policy.delete", version, {"valid_from": valid_from})
