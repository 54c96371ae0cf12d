"""History of a record: who changed which field from what to what, when, and why.

It is read from the audit log and kept nowhere else: an entry is written in the transaction of the change, nobody can
alter it afterwards, and two tables that say the same would one day disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from luwei.registry import gone
from luwei.registry.audit import AuditEntry
from luwei.registry.engine import read
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope

FORMER_NOUNS = {"organisation": ("organisation", "operator")}
"""Words that older entries use for a noun."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field; ``before`` is None for a new record."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One act on the record, ``at`` UTC ms. ``fields`` is empty where the act changed no field of it."""

    id: int
    at: int
    act: str
    username: str
    address: str
    reason: str
    fields: list[FieldChange]
    detail: dict[str, Any] | None
    """What the act says beside fields (a merge, a span that was entered)."""


def page(
    engine: Engine, noun: str, key: int, scope: Scope, field: str = "", number: int = 1, size: int = 50
) -> Page[Change]:
    """Changes of the record, the newest first; with ``field`` those of it only (looked for among the newest 5,000).

    Raises NotFound when the record does not lie in the scope, RegistryError for an unusable page.
    """
    offset, limit = check_page(number, size)
    columns = (
        AuditEntry.id, AuditEntry.at, AuditEntry.act, AuditEntry.username, AuditEntry.address, AuditEntry.detail,
        AuditEntry.reason,
    )  # fmt: skip
    with read(engine) as connection:
        gone.require(connection, noun, key, scope)
        keys = gone.known_as(connection, noun, key)
        limits = [
            AuditEntry.noun.in_(FORMER_NOUNS.get(noun, (noun,))), AuditEntry.noun_id.in_(keys),
            AuditEntry.act != f"{noun}.look",
        ]  # fmt: skip
        statement = select(*columns).where(*limits).order_by(AuditEntry.id.desc())
        if field:
            found = [change(row) for row in connection.execute(statement.limit(5_000))]
            found = [each for each in found if any(part.field == field for part in each.fields)]
            return Page(len(found), found[offset : offset + limit])
        total = connection.scalar(select(func.count()).select_from(AuditEntry).where(*limits)) or 0
        return Page(total, [change(row) for row in connection.execute(statement.offset(offset).limit(limit))])


def change(row: Any) -> Change:
    """An audit entry as the history shows it."""
    fields, detail = _fields(row.act, json.loads(row.detail))
    return Change(row.id, row.at, row.act, row.username, row.address, row.reason, fields, detail)


def _fields(act: str, detail: Mapping[str, Any]) -> tuple[list[FieldChange], dict[str, Any] | None]:
    """A change tells pairs, a new record values; whatever else an act tells is its detail."""
    if act.endswith(".create"):
        return [FieldChange(name, None, value) for name, value in detail.items() if value is not None], None
    pairs = {name: both for name, both in detail.items() if isinstance(both, list) and len(both) == 2}
    rest = {name: value for name, value in detail.items() if name not in pairs}
    return [FieldChange(name, *both) for name, both in pairs.items()], rest or None
