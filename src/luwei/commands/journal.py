"""The commands in the registry: entered, moved from state to state, read. Every function blocks; engine and web call
them in a thread. A person's acts and their audit entries are one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, bindparam, case, func, insert, or_, select, update

from luwei.commands.parameter_form import HIDDEN, SECRET_IDS
from luwei.registry import audit
from luwei.registry.base import now_ms
from luwei.registry.command import (
    BATCH_CANCELLED,
    CANCELLED,
    EXPIRED,
    FAILED,
    PAUSED,
    QUEUED,
    RUNNING,
    SENT,
    Command,
    CommandBatch,
)
from luwei.registry.engine import read, reserve_ids, write

ROWS_AT_ONCE = 5_000
_SECRET = frozenset({"password", "platform_code"})

Within = Callable[[Connection, int, Sequence[int]], None]
"""Writes down, in the transaction that enters commands, what they are for: (connection, batch, their ids)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A terminal that a command is for."""

    vehicle_id: int
    phone: str


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch with open commands, as the engine takes it up again after a start."""

    id: int
    kind: str
    parameters: dict[str, Any]
    paused: bool
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """A command that waits to be sent, or for its answer."""

    id: int
    batch: int
    phone: str
    gateway: str
    boot: int
    due_at: int
    sent: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A gateway carries the command."""

    key: int
    sent_at: int
    due_at: int
    gateway: str
    boot: int
    edition: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word about a command."""

    key: int
    state: str
    result: str
    answer: str | None
    edition: int | None
    attempts: int
    at: int
    serial: int | None = None
    """Of the message as it went out; None where that is not known."""


def enter(
    engine: Engine,
    kind: str,
    parameters: Mapping[str, Any],
    reason: str,
    targets: Sequence[Target],
    skipped: int,
    expires_at: int,
    actor: audit.Actor,
    within: Within | None = None,
) -> tuple[OpenBatch, list[OpenCommand]]:
    """Write a new batch with its commands and the audit entry; they are queued."""
    now = now_ms()
    with write(engine) as connection:
        batch: int = connection.execute(
            insert(CommandBatch).returning(CommandBatch.id),
            {
                "kind": kind, "parameters": json.dumps(parameters, ensure_ascii=False), "reason": reason,
                "user_id": actor.user_id, "username": actor.username, "state": RUNNING, "total": len(targets),
                "skipped": skipped, "created_at": now, "expires_at": expires_at,
            },
        ).scalar_one()  # fmt: skip
        opened = _add(connection, batch, targets, now)
        if within is not None:
            within(connection, batch, [command.id for command in opened])
        detail = {"kind": kind, "reason": reason, "vehicles": len(targets), "parameters": shown(parameters)}
        if len(targets) == 1:
            detail["vehicle"] = targets[0].vehicle_id
        audit.record(connection, actor, "command.send", batch, detail)
    return OpenBatch(batch, kind, dict(parameters), False, now, expires_at), opened


def extend(
    engine: Engine, batch: int, targets: Sequence[Target], within: Within | None = None
) -> tuple[OpenBatch, list[OpenCommand]]:
    """Further commands of a batch that is not cancelled, as queued as its others; ``KeyError`` for any other batch."""
    with write(engine) as connection:
        row = connection.execute(
            _OPEN_BATCHES.where(CommandBatch.id == batch, CommandBatch.state != BATCH_CANCELLED)
        ).one_or_none()
        if row is None:
            raise KeyError(batch)
        opened = _add(connection, batch, targets, now_ms())
        connection.execute(
            update(CommandBatch).where(CommandBatch.id == batch).values(total=CommandBatch.total + len(targets))
        )
        if within is not None:
            within(connection, batch, [command.id for command in opened])
    return _open_batch(row), opened


def _add(connection: Connection, batch: int, targets: Sequence[Target], at: int) -> list[OpenCommand]:
    keys = reserve_ids(connection, "command", len(targets))
    rows = [
        {
            "id": key, "batch_id": batch, "vehicle_id": target.vehicle_id, "phone": target.phone, "state": QUEUED,
            "result": "", "attempts": 0, "gateway": "", "created_at": at,
        }
        for key, target in zip(keys, targets, strict=True)
    ]  # fmt: skip
    for start in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(insert(Command), rows[start : start + ROWS_AT_ONCE])
    return [OpenCommand(key, batch, target.phone, "", 0, 0, False) for key, target in zip(keys, targets, strict=True)]


def shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a command for people and for the audit log: without passwords."""
    hidden: dict[str, Any] = {}
    for name, value in parameters.items():
        if name in _SECRET and value:
            value = HIDDEN
        elif name == "areas":
            value = [{key: each[key] for key in ("id", "name", "kind", "version")} for each in value]
        elif name == "parameters":
            value = [{**each, "value": HIDDEN} if each["id"] in SECRET_IDS else each for each in value]
        hidden[name] = value
    return hidden


def load_open(engine: Engine) -> tuple[list[OpenBatch], list[OpenCommand]]:
    """All that is not ended, in the order of entering."""
    states = (QUEUED, SENT)
    with read(engine) as connection:
        commands = [
            OpenCommand(row.id, row.batch_id, row.phone, row.gateway, row.boot or 0, row.due_at or 0, row.state == SENT)
            for row in connection.execute(
                select(
                    Command.id, Command.batch_id, Command.phone, Command.gateway, Command.boot, Command.due_at,
                    Command.state,
                ).where(Command.state.in_(states)).order_by(Command.id)
            )
        ]  # fmt: skip
        wanted = sorted({command.batch for command in commands})
        batches = []
        for start in range(0, len(wanted), 500):
            found = connection.execute(_OPEN_BATCHES.where(CommandBatch.id.in_(wanted[start : start + 500])))
            batches += [_open_batch(row) for row in found]
    return batches, commands


_OPEN_BATCHES = select(
    CommandBatch.id, CommandBatch.kind, CommandBatch.parameters, CommandBatch.state, CommandBatch.created_at,
    CommandBatch.expires_at,
)  # fmt: skip


def _open_batch(row: Any) -> OpenBatch:
    parameters = json.loads(row.parameters)
    return OpenBatch(row.id, row.kind, parameters, row.state == PAUSED, row.created_at, row.expires_at)


_KEY = Command.__table__.c.id == bindparam("key")
# no IN: an expanding parameter cannot be executed for many rows
_OPEN = or_(Command.__table__.c.state == QUEUED, Command.__table__.c.state == SENT)


def mark_sent(engine: Engine, rows: Sequence[Sent]) -> None:
    """What gateways took; a command that was cancelled or expired meanwhile keeps its end."""
    if not rows:
        return
    table: Any = Command.__table__
    statement = (
        table.update()
        .where(_KEY, table.c.state == QUEUED)
        .values(
            state=SENT, result="", sent_at=bindparam("sent"), due_at=bindparam("due"), gateway=bindparam("by"),
            boot=bindparam("of"), edition=bindparam("as_of"),
        )
    )  # fmt: skip
    values = [
        {"key": r.key, "sent": r.sent_at, "due": r.due_at, "by": r.gateway, "of": r.boot, "as_of": r.edition}
        for r in rows
    ]
    with write(engine) as connection:
        connection.execute(statement, values)


def end(engine: Engine, ended: Sequence[Ended]) -> None:
    """Write last words; what has one already keeps it."""
    if not ended:
        return
    table: Any = Command.__table__
    at = bindparam("at", type_=BigInteger)
    statement = (
        table.update()
        .where(_KEY, _OPEN)
        .values(
            state=bindparam("became"), result=bindparam("why"), answer=bindparam("said"),
            # an answer may be here before the gateway's word that the command went out
            ended_at=case((table.c.sent_at > at, table.c.sent_at), else_=at),
            attempts=table.c.attempts + bindparam("tries"),
            edition=func.coalesce(bindparam("as_of"), table.c.edition),
            serial=func.coalesce(bindparam("number"), table.c.serial),
        )
    )  # fmt: skip
    with write(engine) as connection:
        connection.execute(
            statement,
            [
                {"key": e.key, "became": e.state, "why": e.result, "said": e.answer, "at": e.at, "tries": e.attempts,
                 "as_of": e.edition, "number": e.serial}
                for e in ended
            ],
        )  # fmt: skip


def requeue(engine: Engine, tries: Mapping[int, int]) -> None:
    """Commands that may be sent once more; ``tries`` are the sendings so far, by id."""
    if not tries:
        return
    table: Any = Command.__table__
    statement = (
        table.update()
        .where(_KEY, _OPEN)
        .values(
            state=QUEUED, result="link_lost", due_at=None, gateway="", boot=None,
            attempts=table.c.attempts + bindparam("tries"),
        )
    )  # fmt: skip
    with write(engine) as connection:
        connection.execute(statement, [{"key": key, "tries": count} for key, count in tries.items()])


def note_offline(engine: Engine, keys: Sequence[int]) -> None:
    """Queued commands whose terminal no gateway holds: shown as waiting for it."""
    table: Any = Command.__table__
    statement = table.update().where(_KEY, table.c.state == QUEUED, table.c.result == "").values(result="offline")
    if keys:
        with write(engine) as connection:
            connection.execute(statement, [{"key": key} for key in keys])


def expire(engine: Engine, batch: int, at: int, now_only: bool) -> None:
    """The time of a batch is over: what is queued ends, as ``offline`` where nobody was to wait."""
    state, result = (FAILED, "offline") if now_only else (EXPIRED, "expired")
    with write(engine) as connection:
        _end_queued(connection, batch, state, result, at)


def cancel(engine: Engine, batch: int, actor: audit.Actor) -> int:
    """End what is queued of a batch; what is on the wire cannot be called back. How many were cancelled."""
    with write(engine) as connection:
        count = _end_queued(connection, batch, CANCELLED, "cancelled", now_ms())
        connection.execute(update(CommandBatch).where(CommandBatch.id == batch).values(state=BATCH_CANCELLED))
        audit.record(connection, actor, "command.cancel", batch, {"cancelled": count})
    return count


def set_paused(engine: Engine, batch: int, paused: bool, actor: audit.Actor) -> None:
    """Pause a running batch or resume a paused one."""
    before, after = (RUNNING, PAUSED) if paused else (PAUSED, RUNNING)
    with write(engine) as connection:
        changed = connection.execute(
            update(CommandBatch).where(CommandBatch.id == batch, CommandBatch.state == before).values(state=after)
        ).rowcount
        if changed:
            audit.record(connection, actor, "command.pause" if paused else "command.resume", batch)


def _end_queued(connection: Connection, batch: int, state: str, result: str, at: int) -> int:
    return connection.execute(
        update(Command)
        .where(Command.batch_id == batch, Command.state == QUEUED)
        .values(state=state, result=result, ended_at=at)
    ).rowcount
