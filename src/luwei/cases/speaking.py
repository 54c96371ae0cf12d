"""Orders of a person straight from a case: spoken text, call back, stop. They go the way of every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from luwei.cases import reminders
from luwei.cases.holding import Held, hold
from luwei.cases.reminders import CALL, REMINDER_TEXT, STOP, STOP_TEXT, TTS, Sender
from luwei.commands.journal import Target
from luwei.commands.kinds import KINDS
from luwei.registry.audit import Actor
from luwei.registry.case import APPEALED, CLAIMED, CLOSED
from luwei.registry.engine import read
from luwei.registry.errors import Conflict, RegistryError
from luwei.registry.scope import Scope

PURPOSES = (TTS, CALL, STOP)
EXPIRES_S = {TTS: 60, CALL: 60, STOP: 300}
TEXT_MOST = 200


@dataclass(frozen=True, slots=True)
class Order:
    """A checked order to one terminal."""

    case_id: int
    version: int
    purpose: str
    kind: str
    values: dict[str, Any]
    text: str
    reason: str
    target: Target
    checks_s: tuple[int, ...]


def prepare(
    engine: Engine, scope: Scope, case_id: int, version: int, purpose: str, text: str, phone: str, actor: Actor
) -> Order:
    """Check an order. Raises NotFound, Conflict, RegistryError, and ProtocolError for a text no terminal can take."""
    with read(engine) as connection:
        held = hold(connection, scope, case_id, version, actor)
        _open(held)
    row, policy = held.row, held.policy
    if not row["phone"]:
        raise RegistryError("phone", "the truck has no terminal")
    rule = policy.type_rule(row["type"], row["dialect"])
    said = text.strip() or {TTS: rule.tts or REMINDER_TEXT, STOP: STOP_TEXT}.get(purpose, "")
    if purpose == CALL:
        if not phone.strip():
            raise RegistryError("phone", "must be the number that the terminal calls")
        kind, said = "call_back", phone.strip()
        values: dict[str, Any] = {"phone": said}
    else:
        if not 1 <= len(said) <= TEXT_MOST or not said.isprintable():
            raise RegistryError("text", f"must have 1 to {TEXT_MOST} characters", text)
        urgent = int(purpose == STOP or row["grade"] == 3)
        kind = "text"
        values = {"text": said, "urgency": urgent, "display": True, "read_aloud": True, "text_type": 1}
    try:
        checked = KINDS[kind].check(values)
    except RegistryError as error:
        raise RegistryError(error.field.removeprefix("parameters."), error.rule, error.value) from None
    checks = policy.grades[row["grade"]].checks_s if rule.check != "none" and purpose != CALL else ()
    target = Target(row["vehicle_id"], row["phone"])
    return Order(case_id, version, purpose, kind, checked, said, f"处置单 {row['number']}", target, checks)


def _open(held: Held) -> None:
    if held.row["state"] in (CLOSED, APPEALED):
        raise Conflict("state", f"a case that is {held.row['state']} gives no orders", held.row["state"])
    if held.row["state"] == CLAIMED:
        held.mine()


async def give(commands: Sender, order: Order, scope: Scope, actor: Actor) -> int:
    """Send it; the number of the command. Raises Conflict where the case changed meanwhile; then nothing is sent."""
    keys: list[int] = []
    within = partial(_given, order=order, scope=scope, actor=actor, keys=keys)
    await commands.submit(
        order.kind, order.values, order.reason, [order.target], 0, EXPIRES_S[order.purpose], actor, within
    )
    return keys[0]


def _given(
    connection: Connection, batch: int, commands: Sequence[int], *, order: Order, scope: Scope, actor: Actor,
    keys: list[int],
) -> None:  # fmt: skip
    """In the transaction that enters the command."""
    held = hold(connection, scope, order.case_id, order.version, actor)
    _open(held)
    held.acted()
    shown = "" if order.purpose == CALL else order.text
    vehicle = order.target.vehicle_id
    reminders.enter(
        connection, order.case_id, commands[0], vehicle, order.purpose, shown, held.user_id, held.now
    )  # fmt: skip
    if order.checks_s:
        reminders.set_checks(connection, order.case_id, order.checks_s, held.now)
    if order.purpose == TTS:
        held.values["reminder"] = "sent"
    held.keep("command", {"purpose": order.purpose, "command": commands[0], "text": shown})
    keys.append(commands[0])
