"""Channels and peripherals of a terminal, read and replaced as one whole: that is how an installer notes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from luwei.registry import audit, fields
from luwei.registry.engine import read, write
from luwei.registry.equipment import (
    CHANNEL_KINDS,
    CHANNEL_POSITIONS,
    PERIPHERAL_KINDS,
    TerminalChannel,
    TerminalPeripheral,
)
from luwei.registry.errors import NotFound, RegistryError
from luwei.registry.fields import Check, Checked
from luwei.registry.scope import Scope
from luwei.registry.terminal import Terminal

MAX_CHANNELS, MAX_PERIPHERALS = 32, 40
"""JT/T 1076 numbers at most 32 channels."""

_CHANNEL: dict[str, Check] = {
    "logical": fields.whole("logical", 1, 127),
    "physical": fields.optional(fields.whole("physical", 1, 127)),
    "kind": fields.one_of("kind", CHANNEL_KINDS),
    "position": fields.one_of("position", CHANNEL_POSITIONS),
    "ptz": fields.flag("ptz"),
}
_PERIPHERAL: dict[str, Check] = {
    "kind": fields.one_of("kind", PERIPHERAL_KINDS),
    "maker": fields.optional(fields.text("maker", 40), ""),
    "model": fields.optional(fields.text("model", 40), ""),
    "serial": fields.optional(fields.text("serial", 40), ""),
    "capacity_gb": fields.optional(fields.whole("capacity_gb", 1, 1_000_000)),
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as lists show it."""

    logical: int
    physical: int | None
    kind: str
    position: str
    ptz: bool


@dataclass(frozen=True, slots=True)
class Peripheral:
    """A peripheral as lists show it."""

    kind: str
    maker: str
    model: str
    serial: str
    capacity_gb: int | None


@dataclass(frozen=True, slots=True)
class Equipment:
    """All that hangs on one terminal, channels by number."""

    channels: list[Channel]
    peripherals: list[Peripheral]


def one(engine: Engine, key: int, scope: Scope) -> Equipment:
    """The equipment of the terminal. Raises NotFound when there is no such terminal in the scope."""
    with read(engine) as connection:
        _require_terminal(connection, key, scope)
        return _stored(connection, key)


def replace(engine: Engine, key: int, given: Mapping[str, Any], actor: audit.Actor, scope: Scope) -> None:
    """Make ``given`` ({"channels": […], "peripherals": […]}, what is left out stays) the equipment of the terminal.

    Raises NotFound outside the scope, RegistryError with a field such as ``channels.2.position``.
    """
    channels = _checked("channels", given.get("channels"), _CHANNEL, MAX_CHANNELS, {"physical": None, "ptz": False})
    empty = {"maker": "", "model": "", "serial": "", "capacity_gb": None}
    peripherals = _checked("peripherals", given.get("peripherals"), _PERIPHERAL, MAX_PERIPHERALS, empty)
    numbers = [row["logical"] for row in channels or ()]
    for place, number in enumerate(numbers):
        if number in numbers[:place]:
            raise RegistryError(f"channels.{place}.logical", "another channel has this number", number)
    with write(engine) as connection:
        _require_terminal(connection, key, scope, lock=True)
        before = _told(_stored(connection, key))
        parts: tuple[tuple[Any, list[dict[str, Any]] | None], ...] = (
            (TerminalChannel, channels), (TerminalPeripheral, peripherals),
        )  # fmt: skip
        for model, rows in parts:
            if rows is None:
                continue
            connection.execute(delete(model).where(model.terminal_id == key))
            if rows:
                connection.execute(insert(model), [row | {"terminal_id": key} for row in rows])
        if differs := audit.changes(before, _told(_stored(connection, key))):
            audit.record(connection, actor, "terminal.equip", key, differs)


def _checked(
    name: str, given: Sequence[Mapping[str, Any]] | None, checks: Mapping[str, Check], most: int, empty: dict[str, Any]
) -> list[dict[str, Any]] | None:
    if given is None:
        return None
    if len(given) > most:
        raise RegistryError(name, f"must be at most {most}", len(given))
    rows = []
    for place, row in enumerate(given):
        checked = Checked()
        checked.take(row, checks)
        checked.require(*(field for field in checks if field not in empty))
        for error in checked.errors:
            raise RegistryError(f"{name}.{place}.{error.field}", error.rule, error.value)
        rows.append(empty | checked.values)
    return rows


def _require_terminal(connection: Connection, key: int, scope: Scope, lock: bool = False) -> None:
    statement = select(Terminal.id).where(Terminal.id == key, *scope.of_terminals())
    if connection.scalar(statement.with_for_update(of=Terminal) if lock else statement) is None:
        raise NotFound("id", "there is no such terminal", key)


def _stored(connection: Connection, key: int) -> Equipment:
    channel, peripheral = TerminalChannel, TerminalPeripheral
    names = (channel.logical, channel.physical, channel.kind, channel.position, channel.ptz)
    channels = connection.execute(select(*names).where(channel.terminal_id == key).order_by(channel.logical))
    parts = (peripheral.kind, peripheral.maker, peripheral.model, peripheral.serial, peripheral.capacity_gb)
    others = connection.execute(select(*parts).where(peripheral.terminal_id == key).order_by(peripheral.id))
    return Equipment([Channel(*row) for row in channels], [Peripheral(*row) for row in others])


def _told(equipment: Equipment) -> dict[str, list[str]]:
    """The equipment in words short enough for the audit log."""
    return {
        "channels": [
            f"{each.logical}/{each.physical or '-'} {each.kind} {each.position}{' ptz' if each.ptz else ''}"
            for each in equipment.channels
        ],
        "peripherals": [
            " ".join(str(part) for part in (each.kind, each.maker, each.model, each.serial, each.capacity_gb) if part)
            for each in equipment.peripherals
        ],
    }
