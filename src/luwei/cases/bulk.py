"""Bulk close 批量结案: light cases of one type, each with a picture this person opened; all or none (§7.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, select

from luwei.cases import acts, handling
from luwei.cases.handling import Given
from luwei.cases.holding import Held, hold
from luwei.registry.audit import Actor, record
from luwei.registry.engine import write
from luwei.registry.errors import Conflict, RegistryError
from luwei.registry.evidence import PICTURE, EvidenceFile
from luwei.registry.scope import Scope


def close(engine: Engine, scope: Scope, cases: Sequence[tuple[int, int]], given: Given, actor: Actor) -> list[int]:
    """Judge and close cases (id, version) with one record. Raises RegistryError or Conflict whose field begins with
    ``cases.<n>`` for the one that cannot be; then none of them is closed."""
    if len({key for key, _ in cases}) != len(cases) or not cases:
        raise RegistryError("cases", "must name at least one case, and none twice")
    with write(engine) as connection:
        kinds: set[str] = set()
        # locked in the order of ids, so that two people's heaps cannot wait for each other
        places = sorted(range(len(cases)), key=lambda place: cases[place][0])
        for place in places:
            key, version = cases[place]
            try:
                held = hold(connection, scope, key, version, actor)
                if len(cases) > held.policy.bulk_most:
                    raise RegistryError("cases", f"at most {held.policy.bulk_most} at once", len(cases))
                kinds.add(held.row["type"])
                if len(kinds) > 1:
                    raise RegistryError("type", "must all be of one type", held.row["type"])
                _close(held, given)
            except RegistryError as error:
                if error.field == "cases":
                    raise
                kind = Conflict if isinstance(error, Conflict) else type(error)
                raise kind(f"cases.{place}.{error.field}", error.rule, error.value) from None
        record(connection, actor, "case.bulk_close", None, {"cases": len(cases), "type": kinds.pop()})
    return [key for key, _ in cases]


def _close(held: Held, given: Given) -> None:
    policy, row = held.policy, held.row
    if row["grade"] > policy.bulk_grade:
        raise RegistryError("grade", f"only cases of G{policy.bulk_grade} are closed together", row["grade"])
    held.mine()
    held.require(acts.AT_HAND, "closed")
    if policy.bulk_picture and not _picture(held):
        raise RegistryError("evidence_viewed", "a picture of each must have been opened by you")
    acts.settle(held, given)
    again = Held(held.connection, held.row, policy, held.actor, held.now)
    acts.finish(again)


def _picture(held: Held) -> bool:
    seen = handling.looks_of(held.connection, held.row["id"], held.user_id).keys() - {0}
    if not seen:
        return False
    statement = select(EvidenceFile.id).where(EvidenceFile.id.in_(sorted(seen)), EvidenceFile.kind == PICTURE)
    return held.connection.scalar(statement.limit(1)) is not None
