"""Asking trucks what they have recorded (0x9205), and what they said (0x1205): the journal of commands keeps it, so a
list outlives the core and is read from any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, select

from luwei.commands.answers import UNREADABLE
from luwei.commands.recordings import Recording, unpack
from luwei.registry.audit import Actor
from luwei.registry.base import now_ms
from luwei.registry.command import ANSWERED, QUEUED, SENT, Command, CommandBatch
from luwei.registry.engine import read
from luwei.video.asking import CHANNEL_LIST
from luwei.video.commanding import Commanding, Sending
from luwei.video.letters import LIST, LIST_S

OPEN_MAX = 4
"""Lists under way of one truck: long lists stall old devices (reference §6.5)."""
OPEN_MS = (LIST_S + 30) * 1000
PARAMETERS_S = 8.0
"""For the answer to 0x8106 of a terminal that lists nothing before; then it is asked for the list all the same."""

ASKED, DONE, FAILED = "asked", "answered", "failed"


class TooMany(RuntimeError):
    """A truck is asked for OPEN_MAX lists already."""


class Asked(NamedTuple):
    """A list as it stands. ``reason`` of a failed one: ``offline``, ``no_answer``, ``unsupported``, ``refused``,
    ``unreadable``."""

    id: int
    vehicle_id: int
    state: str
    reason: str
    asked_at: int
    ended_at: int | None
    values: dict[str, Any]
    items: list[Recording]


_REASONS = {
    "offline": "offline", "expired": "offline", "unsupported": "unsupported", "edition": "unsupported",
    "failure": "refused", "message_error": "refused", "busy": "refused", UNREADABLE: "unreadable",
}  # fmt: skip


async def ask(
    commanding: Commanding,
    values: Mapping[str, Any],
    vehicle_id: int,
    phone: str,
    actor: Actor,
    purpose: str,
    after_parameters: bool = False,
) -> Sending:
    """Have a truck say what it has. ``after_parameters``: its terminal wants to be asked for parameters before
    (``MediaHabits.list_after_parameters``). Raises ProtocolError and what the registry raises."""
    if after_parameters:
        before = await commanding.send("read_parameters", {"ids": [CHANNEL_LIST]}, vehicle_id, phone, actor, purpose)
        try:
            await commanding.ended(before, PARAMETERS_S)
        finally:
            commanding.forget(before)
    return await commanding.send(LIST, values, vehicle_id, phone, actor, purpose)


def require_room(engine: Engine, vehicle_id: int) -> None:
    """Raises TooMany. Blocks."""
    with read(engine) as connection:
        under_way = connection.scalar(
            select(func.count())
            .select_from(Command)
            .join(CommandBatch, CommandBatch.id == Command.batch_id)
            .where(
                Command.vehicle_id == vehicle_id, Command.state.in_((QUEUED, SENT)), CommandBatch.kind == LIST,
                Command.created_at > now_ms() - OPEN_MS,
            )
        )  # fmt: skip
    if (under_way or 0) >= OPEN_MAX:
        raise TooMany(str(OPEN_MAX))


def asked(engine: Engine, vehicle_id: int, key: int = 0) -> Asked | None:
    """One list of a truck, or with ``key`` 0 the newest; None where there is none. Blocks."""
    statement = (
        select(
            Command.batch_id, Command.state, Command.result, Command.answer, Command.created_at, Command.ended_at,
            CommandBatch.parameters,
        )
        .join(CommandBatch, CommandBatch.id == Command.batch_id)
        .where(Command.vehicle_id == vehicle_id, CommandBatch.kind == LIST)
        .order_by(Command.id.desc())
        .limit(1)
    )  # fmt: skip
    with read(engine) as connection:
        row = connection.execute(statement.where(Command.batch_id == key) if key else statement).first()
    if row is None:
        return None
    state, reason, items = ASKED, "", list[Recording]()
    if row.state == ANSWERED and row.result != UNREADABLE:
        found = unpack(json.loads(row.answer)) if row.answer else None
        # 0x0001 alone says nothing of what there is
        state, reason, items = (DONE, "", found) if found is not None else (FAILED, "no_answer", [])
    elif row.state not in (QUEUED, SENT):
        state, reason = FAILED, _REASONS.get(row.result, "no_answer")
    values = json.loads(row.parameters)
    return Asked(row.batch_id, vehicle_id, state, reason, row.created_at, row.ended_at, values, items)
