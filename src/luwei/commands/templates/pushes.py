"""Pushes of a template in the registry: entered, moved from step to step, ended. Every function blocks.

A vehicle's step names the command that it waits for; what comes next is read from that command alone, so a core that
starts again goes on where the other one stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, exists, func, insert, or_, select, update

from luwei.commands.journal import Target, Within
from luwei.commands.templates.catalogue import Version
from luwei.commands.templates.compare import Difference
from luwei.registry import audit
from luwei.registry import template as t
from luwei.registry.base import now_ms
from luwei.registry.command import ANSWERED, QUEUED, SENT, Command
from luwei.registry.engine import read, write
from luwei.registry.template import ParameterTemplate, TemplatePush, TemplateResult, TerminalTemplate
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile
from luwei.registry.vehicle import Vehicle

AT_ONCE = 500
TRIES_MAX = 5
"""Attempts at first connections before a person must look."""
AGAIN_MS = 600_000

_REFUSALS = frozenset({"failure", "message_error", "unsupported", "edition", "busy"})
_UNREACHED = frozenset({"offline", "expired"})


@dataclass(frozen=True, slots=True)
class Due:
    """A vehicle whose command has ended."""

    id: int
    push: int
    push_state: str
    version: int
    vehicle_id: int
    terminal_id: int
    phone: str
    step: str
    state: str
    result: str
    answer: dict[str, Any] | None
    edition: int | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A vehicle that is over."""

    due: Due
    result: str
    cause: str
    differences: list[Difference]


def verdict(due: Due) -> tuple[str, str, str]:
    """What follows from the end of a command: (next step, result, cause). READ_ALL or READ: go on; ENDED with a result;
    ENDED without one: its answer is to be compared."""
    if due.state == ANSWERED and due.step != t.SET:
        return (t.ENDED, "", "") if due.result == "success" else (t.ENDED, t.NO_ANSWER, due.result)
    if due.state == ANSWERED:
        if due.push_state == t.CANCELLED:
            return t.ENDED, t.WITHDRAWN, "set_not_read"
        return (t.READ_ALL if due.edition == 2011 else t.READ), "", ""
    if due.step == t.READ and due.result in ("unsupported", "edition", "message_error"):
        return t.READ_ALL, "", ""
    if due.result == "cancelled":
        return t.ENDED, t.WITHDRAWN, "" if due.step == t.SET else "set_not_read"
    if due.result in _UNREACHED:
        return t.ENDED, t.OFFLINE, due.result
    return t.ENDED, t.REFUSED if due.result in _REFUSALS else t.NO_ANSWER, due.result


def fitting(
    engine: Engine, version: Version, targets: Sequence[Target]
) -> tuple[dict[int, list[tuple[Target, int]]], int]:
    """The targets that the template is for, with the id of their terminal, by their edition; and how many it is not
    for."""
    chosen: dict[int, list[tuple[Target, int]]] = {}
    fit = 0
    with read(engine) as connection:
        for start in range(0, len(targets), AT_ONCE):
            part = {target.vehicle_id: target for target in targets[start : start + AT_ONCE]}
            rows = connection.execute(
                select(Terminal.id, Terminal.vehicle_id, Terminal.edition)
                .join(Vehicle, Vehicle.id == Terminal.vehicle_id)
                .outerjoin(TerminalProfile, TerminalProfile.terminal_id == Terminal.id)
                .where(Terminal.vehicle_id.in_(part), *_meant(version))
                .order_by(Terminal.vehicle_id)
            )
            for row in rows:
                fit += 1
                chosen.setdefault(row.edition, []).append((part[row.vehicle_id], row.id))
    return chosen, len(targets) - fit


def entering(
    version: Version,
    act: str,
    origin: str,
    step: str,
    reason: str,
    chosen: Sequence[tuple[Target, int]],
    skipped: int,
    expires_at: int,
    actor: audit.Actor,
    made: list[int],
) -> Within:
    """Writes a push with its vehicles into the transaction of their first commands; its id comes into ``made``."""
    column = {t.SET: "set_batch", t.READ: "read_batch", t.READ_ALL: "read_all_batch"}[step]

    def within(connection: Connection, batch: int, keys: Sequence[int]) -> None:
        row = {
            "version_id": version.view.id, "act": act, "origin": origin, "reason": reason, "user_id": actor.user_id,
            "username": actor.username, "state": t.RUNNING, "total": len(chosen), "skipped": skipped,
            "created_at": now_ms(), "expires_at": expires_at, column: batch,
        }  # fmt: skip
        push: int = connection.execute(insert(TemplatePush).returning(TemplatePush.id), row).scalar_one()
        made.append(push)
        _add_results(connection, push, step, chosen, keys)
        detail = {
            "template": version.name, "version": version.view.number, "act": act, "origin": origin, "reason": reason,
            "vehicles": len(chosen), "batch": batch,
        }  # fmt: skip
        audit.record(connection, actor, "template_push.begin", push, detail)

    return within


def joining(push: int, step: str, chosen: Sequence[tuple[Target, int]]) -> Within:
    """Writes further vehicles of a push, which begin with another command than the first ones did."""
    column = {t.READ: "read_batch", t.READ_ALL: "read_all_batch"}[step]

    def within(connection: Connection, batch: int, keys: Sequence[int]) -> None:
        connection.execute(
            update(TemplatePush)
            .where(TemplatePush.id == push)
            .values(total=TemplatePush.total + len(chosen), **{column: batch})
        )
        _add_results(connection, push, step, chosen, keys)

    return within


def moving(push: int, step: str, rows: Sequence[int]) -> Within:
    """Writes that vehicles of a push wait for their next command, which belongs to ``step``."""
    column = {t.READ: "read_batch", t.READ_ALL: "read_all_batch"}[step]

    def within(connection: Connection, batch: int, keys: Sequence[int]) -> None:
        connection.execute(update(TemplatePush).where(TemplatePush.id == push).values({column: batch}))
        table: Any = TemplateResult.__table__
        statement = table.update().where(table.c.id == bindparam("key")).values(step=step, command_id=bindparam("next"))
        connection.execute(statement, [{"key": row, "next": key} for row, key in zip(rows, keys, strict=True)])

    return within


def due(engine: Engine) -> list[Due]:
    """Vehicles whose command has ended, at most AT_ONCE."""
    statement = (
        select(
            TemplateResult.id, TemplateResult.push_id, TemplatePush.state.label("push_state"), TemplatePush.version_id,
            TemplateResult.vehicle_id, TemplateResult.terminal_id, TemplateResult.phone, TemplateResult.step,
            Command.state, Command.result, Command.answer, Command.edition,
        )
        .join(TemplatePush, TemplatePush.id == TemplateResult.push_id)
        .join(Command, Command.id == TemplateResult.command_id)
        .where(TemplateResult.step.in_((t.SET, t.READ, t.READ_ALL)), Command.state.not_in((QUEUED, SENT)))
        .order_by(TemplateResult.id)
        .limit(AT_ONCE)
    )  # fmt: skip
    with read(engine) as connection:
        return [
            Due(*row[:10], None if row.answer is None else json.loads(row.answer), row.edition)
            for row in connection.execute(statement)
        ]


def anything_open(engine: Engine) -> bool:
    """Whether a vehicle of any push waits for a command."""
    with read(engine) as connection:
        return (
            connection.scalar(
                select(TemplateResult.id).where(TemplateResult.step.in_((t.SET, t.READ, t.READ_ALL))).limit(1)
            )
            is not None
        )


def settle(engine: Engine, settled: Sequence[Settled]) -> None:
    """Write results, and what each terminal has now."""
    if not settled:
        return
    now = now_ms()
    table: Any = TemplateResult.__table__
    statement = (
        table.update()
        .where(table.c.id == bindparam("key"), table.c.step != t.ENDED)
        .values(
            step=t.ENDED,
            result=bindparam("became"),
            cause=bindparam("why"),
            differences=bindparam("said"),
            ended_at=now,
        )
    )
    rows = [
        {
            "key": s.due.id, "became": s.result, "why": s.cause[:20],
            "said": json.dumps([asdict(d) for d in s.differences], ensure_ascii=False) if s.differences else None,
        }
        for s in settled
    ]  # fmt: skip
    with write(engine) as connection:
        connection.execute(statement, rows)
        _remember(connection, [s for s in settled if s.result != t.WITHDRAWN], now)


def finish(engine: Engine) -> list[int]:
    """End the pushes that nothing is open of; their ids."""
    open_row = exists().where(TemplateResult.push_id == TemplatePush.id, TemplateResult.step != t.ENDED)
    running = TemplatePush.state.in_((t.RUNNING, t.PAUSED))
    with read(engine) as connection:
        over = list(connection.scalars(select(TemplatePush.id).where(running, ~open_row)))
    if over:
        with write(engine) as connection:
            connection.execute(
                update(TemplatePush).where(TemplatePush.id.in_(over), running).values(state=t.DONE, ended_at=now_ms())
            )
    return over


def set_state(engine: Engine, push: int, state: str, actor: audit.Actor) -> list[int]:
    """Pause, resume or cancel a push that is open; the batches of its commands. Empty where nothing changed."""
    before = {t.PAUSED: (t.RUNNING,), t.RUNNING: (t.PAUSED,), t.CANCELLED: (t.RUNNING, t.PAUSED)}[state]
    act = {t.PAUSED: "pause", t.RUNNING: "resume", t.CANCELLED: "cancel"}[state]
    with write(engine) as connection:
        changed = connection.execute(
            update(TemplatePush)
            .where(TemplatePush.id == push, TemplatePush.state.in_(before))
            .values(state=state, ended_at=now_ms() if state == t.CANCELLED else None)
        ).rowcount
        if not changed:
            return []
        audit.record(connection, actor, f"template_push.{act}", push)
        row = connection.execute(_BATCHES.where(TemplatePush.id == push)).one()
    return [batch for batch in row[:3] if batch is not None]


def batches(engine: Engine, push: int) -> dict[str, int | None]:
    """Batch of each step of a push, and its ``state``, ``expires_at``."""
    with read(engine) as connection:
        row = connection.execute(_BATCHES.where(TemplatePush.id == push)).one()
    return {t.SET: row[0], t.READ: row[1], t.READ_ALL: row[2], "expires_at": row[3], "paused": int(row[4] == t.PAUSED)}


def newcomers(engine: Engine, version: Version, since: int, phones: Sequence[str] | None) -> list[tuple[Target, int]]:
    """Terminals that connected for the first time since then and never got an answer through about the template: of
    these ``phones``, or (None) all; at most AT_ONCE."""
    now = now_ms()
    waiting = exists().where(TemplateResult.terminal_id == Terminal.id, TemplateResult.step != t.ENDED)
    retry = (
        TerminalTemplate.result.in_((t.NO_ANSWER, t.OFFLINE))
        & (TerminalTemplate.tries < TRIES_MAX)
        & (TerminalTemplate.checked_at < now - AGAIN_MS)
    )
    statement = (
        select(Vehicle.id, Terminal.phone, Terminal.id)
        .join(Vehicle, Vehicle.id == Terminal.vehicle_id)
        .outerjoin(TerminalTemplate, TerminalTemplate.terminal_id == Terminal.id)
        .outerjoin(TerminalProfile, TerminalProfile.terminal_id == Terminal.id)
        .where(
            Terminal.registered_at >= since,
            or_(TerminalTemplate.terminal_id.is_(None), retry),
            ~waiting,
            *_meant(version),
        )
        .order_by(Terminal.id)
        .limit(AT_ONCE)
    )
    if phones is not None:
        statement = statement.where(Terminal.phone.in_(phones))
    with read(engine) as connection:
        return [(Target(vehicle, phone), terminal) for vehicle, phone, terminal in connection.execute(statement)]


def on_connect_since(engine: Engine) -> Mapping[int, int]:
    """Templates that first connections get by themselves, with since when."""
    with read(engine) as connection:
        rows = connection.execute(
            select(ParameterTemplate.id, ParameterTemplate.on_connect_at).where(
                ParameterTemplate.on_connect_at.is_not(None), ParameterTemplate.retired_at.is_(None)
            )
        )
        return {row.id: int(row.on_connect_at or 0) for row in rows}


_BATCHES = select(
    TemplatePush.set_batch, TemplatePush.read_batch, TemplatePush.read_all_batch, TemplatePush.expires_at,
    TemplatePush.state,
)  # fmt: skip


def _meant(version: Version) -> list[Any]:
    """Conditions on vehicle, terminal and profile: who showed another dialect than the template's is left out."""
    conditions: list[Any] = [Vehicle.vehicle_class == version.vehicle_class]
    if version.model:
        conditions.append(Terminal.model == version.model)
    if version.edition is not None:
        conditions.append(Terminal.edition == version.edition)
    if version.dialect:
        shown = func.coalesce(TerminalProfile.dialect, "")
        conditions.append(shown.in_(("", version.dialect)))
    return conditions


def _add_results(
    connection: Connection, push: int, step: str, chosen: Sequence[tuple[Target, int]], keys: Sequence[int]
) -> None:
    connection.execute(
        insert(TemplateResult),
        [
            {
                "push_id": push, "vehicle_id": target.vehicle_id, "terminal_id": terminal, "phone": target.phone,
                "step": step, "command_id": key, "result": "", "cause": "",
            }
            for (target, terminal), key in zip(chosen, keys, strict=True)
        ],
    )  # fmt: skip


def _remember(connection: Connection, settled: Sequence[Settled], now: int) -> None:
    """What each terminal has: the last attempt, and the last version that it was seen to hold."""
    newest = {s.due.terminal_id: s for s in settled}
    if not newest:
        return
    known = {
        row.terminal_id: row
        for row in connection.execute(
            select(TerminalTemplate.terminal_id, TerminalTemplate.version_id, TerminalTemplate.tries).where(
                TerminalTemplate.terminal_id.in_(newest)
            )
        )
    }
    for terminal, each in newest.items():
        before = known.get(terminal)
        same = before is not None and before.version_id == each.due.version
        values: dict[str, Any] = {
            "version_id": each.due.version, "push_id": each.due.push, "result": each.result,
            "differences": len(each.differences), "checked_at": now,
            "tries": before.tries + 1 if before is not None and same else 1,
        }  # fmt: skip
        if each.result == t.EQUAL:
            values |= {"verified_version_id": each.due.version, "verified_at": now}
        if before is None:
            connection.execute(insert(TerminalTemplate), values | {"terminal_id": terminal})
        else:
            connection.execute(update(TerminalTemplate).where(TerminalTemplate.terminal_id == terminal).values(values))
