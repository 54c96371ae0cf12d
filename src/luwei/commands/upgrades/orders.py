"""Upgrade orders in the registry: entered, moved, ended. Every function blocks; an act and its audit entry are one
transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.orm import aliased

from luwei.commands.journal import Target, Within
from luwei.commands.upgrades import decide
from luwei.commands.upgrades.decide import ASK, CHECK, SEND, Next, Tally
from luwei.commands.upgrades.plan import Plan
from luwei.registry import audit
from luwei.registry import upgrade as u
from luwei.registry.base import now_ms
from luwei.registry.command import Command
from luwei.registry.engine import read, write
from luwei.registry.errors import Conflict, NotFound
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile
from luwei.registry.upgrade import UpgradeOrder, UpgradeStage, UpgradeVehicle

AT_ONCE = 500
BATCH = {CHECK: "check_batch", SEND: "send_batch", ASK: "ask_batch"}


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order with vehicles that are not over, and its stage under way."""

    id: int
    state: str
    way: str
    firmware: int | None
    target: dict[str, Any]
    upgrade_type: int
    model: str
    version: str
    only_parked: bool
    confirm_stages: bool
    reason: str
    stage: int
    last: int
    accept_percent: int
    wait_s: int
    stop_failures: int
    started_at: int
    batches: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A vehicle under way with the command of its step."""

    id: int
    vehicle_id: int
    phone: str
    edition: int
    step: str
    command_id: int | None
    cause: str
    progress: str
    version_before: str
    version_after: str
    proof: str
    sent_at: int | None
    ask_at: int | None
    asks: int
    state: str | None
    result: str | None
    command_at: int | None
    answer: str | None
    seen_version: str | None
    """What it told of itself last (0x0102 of 2019, 0x0107), and since when that is so."""
    seen_at: int | None


def enter(engine: Engine, wanted: Plan, chosen: Sequence[tuple[Target, int]], skipped: int, actor: audit.Actor) -> int:
    """Write an order with its stages and vehicles; its first stage has begun. Stages without vehicles are left out.

    Raises Conflict where another order took one of the vehicles since they were chosen: a terminal that gets two
    upgrades at once may never start again.
    """
    now = now_ms()
    counts = decide.sizes(len(chosen), [stage.percent for stage in wanted.stages])
    kept = [(stage, count) for stage, count in zip(wanted.stages, counts, strict=True) if count]
    with write(engine) as connection:
        _require_free(connection, [target.vehicle_id for target, _ in chosen])
        row = {
            "name": wanted.name, "way": wanted.way, "firmware_id": wanted.firmware,
            "target": json.dumps(wanted.target, ensure_ascii=False), "upgrade_type": wanted.upgrade_type,
            "model": wanted.model, "version": wanted.version, "only_parked": wanted.only_parked,
            "confirm_stages": wanted.confirm_stages, "reason": wanted.reason, "user_id": actor.user_id,
            "username": actor.username, "state": u.RUNNING, "cause": "", "stage": 1, "total": len(chosen),
            "skipped": skipped, "created_at": now,
        }  # fmt: skip
        order: int = connection.execute(insert(UpgradeOrder).returning(UpgradeOrder.id), row).scalar_one()
        connection.execute(
            insert(UpgradeStage),
            [
                {
                    "order_id": order, "number": number, "percent": stage.percent,
                    "accept_percent": stage.accept_percent, "wait_s": stage.wait_s,
                    "stop_failures": stage.stop_failures, "vehicles": count, "started_at": now if number == 1 else None,
                }
                for number, (stage, count) in enumerate(kept, 1)
            ],
        )  # fmt: skip
        # by lot, so that the first one is no single operator's or city's
        mixed = list(chosen)
        Random(f"upgrade order {order}").shuffle(mixed)
        numbers = [number for number, (_, count) in enumerate(kept, 1) for _ in range(count)]
        vehicles = [
            {
                "order_id": order, "stage": number, "vehicle_id": target.vehicle_id, "terminal_id": terminal,
                "phone": target.phone, "step": u.WAITING, "result": "", "cause": "", "progress": "",
                "version_before": "", "version_after": "", "proof": "", "asks": 0,
            }
            for number, (target, terminal) in zip(numbers, mixed, strict=True)
        ]  # fmt: skip
        for start in range(0, len(vehicles), 5_000):
            connection.execute(insert(UpgradeVehicle), vehicles[start : start + 5_000])
        detail = {
            "name": wanted.name, "way": wanted.way, "model": wanted.model, "version": wanted.version,
            "firmware": wanted.firmware, "url": wanted.target.get("url", ""), "vehicles": len(chosen),
            "stages": [stage.percent for stage, _ in kept], "reason": wanted.reason,
        }  # fmt: skip
        audit.record(connection, actor, "upgrade.begin", order, detail)
    return order


def _require_free(connection: Connection, vehicles: Sequence[int]) -> None:
    for start in range(0, len(vehicles), AT_ONCE):
        part = vehicles[start : start + AT_ONCE]
        taken = select(UpgradeVehicle.vehicle_id, UpgradeVehicle.order_id).where(
            UpgradeVehicle.vehicle_id.in_(part), UpgradeVehicle.step != u.OVER
        )
        row = connection.execute(taken.limit(1)).first()
        if row is not None:
            raise Conflict("vehicles", f"vehicle {row.vehicle_id} is in the open order {row.order_id} by now", row[0])


def open_orders(engine: Engine) -> list[OpenOrder]:
    """Orders that something is still to be done or learned for."""
    each = aliased(UpgradeStage)
    last = select(func.max(each.number)).where(each.order_id == UpgradeOrder.id).scalar_subquery()
    statement = (
        select(
            UpgradeOrder.id, UpgradeOrder.state, UpgradeOrder.way, UpgradeOrder.firmware_id, UpgradeOrder.target,
            UpgradeOrder.upgrade_type, UpgradeOrder.model, UpgradeOrder.version, UpgradeOrder.only_parked,
            UpgradeOrder.confirm_stages, UpgradeOrder.reason, UpgradeOrder.stage, last.label("last"),
            UpgradeStage.accept_percent, UpgradeStage.wait_s, UpgradeStage.stop_failures, UpgradeStage.started_at,
            UpgradeStage.check_batch, UpgradeStage.send_batch, UpgradeStage.ask_batch,
        )
        .join(
            UpgradeStage, (UpgradeStage.order_id == UpgradeOrder.id) & (UpgradeStage.number == UpgradeOrder.stage)
        )
        .where(UpgradeOrder.ended_at.is_(None))
        .order_by(UpgradeOrder.id)
    )  # fmt: skip
    with read(engine) as connection:
        return [
            OpenOrder(
                row.id, row.state, row.way, row.firmware_id, json.loads(row.target), row.upgrade_type, row.model,
                row.version, row.only_parked, row.confirm_stages, row.reason, row.stage, row.last, row.accept_percent,
                row.wait_s, row.stop_failures, row.started_at or 0,
                {CHECK: row.check_batch, SEND: row.send_batch, ASK: row.ask_batch},
            )
            for row in connection.execute(statement)
        ]  # fmt: skip


def under_way(engine: Engine, order: OpenOrder) -> list[Row]:
    """The vehicles of the stages that have begun that are not over."""
    statement = (
        select(
            UpgradeVehicle.id, UpgradeVehicle.vehicle_id, UpgradeVehicle.phone, Terminal.edition, UpgradeVehicle.step,
            UpgradeVehicle.command_id, UpgradeVehicle.cause, UpgradeVehicle.progress, UpgradeVehicle.version_before,
            UpgradeVehicle.version_after, UpgradeVehicle.proof, UpgradeVehicle.sent_at, UpgradeVehicle.ask_at,
            UpgradeVehicle.asks, Command.state, Command.result, Command.sent_at, Command.answer,
            TerminalProfile.firmware, TerminalProfile.seen_at,
        )
        .join(Terminal, Terminal.id == UpgradeVehicle.terminal_id)
        .outerjoin(TerminalProfile, TerminalProfile.terminal_id == UpgradeVehicle.terminal_id)
        .outerjoin(Command, Command.id == UpgradeVehicle.command_id)
        .where(
            UpgradeVehicle.order_id == order.id, UpgradeVehicle.stage <= order.stage, UpgradeVehicle.step != u.OVER
        )
        .order_by(UpgradeVehicle.id)
    )  # fmt: skip
    with read(engine) as connection:
        return [Row(*list(row)) for row in connection.execute(statement)]


def tally(engine: Engine, order: int, stage: int) -> Tally:
    """How the vehicles of a stage stand."""
    statement = (
        select(UpgradeVehicle.result, func.count())
        .where(UpgradeVehicle.order_id == order, UpgradeVehicle.stage == stage)
        .group_by(UpgradeVehicle.result)
    )
    with read(engine) as connection:
        counts = {result or "open": number for result, number in connection.execute(statement)}
    return Tally(**counts)


def moving(order: int, stage: int, act: str, moves: Sequence[tuple[int, Next]]) -> Within:
    """Writes that vehicles got a command, in the transaction that enters it."""

    def within(connection: Connection, batch: int, keys: Sequence[int]) -> None:
        connection.execute(
            update(UpgradeStage)
            .where(UpgradeStage.order_id == order, UpgradeStage.number == stage)
            .values({BATCH[act]: batch})
        )
        _write(connection, moves, dict(zip((key for key, _ in moves), keys, strict=True)), asks=int(act == ASK))

    return within


def move(engine: Engine, moves: Sequence[tuple[int, Next]], progress: Mapping[int, str]) -> None:
    """Write what became of vehicles that got no command, and how far the upgrade of others has come."""
    if not moves and not progress:
        return
    table: Any = UpgradeVehicle.__table__
    with write(engine) as connection:
        if moves:
            _write(connection, moves, {}, asks=0)
        if progress:
            statement = table.update().where(table.c.id == bindparam("key")).values(progress=bindparam("told"))
            connection.execute(statement, [{"key": key, "told": text} for key, text in progress.items()])


def _write(connection: Connection, moves: Sequence[tuple[int, Next]], commands: Mapping[int, int], asks: int) -> None:
    table: Any = UpgradeVehicle.__table__
    now = now_ms()
    statement = (
        table.update()
        .where(table.c.id == bindparam("key"), table.c.step != u.OVER)
        .values(
            step=bindparam("to"), result=bindparam("became"), cause=bindparam("why"), proof=bindparam("shown"),
            version_before=bindparam("first"), version_after=bindparam("then"), sent_at=bindparam("sent"),
            ask_at=bindparam("ask"), ended_at=bindparam("ended"), asks=table.c.asks + asks,
            command_id=bindparam("by") if commands else table.c.command_id,
        )
    )  # fmt: skip
    rows = [
        {
            "key": key, "to": n.step, "became": n.result, "why": n.cause[:30], "shown": n.proof,
            "first": n.version_before[:60], "then": n.version_after[:60], "sent": n.sent_at, "ask": n.ask_at,
            "ended": now if n.step == u.OVER else None,
        }
        | ({"by": commands[key]} if commands else {})
        for key, n in moves
    ]  # fmt: skip
    connection.execute(statement, rows)


def begin_next(engine: Engine, order: int, stage: int, actor: audit.Actor) -> None:
    """End a stage and begin the one after it."""
    now = now_ms()
    with write(engine) as connection:
        _end_stage(connection, order, stage, now)
        connection.execute(
            update(UpgradeOrder).where(UpgradeOrder.id == order).values(stage=stage + 1, state=u.RUNNING, cause="")
        )
        connection.execute(
            update(UpgradeStage)
            .where(UpgradeStage.order_id == order, UpgradeStage.number == stage + 1)
            .values(started_at=now)
        )
        audit.record(connection, actor, "upgrade.stage", order, {"stage": stage + 1})


def hold(engine: Engine, order: int, cause: str, actor: audit.Actor) -> bool:
    """Pause a running order; False where it is not running."""
    with write(engine) as connection:
        changed = connection.execute(
            update(UpgradeOrder)
            .where(UpgradeOrder.id == order, UpgradeOrder.state == u.RUNNING)
            .values(state=u.PAUSED, cause=cause)
        ).rowcount
        if changed:
            audit.record(connection, actor, "upgrade.pause", order, {"cause": cause})
    return bool(changed)


def resume(engine: Engine, order: int, actor: audit.Actor) -> None:
    """Go on with a paused order: its stage begins anew with those who did not get the command and are in no other open
    order by now, or, where it is done, the next one begins. Raises Conflict where it is not paused."""
    now = now_ms()
    with write(engine) as connection:
        row = connection.execute(
            select(UpgradeOrder.state, UpgradeOrder.cause, UpgradeOrder.stage).where(UpgradeOrder.id == order)
        ).one_or_none()
        if row is None or row.state != u.PAUSED:
            raise Conflict("state", "the order is not paused", order)
        if row.cause != "stage_done":
            again = {"check_batch": None, "send_batch": None, "ask_batch": None, "started_at": now, "ended_at": None}
            of_stage = (UpgradeStage.order_id == order, UpgradeStage.number == row.stage)
            connection.execute(update(UpgradeStage).where(*of_stage).values(again))
            other = aliased(UpgradeVehicle)
            elsewhere = select(other.id).where(
                other.vehicle_id == UpgradeVehicle.vehicle_id, other.order_id != order, other.step != u.OVER
            )
            connection.execute(
                update(UpgradeVehicle)
                .where(
                    UpgradeVehicle.order_id == order,
                    UpgradeVehicle.stage == row.stage,
                    UpgradeVehicle.result == u.UNREACHED,
                    ~elsewhere.exists(),
                )
                .values(step=u.WAITING, result="", cause="", command_id=None, ended_at=None)
            )
            connection.execute(update(UpgradeOrder).where(UpgradeOrder.id == order).values(state=u.RUNNING, cause=""))
        audit.record(connection, actor, "upgrade.resume", order, {"stage": row.stage})
    if row.cause == "stage_done":
        begin_next(engine, order, row.stage, actor)


def stop(engine: Engine, order: int, cause: str, actor: audit.Actor) -> bool:
    """End an order: nobody gets the command any more. What was sent is still watched. False where it is ended."""
    with write(engine) as connection:
        changed = connection.execute(
            update(UpgradeOrder)
            .where(UpgradeOrder.id == order, UpgradeOrder.state.in_((u.RUNNING, u.PAUSED)))
            .values(state=u.STOPPED, cause=cause)
        ).rowcount
        if changed:
            connection.execute(
                update(UpgradeVehicle)
                .where(UpgradeVehicle.order_id == order, UpgradeVehicle.step.in_((u.WAITING, u.READY)))
                .values(step=u.OVER, result=u.WITHDRAWN, ended_at=now_ms())
            )
            audit.record(connection, actor, "upgrade.stop", order, {"cause": cause})
    return bool(changed)


def finish(engine: Engine, order: OpenOrder, state: str, cause: str, actor: audit.Actor) -> None:
    """Nothing of an order is open any more."""
    now = now_ms()
    with write(engine) as connection:
        _end_stage(connection, order.id, order.stage, now)
        connection.execute(
            update(UpgradeOrder).where(UpgradeOrder.id == order.id).values(state=state, cause=cause, ended_at=now)
        )
        audit.record(connection, actor, "upgrade.end", order.id, {"state": state, "cause": cause})


def _end_stage(connection: Connection, order: int, stage: int, now: int) -> None:
    connection.execute(
        update(UpgradeStage)
        .where(UpgradeStage.order_id == order, UpgradeStage.number == stage, UpgradeStage.ended_at.is_(None))
        .values(ended_at=now)
    )


def batches_of(engine: Engine, order: int) -> list[int]:
    """Batches of the checks and of the upgrade commands of the stage under way."""
    with read(engine) as connection:
        row = connection.execute(
            select(UpgradeStage.check_batch, UpgradeStage.send_batch)
            .join(UpgradeOrder, UpgradeOrder.id == UpgradeStage.order_id)
            .where(UpgradeOrder.id == order, UpgradeStage.number == UpgradeOrder.stage)
        ).one_or_none()
    if row is None:
        raise NotFound("order", "there is no such order", order)
    return [batch for batch in row if batch is not None]


def cause_of(engine: Engine, order: int) -> str:
    """Why an order is paused or stopped."""
    with read(engine) as connection:
        return str(connection.scalar(select(UpgradeOrder.cause).where(UpgradeOrder.id == order)) or "")
