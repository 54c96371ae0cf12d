"""Versions of the handling policy in the registry: each holds from its date on; none that has begun is ever changed."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from luwei.access.user import User
from luwei.cases.policy import Policy, parse, shipped_document
from luwei.registry import fields
from luwei.registry.audit import SYSTEM, Actor, record
from luwei.registry.base import now_ms
from luwei.registry.case_work import CasePolicy
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound, RegistryError

DOCUMENT_MOST = 400_000
"""Characters of a document as JSON."""
VERSIONS_MOST = 2_000
AHEAD_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version as lists show it; ``state`` is past, in_force or coming."""

    version: int
    valid_from: int
    created_at: int
    user_id: int | None
    user_name: str
    note: str
    state: str


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """Every version, by its beginning."""

    begins: tuple[int, ...]
    policies: tuple[Policy, ...]

    def at(self, at_ms: int) -> Policy:
        """The policy in force at the instant; before the first version, the first."""
        return self.policies[max(bisect_right(self.begins, at_ms) - 1, 0)]

    def numbered(self, version: int) -> Policy:
        """The policy that a case names."""
        return next((each for each in self.policies if each.version == version), self.policies[0])


@lru_cache(maxsize=64)
def _parsed(version: int, text: str) -> Policy:
    return parse(json.loads(text), version)


def ensure(engine: Engine) -> None:
    """Enter the shipped policy as the first version of an installation: a later release ships another one, and what
    holds here must not change by an update."""
    with write(engine) as connection:
        if connection.scalar(select(func.count()).select_from(CasePolicy)):
            return
        text = json.dumps(shipped_document(), ensure_ascii=False)
        connection.execute(insert(CasePolicy).values(valid_from=0, document=text, note="", user_id=None))
        record(connection, SYSTEM, "case_policy.create", None, {"valid_from": 0})


def book(connection: Connection) -> PolicyBook:
    """All versions; the shipped policy where none was entered."""
    rows = connection.execute(
        select(CasePolicy.id, CasePolicy.valid_from, CasePolicy.document).order_by(CasePolicy.valid_from)
    ).all()
    if not rows:
        return PolicyBook((0,), (_parsed(0, json.dumps(shipped_document(), ensure_ascii=False)),))
    return PolicyBook(tuple(row.valid_from for row in rows), tuple(_parsed(row.id, row.document) for row in rows))


def versions(engine: Engine, at_ms: int) -> list[VersionView]:
    """Every version, the newest beginning first."""
    statement = (
        select(
            CasePolicy.id, CasePolicy.valid_from, CasePolicy.created_at, CasePolicy.user_id, User.display_name,
            CasePolicy.note,
        )
        .outerjoin(User, User.id == CasePolicy.user_id)
        .order_by(CasePolicy.valid_from.desc())
    )  # fmt: skip
    with read(engine) as connection:
        rows = connection.execute(statement).all()
    found: list[VersionView] = []
    begun = False
    for row in rows:
        state = "coming" if row.valid_from > at_ms else "past" if begun else "in_force"
        begun = begun or state == "in_force"
        found.append(VersionView(*row[:4], row.display_name or "", row.note, state))
    return found


def document(engine: Engine, version: int) -> dict[str, Any]:
    """The whole document of a version. Raises NotFound."""
    with read(engine) as connection:
        text = connection.scalar(select(CasePolicy.document).where(CasePolicy.id == version))
    if text is None:
        raise NotFound("version", "there is no such version", version)
    found: dict[str, Any] = json.loads(text)
    return found


def check(given: Mapping[str, Any]) -> Policy:
    """The policy of a document. Raises RegistryError by the path of the first wrong field."""
    if len(json.dumps(given, ensure_ascii=False)) > DOCUMENT_MOST:
        raise RegistryError("policy", f"must have at most {DOCUMENT_MOST} characters")
    made = parse(dict(given))
    for code, rule in made.types.items():
        try:
            rule.tts.encode("gbk")
        except UnicodeEncodeError as error:
            lacking = rule.tts[error.start]
            raise RegistryError(f"types.{code}.tts", f"has a character that GBK lacks: {lacking!r}", rule.tts) from None
    return made


def add(engine: Engine, given: Mapping[str, Any], valid_from: int, note: str, actor: Actor) -> int:
    """A new version that holds from ``valid_from`` (UTC ms) on; its number.

    Raises RegistryError for a wrong document and for a beginning in the past, Conflict for one that is
    taken.
    """
    check(given)
    said = fields.text("note", 500)(note)
    with write(engine) as connection:
        now = now_ms()
        if not now < valid_from <= now + AHEAD_MS:
            raise RegistryError(
                "valid_from", "must be in the future and within a year: what has been is not graded anew"
            )
        if (connection.scalar(select(func.count()).select_from(CasePolicy)) or 0) >= VERSIONS_MOST:
            raise RegistryError("version", f"there are {VERSIONS_MOST} already")
        taken = connection.scalar(select(CasePolicy.id).where(CasePolicy.valid_from == valid_from))
        if taken is not None:
            raise Conflict("valid_from", f"version {taken} begins at the same instant", valid_from)
        text = json.dumps(given, ensure_ascii=False)
        values = {"valid_from": valid_from, "document": text, "note": said, "user_id": actor.user_id}
        key: int = connection.execute(insert(CasePolicy).values(**values).returning(CasePolicy.id)).scalar_one()
        record(connection, actor, "case_policy.create", key, {"valid_from": valid_from, "note": said})
    return key


def withdraw(engine: Engine, version: int, actor: Actor) -> None:
    """Take back a version that has not begun. Raises NotFound, or RegistryError for one that has."""
    with write(engine) as connection:
        begins = connection.scalar(select(CasePolicy.valid_from).where(CasePolicy.id == version).with_for_update())
        if begins is None:
            raise NotFound("version", "there is no such version", version)
        if begins <= now_ms():
            raise RegistryError("version", "has begun, so it stays; enter a new one", version)
        connection.execute(delete(CasePolicy).where(CasePolicy.id == version))
        record(connection, actor, "case_policy.delete", version, {"valid_from": begins})
