"""Bindings over time: opening and closing spans, and asking whose something was at an instant.

Whoever writes a column of today's state (``vehicle.operator_id`` …) calls ``settle`` in the same transaction with what
the column says now: it closes the span that no longer holds and opens the next at the same millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, or_, select, update

from luwei.registry.base import now_ms
from luwei.registry.binding import AREA, INSURER, MONITOR, OPERATOR, SUBJECTS, TERMINAL, Binding
from luwei.registry.engine import reserve_ids
from luwei.registry.errors import Conflict, RegistryError

_CHUNK = 2_000

VEHICLE_COLUMNS = {OPERATOR: "operator_id", MONITOR: "monitor_id", INSURER: "insurer_id"}
"""Column of ``vehicle`` that says today's object."""


@dataclass(frozen=True, slots=True)
class Span:
    """``object_id`` held from ``from_at`` until before ``to_at`` (UTC ms; None: it holds)."""

    subject_id: int
    object_id: int
    from_at: int
    to_at: int | None
    counts_from: int
    """``from_at``, but 0 for the first known span."""


def settle(connection: Connection, what: str, now: Mapping[int, int | None], at: int | None = None) -> int:
    """Make the open spans of the subjects say ``now`` ({subject: object, None for nothing}); how many changed.

    ``at`` (UTC ms) is when the change holds from; the present unless given. A span that would have no length is
    removed or given to the next object, so that changes within one millisecond leave no trace.
    """
    at = now_ms() if at is None else at
    closing: list[int] = []
    turning: list[dict[str, int]] = []
    void: list[int] = []
    opening: list[dict[str, Any]] = []
    subjects = sorted(now)
    stored: dict[int, tuple[int, int, int]] = {}
    for part in _parts(subjects):
        columns = (Binding.subject_id, Binding.id, Binding.object_id, Binding.from_at)
        open_spans = select(*columns).where(Binding.what == what, Binding.subject_id.in_(part), Binding.to_at.is_(None))
        stored |= {row[0]: (row[1], row[2], row[3]) for row in connection.execute(open_spans)}
    for subject in subjects:
        target, span = now[subject], stored.get(subject)
        if span is not None:
            key, held, since = span
            if held == target:
                continue
            if since >= at:
                if target is None:
                    void.append(key)
                else:
                    turning.append({"key": key, "object": target})
                continue
            closing.append(key)
        if target is not None:
            row = {"what": what, "subject_id": subject, "object_id": target, "from_at": at, "to_at": None}
            opening.append(row | {"counts_from": at})
    for part in _parts(closing):
        connection.execute(update(Binding).where(Binding.id.in_(part)).values(to_at=at))
    for part in _parts(void):
        connection.execute(delete(Binding).where(Binding.id.in_(part)))
    if turning:
        statement = update(Binding).where(Binding.id == bindparam("key")).values(object_id=bindparam("object"))
        connection.execute(statement, turning)
    if opening:
        later = set(stored)
        for part in _parts([row["subject_id"] for row in opening]):
            past = select(Binding.subject_id).where(Binding.what == what, Binding.subject_id.in_(part))
            later |= set(connection.scalars(past.distinct()))
        for row in opening:
            if row["subject_id"] not in later:
                row["counts_from"] = 0
        for row, key in zip(opening, reserve_ids(connection, "binding", len(opening)), strict=True):
            row["id"] = key
        connection.execute(insert(Binding), opening)
    return len(closing) + len(turning) + len(void) + len(opening)


def settle_vehicles(connection: Connection, rows: Mapping[int, Mapping[str, Any]], at: int | None = None) -> None:
    """``settle`` for the organisations and the area of vehicles: {id: row with those columns that are known}."""
    at = now_ms() if at is None else at
    for what, column in VEHICLE_COLUMNS.items():
        if known := {key: row[column] for key, row in rows.items() if column in row}:
            settle(connection, what, known, at)
    if areas := {key: row.get("county") or row["city"] for key, row in rows.items() if "city" in row}:
        settle(connection, AREA, areas, at)


def spans(
    connection: Connection, subject_ids: Sequence[int], what: str, from_at: int | None = None, to_at: int | None = None
) -> list[Span]:
    """Spans of the subjects that touch [from_at, to_at) (UTC ms; None: no bound), by subject and time.

    For an instrument that asks of many vehicles and a month: join its rows to these. No scope: the subjects come from
    a scoped query.
    """
    found: list[Span] = []
    columns = (Binding.subject_id, Binding.object_id, Binding.from_at, Binding.to_at, Binding.counts_from)
    for part in _parts(sorted(set(subject_ids))):
        statement = select(*columns).where(Binding.what == what, Binding.subject_id.in_(part))
        if from_at is not None:
            statement = statement.where(or_(Binding.to_at.is_(None), Binding.to_at > from_at))
        if to_at is not None:
            statement = statement.where(Binding.from_at < to_at)
        ordered = statement.order_by(Binding.subject_id, Binding.from_at)
        found += [Span(*row) for row in connection.execute(ordered)]
    return found


def changed_since(
    connection: Connection, what: str, objects: Sequence[tuple[int, int]], since: int, most: int
) -> set[int]:
    """Subjects that were released from or bound anew to one of ``objects`` (ranges of ids, both included) after
    ``since`` (UTC ms); at most ``most``. A first span counts backwards without end, so its beginning is no change."""
    statement = select(Binding.subject_id).where(
        Binding.what == what,
        among(objects),
        or_(
            and_(Binding.to_at.is_not(None), Binding.to_at > since),
            and_(Binding.counts_from > 0, Binding.counts_from > since),
        ),
    )
    return set(connection.scalars(statement.distinct().limit(most)))


def among(objects: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    """The object of a span lies in one of these ranges of ids (both included)."""
    single = [low for low, high in objects if low == high]
    ranges = [Binding.object_id.between(low, high) for low, high in objects if low != high]
    return or_(Binding.object_id.in_(single), *ranges)


def owner_at(connection: Connection, what: str, subject_id: int, at: int) -> int | None:
    """What the subject was bound to at the instant ``at`` (UTC ms); None: nothing, or nothing known."""
    statement = select(Binding.object_id).where(
        Binding.what == what,
        Binding.subject_id == subject_id,
        Binding.from_at <= at,
        or_(Binding.to_at.is_(None), Binding.to_at > at),
    )
    return connection.scalar(statement)


def subjects_of(
    connection: Connection, what: str, object_id: int, from_at: int | None = None, to_at: int | None = None
) -> list[Span]:
    """Spans in which something was bound to ``object_id``: the vehicles of an operator in March, the vehicles a
    terminal sat in."""
    columns = (Binding.subject_id, Binding.object_id, Binding.from_at, Binding.to_at, Binding.counts_from)
    statement = select(*columns).where(Binding.what == what, Binding.object_id == object_id)
    if from_at is not None:
        statement = statement.where(or_(Binding.to_at.is_(None), Binding.to_at > from_at))
    if to_at is not None:
        statement = statement.where(Binding.from_at < to_at)
    return [Span(*row) for row in connection.execute(statement.order_by(Binding.from_at, Binding.subject_id))]


def enter(connection: Connection, what: str, subject_id: int, object_id: int, from_at: int, to_at: int) -> None:
    """Enter a former span that nobody wrote down at its time. The subject's row must be locked by the caller.

    Raises RegistryError for a span without length or with an end to come, Conflict where it would overlap another
    span of the subject, or, of terminals, of the object.
    """
    if what not in SUBJECTS:
        raise RegistryError("what", f"must be one of {', '.join(SUBJECTS)}", what)
    if not 0 <= from_at < to_at:
        raise RegistryError("to_at", "must be later than from_at", to_at)
    if to_at > now_ms():
        raise RegistryError("to_at", "must not be in the future; what holds now is a field of the record", to_at)
    touching = and_(Binding.from_at < to_at, or_(Binding.to_at.is_(None), Binding.to_at > from_at))
    same = [Binding.subject_id == subject_id]
    if what == TERMINAL:
        # A terminal sits in one vehicle at a time, as a vehicle has one terminal.
        same.append(Binding.object_id == object_id)
    statement = select(Binding.from_at, Binding.to_at).where(Binding.what == what, or_(*same), touching)
    if (other := connection.execute(statement.limit(1)).first()) is not None:
        raise Conflict("from_at", f"overlaps the span from {other[0]} to {other[1] if other[1] else 'now'}", from_at)
    first = select(Binding.id).where(
        Binding.what == what, Binding.subject_id == subject_id, Binding.counts_from == 0, Binding.from_at > from_at
    )
    earlier = select(Binding.id).where(Binding.what == what, Binding.subject_id == subject_id).limit(1)
    counts_from = from_at
    if (known := connection.scalar(first)) is not None:
        connection.execute(update(Binding).where(Binding.id == known).values(counts_from=Binding.from_at))
        counts_from = 0
    elif connection.scalar(earlier) is None:
        counts_from = 0
    row = {"what": what, "subject_id": subject_id, "object_id": object_id, "from_at": from_at, "to_at": to_at}
    connection.execute(insert(Binding), row | {"counts_from": counts_from})


def _parts(keys: Sequence[int]) -> Iterable[Sequence[int]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))
