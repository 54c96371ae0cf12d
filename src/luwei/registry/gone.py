"""Records that were merged into another: where an old id leads, and under which ids a record was known."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from luwei.registry import conflict, reach
from luwei.registry.errors import Moved, NotFound
from luwei.registry.merge import Merge
from luwei.registry.scope import Scope


def survivor_of(connection: Connection, noun: str, key: int) -> int | None:
    """The record that the merged ``key`` is part of now, through as many merges as there were; None: it was not."""
    found: int | None = None
    seen = {key}
    asked = key
    while True:
        statement = select(Merge.survivor_id).where(
            Merge.noun == noun, Merge.loser_id == asked, Merge.undone_at.is_(None)
        )
        following = connection.scalar(statement.order_by(Merge.id.desc()).limit(1))
        if following is None or following in seen:
            return found
        found = asked = following
        seen.add(following)


def known_as(connection: Connection, noun: str, key: int) -> list[int]:
    """Every id under which the record was ever known, its own first: facts of the history carry them."""
    found = [key]
    for each in found:
        statement = select(Merge.loser_id).where(
            Merge.noun == noun, Merge.survivor_id == each, Merge.undone_at.is_(None)
        )
        found += [loser for loser in connection.scalars(statement.order_by(Merge.id)) if loser not in found]
    return found


def alike(connection: Connection, noun: str, key: int) -> list[int]:
    """Every id under which the record of ``key`` was ever known, whichever of them was asked for."""
    return known_as(connection, noun, survivor_of(connection, noun, key) or key)


def merged(connection: Connection, noun: str) -> dict[int, int]:
    """Every id that was merged away and the record that it is part of now."""
    statement = select(Merge.loser_id, Merge.survivor_id).where(Merge.noun == noun, Merge.undone_at.is_(None))
    into: dict[int, int] = {row[0]: row[1] for row in connection.execute(statement.order_by(Merge.id))}
    found = {}
    for loser in into:
        seen, target = {loser}, into[loser]
        while target in into and target not in seen:
            seen.add(target)
            target = into[target]
        found[loser] = target
    return found


def with_merged(noun: str, model: Any, *limits: ColumnElement[bool]) -> Any:
    """Selects the ids of the rows of ``model`` within ``limits``, and those that were merged into them."""
    tree = select(model.id).where(*limits).cte("with_merged", recursive=True)
    into = select(Merge.loser_id).join(tree, Merge.survivor_id == tree.c.id)
    tree = tree.union(into.where(Merge.noun == noun, Merge.undone_at.is_(None)))
    return select(tree.c.id)


def require(connection: Connection, noun: str, key: int, scope: Scope, lock: bool = False) -> Any:
    """The row of ``noun`` (all columns). Raises Moved where it was merged into one in the scope, else NotFound."""
    try:
        return reach.require(connection, noun, key, scope, lock)
    except NotFound:
        tell(connection, noun, key, scope)
        raise


def tell(connection: Connection, noun: str, key: int, scope: Scope) -> None:
    """Raises Moved where ``key`` was merged into a record of the scope."""
    target = survivor_of(connection, noun, key)
    if target is None:
        return
    model = reach.MODELS[noun]
    row = connection.execute(reach.visible(model, scope).where(model.id == target)).one_or_none()
    if row is not None:
        raise Moved("id", f"was merged into {conflict.clash(model, row)['label']}", key, conflict.clash(model, row))
