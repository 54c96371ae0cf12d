"""What people read of the commands: batches with their progress, commands with their answers, and the export."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select

from luwei.commands.journal import shown
from luwei.commands.tables import shortened
from luwei.registry.command import (
    ANSWERED,
    BATCH_CANCELLED,
    FAILED,
    PAUSED,
    QUEUED,
    RUNNING,
    SENT,
    STATES,
    Command,
    CommandBatch,
)
from luwei.registry.engine import read
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.ownership import held
from luwei.registry.page import Page, check_page
from luwei.registry.scope import Scope
from luwei.registry.vehicle import Vehicle

EXPORT_AT_ONCE = 2_000
HABIT = 20
"""Commands of a truck that its habit is read from."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch; ``state`` is running, paused, cancelled or done; ``counts`` by state of its commands."""

    id: int
    kind: str
    parameters: dict[str, Any]
    reason: str
    username: str
    state: str
    total: int
    skipped: int
    created_at: int
    expires_at: int
    ended_at: int | None
    counts: dict[str, int]
    failures: dict[str, int]
    """Results of those that failed, with their number."""


@dataclass(frozen=True, slots=True)
class CommandView:
    """One command. ``answer``: message_id, zh, en, rows, and parameters or location where it has them."""

    id: int
    batch: int
    kind: str
    vehicle_id: int
    plate: str
    plate_color: int
    phone: str
    state: str
    result: str
    answer: dict[str, Any] | None
    edition: int | None
    attempts: int
    gateway: str
    username: str
    reason: str
    created_at: int
    sent_at: int | None
    ended_at: int | None


def batches(engine: Engine, scope: Scope, user_id: int, number: int, size: int) -> Page[BatchView]:
    """One page of the batches, newest first: all for who sees the whole province, else one's own."""
    offset, limit = check_page(number, size)
    own = _visible(scope, user_id)
    with read(engine) as connection:
        total = connection.execute(select(func.count()).select_from(CommandBatch).where(*own)).scalar_one()
        keys = list(
            connection.scalars(
                select(CommandBatch.id).where(*own).order_by(CommandBatch.id.desc()).offset(offset).limit(limit)
            )
        )
    return Page(total, _views(engine, keys))


def batch(engine: Engine, scope: Scope, user_id: int, key: int) -> BatchView:
    """One batch. Raises NotFound where there is none that this person may see."""
    with read(engine) as connection:
        found = connection.scalar(select(CommandBatch.id).where(CommandBatch.id == key, *_visible(scope, user_id)))
    if found is None:
        raise NotFound("batch", "there is no such batch", key)
    return _views(engine, [found])[0]


def commands(
    engine: Engine,
    scope: Scope,
    *,
    batch_id: int | None = None,
    vehicle_id: int | None = None,
    state: str | None = None,
    number: int = 1,
    size: int = 50,
) -> Page[CommandView]:
    """One page of commands to vehicles of the scope, newest first. Raises RegistryError for an unknown state."""
    offset, limit = check_page(number, size)
    conditions = _conditions(scope, batch_id, vehicle_id, state)
    with read(engine) as connection:
        count = select(func.count()).select_from(Command).join(Vehicle, Vehicle.id == Command.vehicle_id)
        total = connection.execute(count.where(*conditions)).scalar_one()
        order = Command.id.desc() if batch_id is None else Command.id
        rows = connection.execute(_COMMANDS.where(*conditions).order_by(order).offset(offset).limit(limit)).all()
    return Page(total, [_view(row) for row in rows])


def one(engine: Engine, scope: Scope, key: int) -> CommandView:
    """One command with its whole answer. Raises NotFound."""
    with read(engine) as connection:
        row = connection.execute(_COMMANDS.where(Command.id == key, *_within(scope))).one_or_none()
    if row is None:
        raise NotFound("id", "there is no such command", key)
    return _view(row, whole=True)


def never_answers(engine: Engine, vehicle_id: int) -> bool:
    """Whether the terminal left all its last commands unanswered: it may have this platform as slave server
    (从服务器), from which it takes no commands (2019 §3.1.10)."""
    ended = (
        select(Command.state, Command.result)
        .where(Command.vehicle_id == vehicle_id, Command.state.in_((ANSWERED, FAILED)), Command.sent_at.is_not(None))
        .order_by(Command.id.desc())
        .limit(HABIT)
    )
    with read(engine) as connection:
        rows = connection.execute(ended).all()
    return len(rows) >= 3 and all(row.result == "no_answer" for row in rows)


def exported(engine: Engine, scope: Scope, batch_id: int) -> Iterator[CommandView]:
    """Every command of a batch, in the order of entering."""
    last = 0
    while True:
        with read(engine) as connection:
            rows = connection.execute(
                _COMMANDS.where(Command.id > last, *_conditions(scope, batch_id, None, None))
                .order_by(Command.id)
                .limit(EXPORT_AT_ONCE)
            ).all()
        if not rows:
            return
        for row in rows:
            yield _view(row)
        last = rows[-1].id


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    """A command is for whoever had the truck when it was given."""
    return held(scope, Command.vehicle_id, Command.created_at)


def _visible(scope: Scope, user_id: int) -> list[ColumnElement[bool]]:
    return [] if scope.whole else [CommandBatch.user_id == user_id]


def _conditions(
    scope: Scope, batch_id: int | None, vehicle_id: int | None, state: str | None
) -> list[ColumnElement[bool]]:
    if state is not None and state not in STATES:
        raise RegistryError("state", f"must be one of {', '.join(STATES)}", state)
    limits = ((Command.batch_id, batch_id), (Command.vehicle_id, vehicle_id), (Command.state, state))
    return [column == value for column, value in limits if value is not None] + _within(scope)


def _views(engine: Engine, keys: Sequence[int]) -> list[BatchView]:
    tally = (
        select(Command.batch_id, Command.state, Command.result, func.count(), func.max(Command.ended_at))
        .where(Command.batch_id.in_(keys))
        .group_by(Command.batch_id, Command.state, Command.result)
    )
    counts: dict[int, dict[str, int]] = {key: dict.fromkeys(STATES, 0) for key in keys}
    failures: dict[int, dict[str, int]] = {key: {} for key in keys}
    ended: dict[int, int] = dict.fromkeys(keys, 0)
    with read(engine) as connection:
        for key, state, result, number, last in connection.execute(tally):
            counts[key][state] += number
            if state == FAILED:
                failures[key][result] = number
            ended[key] = max(ended[key], last or 0)
        rows = {row.id: row for row in connection.execute(_BATCHES.where(CommandBatch.id.in_(keys)))}
    views = []
    for key in keys:
        row, count = rows[key], counts[key]
        is_open = count[QUEUED] + count[SENT] > 0
        state = row.state if row.state == BATCH_CANCELLED or (is_open and row.state in (RUNNING, PAUSED)) else "done"
        views.append(
            BatchView(
                row.id, row.kind, shown(json.loads(row.parameters)), row.reason, row.username, state, row.total,
                row.skipped, row.created_at, row.expires_at, None if is_open else ended[key] or None, count,
                failures[key],
            )
        )  # fmt: skip
    return views


def _view(row: Any, whole: bool = False) -> CommandView:
    answer = None if row.answer is None else json.loads(row.answer)
    if answer is not None and not whole:
        answer = shortened(answer)
    return CommandView(
        row.id, row.batch_id, row.kind, row.vehicle_id, row.plate, row.plate_color, row.phone, row.state, row.result,
        answer, row.edition, row.attempts, row.gateway, row.username, row.reason, row.created_at, row.sent_at,
        row.ended_at,
    )  # fmt: skip


_BATCHES = select(
    CommandBatch.id, CommandBatch.kind, CommandBatch.parameters, CommandBatch.reason, CommandBatch.username,
    CommandBatch.state, CommandBatch.total, CommandBatch.skipped, CommandBatch.created_at, CommandBatch.expires_at,
)  # fmt: skip
_COMMANDS = (
    select(
        Command.id, Command.batch_id, CommandBatch.kind, Command.vehicle_id, Vehicle.plate, Vehicle.plate_color,
        Command.phone, Command.state, Command.result, Command.answer, Command.edition, Command.attempts,
        Command.gateway, CommandBatch.username, CommandBatch.reason, Command.created_at, Command.sent_at,
        Command.ended_at,
    )
    .join(CommandBatch, CommandBatch.id == Command.batch_id)
    .join(Vehicle, Vehicle.id == Command.vehicle_id)
)  # fmt: skip
